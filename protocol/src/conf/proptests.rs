//! Properties of the parser over generated text.

use std::fmt::Write as _;

use jiff::civil::DateTime;
use proptest::{collection::vec, prelude::*};

use super::{Kind, Map, MemorySource, Position, Value, duration, parse};

/// Pieces from which hostile text is put together: everything the lexer treats in some way of its own.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\n)\n",
    "=",
    ":",
    ",",
    ";",
    "\n",
    "\r\n",
    " ",
    "\t",
    "#",
    "//",
    "/",
    "\"",
    "'",
    "\\",
    "\\x4",
    "\\n",
    "$",
    "$a",
    "$E",
    "$CYCLE",
    "$2a$",
    "include ",
    "include a.conf",
    "a",
    "b c",
    "1",
    "2kb",
    "3kbb",
    "-",
    "1.5",
    "10.0.0.1:4",
    "2016-05-04T18:53:41Z",
    "2016-",
    "true",
    "OFF",
    "\u{e9}",
    "\u{a0}",
    "\u{663}",
    "\0",
    "\u{feff}",
];

fn source() -> MemorySource {
    MemorySource::new()
        .var("E", "{x: [1, $a ]}")
        .var("CYCLE", "[$CYCLE]")
        .file("a.conf", "a: 1\ninclude b.conf")
        .file("b.conf", "b: [x, y]\nc: $E")
}

fn value(kind: Kind) -> Value {
    Value {
        kind,
        at: Position {
            file: "".into(),
            line: 0,
            column: 0,
        },
        used: false,
    }
}

fn map(entries: Vec<(String, Kind)>) -> Map {
    let mut map = Map::default();
    for (key, kind) in entries {
        map.insert(key, value(kind));
    }
    map
}

fn kinds() -> impl Strategy<Value = Kind> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Kind::Bool),
        any::<i64>().prop_map(Kind::Integer),
        (-1e15..1e15f64).prop_map(Kind::Float),
        "[^\0]{0,12}".prop_map(Kind::String),
        (0i16..=9999, 1i8..=12, 1i8..=28, 0i8..24, 0i8..60, 0i8..60).prop_map(
            |(y, mo, d, h, mi, s)| Kind::DateTime(DateTime::new(y, mo, d, h, mi, s, 0).unwrap())
        ),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6)
                .prop_map(|kinds| Kind::Array(kinds.into_iter().map(value).collect())),
            vec((keys(), inner), 0..6).prop_map(|entries| Kind::Map(map(entries))),
        ]
    })
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,8}", "[^\0\"]{0,8}"]
}

/// A way to write the same tree: which separators and quotes to use.
fn write(text: &mut String, kind: &Kind, style: u8) {
    match kind {
        Kind::Map(map) => {
            text.push('{');
            write_entries(text, map, style);
            text.push('}');
        }
        Kind::Array(array) => {
            text.push('[');
            for value in array {
                write(text, &value.kind, style);
                text.push_str([" ,", "\n", " # ]\n", " , // ,\n"][usize::from(style % 4)]);
            }
            text.push(']');
        }
        Kind::String(s) => {
            text.push('"');
            for c in s.chars() {
                match c {
                    '"' => text.push_str("\\\""),
                    '\\' => text.push_str("\\\\"),
                    '\n' if style.is_multiple_of(2) => text.push_str("\\n"),
                    c if c.is_ascii() && style.is_multiple_of(3) => {
                        write!(text, "\\x{:02x}", u32::from(c)).unwrap()
                    }
                    c => text.push(c),
                }
            }
            text.push('"');
        }
        Kind::Integer(n) => write!(text, "{n}").unwrap(),
        Kind::Float(n) => write!(
            text,
            "{n:?}{}",
            if n.fract() == 0.0 && !format!("{n:?}").contains('.') {
                ".0"
            } else {
                ""
            }
        )
        .unwrap(),
        Kind::Bool(b) => text.push_str(match (b, style % 3) {
            (true, 0) => "true",
            (true, 1) => "YES",
            (true, _) => "On",
            (false, 0) => "FALSE",
            (false, 1) => "no",
            (false, _) => "off",
        }),
        Kind::DateTime(time) => write!(text, "{}", time.strftime("%Y-%m-%dT%H:%M:%SZ")).unwrap(),
    }
}

fn write_entries(text: &mut String, map: &Map, style: u8) {
    for (key, value) in map.iter() {
        let separator = [":", "=", " ", " : "][usize::from(style % 4)];
        write!(text, "\"{key}\"{separator}").unwrap();
        write(text, &value.kind, style);
        text.push_str([",", "\n", ";", " # }\n", " // {\n"][usize::from(style % 5)]);
    }
}

fn same(a: &Kind, b: &Kind) -> bool {
    match (a, b) {
        (Kind::Map(a), Kind::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b.iter())
                    .all(|((ka, a), (kb, b))| ka == kb && same(&a.kind, &b.kind))
        }
        (Kind::Array(a), Kind::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.kind, &b.kind))
        }
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn a_tree_comes_back_however_it_is_written(entries in vec((keys(), kinds()), 0..6), style in any::<u8>()) {
        let tree = map(entries);
        let mut text = String::new();
        write_entries(&mut text, &tree, style);
        let plain = parse(&text, "", &MemorySource::new()).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert!(same(&Kind::Map(plain.root().clone()), &Kind::Map(tree.clone())), "{text}");
        let braced = parse(format!("{{ {text} }}"), "", &MemorySource::new());
        prop_assert_eq!(braced.map(|d| d.digest()), Ok(plain.digest()));
    }

    #[test]
    fn hostile_text_is_read_or_refused(pieces in vec(proptest::sample::select(PIECES), 0..40)) {
        let text = pieces.concat();
        let first = parse(&text, "x/n.conf", &source());
        if let Ok(document) = &first {
            prop_assert_eq!(document.digest().len(), "sha256:".len() + 64);
        }
        prop_assert_eq!(first, parse(&text, "x/n.conf", &source()));
    }

    #[test]
    fn bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, "", &source());
    }

    #[test]
    fn durations_come_back(nanos in any::<i64>()) {
        prop_assert_eq!(duration::parse(&duration::format(nanos)), Ok(nanos));
    }

    #[test]
    fn durations_are_read_or_refused(text in "[-+]?([0-9]{0,20}[.]?[0-9]{0,25}(ns|us|\u{b5}s|ms|s|m|h|x|)){0,4}") {
        let _ = duration::parse(&text);
    }
}
