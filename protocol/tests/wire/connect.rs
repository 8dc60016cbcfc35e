//! The options of CONNECT, read as the real server reads them.

use nats_mock_protocol::wire::{ConnectError, ConnectOptions};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::IgnoredAny;

fn parse(json: &str) -> ConnectOptions {
    ConnectOptions::parse(json.as_bytes()).unwrap_or_else(|e| panic!("{json}: {e}"))
}

fn error(json: &[u8]) -> ConnectError {
    match ConnectOptions::parse(json) {
        Err(error) => error,
        Ok(options) => panic!("{} gave {options:?}", json.escape_ascii()),
    }
}

#[test]
fn what_is_absent_or_null_keeps_its_default() {
    for json in ["{}", "null", " {\"verbose\":null,\"name\":null}\t\r\n "] {
        assert_eq!(parse(json), ConnectOptions::default());
    }
    let defaults = ConnectOptions::default();
    assert!(defaults.verbose && defaults.pedantic && defaults.echo && !defaults.headers);
}

#[test]
fn a_second_connect_starts_from_the_first() {
    let mut options = parse(r#"{"name":"a","verbose":false}"#);
    assert_eq!(options.apply(br#"{"lang":"b"}"#), Ok(()));
    assert_eq!((options.name.as_str(), options.lang.as_str()), ("a", "b"));
    assert!(!options.verbose);
}

#[test]
fn keys_match_in_any_case_and_the_last_one_wins() {
    let options = parse(r#"{"NAME":"a","Name":"b","verbose":true,"VERBOSE":false}"#);
    assert_eq!((options.name.as_str(), options.verbose), ("b", false));
    assert_eq!(parse(r#"{"n\u0061me":"a"}"#).name, "a");
    assert_eq!(
        parse("{\"\u{17f}ig\":\"a\",\"N\u{212a}ey\":\"b\"}").sig,
        "a"
    );
    assert_eq!(parse("{\"n\u{212a}ey\":\"b\"}").nkey, "b");
    assert_eq!(parse(r#"{" name":"a","nam":"b"}"#).name, "");
}

#[test]
fn strings_are_unescaped_and_mended() {
    let name = |json: &[u8]| ConnectOptions::parse(json).map(|options| options.name);
    let cases: [(&[u8], &str); 9] = [
        (br#"{"name":"\"\\\/\b\f\n\r\t"}"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (br#"{"name":"\u00e9\ud83d\ude00"}"#, "\u{e9}\u{1f600}"),
        (br#"{"name":"\ud83dx"}"#, "\u{fffd}x"),
        (br#"{"name":"\ud83d\u0041"}"#, "\u{fffd}A"),
        (br#"{"name":"\ude00"}"#, "\u{fffd}"),
        (b"{\"name\":\"\xff\xfex\"}", "\u{fffd}\u{fffd}x"),
        (b"{\"name\":\"\xe2\x82x\"}", "\u{fffd}\u{fffd}x"),
        (b"{\"name\":\"\xed\xa0\x80\"}", "\u{fffd}\u{fffd}\u{fffd}"),
        (b"{\"name\":\"\xe2\x82\xac\x7f\"}", "\u{20ac}\u{7f}"),
    ];
    for (json, want) in cases {
        assert_eq!(name(json).as_deref(), Ok(want));
    }
}

#[test]
fn wrong_types_are_errors_and_the_rest_is_set_nevertheless() {
    for (json, option) in [
        (r#"{"verbose":1}"#, "verbose"),
        (r#"{"Verbose":"true"}"#, "verbose"),
        (r#"{"name":1}"#, "name"),
        (r#"{"name":["a"]}"#, "name"),
        (r#"{"protocol":"1"}"#, "protocol"),
        (r#"{"protocol":1.0}"#, "protocol"),
        (r#"{"protocol":1e0}"#, "protocol"),
        (r#"{"protocol":9223372036854775808}"#, "protocol"),
        (r#"{"protocol":1e999}"#, "protocol"),
        (r#"{"import":1}"#, "import"),
        (r#"{"import":{"allow":"a"}}"#, "import"),
        (r#"{"export":{"Deny":[1]}}"#, "export"),
        (r#"{"export":{"deny":[{"a":[[[1]]]}]}}"#, "export"),
    ] {
        let got = error(json.as_bytes());
        assert!(
            matches!(got, ConnectError::Type { option: o, .. } if o == option),
            "{got}"
        );
    }
    let mut options = ConnectOptions::default();
    let got = options.apply(br#"{"lang":"a","verbose":7,"name":"b","echo":"x"}"#);
    assert_eq!(
        got.map_err(|e| e.to_string()),
        Err("CONNECT: option \"verbose\" must be a bool, found 7".to_owned())
    );
    assert_eq!((options.lang.as_str(), options.name.as_str()), ("a", "b"));
    assert_eq!(parse(r#"{"protocol":-0}"#).protocol, 0);
    assert_eq!(parse(r#"{"import":{"allow":["a",null],"x":5}}"#).name, "");
}

#[test]
fn what_is_no_json_object_is_an_error() {
    for (json, at) in [
        ("", 0),
        ("\r", 1),
        ("{", 1),
        ("{}x", 2),
        ("{} {}", 3),
        ("{,}", 1),
        ("{\"a\"}", 4),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{\"a\":01}", 6),
        ("{\"a\":+1}", 5),
        ("{\"a\":.5}", 5),
        ("{\"a\":1.}", 7),
        ("{\"a\":1e}", 7),
        ("{\"a\":tru}", 8),
        ("{\"a\":\"\t\"}", 6),
        ("{\"a\":\"\\x\"}", 7),
        ("{\"a\":\"\\u12g4\"}", 10),
        ("{\"a\":[1,]}", 8),
        ("{a:1}", 1),
        ("\u{feff}{}", 0),
        ("{}\u{c}", 2),
    ] {
        assert_eq!(
            error(json.as_bytes()),
            ConnectError::Syntax { at },
            "{json:?}"
        );
    }
    for (json, found) in [
        ("[]", "array"),
        ("\"x\"", "string"),
        ("true", "bool"),
        ("-1", "number"),
    ] {
        assert_eq!(error(json.as_bytes()), ConnectError::NotAnObject { found });
    }
}

#[test]
fn nesting_is_bounded_and_costs_no_stack() {
    let nested = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(parse(&nested(9_999)), ConnectOptions::default());
    assert_eq!(error(nested(10_000).as_bytes()), ConnectError::Depth);
    assert_eq!(error("[".repeat(1_000_000).as_bytes()), ConnectError::Depth);
}

#[test]
fn as_json_it_has_the_order_and_the_omissions_of_the_real_struct() {
    assert_eq!(
        ConnectOptions::default().to_json(),
        r#"{"echo":true,"verbose":true,"pedantic":true,"tls_required":false,"name":"","lang":"","version":"","protocol":0}"#
    );
    assert_eq!(
        parse(r#"{"pass":"<&>","user":"u","headers":true}"#).to_json(),
        concat!(
            r#"{"echo":true,"verbose":true,"pedantic":true,"tls_required":false,"user":"u","#,
            r#""pass":"\u003c\u0026\u003e","name":"","lang":"","version":"","protocol":0,"headers":true}"#
        )
    );
}

/// Text that is JSON or nearly so.
fn nearly_json() -> impl Strategy<Value = String> {
    let words = vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"name\"",
        "\"verbose\"",
        "\"a\"",
        "true",
        "false",
        "null",
        "1",
        "-0",
        "1.5",
        "2e9",
        "0",
        " ",
        "\n",
        "\"\\u0041\"",
        "\"\\n\"",
        "{\"a\":1}",
        "[1]",
        "x",
    ];
    vec(select(words), 0..14).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn it_round_trips(
        flags: [bool; 7],
        texts in vec(any::<String>(), 11),
        protocol: i64,
    ) {
        let mut options = ConnectOptions::default();
        let [echo, verbose, pedantic, tls, new, headers, no_responders] = flags;
        options.echo = echo;
        options.verbose = verbose;
        options.pedantic = pedantic;
        options.tls_required = tls;
        options.new_account = new;
        options.headers = headers;
        options.no_responders = no_responders;
        options.protocol = protocol;
        let slots = [
            &mut options.nkey,
            &mut options.jwt,
            &mut options.sig,
            &mut options.auth_token,
            &mut options.user,
            &mut options.pass,
            &mut options.name,
            &mut options.lang,
            &mut options.version,
            &mut options.account,
            &mut options.proxy_sig,
        ];
        for (slot, text) in slots.into_iter().zip(texts) {
            *slot = text;
        }
        prop_assert_eq!(ConnectOptions::parse(options.to_json().as_bytes()), Ok(options));
    }

    #[test]
    fn its_syntax_is_json(text in nearly_json()) {
        let ours = !matches!(
            ConnectOptions::parse(text.as_bytes()),
            Err(ConnectError::Syntax { .. })
        );
        let theirs = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..60)) {
        let _ = ConnectOptions::parse(&bytes);
        let quoted = [&b"{\"name\":\""[..], &bytes, b"\"}"].concat();
        let _ = ConnectOptions::parse(&quoted);
    }
}
