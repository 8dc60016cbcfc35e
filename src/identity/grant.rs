//! What a user's claims come down to: permissions, ways to connect and networks.

use std::net::IpAddr;
use std::time::Duration;

use super::claims::{Permission, Responses, UserLimits};
use super::issues::Issues;
use super::times::time_issue;
use super::zone::Zone;
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
        Zone::find(zone, 0)
            .is_none()
            .then(|| format!("could not parse iana time zone by name: unknown time zone {zone}"))
    };
    of_permissions
        .map(|issue| issue.description)
        .or_else(of_networks)
        .or_else(of_times)
        .or_else(of_zone)
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
}
