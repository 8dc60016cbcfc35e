//! What a user's claims come down to: permissions, ways to connect, networks and times of day.

use std::net::IpAddr;
use std::time::Duration;

use super::claims::{Permission, Responses, TimeRange, UserLimits};
use super::issues::Issues;
use crate::topology::{ConnectionType, Permissions, ResponsePermission, SubjectPermission};

/// The permissions that claims grant; nothing if they say nothing.
pub(crate) fn permissions(
    publish: &Permission,
    subscribe: &Permission,
    responses: Option<&Responses>,
) -> Option<Permissions> {
    let side = |side: &Permission| {
        let says = !side.allow.is_empty() || !side.deny.is_empty();
        says.then(|| SubjectPermission {
            allow: (!side.allow.is_empty()).then(|| side.allow.clone()),
            deny: side.deny.clone(),
        })
    };
    let (mut publish, subscribe) = (side(publish), side(subscribe));
    let allow_responses = responses.map(|given| {
        let usual = ResponsePermission::default();
        // Who may answer may publish nothing else, unless something is said about that.
        let side = publish.get_or_insert_default();
        side.allow.get_or_insert_default();
        ResponsePermission {
            max_msgs: if given.max == 0 {
                usual.max_msgs
            } else {
                given.max
            },
            expires: match given.ttl {
                0 => usual.expires,
                ttl => u64::try_from(ttl).ok().map(Duration::from_nanos),
            },
        }
    });
    let says = publish.is_some() || subscribe.is_some() || allow_responses.is_some();
    says.then_some(Permissions {
        publish,
        subscribe,
        allow_responses,
    })
}

/// The ways to connect that claims name; nothing if they name only such as nobody knows.
pub(crate) fn connection_types(names: &[String]) -> Option<Vec<ConnectionType>> {
    let known: Vec<ConnectionType> = names
        .iter()
        .filter_map(|name| ConnectionType::from_name(name))
        .collect();
    (names.is_empty() || !known.is_empty()).then_some(known)
}

/// Whether what is claimed can be read at all.
pub(crate) fn is_valid(limits: &UserLimits) -> bool {
    issue(limits).is_none()
}

/// The first thing that is wrong with what is claimed, as servers say it.
pub(crate) fn issue(limits: &UserLimits) -> Option<String> {
    let mut permissions = Issues::default();
    permissions.permission(&limits.subscribe, true);
    permissions.permission(&limits.publish, false);
    let of_permissions = permissions.0.into_iter().next();
    let of_networks = || {
        let mut networks = limits.src.iter();
        let bad = networks.find(|network| parse_network(network).is_none())?;
        Some(format!("invalid cidr {bad:?} in user src limits"))
    };
    let of_times = || limits.times.iter().find_map(time_issue);
    let of_zone = || {
        let zone = limits.times_location.as_str();
        let is_known = matches!(zone, "" | "UTC" | "Local");
        (!is_known)
            .then(|| format!("could not parse iana time zone by name: unknown time zone {zone}"))
    };
    of_permissions
        .map(|issue| issue.description)
        .or_else(of_networks)
        .or_else(of_times)
        .or_else(of_zone)
}

fn time_issue(range: &TimeRange) -> Option<String> {
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

/// Whether somebody at `host` may come.
pub(crate) fn allows_host(networks: &[String], host: &str) -> bool {
    if networks.is_empty() {
        return true;
    }
    let Ok(host) = host.parse::<IpAddr>() else {
        return false;
    };
    networks.iter().any(|network| {
        parse_network(network).is_some_and(|(base, bits)| contains(base, bits, host))
    })
}

fn parse_network(text: &str) -> Option<(IpAddr, u32)> {
    let (base, bits) = text.split_once('/')?;
    let base: IpAddr = base.parse().ok()?;
    let bits: u32 = bits.parse().ok()?;
    let most = if base.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some((base, bits))
}

fn contains(base: IpAddr, bits: u32, host: IpAddr) -> bool {
    match (base, host) {
        (IpAddr::V4(base), IpAddr::V4(host)) => {
            let shift = 32 - bits;
            let cut = |ip: u32| ip.checked_shr(shift).unwrap_or(0);
            cut(base.to_bits()) == cut(host.to_bits())
        }
        (IpAddr::V6(base), IpAddr::V6(host)) => {
            let shift = 128 - bits;
            let cut = |ip: u128| ip.checked_shr(shift).unwrap_or(0);
            cut(base.to_bits()) == cut(host.to_bits())
        }
        _ => false,
    }
}

/// Whether the time of day, in nanoseconds since midnight, is in one of the ranges, and if so, how long it
/// stays in it; without ranges for ever.
pub(crate) fn stays_in_range(ranges: &[TimeRange], nanos: i64) -> Option<Option<Duration>> {
    if ranges.is_empty() {
        return Some(None);
    }
    const DAY: i64 = 86_400 * 1_000_000_000;
    let left = ranges.iter().filter_map(|range| {
        let start = seconds_of_day(&range.start)? * 1_000_000_000;
        let end = seconds_of_day(&range.end)? * 1_000_000_000;
        let left = if start < nanos && nanos < end {
            end - nanos
        } else if start > end && nanos > start {
            end + DAY - nanos
        } else if start > end && nanos < end {
            end - nanos
        } else {
            return None;
        };
        u64::try_from(left).ok().map(Duration::from_nanos)
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

    #[test]
    fn networks_hold_their_hosts() {
        let networks = ["10.0.0.0/8".to_owned(), "::1/128".to_owned()];
        assert!(allows_host(&networks, "10.200.3.4"));
        assert!(allows_host(&networks, "::1"));
        assert!(!allows_host(&networks, "11.0.0.1"));
        assert!(!allows_host(&networks, "host"));
        assert!(allows_host(&["0.0.0.0/0".to_owned()], "1.2.3.4"));
        assert!(allows_host(&[], "host"));
    }

    #[test]
    fn a_range_may_cross_midnight() {
        let range = |start: &str, end: &str| {
            [TimeRange {
                start: start.into(),
                end: end.into(),
            }]
        };
        let at = |hour: i64| hour * 3600 * 1_000_000_000;
        let hours = |hours: u64| Some(Some(Duration::from_secs(hours * 3600)));
        assert_eq!(
            stays_in_range(&range("11:00:00", "22:00:00"), at(13)),
            hours(9)
        );
        assert_eq!(stays_in_range(&range("11:00:00", "22:00:00"), at(23)), None);
        assert_eq!(
            stays_in_range(&range("22:00:00", "02:00:00"), at(23)),
            hours(3)
        );
        assert_eq!(
            stays_in_range(&range("22:00:00", "02:00:00"), at(1)),
            hours(1)
        );
        assert_eq!(stays_in_range(&range("22:00:00", "02:00:00"), at(3)), None);
        assert_eq!(stays_in_range(&[], at(3)), Some(None));
    }
}
