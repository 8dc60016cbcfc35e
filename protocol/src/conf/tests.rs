//! What real servers made of the same text.
//!
//! The digests and messages were recorded from nats-server 2.15.1.

use super::{
    ErrorKind, Kind, Limits, MemorySource, ReadError, Source, parse, parse_file, parse_with_limits,
};

/// Text, and the digest of what the server read in it.
#[rustfmt::skip]
const READ: &[(&str, &str)] = &[
    ("port: 4222", "797533ebd0dfba7d34a0f9337ecf147e442871f48ddfd07ed751575a5737267e"),
    ("a=1;b=2,c=3", "81b1e7d072d20e8355a1702d20822bc76a3dc696bb6876c156d0e931b0b6a81b"),
    ("{a: 1, b {c = [1, 2 , \"x\"]}}", "2930c51879bd25402c4741d6d14a0232f941b242092bc0cf58bd73a443d10c53"),
    ("a {b {c {d: yes}}}", "15c0cf58f7bf013b018f0f3b4cd13d3379541c95f77fe3e26b8b0f4bb304b314"),
    ("a: [ {x: 1}, {x: 2} ]", "002f74344bb12ab845be464248c5d56e19d8b745fd088ecd986b860c25b16d70"),
    ("n: [1k, 1kb, 1ki, 1KiB, 2m, 2mb, 2MiB, 3g, 3gb, 1t, 1tb, 1p, 1pb, 1e, 1eb, -7 ]", "22ee9224d88e868243c3b2c1e345d6b2c9a8adc3a1881cb8e5c2aa80ae4b4f60"),
    ("n: 10e", "2d4cff33fa6e27e2071ca43ada9f3651d67488d0ee7bca441bbc1e81a4accdba"),
    ("f: 1.50, g: -0.0, h: 0.0000001, i: 1234567890123456789012.5", "0d1e6681130c8827f1f6155d84019af88b7b2569d491bb343413ae86fc99ee92"),
    ("b: [TRUE, True, yes, On, false, NO, off ]", "66c7f6a4f03edb89b23efbc87b9e5d024d5399943d67e262d4ff87d91305fd40"),
    ("d: 2016-05-04T18:53:41Z", "541cc96d29d0c314a77a3711eb3880a63e899a3859f23edfdc9c02b483799300"),
    ("s: \"a\\tb\\n\\x41\\\"\\\\\", t: 'no \\n escapes', u: bare-word, v: \"<&>\"", "a94c88434bfdc75e23ed18039bdcfbec7c3955a1aae1dba1fde832a070f804dd"),
    ("addr: 127.0.0.1:4222, url: nats://127.0.0.1:4222, v: 1.2.3", "bc09dfa5961efdc55f94a7709ddc4bd390a199490279dc75f16d8a210fc427b0"),
    ("// one\na: 1 # two\n# three\nb: 2 // four", "e8d38819d39f705646bfb643368eca78f7db476c16471dbc33b941b27326410d"),
    ("text: (\nline 1\nline 2\n)\n", "556af27204fd875573cefc2b047f730d9f6b1e93cb0de58caaafaa3a21962bf0"),
    ("text: (\nline\n)", "8593fdf6b0fc781890226affdb369b7f793fae75e1f565845a29eb096e34540c"),
    ("text: (\n a (b)\n )\n)\nk: 1", "403a9ec4538f91eecd11f1a31b13257b40c736278f7e2e951b1e4d605a7ab2f7"),
    ("X: 5; a: $X, b { X: 6, c: $X, d: [$X, 1 ] }", "1c843bb050b78988e0c86f2151d0c194b62a7a6513bd515bf7cd523ec1a69dc1"),
    ("hash: $2a$11$W2zko751KUvVy59mUTWmpOdWjpEm5qhcCZRd05GjI/sSOT.xtiHyG", "1fdd23949fb5bd53f617808da481257b6fbe5b0d009bf64459acef1192e81ff1"),
    ("\"quoted key\": 1, 'other': 2", "a47d31121abed7399c7033900db1571885996d8cfeeff2b9b56ce05c02daa013"),
    ("empty:, e2 =", "870b7309bc3a6821f943b1ec1bb7659c098444d3b3856a7cfe37dc746e77a615"),
    ("a: 1kbb\nb: 2", "651b5768de252a9f4d2083046d83f81c31369beb73d14411492b20ea8fd1fcf5"),
    ("x { y: }", "903936c071aed801f2aae5a00600bb45376d7922052e2ae0c69fd8741232d287"),
    ("{ { a: 1 } }", "e346432021b04179518d9614f3560ccd71354a4ee101ddcb893d6959a9d6301c"),
    ("k: 12abc, l: 2s, m: 12_3", "9a8df61deffee5212b5bc9a1766b4dcc487a1f6b9baabfca1dc100be44708a43"),
    ("a: 1\na: 2", "0f117a2ab60ad469a0ac81c31e1a5a9bc833e7792983400278ea770db93d0aae"),
    ("tab\tvalue", "ed89f07feb39ab1c5789a56ae6fe37a5a947a77e92c6619b99bc719adf1c534e"),
    ("unicode: \"é < ü\", ключ: \"знач\"", "f1391a5502d47d871118a43ca68d6393cd24bd1495030555030060292735d26e"),
    ("a: [1,2k]", "188e2759176f38235c60b824ed36240cf9ffb58faa81440d5d4f0f4e64b8044e"),
    ("a: \"x\\xffy\"", "a0a42da2695d595b06d7586a728bcbd8d6ec9210c255ab9a4021be7e3a5edf53"),
    ("a: [\n1\n2\n\n3\n]", "434bc20c6f80cfde1fd6c8d474e2db1a9a86ff918dad326c53cb02a4f399e00b"),
    ("", "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"),
    ("{\"a\": {\"b\": [true, null]}}", "66d552b95b752bd34865aad97bea2a7fddc7d4d3d6a01d91ee09fa3438ea46a3"),
];

/// Text, and the words in which the server refused it.
#[rustfmt::skip]
const REFUSED: &[(&str, &str)] = &[
    ("a", "config is invalid (:1:1)"),
    ("a: [", "Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \"]\", but got '\0' instead.'"),
    ("a: [1,2]", "Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \"]\", but got '\0' instead.'"),
    ("a: {", "Parse error on line 1: 'Unexpected EOF processing map.'"),
    ("a: {b", "Parse error on line 1: 'Unexpected EOF processing map key.'"),
    ("a: {'b", "Parse error on line 1: 'Unexpected EOF processing quoted map key.'"),
    ("a: {\"b", "Parse error on line 1: 'Unexpected EOF processing double quoted map key.'"),
    ("a: \"x", "Parse error on line 1: 'Unexpected EOF.'"),
    ("a: 'x", "Parse error on line 1: 'Unexpected EOF.'"),
    ("a: 1 b", "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, but got 'b' instead.'"),
    ("{a: 1 b", "Parse error on line 1: 'Expected a block-level value to end with a new line, comment or EOF, but got 'b' instead.'"),
    ("{ {a: 1} b", "Parse error on line 1: 'Expected a block-level to end with a '}', but got 'b' instead.'"),
    ("= 1", "Parse error on line 1: 'Unexpected key separator '=''"),
    ("a {= 1}", "Parse error on line 1: 'Unexpected key separator '='.'"),
    ("a {]}", "Parse error on line 1: 'Unexpected array end ']' processing map.'"),
    ("a {b: ,}", "Parse error on line 1: 'Unexpected map value terminator \",\".'"),
    ("a {b: {}x}", "Parse error on line 1: 'Expected a map value terminator \",\" or a map terminator \"}\", but got 'x' instead.'"),
    ("a: \n1", "Parse error on line 2: 'Expected value but found new line'"),
    ("a: .5", "Parse error on line 1: 'Floats must start with a digit'"),
    ("a: -x", "Parse error on line 1: 'Expected a digit but got 'x'.'"),
    ("a: -.5", "Parse error on line 1: 'Floats must start with a digit, not '.'.'"),
    ("a: 1.x", "Parse error on line 1: 'Floats must have a digit after the '.', but got 'x' instead.'"),
    ("a: 20-1", "Parse error on line 1: 'All ISO8601 dates must be in full Zulu form.'"),
    ("a: 2016-13-01T00:00:00Z", "expected Zulu formatted DateTime, but got '2016-13-01T00:00:00Z'"),
    ("a: 2016-1", "Parse error on line 1: 'Expected digit in ISO8601 datetime, but found '\0' instead.'"),
    ("a: 2016-01-01x", "Parse error on line 1: 'Expected 'T' in ISO8601 datetime, but found 'x' instead.'"),
    ("a: [,]", "Parse error on line 1: 'Unexpected array value terminator ','.'"),
    ("a: \"\\q\"", "Parse error on line 1: 'Invalid escape character 'q'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.'"),
    ("a: \"\\x\n\"", "Parse error on line 2: 'Expected two hexadecimal digits after '\\x', but hit end of line'"),
    ("a: \"\\xzz\"", "Parse error on line 1: 'Expected two hexadecimal digits after '\\x', but got 'zz''"),
    ("/x", "Parse error on line 1: 'Unexpected EOF.'"),
    ("include [", "Parse error on line 1: 'Expected include value but found start of an array'"),
    ("include {", "Parse error on line 1: 'Expected include value but found start of a map'"),
    ("include (", "Parse error on line 1: 'Expected include value but found start of a block'"),
    ("include 1", "Parse error on line 1: 'Expected include value but found start of a number'"),
    ("include -", "Parse error on line 1: 'Expected include value but found start of a number'"),
    ("include \\", "Parse error on line 1: 'Expected include value but found escape sequence'"),
    ("include \n", "Parse error on line 2: 'Expected include value but found new line'"),
    ("include 'x", "Parse error on line 1: 'Unexpected EOF in quoted include'"),
    ("include \"x", "Parse error on line 1: 'Unexpected EOF in double quoted include'"),
    ("a: 9223372036854775808", "integer '9223372036854775808' is out of the range"),
    ("a: ٣", "expected integer, but got '٣'"),
    ("a: ٣.٣", "expected float, but got '٣.٣'"),
    ("a: $b", "variable reference for 'b' on line 1 can not be found"),
    ("a: {b: $c}\nc: 1", "variable reference for 'c' on line 1 can not be found"),
    ("\n\n a: 1\n  b: $nope", "variable reference for 'nope' on line 4 can not be found"),
    ("include nope.conf", "error parsing include file 'nope.conf', open nope.conf: no such file or directory"),
    ("a { include './no/../nope.conf' }", "error parsing include file './no/../nope.conf', open nope.conf: no such file or directory"),
    ("a: [[1 ]\n", "Parse error on line 2: 'Expected an array value terminator \",\" or an array terminator \"]\", but got '\0' instead.'"),
    ("a: 1\n\n  b", "config is invalid (:3:4)"),
];

fn message(text: &str, source: &dyn Source) -> String {
    parse(text, "", source).map_or_else(|error| error.to_string(), |document| document.digest())
}

#[test]
fn digests_are_those_of_the_server() {
    for &(text, digest) in READ {
        assert_eq!(
            message(text, &MemorySource::new()),
            format!("sha256:{digest}"),
            "{text:?}"
        );
    }
}

#[test]
fn messages_are_those_of_the_server() {
    for &(text, words) in REFUSED {
        assert_eq!(message(text, &MemorySource::new()), words, "{text:?}");
    }
}

#[test]
fn numbers_beyond_64_bits_are_refused() {
    let digits = "9".repeat(400);
    let source = MemorySource::new();
    assert_eq!(
        message(&format!("a: {digits}"), &source),
        format!("integer '{digits}' is out of the range")
    );
    assert_eq!(
        message(&format!("a: {digits}.5"), &source),
        format!("float '{digits}.5' is out of the range")
    );
    assert_eq!(
        message(&format!("a: {digits}\u{663}"), &source),
        format!("integer '{digits}\u{663}' is out of the range")
    );
    assert_eq!(
        message("a: 1\u{663}", &source),
        "expected integer, but got '1\u{663}'"
    );
}

#[test]
fn values_know_their_place() {
    let text = "port: 1\n  host: \"h\"\nauthorization {\n  users = [\n    {user: a}\n  ]\n}\n";
    let document = parse(text, "n.conf", &MemorySource::new()).unwrap();
    let at = |key| document.root().get(key).unwrap().at.to_string();
    // Columns count from 0 on the first line and from 1 on all others.
    assert_eq!(
        (at("port"), at("host")),
        ("n.conf:1:0".into(), "n.conf:2:3".into())
    );
    let users = document
        .root()
        .get("authorization")
        .and_then(|v| v.as_map()?.get("users"))
        .unwrap();
    assert_eq!(users.at.to_string(), "n.conf:4:3");
    assert_eq!(users.as_array().unwrap()[0].at.to_string(), "n.conf:5:14");
}

#[test]
fn errors_say_what_was_expected() {
    let error = parse("a: 1\nb: [1 2]", "n.conf", &MemorySource::new()).unwrap_err();
    assert_eq!(error.expected(), Some("`,`, a new line or `]`"));
    assert_eq!((error.at.line, error.at.column), (2, 8));
}

#[test]
fn inner_blocks_shadow_outer_ones_and_the_environment_comes_last() {
    let source = MemorySource::new().var("X", "env").var("E", "8k");
    let document = parse("a { X: in, b: $X, c {d: $X} }\ne: $X\nf: $E", "", &source).unwrap();
    let a = document.root().get("a").and_then(|v| v.as_map()).unwrap();
    assert_eq!(a.get("b").unwrap().as_str(), Some("in"));
    assert_eq!(
        a.get("c").and_then(|c| c.as_map()?.get("d")?.as_str()),
        Some("in")
    );
    assert_eq!(document.root().get("e").unwrap().as_str(), Some("env"));
    assert_eq!(document.root().get("f").unwrap().as_integer(), Some(8000));
    assert!(a.get("X").unwrap().is_used_variable());
    assert!(!a.get("b").unwrap().is_used_variable());
}

#[test]
fn a_variable_defined_again_is_no_longer_in_use() {
    let document = parse("X: 1\nport: $X\nX: 2", "", &MemorySource::new()).unwrap();
    assert!(!document.root().get("X").unwrap().is_used_variable());
    assert_eq!(document.root().get("X").unwrap().as_integer(), Some(2));
}

#[test]
fn environment_values_are_parsed_themselves() {
    let source = MemorySource::new()
        .var("LIST", "[1, {a: $NAME} ]")
        .var("NAME", "'joe'")
        .var("EMPTY", "")
        .var("BROKEN", "[1")
        .var("ME", "$YOU")
        .var("YOU", "$ME")
        .var("LOST", "1kbb");
    let document = parse("\n a: $LIST, b: $EMPTY", "n.conf", &source).unwrap();
    let list = document.root().get("a").and_then(|v| v.as_array()).unwrap();
    assert_eq!(list[0].kind, Kind::Integer(1));
    assert_eq!(list[1].at.to_string(), "n.conf:2:6");
    assert_eq!(
        list[1].as_map().and_then(|m| m.get("a")?.as_str()),
        Some("joe")
    );
    assert_eq!(document.root().get("b").unwrap().as_str(), Some(""));
    for (text, words) in [
        (
            "a: $BROKEN",
            "variable reference for 'BROKEN' on line 1 could not be parsed: Parse error on line 1: 'Expected an array \
             value terminator \",\" or an array terminator \"]\", but got '\0' instead.'",
        ),
        (
            "a: $ME",
            "variable reference for 'ME' on line 1 could not be parsed: variable reference for 'YOU' on line 1 could \
             not be parsed: variable reference for 'ME' on line 1 could not be parsed: variable reference cycle for 'ME'",
        ),
        (
            "a: $LOST",
            "variable reference for 'LOST' on line 1 can not be found",
        ),
    ] {
        assert_eq!(message(text, &source), words, "{text}");
    }
}

#[test]
fn includes_are_relative_and_define_variables() {
    let source = MemorySource::new()
        .file(
            "etc/nats.conf",
            "include 'sub/a.conf'\nport: $P\nauthorization { include ./sub/b.conf }",
        )
        .file("etc/sub/a.conf", "include c.conf;Q: 1")
        .file("etc/sub/c.conf", "\nP: 4333")
        .file("etc/sub/b.conf", "user: u");
    let document = parse_file("etc/nats.conf", &source).unwrap();
    assert_eq!(document.file(), "etc/nats.conf");
    assert_eq!(
        document.root().get("port").unwrap().as_integer(),
        Some(4333)
    );
    let p = document.root().get("P").unwrap();
    assert!(p.is_used_variable());
    assert_eq!(p.at.to_string(), "etc/sub/c.conf:2:1");
    let authorization = document
        .root()
        .get("authorization")
        .and_then(|v| v.as_map())
        .unwrap();
    assert_eq!(
        authorization.get("user").unwrap().at.to_string(),
        "etc/sub/b.conf:1:0"
    );
}

#[test]
fn an_included_file_does_not_see_the_including_one() {
    let source = MemorySource::new().file("a.conf", "b: $X");
    assert_eq!(
        message("X: 1\ninclude a.conf", &source),
        "error parsing include file 'a.conf', variable reference for 'X' on line 1 can not be found"
    );
}

#[test]
fn loops_of_includes_end() {
    let source = MemorySource::new()
        .file("a.conf", "include b.conf")
        .file("b.conf", "include ./a.conf");
    let error = parse_file("a.conf", &source).unwrap_err();
    assert_eq!(
        error.innermost().kind,
        ErrorKind::IncludeCycle("a.conf".to_owned())
    );
}

/// A file system without end, and an environment in which every variable needs the next.
struct Endless;

impl Source for Endless {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        Ok(format!("include {path}x").into_bytes())
    }

    fn env(&self, name: &str) -> Option<String> {
        Some(format!("[${name}x , ${name}x ]"))
    }
}

#[test]
fn endless_sources_end() {
    for text in ["include a", "a: $a"] {
        let error = parse(text, "", &Endless).unwrap_err();
        assert_eq!(
            error.innermost().kind,
            ErrorKind::TooManyFiles(32),
            "{text}"
        );
    }
}

#[test]
fn doubling_variables_run_into_the_limit_of_bytes() {
    let mut text = "v0: [x]\n".to_owned();
    for n in 1..64 {
        text.push_str(&format!("v{n}: [$v{0}, $v{0} ]\n", n - 1));
    }
    let limits = Limits {
        bytes: 1 << 20,
        ..Limits::default()
    };
    let error = parse_with_limits(&text, "", &MemorySource::new(), limits).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge(1 << 20));
}

#[test]
fn depth_is_bounded_however_it_is_reached() {
    let deep = format!("a: {}", "[".repeat(1_000_000));
    assert_eq!(
        parse(&deep, "", &MemorySource::new()).unwrap_err().kind,
        ErrorKind::TooDeep(128)
    );
    let mut text = "v0: [x]\n".to_owned();
    for n in 1..200 {
        text.push_str(&format!("v{n}: [$v{} ]\n", n - 1));
    }
    assert_eq!(
        parse(&text, "", &MemorySource::new()).unwrap_err().kind,
        ErrorKind::TooDeep(128)
    );
    let nested = format!(
        "a {}include b.conf{}",
        "{a ".repeat(70) + "{",
        "}".repeat(71)
    );
    let source = MemorySource::new().file(
        "b.conf",
        format!("c {}1{}", "{c ".repeat(70), "}".repeat(70)),
    );
    assert_eq!(
        parse(&nested, "", &source).unwrap_err().kind,
        ErrorKind::TooDeep(128)
    );
}
