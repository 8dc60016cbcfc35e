//! Where the clocks hang that decide how late it is.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// By which clocks a user's times of the day are meant.
#[derive(Clone, Debug)]
pub(crate) enum Zone {
    /// Always so many seconds ahead of UTC.
    Fixed(i64),
    /// By the rules of that place.
    Place(TimeZone),
}

impl Zone {
    /// The zone that claims name, where those of the server are `local` seconds ahead of UTC.
    pub fn find(name: &str, local: i64) -> Option<Self> {
        match name {
            "" | "Local" => Some(Self::Fixed(local)),
            "UTC" => Some(Self::Fixed(0)),
            _ => {
                let zone = TimeZoneDatabase::bundled().get(name).ok()?;
                // Real servers look for a file of that very name.
                (zone.iana_name() == Some(name)).then_some(Self::Place(zone))
            }
        }
    }

    /// How many seconds it is ahead of UTC at a time.
    pub(super) fn offset_at(&self, unix_seconds: i64) -> i64 {
        match self {
            Self::Fixed(offset) => *offset,
            Self::Place(zone) => Timestamp::from_second(unix_seconds)
                .map_or(0, |at| i64::from(zone.to_offset(at).seconds())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_their_very_names() {
        assert!(Zone::find("Asia/Tokyo", 0).is_some());
        assert!(Zone::find("asia/tokyo", 0).is_none());
        assert!(Zone::find("Nowhere/Never", 0).is_none());
        assert!(Zone::find("../UTC", 0).is_none());
    }
}
