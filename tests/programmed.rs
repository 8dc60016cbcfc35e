//! What a test changes of what servers answer and tell.

mod support;

use std::future::Future;
use std::time::Duration;

use nats_mock::programmed::{AnyEvent, AnyReply};
use nats_mock::protocol::events::{Connect, ServerStatsMsg};
use nats_mock::protocol::monitor::{Connz, Varz};
use nats_mock::protocol::sys::{AccountEndpoint, Endpoint, EventSubject, ServerCommand};
use nats_mock::recorded::EventKind;
use nats_mock::{Client, MockNats, Version};
use serde_json::Value;
use support::epoch;
use support::raw::Raw;

const SECOND: Duration = Duration::from_secs(1);
const PING_VARZ: &str = "$SYS.REQ.SERVER.PING.VARZ";

fn alone() -> MockNats {
    let builder = MockNats::builder().manual_clock(epoch());
    builder.start_blocking().unwrap()
}

fn three() -> MockNats {
    let builder = MockNats::builder().manual_clock(epoch()).unbound();
    builder.cluster("east", 3).start_blocking().unwrap()
}

fn ops(nats: &MockNats) -> Client {
    nats.client("admin").unwrap()
}

/// All answers that come at once, as text.
fn answers(tool: &mut Client, subject: &str) -> Vec<String> {
    let mut answers = tool.request(subject, "").unwrap();
    std::iter::from_fn(|| answers.try_next().map(|answer| answer.text())).collect()
}

fn names(answers: &[String]) -> Vec<String> {
    let name = |answer: &String| {
        let json: Value = serde_json::from_str(answer).unwrap();
        json["server"]["name"].as_str().unwrap().to_owned()
    };
    answers.iter().map(name).collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

#[test]
fn the_answers_of_every_endpoint_can_be_changed() {
    for version in Version::ALL {
        let nats = MockNats::builder()
            .version(version)
            .start_blocking()
            .unwrap();
        let mut tool = ops(&nats);
        let _app = nats.client("a").unwrap();
        let id = nats.server_id();
        let mut check = |subject: String, changed: nats_mock::programmed::Armed| {
            let mut answer = tool.request(&subject, "{\"cid\":9999}").unwrap();
            let said = answer.try_next().map(|answer| answer.text());
            assert_eq!(said.as_deref(), Some("changed"), "{version} {subject}");
            assert_eq!(changed.hits(), 1, "{version} {subject}");
        };
        for &endpoint in Endpoint::all() {
            for target in ["PING", &id] {
                let changed = nats.on(endpoint).reply_raw("changed");
                check(format!("$SYS.REQ.SERVER.{target}.{endpoint}"), changed);
            }
        }
        check(
            "$SYS.REQ.SERVER.PING".to_owned(),
            nats.on(Endpoint::Statsz).reply_raw("changed"),
        );
        for &endpoint in AccountEndpoint::all() {
            let changed = nats.on(endpoint).reply_raw("changed");
            check(format!("$SYS.REQ.ACCOUNT.USERS.{endpoint}"), changed);
        }
        for &command in ServerCommand::all() {
            let changed = nats.on(command).reply_raw("changed");
            check(format!("$SYS.REQ.SERVER.{id}.{command}"), changed);
        }
        for subject in ["$SYS.DEBUG.SUBSCRIBERS", "$SYS.REQ.ACCOUNT.PING.STATZ"] {
            check(subject.to_owned(), nats.on(AnyReply).reply_raw("changed"));
        }
        let changed = nats.on("$SYS.REQ.USER.*.INFO").reply_raw("changed");
        let mut app = nats.client("a").unwrap();
        assert_eq!(
            answers(&mut app, "$SYS.REQ.USER.INFO"),
            ["changed"],
            "{version}"
        );
        assert_eq!(changed.hits(), 1);
    }
}

#[test]
fn every_event_can_be_changed() {
    let nats = MockNats::builder()
        .manual_clock(epoch())
        .cluster("east", 3)
        .start_blocking()
        .unwrap();
    let mut tool = ops(&nats);
    let mut heard = tool.subscribe("$SYS.>").unwrap();
    let silenced: Vec<_> = [
        EventKind::Connect,
        EventKind::Disconnect,
        EventKind::AccountConns,
        EventKind::ServerAccountConns,
        EventKind::AuthError,
        EventKind::Statsz,
        EventKind::LameDuck,
        EventKind::Shutdown,
    ]
    .map(|kind| (kind, nats.on(kind).silence()))
    .into();
    drop(nats.client("a").unwrap());
    Raw::open(&nats).send("CONNECT {\"user\":\"x\",\"pass\":\"x\"}\r\n");
    nats.advance(40 * SECOND);
    nats.server("east-2").lame_duck();
    nats.server("east-3").stop();
    for (kind, armed) in &silenced {
        assert!(armed.hits() > 0, "{kind}");
    }
    let others = std::iter::from_fn(|| heard.try_next()).map(|message| message.subject);
    let others: Vec<String> = others
        .filter(|subject| subject.contains(".SERVER.N"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn what_is_armed_later_acts_on_what_is_left() {
    let nats = alone();
    let mut tool = ops(&nats);
    let first = nats
        .on(Endpoint::Varz)
        .edit(|varz: &mut Varz| varz.connections = 10);
    let second = nats
        .on(Endpoint::Varz)
        .edit(|varz: &mut Varz| varz.connections += 1);
    let last = nats
        .on(Endpoint::Varz)
        .priority(1)
        .edit(|varz: &mut Varz| varz.connections *= 100);
    let third = nats
        .on(Endpoint::Varz)
        .edit(|varz: &mut Varz| varz.connections += 1);
    let connections = |tool: &mut Client| {
        let json: Value = serde_json::from_str(&answers(tool, PING_VARZ)[0]).unwrap();
        json["data"]["connections"].as_i64().unwrap()
    };
    assert_eq!(connections(&mut tool), 1200);
    drop(second);
    assert_eq!(connections(&mut tool), 1100);
    drop(first);
    assert_eq!(connections(&mut tool), 200);
    drop((third, last));
    assert_eq!(connections(&mut tool), 1);
}

#[test]
fn silence_leaves_nothing_to_those_that_come_later() {
    let nats = alone();
    let mut tool = ops(&nats);
    let before = nats.on(Endpoint::Varz).truncate(3);
    let silence = nats.on(Endpoint::Varz).nth(1).silence();
    let after = nats.on(Endpoint::Varz).duplicate(1);
    assert!(answers(&mut tool, PING_VARZ).is_empty());
    assert_eq!(answers(&mut tool, PING_VARZ), ["{\"s", "{\"s"]);
    assert_eq!((before.hits(), silence.hits(), after.hits()), (2, 1, 1));
}

#[test]
fn occasions_are_counted_among_those_that_fit() {
    let nats = three();
    let mut tool = ops(&nats);
    let second = nats.on(Endpoint::Varz).from("east-2").nth(2).silence();
    let from_third = nats.on(Endpoint::Varz).from("east-3").after(2).silence();
    let counts: Vec<usize> = (0..4)
        .map(|_| answers(&mut tool, PING_VARZ).len())
        .collect();
    assert_eq!(counts, [3, 2, 2, 2]);
    assert_eq!((second.hits(), from_third.hits()), (1, 2));
}

#[test]
fn servers_are_meant_by_name_id_or_cluster() {
    let nats = MockNats::builder()
        .unbound()
        .cluster("east", 2)
        .cluster("west", 2)
        .start_blocking()
        .unwrap();
    let mut tool = ops(&nats);
    let silent = [
        nats.on(Endpoint::Varz)
            .from("east-1")
            .from(nats.server("west-2").id())
            .times(2)
            .silence(),
        nats.on(Endpoint::Varz)
            .from_cluster("west")
            .after(1)
            .silence(),
    ];
    let mut first = names(&answers(&mut tool, PING_VARZ));
    first.sort();
    assert_eq!(first, ["east-2", "west-1"]);
    assert_eq!(silent[0].hits(), 2);
    let mut second = names(&answers(&mut tool, PING_VARZ));
    second.sort();
    assert_eq!(second, ["east-1", "east-2"]);
}

#[test]
fn chance_is_the_same_for_the_same_seed() {
    let silenced = |seed: u64, others: usize| {
        let nats = MockNats::builder().seed(seed).start_blocking().unwrap();
        let mut tool = ops(&nats);
        let armed = nats.on(Endpoint::Varz).with_probability(0.5).silence();
        // One more in force changes nothing of the first.
        let _others: Vec<_> = (0..others)
            .map(|_| nats.on(Endpoint::Connz).with_probability(0.5).silence())
            .collect();
        let pattern: Vec<bool> = (0..64)
            .map(|_| {
                answers(&mut tool, "$SYS.REQ.SERVER.PING.CONNZ");
                answers(&mut tool, PING_VARZ).is_empty()
            })
            .collect();
        assert_eq!(
            armed.hits(),
            pattern.iter().filter(|silent| **silent).count() as u64
        );
        pattern
    };
    let pattern = silenced(7, 0);
    assert_eq!(pattern, silenced(7, 2));
    assert_ne!(pattern, silenced(8, 0));
    assert!(pattern.contains(&true) && pattern.contains(&false));
}

#[test]
#[should_panic(expected = "a probability is between 0 and 1, not NaN")]
fn a_probability_is_one() {
    let _ = alone().on(AnyReply).with_probability(f64::NAN);
}

#[test]
fn delays_follow_the_clock_and_others_overtake() {
    let nats = three();
    let mut tool = ops(&nats);
    let _late = nats.on(Endpoint::Varz).from("east-1").delay(3 * SECOND);
    let _later = nats.on(Endpoint::Varz).from("east-1").delay(2 * SECOND);
    let mut heard = tool.request(PING_VARZ, "").unwrap();
    let come = |heard: &mut nats_mock::Subscription| {
        let texts = std::iter::from_fn(|| heard.try_next().map(|answer| answer.text()));
        names(&texts.collect::<Vec<_>>())
    };
    assert_eq!(come(&mut heard).len(), 2);
    nats.advance(5 * SECOND - Duration::from_nanos(1));
    assert!(heard.try_next().is_none());
    nats.advance(Duration::from_nanos(1));
    assert_eq!(come(&mut heard), ["east-1"]);
}

#[test]
fn a_server_that_is_gone_says_nothing_any_more() {
    let nats = three();
    let mut tool = nats.server("east-3").client("admin").unwrap();
    let held = nats.on(Endpoint::Varz).from("east-1").hold();
    let _late = nats.on(Endpoint::Varz).from("east-2").delay(SECOND);
    let mut heard = tool.request(PING_VARZ, "").unwrap();
    assert!(heard.try_next().is_some());
    nats.server("east-1").crash();
    nats.server("east-2").stop();
    held.release();
    nats.advance(2 * SECOND);
    assert!(heard.try_next().is_none());
}

#[test]
fn what_is_held_comes_in_order_when_it_is_released_or_the_end_has_come() {
    let nats = alone();
    let mut tool = ops(&nats);
    let mut ends = tool.subscribe("$SYS.ACCOUNT.*.CONNECT").unwrap();
    let held = nats.on(EventKind::Connect).hold();
    let _apps: Vec<Client> = (0..3).map(|_| nats.client("a").unwrap()).collect();
    assert!(ends.try_next().is_none());
    assert_eq!(held.held(), 3);
    held.release();
    let mut cids = Vec::new();
    while let Some(event) = ends.try_next() {
        let event: Connect = serde_json::from_slice(&event.payload).unwrap();
        cids.push(event.client.id);
    }
    assert_eq!(cids.len(), 3);
    assert!(cids.is_sorted());
    let _one_more = nats.client("a").unwrap();
    assert!(ends.try_next().is_none());
    held.end();
    assert!(ends.try_next().is_some());
    let _and_one = nats.client("a").unwrap();
    assert!(ends.try_next().is_some());
}

#[test]
fn answers_are_reordered_in_groups() {
    let nats = alone();
    let _reordered = nats.on(Endpoint::Varz).reorder(3);
    let mut tool = Raw::login(&nats, "admin", "changeit", "");
    tool.ask("SUB in.* 1\r\n");
    let requests = (0..4).map(|number| format!("PUB {PING_VARZ} in.{number} 0\r\n\r\n"));
    let said = tool.ask(requests.collect::<String>());
    let lines = said.lines().filter_map(|line| line.strip_prefix("MSG in."));
    let order: Vec<&str> = lines.map(|line| &line[..1]).collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["0", "1", "2"]);
    assert_ne!(order, sorted);
}

#[test]
fn errors_have_the_form_of_the_servers_own() {
    let nats = alone();
    let mut tool = ops(&nats);
    let failed = nats.on(Endpoint::Varz).error(500, "out of luck");
    let answer = answers(&mut tool, PING_VARZ).remove(0);
    assert!(
        answer.ends_with(r#","data":null,"error":{"code":500,"description":"out of luck"}}"#),
        "{answer}"
    );
    drop(failed);
    let _refused = nats.on(Endpoint::Varz).error(400, "no");
    let answer = answers(&mut tool, PING_VARZ).remove(0);
    assert!(
        answer.ends_with(r#""error":{"code":400,"description":"no"}}"#),
        "{answer}"
    );
    assert!(!answer.contains("\"data\""));
}

#[test]
fn an_edit_that_changes_nothing_leaves_every_byte() {
    for version in Version::ALL {
        let builder = MockNats::builder().version(version).manual_clock(epoch());
        let nats = builder.start_blocking().unwrap();
        let mut tool = ops(&nats);
        let without_seq = |answer: &String| {
            let at = answer.find("\"seq\":").unwrap();
            let end = answer[at..].find(',').unwrap();
            format!("{}{}", &answer[..at], &answer[at + end + 1..])
        };
        let stable = "$SYS.REQ.SERVER.PING.CONNZ";
        let plain = without_seq(&answers(&mut tool, stable)[0]);
        let edits = [
            nats.on(Endpoint::Connz).edit(|_: &mut Connz| {}),
            nats.on(Endpoint::Connz).edit_json(|_| {}),
            nats.on(Endpoint::Connz).remove("/data/nothing"),
        ];
        let edited = without_seq(&answers(&mut tool, stable)[0]);
        // The request before was counted, and its answer.
        let figures = |text: &str| {
            let mut json: Value = serde_json::from_str(text).unwrap();
            json["data"]["connections"] = Value::Null;
            json
        };
        assert_eq!(figures(&plain), figures(&edited), "{version}");
        let keys = |text: &str| -> Vec<String> {
            text.split('"')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(keys(&plain), keys(&edited), "{version}");
        assert!(
            edits
                .iter()
                .all(|edit| edit.hits() == 1 && edit.mistake().is_none())
        );
    }
}

#[test]
fn members_are_set_and_removed() {
    let nats = alone();
    let mut tool = ops(&nats);
    let _armed = [
        nats.on(Endpoint::Varz).set("/data/connections", "many"),
        nats.on(Endpoint::Varz).set("/data/brand_new", 1),
        nats.on(Endpoint::Varz).remove("/data/cluster"),
        nats.on(Endpoint::Varz).set("/server/ver", Value::Null),
    ];
    let json: Value = serde_json::from_str(&answers(&mut tool, PING_VARZ)[0]).unwrap();
    assert_eq!(json["data"]["connections"], "many");
    assert_eq!(json["data"]["brand_new"], 1);
    assert!(json["data"].get("cluster").is_none());
    assert!(json["server"]["ver"].is_null());
}

#[test]
fn a_mistake_leaves_the_answer_and_is_told() {
    let nats = alone();
    let mut tool = ops(&nats);
    let plain = answers(&mut tool, PING_VARZ).remove(0).len();
    let misfit = nats
        .on(Endpoint::Varz)
        .edit(|stats: &mut ServerStatsMsg| stats.server.seq = 7);
    let panics = nats
        .on(Endpoint::Varz)
        .named("clumsy")
        .edit_json(|_| panic!("oh no"));
    let nowhere = nats.on(Endpoint::Varz).set("/data/no/where", 1);
    let answer = answers(&mut tool, PING_VARZ).remove(0);
    assert!(answer.len().abs_diff(plain) < 20);
    let said = misfit.mistake().unwrap();
    assert!(
        said.starts_with("the answer does not fit the type of the edit: "),
        "{said}"
    );
    assert_eq!(panics.mistake().unwrap(), "it panicked: oh no");
    assert_eq!(
        nowhere.mistake().unwrap(),
        "there is no \"/data/no/where\" to be set"
    );
    drop((misfit, panics, nowhere));
    let error = block_on(nats.finish()).unwrap_err().to_string();
    assert!(
        error.contains("clumsy (VARZ: edit JSON): it panicked: oh no"),
        "{error}"
    );
}

#[test]
fn hits_can_be_awaited() {
    let nats = alone();
    let mut tool = ops(&nats);
    let armed = nats.on(EventKind::Connect).silence();
    let error = armed.wait_blocking(1, Duration::ZERO).unwrap_err();
    assert_eq!(
        error.to_string(),
        "hit 0 times instead of 1: $SYS.ACCOUNT.*.CONNECT: silence"
    );
    std::thread::scope(|scope| {
        scope.spawn(|| armed.wait_blocking(2, 10 * SECOND).unwrap());
        drop(nats.client("a").unwrap());
        drop(nats.client("a").unwrap());
    });
    nats.stop();
    assert_eq!(block_on(armed.wait(3)).unwrap_err().hits, 2);
    let _ = tool.subscribe("x");
}

#[test]
fn an_encoding_that_is_asked_for_comes_after_the_change() {
    let nats = alone();
    let _armed = nats.on(Endpoint::Varz).reply_raw("changed");
    let mut tool = Raw::login(&nats, "admin", "changeit", "");
    let headers = "NATS/1.0\r\nAccept-Encoding: identity\r\n\r\n";
    let len = headers.len();
    let said = tool.ask(format!(
        "SUB in 1\r\nHPUB {PING_VARZ} in {len} {len}\r\n{headers}\r\n"
    ));
    assert!(
        said.contains("Content-Encoding: identity\r\n\r\nchanged\r\n"),
        "{said}"
    );
}

#[test]
fn made_up_events_pass_what_is_armed_and_are_recorded() {
    let nats = alone();
    let mut tool = ops(&nats);
    let mut heard = tool.subscribe("$SYS.ACCOUNT.*.CONNECT").unwrap();
    let _armed = nats
        .on(AnyEvent)
        .when(|event| event.account() == Some("GHOSTS"))
        .duplicate(1);
    nats.emit(
        EventSubject::Connect { account: "GHOSTS" },
        &Connect::default(),
    );
    let twice: Vec<_> = std::iter::from_fn(|| heard.try_next()).collect();
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0].payload, twice[1].payload);
    assert_eq!(nats.events().account("GHOSTS").history().len(), 2);
}
