//! Faults as values, and the incidents made of them.

mod support;

use std::time::Duration;

use nats_mock::incidents::{Fault, Incident};
use nats_mock::protocol::sys::Endpoint;
use nats_mock::{Client, MockNats, Version};
use proptest::prelude::*;
use serde_json::Value;
use support::epoch;

const SECOND: Duration = Duration::from_secs(1);

fn three() -> MockNats {
    let builder = MockNats::builder().manual_clock(epoch()).unbound();
    builder.cluster("east", 3).start_blocking().unwrap()
}

fn ops(nats: &MockNats) -> Client {
    nats.client("admin").unwrap()
}

/// All answers to PING that come at once, as text.
fn ping(tool: &mut Client, endpoint: &str) -> Vec<String> {
    let subject = format!("$SYS.REQ.SERVER.PING.{endpoint}");
    let mut answers = tool.request(&subject, "").unwrap();
    std::iter::from_fn(|| answers.try_next().map(|answer| answer.text())).collect()
}

fn json(text: &String) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn named(answers: &[String], name: &str) -> Vec<Value> {
    let all = answers.iter().map(json);
    all.filter(|it| it["server"]["name"] == name).collect()
}

/// What a tool connected to the first of three servers hears in an incident.
fn in_incident(incident: Incident, hear: impl FnOnce(&MockNats, &mut Client)) {
    let nats = three();
    let mut tool = ops(&nats);
    let _staged = nats.incident(&incident).unwrap();
    hear(&nats, &mut tool);
}

#[test]
fn some_servers_do_not_answer() {
    for (silent, answering) in [(1, 2), (2, 1), (7, 1)] {
        in_incident(Incident::PartialReplies { silent }, |_, tool| {
            assert_eq!(ping(tool, "VARZ").len(), answering);
        });
    }
}

#[test]
fn one_server_answers_for_another() {
    in_incident(Incident::OneAnswersForAnother, |_, tool| {
        let answers = ping(tool, "CONNZ");
        assert_eq!(answers.len(), 3);
        assert_eq!(named(&answers, "east-1").len(), 2);
        assert!(named(&answers, "east-3").is_empty());
    });
}

#[test]
fn nobody_answers_without_system_privileges() {
    in_incident(Incident::NoSystemPrivileges, |_, tool| {
        let mut answers = tool.request("$SYS.REQ.SERVER.PING", "").unwrap();
        assert_eq!(answers.try_next().unwrap().status(), Some(503));
    });
}

#[test]
fn answers_lack_a_part_or_all_or_their_end() {
    let endpoint = Endpoint::Statsz;
    let pointer = "/statsz/sent".to_owned();
    in_incident(Incident::MissingPart { endpoint, pointer }, |_, tool| {
        for answer in ping(tool, "STATSZ").iter().map(json) {
            assert!(answer["statsz"].get("sent").is_none());
            assert!(answer["statsz"].get("received").is_some());
        }
    });
    in_incident(Incident::EmptyReplies, |_, tool| {
        assert_eq!(ping(tool, "STATSZ"), [""; 3]);
    });
    in_incident(Incident::TruncatedReplies { len: 10 }, |_, tool| {
        assert_eq!(ping(tool, "STATSZ"), ["{\"server\":"; 3]);
    });
}

#[test]
fn no_event_tells_of_a_leaf_node() {
    let deployment = || {
        let builder = MockNats::builder()
            .unbound()
            .cluster("hub", 2)
            .cluster("far", 1);
        builder.start_blocking().unwrap()
    };
    let told = |nats: &MockNats| {
        let mut events = ops(nats)
            .subscribe("$SYS.ACCOUNT.*.LEAFNODE.CONNECT")
            .unwrap();
        nats.emit(
            "$SYS.ACCOUNT.USERS.LEAFNODE.CONNECT",
            &serde_json::json!({}),
        );
        events.try_next().is_some()
    };
    let nats = deployment();
    assert!(told(&nats));
    let _staged = nats.incident(&Incident::NoLeafNodeConnect).unwrap();
    assert!(!told(&nats));
}

#[test]
fn events_of_the_global_account_appear() {
    let nats = three();
    let mut events = ops(&nats).subscribe("$SYS.ACCOUNT.*.CONNECT").unwrap();
    while events.try_next().is_some() {}
    let staged = nats.incident(&Incident::GlobalAccountEvents).unwrap();
    let event = json(&events.try_next().unwrap().text());
    assert_eq!(event["client"]["acc"], "$G");
    assert_eq!(event["server"]["name"], "east-1");
    assert_eq!(staged.hits(), 1);
}

#[test]
fn servers_start_again_one_or_all() {
    let ids = |nats: &MockNats| -> Vec<_> { nats.servers().map(|server| server.id()).collect() };
    for (incident, again) in [(Incident::ReconnectStorm, 3), (Incident::NewIdentity, 1)] {
        let nats = three();
        let before = ids(&nats);
        let _staged = nats.incident(&incident).unwrap();
        let after = ids(&nats);
        let changed = before.iter().zip(&after).filter(|(a, b)| a != b);
        assert_eq!(changed.count(), again);
        assert_eq!(ping(&mut ops(&nats), "IDZ").len(), 3);
    }
}

#[test]
fn an_upgrade_goes_from_server_to_server() {
    let builder = MockNats::builder().version(Version::V2_11).unbound();
    let nats = builder.cluster("east", 3).start_blocking().unwrap();
    let to = Version::V2_14;
    let staged = nats.incident(&Incident::RollingUpgrade { to }).unwrap();
    let versions: Vec<_> = nats.servers().map(|server| server.spec().version).collect();
    assert_eq!(versions, [to; 3]);
    assert_eq!(staged.hits(), 3);
}

#[test]
fn a_clock_is_wrong_until_the_incident_ends() {
    let hour = 3600 * SECOND;
    for (incident, ahead) in [
        (Incident::ClockAhead { by: hour }, 3600_i64),
        (Incident::ClockBehind { by: hour }, -3600),
    ] {
        let nats = three();
        let mut tool = ops(&nats);
        let mut times = || {
            let answers = ping(&mut tool, "VARZ");
            let time = |name| {
                let text = named(&answers, name)[0]["server"]["time"].clone();
                let text = text.as_str().unwrap().to_owned();
                text.parse::<nats_mock::protocol::time::Timestamp>()
                    .unwrap()
                    .unix_nanos()
            };
            (time("east-3") - time("east-1")) / 1_000_000_000
        };
        let staged = nats.incident(&incident).unwrap();
        assert_eq!(times(), ahead);
        staged.end();
        assert_eq!(times(), 0);
    }
}

#[test]
fn a_server_becomes_a_lame_duck() {
    let nats = three();
    let mut events = ops(&nats).subscribe("$SYS.SERVER.*.LAMEDUCK").unwrap();
    let _staged = nats.incident(&Incident::LameDuck).unwrap();
    assert_eq!(json(&events.try_next().unwrap().text())["name"], "east-3");
}

#[test]
fn answers_are_errors_without_data() {
    let (code, description) = (500, "no".to_owned());
    in_incident(Incident::ErrorReplies { code, description }, |_, tool| {
        for answer in ping(tool, "VARZ").iter().map(json) {
            assert!(answer.get("data").is_none());
            assert_eq!(answer["error"]["code"], 500);
            assert_eq!(answer["error"]["description"], "no");
        }
    });
}

#[test]
fn answers_are_huge_and_still_json() {
    let bytes = 1 << 20;
    in_incident(Incident::HugeReplies { bytes }, |_, tool| {
        let answers = ping(tool, "CONNZ");
        assert_eq!(answers.len(), 3);
        for answer in &answers {
            assert!(answer.len() > bytes);
            assert!(json(answer)["data"]["num_connections"].is_i64());
        }
        assert!(ping(tool, "VARZ")[0].len() < bytes);
    });
}

#[test]
fn numbers_are_written_otherwise_and_mean_the_same() {
    let nats = three();
    let plain = ping(&mut ops(&nats), "VARZ");
    in_incident(Incident::ScientificNumbers, |_, tool| {
        let other = ping(tool, "VARZ");
        assert!(other[0].contains("e+0"), "{}", other[0]);
        let payload = |answers: &[String]| json(&answers[0])["data"]["max_payload"].as_f64();
        assert_eq!(payload(&other), payload(&plain));
    });
}

#[test]
fn counters_fall_back() {
    in_incident(Incident::CountersFallBack, |_, tool| {
        let mut sum = || {
            let answers = ping(tool, "VARZ");
            let counts = answers
                .iter()
                .map(|it| json(it)["data"]["max_payload"].as_i64());
            counts.map(Option::unwrap).sum::<i64>()
        };
        let first = sum();
        assert!(sum() < first);
    });
}

#[test]
fn an_account_is_forgotten() {
    let accounts = |tool: &mut Client| {
        let answer = &json(&ping(tool, "ACCOUNTZ")[0])["data"]["accounts"];
        answer.as_array().unwrap().len()
    };
    let all = accounts(&mut ops(&three()));
    in_incident(Incident::ForgottenAccount, |_, tool| {
        assert_eq!(accounts(tool), all - 1);
    });
}

#[test]
fn a_route_is_lost_until_the_incident_ends() {
    let nats = three();
    let staged = nats.incident(&Incident::LostRoute).unwrap();
    assert_eq!(ping(&mut ops(&nats), "IDZ").len(), 2);
    drop(staged);
    assert_eq!(ping(&mut ops(&nats), "IDZ").len(), 3);
}

#[test]
fn a_link_flaps_until_it_is_healed() {
    let nats = three();
    let mut tool = ops(&nats);
    let fault = "link east-1 east-3: flap 2000ms 5000ms".parse().unwrap();
    let staged = nats.stage(&[fault]).unwrap();
    for reached in [2, 3, 2, 3] {
        assert_eq!(ping(&mut tool, "IDZ").len(), reached);
        nats.advance(if reached == 2 { 2 * SECOND } else { 5 * SECOND });
    }
    // One that starts again in the midst of it has the same link.
    nats.server("east-3").restart().unwrap();
    let mut seen: Vec<_> = (0..20)
        .map(|_| {
            nats.advance(SECOND);
            ping(&mut tool, "IDZ").len()
        })
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [2, 3]);
    drop(staged);
    for _ in 0..20 {
        nats.advance(SECOND);
        assert_eq!(ping(&mut tool, "IDZ").len(), 3);
    }
}

#[test]
fn a_link_that_flaps_without_a_pause_does_not_stop_the_clock() {
    let nats = three();
    nats.link("east-1", "east-2")
        .flap(Duration::ZERO, Duration::ZERO);
    nats.advance(SECOND);
    nats.link("east-1", "east-2").heal();
    assert_eq!(ping(&mut ops(&nats), "IDZ").len(), 3);
}

#[test]
fn what_is_staged_can_be_awaited() {
    let nats = three();
    let staged = nats.incident(&Incident::DoubledEvents).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let wait = staged.wait(1);
        let act = async { drop(nats.client("a").unwrap()) };
        let (waited, ()) = futures_util::future::join(wait, act).await;
        waited.unwrap();
        nats.stop();
        assert!(staged.wait(1_000_000).await.is_err());
    });
}

#[test]
fn servers_do_not_say_their_cluster() {
    in_incident(Incident::NamelessCluster, |nats, tool| {
        for answer in ping(tool, "VARZ").iter().map(json) {
            assert!(answer["server"].get("cluster").is_none());
        }
        let mut events = tool.subscribe("$SYS.ACCOUNT.*.CONNECT").unwrap();
        let _client = nats.client("a").unwrap();
        let event = json(&events.try_next().unwrap().text());
        assert!(event["server"].get("cluster").is_none());
    });
}

#[test]
fn a_server_sees_no_connections() {
    in_incident(Incident::BlindServer, |nats, tool| {
        let _client = nats.server("east-3").client("a").unwrap();
        let answers = ping(tool, "CONNZ");
        assert_eq!(named(&answers, "east-3")[0]["data"]["num_connections"], 0);
        assert_eq!(named(&answers, "east-1")[0]["data"]["num_connections"], 1);
    });
}

#[test]
fn a_server_does_nothing_any_more() {
    let nats = three();
    let mut tool = ops(&nats);
    let staged = nats.incident(&Incident::NetworkLoss).unwrap();
    let mut answers = tool.request("$SYS.REQ.SERVER.PING.IDZ", "").unwrap();
    assert_eq!(std::iter::from_fn(|| answers.try_next()).count(), 2);
    staged.end();
    assert!(answers.try_next().is_some());
}

#[test]
fn a_greeting_is_long() {
    let nats = three();
    let _staged = nats.incident(&Incident::HugeInfo { bytes: 9000 }).unwrap();
    let mut raw = nats.connect_in_memory().unwrap();
    let greeting = raw.take_received().unwrap();
    assert!(greeting.starts_with(b"INFO {") && greeting.len() > 9000);
    ops(&nats);
}

#[test]
fn connections_go_wrong_as_a_line_says() {
    for (fault, error) in [
        ("connecting: refuse", "connection refused"),
        ("connecting: reset", "connection reset"),
        ("line PONG: truncate 2", "ended"),
    ] {
        let nats = three();
        let staged = nats.stage(&[fault.parse().unwrap()]).unwrap();
        let refused = nats.client("a").unwrap_err().to_string().to_lowercase();
        assert_eq!(staged.hits(), 1, "{fault}: {error}: {refused}");
        drop(staged);
        nats.client("a").unwrap();
    }
    let nats = three();
    let mut client = nats.client("a").unwrap();
    let mut messages = client.subscribe("orders").unwrap();
    let _staged = nats
        .stage(&["line MSG to user a nth 2: duplicate 1".parse().unwrap()])
        .unwrap();
    for number in ["1", "2", "3"] {
        client.publish("orders", number).unwrap();
    }
    let heard: Vec<_> = std::iter::from_fn(|| messages.try_next())
        .map(|it| it.text())
        .collect();
    assert_eq!(heard, ["1", "2", "2", "3"]);
}

#[test]
fn faults_take_so_many_occasions_or_some_by_chance() {
    let heard = |fault: &str| {
        let builder = MockNats::builder().seed(7).manual_clock(epoch()).unbound();
        let nats = builder.start_blocking().unwrap();
        let staged = nats.stage(&[fault.parse().unwrap()]).unwrap();
        let mut tool = ops(&nats);
        let answers: Vec<usize> = (0..100).map(|_| ping(&mut tool, "IDZ").len()).collect();
        let silent = answers.iter().filter(|&&count| count == 0).count();
        assert_eq!(staged.hits(), silent as u64, "{fault}");
        answers
    };
    let silent = |answers: &[usize]| answers.iter().filter(|&&count| count == 0).count();
    let twice = heard("IDZ times 2: silence");
    assert_eq!((&twice[..3], silent(&twice)), (&[0, 0, 1][..], 2));
    let by_chance = heard("IDZ with probability 0.1: silence");
    assert!((1..30).contains(&silent(&by_chance)), "{by_chance:?}");
    assert_eq!(by_chance, heard("IDZ with probability 0.1: silence"));
    let few = heard("IDZ times 2 with probability 0.1: silence");
    assert_eq!(silent(&few), 2);
    let places = |answers: &[usize]| answers.iter().position(|&count| count == 0);
    assert_eq!(places(&few), places(&by_chance));
    assert_eq!(silent(&heard("IDZ times 0: silence")), 0);

    let nats = three();
    let staged = nats
        .stage(&["connecting times 2: refuse".parse().unwrap()])
        .unwrap();
    let refused = (0..4).filter(|_| nats.client("a").is_err()).count();
    assert_eq!((refused, staged.hits()), (2, 2));
}

#[test]
fn answers_come_late() {
    let nats = three();
    let mut tool = ops(&nats);
    let _staged = nats
        .incident(&Incident::LateReplies { by: SECOND })
        .unwrap();
    let mut answers = tool.request("$SYS.REQ.SERVER.PING.IDZ", "").unwrap();
    nats.advance(SECOND - Duration::from_nanos(1));
    assert!(answers.try_next().is_none());
    nats.advance(Duration::from_nanos(1));
    assert_eq!(std::iter::from_fn(|| answers.try_next()).count(), 3);
}

#[test]
fn ends_of_connections_are_not_told_or_told_twice() {
    for (incident, ends) in [(Incident::LostDisconnects, 0), (Incident::DoubledEvents, 2)] {
        in_incident(incident, |nats, tool| {
            let mut events = tool.subscribe("$SYS.ACCOUNT.USERS.DISCONNECT").unwrap();
            drop(nats.client("a").unwrap());
            assert_eq!(std::iter::from_fn(|| events.try_next()).count(), ends);
        });
    }
}

#[test]
fn every_incident_can_be_staged_written_and_read_again() {
    for incident in Incident::each() {
        for cluster in [1, 3] {
            let builder = MockNats::builder().unbound().cluster("east", cluster);
            let nats = builder.start_blocking().unwrap();
            for fault in incident.faults(&nats) {
                let text = fault.to_string();
                assert_eq!(text.parse::<Fault>().as_ref(), Ok(&fault), "{text}");
            }
            let _staged = nats.incident(&incident).unwrap();
        }
    }
}

#[test]
fn every_incident_has_a_name_of_its_own_and_says_where_it_is_from() {
    let each = Incident::each();
    let mut names: Vec<_> = each.iter().map(Incident::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), each.len());
    let known = each
        .iter()
        .filter(|incident| !incident.reports().is_empty());
    assert!(known.count() >= 20);
}

#[test]
fn what_is_to_come_later_waits_for_requests() {
    let nats = three();
    let mut tool = ops(&nats);
    let fault: Fault = "after 3 requests, server east-3: crash".parse().unwrap();
    let mut staged = nats.stage(&[fault]).unwrap();
    assert!(staged.go_on(&nats).unwrap());
    assert_eq!(ping(&mut tool, "IDZ").len(), 3);
    assert!(!staged.go_on(&nats).unwrap());
    assert_eq!(ping(&mut tool, "IDZ").len(), 2);
}

#[test]
fn a_fault_names_the_server_that_is_not_there() {
    let nats = three();
    for (fault, name) in [
        ("server west: crash", "west"),
        ("VARZ from west: silence", "west"),
        ("link east-1 west: cut", "west"),
        ("clock west: ahead 5ms", "west"),
    ] {
        let error = nats.stage(&[fault.parse().unwrap()]).unwrap_err();
        let wanted = format!("there is no server \"{name}\" for {fault:?}");
        assert_eq!(error.to_string(), wanted);
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    for (text, expected, at) in [
        ("", "an endpoint, a subject or what else can go wrong", ""),
        (
            "VARZZ: silence",
            "an endpoint, a subject or what else can go wrong",
            "VARZZ: silence",
        ),
        ("VARZ silence", "a colon", "silence"),
        ("VARZ: silence now", "the end", "now"),
        ("VARZ: delay 5s", "a time in ms", "5s"),
        ("VARZ: set /a {", "JSON", "{"),
        ("server a: explode", "what happens", "explode"),
        ("server a: upgrade 1.0", "a version", "1.0"),
        (
            "after no requests, VARZ: silence",
            "a number",
            "no requests, VARZ: silence",
        ),
        ("connecting: explode", "what happens", "explode"),
        ("VARZ nth one: silence", "a number", "one: silence"),
        ("VARZ times: silence", "a number", ": silence"),
        ("VARZ nth 1 times 2: silence", "a colon", "times 2: silence"),
        (
            "line MSG with probability 1.5: reset",
            "a number from 0 to 1",
            "1.5: reset",
        ),
        (
            "connecting with probability NaN: reset",
            "a number from 0 to 1",
            "NaN: reset",
        ),
        ("connecting to: reset", "the name of a server", ": reset"),
        ("line FOO: reset", "a kind of line", "FOO: reset"),
        ("clock a: 5ms", "\"ahead\" or \"behind\"", "5ms"),
    ] {
        let error = text.parse::<Fault>().unwrap_err();
        assert_eq!(
            (error.expected, error.at.as_str()),
            (expected, at),
            "{text}"
        );
        assert_eq!(error.text, text);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        if let Ok(fault) = text.parse::<Fault>() {
            prop_assert_eq!(fault.to_string().parse::<Fault>(), Ok(fault));
        }
    }

    #[test]
    fn any_name_survives_being_written(name in ".{1,12}", pointer in "/.{0,12}", value in ".{0,9}",
            times in any::<u64>(), chance in 0.0..=1.0) {
        let quoted = |text: &str| Value::from(text).to_string();
        let (name, pointer, value) = (quoted(&name), quoted(&pointer), quoted(&value));
        for text in [
            format!("VARZ from {name} nth 2: set {pointer} {{\"a\": [{value}, null]}}"),
            format!("after 7 requests, link {name} east: slow 1ms 20ms"),
            format!("any event: error -4 {value}"),
            format!("event {name}: {value}"),
            format!("connecting to {name} nth 2: greet {value}"),
            format!("connecting: set info {pointer} {value}"),
            format!("line MSG from {name} to user {name} nth 2: replace {value}"),
            format!("line any from {name} times {times} with probability {chance}: silence"),
            format!("connecting to {name} with probability {chance}: reset"),
            format!("IDZ from {name} nth {times} with probability {chance}: silence"),
        ] {
            let fault: Fault = text.parse().unwrap();
            let written = fault.to_string();
            prop_assert_eq!(written.parse::<Fault>(), Ok(fault), "{}", written);
        }
    }
}
