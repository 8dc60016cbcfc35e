//! Servers whose clocks are wrong.

use std::time::{Duration, SystemTime};

use nats_mock::MockNats;
use nats_mock::protocol::monitor::{Connz, Varz};
use serde_json::Value;

const HOUR: Duration = Duration::from_secs(3600);

fn started() -> MockNats {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let nats = MockNats::builder().cluster("east", 2).manual_clock(start);
    nats.start_blocking().unwrap()
}

fn asked(nats: &MockNats, endpoint: &str) -> Vec<Value> {
    let mut ops = nats.client("admin").unwrap();
    let subject = format!("$SYS.REQ.SERVER.PING.{endpoint}");
    let mut answers = ops
        .request(&subject, r#"{"auth":true,"sort":"cid"}"#)
        .unwrap();
    let answers = std::iter::from_fn(|| answers.try_next());
    let mut answers: Vec<Value> = answers
        .map(|answer| serde_json::from_slice(&answer.payload).unwrap())
        .collect();
    answers.sort_by_key(|answer| answer["server"]["name"].to_string());
    answers
}

fn data<T: serde::de::DeserializeOwned>(answer: &Value) -> T {
    serde_json::from_value(answer["data"].clone()).unwrap()
}

#[test]
fn everything_a_server_prints_is_read_from_its_clock() {
    let nats = started();
    nats.server("east-2").set_clock_ahead(HOUR);
    for endpoint in [
        "VARZ", "CONNZ", "SUBSZ", "ROUTEZ", "GATEWAYZ", "LEAFZ", "ACCOUNTZ", "JSZ",
    ] {
        let answers = asked(&nats, endpoint);
        let [right, wrong] = &answers[..] else {
            panic!("{endpoint}: {answers:?}")
        };
        for (answer, hour) in [(right, "22"), (wrong, "23")] {
            let time = format!("2023-11-14T{hour}:13:2");
            let envelope = answer["server"]["time"].as_str().unwrap();
            assert!(envelope.starts_with(&time), "{endpoint}: {envelope}");
            let now = answer["data"]["now"].as_str().unwrap();
            assert!(now.starts_with(&time), "{endpoint}: {now}");
        }
    }
}

#[test]
fn what_was_noted_before_stays_and_uptimes_go_on() {
    let nats = started();
    let _before = nats.client("a").unwrap();
    nats.advance(Duration::from_secs(10));
    nats.server("east-1").set_clock_behind(HOUR);
    let _after = nats.client("a").unwrap();
    nats.advance(Duration::from_secs(10));

    let varz: Varz = data(&asked(&nats, "VARZ")[0]);
    assert_eq!(varz.start.to_string(), "2023-11-14T22:13:20Z");
    assert_eq!(varz.now.to_string(), "2023-11-14T21:13:40Z");
    assert_eq!(varz.uptime.to_string(), "20s");

    let connz: Connz = data(&asked(&nats, "CONNZ")[0]);
    let shown = |place: usize| {
        let conn = &connz.connections.as_ref().unwrap()[place];
        (conn.start.to_string(), conn.uptime.to_string())
    };
    assert_eq!(
        shown(0),
        ("2023-11-14T22:13:20Z".to_owned(), "20s".to_owned())
    );
    assert_eq!(
        shown(1),
        ("2023-11-14T21:13:30Z".to_owned(), "10s".to_owned())
    );
}

#[test]
fn a_clock_can_be_set_right_and_outlives_a_restart() {
    let nats = started();
    let server = nats.server("east-1");
    let time = || envelope_time(&nats);
    server.set_clock_ahead(HOUR);
    server.restart().unwrap();
    assert!(time().ends_with("2023-11-14T23:13:20Z"), "{}", time());
    server.set_clock_ahead(Duration::ZERO);
    assert!(time().ends_with("2023-11-14T22:13:20Z"), "{}", time());
}

fn envelope_time(nats: &MockNats) -> String {
    let varz = &asked(nats, "VARZ")[0];
    varz["server"]["time"].as_str().unwrap().to_owned()
}
