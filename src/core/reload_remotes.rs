//! The remotes of a leaf node whose configuration changes while it runs.

use std::time::Duration;

use nats_mock_protocol::conf::duration;

use super::conn::ConnId;
use super::server::ServerId;
use super::text::quoted;
use super::{CloseReason, Core};
use crate::topology::{
    Compression, CompressionError, DEFAULT_LEAFNODE_PORT, GLOBAL_ACCOUNT, LeafRemote, RemoteUrl,
    ServerSpec,
};
use crate::version::Feature;

/// How a link is to be compressed, if that makes sense.
type Wish = Result<Compression, CompressionError>;

const FIRST_INFO_TIMEOUT: Duration = Duration::from_secs(1);

/// An option of a remote that a running server does not change.
pub(super) struct ChangedOption {
    pub remote: String,
    pub name: &'static str,
    pub old: String,
    pub new: String,
}

fn account(remote: &LeafRemote) -> &str {
    remote.account.as_deref().unwrap_or(GLOBAL_ACCOUNT)
}

fn urls(remote: &LeafRemote) -> Vec<RemoteUrl> {
    let with_port = |url: &RemoteUrl| RemoteUrl {
        port: url.port.or(Some(DEFAULT_LEAFNODE_PORT)),
        ..url.clone()
    };
    remote.urls.iter().map(with_port).collect()
}

/// Whether two remotes lead to the same servers from the same account.
fn is_named_alike(one: &LeafRemote, other: &LeafRemote) -> bool {
    account(one) == account(other) && urls(one) == urls(other)
}

/// Whether releases that do not take other remotes take one for another.
pub(super) fn is_same_remote(old: &LeafRemote, new: &LeafRemote) -> bool {
    let first_info = |remote: &LeafRemote| remote.first_info_timeout.unwrap_or(FIRST_INFO_TIMEOUT);
    is_named_alike(old, new)
        && old.no_randomize == new.no_randomize
        && old.credentials == new.credentials
        && handshake_timeout(old) == handshake_timeout(new)
        && old.hub == new.hub
        && first_info(old) == first_info(new)
        && old.isolate_leafnode_interest == new.isolate_leafnode_interest
        && old.request_isolation == new.request_isolation
}

/// How long a handshake with a remote may take, if there is to be one.
fn handshake_timeout(remote: &LeafRemote) -> Option<Duration> {
    remote.tls.as_ref().map(|tls| tls.timeout)
}

/// The remote as a server names it.
fn named(remote: &LeafRemote) -> String {
    let urls: Vec<String> = urls(remote)
        .iter()
        .map(|url| quoted(url.to_string().as_bytes()))
        .collect();
    let account = quoted(account(remote).as_bytes());
    format!("urls=[{}], account={account}", urls.join(" "))
}

/// What a running server does not change of remotes that stay.
fn options(remote: &LeafRemote) -> Vec<(&'static str, String)> {
    let written = |duration: Option<Duration>| {
        let nanos = duration.map_or(0, |it| i64::try_from(it.as_nanos()).unwrap_or(i64::MAX));
        duration::format(nanos)
    };
    let list = |subjects: &[String]| format!("[{}]", subjects.join(" "));
    let timeout = handshake_timeout(remote).map_or(0.0, |it| it.as_secs_f64());
    let first_info = remote.first_info_timeout.or(Some(FIRST_INFO_TIMEOUT));
    vec![
        ("NoRandomize", remote.no_randomize.to_string()),
        ("TLSTimeout", timeout.to_string()),
        ("Hub", remote.hub.to_string()),
        ("DenyImports", list(&remote.deny_imports)),
        ("DenyExports", list(&remote.deny_exports)),
        ("FirstInfoTimeout", written(first_info)),
        ("DialTimeout", written(remote.dial_timeout)),
        (
            "LocalIsolation",
            remote.isolate_leafnode_interest.to_string(),
        ),
        ("RequestIsolation", remote.request_isolation.to_string()),
        (
            "IgnoreDiscoveredServers",
            remote.ignore_discovered_servers.to_string(),
        ),
    ]
}

/// The first option that a running server would have to change of a remote that stays.
pub(super) fn changed_option(old: &[LeafRemote], new: &[LeafRemote]) -> Option<ChangedOption> {
    for (remote, place) in old.iter().zip(places(old, new)) {
        let Some(other) = place.and_then(|place| new.get(place)) else {
            continue;
        };
        let mut pairs = options(remote).into_iter().zip(options(other));
        let changed = pairs.find(|(old, new)| old != new);
        if let Some(((name, old), (_, new))) = changed {
            return Some(ChangedOption {
                remote: named(other),
                name,
                old,
                new,
            });
        }
    }
    None
}

/// Where remotes are in another list, if they are there.
fn places(old: &[LeafRemote], new: &[LeafRemote]) -> Vec<Option<usize>> {
    let mut is_free = vec![true; new.len()];
    old.iter()
        .map(|remote| {
            let place = new
                .iter()
                .enumerate()
                .position(|(place, other)| is_free[place] && is_named_alike(remote, other))?;
            is_free[place] = false;
            Some(place)
        })
        .collect()
}

impl Core {
    /// Connects a server to remotes that it did not have before, and parts it from those that it has no
    /// more.
    pub(super) fn change_remotes(&mut self, server: ServerId, old: &ServerSpec) {
        let remotes = |spec: &ServerSpec| {
            let leafnodes = spec.leafnodes.as_ref();
            leafnodes.map_or_else(Vec::new, |it| it.remotes.clone())
        };
        let (before, after) = (remotes(old), remotes(&self.server(server).spec));
        if before == after {
            return;
        }
        let takes_others = self.server(server).profile.has(Feature::LeafOptionsNamed);
        let places = if takes_others {
            places(&before, &after)
        } else {
            (0..before.len())
                .map(|place| (place < after.len()).then_some(place))
                .collect()
        };
        self.move_remotes(server, &after, &places);
        let ends: Vec<(ConnId, usize)> = self
            .server(server)
            .leafs
            .values()
            .copied()
            .chain(self.waiting_ends(server))
            .filter_map(|id| Some((id, self.leaf(id)?.remote?)))
            .collect();
        for (id, place) in ends {
            let stays = places.get(place).copied().flatten();
            let stays = stays.filter(|&place| !after[place].disabled);
            if let Some(leaf) = self.leaf_mut(id) {
                leaf.remote = stays;
            }
            match stays.map(|place| &after[place]) {
                None => self.close(id, CloseReason::ClientClosed),
                Some(remote) => {
                    let was = before[place].compression_in_force();
                    self.recompress(id, was, remote.compression_in_force());
                }
            }
        }
        for (place, remote) in after.iter().enumerate() {
            let known = places.iter().position(|&known| known == Some(place));
            if !remote.disabled && known.is_none_or(|known| before[known].disabled) {
                self.dial_at_once(server, place);
            }
        }
    }

    /// Compresses what a server sends to its leaf nodes as its configuration says now.
    pub(super) fn recompress_leafs(&mut self, server: ServerId, old: &ServerSpec) {
        let wish = |spec: &ServerSpec| {
            let leafnodes = spec.leafnodes.clone().unwrap_or_default();
            leafnodes.compression_in_force()
        };
        let (was, is) = (wish(old), wish(&self.server(server).spec));
        let ends = self.server(server).leafs.values().copied();
        let accepted: Vec<ConnId> = ends
            .filter(|&id| self.leaf(id).is_some_and(|leaf| leaf.remote.is_none()))
            .collect();
        for id in accepted {
            self.recompress(id, was.clone(), is.clone());
        }
    }

    /// Compresses what one end sends in another way. What both sides have to agree on takes a new connection.
    fn recompress(&mut self, id: ConnId, was: Wish, is: Wish) {
        let (Ok(is), Some(leaf)) = (&is, self.leaf_mut(id)) else {
            return;
        };
        let now = leaf.compression;
        if was.as_ref() == Ok(is) || now.is_empty() || now == is.name() {
            return;
        }
        let is_agreed_on = matches!(is, Compression::Off | Compression::Accept);
        if is_agreed_on || now == Compression::Off.name() {
            self.close(id, CloseReason::ClientClosed);
        } else {
            // Only what is accepted goes by the other side.
            leaf.compression = is.agreed(&Compression::Fast);
        }
    }
}
