//! However a stream is cut into reads, it means the same.

use crate::support::{LIMITS, from_client, from_server};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Pieces that put together make streams which are right for a while.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"PUB ",
        b"HPUB ",
        b"SUB ",
        b"UNSUB ",
        b"pub\t",
        b"PING",
        b"PONG",
        b"CONNECT ",
        b"INFO {}",
        b"MSG ",
        b"HMSG ",
        b"+OK",
        b"-ERR 'x'",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b"a",
        b"a.b ",
        b"1 ",
        b"0",
        b"2\r\n",
        b"3\r\nabc\r\n",
        b"12 14\r\n",
        b"33",
        b"x",
    ];
    let whole: Vec<&[u8]> = vec![
        b"PING\r\n",
        b"PUB a 2\r\nhi\r\n",
        b"HPUB a.b r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
        b"SUB a q 1\r\n",
        b"UNSUB 1 5\r\n",
        b"CONNECT {}\r\n",
        b"MSG a 1 2\r\nhi\r\n",
        b"HMSG a 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
        b"+OK\r\n",
        b"INFO {} \r\n",
    ];
    prop_oneof![
        4 => select(whole).prop_map(<[u8]>::to_vec),
        4 => select(words).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..6),
        1 => (0..140_usize).prop_map(|n| vec![b'y'; n]),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    vec(fragment(), 0..12).prop_map(|fragments| fragments.concat())
}

/// The stream cut at the given places.
fn cut<'a>(stream: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = places.iter().map(|p| p.index(stream.len() + 1)).collect();
    at.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in at {
        pieces.push(&stream[from..to]);
        from = to;
    }
    pieces.push(&stream[from..]);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn of_clients(stream in stream(), places in vec(any::<Index>(), 0..8), first: bool) {
        let whole = from_client([&stream[..]], LIMITS, first);
        prop_assert_eq!(&from_client(stream.chunks(1), LIMITS, first), &whole);
        prop_assert_eq!(&from_client(cut(&stream, &places), LIMITS, first), &whole);
    }

    #[test]
    fn of_servers(stream in stream(), places in vec(any::<Index>(), 0..8)) {
        let whole = from_server([&stream[..]], LIMITS);
        prop_assert_eq!(&from_server(stream.chunks(1), LIMITS), &whole);
        prop_assert_eq!(&from_server(cut(&stream, &places), LIMITS), &whole);
    }
}
