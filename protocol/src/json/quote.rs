//! Characters and texts as Go quotes them in error texts.

use super::GoJson;

/// The start of a slice as Go decodes UTF-8: a character, or one byte that does not begin one.
pub(super) fn first_rune(bytes: &[u8]) -> Result<char, u8> {
    let Some(&first) = bytes.first() else {
        // The end of the input reads as a blank.
        return Ok(' ');
    };
    let window = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(window) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&window[..error.valid_up_to()]).unwrap_or_default(),
    };
    valid.chars().next().ok_or(first)
}

/// Whether Go prints a character as itself: letters, marks, numbers, punctuation, symbols and the blank.
fn is_print(rune: char) -> bool {
    // After another character, the standard library's debug form escapes exactly the rest.
    let mut text = String::from("a");
    text.push(rune);
    matches!(rune, '\'' | '"' | '\\') || !text.escape_debug().skip(1).any(|c| c == '\\')
}

/// Appends `rune` as in a Go literal delimited by `quote`.
fn push_rune(out: &mut String, rune: char, quote: char) {
    match rune {
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if is_print(c) => out.push(c),
        c if c < ' ' || c == '\x7f' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
        c if u32::from(c) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
    }
}

/// The first character of `bytes` in single quotes; a blank for the end of the input.
pub(super) fn quote_first(bytes: &[u8], generation: GoJson) -> String {
    let mut out = String::from("'");
    match (generation, first_rune(bytes)) {
        // The older decoder takes every byte for a character of its own.
        (GoJson::V1, _) => push_rune(&mut out, char::from(*bytes.first().unwrap_or(&b' ')), '\''),
        (GoJson::V2, Ok(rune)) => push_rune(&mut out, rune, '\''),
        (GoJson::V2, Err(byte)) => out.push_str(&format!("\\x{byte:x}")),
    }
    out.push('\'');
    out
}

/// An escape sequence in backquotes, or where that would not be readable in double quotes.
pub(super) fn quote_escape(bytes: &[u8]) -> String {
    let mut rest = bytes;
    let mut plain = String::from("`");
    let mut quoted = String::from("\"");
    let mut readable = true;
    while !rest.is_empty() {
        let width = match first_rune(rest) {
            Ok(rune) => {
                readable &= rune != '`'
                    && rune != char::REPLACEMENT_CHARACTER
                    && !rune.is_whitespace()
                    && is_print(rune);
                plain.push(rune);
                push_rune(&mut quoted, rune, '"');
                rune.len_utf8()
            }
            Err(byte) => {
                readable = false;
                quoted.push_str(&format!("\\x{byte:02x}"));
                1
            }
        };
        rest = &rest[width..];
    }
    plain.push('`');
    quoted.push('"');
    if readable { plain } else { quoted }
}
