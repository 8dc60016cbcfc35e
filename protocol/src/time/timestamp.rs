//! Instants as Go's `time.Time` writes them in JSON.

use super::ParseTimeError;
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Seconds from 0001-01-01 to 1970-01-01.
const ZERO_SECONDS: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const MAX_SECONDS: i64 = 253_402_300_799;
/// 0000-01-01T00:00:00Z.
const MIN_SECONDS: i64 = -62_167_219_200;
/// `0000-00-00T00:00:00.000000000+00:00`
const LONGEST: usize = 35;

/// An instant with nanoseconds and the offset of the zone it is shown in.
///
/// It prints as RFC 3339: the fraction without trailing zeros and without a dot when it is zero, `Z` for
/// offset 0. Years 0 to 9999 can be shown; an instant outside is shown as the nearest one that can. Two
/// timestamps are equal when both the instant and the offset are; the order is by instant first.
///
/// ```
/// use nats_mock_protocol::time::Timestamp;
///
/// let t = Timestamp::from_unix_nanos(1_795_455_018_308_218_850);
/// assert_eq!(t.to_string(), "2026-11-23T17:30:18.30821885Z");
/// assert_eq!(t.with_offset(-5 * 3600).to_string(), "2026-11-23T12:30:18.30821885-05:00");
/// assert_eq!(Timestamp::ZERO.to_string(), "0001-01-01T00:00:00Z");
/// assert_eq!("2026-11-23T17:30:18.30821885Z".parse(), Ok(t));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
    offset: i32,
}

impl Timestamp {
    /// Go's zero time, which a server writes for "never": 0001-01-01T00:00:00Z. It is also the default.
    pub const ZERO: Self = Self {
        seconds: ZERO_SECONDS,
        nanos: 0,
        offset: 0,
    };

    /// The instant `nanos` nanoseconds after 1970-01-01T00:00:00Z, shown in UTC.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self {
            seconds: nanos.div_euclid(NANOS_PER_SECOND as i64),
            nanos: nanos.rem_euclid(NANOS_PER_SECOND as i64) as u32,
            offset: 0,
        }
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z; the nearest `i64` for instants outside 1677 to 2262.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        let nanos = self.seconds as i128 * NANOS_PER_SECOND + self.nanos as i128;
        if nanos > i64::MAX as i128 {
            i64::MAX
        } else if nanos < i64::MIN as i128 {
            i64::MIN
        } else {
            nanos as i64
        }
    }

    /// The same instant shown in the zone `seconds` east of UTC.
    #[must_use]
    pub const fn with_offset(self, seconds: i32) -> Self {
        Self {
            offset: seconds,
            ..self
        }
    }

    /// The same instant shown in UTC.
    #[must_use]
    pub const fn utc(self) -> Self {
        self.with_offset(0)
    }

    /// Offset of the zone it is shown in, in seconds east of UTC.
    #[must_use]
    pub const fn offset(self) -> i32 {
        self.offset
    }

    /// As HTTP writes it: in UTC, to the second.
    ///
    /// ```
    /// use nats_mock_protocol::time::Timestamp;
    ///
    /// let at = Timestamp::from_unix_nanos(784_111_777_000_000_000);
    /// assert_eq!(at.to_http(), "Sun, 06 Nov 1994 08:49:37 GMT");
    /// ```
    pub fn to_http(self) -> String {
        let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
        let at = jiff::Timestamp::from_nanosecond(i128::from(self.unix_nanos()));
        at.and_then(|at| printer.timestamp_to_rfc9110_string(&at))
            .unwrap_or_default()
    }

    /// True for [`Timestamp::ZERO`] in any zone.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.seconds == ZERO_SECONDS && self.nanos == 0
    }

    /// Writes the text into `buffer` and gives its length.
    fn write(self, buffer: &mut [u8; LONGEST]) -> usize {
        let local =
            (self.seconds.saturating_add(i64::from(self.offset))).clamp(MIN_SECONDS, MAX_SECONDS);
        let (year, month, day) = civil_from_days(local.div_euclid(SECONDS_PER_DAY));
        let second = local.rem_euclid(SECONDS_PER_DAY);
        let mut at = 0;
        let mut put = |value: i64, width: usize, after: Option<u8>| {
            let mut rest = value;
            for place in (at..at + width).rev() {
                buffer[place] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            at += width;
            if let Some(byte) = after {
                buffer[at] = byte;
                at += 1;
            }
        };
        put(year, 4, Some(b'-'));
        put(month, 2, Some(b'-'));
        put(day, 2, Some(b'T'));
        put(second / 3600, 2, Some(b':'));
        put(second / 60 % 60, 2, Some(b':'));
        let mut fraction = i64::from(self.nanos);
        let mut digits = 9;
        while digits > 0 && fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        put(second % 60, 2, (digits > 0).then_some(b'.'));
        put(fraction, digits, None);
        if self.offset == 0 {
            put(0, 0, Some(b'Z'));
        } else {
            let minutes = i64::from(self.offset.unsigned_abs() / 60);
            put(0, 0, Some(if self.offset < 0 { b'-' } else { b'+' }));
            // Two digits of hours are all RFC 3339 has room for.
            put((minutes / 60) % 100, 2, Some(b':'));
            put(minutes % 60, 2, None);
        }
        at
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::ZERO
    }
}

/// Proleptic Gregorian date of a day counted from 1970-01-01.
///
/// Counting years from 1 March puts the leap day last, which makes month lengths a linear formula.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; LONGEST];
        let length = self.write(&mut buffer);
        f.write_str(std::str::from_utf8(&buffer[..length]).map_err(|_| fmt::Error)?)
    }
}

/// A reader of the fixed-width parts.
struct Parts<'a>(&'a [u8]);

impl Parts<'_> {
    fn digits(&mut self, width: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(width)?;
        self.0 = rest;
        digits.iter().try_fold(0, |value, byte| {
            byte.is_ascii_digit()
                .then(|| value * 10 + i64::from(byte - b'0'))
        })
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        (first == expected).then_some(())
    }

    fn fraction(&mut self) -> Option<u32> {
        if self.0.first() != Some(&b'.') {
            return Some(0);
        }
        self.0 = &self.0[1..];
        let width = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if !(1..=9).contains(&width) {
            return None;
        }
        let value = self.digits(width)?;
        u32::try_from(value * 10_i64.pow(9 - width as u32)).ok()
    }

    fn offset(&mut self) -> Option<i32> {
        let (&sign, rest) = self.0.split_first()?;
        self.0 = rest;
        if sign == b'Z' {
            return Some(0);
        }
        let hours = self.digits(2).filter(|hours| *hours < 24)?;
        self.byte(b':')?;
        let minutes = self.digits(2).filter(|minutes| *minutes < 60)?;
        let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
        match sign {
            b'+' => Some(seconds),
            b'-' => Some(-seconds),
            _ => None,
        }
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let mut parts = Parts(text.as_bytes());
    let year = parts.digits(4)?;
    parts.byte(b'-')?;
    let month = parts.digits(2).filter(|month| (1..=12).contains(month))?;
    parts.byte(b'-')?;
    let day = parts
        .digits(2)
        .filter(|day| (1..=days_in_month(year, month)).contains(day))?;
    parts.byte(b'T')?;
    let hour = parts.digits(2).filter(|hour| *hour < 24)?;
    parts.byte(b':')?;
    let minute = parts.digits(2).filter(|minute| *minute < 60)?;
    parts.byte(b':')?;
    let second = parts.digits(2).filter(|second| *second < 60)?;
    let nanos = parts.fraction()?;
    let offset = parts.offset()?;
    let local =
        days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    parts.0.is_empty().then_some(Timestamp {
        seconds: local - i64::from(offset),
        nanos,
        offset,
    })
}

impl FromStr for Timestamp {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseTimeError::new(text, "an RFC 3339 time"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = [0; LONGEST];
        let length = self.write(&mut buffer);
        let text = std::str::from_utf8(&buffer[..length]).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
