//! Integers with size suffixes, floats and dates: from the lexer's text to values.

use jiff::civil::DateTime;
use nom::{
    IResult, Parser as _,
    bytes::complete::tag,
    character::complete::{char, digit1, one_of},
    combinator::{all_consuming, map_res, opt, recognize},
};

use super::{error::ErrorKind, text};

/// What a suffix multiplies with, or nothing for a suffix that only looks like one (`1kbb`).
fn multiplier(suffix: &str) -> Option<i64> {
    let (letter, unit) = match suffix.split_at_checked(1) {
        None => return Some(1),
        Some(parts) => parts,
    };
    let power = ["k", "m", "g", "t", "p", "e"]
        .iter()
        .position(|&known| known == letter)?;
    let base: i64 = match unit {
        "" => 1000,
        "b" | "i" | "ib" => 1024,
        _ => return None,
    };
    // At most 1024^6 = 2^60.
    Some(base.pow(u32::try_from(power).ok()? + 1))
}

/// The integer in `text`, or nothing when its suffix is not one the server knows: the value is then
/// left out without an error.
pub(super) fn integer(text: &str) -> Result<Option<i64>, ErrorKind> {
    let split = text
        .find(|c| c != '-' && !text::is_digit(c))
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(split);
    if let Some(foreign) = digits.find(|c: char| !c.is_ascii()) {
        // The server reads from the left and stops at what comes first.
        let before = digits[..foreign].trim_start_matches('-');
        let overflows = !before.is_empty() && before.parse::<u64>().is_err();
        return Err(match overflows {
            true => ErrorKind::IntegerRange(text.to_owned()),
            false => ErrorKind::NotInteger(text.to_owned()),
        });
    }
    let signed: IResult<&str, &str> =
        all_consuming(recognize((opt(char('-')), digit1))).parse(digits);
    let Ok((_, digits)) = signed else {
        return Err(ErrorKind::NotInteger(text.to_owned()));
    };
    let number: i64 = digits
        .parse()
        .map_err(|_| ErrorKind::IntegerRange(text.to_owned()))?;
    Ok(multiplier(&text::fold(suffix)).map(|factor| number.wrapping_mul(factor)))
}

/// The float in `text`, which is digits on both sides of a point.
pub(super) fn float(text: &str) -> Result<f64, ErrorKind> {
    if !text.is_ascii() {
        return Err(ErrorKind::NotFloat(text.to_owned()));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(ErrorKind::FloatRange(text.to_owned())),
        Err(_) => Err(ErrorKind::NotFloat(text.to_owned())),
    }
}

/// The time in `text`, which has the shape `YYYY-MM-DDThh:mm:ssZ`.
pub(super) fn date_time(text: &str) -> Result<DateTime, ErrorKind> {
    let parsed: IResult<&str, DateTime> = map_res(
        (
            fixed::<4>,
            tag("-"),
            fixed::<2>,
            tag("-"),
            fixed::<2>,
            tag("T"),
            fixed::<2>,
            tag(":"),
            fixed::<2>,
            tag(":"),
            fixed::<2>,
            tag("Z"),
            all_consuming(tag("")),
        ),
        |(year, _, month, _, day, _, hour, _, minute, _, second, _, _)| {
            let small = |n: i16| i8::try_from(n).unwrap_or(-1);
            DateTime::new(
                year,
                small(month),
                small(day),
                small(hour),
                small(minute),
                small(second),
                0,
            )
        },
    )
    .parse(text);
    let rejected = |_| ErrorKind::NotDateTime(text.to_owned());
    parsed.map(|(_, time)| time).map_err(rejected)
}

/// Exactly `N` ASCII digits.
fn fixed<const N: usize>(input: &str) -> IResult<&str, i16> {
    map_res(
        recognize(nom::multi::fold_many_m_n(
            N,
            N,
            one_of("0123456789"),
            || (),
            |(), _| (),
        )),
        str::parse,
    )
    .parse(input)
}
