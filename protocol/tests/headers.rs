//! Message headers.

use nats_mock_protocol::headers::{self, HeaderError, Headers};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn strict(block: &str) -> Result<Headers, HeaderError> {
    Headers::parse(block.as_bytes())
}

fn lenient(block: &[u8]) -> Headers {
    Headers::parse_lenient(block).unwrap_or_else(|e| panic!("{}: {e}", block.escape_ascii()))
}

fn pairs(headers: &Headers) -> Vec<(&str, &str)> {
    headers.iter().collect()
}

#[test]
fn keys_keep_case_order_and_repetition() {
    let headers = strict("NATS/1.0\r\nb:1\r\nA: 2\r\nB:  3 \t\r\nb:\r\n\r\n").unwrap();
    assert_eq!(
        pairs(&headers),
        [("b", "1"), ("A", "2"), ("B", "3"), ("b", "")]
    );
    assert!(headers.get_all("b").eq(["1", ""]));
    assert_eq!((headers.get("a"), headers.status()), (None, None));
}

#[test]
fn status_lines() {
    let status = |line: &str| {
        strict(&format!("{line}\r\n\r\n")).map(|h| h.status().map(ToString::to_string))
    };
    assert_eq!(status("NATS/1.0"), Ok(None));
    assert_eq!(status("NATS/1.0  "), Ok(None));
    assert_eq!(status("NATS/1.0 503"), Ok(Some("503".to_owned())));
    assert_eq!(status("NATS/1.0   503  "), Ok(Some("503".to_owned())));
    assert_eq!(
        status("NATS/1.0 100 Idle Heartbeat"),
        Ok(Some("100 Idle Heartbeat".to_owned()))
    );
    for line in [
        "NATS/1.0503",
        "NATS/1.0 50",
        "NATS/1.0 5033",
        "NATS/1.0 x",
        "NATS/1.0 503 a\nb: c",
        "NATS/1.00",
    ] {
        let shown = line.escape_default().to_string();
        assert_eq!(status(line), Err(HeaderError::Status { line: shown }));
    }
}

#[test]
fn strict_reading_names_what_is_wrong() {
    let line = |number, line: &str| HeaderError::Line {
        number,
        line: line.to_owned(),
    };
    let key = |key: &str| HeaderError::Key {
        key: key.to_owned(),
    };
    for (block, want) in [
        ("", HeaderError::Version),
        ("HTTP/1.0\r\n\r\n", HeaderError::Version),
        ("nats/1.0\r\n\r\n", HeaderError::Version),
        ("NATS/1.0", HeaderError::End),
        ("NATS/1.0\r\n", HeaderError::End),
        ("NATS/1.0\r\na: b\r\n", HeaderError::End),
        ("NATS/1.0\r\n\r\nx", HeaderError::End),
        ("NATS/1.0\r\nabc\r\n\r\n", line(2, "abc")),
        ("NATS/1.0\r\na: b\r\n folded\r\n\r\n", line(3, " folded")),
        ("NATS/1.0\r\n: b\r\n\r\n", key("")),
        ("NATS/1.0\r\na : b\r\n\r\n", key("a ")),
        ("NATS/1.0\r\na\u{e9}: b\r\n\r\n", key("a\\xc3\\xa9")),
        (
            "NATS/1.0\r\na: b\nc\r\n\r\n",
            HeaderError::Value {
                key: "a".to_owned(),
            },
        ),
    ] {
        assert_eq!(strict(block), Err(want), "{block:?}");
    }
}

#[test]
fn lenient_reading_takes_what_it_can() {
    for (block, status, want) in [
        (&b"NATS/1.0\r\na: b"[..], None, &[("a", "b")][..]),
        (
            b"NATS/1.0\na: b\nC:d\n\nno: more",
            None,
            &[("a", "b"), ("C", "d")],
        ),
        (b"NATS/1.0 503\r\n\r\n", Some(503), &[]),
        (b"NATS/1.0 nonsense\r\na:1\r\n\r\n", None, &[("a", "1")]),
        (
            b"NATS/1.0\r\nnothing\r\n:x\r\na:1\r\n\r\n",
            None,
            &[("a", "1")],
        ),
        (
            b"NATS/1.0\r\na: 1\r\n\t2 \r\n 3\r\n\r\n",
            None,
            &[("a", "1 2 3")],
        ),
        (
            b"NATS/1.0\r\n lost\r\na:\xff\r\n\r\n",
            None,
            &[("a", "\u{fffd}")],
        ),
    ] {
        let headers = lenient(block);
        assert_eq!(headers.status().map(|s| s.code), status);
        assert_eq!(pairs(&headers), want);
    }
    assert_eq!(Headers::parse_lenient(b"x"), Err(HeaderError::Version));
}

#[test]
fn building() {
    let mut headers = Headers::new();
    assert_eq!(headers.append("A", " 1\r\n2 "), Ok(()));
    assert_eq!(headers.append("B", "x"), Ok(()));
    assert_eq!(headers.insert("A", "3"), Ok(()));
    assert_eq!(pairs(&headers), [("B", "x"), ("A", "3")]);
    headers.remove("B");
    assert_eq!((headers.len(), headers.is_empty()), (1, false));
    for key in ["", "a b", "a:b", "a\r", "\u{e9}"] {
        let refused = Err(HeaderError::Key {
            key: key.to_owned(),
        });
        assert_eq!(headers.append(key, "x"), refused);
        assert_eq!(headers.insert(key, "x"), refused);
    }
    headers.set_status(503, "No\r\nResponders");
    let mut out = Vec::new();
    headers.encode(&mut out);
    assert_eq!(out, b"NATS/1.0 503 No  Responders\r\nA: 3\r\n\r\n");
}

#[test]
fn raw_lookup_is_as_picky_as_the_real_server() {
    let block = b"NATS/1.0\r\nX-Key:\r\nKey:  a \r\nkey: b\r\nKey: c\r\nLast: d";
    let get = |key| headers::get(block, key);
    assert_eq!(get("Key"), Some(&b"a "[..]));
    assert_eq!(get("key"), Some(&b"b"[..]));
    assert_eq!(get("X-Key"), Some(&b""[..]));
    assert_eq!(get("Last"), Some(&b"d"[..]));
    assert_eq!(get("KEY"), None);
    assert_eq!(get("NATS/1.0"), None);
    assert_eq!(get("Ke"), None);
    assert_eq!(get(""), None);
    // A key that occurs in the second byte of the block is not found.
    assert_eq!(headers::get(b"NATS/1.0\r\nA: 1\r\n\r\n", "A"), None);
    assert_eq!(headers::get(b"NATS/1.0\nKey: 1\r\n\r\n", "Key"), None);
    assert_eq!(headers::get(b"", "Key"), None);
}

#[test]
fn adding_to_a_raw_block() {
    let with = |block: Option<&[u8]>| headers::with(block, "Key", " v\n");
    for nothing in [
        None,
        Some(&b""[..]),
        Some(b"\r\n"),
        Some(b"NATS/1.0\r\n\r\n"),
    ] {
        assert_eq!(with(nothing), b"NATS/1.0\r\nKey: v\r\n\r\n");
    }
    assert_eq!(
        with(Some(b"NATS/1.0\r\nKey: 1\r\nKey: 2\r\n\r\n")),
        b"NATS/1.0\r\nKey: v\r\n\r\n"
    );
    assert_eq!(
        with(Some(
            b"NATS/1.0 100\r\nKey: 1\r\na: b\r\nKey: 2\r\nc: d\r\n\r\n"
        )),
        b"NATS/1.0 100\r\na: b\r\nc: d\r\nKey: v\r\n\r\n"
    );
}

/// Removal of the lines of a key, one by one from the start each time.
fn with_by_definition(block: &[u8], key: &str) -> Vec<u8> {
    let mut kept = block[..block.len().saturating_sub(2)].to_vec();
    while !kept.is_empty() {
        let Some(value) = headers::get(&kept, key) else {
            break;
        };
        let offset = value.as_ptr() as usize - kept.as_ptr() as usize;
        let start = kept[..offset]
            .windows(2)
            .rposition(|w| w == b"\r\n")
            .map_or(0, |at| at + 2);
        let Some(end) = kept[start..].windows(2).position(|w| w == b"\r\n") else {
            break;
        };
        kept.drain(start..start + end + 2);
        if kept.len() <= 12 {
            kept.clear();
        }
    }
    if kept.is_empty() {
        kept.extend_from_slice(b"NATS/1.0\r\n");
    }
    kept.extend_from_slice(format!("{key}: v\r\n\r\n").as_bytes());
    kept
}

fn block() -> impl Strategy<Value = Vec<u8>> {
    let parts = vec![
        "NATS/1.0",
        "\r\n",
        "\r\n",
        "Key",
        "Key: 1\r\n",
        "KeyKey",
        ":",
        " ",
        "a: b\r\n",
        "\n",
        "\r",
        " 503",
    ];
    vec(select(parts), 0..12).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn it_round_trips(
        status in proptest::option::of((0..1000_u16, "[a-zA-Z ]{0,12}")),
        entries in vec(("[!-9;-~]{1,12}", any::<String>()), 0..6),
    ) {
        let mut headers = Headers::new();
        if let Some((code, description)) = status {
            headers.set_status(code, &description);
        }
        for (key, value) in entries {
            headers.append(&key, &value).unwrap();
        }
        let mut out = Vec::new();
        headers.encode(&mut out);
        prop_assert_eq!(Headers::parse(&out), Ok(headers.clone()));
        prop_assert_eq!(Headers::parse_lenient(&out), Ok(headers));
    }

    #[test]
    fn what_is_strictly_right_reads_the_same_leniently(block in block()) {
        if let Ok(headers) = Headers::parse(&block) {
            prop_assert_eq!(Headers::parse_lenient(&block), Ok(headers));
        }
    }

    #[test]
    fn removing_lines_in_one_go_is_removing_them_one_by_one(block in block()) {
        prop_assert_eq!(headers::with(Some(&block), "Key", "v"), with_by_definition(&block, "Key"));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..60), key in "[a-z:\r\n]{0,3}") {
        let block = [&b"NATS/1.0\r\n"[..], &bytes].concat();
        let _ = Headers::parse(&block);
        let _ = Headers::parse_lenient(&block);
        let _ = headers::get(&bytes, &key);
        let _ = headers::with(Some(&bytes), &key, "v");
    }
}
