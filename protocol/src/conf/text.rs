//! Characters as the server's own text functions see them: byte by byte where UTF-8 is broken, with
//! its idea of digits and of lower case.

/// What stands in for each byte that is not part of valid UTF-8.
const REPLACEMENT: char = '\u{FFFD}';

/// The zero of every run of ten decimal digits outside ASCII (Unicode general category `Nd`), sorted.
///
/// `char::is_numeric` also admits letters and fractions, which the server does not take for digits.
const DIGIT_ZEROS: [u32; 67] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90,
    0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
    0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650,
    0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16A60, 0x16AC0,
    0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E950,
    0x1FBF0,
];

/// Whether `c` is a decimal digit of any script.
pub(super) fn is_digit(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit();
    }
    let code = u32::from(c);
    DIGIT_ZEROS
        .partition_point(|&zero| zero <= code)
        .checked_sub(1)
        .is_some_and(|n| code - DIGIT_ZEROS[n] < 10)
}

/// The character at the start of `bytes` and its width, or one replacement character of width 1.
///
/// `bytes` must not be empty; an empty slice gives NUL of width 0, which the lexer takes for the end.
pub(super) fn decode(bytes: &[u8]) -> (char, usize) {
    let width = match bytes.first() {
        None => return ('\0', 0),
        Some(&b) if b < 0x80 => return (char::from(b), 1),
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        Some(_) => return (REPLACEMENT, 1),
    };
    bytes
        .get(..width)
        .and_then(|encoded| std::str::from_utf8(encoded).ok())
        .and_then(|text| text.chars().next())
        .map_or((REPLACEMENT, 1), |c| (c, width))
}

/// `bytes` as text, each byte outside valid UTF-8 replaced on its own.
///
/// `String::from_utf8_lossy` merges broken sequences, which would give another config digest.
pub(super) fn lossy(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (c, width) = decode(rest);
        text.push(c);
        rest = &rest[width..];
    }
    text
}

/// `text` in lower case, character for character, so that lengths in characters never change.
///
/// This is the folding that the server applies to keys before it compares them, so `PORT` and `port`
/// are the same key to it.
///
/// ```
/// assert_eq!(nats_mock_protocol::conf::fold("Max_Payload"), "max_payload");
/// ```
pub fn fold(text: &str) -> String {
    text.chars()
        .map(|c| {
            let mut lower = c.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(single), None) => single,
                // The dotted capital I is the only character that becomes two.
                _ => 'i',
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_other_scripts_count_and_other_numerals_do_not() {
        for c in [
            '0',
            '9',
            '\u{0663}',
            '\u{FF19}',
            '\u{1D7FF}',
            '\u{1E959}',
            '\u{1FBF9}',
        ] {
            assert!(is_digit(c), "{c:?}");
        }
        for c in [
            'a',
            '\u{00B2}',
            '\u{2167}',
            '\u{066A}',
            '\u{1D800}',
            '\u{1FBFA}',
            '\u{10FFFF}',
        ] {
            assert!(!is_digit(c), "{c:?}");
        }
    }

    #[test]
    fn broken_utf8_is_replaced_byte_by_byte() {
        assert_eq!(lossy(b"a\xE2\x82z"), "a\u{FFFD}\u{FFFD}z");
        assert_eq!(lossy("a€z".as_bytes()), "a€z");
        assert_eq!(decode(b"\xC0\x80"), ('\u{FFFD}', 1));
        assert_eq!(decode(b"\xED\xA0\x80"), ('\u{FFFD}', 1));
    }

    #[test]
    fn folding_keeps_the_number_of_characters() {
        assert_eq!(fold("P\u{0130}NG"), "ping");
        assert_eq!(fold("\u{212A}EY"), "key");
    }
}
