//! What becomes of odd and broken input. The fates were observed on real servers.

use crate::support::{Heard, LIMITS, from_client, from_server};
use nats_mock_protocol::wire::{Limits, Verb, WireError};

/// Decodes at once and byte by byte, and insists on one outcome.
fn hear(input: &[u8]) -> Heard {
    let whole = from_client([input], LIMITS, false);
    assert_eq!(from_client(input.chunks(1), LIMITS, false), whole);
    whole
}

/// Asserts that every input gives just these operations and no fault.
fn accepted(cases: &[(&[u8], &[&str])]) {
    for (input, ops) in cases {
        let heard = hear(input);
        let shown = input.escape_ascii();
        assert_eq!((heard.ops, heard.fault), (owned(ops), None), "{shown}");
    }
}

fn owned(ops: &[&str]) -> Vec<String> {
    ops.iter().map(|&op| op.to_owned()).collect()
}

/// The fault of an input that has no operations in front of it.
fn fault(input: &[u8]) -> WireError {
    let heard = hear(input);
    assert_eq!(heard.ops, Vec::<String>::new(), "{}", input.escape_ascii());
    heard
        .fault
        .unwrap_or_else(|| panic!("no fault in {}", input.escape_ascii()))
}

#[test]
fn tolerated() {
    accepted(&[
        (b"PING\r\n", &["ping"]),
        (b"PING\n", &["ping"]),
        (b"ping and so on \r x\r\n", &["ping"]),
        (b"pOnGG\r\n", &["pong"]),
        (b"+OK\r\n", &["ok"]),
        (b"+ok whatever\n", &["ok"]),
        (b"-ERR 'no'\r\n", &["err \\'no\\'"]),
        (b"PUB a 2\r\nhi\r\n", &["pub a - 2 hi"]),
        (b"pUb\ta\t \t2\t \r\nhi\r\n", &["pub a - 2 hi"]),
        (b"PUB    a b 02\nhi\r\n", &["pub a b 02 hi"]),
        (b"PUB a 0\r\n\r\n", &["pub a - 0 "]),
        (b"PUB \xff\xfe.> 0\r\n\r\n", &["pub \\xff\\xfe.> - 0 "]),
        (
            b"HPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n",
            &["hpub a - 12 12 NATS/1.0\\r\\n\\r\\n"],
        ),
        (b"HPUB a r 0 2\r\nhi\r\n", &["hpub a r 0 2 hi"]),
        (b"HPUB a 2 2\r\nxx\r\n", &["hpub a - 2 2 xx"]),
        (b"SUB a 1\r\n", &["sub a - 1"]),
        (b"sub a..b q 1\r\n", &["sub a..b q 1"]),
        (b"UNSUB 1\r\n", &["unsub 1 None"]),
        (b"UNSUB 1 0\r\n", &["unsub 1 Some(0)"]),
        (b"UNSUB 1 999999999\r\n", &["unsub 1 Some(999999999)"]),
        (b"UNSUB 1 1000000000\r\n", &["unsub 1 None"]),
        (b"UNSUB 1 -1\r\n", &["unsub 1 None"]),
        (b"UNSUB 1 x\r\n", &["unsub 1 None"]),
        (b"CONNECT {}\r\n", &["connect {}"]),
        (b"connect{}\r\n", &["connect {}"]),
        (b"CONNECT\n{}\r\n", &["connect \\n{}"]),
        (b"CONNECT\r\n", &["connect \\r"]),
        (b"CONNECT  \n{} \n", &["connect \\n{} "]),
        (b"INFO {}\r\n", &["info {}"]),
        (b"INFOx\r\n", &["info x"]),
        // Incomplete operations wait.
        (b"PI", &[]),
        (b"PING", &[]),
        (b"PUB", &[]),
        (b"SUB a 1", &[]),
        (b"PUB a 2\r\nhi", &[]),
        (b"PUB a 2\r\nhi\r", &[]),
    ]);
}

#[test]
fn a_carriage_return_anywhere_on_a_line_costs_its_last_byte() {
    accepted(&[
        (b"PUB a\r 22\nhi\r\n", &["pub a\\r - 2 hi"]),
        (b"SUB a\r10\n", &["sub a - 1"]),
        (b"SUB a 1\r\r\n", &["sub a - 1"]),
        (b"UNSUB 1\r50\n", &["unsub 1 Some(5)"]),
        (b"CONNECT {\r}}\n", &["connect {\\r}"]),
    ]);
    assert_eq!(bad_arguments(b"PUB a 22\r2\n"), Verb::Pub);
}

#[test]
fn the_first_byte_of_the_arguments_may_end_a_line_without_ending_it() {
    accepted(&[
        (b"SUB \na 1\r\n", &["sub a - 1"]),
        (b"PUB \na 0\r\n\r\n", &["pub \\na - 0 "]),
        (b"UNSUB \n1\n", &["unsub 1 None"]),
        (b"-ERR \r\n", &["err \\r"]),
    ]);
    for input in [
        &b"PUB \r\n"[..],
        b"PUB \n\r\n",
        b"SUB \r\n",
        b"UNSUB \n\n",
        b"HPUB \r\n",
    ] {
        bad_arguments(input);
    }
}

#[test]
fn unknown_operations_fail_at_the_first_wrong_byte() {
    let cases: &[(&[u8], &str, u8)] = &[
        (b"X", "", b'X'),
        (b"\r", "", b'\r'),
        (b"\n", "", b'\n'),
        (b" ", "", b' '),
        (b"\0", "", 0),
        (b"PINX", "PIN", b'X'),
        (b"PA", "P", b'A'),
        (b"PUBX", "PUB", b'X'),
        (b"PUB\r", "PUB", b'\r'),
        (b"SUB\n", "SUB", b'\n'),
        (b"UNSUBS", "UNSUB", b'S'),
        (b"HPUBa", "HPUB", b'a'),
        (b"-ERR\n", "-ERR", b'\n'),
        (b"+OX", "+O", b'X'),
        (b"CONNECX", "CONNEC", b'X'),
        (b"INFX", "INF", b'X'),
        (b"M", "", b'M'),
        (b"RS+", "", b'R'),
        (b"LS+", "", b'L'),
        (b"A+", "", b'A'),
        (b"HMSG a 1 2\n", "HMSG", b'\n'),
        (b"h\xd0", "H", 0xd0),
    ];
    for &(input, after, found) in cases {
        let got = fault(input);
        assert_eq!(got, WireError::UnknownOperation { after, found });
        assert_eq!(got.reply(), Some("Unknown Protocol Operation"));
        if input.len() == after.len() + 1 {
            assert_eq!(hear(after.as_bytes()).fault, None);
        }
    }
}

fn bad_arguments(input: &[u8]) -> Verb {
    match fault(input) {
        fault @ WireError::Arguments { verb, .. } => {
            assert_eq!(fault.reply(), None);
            verb
        }
        other => panic!("{} gave {other}", input.escape_ascii()),
    }
}

#[test]
fn bad_arguments_close_without_a_word() {
    let cases: &[(&[u8], Verb)] = &[
        (b"PUB a\r\n", Verb::Pub),
        (b"PUB a b c 1\r\n", Verb::Pub),
        (b"PUB a b c d e f 1\r\n", Verb::Pub),
        (b"PUB a x\r\n", Verb::Pub),
        (b"PUB a -1\r\n", Verb::Pub),
        (b"PUB a +1\r\n", Verb::Pub),
        (b"PUB a 1.\r\n", Verb::Pub),
        (b"PUB a 1000000000\r\n", Verb::Pub),
        (b"PUB a 0000000001\r\n", Verb::Pub),
        (b"PUB a 18446744073709551617\r\n", Verb::Pub),
        (b"PUB a 1\rx\n", Verb::Pub),
        (b"HPUB a 1\r\n", Verb::Hpub),
        (b"HPUB a b c 1 2\r\n", Verb::Hpub),
        (b"HPUB a x 2\r\n", Verb::Hpub),
        (b"HPUB a 1 x\r\n", Verb::Hpub),
        (b"HPUB a 3 2\r\n", Verb::Hpub),
        (b"HPUB a 1000000000 2\r\n", Verb::Hpub),
        (b"SUB a\r\n", Verb::Sub),
        (b"SUB a b c d\r\n", Verb::Sub),
        (b"UNSUB 1 2 3\r\n", Verb::Unsub),
    ];
    for &(input, verb) in cases {
        assert_eq!(bad_arguments(input), verb, "{}", input.escape_ascii());
    }
}

#[test]
fn payloads_over_the_limit_are_refused_with_the_line() {
    assert_eq!(
        fault(b"PUB a 33\r\n"),
        WireError::MaxPayload { size: 33, max: 32 }
    );
    let got = fault(b"HPUB a 999999999 999999999\r\n");
    assert_eq!(got.reply(), Some("Maximum Payload Violation"));
    assert_eq!(hear(b"PUB a 32\r\n").fault, None);
}

#[test]
fn the_payload_must_end_in_crlf() {
    for (input, found) in [
        (&b"PUB a 2\r\nhix"[..], b'x'),
        (b"PUB a 2\r\nhi\n", b'\n'),
        (b"PUB a 2\r\nhi\r\r", b'\r'),
        (b"PUB a 0\r\nx", b'x'),
        (b"HPUB a 2 2\r\nhi x", b' '),
    ] {
        let got = fault(input);
        assert!(matches!(got, WireError::PayloadEnd { found: f, .. } if f == found));
        assert_eq!(got.reply(), Some("Unknown Protocol Operation"));
    }
}

#[test]
fn headers_must_have_been_negotiated() {
    let limits = Limits {
        headers: false,
        ..LIMITS
    };
    let heard = from_client([&b"PING\r\nHPUB nonsense\r\n"[..]], limits, false);
    assert_eq!(heard.fault, Some(WireError::HeadersNotSupported));
    assert_eq!(WireError::HeadersNotSupported.reply(), None);
}

#[test]
fn the_control_line_limit_is_exact_and_counts_arguments_only() {
    for verb in [
        "PUB ", "SUB ", "UNSUB ", "HPUB ", "CONNECT", "INFO ", "-ERR \t ",
    ] {
        for end in ["\r\n", "\n"] {
            let fits = format!("{verb}{}{end}", "x".repeat(64));
            let too_long = format!("{verb}{}{end}", "x".repeat(65));
            let over = |input: &str| {
                matches!(
                    hear(input.as_bytes()).fault,
                    Some(WireError::ControlLine { max: 64, .. })
                )
            };
            assert!(!over(&fits), "{fits:?}");
            assert!(over(&too_long), "{too_long:?}");
            // Without a line end, one byte more may be a CR that does not count.
            assert!(over(&too_long[..too_long.len() - end.len()]));
            assert!(!over(&format!("{verb}{}\r", "x".repeat(64))));
            assert!(over(&format!("{verb}{}\rx", "x".repeat(64))));
        }
    }
    let got = fault(format!("SUB {}", "x".repeat(65)).as_bytes());
    assert_eq!(got.reply(), Some("maximum control line exceeded"));
}

#[test]
fn blanks_and_ignored_text_are_without_limit() {
    let blanks = " \t".repeat(1000);
    let input = format!("SUB {blanks}a 1\r\nPING{blanks}\r\nCONNECT{blanks}{{}}\r\n");
    assert_eq!(
        hear(input.as_bytes()).ops,
        ["sub a - 1", "ping", "connect {}"]
    );
}

#[test]
fn where_connect_is_expected_nothing_else_comes_first() {
    for input in ["PING\r\n", "INFO {}\r\n", "+OK\r\n", "\r\n", " ", "X"] {
        let heard = from_client([input.as_bytes()], LIMITS, true);
        let found = input.as_bytes()[0];
        assert_eq!(heard.fault, Some(WireError::ConnectExpected { found }));
    }
    let heard = from_client([&b"cX"[..]], LIMITS, true);
    assert!(matches!(
        heard.fault,
        Some(WireError::UnknownOperation { after: "C", .. })
    ));
    let heard = from_client([&b"connect {}\r\nPING\r\n"[..]], LIMITS, true);
    assert_eq!((heard.ops.len(), heard.fault), (2, None));
}

#[test]
fn operations_in_front_of_a_fault_count() {
    let heard = hear(b"PING\r\nSUB a 1\r\nPUB a 1\r\nxy\r\nPING\r\n");
    assert_eq!(heard.ops, ["ping", "sub a - 1"]);
    assert!(matches!(heard.fault, Some(WireError::PayloadEnd { .. })));
}

#[test]
fn servers_are_held_to_the_limits_too() {
    let cases: &[(&[u8], &str)] = &[
        (
            b"MSG a 1 33\r\n",
            "payload of 33 bytes exceeds the limit of 32 bytes",
        ),
        (
            b"MSG a 1 99999999999999999999\r\n",
            "bad arguments for MSG: bad payload size: \"a 1 99999999999999999999\"",
        ),
        (
            b"HMSG a 1 3 2\r\n",
            "bad arguments for HMSG: header size larger than total size: \"a 1 3 2\"",
        ),
        (
            b"MSG a 1\r\n",
            "bad arguments for MSG: wrong number of arguments: \"a 1\"",
        ),
        (
            b"MSG a 1 0\r\nx",
            "payload of 0 bytes is followed by byte 0x78 instead of CRLF",
        ),
        (b"PUB", "unknown protocol operation: byte 0x55 after `P`"),
    ];
    for &(input, want) in cases {
        let heard = from_server([input], LIMITS);
        assert_eq!(from_server(input.chunks(1), LIMITS), heard);
        let got = heard.fault.map(|fault| fault.to_string());
        assert_eq!(got.as_deref(), Some(want));
    }
    let endless = [b"INFO ".as_slice(), &[b'x'; 4000]].concat();
    let heard = from_server(endless.chunks(7), LIMITS);
    assert!(matches!(heard.fault, Some(WireError::ControlLine { .. })));
}
