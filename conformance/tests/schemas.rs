//! Events and replies of 2.15.1 against the public schemas, where there is one.

use jsonschema::Validator;
use nats_mock_conformance::suite::Fixtures;
use nats_mock_conformance::version::RELEASE_LINES;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What the real server writes although the schema does not allow it: schema, object, member. The schemas are older
/// than these members and allow no others.
const NEWER_THAN_SCHEMA: [(&str, &str, &str); 6] = [
    (CONNS, "/server", "feature_flags"),
    (CONNECT, "/server", "feature_flags"),
    (DISCONNECT, "/server", "feature_flags"),
    (CONNS, "", "name"),
    (CONNS, "", "num_subscriptions"),
    // Only of requests that failed.
    (LATENCY, "", "description"),
];

const CONNS: &str = "io.nats.server.advisory.v1.account_connections";
const CONNECT: &str = "io.nats.server.advisory.v1.client_connect";
const DISCONNECT: &str = "io.nats.server.advisory.v1.client_disconnect";
const LATENCY: &str = "io.nats.server.metric.v1.service_latency";
const VARZ: &str = "io.nats.server.monitor.v1.varz";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn schemas() -> BTreeMap<&'static str, Validator> {
    [
        (CONNS, "advisory/v1/account_connections.json"),
        (CONNECT, "advisory/v1/client_connect.json"),
        (DISCONNECT, "advisory/v1/client_disconnect.json"),
        (LATENCY, "metric/v1/service_latency.json"),
        (VARZ, "monitor/v1/varz.json"),
    ]
    .map(|(title, file)| {
        let text = fs::read_to_string(repository().join("fixtures/schemas").join(file));
        let schema: Value = serde_json::from_str(&text.expect("readable")).expect("JSON");
        assert_eq!(schema["title"], title);
        (title, jsonschema::validator_for(&schema).expect("a schema"))
    })
    .into()
}

/// A payload with the title of its schema.
fn with_schema(mut payload: Value) -> Option<(String, Value)> {
    if let Some(title) = payload["type"].as_str() {
        return Some((title.to_owned(), payload));
    }
    let data = payload["data"].take();
    data.get("config_load_time")?;
    Some((VARZ.to_owned(), data))
}

/// What recorded servers sent, and where it is written down.
fn recorded() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let recordings = repository().join("protocol/tests/data/2.15.1");
    for file in fs::read_dir(recordings).expect("recordings").flatten() {
        let text = fs::read_to_string(file.path()).expect("text");
        let place = file.path().display().to_string();
        let payload = |line| serde_json::from_str(line).expect("a payload");
        found.extend(text.lines().map(|line| (place.clone(), payload(line))));
    }
    let fixtures = Fixtures::of_this_repository();
    let [.., version] = RELEASE_LINES;
    for name in fixtures.golden_names(version).expect("goldens") {
        let golden = fixtures.golden(version, &name).expect("readable");
        for line in golden.unwrap_or_default().lines() {
            let body = line.split_once(" |   ").map_or("", |(_, body)| body);
            // Not every body of a golden is JSON, but whatever names a type or a server is.
            if body.starts_with(r#"{"type":"io.nats"#) || body.starts_with(r#"{"server":"#) {
                let payload = serde_json::from_str(&json_of(body));
                let payload = payload.unwrap_or_else(|error| panic!("{name}: {error}: {body}"));
                found.push((name.clone(), payload));
            }
        }
    }
    found
}

/// The JSON of a body in a golden, with zeros for the placeholders that stand for numbers.
fn json_of(body: &str) -> String {
    let mut json = String::with_capacity(body.len());
    let (mut in_text, mut escaped) = (false, false);
    let mut rest = body.chars();
    while let Some(c) = rest.next() {
        let c = match c {
            '<' if !in_text => {
                rest.by_ref().find(|c| *c == '>');
                '0'
            }
            // The golden's own escapes: a doubled backslash, `\xNN` and `\u{N}`.
            '\\' => match rest.next() {
                Some('x') => {
                    rest.by_ref().take(2).for_each(drop);
                    '?'
                }
                Some('u') => {
                    rest.by_ref().find(|c| *c == '}');
                    '?'
                }
                _ => '\\',
            },
            c => c,
        };
        in_text ^= c == '"' && !escaped;
        escaped = in_text && c == '\\' && !escaped;
        json.push(c);
    }
    json
}

#[test]
fn events_and_replies_follow_the_public_schemas() {
    let schemas = schemas();
    let mut checked: BTreeMap<&str, usize> = BTreeMap::new();
    let mut met = BTreeSet::new();
    for (place, payload) in recorded() {
        let Some((title, mut payload)) = with_schema(payload) else {
            continue;
        };
        let Some((title, schema)) = schemas.get_key_value(title.as_str()) else {
            continue;
        };
        let is_valid_as_sent = schema.is_valid(&payload);
        let mut newer = false;
        for known in NEWER_THAN_SCHEMA.iter().filter(|known| known.0 == *title) {
            let object = payload.pointer_mut(known.1).and_then(Value::as_object_mut);
            if object.is_some_and(|object| object.remove(known.2).is_some()) {
                newer = true;
                met.insert(known);
            }
        }
        let errors: Vec<String> = schema
            .iter_errors(&payload)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{place}: {title}: {errors:?}");
        assert_ne!(is_valid_as_sent, newer, "{place}: {title}");
        *checked.entry(title).or_default() += 1;
    }
    let unchecked: Vec<_> = schemas
        .keys()
        .filter(|title| !checked.contains_key(*title))
        .collect();
    assert!(unchecked.is_empty(), "{unchecked:?}");
    assert_eq!(met.len(), NEWER_THAN_SCHEMA.len(), "met {met:?}");
}
