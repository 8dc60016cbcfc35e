//! Go's `encoding/json` output as a serde_json formatter.

use memchr::{memchr, memchr3};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};
use std::io;

/// Compact output with Go's float notation.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let mut shortest = Vec::with_capacity(32);
        CompactFormatter.write_f64(&mut shortest, value)?;
        let exponential = value != 0.0 && !(1e-6..1e21).contains(&value.abs());
        writer.write_all(&go_float(&shortest, exponential))
    }

    fn write_f32<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        let mut shortest = Vec::with_capacity(32);
        CompactFormatter.write_f32(&mut shortest, value)?;
        let exponential = value != 0.0 && !(1e-6..1e21).contains(&value.abs());
        writer.write_all(&go_float(&shortest, exponential))
    }
}

/// Rewrites a float's shortest digits, in whatever notation, the way Go writes them.
///
/// Only the digits are taken from serde_json: where two shortest texts are equally near, it and Go choose the
/// even one, whereas the standard library chooses the other.
fn go_float(shortest: &[u8], exponential: bool) -> Vec<u8> {
    let mut digits = Vec::with_capacity(24);
    // The number is 0.digits times ten to the power of `point`.
    let mut point: i32 = 0;
    let mut negative = false;
    let mut fraction = false;
    let mut rest = shortest.iter();
    while let Some(&byte) = rest.next() {
        match byte {
            b'-' => negative = true,
            b'.' => fraction = true,
            b'e' | b'E' => {
                let exponent = std::str::from_utf8(rest.as_slice()).unwrap_or_default();
                point += exponent.parse().unwrap_or(0);
                break;
            }
            digit => {
                let leading = digits.is_empty() && digit == b'0';
                if !leading {
                    digits.push(digit);
                }
                point += match (fraction, leading) {
                    (false, false) => 1,
                    (true, true) => -1,
                    (false, true) | (true, false) => 0,
                };
            }
        }
    }
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    let mut out = Vec::with_capacity(32);
    if negative {
        out.push(b'-');
    }
    let (whole, decimals) = if exponential {
        (1, 0)
    } else {
        (point.max(0), (-point).max(0))
    };
    let whole = usize::try_from(whole).unwrap_or_default();
    let decimals = usize::try_from(decimals).unwrap_or_default();
    let (before, after) = digits.split_at(whole.min(digits.len()));
    out.extend_from_slice(before);
    out.resize(out.len() + (whole - before.len()), b'0');
    if whole == 0 {
        out.push(b'0');
    }
    if !after.is_empty() {
        out.push(b'.');
        out.resize(out.len() + decimals, b'0');
        out.extend_from_slice(after);
    }
    if exponential {
        out.extend_from_slice(format!("e{:+}", point - 1).as_bytes());
    }
    out
}

/// Escapes what Go escapes beyond what JSON demands, in a whole document: outside of its strings there is nothing of
/// it. Nearly all documents have none, which is seen faster once for all than in every string.
fn escape(document: &mut Vec<u8>, start: usize) {
    let written = &document[start..];
    if memchr3(b'<', b'>', b'&', written).is_none() && memchr(0xE2, written).is_none() {
        return;
    }
    let written = document.split_off(start);
    let mut rest = written.as_slice();
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        let (escape, width) = match byte {
            b'<' => ("\\u003c", 1),
            b'>' => ("\\u003e", 1),
            b'&' => ("\\u0026", 1),
            0xE2 if rest[at..].starts_with("\u{2028}".as_bytes()) => ("\\u2028", 3),
            0xE2 if rest[at..].starts_with("\u{2029}".as_bytes()) => ("\\u2029", 3),
            _ => {
                at += 1;
                continue;
            }
        };
        document.extend_from_slice(&rest[..at]);
        document.extend_from_slice(escape.as_bytes());
        rest = &rest[at + width..];
        at = 0;
    }
    document.extend_from_slice(rest);
}

/// Appends `value` to `out` as Go's `json.Marshal` would write it.
///
/// # Errors
///
/// Only for values JSON has no form for, such as a map whose keys are not strings. The payload types of
/// this crate never fail.
pub fn to_writer<T: ?Sized + Serialize>(out: &mut Vec<u8>, value: &T) -> serde_json::Result<()> {
    let start = out.len();
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut *out,
        GoFormatter,
    ))?;
    escape(out, start);
    Ok(())
}

/// `value` as Go's `json.Marshal` would write it; empty for a value JSON has no form for (see [`to_writer`]).
///
/// ```
/// use nats_mock_protocol::json;
///
/// assert_eq!(json::to_vec("<&>"), br#""\u003c\u0026\u003e""#);
/// ```
#[must_use]
pub fn to_vec<T: ?Sized + Serialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    if to_writer(&mut out, value).is_err() {
        out.clear();
    }
    out
}

/// [`to_vec`] as text.
#[must_use]
pub fn to_string<T: ?Sized + Serialize>(value: &T) -> String {
    // JSON text of serde strings is UTF-8 already, so nothing is ever replaced here.
    String::from_utf8(to_vec(value)).unwrap_or_default()
}
