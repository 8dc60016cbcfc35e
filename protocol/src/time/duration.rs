//! Durations as integers, as Go duration strings and as uptimes.

use super::ParseTimeError;
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

fn saturated(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A duration that JSON shows as an integer of nanoseconds, e.g. `120000000000`.
///
/// ```
/// use nats_mock_protocol::time::Nanos;
/// use std::time::Duration;
///
/// assert_eq!(Nanos::from(Duration::from_secs(120)), Nanos(120_000_000_000));
/// ```
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Nanos(
    /// Nanoseconds; may be negative.
    pub i64,
);

impl From<Duration> for Nanos {
    /// Durations beyond 292 years become 292 years.
    fn from(duration: Duration) -> Self {
        Self(saturated(duration))
    }
}

/// A duration that JSON shows as a Go duration string.
///
/// The unit is the largest that leaves a number of at least one below a second, then hours, minutes and seconds.
///
/// ```
/// use nats_mock_protocol::time::GoDuration;
///
/// assert_eq!(GoDuration(525_000).to_string(), "525µs");
/// assert_eq!(GoDuration(1_203_917).to_string(), "1.203917ms");
/// assert_eq!(GoDuration(120_000_000_000).to_string(), "2m0s");
/// assert_eq!(GoDuration(0).to_string(), "0s");
/// assert_eq!("2m0s".parse(), Ok(GoDuration(120_000_000_000)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(
    /// Nanoseconds; may be negative.
    pub i64,
);

impl From<Duration> for GoDuration {
    /// Durations beyond 292 years become 292 years.
    fn from(duration: Duration) -> Self {
        Self(saturated(duration))
    }
}

/// Shows `whole` and, unless zero, `rest` as a fraction of `unit` without trailing zeros.
fn fraction(f: &mut fmt::Formatter<'_>, whole: u64, rest: u64, unit: u64) -> fmt::Result {
    write!(f, "{whole}")?;
    if rest == 0 {
        return Ok(());
    }
    let (mut rest, mut unit) = (rest, unit);
    while rest.is_multiple_of(10) {
        rest /= 10;
        unit /= 10;
    }
    let width = unit.ilog10() as usize;
    write!(f, ".{rest:0width$}")
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let (unit, name) = match nanos {
            0 => return f.write_str("0s"),
            1..MICROSECOND => (1, "ns"),
            MICROSECOND..MILLISECOND => (MICROSECOND, "µs"),
            MILLISECOND..SECOND => (MILLISECOND, "ms"),
            _ => (SECOND, "s"),
        };
        let mut whole = nanos / unit;
        if unit == SECOND {
            let minutes = whole / 60;
            if minutes >= 60 {
                write!(f, "{}h", minutes / 60)?;
            }
            if minutes > 0 {
                write!(f, "{}m", minutes % 60)?;
            }
            whole %= 60;
        }
        fraction(f, whole, nanos % unit, unit)?;
        f.write_str(name)
    }
}

/// Reads a run of digits; `None` when there is none or it does not fit.
fn number<'a>(text: &mut &'a str) -> Option<(u64, &'a str)> {
    let width = text
        .bytes()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = text.split_at(width);
    *text = rest;
    Some((digits.parse().ok()?, digits))
}

fn parse_go(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    let mut any = false;
    while !rest.is_empty() {
        let (whole, _) = number(&mut rest)?;
        let mut decimals = "";
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            decimals = number(&mut rest)?.1;
        }
        let (unit, after) = [
            ("ns", 1),
            ("µs", MICROSECOND),
            ("us", MICROSECOND),
            ("ms", MILLISECOND),
            ("s", SECOND),
            ("m", 60 * SECOND),
            ("h", 3600 * SECOND),
        ]
        .into_iter()
        .find_map(|(name, unit)| Some((unit, rest.strip_prefix(name)?)))?;
        rest = after;
        total = total.saturating_add(i128::from(whole) * i128::from(unit));
        let mut place = i128::from(unit);
        for digit in decimals.bytes() {
            place /= 10;
            total += i128::from(digit - b'0') * place;
        }
        any = true;
    }
    let total = if negative { -total } else { total };
    any.then(|| i64::try_from(total).ok())?
}

impl FromStr for GoDuration {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_go(text)
            .map(Self)
            .ok_or_else(|| ParseTimeError::new(text, "a Go duration"))
    }
}

/// A duration that JSON shows in whole seconds with days and years of 365 days, e.g. `1y2d3h4m5s`.
///
/// Parts left of the largest one that is not zero are not shown; all parts right of it are.
///
/// ```
/// use nats_mock_protocol::time::Uptime;
///
/// assert_eq!(Uptime(0).to_string(), "0s");
/// assert_eq!(Uptime(60).to_string(), "1m0s");
/// assert_eq!(Uptime(93_784).to_string(), "1d2h3m4s");
/// assert_eq!("1d2h3m4s".parse(), Ok(Uptime(93_784)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uptime(
    /// Whole seconds; negative (shown without any other unit) when a clock ran backwards.
    pub i64,
);

impl Uptime {
    /// The whole seconds in a number of nanoseconds, the rest cut off.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos / SECOND as i64)
    }
}

impl From<Duration> for Uptime {
    /// The rest below a second is cut off.
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX))
    }
}

/// Seconds of each part, the largest first.
const UPTIME_PARTS: [(&str, i64); 5] = [
    ("y", 365 * 86_400),
    ("d", 86_400),
    ("h", 3_600),
    ("m", 60),
    ("s", 1),
];

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 60 {
            return write!(f, "{}s", self.0);
        }
        let mut rest = self.0;
        for (name, seconds) in UPTIME_PARTS {
            if self.0 >= seconds {
                write!(f, "{}{name}", rest / seconds)?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

fn parse_uptime(text: &str) -> Option<i64> {
    if text.starts_with('-') {
        return text.strip_suffix('s')?.parse().ok();
    }
    let mut rest = text;
    let mut total: i64 = 0;
    let mut parts = UPTIME_PARTS.iter();
    while !rest.is_empty() {
        let (value, _) = number(&mut rest)?;
        let seconds = parts.find_map(|(name, seconds)| {
            rest = rest.strip_prefix(name)?;
            Some(*seconds)
        })?;
        total = i64::try_from(value)
            .ok()?
            .checked_mul(seconds)?
            .checked_add(total)?;
    }
    (!text.is_empty()).then_some(total)
}

impl FromStr for Uptime {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_uptime(text)
            .map(Self)
            .ok_or_else(|| ParseTimeError::new(text, "an uptime"))
    }
}

/// Serde as the `Display` text for one of the string notations.
macro_rules! as_text {
    ($type:ident, $expected:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

as_text!(GoDuration, "a Go duration");
as_text!(Uptime, "an uptime");
