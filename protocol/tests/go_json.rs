//! Request bodies against what Go makes of them.
//!
//! Each line of `data/go-json.jsonl` is `[body, error of V1, error of V2, options]`: the body with one character per
//! byte, the error texts (empty for none), and the options both generations read (absent when one fails).

use nats_mock_protocol::json::{self, Dialect, GoJson, RequestOptions, decode_request};
use nats_mock_protocol::monitor::{
    AccountInfoOptions, AccountStatzOptions, ConnzOptions, EventFilterOptions, HealthzOptions,
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

/// Each line of `data/go-options.jsonl` is `[endpoint, body, error of 2.12.8, error of 2.15.1]`, as those servers answered.
#[test]
fn options_of_every_endpoint_are_checked_as_by_real_servers() {
    for line in include_str!("data/go-options.jsonl").lines() {
        let (endpoint, body, older, newer): (String, String, String, String) =
            serde_json::from_str(line).expect("a line of the table");
        for (go, expected) in [(GoJson::V1, older), (GoJson::V2, newer)] {
            let error = match endpoint.as_str() {
                "CONNZ" => error_of::<ConnzOptions>(&body, go),
                "VARZ" => error_of::<VarzOptions>(&body, go),
                "STATSZ" => error_of::<StatszOptions>(&body, go),
                "SUBSZ" => error_of::<SubszOptions>(&body, go),
                "HEALTHZ" => error_of::<HealthzOptions>(&body, go),
                "INFO" => error_of::<AccountInfoOptions>(&body, go),
                "STATZ" => error_of::<AccountStatzOptions>(&body, go),
                "RELOAD" => error_of::<EventFilterOptions>(&body, go),
                other => panic!("unknown endpoint {other}"),
            };
            assert_eq!(error, expected, "{go:?} {endpoint} {body}");
        }
    }
}

fn error_of<T: RequestOptions>(body: &str, go: GoJson) -> String {
    let dialect = Dialect {
        go,
        ..Dialect::default()
    };
    decode_request::<T>(body.as_bytes(), dialect)
        .err()
        .map_or_else(String::new, |error| error.to_string())
}
