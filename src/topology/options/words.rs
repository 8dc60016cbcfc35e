//! Values inside of messages, written as the server's language writes them.

use std::fmt::Write as _;

use nats_mock_protocol::conf::Kind;

/// `text` in double quotes, with control characters and whatever cannot be printed escaped.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            ' '..='~' => quoted.push(c),
            '\0'..='\u{7f}' => escape(&mut quoted, 'x', 2, c),
            c if is_printable(c) => quoted.push(c),
            '\u{80}'..='\u{ffff}' => escape(&mut quoted, 'u', 4, c),
            _ => escape(&mut quoted, 'U', 8, c),
        }
    }
    quoted.push('"');
    quoted
}

/// The same for bytes, of which those that are no text are escaped.
#[cfg_attr(
    not(feature = "jwt"),
    expect(dead_code, reason = "only web servers send what is shown so")
)]
pub(crate) fn quote_bytes(bytes: &[u8]) -> String {
    let mut quoted = "\"".to_owned();
    for chunk in bytes.utf8_chunks() {
        let text = quote(chunk.valid());
        quoted.push_str(&text[1..text.len() - 1]);
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

fn escape(quoted: &mut String, letter: char, digits: usize, c: char) {
    // Writing to a string cannot fail.
    let _ = write!(quoted, "\\{letter}{:0digits$x}", u32::from(c));
}

/// Whether `c`, beyond ASCII, has a shape of its own on paper.
fn is_printable(c: char) -> bool {
    // Behind a letter, `escape_debug` leaves combining marks alone, as the server does.
    !c.is_whitespace() && !c.is_control() && format!("a{c}").escape_debug().count() == 2
}

/// A list of texts as the server prints one with quotes.
pub(super) fn quote_list(texts: &[String]) -> String {
    format!(
        "[{}]",
        texts
            .iter()
            .map(|text| quote(text))
            .collect::<Vec<_>>()
            .join(" ")
    )
}

/// A value inside a message. The server prints the inside of maps and arrays as memory addresses, which
/// nobody can compare; they are left out here.
pub(super) fn plain(kind: &Kind) -> String {
    match kind {
        Kind::Map(map) if map.is_empty() => "map[]".to_owned(),
        Kind::Array(array) if array.is_empty() => "[]".to_owned(),
        Kind::Map(_) => "map[...]".to_owned(),
        Kind::Array(_) => "[...]".to_owned(),
        Kind::String(text) => text.clone(),
        Kind::Integer(n) => n.to_string(),
        Kind::Float(n) => float(*n),
        Kind::Bool(b) => b.to_string(),
        Kind::DateTime(time) => time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
    }
}

/// A float in the shortest form, with an exponent below 1e-4 and from 1e21 on.
fn float(n: f64) -> String {
    let size = n.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return n.to_string();
    }
    let text = format!("{n:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        },
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted() {
        assert_eq!(
            quote("a\tb\u{1}é\"\\\u{7f}"),
            "\"a\\tb\\x01é\\\"\\\\\\x7f\""
        );
        assert_eq!(quote("\u{200b}\u{e9}e\u{301}"), "\"\\u200b\u{e9}e\u{301}\"");
        assert_eq!(
            quote_list(&["A".to_owned(), "B".to_owned()]),
            "[\"A\" \"B\"]"
        );
    }

    #[test]
    fn floats_are_short() {
        for (n, text) in [
            (61.5, "61.5"),
            (120.0, "120"),
            (1e21, "1e+21"),
            (0.00001, "1e-05"),
        ] {
            assert_eq!(float(n), text);
        }
    }
}
