//! Connections that clients make.

use std::io::ErrorKind;
use std::time::Duration;

use nats_mock::MockNats;
use nats_mock::connection::connecting;
use nats_mock::protocol::events::CloseReason;

use crate::start;
use crate::support::system::{ask, connz};
use crate::support::wire::{CARRIERS, Carrier, End, Wire};
use crate::support::{PATIENCE, epoch};

const SECOND: Duration = Duration::from_secs(1);

fn varz(nats: &MockNats) -> serde_json::Value {
    let mut ops = nats.client("admin").unwrap();
    ask(&mut ops, "$SYS.REQ.SERVER.PING.VARZ", "")["data"].take()
}

#[test]
fn nobody_is_let_in_and_nothing_is_noted() {
    for carrier in CARRIERS {
        let nats = start();
        let refused = nats.on(connecting()).times(1).refuse();
        let connected = Wire::connect(&nats, carrier);
        match carrier {
            Carrier::Memory => {
                let error = connected.err().unwrap();
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            }
            Carrier::Tcp => {
                let nothing = String::new();
                assert_eq!(connected.unwrap().end(), (nothing, End::Reset));
            }
        }
        refused.wait_blocking(1, PATIENCE).unwrap();
        // The operator who asks.
        assert_eq!(varz(&nats)["total_connections"], 1);
        Wire::login(&nats, carrier, "app");
    }
}

#[test]
fn a_connection_breaks_as_soon_as_it_is_made() {
    for carrier in CARRIERS {
        let nats = start();
        let reset = nats.on(connecting()).nth(1).reset();
        let mut wire = Wire::connect(&nats, carrier).unwrap();
        assert_eq!(wire.end(), (String::new(), End::Reset), "{carrier:?}");
        reset.wait_blocking(1, PATIENCE).unwrap();
        let mut ops = nats.client("admin").unwrap();
        let closed = connz(&mut ops, &nats, r#"{"state":1}"#);
        assert_eq!(closed["connections"][0]["reason"], "Read Error");
    }
}

#[test]
fn a_server_accepts_and_closes() {
    for carrier in CARRIERS {
        let nats = start();
        let _closed = nats.on(connecting()).nth(2).close();
        let _full = nats
            .on(connecting())
            .nth(2)
            .close_with(CloseReason::MaxConnectionsExceeded);
        let mut wire = Wire::login(&nats, carrier, "app");
        let mut closed = Wire::open(&nats, carrier);
        assert_eq!(closed.end(), (String::new(), End::Closed), "{carrier:?}");
        // It was the first that came to the second rule.
        wire.sync();
        let mut full = Wire::open(&nats, carrier);
        let said = "-ERR 'maximum connections exceeded'\r\n".to_owned();
        assert_eq!(full.end(), (said, End::Closed), "{carrier:?}");
        let mut ops = nats.client("admin").unwrap();
        let closed = connz(&mut ops, &nats, r#"{"state":1,"sort":"stop"}"#);
        let reason = |index: usize| closed["connections"][index]["reason"].clone();
        assert_eq!(reason(0), "Maximum Connections Exceeded");
        assert_eq!(reason(1), "Client Closed");
    }
}

#[test]
fn info_never_comes_before_the_end_of_a_stall() {
    for carrier in CARRIERS {
        let nats = start();
        let stalled = nats.on(connecting()).stall();
        let mut wire = Wire::connect(&nats, carrier).unwrap();
        stalled.wait_blocking(1, PATIENCE).unwrap();
        assert_eq!(stalled.held(), 1);
        assert!(wire.is_quiet(), "{carrier:?}");
        assert!(nats.connections().list().is_empty());
        stalled.release();
        assert_eq!(stalled.held(), 0);
        assert!(wire.line().starts_with("INFO {"));
        wire.log_in("app");

        // Who has given up meanwhile is forgotten.
        let mut impatient = Wire::connect(&nats, carrier).unwrap();
        stalled.wait_blocking(2, PATIENCE).unwrap();
        impatient.send(crate::support::raw::connect("a", "a", ""));
        drop(impatient);
        stalled.end();
        assert_eq!(crate::farewell(&nats), "Client Closed", "{carrier:?}");
        assert_eq!(nats.connections().list().len(), 1);
    }
}

#[test]
fn stalled_clients_end_with_the_server() {
    for carrier in CARRIERS {
        let nats = start();
        let stalled = nats.on(connecting()).stall();
        let mut wire = Wire::connect(&nats, carrier).unwrap();
        stalled.wait_blocking(1, PATIENCE).unwrap();
        nats.first_server().stop();
        assert_eq!(wire.end(), (String::new(), End::Closed), "{carrier:?}");
    }
}

#[test]
fn info_comes_late_by_the_clock_of_the_deployment() {
    for carrier in CARRIERS {
        let builder = MockNats::builder().manual_clock(epoch());
        let nats = builder.start_blocking().unwrap();
        let late = nats.on(connecting()).times(1).late_info(5 * SECOND);
        let mut wire = Wire::connect(&nats, carrier).unwrap();
        late.wait_blocking(1, PATIENCE).unwrap();
        wire.send("PING\r\n");
        nats.advance(5 * SECOND - Duration::from_nanos(1));
        assert!(wire.is_quiet(), "{carrier:?}");
        nats.advance(Duration::from_nanos(1));
        assert!(wire.line().starts_with("INFO {"));
        // What was sent before is handled then.
        assert_eq!(wire.line(), "-ERR 'Authorization Violation'");
        assert_eq!(wire.end().1, End::Closed);
    }
}

#[test]
fn a_late_end_comes_after_a_late_info() {
    let builder = MockNats::builder().manual_clock(epoch());
    let nats = builder.start_blocking().unwrap();
    let _late = nats.on(connecting()).late_info(SECOND);
    let _closed = nats.on(connecting()).close();
    let mut wire = Wire::connect(&nats, Carrier::Memory).unwrap();
    assert!(wire.is_quiet());
    nats.advance(SECOND);
    assert!(wire.line().starts_with("INFO {"));
    assert_eq!(wire.end(), (String::new(), End::Closed));
}

#[test]
fn info_is_edited_and_replaced() {
    for carrier in CARRIERS {
        let nats = start();
        let _edited = nats
            .on(connecting())
            .edit_info(|info| info["server_name"] = "impostor".into());
        let _more = nats.on(connecting()).edit_info(|info| {
            assert_eq!(info["server_name"], "impostor");
            info["headers"] = false.into();
        });
        let mut wire = Wire::connect(&nats, carrier).unwrap();
        let info = wire.line();
        let plain = "\"server_name\":\"impostor\",\"version\":\"2.15.1\",\"proto\":1";
        assert!(info.contains(plain), "{info}");
        assert!(
            info.contains("\"headers\":false") && info.ends_with("} "),
            "{info}"
        );
        wire.log_in("app");

        let _raw = nats.on(connecting()).greet_raw("+OK\r\nINFO {\r\n");
        let mut wire = Wire::connect(&nats, carrier).unwrap();
        assert_eq!([wire.line(), wire.line()], ["+OK", "INFO {"], "{carrier:?}");
    }
}

#[test]
fn an_edited_info_can_be_late() {
    let builder = MockNats::builder().manual_clock(epoch());
    let nats = builder.start_blocking().unwrap();
    let _late = nats.on(connecting()).late_info(SECOND);
    let _raw = nats.on(connecting()).greet_raw("hello\r\n");
    let mut wire = Wire::connect(&nats, Carrier::Memory).unwrap();
    nats.advance(SECOND);
    assert_eq!(wire.line(), "hello");
}

#[test]
fn a_mistake_in_an_edit_is_told_and_changes_nothing() {
    let builder = MockNats::builder().manual_clock(epoch());
    let nats = builder.start_blocking().unwrap();
    let panics = nats
        .on(connecting())
        .edit_info(|info| info["version"] = std::hint::black_box(None::<&str>).unwrap().into());
    let raw = nats.on(connecting()).nth(2).greet_raw("no JSON\r\n");
    let misfit = nats.on(connecting()).nth(2).edit_info(|_| {});
    Wire::login(&nats, Carrier::Memory, "app");
    assert!(panics.mistake().unwrap().starts_with("it panicked: "));
    let mut wire = Wire::connect(&nats, Carrier::Memory).unwrap();
    assert_eq!(wire.line(), "no JSON");
    let mistake = misfit.mistake().unwrap();
    assert!(
        mistake.starts_with("the greeting is not INFO any more: "),
        "{mistake}"
    );
    assert_eq!(raw.mistake(), None);
    let finished = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(nats.finish());
    let told = finished.unwrap_err().to_string();
    assert!(
        told.contains("clients that connect: edit INFO: it panicked"),
        "{told}"
    );
}

#[test]
fn conditions_narrow_and_chance_comes_from_the_seed() {
    let outcomes = |seed: u64| {
        let nats = MockNats::builder()
            .seed(seed)
            .cluster("east", 2)
            .cluster("west", 1)
            .start_blocking()
            .unwrap();
        let _far = nats.on(connecting()).from_host("10.0.0.1").refuse();
        let _west = nats.on(connecting()).to_cluster("west").refuse();
        let some = nats
            .on(connecting())
            .to("east-1")
            .after(2)
            .with_probability(0.5)
            .refuse();
        assert!(nats.server("west-1").client("a").is_err());
        assert!(nats.server("east-2").client("a").is_ok());
        let attempts = (0..40).map(|_| nats.server("east-1").client("a").is_ok());
        let outcomes: Vec<bool> = attempts.collect();
        assert!(outcomes[0] && outcomes[1]);
        let refused = outcomes.iter().filter(|ok| !**ok).count();
        assert_eq!(some.hits(), refused as u64);
        outcomes
    };
    assert_eq!(outcomes(7), outcomes(7));
    assert_ne!(outcomes(7), outcomes(8));
}

#[test]
fn what_a_rule_about_clients_is_can_be_read() {
    let nats = start();
    let armed = nats
        .on(connecting())
        .to("n1")
        .from_host("10.0.0.1")
        .named("the far ones")
        .late_info(SECOND);
    let shown = format!("{armed:?}");
    let text = "the far ones (clients that connect from 10.0.0.1 to n1: INFO late by 1s)";
    assert!(shown.contains(text), "{shown}");
}

#[test]
fn simulated_connections_are_received_alike() {
    use nats_mock::simulated::Connections;
    let nats = start();
    let _refused = nats.on(connecting()).nth(2).refuse();
    let error = nats.simulate(Connections::of("a").count(3)).unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn the_system_refuses_at_a_closed_port() {
    let nats = start();
    let server = nats.first_server();
    let mut there = Wire::login(&nats, Carrier::Tcp, "app");
    let user_port = nats.url_for("a").rsplit_once('@').unwrap().1.to_owned();
    let kind = |connected: std::io::Result<Wire>| connected.err().map(|error| error.kind());
    let at_user_port = || std::net::TcpStream::connect(&*user_port).map_err(|error| error.kind());
    let refused = ErrorKind::ConnectionRefused;

    let closed = server.close_port().unwrap();
    for carrier in CARRIERS {
        assert_eq!(
            kind(Wire::connect(&nats, carrier)),
            Some(refused),
            "{carrier:?}"
        );
    }
    assert_eq!(at_user_port().unwrap_err(), refused);
    assert_eq!(closed.hits(), 1);
    there.sync();

    let again = server.close_port().unwrap();
    drop(again);
    assert_eq!(kind(Wire::connect(&nats, Carrier::Tcp)), Some(refused));
    closed.end().unwrap();
    for carrier in CARRIERS {
        Wire::login(&nats, carrier, "app");
    }
    at_user_port().unwrap();
}

#[test]
fn a_restart_opens_a_closed_port() {
    let nats = start();
    let server = nats.first_server();
    let closed = server.close_port().unwrap();
    server.restart().unwrap();
    assert!(Wire::connect(&nats, Carrier::Tcp).is_ok());
    drop(closed);
    Wire::login(&nats, Carrier::Tcp, "app");
}
