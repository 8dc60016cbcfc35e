//! Request bodies against what Go makes of them.
//!
//! Each line of `data/go-json.jsonl` is `[body, error of V1, error of V2, options]`: the body with one character per
//! byte, the error texts (empty for none), and the options both generations read (absent when one fails).

use nats_mock_protocol::json::{self, Dialect, GoJson, RequestOptions, decode_request};
use nats_mock_protocol::monitor::{
    AccountInfoOptions, AccountStatzOptions, AccountzOptions, ConnzOptions, EventFilterOptions,
    ExpvarzOptions, GatewayzOptions, HealthzOptions, IpqueueszOptions, JszOptions, KickRequest,
    LdmRequest, LeafzOptions, NumSubsRequest, ProfilezOptions, RaftzOptions, RoutezOptions,
    StatszOptions, SubszOptions, VarzOptions,
};
use serde_json::Value;

fn bytes(latin1: &str) -> Vec<u8> {
    latin1
        .chars()
        .map(|c| u8::try_from(u32::from(c)).expect("one byte"))
        .collect()
}

#[test]
fn bodies_decode_as_in_go() {
    let mut wrong = Vec::new();
    let mut lines = 0;
    for line in include_str!("data/go-json.jsonl").lines() {
        lines += 1;
        let line: Value = serde_json::from_str(line).expect("a line of the table");
        let body = bytes(line[0].as_str().expect("a body"));
        for (go, column) in [(GoJson::V1, 1), (GoJson::V2, 2)] {
            let dialect = Dialect {
                go,
                ..Dialect::default()
            };
            let (error, options) = match decode_request::<ConnzOptions>(&body, dialect) {
                Ok(options) => (String::new(), Some(options)),
                Err(error) => (error.to_string(), None),
            };
            if line[column] != error.as_str() {
                wrong.push(format!("{go:?} {}: {error} {}", line[0], line[column]));
            }
            if let Some(options) = options
                && line
                    .get(3)
                    .is_some_and(|expected| *expected != json::to_string(&options))
            {
                wrong.push(format!(
                    "{go:?} {}: {} {}",
                    line[0],
                    json::to_string(&options),
                    line[3]
                ));
            }
        }
    }
    assert!(lines > 100, "the table has {lines} lines");
    assert!(
        wrong.is_empty(),
        "{}\n{} wrong",
        wrong[..wrong.len().min(25)].join("\n"),
        wrong.len()
    );
}

/// Fields each release's options lack, and the generation of its decoder.
const RELEASES: [(&str, GoJson, &[&str]); 5] = [
    (
        "2.10.26",
        GoJson::V1,
        &["exact_match", "direct_consumer", "js-meta-only"],
    ),
    ("2.11.11", GoJson::V1, &["exact_match"]),
    ("2.12.8", GoJson::V1, &[]),
    ("2.14.6", GoJson::V2, &[]),
    ("2.15.1", GoJson::V2, &[]),
];

/// Each line of `data/go-options.jsonl` is `[endpoint, body, errors…]`: the error texts (empty for none) that the
/// releases answered with, from the oldest on. One that is `null` or left out is that of the release before.
#[test]
fn options_of_every_endpoint_are_read_as_by_real_servers() {
    for line in include_str!("data/go-options.jsonl").lines() {
        let line: Vec<Option<String>> = serde_json::from_str(line).expect("a line of the table");
        let [Some(endpoint), Some(body), errors @ ..] = line.as_slice() else {
            panic!("{line:?}");
        };
        let mut expected = "";
        for (index, (release, go, unknown_fields)) in RELEASES.into_iter().enumerate() {
            let dialect = Dialect { go, unknown_fields };
            if let Some(Some(error)) = errors.get(index) {
                expected = error;
            }
            let error = error_of_endpoint(endpoint, body, dialect);
            assert_eq!(error, expected, "{release} {endpoint} {body}");
        }
    }
}

fn error_of_endpoint(endpoint: &str, body: &str, dialect: Dialect) -> String {
    match endpoint {
        "ACCOUNTZ" => error_of::<AccountzOptions>(body, dialect),
        "CONNZ" => error_of::<ConnzOptions>(body, dialect),
        "EXPVARZ" => error_of::<ExpvarzOptions>(body, dialect),
        "GATEWAYZ" => error_of::<GatewayzOptions>(body, dialect),
        "HEALTHZ" => error_of::<HealthzOptions>(body, dialect),
        "INFO" => error_of::<AccountInfoOptions>(body, dialect),
        "IPQUEUESZ" => error_of::<IpqueueszOptions>(body, dialect),
        "JSZ" => error_of::<JszOptions>(body, dialect),
        "LEAFZ" => error_of::<LeafzOptions>(body, dialect),
        "PROFILEZ" => error_of::<ProfilezOptions>(body, dialect),
        "RAFTZ" => error_of::<RaftzOptions>(body, dialect),
        "RELOAD" => error_of::<EventFilterOptions>(body, dialect),
        "ROUTEZ" => error_of::<RoutezOptions>(body, dialect),
        "STATSZ" => error_of::<StatszOptions>(body, dialect),
        "STATZ" => error_of::<AccountStatzOptions>(body, dialect),
        "SUBSZ" => error_of::<SubszOptions>(body, dialect),
        "VARZ" => error_of::<VarzOptions>(body, dialect),
        other => panic!("unknown endpoint {other}"),
    }
}

fn error_of<T: RequestOptions>(body: &str, dialect: Dialect) -> String {
    decode_request::<T>(body.as_bytes(), dialect)
        .err()
        .map_or_else(String::new, |error| error.to_string())
}

/// Which requests were answered by all five releases, and with which queue group.
#[test]
fn queue_groups_are_read_as_by_real_servers() {
    let queue = |value: &str| {
        let body = format!(r#"{{"acc":"APP","subject":"foo","queue":{value}}}"#);
        decode_request::<NumSubsRequest>(body.as_bytes(), Dialect::default())
            .map(|request| request.queue.map(|queue| queue.0))
            .ok()
    };
    let group = |name: &[u8]| Some(Some(name.to_vec()));
    assert_eq!(queue("null"), Some(None));
    for (value, name) in [
        (r#""""#, &b""[..]),
        ("[]", b""),
        (r#""cQ==""#, b"q"),
        // Bits that are left over, line breaks, and numbers instead.
        (r#""cR==""#, b"q"),
        (r#""c\nQ==""#, b"q"),
        ("[113]", b"q"),
        ("[113,113]", b"qq"),
        ("[null]", b"\0"),
    ] {
        assert_eq!(queue(value), group(name), "{value}");
    }
    for value in [
        r#""cQ""#,
        r#"" cQ==""#,
        "[256]",
        "[-1]",
        r#"["q"]"#,
        "1",
        "{}",
    ] {
        assert_eq!(queue(value), None, "{value}");
    }
}

#[test]
fn commands_are_read_as_by_real_servers() {
    fn read<T: RequestOptions>(body: &str) -> Option<T> {
        decode_request(body.as_bytes(), Dialect::default()).ok()
    }
    for body in ["null", "{}", r#"{"id":1}"#] {
        assert_eq!(read(body), Some(KickRequest::default()), "{body}");
        assert_eq!(read(body), Some(LdmRequest::default()), "{body}");
    }
    for body in ["[]", r#"{"cid":"5"}"#, r#"{"cid":99.0}"#, r#"{"cid":-1}"#] {
        assert_eq!(read::<KickRequest>(body), None, "{body}");
        assert_eq!(read::<LdmRequest>(body), None, "{body}");
    }
    assert_eq!(
        read(r#"{"CID":9}"#).map(|kick: KickRequest| kick.cid),
        Some(9)
    );
}
