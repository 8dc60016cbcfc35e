//! Simulated connections are in the books as real ones are.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use nats_mock::protocol::events::{AccountConns, CloseReason, Connect, Disconnect};
use nats_mock::recorded::{Event, EventKind};
use nats_mock::simulated::{Connections, SimulateError, SimulatedConnections};
use nats_mock::topology::{
    AccountLimits, AccountOptions, Limits, Permissions, SubjectPermission, UserOptions,
};
use nats_mock::{Builder, ClientError, MockNats};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::raw::Raw;
use support::system::{ask, connz, statsz};
use support::{PATIENCE, epoch};

fn start() -> MockNats {
    Builder::new()
        .manual_clock(epoch())
        .start_blocking()
        .unwrap()
}

fn varz(nats: &MockNats) -> Value {
    let mut ops = nats.client("admin").unwrap();
    ask(&mut ops, "$SYS.REQ.SERVER.PING.VARZ", "")["data"].take()
}

/// Connections of the account `USERS`, by cid, with everything about them.
fn listed(nats: &MockNats, state: u8) -> Vec<Value> {
    let mut ops = nats.client("admin").unwrap();
    let options = json!({"acc": "USERS", "auth": true, "subscriptions_detail": true, "state": state, "limit": 100_000});
    let mut found = connz(&mut ops, nats, &options.to_string());
    let Value::Array(list) = found["connections"].take() else {
        panic!("{found}");
    };
    list
}

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const ALL: u8 = 2;

fn kinds(events: &[Event]) -> Vec<EventKind> {
    events.iter().map(Event::kind).collect()
}

#[test]
fn every_endpoint_counts_them() {
    let nats = start();
    let before = varz(&nats);
    let plan = Connections::of("a")
        .count(300)
        .named("svc-{n}")
        .subscribe("orders.{n}")
        .queue_subscribe("jobs.*", "workers")
        .published(10, 1_000)
        .delivered(7, 350);
    nats.simulate(plan).unwrap();

    let after = varz(&nats);
    let grown = |key: &str| after[key].as_u64().unwrap() - before[key].as_u64().unwrap();
    // The operator asks anew each time.
    assert_eq!(
        (grown("connections"), grown("total_connections")),
        (300, 301)
    );
    assert_eq!(grown("subscriptions"), 600);
    assert_eq!((grown("in_msgs"), grown("in_bytes")), (3_000 + 1, 300_000));
    assert_eq!(grown("out_client_msgs"), 2_100 + 1);

    let mut ops = nats.client("admin").unwrap();
    let stats = statsz(&mut ops);
    assert_eq!(stats["connections"], 301);
    assert_eq!(stats["active_accounts"], 2);
    let account = ask(&mut ops, "$SYS.REQ.ACCOUNT.USERS.CONNS", "");
    assert_eq!(account["conns"], 300);
    assert_eq!(account["received"]["msgs"], 3_000);
    assert_eq!(account["sent"]["bytes"], 105_000);
    let subsz = ask(
        &mut ops,
        "$SYS.REQ.SERVER.PING.SUBSZ",
        r#"{"account":"USERS","test":"orders.42","subscriptions":true}"#,
    );
    assert_eq!(subsz["data"]["total"], 1);
    assert_eq!(subsz["data"]["subscriptions_list"][0]["msgs"], 4);

    let list = listed(&nats, OPEN);
    assert_eq!(list.len(), 300);
    let names: Vec<_> = list
        .iter()
        .map(|conn| conn["name"].as_str().unwrap())
        .collect();
    assert_eq!((names[0], names[299]), ("svc-0", "svc-299"));
    let told = nats.events().account("USERS").kind(EventKind::AccountConns);
    let told = told.history().into_iter();
    let counts = told.map(|event| event.parse::<AccountConns>().unwrap().conns);
    assert!(counts.eq(1..=300));
}

#[test]
fn they_look_as_they_were_chosen() {
    let nats = start();
    let plan = Connections::of("a")
        .named("sensor")
        .language("rust", "0.51.0")
        .host("10.1.2.3")
        .subscribe("a.>")
        .queue_subscribe("b", "q")
        .uptime(Duration::from_secs(3_723))
        .idle(Duration::from_secs(61))
        .rtt(Duration::from_micros(1_250))
        .published(5, 50)
        .delivered(3, 33);
    let made = nats.simulate(plan).unwrap();
    let conn = listed(&nats, OPEN).remove(0);
    let expected = json!({
        "cid": made.get(0).unwrap().cid(), "ip": "10.1.2.3", "name": "sensor", "lang": "rust", "version": "0.51.0",
        "start": "2027-01-15T06:57:57Z", "last_activity": "2027-01-15T07:58:59Z", "uptime": "1h2m3s", "idle": "1m1s",
        "rtt": "1.25ms", "in_msgs": 5, "in_bytes": 50, "out_msgs": 3, "out_bytes": 33, "pending_bytes": 0,
        "subscriptions": 2, "authorized_user": "a", "account": "USERS", "kind": "Client", "type": "nats",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&conn[key], value, "{key}");
    }
    let subs = conn["subscriptions_list_detail"].as_array().unwrap();
    let sub = |index: usize| {
        let sub = &subs[index];
        (
            sub["subject"].as_str(),
            sub["qgroup"].as_str(),
            sub["msgs"].as_u64(),
        )
    };
    assert_eq!(sub(0), (Some("a.>"), None, Some(2)));
    assert_eq!(sub(1), (Some("b"), Some("q"), Some(1)));

    let arrival = nats.wait_next_event::<Connect>(PATIENCE);
    let client = arrival.unwrap().client;
    assert_eq!(
        (client.host.as_str(), client.lang.as_str()),
        ("10.1.2.3", "rust")
    );
    assert_eq!(client.start.unwrap().to_string(), "2027-01-15T06:57:57Z");
}

#[test]
fn they_come_and_go_as_real_ones_do() {
    let options = r#","name":"x","lang":"go","version":"1""#;
    let (real, simulated) = (start(), start());
    let mut raw = Raw::login(&real, "a", "a", options);
    raw.ask("PING\r\nSUB s 1\r\nSUB t q 2\r\n");
    let plan = Connections::of("a")
        .named("x")
        .language("go", "1")
        .subscribe("s")
        .queue_subscribe("t", "q");
    let made = simulated.simulate(plan).unwrap();
    // What a real one is given in the same moment.
    let mask = |mut list: Vec<Value>| {
        for conn in &mut list {
            conn["port"].take();
            conn["rtt"].take();
        }
        list
    };
    assert_eq!(mask(listed(&real, OPEN)), mask(listed(&simulated, OPEN)));
    drop(raw);
    made.close(CloseReason::ClientClosed);
    assert_eq!(listed(&simulated, OPEN), Vec::<Value>::new());
    assert_eq!(
        mask(listed(&real, CLOSED)),
        mask(listed(&simulated, CLOSED))
    );
    let history = |nats: &MockNats| nats.events().account("USERS").history();
    assert_eq!(kinds(&history(&real)), kinds(&history(&simulated)));
    assert_eq!(history(&simulated).len(), 6);
    let farewell = |nats: &MockNats| {
        let mut event = history(nats)[5].parse::<Disconnect>().unwrap();
        event.client.rtt = Default::default();
        event
    };
    assert_eq!(farewell(&real), farewell(&simulated));
}

#[test]
fn what_is_published_reaches_them() {
    let nats = start();
    let plan = Connections::of("a").count(50).subscribe("news");
    nats.simulate(plan).unwrap();
    let plan = Connections::of("a")
        .count(50)
        .queue_subscribe("news", "readers");
    nats.simulate(plan).unwrap();
    let mut app = nats.client("a").unwrap();
    for _ in 0..200 {
        app.publish("news", "12345").unwrap();
    }
    // Somebody is there, but says nothing.
    assert!(app.request("news", "").unwrap().try_next().is_none());
    let list = listed(&nats, OPEN);
    let out: Vec<_> = list[..100]
        .iter()
        .map(|conn| (conn["out_msgs"].as_u64().unwrap(), &conn["out_bytes"]))
        .collect();
    assert!(
        out[..50]
            .iter()
            .all(|(msgs, bytes)| (*msgs, *bytes) == (201, &json!(1_000)))
    );
    assert_eq!(out[50..].iter().map(|(msgs, _)| msgs).sum::<u64>(), 201);
    assert!(list.iter().all(|conn| conn["pending_bytes"] == 0));
}

#[test]
fn they_stay_as_long_as_they_are_left() {
    let nats = start();
    let mut plan = Connections::of("a").count(20).subscribe("x");
    plan = plan.idle(Duration::from_secs(5));
    // Nobody keeps the handle.
    nats.simulate(plan).unwrap();
    nats.advance(Duration::from_secs(24 * 3_600));
    let list = listed(&nats, OPEN);
    assert_eq!(list.len(), 20);
    // The server does not ask them anything, so nothing is ever due for them.
    assert_eq!(list[0]["idle"], "1d0h0m0s");
    assert_eq!(list[0]["rtt"], "500µs");
    let mut ops = nats.client("admin").unwrap();
    assert_eq!(statsz(&mut ops)["stale_connections"], Value::Null);
}

#[test]
fn later_traffic_is_counted_when_it_happens() {
    let nats = start();
    let plan = Connections::of("a")
        .count(3)
        .subscribe("x")
        .idle(Duration::from_secs(9))
        .uptime(Duration::from_secs(9));
    let made = nats.simulate(plan).unwrap();
    made.add_published(2, 20);
    nats.advance(Duration::from_secs(4));
    made.get(1).unwrap().add_delivered(5, 55);
    made.get(2).unwrap().close(CloseReason::ClientClosed);
    made.add_published(1, 1);
    let values = |key: &str| -> Vec<Value> {
        let list = listed(&nats, ALL);
        list.iter().map(|conn| conn[key].clone()).collect()
    };
    assert_eq!(values("in_msgs"), [3, 3, 2]);
    assert_eq!(values("in_bytes"), [21, 21, 20]);
    assert_eq!(values("out_bytes"), [0, 55, 0]);
    assert_eq!(values("idle"), ["0s", "0s", "4s"]);
    assert_eq!(values("uptime"), ["13s", "13s", "13s"]);
}

#[test]
fn they_end_for_any_reason() {
    let nats = start();
    let mut ops = nats.client("admin").unwrap();
    let reasons = [
        CloseReason::ClientClosed,
        CloseReason::ReadError,
        CloseReason::StaleConnection,
        CloseReason::SlowConsumerPendingBytes,
        CloseReason::SlowConsumerWriteDeadline,
        CloseReason::AuthenticationViolation,
        CloseReason::AuthenticationExpired,
        CloseReason::MaxPayloadExceeded,
        CloseReason::Kicked,
    ];
    for reason in reasons {
        let made = nats.simulate(Connections::of("a").closed(reason)).unwrap();
        assert!(!made.get(0).unwrap().is_open());
        // The end is one.
        made.close(CloseReason::WriteError);
    }
    let told: Vec<_> =
        std::iter::from_fn(|| nats.wait_next_event::<Disconnect>(Duration::ZERO).ok())
            .map(|event| event.reason)
            .collect();
    let texts = reasons.map(CloseReason::as_str);
    assert_eq!(told, texts);
    let listed: Vec<_> = listed(&nats, CLOSED)
        .iter()
        .map(|conn| conn["reason"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, texts);
    let stats = statsz(&mut ops);
    assert_eq!(
        (&stats["slow_consumers"], &stats["stale_connections"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(nats.events().kind(EventKind::AuthError).history().len(), 1);
    let conns = nats.events().kind(EventKind::AccountConns).account("USERS");
    let last = conns.history().pop().unwrap().parse::<AccountConns>();
    assert_eq!(last.unwrap().slow_consumers, 2);
}

#[test]
fn the_server_ends_them_as_any_other() {
    let nats = start();
    let made = nats.simulate(Connections::of("a").count(4)).unwrap();
    let mut ops = nats.client("admin").unwrap();
    let kick = format!("$SYS.REQ.SERVER.{}.KICK", nats.server_id());
    let cid = made.get(2).unwrap().cid();
    ask(&mut ops, &kick, &json!({ "cid": cid }).to_string());
    let open = |made: &SimulatedConnections| -> Vec<bool> {
        made.iter().map(|one| one.is_open()).collect()
    };
    assert_eq!(open(&made), [true, true, false, true]);

    // A reload that takes the user away.
    let mut spec = nats.server_spec();
    let users = &mut spec.accounts[0].users;
    users.push(UserOptions::new("b", "b"));
    nats.reload(spec.clone()).unwrap();
    assert_eq!(open(&made), [true, true, false, true]);
    let others = nats.simulate(Connections::of("b").count(2)).unwrap();
    spec.accounts[0].users.remove(0);
    nats.reload(spec).unwrap();
    assert_eq!(
        (open(&made), open(&others)),
        (vec![false; 4], vec![true; 2])
    );
    let error = nats.simulate(Connections::of("a")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "simulated connection 0: no user \"a\" is configured"
    );

    nats.lame_duck();
    nats.advance(Duration::from_secs(150));
    assert!(nats.is_stopped());
    assert_eq!(open(&others), [false, false]);
    let error = nats.simulate(Connections::of("b")).unwrap_err();
    assert!(matches!(
        error,
        SimulateError::Refused {
            index: 0,
            source: ClientError::Closed(_),
            ..
        }
    ));
}

#[test]
fn limits_and_permissions_hold_for_them() {
    let limited = AccountOptions {
        users: vec![
            UserOptions::new("l", "l"),
            UserOptions {
                permissions: Some(Permissions {
                    subscribe: Some(SubjectPermission {
                        allow: Some(vec!["ok.>".to_owned()]),
                        ..SubjectPermission::default()
                    }),
                    ..Permissions::default()
                }),
                ..UserOptions::new("p", "p")
            },
        ],
        limits: AccountLimits {
            max_connections: Some(10),
            max_subscriptions: Some(2),
            ..AccountLimits::default()
        },
        ..AccountOptions::new("USERS")
    };
    let nats = Builder::new()
        .account_with(limited)
        .system_account("SYS", [("admin", "changeit")])
        .limits(Limits {
            max_control_line: 256,
            ..Limits::default()
        })
        .start_blocking()
        .unwrap();
    let refused = |plan: Connections| {
        let error = nats.simulate(plan).unwrap_err();
        assert_eq!(listed(&nats, OPEN).len(), 0, "{error}");
        error.to_string()
    };
    assert_eq!(
        refused(Connections::of("l").count(11)),
        "simulated connection 10: the server says: maximum account active connections exceeded"
    );
    assert_eq!(
        refused(Connections::of("p").subscribe("ok.a").subscribe("no")),
        "simulated connection 0: the server says: Permissions Violation for Subscription to \"no\""
    );
    let three = Connections::of("l").subscribe("a").subscribe("b");
    assert_eq!(
        refused(three.subscribe("c")),
        "simulated connection 0: the server says: maximum subscriptions exceeded"
    );
    assert_eq!(
        refused(Connections::of("l").subscribe("a..b")),
        "simulated connection 0: the server says: Invalid Subject"
    );
    assert_eq!(
        refused(Connections::of("l").subscribe("a".repeat(300))),
        "simulated connection 0: the server says: maximum control line exceeded"
    );
    for plan in [
        Connections::of("l").subscribe(""),
        Connections::of("l").subscribe("a b"),
        Connections::of("l").queue_subscribe("a", "q\r\nPING"),
    ] {
        let error = nats.simulate(plan).unwrap_err();
        assert!(
            matches!(error, SimulateError::Subscription { .. }),
            "{error}"
        );
    }
    assert!(nats.simulate(Connections::of("l").count(10)).is_ok());
}

#[test]
fn they_differ_as_much_as_is_wanted_and_as_the_seed_says() {
    let play = |seed| {
        let nats = Builder::new()
            .seed(seed)
            .manual_clock(epoch())
            .start_blocking()
            .unwrap();
        let plan = Connections::of("a")
            .count(100)
            .uptime(Duration::from_secs(1_000))
            .rtt(Duration::from_millis(1))
            .published(1_000, 100_000)
            .spread(0.25);
        nats.simulate(plan.clone()).unwrap();
        nats.simulate(plan).unwrap();
        let mut list = listed(&nats, OPEN);
        list.iter_mut().for_each(|conn| {
            conn["port"].take();
        });
        list
    };
    let list = play(1);
    assert_eq!(list, play(1));
    assert_ne!(list, play(2));
    let msgs: Vec<_> = list
        .iter()
        .map(|conn| conn["in_msgs"].as_u64().unwrap())
        .collect();
    assert!(msgs.iter().all(|msgs| (750..=1_250).contains(msgs)));
    assert!(msgs.iter().collect::<BTreeSet<_>>().len() > 50);
    assert_ne!(msgs[..100], msgs[100..]);
    // Bytes and messages stay in proportion.
    assert!(
        list.iter()
            .all(|conn| conn["in_bytes"].as_u64().unwrap()
                == 100 * conn["in_msgs"].as_u64().unwrap())
    );
}

/// What happens to simulated connections, and to a real one among them.
#[derive(Clone, Debug)]
enum Step {
    Simulate {
        user: &'static str,
        count: usize,
        subs: usize,
        traffic: u64,
        reason: Option<CloseReason>,
    },
    Traffic {
        group: usize,
        msgs: u64,
    },
    Close {
        group: usize,
        index: usize,
        reason: CloseReason,
    },
    Publish {
        msgs: usize,
    },
}

fn reason() -> impl Strategy<Value = CloseReason> {
    proptest::sample::select(CloseReason::all())
}

fn step() -> impl Strategy<Value = Step> {
    let user = proptest::sample::select(&["a", "b"][..]);
    prop_oneof![
        3 => (user, 0..8_usize, 0..3_usize, 0..50_u64, proptest::option::weighted(0.2, reason()))
            .prop_map(|(user, count, subs, traffic, reason)| Step::Simulate { user, count, subs, traffic, reason }),
        2 => (0..6_usize, 0..9_u64).prop_map(|(group, msgs)| Step::Traffic { group, msgs }),
        2 => (0..6_usize, 0..8_usize, reason())
            .prop_map(|(group, index, reason)| Step::Close { group, index, reason }),
        2 => (1..4_usize).prop_map(|msgs| Step::Publish { msgs }),
    ]
}

proptest! {
    #![proptest_config(support::cases(100))]

    #[test]
    fn the_books_balance(steps in proptest::collection::vec(step(), 0..30)) {
        let nats = Builder::new()
            .account("A", [("a", "a")])
            .account("B", [("b", "b")])
            .system_account("SYS", [("admin", "changeit")])
            .history(100_000)
            .manual_clock(epoch())
            .start_blocking()
            .unwrap();
        let mut app = nats.client("a").unwrap();
        let mut groups: Vec<SimulatedConnections> = Vec::new();
        for step in steps {
            match step {
                Step::Simulate { user, count, subs, traffic, reason } => {
                    let mut plan = Connections::of(user).count(count).spread(0.5);
                    plan = plan.published(traffic, traffic * 3).delivered(traffic * 2, traffic);
                    for sub in 0..subs {
                        plan = plan.subscribe(["s", ">", "s"][sub]);
                    }
                    groups.push(nats.simulate(match reason {
                        Some(reason) => plan.closed(reason),
                        None => plan,
                    }).unwrap());
                }
                Step::Traffic { group, msgs } => {
                    if let Some(group) = groups.get(group) {
                        group.add_published(msgs, 10 * msgs);
                        group.add_delivered(msgs, msgs);
                    }
                }
                Step::Close { group, index, reason } => {
                    if let Some(one) = groups.get(group).and_then(|group| group.get(index)) {
                        one.close(reason);
                    }
                }
                Step::Publish { msgs } => {
                    for _ in 0..msgs {
                        app.publish("s", "four").unwrap();
                    }
                }
            }
        }
        let mut ops = nats.client("admin").unwrap();
        let stats = statsz(&mut ops);
        let list = connz(&mut ops, &nats, r#"{"state":2,"limit":100000}"#);
        let list = list["connections"].as_array().unwrap();
        let sum = |key: &str| list.iter().map(|conn| conn[key].as_u64().unwrap()).sum::<u64>();
        let total = |way: &str, what: &str| stats[way][what].as_u64().unwrap();
        // The requests and the first answer are on the operator's account.
        let own = list.iter().find(|conn| conn["lang"] == "nats-mock" && conn["subscriptions"] != 0);
        let own_bytes = own.unwrap()["out_bytes"].as_u64().unwrap();
        prop_assert_eq!(total("received", "msgs") + 1, sum("in_msgs"));
        prop_assert_eq!(total("sent", "msgs") + 1, sum("out_msgs"));
        prop_assert_eq!(total("sent", "bytes") + own_bytes, sum("out_bytes"));
        let standing = groups.iter().flat_map(SimulatedConnections::iter).filter(|one| one.is_open());
        // And the application and the operator.
        let open = standing.count() as u64 + 2;
        prop_assert_eq!(stats["connections"].as_u64(), Some(open));
        prop_assert_eq!(list.iter().filter(|conn| conn["stop"].is_null()).count() as u64, open);
        let connects = nats.events().kind(EventKind::Connect).history().len() as u64;
        let ends = nats.events().kind(EventKind::Disconnect).history().len() as u64;
        prop_assert_eq!(connects - ends, open);
        let told: i64 = ["A", "B"]
            .iter()
            .filter_map(|account| nats.events().kind(EventKind::AccountConns).account(*account).history().pop())
            .map(|event| event.parse::<AccountConns>().unwrap().conns)
            .sum();
        prop_assert_eq!(told as u64 + 1, open);
    }
}
