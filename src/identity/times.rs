//! The times of the day at which a user may be here.

use std::time::Duration;

use super::claims::TimeRange;
use super::zone::Zone;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

impl Zone {
    /// When clocks show so many seconds of a day. A time that a change of the clocks leaves out, or has
    /// twice, is the one that Go makes of it.
    fn unix_seconds(&self, day: i64, seconds: i64) -> i64 {
        let shown = day * DAY + seconds;
        shown - self.offset_at(shown - self.offset_at(shown))
    }
}

/// The first thing that is wrong with a part of the day, as servers say it.
pub(super) fn time_issue(range: &TimeRange) -> Option<String> {
    let of = |text: &str, missing: &str, name: &str| {
        if text.is_empty() {
            Some(format!("time ranges {name} must contain {missing}"))
        } else if seconds_of_day(text).is_none() {
            Some(format!("{name} in time range is invalid {text:?}"))
        } else {
            None
        }
    };
    of(&range.start, "a start", "start").or_else(|| of(&range.end, "an end", "end"))
}

/// How long somebody who is here at `now` (Unix nanoseconds) may stay, for ever without a range; nothing
/// outside of all ranges.
pub(crate) fn stays_in_range(
    ranges: &[TimeRange],
    zone: &Zone,
    now: i64,
) -> Option<Option<Duration>> {
    if ranges.is_empty() {
        return Some(None);
    }
    let seconds = now.div_euclid(SECOND);
    let today = (seconds + zone.offset_at(seconds)).div_euclid(DAY);
    let left = ranges.iter().filter_map(|range| {
        let at = |day: i64, time: i64| zone.unix_seconds(day, time).saturating_mul(SECOND);
        let start = at(today, seconds_of_day(&range.start)?);
        let ends = seconds_of_day(&range.end)?;
        let end = at(today, ends);
        let crosses_midnight = start > end;
        let end = if (crosses_midnight || start < now) && now < end {
            end
        } else if crosses_midnight && start < now {
            at(today + 1, ends)
        } else {
            return None;
        };
        u64::try_from(end - now).ok().map(Duration::from_nanos)
    });
    left.max().map(Some)
}

fn seconds_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':').map(|part| {
        let is_plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        is_plain.then(|| part.parse::<i64>().ok()).flatten()
    });
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let fits = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    fits.then_some(hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: &str, end: &str) -> [TimeRange; 1] {
        [TimeRange {
            start: start.into(),
            end: end.into(),
        }]
    }

    fn utc() -> Zone {
        Zone::find("UTC", 0).expect("a zone")
    }

    fn hours(hours: u64) -> Option<Option<Duration>> {
        Some(Some(Duration::from_secs(hours * 3600)))
    }

    #[test]
    fn a_range_may_cross_midnight() {
        let stays =
            |range: &[TimeRange], hour: i64| stays_in_range(range, &utc(), hour * 3600 * SECOND);
        assert_eq!(stays(&range("11:00:00", "22:00:00"), 13), hours(9));
        assert_eq!(stays(&range("11:00:00", "22:00:00"), 23), None);
        assert_eq!(stays(&range("22:00:00", "02:00:00"), 23), hours(3));
        assert_eq!(stays(&range("22:00:00", "02:00:00"), 1), hours(1));
        assert_eq!(stays(&range("22:00:00", "02:00:00"), 3), None);
        assert_eq!(stays(&[], 3), Some(None));
    }

    #[test]
    fn the_day_is_that_of_the_zone() {
        let stays = |hour: i64| {
            stays_in_range(
                &range("22:00:00", "23:00:00"),
                &Zone::find("", 2 * 3600).expect("the zone of the server"),
                hour * 3600 * SECOND + 1,
            )
        };
        assert_eq!(stays(18), None);
        assert!(stays(20).is_some());
        assert_eq!(stays(22), None);
    }

    #[cfg(feature = "jwt")]
    #[test]
    fn clocks_are_put_forward_and_back() {
        let berlin = Zone::find("Europe/Berlin", 0).expect("a zone");
        let at = |text: &str| {
            let at: jiff::Timestamp = text.parse().expect("a time");
            at.as_second() * SECOND
        };
        let day = range("01:00:00", "04:00:00");
        let stays = |text: &str| stays_in_range(&day, &berlin, at(text));
        // From two o'clock to three there is nothing on the one day, and everything twice on the other.
        assert_eq!(stays("2026-03-29T00:30:00Z").flatten(), secs(90 * 60));
        assert_eq!(
            stays("2026-10-24T23:30:00Z").flatten(),
            secs(3 * 3600 + 1800)
        );
        assert_eq!(stays("2026-07-01T00:00:00Z"), hours(2));
        assert_eq!(
            stays("2026-12-01T00:30:00Z").flatten(),
            secs(2 * 3600 + 1800)
        );
        assert_eq!(stays("2026-12-01T03:00:00Z"), None);
    }

    #[cfg(feature = "jwt")]
    fn secs(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }
}
