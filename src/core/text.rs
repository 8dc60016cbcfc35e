//! Text as nats-server writes it.

use std::fmt::Write as _;

/// `bytes` between double quotes, as Go's `%q` prints them.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_quoted(&mut out, c);
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

fn push_quoted(out: &mut String, c: char) {
    let short = match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\x07' => "\\a",
        '\x08' => "\\b",
        '\x0c' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\x0b' => "\\v",
        c if c < ' ' || c == '\x7f' => {
            let _ = write!(out, "\\x{:02x}", c as u32);
            return;
        }
        c if c.is_control() => {
            let _ = write!(out, "\\u{:04x}", c as u32);
            return;
        }
        c => {
            out.push(c);
            return;
        }
    };
    out.push_str(short);
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn quotes_as_go_does() {
        for (bytes, expected) in [
            (&b"foo.bar"[..], "\"foo.bar\""),
            (b"a\"b\\c", "\"a\\\"b\\\\c\""),
            (b"\x00\x7f\xff", "\"\\x00\\x7f\\xff\""),
            ("\u{e9}\u{85}".as_bytes(), "\"\u{e9}\\u0085\""),
            (b"\t\r\n", "\"\\t\\r\\n\""),
        ] {
            assert_eq!(quoted(bytes), expected);
        }
    }
}
