//! What comes and goes leaves no memory behind. This is a test program of its own, because it looks
//! at the memory of the whole process.

mod support;

use nats_mock::protocol::events::CloseReason;
use nats_mock::simulated::Connections;
use nats_mock::topology::Limits;
use nats_mock::{Builder, MockNats};
use support::private_memory;
use support::raw::Raw;

/// How much memory stays when `round`, which has been done before, is done some times more.
fn growth(mut round: impl FnMut()) -> usize {
    for _ in 0..3 {
        round();
    }
    let before = private_memory();
    for _ in 0..5 {
        round();
    }
    private_memory().saturating_sub(before)
}

fn server() -> MockNats {
    let limits = Limits {
        max_closed_clients: 100,
        ..Limits::default()
    };
    // What is to be remembered is remembered soon.
    Builder::new()
        .limits(limits)
        .history(100)
        .start_blocking()
        .unwrap()
}

const MIB: usize = 1024 * 1024;

#[test]
fn what_comes_and_goes_leaves_no_memory_behind() {
    let nats = server();
    let connections = growth(|| {
        for number in 0..2_000 {
            let mut raw = Raw::login(&nats, "a", "a", "");
            raw.send(format!("SUB s.{number} 1\r\nPUB s.{number} 3\r\nabc\r\n"));
        }
    });
    // 100 bytes for each connection would show.
    assert!(connections < MIB, "{connections} bytes for connections");

    let nats = server();
    let simulated = growth(|| {
        let plan = Connections::of("a").count(500).subscribe("s.{n}");
        nats.simulate(plan)
            .unwrap()
            .close(CloseReason::ClientClosed);
    });
    assert!(
        simulated < MIB / 4,
        "{simulated} bytes for simulated connections"
    );

    let nats = server();
    let mut raw = Raw::login(&nats, "a", "a", "");
    let requests = growth_of(&mut raw, |number| {
        // A service of the system account that does not answer to this.
        format!("PUB $SYS.REQ.ACCOUNT.PING.STATZ r.{number} 0\r\n\r\n")
    });
    assert!(requests < MIB, "{requests} bytes for requests");

    let mut raw = Raw::login(&nats, "a", "a", "");
    let subjects = growth_of(&mut raw, |number| {
        format!("SUB a.{number}.* {number}\r\nPUB a.{number}.b 0\r\n\r\nUNSUB {number}\r\n")
    });
    assert!(subjects < MIB, "{subjects} bytes for subjects");
}

/// How much memory stays of what one connection sends, with ever new numbers.
fn growth_of(raw: &mut Raw, text: impl Fn(u64) -> String) -> usize {
    let mut sent = 0;
    growth(|| {
        for _ in 0..30 {
            let batch: String = (sent..sent + 100).map(&text).collect();
            sent += 100;
            raw.ask(batch);
        }
    })
}
