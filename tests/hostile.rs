//! Peers that send anything: nothing panics, hangs, or takes memory without bound.

mod support;

use std::time::{Duration, Instant};

use nats_mock::topology::Limits;
use nats_mock::{Builder, MockNats};
use proptest::prelude::*;
use proptest::sample::select;
use support::raw::{Raw, Tcp, connect};
use support::{PATIENCE, epoch};

fn server() -> MockNats {
    MockNats::builder()
        .manual_clock(epoch())
        .start_blocking()
        .unwrap()
}

/// The server still serves somebody else.
fn still_works(nats: &MockNats) {
    let mut client = nats.client("a").unwrap();
    let mut messages = client.subscribe("alive").unwrap();
    client.publish("alive", "yes").unwrap();
    assert_eq!(messages.try_next().unwrap().payload, "yes");
}

/// Pieces of the protocol, right and wrong.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = select(
        &[
            "PUB a 5\r\nhello\r\n",
            "PUB a r 0\r\n\r\n",
            "HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
            "SUB a 1\r\n",
            "SUB a q 2\r\n",
            "SUB > 3\r\n",
            "UNSUB 1\r\n",
            "UNSUB 3 2\r\n",
            "PING\r\n",
            "PONG\r\n",
            "+OK\r\n",
            "-ERR 'x'\r\n",
            "INFO {}\r\n",
            "CONNECT {}\r\n",
            "CONNECT {\"user\":\"a\",\"pass\":\"a\",\"verbose\":true,\"pedantic\":true}\r\n",
            "MSG a 1 0\r\n\r\n",
            "PUB",
            " ",
            "\t",
            "\r",
            "\n",
            "\r\n",
            "0",
            "99999999999999999999",
            "-1",
            "PUB a 1048577\r\n",
            "PUB a 18446744073709551616\r\n",
            "HPUB a 20 10\r\n",
            "SUB",
            "UNSUB",
            "CONNECT ",
            "{",
            "}",
            "\"",
            "\\u0000",
            "[[[[[[[[",
            "a.*.>",
            ">>",
            "..",
            "$SYS.REQ.SERVER.PING",
            "PUB $SYS.REQ.SERVER.PING.CONNZ a 3\r\n{\"}\r\n",
            "PUB $SYS.REQ.USER.INFO a 0\r\n\r\n",
            "RS+ a b\r\n",
            "PUB _R_.xxxxxx.yyyyyy 0\r\n\r\n",
            "SUB _INBOX.1 9\r\n",
        ][..],
    )
    .prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![
        8 => known,
        1 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => (any::<u8>(), 0..5000_usize).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let fragments = proptest::collection::vec(fragment(), 0..30);
    (any::<bool>(), fragments).prop_map(|(login, fragments)| {
        let first = if login {
            connect("a", "a", "")
        } else {
            String::new()
        };
        [first.into_bytes(), fragments.concat()].concat()
    })
}

/// The stream with other letters in place of `word`, which is as long.
fn without(mut stream: Vec<u8>, word: &[u8; 4]) -> Vec<u8> {
    while let Some(at) = stream.windows(word.len()).position(|window| window == word) {
        stream[at..at + word.len()].copy_from_slice(b"none");
    }
    stream
}

/// What the server says to a stream that comes in the given pieces, and whether it closes.
fn answer<'a>(nats: &MockNats, pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, bool) {
    let mut raw = Raw::open(nats);
    for piece in pieces {
        raw.send(piece);
    }
    (raw.read(), raw.is_closed())
}

/// INFO names the client, and random ids differ: what is equal all the same.
fn without_ids(text: &str) -> String {
    let lines = text.split("\r\n").filter(|line| !line.starts_with("INFO"));
    let kept: Vec<_> = lines
        .filter(|line| !line.contains("\"server\":{"))
        .collect();
    kept.join("\n")
}

proptest! {
    #![proptest_config(support::cases(400))]

    #[test]
    fn any_bytes_are_taken(streams in proptest::collection::vec(stream(), 1..5)) {
        let nats = server();
        let mut raws: Vec<_> = streams.iter().map(|_| Raw::open(&nats)).collect();
        for (raw, stream) in raws.iter_mut().zip(&streams) {
            raw.send(stream);
        }
        nats.advance(Duration::from_secs(5));
        for raw in &mut raws {
            raw.read();
        }
        drop(raws);
        still_works(&nats);
    }

    #[test]
    fn the_pieces_of_a_stream_make_no_difference(
        // Answers of the system account come in its own time: the sooner, the smaller the pieces.
        stream in stream().prop_map(|stream| without(stream, b"$SYS")),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        // A server for each, so that one leaves no trace for the other.
        let whole = answer(&server(), [&stream[..]]);
        let bytes = answer(&server(), stream.chunks(1));
        prop_assert_eq!(without_ids(&bytes.0), without_ids(&whole.0));
        prop_assert_eq!(bytes.1, whole.1);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let mut rest = 0;
        let mut pieces: Vec<&[u8]> = cuts
            .iter()
            .map(|&cut| &stream[std::mem::replace(&mut rest, cut)..cut])
            .collect();
        pieces.push(&stream[rest..]);
        let cut = answer(&server(), pieces);
        prop_assert_eq!(without_ids(&cut.0), without_ids(&whole.0));
        prop_assert_eq!(cut.1, whole.1);
    }

    #[test]
    fn any_connect_is_taken_or_refused(json in "\\PC{0,200}") {
        let nats = server();
        answer(&nats, [format!("CONNECT {json}\r\nPING\r\n").as_bytes()]);
        still_works(&nats);
    }

    #[test]
    fn any_request_body_is_answered(
        endpoint in select(&["IDZ", "STATSZ", "VARZ", "CONNZ", "SUBSZ", "HEALTHZ", "NOSUCHZ", ""][..]),
        body in prop_oneof![
            "\\PC{0,60}",
            "\\{\"(limit|offset|cid|sort|state|subscriptions|auth|acc|user|filter_subject|name|server_name|test)\":(-?[0-9]{1,20}|true|null|\"[a-z.>*]{0,5}\"|\\[\\]|\\{\\})\\}",
        ],
    ) {
        let nats = server();
        let mut raw = Raw::login(&nats, "admin", "changeit", "");
        raw.send("SUB r 1\r\n");
        let subject = format!("$SYS.REQ.SERVER.PING.{endpoint}");
        raw.send(format!("PUB {} r {}\r\n{body}\r\n", subject.trim_end_matches('.'), body.len()));
        prop_assert!(!raw.is_closed());
        still_works(&nats);
    }
}

#[test]
fn tcp_connections_may_send_anything_too() {
    let nats = MockNats::start_blocking().unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(support::cases(60));
    runner
        .run(&stream(), |stream| {
            let mut tcp = Tcp::open(nats.address());
            tcp.send(&stream);
            Ok(())
        })
        .unwrap();
    let mut tcp = Tcp::open(nats.address());
    tcp.send(connect("a", "a", ""));
    tcp.send("PING\r\n");
    assert_eq!(tcp.read_line(), "PONG");
}

#[test]
fn sizes_beyond_the_limit_are_refused_before_the_payload_comes() {
    let nats = server();
    for size in [
        "1048577",
        "99999999999999999999",
        "18446744073709551615",
        "4294967296",
    ] {
        let (text, closed) = answer(
            &nats,
            [
                connect("a", "a", "").as_bytes(),
                format!("PUB a {size}\r\n").as_bytes(),
            ],
        );
        assert!(closed, "{size}: {text}");
    }
    still_works(&nats);
}

#[test]
fn a_line_without_end_is_cut_off() {
    let nats = server();
    for verb in [
        "SUB ",
        "CONNECT {\"name\":\"",
        "PUB ",
        "UNSUB ",
        "INFO {\"a\":\"",
    ] {
        let mut raw = Raw::login(&nats, "a", "a", "");
        raw.send(verb);
        let mut sent = 0;
        while !raw.is_closed() {
            raw.send([b'x'; 1024]);
            sent += 1024;
            assert!(sent <= 64 * 1024, "{verb} goes on");
        }
    }
    still_works(&nats);
}

#[test]
fn json_that_is_deep_is_no_way_in() {
    let nats = Builder::new()
        .limits(Limits {
            max_control_line: 1 << 20,
            ..Limits::default()
        })
        .start_blocking()
        .unwrap();
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        let deep = open.repeat(100_000);
        answer(&nats, [format!("CONNECT {{\"name\":{deep}\r\n").as_bytes()]);
        let mut ops = Raw::login(&nats, "admin", "changeit", "");
        ops.send(format!(
            "PUB $SYS.REQ.SERVER.PING.CONNZ r {}\r\n{deep}\r\n",
            deep.len()
        ));
        assert!(!ops.is_closed());
    }
    still_works(&nats);
}

#[test]
fn many_subscriptions_are_held_and_given_back() {
    let nats = server();
    let mut raw = Raw::login(&nats, "a", "a", "");
    let many: String = (0..20_000)
        .map(|sid| format!("SUB s.{sid}.* {sid}\r\n"))
        .collect();
    let begin = Instant::now();
    raw.send(many);
    assert!(raw.ask("PING\r\n").contains("PONG"));
    drop(raw);
    assert!(begin.elapsed() < PATIENCE);
    still_works(&nats);
}

#[test]
fn commands_in_one_batch_are_carried_out_one_after_the_other() {
    let nats = server();
    let mut ops = Raw::login(&nats, "admin", "changeit", "");
    let kick = format!(
        "PUB $SYS.REQ.SERVER.{}.KICK r 13\r\n{{\"cid\":99999}}\r\n",
        nats.server_id()
    );
    ops.send("SUB r 1\r\n");
    let answers = ops.ask(kick.repeat(20_000));
    assert_eq!(answers.matches("no such client").count(), 20_000);
    still_works(&nats);
}

#[test]
fn limits_are_kept() {
    let limits = Limits {
        max_subscriptions: 2,
        max_subscription_tokens: 3,
        max_control_line: 100,
        max_payload: 10,
        ..Limits::default()
    };
    let nats = Builder::new().limits(limits).start_blocking().unwrap();
    let mut raw = Raw(nats.connect_in_memory().unwrap());
    raw.read();
    raw.send("CONNECT {\"user\":\"a\",\"pass\":\"a\",\"verbose\":false}\r\n");
    assert_eq!(raw.ask("SUB a.b.c 1\r\nSUB b 2\r\n"), "");
    assert_eq!(
        raw.ask("SUB c 3\r\n"),
        "-ERR 'maximum subscriptions exceeded'\r\n"
    );
    let tokens = raw.ask("SUB a.b.c.d 4\r\n");
    assert!(tokens.contains("too many tokens"), "{tokens}");
    assert_eq!(
        raw.ask("PUB b 10\r\n0123456789\r\n"),
        "MSG b 2 10\r\n0123456789\r\n"
    );
    assert_eq!(
        raw.ask("PUB b 11\r\n"),
        "-ERR 'Maximum Payload Violation'\r\n"
    );
    assert!(raw.is_closed());

    let mut raw = Raw::open(&nats);
    let text = raw.ask(format!("CONNECT {{\"user\":\"{}\"}}\r\n", "x".repeat(100)));
    assert_eq!(text, "-ERR 'maximum control line exceeded'\r\n");
}

#[test]
fn a_slow_consumer_that_never_reads_is_closed_at_once() {
    let nats = MockNats::builder()
        .limits(Limits {
            max_pending: 64 * 1024,
            ..Limits::default()
        })
        .start_blocking()
        .unwrap();
    let mut deaf = std::net::TcpStream::connect(nats.address()).unwrap();
    let hello = connect("a", "a", "");
    std::io::Write::write_all(&mut deaf, hello.as_bytes()).unwrap();
    std::io::Write::write_all(&mut deaf, b"SUB flood 1\r\n").unwrap();
    let mut flood = nats.client("a").unwrap();
    let body = vec![b'x'; 32 * 1024];
    // The peer sees the end on its own writes, although it reads nothing.
    let deadline = Instant::now() + PATIENCE;
    while std::io::Write::write_all(&mut deaf, b"PING\r\n").is_ok() {
        assert!(Instant::now() < deadline, "the connection is still open");
        flood.publish("flood", &body).unwrap();
    }
}

#[test]
fn subjects_of_thousands_of_tokens_end_with_the_server() {
    let nats = server();
    let deep = "a.".repeat(1900) + "a";
    let mut raw = Raw::login(&nats, "a", "a", "");
    raw.send(format!(
        "SUB {deep} 1\r\nSUB {deep}.* 2\r\nPUB {deep} 2\r\nhi\r\nUNSUB 2\r\n"
    ));
    assert!(raw.ask("PING\r\n").contains("\r\nhi\r\n"));
    drop(nats);
}

/// What somebody might begin TLS with.
#[cfg(feature = "tls")]
fn first_bytes() -> impl Strategy<Value = Vec<u8>> {
    const BEGINNINGS: [&[u8]; 7] = [
        &[0x16, 3, 1],
        &[0x16, 3, 3],
        &[0x16],
        &[0x15, 3, 3, 0, 2, 2, 40],
        &[0x17, 3, 3],
        b"PING\r\n",
        b"",
    ];
    let begin = select(&BEGINNINGS[..]);
    let body = proptest::collection::vec(any::<u8>(), 0..600);
    // The beginning of what a client can do, within a record, each with its right length or another.
    (begin, any::<bool>(), any::<bool>(), body).prop_map(|(begin, has_length, is_hello, body)| {
        let mut message = body;
        if is_hello {
            let length = (message.len() as u32).to_be_bytes();
            message.splice(0..0, [1, length[1], length[2], length[3], 3, 3]);
        }
        let mut bytes = begin.to_vec();
        if has_length {
            bytes.extend((message.len() as u16).to_be_bytes());
        }
        bytes.extend(message);
        bytes
    })
}

#[cfg(feature = "tls")]
#[test]
fn first_bytes_of_tls_are_survived() {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream};

    let authority = nats_mock::SelfSigned::new().unwrap();
    let servers: Vec<MockNats> = [(false, None), (true, None), (true, Some(PATIENCE))]
        .into_iter()
        .map(|(handshake_first, fallback)| {
            let mut tls = authority.verifying_server();
            tls.handshake_first = handshake_first;
            tls.fallback = fallback;
            let builder = MockNats::builder().tls(tls);
            builder.start_blocking().unwrap()
        })
        .collect();
    proptest!(support::cases(64), |(bytes in first_bytes(), which in 0..servers.len(), cut in any::<prop::sample::Index>())| {
        let mut stream = TcpStream::connect(servers[which].address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // Whoever is refused early cannot be sent the rest.
        let (one, other) = bytes.split_at(cut.index(bytes.len() + 1));
        let _ = stream.write_all(one).and_then(|()| stream.write_all(other));
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        let is_over = end.is_ok_and(|length| length < 4096)
            || !matches!(stream.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
        prop_assert!(is_over);
    });
    servers.iter().for_each(still_works);
}
