//! Server versions and the ranges of them a scenario applies to.

use std::fmt;
use std::str::FromStr;

/// The release lines goldens are recorded from, oldest first.
pub const RELEASE_LINES: [Version; 5] = [
    Version::new(2, 10, 26),
    Version::new(2, 11, 11),
    Version::new(2, 12, 8),
    Version::new(2, 14, 6),
    Version::new(2, 15, 1),
];

/// A server version, `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// A version from its three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A text that is not a version or a version range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {expected}")]
pub struct VersionError {
    text: String,
    expected: &'static str,
}

impl FromStr for Version {
    type Err = VersionError;

    /// Reads `2.15.1`; a missing patch (`2.15`) counts as 0.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError {
            text: text.to_owned(),
            expected: "version such as 2.15.1",
        };
        let mut parts = text.split('.');
        let mut number = |default: Option<u32>| match parts.next() {
            Some(part) => part.parse::<u32>().map_err(|_| error()),
            None => default.ok_or_else(error),
        };
        let version = Self::new(number(None)?, number(None)?, number(Some(0))?);
        match parts.next() {
            None => Ok(version),
            Some(_) => Err(error()),
        }
    }
}

/// A set of versions, written `all`, `2.15.1`, `>=2.12`, `<2.14`, or `2.11.11..2.14.6` with both
/// ends included. A minor line without patch stands for its first release, so `>=2.12` takes the
/// whole 2.12 line and `<2.12` none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    from: Option<Version>,
    to: Option<Version>,
    excludes_end: bool,
}

impl VersionRange {
    /// Every version.
    pub const ALL: Self = Self {
        from: None,
        to: None,
        excludes_end: false,
    };

    /// Whether `version` is in the range.
    pub fn contains(&self, version: Version) -> bool {
        let after_start = self.from.is_none_or(|from| from <= version);
        let before_end = self.to.is_none_or(|to| {
            if self.excludes_end {
                version < to
            } else {
                version <= to
            }
        });
        after_start && before_end
    }
}

impl FromStr for VersionRange {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        if text == "all" {
            return Ok(Self::ALL);
        }
        if let Some(from) = text.strip_prefix(">=") {
            return Ok(Self {
                from: Some(from.parse()?),
                ..Self::ALL
            });
        }
        if let Some(to) = text.strip_prefix('<') {
            return Ok(Self {
                to: Some(to.parse()?),
                excludes_end: true,
                ..Self::ALL
            });
        }
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        Ok(Self {
            from: Some(from.parse()?),
            to: Some(to.parse()?),
            excludes_end: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(range: &str) -> Vec<String> {
        let range: VersionRange = range.parse().expect("a valid range");
        RELEASE_LINES
            .iter()
            .filter(|version| range.contains(**version))
            .map(Version::to_string)
            .collect()
    }

    #[test]
    fn ranges_pick_the_release_lines_they_name() {
        assert_eq!(picked("all").len(), 5);
        assert_eq!(picked(">=2.12"), ["2.12.8", "2.14.6", "2.15.1"]);
        assert_eq!(picked("<2.12"), ["2.10.26", "2.11.11"]);
        assert_eq!(picked("2.15.1"), ["2.15.1"]);
        assert_eq!(picked("2.11.11..2.14.6"), ["2.11.11", "2.12.8", "2.14.6"]);
    }

    #[test]
    fn a_bad_version_is_named() {
        let error = "2.x".parse::<Version>().expect_err("not a version");
        assert_eq!(error.to_string(), "`2.x` is not a version such as 2.15.1");
        assert!("1.2.3.4".parse::<Version>().is_err());
        assert!(">=".parse::<VersionRange>().is_err());
    }
}
