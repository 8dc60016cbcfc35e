//! Connections that are there.

use nats_mock::protocol::events::CloseReason;
use nats_mock::recorded::EventKind;
use nats_mock::{ClientError, MockNats};

use crate::support::system::{ask, connz};
use crate::support::wire::{CARRIERS, Carrier, End, Wire};
use crate::support::{PATIENCE, epoch, eventually};
use crate::{farewell, reason_in_connz, start};

#[test]
fn a_reset_breaks_the_connection_on_both_sides() {
    for carrier in CARRIERS {
        let nats = start();
        let mut wire = Wire::login(&nats, carrier, "app");
        assert_eq!(nats.connections().named("app").reset(), 1);
        assert_eq!(wire.end(), (String::new(), End::Reset), "{carrier:?}");
        assert_eq!(farewell(&nats), "Read Error");
        assert_eq!(reason_in_connz(&nats), "Read Error");
        assert_eq!(nats.connections().named("app").reset(), 0);
    }
}

#[test]
fn what_was_sent_before_a_reset_can_be_read_in_memory() {
    let nats = start();
    let mut wire = Wire::login(&nats, Carrier::Memory, "app");
    let app = nats.connections().named("app").one();
    app.send_raw("MSG x 1 2\r\nhi\r\n");
    app.reset();
    assert!(!app.is_open());
    assert_eq!(wire.line(), "MSG x 1 2");
    assert_eq!(wire.end(), ("hi\r\n".to_owned(), End::Reset));
}

#[test]
fn a_write_after_a_reset_fails_in_memory_as_on_a_socket() {
    let nats = start();
    let mut app = nats.connect_in_memory().unwrap();
    nats.connections().reset();
    let refused = app.send(b"PING\r\n").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(app.take_received().unwrap().starts_with(b"INFO "));
    assert_eq!(app.take_received(), None);
    assert!(app.was_reset());
    let refused = app.send(b"PING\r\n").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::BrokenPipe);
}

/// What real servers do; the texts are those of the goldens and of servers with JWTs.
const ENDINGS: [(CloseReason, &str, &str); 17] = [
    (CloseReason::ClientClosed, "", "Client Closed"),
    (CloseReason::Kicked, "", "Kicked"),
    (CloseReason::ServerShutdown, "", "Server Shutdown"),
    (CloseReason::ReadError, "", "Read Error"),
    (CloseReason::WriteError, "", "Write Error"),
    (CloseReason::ParseError, "", "Parse Error"),
    (
        CloseReason::SlowConsumerPendingBytes,
        "",
        "Slow Consumer (Pending Bytes)",
    ),
    (
        CloseReason::SlowConsumerWriteDeadline,
        "",
        "Slow Consumer (Write Deadline)",
    ),
    (
        CloseReason::StaleConnection,
        "Stale Connection",
        "Stale Connection",
    ),
    (
        CloseReason::AuthenticationExpired,
        "User Authentication Expired",
        "Authentication Expired",
    ),
    (
        CloseReason::Revocation,
        "User Authentication Revoked",
        "Credentials Revoked",
    ),
    (
        CloseReason::AuthenticationTimeout,
        "Authentication Timeout",
        "Authentication Timeout",
    ),
    (
        CloseReason::AuthenticationViolation,
        "Authorization Violation",
        "Authentication Failure",
    ),
    (
        CloseReason::MaxConnectionsExceeded,
        "maximum connections exceeded",
        "Maximum Connections Exceeded",
    ),
    (
        CloseReason::MaxPayloadExceeded,
        "Maximum Payload Violation",
        "Maximum Message Payload Exceeded",
    ),
    (
        CloseReason::MaxControlLineExceeded,
        "maximum control line exceeded",
        "Maximum Control Line Exceeded",
    ),
    (
        CloseReason::ProtocolViolation,
        "Unknown Protocol Operation",
        "Protocol Violation",
    ),
];

#[test]
fn a_server_ends_connections_for_every_reason() {
    for carrier in CARRIERS {
        let nats = start();
        for (reason, text, told) in ENDINGS {
            let mut wire = Wire::login(&nats, carrier, "app");
            assert_eq!(nats.connections().named("app").close(reason), 1);
            let said = match text {
                "" => String::new(),
                text => format!("-ERR '{text}'\r\n"),
            };
            assert_eq!(wire.end(), (said, End::Closed), "{carrier:?} {reason}");
            assert_eq!(farewell(&nats), told, "{carrier:?}");
            assert_eq!(reason_in_connz(&nats), told, "{carrier:?}");
        }
    }
}

#[test]
fn what_is_counted_for_a_reason_is_counted() {
    let nats = start();
    for reason in [
        CloseReason::SlowConsumerPendingBytes,
        CloseReason::SlowConsumerWriteDeadline,
        CloseReason::StaleConnection,
        CloseReason::AuthenticationViolation,
    ] {
        let _app = Wire::login(&nats, Carrier::Memory, "app");
        nats.connections().named("app").close(reason);
    }
    let mut ops = nats.client("admin").unwrap();
    let varz = &ask(&mut ops, "$SYS.REQ.SERVER.PING.VARZ", "")["data"];
    assert_eq!(varz["slow_consumers"], 2);
    assert_eq!(varz["stale_connections"], 1);
    let violations = nats.events().kind(EventKind::AuthError).history();
    assert_eq!(violations.len(), 1);
    assert!(
        violations[0]
            .text()
            .contains("\"reason\":\"Authentication Failure\"")
    );
}

#[test]
fn an_end_can_have_another_text() {
    for carrier in CARRIERS {
        let nats = start();
        let mut wire = Wire::login(&nats, carrier, "app");
        let expired = CloseReason::AuthenticationExpired;
        let app = nats.connections().named("app");
        app.close_saying(expired, "Account Authentication Expired");
        let said = "-ERR 'Account Authentication Expired'\r\n".to_owned();
        assert_eq!(wire.end(), (said, End::Closed), "{carrier:?}");
        assert_eq!(farewell(&nats), "Authentication Expired");
    }
}

#[test]
fn half_a_close_ends_one_direction() {
    for carrier in CARRIERS {
        let nats = start();
        let mut listener = nats.client("a").unwrap();
        let mut heard = listener.subscribe("x").unwrap();
        let mut wire = Wire::login(&nats, carrier, "app");
        assert_eq!(nats.connections().named("app").half_close(), 1);
        assert_eq!(wire.end(), (String::new(), End::Closed), "{carrier:?}");
        wire.send("PUB x 2\r\nhi\r\n");
        assert_eq!(heard.wait_next(PATIENCE).unwrap().text(), "hi");
        assert!(nats.connections().named("app").one().is_open());
        wire.finish();
        assert_eq!(farewell(&nats), "Client Closed");
    }
}

#[test]
fn nothing_passes_while_a_connection_is_stalled() {
    for carrier in CARRIERS {
        let nats = start();
        let mut other = nats.client("a").unwrap();
        let mut heard = other.subscribe("from.app").unwrap();
        let mut wire = Wire::login(&nats, carrier, "app");
        wire.send("SUB to.app 1\r\n");
        wire.sync();

        let stall = nats.connections().named("app").stall();
        assert_eq!(stall.len(), 1);
        other.publish("to.app", "hi").unwrap();
        wire.send("PUB from.app 2\r\nho\r\n");
        assert!(wire.is_quiet(), "{carrier:?}");
        assert!(heard.try_next().is_none(), "{carrier:?}");
        let mut ops = nats.client("admin").unwrap();
        eventually("20 bytes to wait", || {
            let shown = connz(&mut ops, &nats, r#"{"user":"a","auth":true}"#);
            shown["connections"][1]["pending_bytes"] == 20
        });

        stall.end();
        assert_eq!(wire.line(), "MSG to.app 1 2");
        assert_eq!(wire.line(), "hi");
        assert_eq!(heard.wait_next(PATIENCE).unwrap().text(), "ho");
        wire.sync();
    }
}

#[test]
fn other_connections_are_not_stalled() {
    for carrier in CARRIERS {
        let nats = start();
        let _one = Wire::login(&nats, carrier, "one");
        let mut other = Wire::login(&nats, carrier, "other");
        let stall = nats.connections().named("one").stall();
        other.sync();
        drop(stall);
    }
}

#[test]
fn a_stalled_client_is_found_stale() {
    for carrier in CARRIERS {
        let nats = MockNats::builder()
            .manual_clock(epoch())
            .start_blocking()
            .unwrap();
        let mut wire = Wire::login(&nats, carrier, "app");
        let stall = nats.connections().named("app").stall();
        nats.advance(std::time::Duration::from_secs(600));
        assert_eq!(farewell(&nats), "Stale Connection");
        assert!(wire.is_quiet(), "{carrier:?}");
        drop(stall);
        let pings = "PING\r\n".repeat(3);
        let said = format!("{pings}-ERR 'Stale Connection'\r\n");
        let (rest, end) = wire.end();
        assert!(
            said.ends_with(&rest) && rest.ends_with("-ERR 'Stale Connection'\r\n"),
            "{rest}"
        );
        assert_eq!(end, End::Closed);
    }
}

#[test]
fn the_end_of_a_stalled_client_is_noticed_afterwards() {
    for carrier in CARRIERS {
        let nats = start();
        let mut heard = nats.client("a").unwrap().subscribe("x").unwrap();
        let mut wire = Wire::login(&nats, carrier, "app");
        let stall = nats.connections().named("app").stall();
        wire.send("PUB x 3\r\nbye\r\n");
        drop(wire);
        assert!(nats.connections().named("app").one().is_open());
        drop(stall);
        assert_eq!(farewell(&nats), "Client Closed", "{carrier:?}");
        assert_eq!(heard.wait_next(PATIENCE).unwrap().text(), "bye");
        eventually("its end", || {
            nats.connections().named("app").list().is_empty()
        });
    }
}

#[test]
fn two_stalls_hold_until_both_have_ended() {
    let nats = start();
    let mut wire = Wire::login(&nats, Carrier::Memory, "app");
    let app = nats.connections().named("app");
    let (one, two) = (app.stall(), app.stall());
    wire.send("PING\r\n");
    drop(one);
    assert!(wire.is_quiet());
    drop(two);
    assert_eq!(wire.line(), "PONG");
}

#[test]
fn a_stall_ends_with_a_reset_and_with_the_server() {
    for carrier in CARRIERS {
        let nats = start();
        let mut wire = Wire::login(&nats, carrier, "app");
        let stall = nats.connections().named("app").stall();
        nats.connections().named("app").reset();
        assert_eq!(wire.end().1, End::Reset, "{carrier:?}");
        drop(stall);

        let mut wire = Wire::login(&nats, carrier, "app");
        let stall = nats.connections().named("app").stall();
        nats.first_server().crash();
        assert_eq!(wire.end().1, End::Closed, "{carrier:?}");
        drop(stall);
    }
}

#[test]
fn a_stalled_client_takes_no_more_than_a_socket() {
    let nats = start();
    let mut app = nats.client("a").unwrap();
    let _stall = nats.connections().of_user("a").stall();
    let payload = vec![b'x'; 100_000];
    let refused = (0..1_000).find_map(|_| app.publish("x", &payload).err());
    let Some(ClientError::Closed(error)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn hostile_lengths_come_between_two_lines() {
    for carrier in CARRIERS {
        let nats = start();
        let mut wire = Wire::login(&nats, carrier, "app");
        wire.send("PING\r\n");
        assert_eq!(wire.line(), "PONG");
        let hostile = "MSG a 1 18446744073709551615\r\n";
        assert_eq!(nats.connections().named("app").send_raw(hostile), 1);
        wire.send("PING\r\n");
        assert_eq!(wire.line(), hostile.trim_end(), "{carrier:?}");
        assert_eq!(wire.line(), "PONG");
    }
}

#[test]
fn connections_are_told_apart() {
    let nats = MockNats::builder()
        .cluster("east", 2)
        .start_blocking()
        .unwrap();
    let one = nats.server("east-1").client("a").unwrap();
    let _two = nats.server("east-2").client("a").unwrap();
    let _ops = nats.server("east-2").client("admin").unwrap();
    let _new = nats.connect_in_memory().unwrap();
    let count = |connections: nats_mock::connection::Connections| connections.list().len();
    let all = || nats.connections();
    assert_eq!(count(all()), 4);
    assert_eq!(count(all().of_user("a")), 2);
    assert_eq!(count(all().in_account("SYS")), 1);
    assert_eq!(count(all().at("east-1")), 2);
    assert_eq!(count(all().at(nats.server("east-2").id())), 2);
    assert_eq!(count(all().at("east-2").of_user("a")), 1);
    let cid = one.info().client_id;
    let found = all().at("east-1").with_cid(cid).one();
    assert_eq!((found.cid(), found.user()), (cid, Some("a")));
    assert_eq!((found.server(), found.account()), ("east-1", "USERS"));
    assert_eq!((found.name(), found.host()), ("", "127.0.0.1"));
}

#[test]
fn simulated_connections_can_be_ended() {
    use nats_mock::simulated::Connections;
    let nats = start();
    let made = nats.simulate(Connections::of("a").count(3)).unwrap();
    let all = nats.connections().of_user("a");
    assert_eq!(all.stall().len(), 0);
    assert_eq!(all.half_close(), 3);
    assert_eq!(all.send_raw("PING\r\n"), 3);
    assert_eq!(all.reset(), 3);
    assert!(made.iter().all(|one| !one.is_open()));
    assert_eq!(farewell(&nats), "Read Error");
}
