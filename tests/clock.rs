//! Time that only the test moves.

mod support;

use std::time::Duration;

use nats_mock::topology::{Limits, Timing};
use nats_mock::{Builder, Client, MockNats};
use support::epoch;
use support::raw::Raw;
use support::system::{drain, json};

fn builder() -> Builder {
    MockNats::builder().manual_clock(epoch())
}

fn timed(timing: Timing) -> MockNats {
    builder().timing(timing).start_blocking().unwrap()
}

const MILLIS: Duration = Duration::from_millis(1);

/// Moves time in steps until `is` says so, and tells how much has passed.
fn passed_until(nats: &MockNats, limit: Duration, mut is: impl FnMut() -> bool) -> Duration {
    let mut passed = Duration::ZERO;
    while !is() {
        assert!(passed <= limit, "nothing within {limit:?}");
        nats.advance(MILLIS);
        passed += MILLIS;
    }
    passed
}

fn ops(nats: &MockNats) -> Client {
    nats.client("admin").unwrap()
}

#[test]
fn statistics_come_at_intervals_that_double() {
    let nats = builder().start_blocking().unwrap();
    let mut ops = ops(&nats);
    let mut heartbeats = ops.subscribe("$SYS.SERVER.*.STATSZ").unwrap();
    let mut offsets = Vec::new();
    for step in 1..=46_000_u32 {
        nats.advance(MILLIS);
        if heartbeats.try_next().is_some() {
            offsets.push(f64::from(step) / 1000.0);
        }
    }
    assert_eq!(
        offsets,
        [0.25, 1.25, 3.25, 7.25, 15.25, 25.25, 35.25, 45.25]
    );
}

#[test]
fn one_long_step_is_as_many_short_ones() {
    let nats = builder().start_blocking().unwrap();
    let mut ops = ops(&nats);
    let mut heartbeats = ops.subscribe("$SYS.SERVER.*.STATSZ").unwrap();
    nats.advance(Duration::from_secs(26));
    let times: Vec<_> = drain(&mut heartbeats)
        .iter()
        .map(|message| json(message)["server"]["time"].as_str().unwrap().to_owned())
        .collect();
    let expected = ["00.25", "01.25", "03.25", "07.25", "15.25", "25.25"]
        .map(|seconds| format!("2027-01-15T08:00:{seconds}Z"));
    assert_eq!(times, expected);
}

#[test]
fn time_jumps_to_the_next_thing_that_is_due() {
    let nats = builder().start_blocking().unwrap();
    let mut ops = ops(&nats);
    let mut heartbeats = ops.subscribe("$SYS.SERVER.*.STATSZ").unwrap();
    assert!(nats.advance_to_next());
    let first = json(&heartbeats.try_next().unwrap());
    assert_eq!(first["server"]["time"], "2027-01-15T08:00:00.25Z");
}

#[test]
fn time_stands_still_unless_it_is_moved() {
    let nats = builder().start_blocking().unwrap();
    // A client that is not looked at answers no PING, and a day is long: each question has its own.
    let time = || {
        support::system::ask(&mut ops(&nats), "$SYS.REQ.SERVER.PING.VARZ", "")["data"]["now"]
            .clone()
    };
    assert_eq!(time(), "2027-01-15T08:00:00Z");
    assert_eq!(time(), "2027-01-15T08:00:00Z");
    nats.advance(Duration::from_nanos(1_500));
    assert_eq!(time(), "2027-01-15T08:00:00.0000015Z");
    nats.advance(Duration::from_secs(3600 * 24));
    assert_eq!(time(), "2027-01-16T08:00:00.0000015Z");
}

#[test]
fn the_systems_clock_is_not_moved() {
    let nats = MockNats::start_blocking().unwrap();
    let mut raw = Raw::open(&nats);
    nats.advance(Duration::from_secs(3600));
    assert!(!nats.advance_to_next());
    assert!(!raw.is_closed());
}

#[test]
fn connections_are_counted_every_thirty_seconds() {
    let nats = builder().start_blocking().unwrap();
    let mut ops = ops(&nats);
    let mut counts = ops.subscribe("$SYS.ACCOUNT.USERS.SERVER.CONNS").unwrap();
    let mut older = ops.subscribe("$SYS.SERVER.ACCOUNT.USERS.CONNS").unwrap();
    let app = nats.client("a").unwrap();
    assert_eq!(json(&counts.try_next().unwrap())["conns"], 1);
    let mut tick = |seconds| {
        nats.advance(Duration::from_secs(seconds));
        app.info();
        let seen: Vec<_> = drain(&mut counts)
            .iter()
            .map(|m| json(m)["conns"].clone())
            .collect();
        seen
    };
    assert!(tick(29).is_empty());
    assert_eq!(tick(1), [1]);
    assert!(tick(29).is_empty());
    assert_eq!(tick(1), [1]);
    // Every change puts the next heartbeat off.
    tick(20);
    let second = nats.client("a").unwrap();
    assert_eq!(tick(0), [2]);
    assert!(tick(29).is_empty());
    assert_eq!(tick(1), [2]);
    drop(second);
    assert_eq!(tick(0), [1]);
    drop(app);
    nats.advance(Duration::from_secs(600));
    let left: Vec<_> = drain(&mut counts)
        .iter()
        .map(|m| json(m)["conns"].clone())
        .collect();
    assert_eq!(left, [0]);
    let older: Vec<_> = drain(&mut older)
        .iter()
        .map(|m| json(m)["conns"].clone())
        .collect();
    assert_eq!(older, [1, 1, 1, 2, 2, 1, 0]);
}

#[test]
fn who_does_not_log_in_in_time_is_turned_away() {
    let timing = Timing {
        auth_timeout: Duration::from_millis(1_500),
        ..Timing::default()
    };
    let nats = timed(timing);
    let mut late = Raw::open(&nats);
    let mut in_time = Raw::login(&nats, "a", "a", "");
    nats.advance(Duration::from_millis(1_499));
    assert_eq!(late.read(), "");
    nats.advance(MILLIS);
    assert_eq!(late.read(), "-ERR 'Authentication Timeout'\r\n");
    assert!(late.is_closed());
    assert!(!in_time.is_closed());
}

#[test]
fn the_first_ping_comes_soon_and_the_others_at_the_interval() {
    let nats = timed(Timing {
        ping_interval: Duration::from_secs(60),
        ..Timing::default()
    });
    let mut raw = Raw::login(&nats, "a", "a", "");
    let first = passed_until(&nats, Duration::from_secs(5), || raw.read() == "PING\r\n");
    assert!((2.0..=2.4).contains(&first.as_secs_f64()), "{first:?}");
    raw.send("PONG\r\n");
    let second = passed_until(&nats, Duration::from_secs(120), || raw.read() == "PING\r\n");
    assert_eq!(second, Duration::from_secs(60));
    raw.send("PONG\r\n");
    // Activity puts off the next one.
    nats.advance(Duration::from_secs(30));
    raw.send("PUB x 0\r\n\r\n");
    nats.advance(Duration::from_secs(30));
    assert_eq!(raw.read(), "");
    nats.advance(Duration::from_secs(60));
    assert_eq!(raw.read(), "PING\r\n");
}

#[test]
fn who_does_not_answer_pings_is_stale() {
    for ping_max in 1..=3 {
        let nats = timed(Timing {
            ping_interval: Duration::from_secs(1),
            ping_max,
            ..Timing::default()
        });
        let mut ops = ops(&nats);
        let mut farewells = ops.subscribe("$SYS.ACCOUNT.USERS.DISCONNECT").unwrap();
        let mut raw = Raw::login(&nats, "a", "a", "");
        let mut heard = String::new();
        let passed = passed_until(&nats, Duration::from_secs(10), || {
            heard.push_str(&raw.read());
            // The observer answers its own.
            ops.info();
            heard.contains("-ERR")
        });
        let pings = "PING\r\n".repeat(ping_max as usize);
        assert_eq!(heard, format!("{pings}-ERR 'Stale Connection'\r\n"));
        let least = f64::from(ping_max) + 1.0;
        assert!(
            (least..=least + 0.2).contains(&passed.as_secs_f64()),
            "{passed:?}"
        );
        assert_eq!(
            json(&farewells.try_next().unwrap())["reason"],
            "Stale Connection"
        );
    }
}

#[test]
fn a_lame_duck_closes_its_clients_one_by_one_and_stops() {
    let nats = timed(Timing {
        lame_duck_grace_period: Duration::from_secs(5),
        lame_duck_duration: Duration::from_secs(15),
        ..Timing::default()
    });
    let mut ops = ops(&nats);
    let mut last_words = ops.subscribe("$SYS.SERVER.*.LAMEDUCK").unwrap();
    let mut clients: Vec<_> = (0..4).map(|_| Raw::login(&nats, "a", "a", "")).collect();
    for raw in &mut clients {
        raw.ask("PING\r\n");
    }
    nats.lame_duck();
    assert!(last_words.try_next().is_some());
    for raw in &mut clients {
        let info = raw.read();
        assert!(
            info.starts_with("INFO {") && info.contains("\"ldm\":true"),
            "{info}"
        );
    }
    assert!(nats.connect_in_memory().is_err());
    let open = |clients: &mut Vec<Raw>| {
        clients.retain_mut(|raw| !raw.is_closed());
        clients.len()
    };
    nats.advance(Duration::from_millis(4_999));
    assert_eq!(open(&mut clients), 4);
    let mut fewest = 4;
    for _ in 0..15_000 {
        nats.advance(MILLIS);
        let now = open(&mut clients);
        assert!(fewest - now <= 1, "two at once");
        fewest = now;
        if nats.is_stopped() {
            assert_eq!(fewest, 0);
            return;
        }
    }
    panic!("the server has not stopped");
}

#[test]
fn a_lame_duck_without_clients_stops_at_once() {
    let nats = builder().start_blocking().unwrap();
    nats.lame_duck();
    assert!(nats.is_stopped());
}

#[test]
fn permission_to_respond_ends_in_time() {
    let conf = "accounts { A { users: [{ user: svc, password: pw, permissions {
        subscribe: svc, publish: none, allow_responses { max: 5, expires: \"10s\" } } },
        { user: app, password: pw }] } }";
    let nats = Builder::from_conf_str(conf)
        .unwrap()
        .manual_clock(epoch())
        .start_blocking()
        .unwrap();
    let mut service = nats.client("svc").unwrap();
    let mut requests = service.subscribe("svc").unwrap();
    let mut app = nats.client("app").unwrap();
    let mut answers = app.request("svc", "").unwrap();
    let reply = requests.try_next().unwrap().reply.unwrap();
    nats.advance(Duration::from_secs(10));
    service.publish(&reply, "in time").unwrap();
    nats.advance(MILLIS);
    assert!(service.publish(&reply, "late").is_err());
    assert_eq!(answers.try_next().unwrap().payload, "in time");
    assert_eq!(answers.try_next(), None);
}

#[test]
fn local_times_are_those_of_the_servers_zone() {
    let nats = builder().utc_offset(-5 * 3600).start_blocking().unwrap();
    let mut ops = ops(&nats);
    let mut arrivals = ops.subscribe("$SYS.ACCOUNT.USERS.CONNECT").unwrap();
    let _app = nats.client("a").unwrap();
    let event = json(&arrivals.try_next().unwrap());
    assert_eq!(event["timestamp"], "2027-01-15T08:00:00Z");
    assert_eq!(event["client"]["start"], "2027-01-15T03:00:00-05:00");
}

#[test]
fn a_slow_consumer_that_never_reads_is_gone_after_the_write_deadline() {
    let nats = MockNats::builder()
        .limits(Limits {
            max_pending: 1000,
            ..Limits::default()
        })
        .manual_clock(epoch())
        .start_blocking()
        .unwrap();
    let mut slow = Raw::login(&nats, "a", "a", "");
    slow.send("SUB x 1\r\n");
    let mut app = nats.client("a").unwrap();
    for _ in 0..3 {
        app.publish("x", "0".repeat(600)).unwrap();
    }
    let mut ops = ops(&nats);
    let mut connections = || support::system::statsz(&mut ops)["connections"].as_u64();
    assert_eq!(connections(), Some(3));
    nats.advance(Duration::from_secs(11));
    assert_eq!(connections(), Some(2));
}
