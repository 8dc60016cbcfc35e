//! Durations as configurations write them: `2s`, `1h30m`, `-1.5ms`.

use std::fmt::Write as _;

use nom::{
    IResult, Parser as _,
    branch::alt,
    bytes::complete::take_till1,
    character::complete::{char, digit0},
    combinator::{opt, value, verify},
    sequence::preceded,
};

/// Why a text is no duration. `Display` gives the server's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Not a number with a unit, or beyond 64 bits of nanoseconds; the text.
    #[error("time: invalid duration {}", quote(.0))]
    Invalid(String),
    /// A number without a unit; the text.
    #[error("time: missing unit in duration {}", quote(.0))]
    MissingUnit(String),
    /// A unit that does not exist.
    #[error("time: unknown unit {} in duration {}", quote(.unit), quote(.text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// `text` in double quotes, everything but printable ASCII as `\xXX`.
fn quote(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                quoted.push('\\');
                quoted.push(char::from(byte));
            }
            b' '..=0x7f => quoted.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(quoted, "\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

/// The largest magnitude: that of the most negative duration.
const MAX: u64 = 1 << 63;

/// Parses a duration to nanoseconds: an optional sign and one or more decimal numbers, each with a unit
/// out of `ns`, `us`, `µs`, `ms`, `s`, `m`, `h`. A lone `0` needs no unit.
///
/// # Errors
/// What is wrong with the text.
///
/// ```
/// use nats_mock_protocol::conf::duration;
///
/// assert_eq!(duration::parse("1m1.5s"), Ok(61_500_000_000));
/// assert_eq!(
///     duration::parse("2").unwrap_err().to_string(),
///     "time: missing unit in duration \"2\"",
/// );
/// ```
pub fn parse(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let sign: IResult<&str, Option<bool>> =
        opt(alt((value(true, char('-')), value(false, char('+'))))).parse(text);
    let (mut rest, sign) = sign.map_err(|_| invalid())?;
    let negative = sign == Some(true);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let Ok((after, (whole, fraction))) = number(rest) else {
            return Err(invalid());
        };
        let whole = whole_number(whole).ok_or_else(invalid)?;
        let unit: IResult<&str, &str> =
            take_till1(|c: char| c == '.' || c.is_ascii_digit()).parse(after);
        let Ok((after, unit)) = unit else {
            return Err(DurationError::MissingUnit(text.to_owned()));
        };
        let scale = unit_nanos(unit).ok_or_else(|| DurationError::UnknownUnit {
            unit: unit.to_owned(),
            text: text.to_owned(),
        })?;
        let nanos = whole
            .checked_mul(scale)
            .and_then(|nanos| {
                nanos.checked_add(fraction.map_or(0, |digits| part_of(digits, scale)))
            })
            .filter(|&nanos| nanos <= MAX)
            .ok_or_else(invalid)?;
        total = total
            .checked_add(nanos)
            .filter(|&total| total <= MAX)
            .ok_or_else(invalid)?;
        rest = after;
    }
    if negative {
        return 0i64.checked_sub_unsigned(total).ok_or_else(invalid);
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// Digits with at most one point among them, and at least one digit.
fn number(input: &str) -> IResult<&str, (&str, Option<&str>)> {
    let fraction = opt(preceded(char('.'), digit0));
    verify(
        (digit0, fraction),
        |(whole, fraction): &(&str, Option<&str>)| {
            !whole.is_empty() || fraction.is_some_and(|digits| !digits.is_empty())
        },
    )
    .parse(input)
}

fn whole_number(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse().ok().filter(|&n| n <= MAX)
}

/// The nanoseconds in a fraction of a unit. Digits beyond 63 bits are cut off, and the product is
/// taken as a float and truncated, as the server does.
fn part_of(digits: &str, scale: u64) -> u64 {
    let mut value: u64 = 0;
    let mut divisor = 1.0f64;
    for digit in digits.bytes() {
        let next = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit - b'0')));
        match next.filter(|&next| next <= MAX && value <= (MAX - 1) / 10) {
            Some(next) => value = next,
            None => break,
        }
        divisor *= 10.0;
    }
    (value as f64 * (scale as f64 / divisor)) as u64
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // The micro sign and the Greek letter are both in use.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `nanos` in the form in which the server prints durations: `1h0m0s`, `1.5s`, `250ms`, `0s`.
///
/// ```
/// assert_eq!(nats_mock_protocol::conf::duration::format(90_000_000_000), "1m30s");
/// ```
pub fn format(nanos: i64) -> String {
    let size = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let (unit, scale) = match size {
        0 => return "0s".to_owned(),
        1..1_000 => ("ns", 1),
        1_000..1_000_000 => ("\u{b5}s", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let mut text = sign.to_owned();
    let (minutes, size) = if unit == "s" {
        (size / 60_000_000_000, size % 60_000_000_000)
    } else {
        (0, size)
    };
    if minutes >= 60 {
        let _ = write!(text, "{}h", minutes / 60);
    }
    if minutes > 0 {
        let _ = write!(text, "{}m", minutes % 60);
    }
    let fraction = format!("{:09}", (size % scale) * (1_000_000_000 / scale));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let _ = write!(text, "{}{point}{fraction}{unit}", size / scale);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_the_server_accepts() {
        for (text, nanos) in [
            ("0", 0),
            ("-0", 0),
            ("2s", 2_000_000_000),
            ("+1h1m1s1ms1us1ns", 3_661_001_001_001),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("3\u{b5}s", 3_000),
            ("3\u{3bc}s", 3_000),
            ("0.100000000000000000000h", 360_000_000_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("-9223372036854775808ns", i64::MIN),
            ("9223372036854775807ns", i64::MAX),
            ("9223372036s854ms775us807ns", i64::MAX),
        ] {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn texts_that_the_server_refuses() {
        for (text, words) in [
            ("", "time: invalid duration \"\""),
            ("3", "time: missing unit in duration \"3\""),
            ("-", "time: invalid duration \"-\""),
            ("s", "time: invalid duration \"s\""),
            (".", "time: invalid duration \".\""),
            (".s", "time: invalid duration \".s\""),
            ("3000000h", "time: invalid duration \"3000000h\""),
            (
                "9223372036854775808ns",
                "time: invalid duration \"9223372036854775808ns\"",
            ),
            ("1m 2s", "time: unknown unit \"m \" in duration \"1m 2s\""),
            ("2d", "time: unknown unit \"d\" in duration \"2d\""),
            (
                "2\u{e9}\\",
                "time: unknown unit \"\\xc3\\xa9\\\\\" in duration \"2\\xc3\\xa9\\\\\"",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), words, "{text}");
        }
    }

    #[test]
    fn durations_print_as_the_server_prints_them() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (60_000_000_000, "1m0s"),
            (3_600_000_000_001, "1h0m0.000000001s"),
            (-90_000_000_000, "-1m30s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(format(nanos), text);
        }
    }
}
