//! `min_version` of leaf nodes: a release that may connect.

use super::words::quote;

/// Before this release, leaf nodes did not say which one they are.
const OLDEST: [i64; 3] = [2, 8, 0];

const START: &str = "invalid leafnode's minimum version";

/// Checks `text`, which has to be a semantic version if `strict`; else it only has to begin like one.
pub(super) fn check(text: &str, strict: bool) -> Result<(), String> {
    let parts = if strict {
        semantic(text)
    } else {
        beginning(text)
    };
    let parts = parts.ok_or_else(|| format!("{START}: invalid semver"))?;
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = part.parse().map_err(|_| {
            let why = if part.is_empty() {
                "invalid syntax"
            } else {
                "value out of range"
            };
            format!("{START}: strconv.Atoi: parsing {}: {why}", quote(part))
        })?;
    }
    if numbers < OLDEST {
        return Err("the minimum version should be at least 2.8.0".to_owned());
    }
    Ok(())
}

/// Whether a release is older than a minimum that has passed the check.
pub(crate) fn is_older(release: &str, minimum: &str) -> bool {
    let numbers = |text| beginning(text).map(|parts| parts.map(|part| part.parse().unwrap_or(0)));
    let numbers = |text| numbers(text).unwrap_or([0u64; 3]);
    numbers(release) < numbers(minimum)
}

/// Major, minor and patch of a semantic version.
fn semantic(text: &str) -> Option<[&str; 3]> {
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    let (core, pre) = match text.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (text, None),
    };
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let number = |part: &str| digits(part) && (part == "0" || !part.starts_with('0'));
    let pre_is_one = pre.is_none_or(|pre| {
        pre.split('.')
            .all(|part| word(part) && (!digits(part) || number(part)))
    });
    if !pre_is_one || !build.is_none_or(|build| build.split('.').all(word)) {
        return None;
    }
    let mut parts = core.split('.');
    let numbers = [parts.next()?, parts.next()?, parts.next()?];
    (parts.next().is_none() && numbers.iter().all(|part| number(part))).then_some(numbers)
}

/// Major, minor and patch at the beginning of `text`, empty where they are missing.
fn beginning(text: &str) -> Option<[&str; 3]> {
    let take = |text| -> (&str, &str) {
        let text: &str = text;
        let end = text.find(|c: char| !c.is_ascii_digit());
        text.split_at(end.unwrap_or(text.len()))
    };
    let behind_dot = |text| -> &str {
        let text: &str = text;
        text.strip_prefix('.').unwrap_or(text)
    };
    let (major, rest) = take(text.strip_prefix('v').unwrap_or(text));
    let (minor, rest) = take(behind_dot(rest));
    let (patch, _) = take(behind_dot(rest));
    (!major.is_empty()).then_some([major, minor, patch])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_number_by_number() {
        for (release, minimum, older) in [
            ("2.10.26", "2.11.0", true),
            ("2.10.26", "2.10.26", false),
            ("2.10.26", "2.9.30", false),
            ("2.10.26", "v3.0.0", true),
            ("2.12.0", "2.12.0-RC.1", false),
        ] {
            assert_eq!(is_older(release, minimum), older, "{release} {minimum}");
        }
    }

    #[test]
    fn old_releases_are_no_minimum() {
        const OLD: &str = "the minimum version should be at least 2.8.0";
        const NONE: &str = "invalid leafnode's minimum version: invalid semver";
        const MISSING: &str =
            "invalid leafnode's minimum version: strconv.Atoi: parsing \"\": invalid syntax";
        for (text, strict, loose) in [
            ("2.8.0", None, None),
            ("2.10.0-RC.1+build.7", None, None),
            ("2.7.9", Some(OLD), Some(OLD)),
            ("2.8", Some(NONE), Some(MISSING)),
            ("v2.8.0", Some(NONE), None),
            ("2.08.0", Some(NONE), None),
            ("2.8.0-01", Some(NONE), None),
            ("2.8.0+", Some(NONE), None),
            ("2.8.0.1", Some(NONE), None),
            ("", Some(NONE), Some(NONE)),
        ] {
            assert_eq!(check(text, true).err().as_deref(), strict, "{text}");
            assert_eq!(check(text, false).err().as_deref(), loose, "{text}");
        }
    }
}
