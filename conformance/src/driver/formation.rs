//! Telling from configurations which connections servers should have with each other, and from their
//! logs which they have.
//!
//! The logs are looked at because asking a server changes its counters.

use std::collections::{BTreeMap, BTreeSet};

use nats_mock::protocol::conf::{self, Map, MemorySource, Value};

use super::{DriverError, ServerIndex};

/// How many routes two servers keep for ordinary accounts unless configured.
const POOL: i64 = 3;

/// What a server's configuration says about connections to other servers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Wishes {
    /// The name of its cluster.
    cluster: Option<String>,
    /// How many routes it keeps with each other server of its cluster.
    routes: usize,
    /// The name of its gateway.
    gateway: Option<String>,
    /// For each leaf node connection it makes, the ports it may dial.
    leafs: Vec<Vec<u16>>,
}

impl Wishes {
    /// Reads a configuration without placeholders.
    pub(super) fn read(text: &str) -> Result<Self, DriverError> {
        let document = conf::parse(text, "server.conf", &MemorySource::new())
            .map_err(|error| DriverError::State(error.to_string()))?;
        let root = document.root();
        let block = |key: &str| find(root, &[key]).and_then(Value::as_map);
        let name = |map: &Map| {
            find(map, &["name"])
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let mut wishes = Self::default();
        if let Some(cluster) = block("cluster") {
            wishes.cluster = Some(name(cluster).unwrap_or_default());
            wishes.routes = routes(cluster, root);
        }
        wishes.gateway = block("gateway").and_then(name);
        let remotes = block("leafnodes")
            .and_then(|leafs| find(leafs, &["remotes"]))
            .and_then(Value::as_array);
        for remote in remotes.unwrap_or_default().iter().filter_map(Value::as_map) {
            let urls = match find(remote, &["url", "urls"]) {
                Some(list) if list.as_array().is_some() => list.as_array().unwrap_or_default(),
                Some(one) => std::slice::from_ref(one),
                None => &[],
            };
            let urls = urls.iter().filter_map(Value::as_str);
            wishes.leafs.push(urls.filter_map(port_of).collect());
        }
        Ok(wishes)
    }
}

fn find<'a>(map: &'a Map, names: &[&str]) -> Option<&'a Value> {
    map.iter()
        .find(|(key, _)| names.iter().any(|name| key.eq_ignore_ascii_case(name)))
        .map(|(_, value)| value)
}

/// A pool for ordinary accounts, and one route for each account that has its own, as the system account
/// always does; a single one without a pool.
fn routes(cluster: &Map, root: &Map) -> usize {
    let pool = find(cluster, &["pool_size"]).and_then(Value::as_integer);
    let Ok(pool @ 1..) = usize::try_from(pool.unwrap_or(POOL)) else {
        return 1;
    };
    let mut own: BTreeSet<&str> = find(cluster, &["accounts"])
        .and_then(Value::as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let system = find(root, &["system_account", "system"]).and_then(Value::as_str);
    own.insert(system.unwrap_or("$SYS"));
    pool + own.len()
}

fn port_of(url: &str) -> Option<u16> {
    url.rsplit(':').next()?.trim_end_matches('/').parse().ok()
}

/// How many connections of each kind one server has with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    /// Routes, whoever made them.
    pub(super) routes: usize,
    /// Gateways it has made.
    pub(super) outbound: usize,
    /// Gateways that others have made.
    pub(super) inbound: usize,
    /// Leaf node connections on either side.
    pub(super) leafs: usize,
}

/// The connections that the servers `up` should have: exactly these, except that gateways and leaf nodes
/// choose whom they dial, so that for `inbound` and the accepted `leafs` only the sums are known.
pub(super) fn wanted(
    up: &BTreeMap<ServerIndex, Wishes>,
    reaches: impl Fn(ServerIndex, ServerIndex) -> bool,
    owner: impl Fn(u16) -> Option<ServerIndex>,
) -> BTreeMap<ServerIndex, Count> {
    let mut counts = BTreeMap::new();
    for (server, wishes) in up {
        let others: Vec<&Wishes> = up
            .iter()
            .filter(|(other, _)| *other != server && reaches(*server, **other))
            .map(|(_, wishes)| wishes)
            .collect();
        let in_cluster =
            |other: &&&Wishes| wishes.cluster.is_some() && other.cluster == wishes.cluster;
        let gateways: BTreeSet<&String> = others
            .iter()
            .filter_map(|other| other.gateway.as_ref())
            .filter(|name| wishes.gateway.as_ref().is_some_and(|own| own != *name))
            .collect();
        let is_there = |port: &u16| {
            owner(*port).is_some_and(|hub| up.contains_key(&hub) && reaches(*server, hub))
        };
        let leafs = wishes
            .leafs
            .iter()
            .filter(|ports| ports.iter().any(is_there));
        let count = Count {
            routes: others.iter().filter(in_cluster).count() * wishes.routes,
            outbound: gateways.len(),
            inbound: 0,
            leafs: leafs.count(),
        };
        counts.insert(*server, count);
    }
    counts
}

/// Whether the connections `found` are those `wanted`.
pub(super) fn is_complete(
    wanted: &BTreeMap<ServerIndex, Count>,
    found: &BTreeMap<ServerIndex, Count>,
) -> bool {
    let sum = |counts: &BTreeMap<ServerIndex, Count>, part: fn(&Count) -> usize| {
        counts.values().map(part).sum::<usize>()
    };
    let each = wanted.iter().all(|(server, wanted)| {
        found.get(server).is_some_and(|found| {
            found.routes == wanted.routes
                && found.outbound == wanted.outbound
                && found.leafs >= wanted.leafs
        })
    });
    each && sum(found, |c| c.inbound) == sum(wanted, |c| c.outbound)
        && sum(found, |c| c.leafs) == 2 * sum(wanted, |c| c.leafs)
}

/// The connections that are open according to a server's log, without those to ports for which `is_vain`
/// holds.
pub(super) fn found(log: &str, is_vain: impl Fn(u16) -> bool) -> Count {
    let mut made: [BTreeSet<&str>; 4] = Default::default();
    let mut closed = BTreeSet::new();
    for line in log.lines() {
        let Some((port, id, text)) = connection(line) else {
            continue;
        };
        if is_vain(port) {
            continue;
        }
        if text.contains(" connection closed: ") {
            closed.insert(id);
            continue;
        }
        let kind = match text {
            _ if text.starts_with("Route connection created") => 0,
            _ if text.starts_with("Outbound gateway") && text.ends_with(" registered") => 1,
            _ if text.starts_with("Inbound gateway") && text.ends_with(" registered") => 2,
            _ if text.starts_with("Leafnode connection created") => 3,
            _ => continue,
        };
        made[kind].insert(id);
    }
    let [routes, outbound, inbound, leafs] = made.map(|ids| ids.difference(&closed).count());
    Count {
        routes,
        outbound,
        inbound,
        leafs,
    }
}

/// Splits off what a log line about a connection begins with: `… [INF] 127.0.0.1:4223 - rid:7 - `.
/// Gives the other side's port, the connection's id, and the text.
fn connection(line: &str) -> Option<(u16, &str, &str)> {
    let (head, rest) = line.split_once(" - ")?;
    let port = head.rsplit(':').next()?.parse().ok()?;
    let (id, text) = rest.split_once(" - ")?;
    let (kind, _) = id.split_once(':')?;
    matches!(kind, "rid" | "gid" | "lid").then_some((port, id, text.trim_end()))
}

/// The server's id in its log.
pub(super) fn server_id(log: &str) -> Option<&str> {
    let (_, rest) = log.split_once("[INF]   ID:")?;
    rest.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(texts: &[&str]) -> BTreeMap<ServerIndex, Wishes> {
        let read = |text: &&str| Wishes::read(text).unwrap_or_else(|e| panic!("{e}"));
        let numbered = texts.iter().map(read).enumerate();
        numbered.map(|(at, w)| (ServerIndex(at), w)).collect()
    }

    #[test]
    fn a_cluster_wants_a_pool_and_a_route_for_the_system_account() {
        let conf = "cluster { name: c, listen: 127.0.0.1:1 }";
        let other = "cluster { name: d, listen: 127.0.0.1:1 }";
        let up = wishes(&[conf, conf, conf, other]);
        let routes = |cut: Option<(usize, usize)>| -> Vec<usize> {
            let reaches =
                |a: ServerIndex, b: ServerIndex| cut != Some((a.0, b.0)) && cut != Some((b.0, a.0));
            let counts = wanted(&up, reaches, |_| None);
            counts.values().map(|count| count.routes).collect()
        };
        assert_eq!(routes(None), [8, 8, 8, 0]);
        assert_eq!(routes(Some((0, 2))), [4, 8, 4, 0]);
        for (settings, count) in [
            ("pool_size: -1", 1),
            ("pool_size: 1", 2),
            ("accounts: [A, B]", 6),
        ] {
            let conf = format!("cluster {{ name: c, listen: 127.0.0.1:1, {settings} }}");
            assert_eq!(Wishes::read(&conf).expect("a conf").routes, count);
        }
    }

    #[test]
    fn gateways_and_leafs_choose_whom_they_dial() {
        let up = wishes(&[
            "gateway { name: east, listen: 127.0.0.1:1 }\nleafnodes { listen: 127.0.0.1:7000 }",
            "gateway { name: west, listen: 127.0.0.1:1 }",
            "gateway { name: west, listen: 127.0.0.1:1 }",
            "leafnodes { remotes: [ { url: \"nats://a:a@127.0.0.1:7000\" }, { urls: [\"x:7001\"] } ] }",
        ]);
        let owner = |port| (port == 7000).then_some(ServerIndex(0));
        let wanted = wanted(&up, |_, _| true, owner);
        let outbound: Vec<usize> = wanted.values().map(|c| c.outbound).collect();
        assert_eq!(outbound, [1, 1, 1, 0]);
        assert_eq!(wanted[&ServerIndex(3)].leafs, 1);
        let mut found = wanted.clone();
        assert!(!is_complete(&wanted, &found));
        for (server, inbound, leafs) in [(0, 2, 1), (1, 0, 0), (2, 1, 0)] {
            let count = found.entry(ServerIndex(server)).or_default();
            (count.inbound, count.leafs) = (inbound, leafs);
        }
        assert!(is_complete(&wanted, &found));
    }

    #[test]
    fn logs_tell_what_is_open() {
        let log = "\
[1] 2026/11/25 16:39:07.2 [INF]   ID:       NABC
[1] 2026/11/25 16:39:07.2 [INF] 127.0.0.1:59752 - rid:10 - Route connection created
[1] 2026/11/25 16:39:07.2 [INF] 127.0.0.1:59744 - rid:11 - Route connection created
[1] 2026/11/25 16:39:07.2 [INF] 127.0.0.1:59752 - rid:10 - Router connection closed: Duplicate Route - Remote: n3
[1] 2026/11/25 16:43:31.1 [INF] 127.0.0.1:17302 - gid:6 - Outbound gateway connection to \"west\" (NC) registered
[1] 2026/11/25 16:43:31.1 [INF] 127.0.0.1:41866 - gid:7 - Processing inbound gateway connection
[1] 2026/11/25 16:43:31.1 [INF] 127.0.0.1:41866 - gid:7 - Inbound gateway connection from \"west\" (NC) registered
[1] 2026/11/25 16:43:31.8 [INF] 127.0.0.1:57902 - lid:8 - Leafnode connection created 
";
        assert_eq!(server_id(log), Some("NABC"));
        let count = Count {
            routes: 1,
            outbound: 1,
            inbound: 1,
            leafs: 1,
        };
        assert_eq!(found(log, |_| false), count);
        assert_eq!(found(log, |port| port == 59744).routes, 0);
        let more =
            "[1] x [INF] 127.0.0.1:57902 - lid:8 - Leafnode connection closed: Client Closed\n";
        assert_eq!(found(&format!("{log}{more}"), |_| false).leafs, 0);
    }
}
