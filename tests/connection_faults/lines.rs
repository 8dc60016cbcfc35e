//! Lines that clients are sent.

use std::time::Duration;

use nats_mock::MockNats;
use nats_mock::connection::{Line, Lines, line};
use nats_mock::programmed::{Armed, On};
use nats_mock::protocol::events::CloseReason;
use nats_mock::protocol::wire::ServerOp;

use crate::support::wire::{CARRIERS, Carrier, End, Wire};
use crate::support::{PATIENCE, epoch};
use crate::{farewell, reason_in_connz, start};

const SECOND: Duration = Duration::from_secs(1);

fn with_manual_clock() -> MockNats {
    let builder = MockNats::builder().manual_clock(epoch());
    builder.start_blocking().unwrap()
}

/// What arrives at a client that is subscribed, when two messages are sent while something is armed.
fn arriving(carrier: Carrier, arm: impl FnOnce(On<Lines>) -> Armed) -> (String, u64) {
    let nats = start();
    let mut wire = Wire::login(&nats, carrier, "app");
    wire.send("SUB x.* 1\r\n");
    wire.sync();
    let armed = arm(nats.on(line(Line::Msg)).to_client("app").subject("x.one"));
    let mut other = nats.client("a").unwrap();
    other.publish("x.one", "1").unwrap();
    other.publish("x.two", "2").unwrap();
    nats.connections().named("app").send_raw("-ERR 'end'\r\n");
    let mut arrived = String::new();
    while !arrived.ends_with("-ERR 'end'\r\n") {
        arrived.push(wire.bytes(1)[0].into());
    }
    let arrived = arrived.replace("-ERR 'end'\r\n", "");
    (arrived, armed.hits())
}

#[test]
fn lines_are_lost_repeated_and_replaced() {
    for carrier in CARRIERS {
        let (one, two) = ("MSG x.one 1 1\r\n1\r\n", "MSG x.two 1 1\r\n2\r\n");
        assert_eq!(arriving(carrier, On::<Lines>::silence), (two.to_owned(), 1));
        assert_eq!(
            arriving(carrier, |on| on.duplicate(2)),
            (format!("{one}{one}{one}{two}"), 1)
        );
        let hostile = "MSG a 1 18446744073709551615\r\n";
        assert_eq!(
            arriving(carrier, |on| on.replace_raw(hostile)),
            (format!("{hostile}{two}"), 1)
        );
        assert_eq!(
            arriving(carrier, |on| on
                .edit_bytes(|line| line.retain(|byte| *byte != b'\r'))),
            (format!("MSG x.one 1 1\n1\n{two}"), 1)
        );
        assert_eq!(
            arriving(carrier, |on| on.nth(2).silence()),
            (format!("{one}{two}"), 0)
        );
    }
}

#[test]
fn one_byte_is_another_and_the_seed_says_which() {
    let corrupted = |seed: u64, carrier: Carrier| {
        let nats = MockNats::builder().seed(seed).start_blocking().unwrap();
        let mut wire = Wire::login(&nats, carrier, "app");
        let armed = nats.on(line(Line::Pong)).to_client("app").corrupt();
        wire.send("PING\r\n".repeat(50));
        let bytes = wire.bytes(50 * "PONG\r\n".len());
        assert_eq!(armed.hits(), 50);
        for line in bytes.chunks(6) {
            let wrong = line.iter().zip(b"PONG\r\n").filter(|(a, b)| a != b);
            assert_eq!(wrong.count(), 1);
        }
        bytes
    };
    let first = corrupted(7, Carrier::Memory);
    assert_eq!(first, corrupted(7, Carrier::Memory));
    assert_eq!(first, corrupted(7, Carrier::Tcp));
    assert_ne!(first, corrupted(8, Carrier::Memory));
}

#[test]
fn a_line_that_is_cut_short_is_the_last() {
    for carrier in CARRIERS {
        let nats = start();
        let mut wire = Wire::login(&nats, carrier, "app");
        wire.send("SUB x 1\r\n");
        wire.sync();
        let armed = nats.on(line(Line::Msg)).to_client("app").truncate(12);
        let mut other = nats.client("a").unwrap();
        other.publish("x", "hello").unwrap();
        other.publish("x", "again").unwrap();
        let cut = "MSG x 1 5\r\nh".to_owned();
        assert_eq!(wire.end(), (cut, End::Closed), "{carrier:?}");
        assert_eq!(armed.hits(), 1);
        assert_eq!(farewell(&nats), "Client Closed");
        assert_eq!(reason_in_connz(&nats), "Client Closed");
    }
}

#[test]
fn a_line_is_the_end_of_the_connection() {
    for carrier in CARRIERS {
        type Arm = fn(On<Lines>) -> Armed;
        let ends: [(Arm, &str, End, &str); 3] = [
            (On::<Lines>::reset, "", End::Reset, "Read Error"),
            (On::<Lines>::close, "", End::Closed, "Client Closed"),
            (
                |on| on.close_with(CloseReason::StaleConnection),
                "-ERR 'Stale Connection'\r\n",
                End::Closed,
                "Stale Connection",
            ),
        ];
        for (arm, said, end, reason) in ends {
            let nats = start();
            let mut wire = Wire::login(&nats, carrier, "app");
            let armed = arm(nats.on(line(Line::Pong)).to_client("app").nth(2));
            wire.send("PING\r\nPING\r\nPING\r\n");
            armed.wait_blocking(1, PATIENCE).unwrap();
            let (rest, how) = wire.end();
            assert_eq!(how, end, "{carrier:?}");
            // A reset may overtake what was sent before.
            if end == End::Closed || carrier == Carrier::Memory {
                assert_eq!(rest, format!("PONG\r\n{said}"));
            }
            assert_eq!(farewell(&nats), reason, "{carrier:?}");
            assert_eq!(reason_in_connz(&nats), reason);
        }
    }
}

#[test]
fn what_is_late_makes_late_what_is_behind_it() {
    for carrier in CARRIERS {
        let nats = with_manual_clock();
        let mut wire = Wire::login(&nats, carrier, "app");
        wire.send("SUB x 1\r\n");
        wire.sync();
        let mut other = nats.client("a").unwrap();
        let late = nats.on(line(Line::Msg)).to_client("app").times(2);
        let late = late.delay(5 * SECOND);
        other.publish("x", "1").unwrap();
        nats.connections().named("app").send_raw("+OK\r\n");
        nats.advance(2 * SECOND);
        other.publish("x", "2").unwrap();
        other.publish("x", "3").unwrap();
        late.wait_blocking(2, PATIENCE).unwrap();
        // The end of the rule does not hurry what is on its way, nor does it let others overtake.
        late.end();
        other.publish("x", "4").unwrap();
        nats.connections()
            .named("app")
            .close(CloseReason::StaleConnection);
        assert_eq!(farewell(&nats), "Stale Connection");

        nats.advance(3 * SECOND - Duration::from_nanos(1));
        assert!(wire.is_quiet(), "{carrier:?}");
        nats.advance(Duration::from_nanos(1));
        assert_eq!(
            [wire.line(), wire.line(), wire.line()],
            ["MSG x 1 1", "1", "+OK"]
        );
        nats.advance(2 * SECOND - Duration::from_nanos(1));
        assert!(wire.is_quiet(), "{carrier:?}");
        nats.advance(Duration::from_nanos(1));
        for text in ["2", "3", "4"] {
            assert_eq!([&*wire.line(), &*wire.line()], ["MSG x 1 1", text]);
        }
        let said = "-ERR 'Stale Connection'\r\n".to_owned();
        assert_eq!(wire.end(), (said, End::Closed), "{carrier:?}");
    }
}

#[test]
fn an_end_that_is_late_is_the_end() {
    for carrier in CARRIERS {
        let nats = with_manual_clock();
        let mut wire = Wire::login(&nats, carrier, "app");
        let pongs = || nats.on(line(Line::Pong)).to_client("app");
        let _late = pongs().delay(SECOND);
        let cut = pongs().nth(2).truncate(3);
        wire.send("PING\r\nPING\r\nPING\r\n");
        cut.wait_blocking(1, PATIENCE).unwrap();
        assert!(wire.is_quiet(), "{carrier:?}");
        assert_eq!(nats.connections().named("app").list().len(), 1);
        nats.advance(SECOND);
        assert_eq!(wire.end(), ("PONG\r\nPON".to_owned(), End::Closed));
        assert_eq!(farewell(&nats), "Client Closed");
    }
}

#[test]
fn half_a_close_comes_behind_what_is_late() {
    let nats = with_manual_clock();
    let mut wire = Wire::login(&nats, Carrier::Memory, "app");
    let _late = nats.on(line(Line::Pong)).to_client("app").delay(SECOND);
    wire.send("PING\r\n");
    nats.connections().named("app").half_close();
    assert!(wire.is_quiet());
    nats.advance(SECOND);
    assert_eq!(wire.end(), ("PONG\r\n".to_owned(), End::Closed));
}

#[test]
fn every_kind_of_line_is_known() {
    for carrier in CARRIERS {
        let nats = with_manual_clock();
        let mark = |kind: Line, mark: &'static str| {
            nats.on(line(kind)).to_user("a").edit_bytes(move |line| {
                line.splice(..0, mark.bytes());
            })
        };
        let greeting = nats.on(line(Line::Info)).times(1).edit_bytes(|line| {
            line.splice(..0, "first ".bytes());
        });
        let mut wire = Wire::connect(&nats, carrier).unwrap();
        assert!(wire.line().starts_with("first INFO {"), "{carrier:?}");
        assert_eq!(greeting.hits(), 1);
        let _marks = [
            mark(Line::Info, "info "),
            mark(Line::Msg, "msg "),
            mark(Line::Ping, "ping "),
            mark(Line::Pong, "pong "),
            mark(Line::Ok, "ok "),
            mark(Line::Err, "err "),
        ];
        wire.send(
            "CONNECT {\"user\":\"a\",\"pass\":\"a\",\"headers\":true,\"protocol\":1}\r\n\
             SUB x 1\r\nHPUB x 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPING\r\n",
        );
        assert_eq!(
            [wire.line(), wire.line(), wire.line()],
            ["ok +OK", "ok +OK", "ok +OK"]
        );
        assert_eq!(wire.line(), "msg HMSG x 1 12 14");
        assert_eq!(
            [wire.line(), wire.line(), wire.line()],
            ["NATS/1.0", "", "hi"]
        );
        assert_eq!(wire.line(), "pong PONG");
        assert!(wire.line().starts_with("info INFO {"));
        nats.advance(3 * SECOND);
        assert_eq!(wire.line(), "ping PING");
        wire.send("nonsense\r\n");
        assert_eq!(wire.line(), "err -ERR 'Unknown Protocol Operation'");
        assert_eq!(wire.end().1, End::Closed);
    }
}

#[test]
fn conditions_narrow() {
    let nats = MockNats::builder()
        .cluster("east", 2)
        .cluster("west", 1)
        .start_blocking()
        .unwrap();
    let on = || nats.on(line(Line::Msg));
    let elsewhere = [
        on().from("east-2").silence(),
        on().from_cluster("west").silence(),
        on().to_user("admin").silence(),
        on().to_account("SYS").silence(),
        on().to_client("nobody").silence(),
        on().subject("y").silence(),
        on().when(|line| matches!(line, ServerOp::Msg(message) if message.payload == b"ho"))
            .silence(),
        nats.on(line(Line::Ping)).silence(),
    ];
    let here = [
        on().from("east-1").from("east-2").duplicate(0),
        on().from_cluster("east").duplicate(0),
        on().to_user("a").duplicate(0),
        on().to_account("USERS").duplicate(0),
        on().to_client("").duplicate(0),
        on().subject("*").duplicate(0),
        on().when(|line| matches!(line, ServerOp::Msg(message) if message.payload == b"hi"))
            .duplicate(0),
        nats.on(line(Line::Any)).subject("x").duplicate(0),
    ];
    let mut app = nats.server("east-1").client("a").unwrap();
    let mut heard = app.subscribe("x").unwrap();
    app.publish("x", "hi").unwrap();
    assert_eq!(heard.try_next().unwrap().text(), "hi");
    for armed in elsewhere {
        assert_eq!(armed.hits(), 0, "{armed:?}");
    }
    for armed in here {
        assert_eq!(armed.hits(), 1, "{armed:?}");
    }
}

#[test]
fn rules_add_up_in_their_order() {
    let arrived = arriving(Carrier::Memory, |on| {
        on.edit_bytes(|line| line.extend_from_slice(b"behind\r\n"))
    });
    assert_eq!(
        arrived.0,
        "MSG x.one 1 1\r\n1\r\nbehind\r\nMSG x.two 1 1\r\n2\r\n"
    );

    let nats = start();
    let mut wire = Wire::login(&nats, Carrier::Memory, "app");
    let add =
        |text: &'static str| move |line: &mut Vec<u8>| line.extend_from_slice(text.as_bytes());
    let pongs = || nats.on(line(Line::Pong)).to_client("app");
    let _last = pongs().priority(1).edit_bytes(add("3"));
    let _one = pongs().edit_bytes(add("1"));
    let _two = pongs().edit_bytes(add("2"));
    wire.send("PING\r\n");
    assert_eq!(wire.bytes(9), b"PONG\r\n123");
}

#[test]
fn what_was_sent_before_is_not_changed() {
    let nats = start();
    let mut wire = Wire::login(&nats, Carrier::Memory, "app");
    // In memory nothing is fetched before it is read.
    wire.send("PING\r\n");
    let silent = nats.on(line(Line::Pong)).silence();
    wire.send("PING\r\n");
    assert_eq!(silent.hits(), 1);
    drop(silent);
    nats.connections().named("app").send_raw("end\r\n");
    assert_eq!([wire.line(), wire.line()], ["PONG", "end"]);
}

#[test]
fn bytes_of_the_test_are_no_lines() {
    let nats = start();
    let mut wire = Wire::login(&nats, Carrier::Memory, "app");
    let any = nats.on(line(Line::Any)).silence();
    nats.connections()
        .named("app")
        .send_raw("PING\r\nMSG a 1 99");
    assert_eq!(wire.bytes(16), b"PING\r\nMSG a 1 99");
    assert_eq!(any.hits(), 0);
}

#[test]
fn a_flood_makes_a_slow_consumer() {
    for more in [usize::MAX, 20_000_000] {
        let nats = start();
        let mut wire = Wire::login(&nats, Carrier::Memory, "app");
        let pongs = || nats.on(line(Line::Pong)).to_client("app");
        let _late = pongs().delay(SECOND);
        let _flood = pongs().duplicate(more);
        wire.send("PING\r\nPING\r\n");
        assert_eq!(farewell(&nats), "Slow Consumer (Pending Bytes)");
        assert_eq!(wire.end(), (String::new(), End::Closed));
    }
}

#[test]
fn a_mistake_is_told_and_the_line_goes_on_unchanged() {
    let nats = start();
    let mut wire = Wire::login(&nats, Carrier::Memory, "app");
    let edit = nats.on(line(Line::Pong)).edit_bytes(|line| {
        line.clear();
        panic!("on purpose");
    });
    let when = nats
        .on(line(Line::Pong))
        .when(|_| panic!("as well"))
        .silence();
    wire.send("PING\r\n");
    assert_eq!(wire.line(), "PONG");
    assert_eq!(edit.mistake().as_deref(), Some("it panicked: on purpose"));
    assert_eq!(when.mistake().as_deref(), Some("it panicked: as well"));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let told = runtime.unwrap().block_on(nats.finish()).unwrap_err();
    assert!(
        told.to_string()
            .contains("PONG: edit: it panicked: on purpose"),
        "{told}"
    );
}

#[test]
fn what_the_end_of_a_connection_leads_to_passes_as_well() {
    let nats = start();
    let mut ops = nats.client("admin").unwrap();
    let mut ends = ops.subscribe("$SYS.ACCOUNT.*.DISCONNECT").unwrap();
    let mut wire = Wire::login(&nats, Carrier::Memory, "app");
    let _closed = nats.on(line(Line::Pong)).to_client("app").close();
    let twice = nats
        .on(line(Line::Msg))
        .subject("$SYS.ACCOUNT.USERS.DISCONNECT")
        .duplicate(1);
    wire.send("PING\r\n");
    assert_eq!(std::iter::from_fn(|| ends.try_next()).count(), 2);
    assert_eq!(twice.hits(), 1);
}

/// Everything that two clients get while lines are lost, changed, late and doubled.
fn transcript(seed: u64, cut: usize) -> String {
    let nats = MockNats::builder()
        .seed(seed)
        .manual_clock(epoch())
        .start_blocking()
        .unwrap();
    let mut one = Wire::login(&nats, Carrier::Memory, "one");
    let mut two = Wire::login(&nats, Carrier::Memory, "two");
    one.send("SUB x 1\r\n");
    two.send("SUB x 2\r\n");
    one.sync();
    two.sync();
    let on = || nats.on(line(Line::Msg)).subject("x");
    let _armed = [
        on().with_probability(0.2).silence(),
        on().to_client("one").with_probability(0.5).corrupt(),
        on().with_probability(0.3).delay_between(SECOND, 3 * SECOND),
        on().to_client("two").with_probability(0.3).duplicate(1),
    ];
    let mut publisher = nats.connect_in_memory().unwrap();
    let mut script = b"CONNECT {\"user\":\"a\",\"pass\":\"a\",\"verbose\":false}\r\n".to_vec();
    for number in 0..40 {
        script.extend_from_slice(format!("PUB x 6\r\nnr. {number:02}\r\n").as_bytes());
    }
    script
        .chunks(cut)
        .for_each(|chunk| publisher.send(chunk).unwrap());
    nats.advance(10 * SECOND);
    for client in ["one", "two"] {
        nats.connections().named(client).half_close();
    }
    format!("{}\n---\n{}", one.end().0, two.end().0)
}

#[test]
fn the_same_seed_gives_the_same_bytes_however_they_are_cut() {
    let first = transcript(7, usize::MAX);
    assert!(first.len() > 500, "{first}");
    assert_eq!(first, transcript(7, usize::MAX));
    assert_eq!(first, transcript(7, 1));
    assert_eq!(first, transcript(7, 7));
    assert_ne!(first, transcript(8, usize::MAX));
}
