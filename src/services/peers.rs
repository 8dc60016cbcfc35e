//! The other servers that a server knows of: those it has heard from, whether or not they are still
//! there.
//!
//! A server hears of another by its STATSZ, answers the first one with its own, and forgets it when it
//! says that it stops, or when nothing has been heard of it for long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::system::Context;
use crate::core::{Core, Phase, ServerId, Time};

/// A server that is silent for this long is forgotten at the next look.
const ORPHANED_AFTER: Duration = Duration::from_secs(150);

/// How often a server looks for others that are silent.
const LOOK_EVERY: Duration = Duration::from_secs(90);

/// Where what a server knows is not what is there.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// Connected, and not heard of yet.
    strangers: BTreeSet<ServerId>,
    /// Gone without a word, with the time when they were last heard of.
    vanished: BTreeMap<ServerId, Time>,
    /// The server has just told the others how it is.
    pub introduced: bool,
}

impl Peers {
    /// Hears of another server. Tells whether it is the first time.
    pub fn heard(&mut self, peer: ServerId) -> bool {
        self.strangers.remove(&peer)
    }

    pub fn strangers(&self) -> usize {
        self.strangers.len()
    }

    fn vanished(&self, start: Time, now: Time) -> usize {
        let remembered = |last: &&Time| forgotten_at(start, **last) > now;
        self.vanished.values().filter(remembered).count()
    }
}

/// When a server that has started at `start` forgets another of which it last heard at `last`.
fn forgotten_at(start: Time, last: Time) -> Time {
    let silent_until = (last + ORPHANED_AFTER).nanos_since(start).max(0) as u64;
    let looks = silent_until / LOOK_EVERY.as_nanos() as u64 + 1;
    start + LOOK_EVERY * u32::try_from(looks).unwrap_or(u32::MAX)
}

/// There is a connection to a peer.
pub(super) fn found(context: &mut Context<'_>, peer: ServerId) {
    let (start, now) = (context.server().start, context.core.now());
    let peers = &mut context.state.peers;
    let last = peers.vanished.remove(&peer);
    if last.is_none_or(|last| forgotten_at(start, last) <= now) {
        peers.strangers.insert(peer);
    }
}

/// The connection to a peer is gone.
pub(super) fn lost(context: &mut Context<'_>, peer: ServerId) {
    let gone = context.core.server(peer);
    let (last, said_goodbye) = (gone.last_heartbeat, gone.said_goodbye);
    let peers = &mut context.state.peers;
    let was_known = !peers.strangers.remove(&peer);
    if was_known && !said_goodbye {
        peers.vanished.insert(peer, last);
    }
}

/// Whether a server hears how another is.
pub(super) fn hears(core: &Core, server: ServerId, peer: ServerId) -> bool {
    core.hears(server, peer, b"$SYS.SERVER.*.STATSZ")
}

/// Servers that `server` knows of, itself included.
pub(super) fn active_servers(core: &Core, peers: &Peers, server: ServerId) -> i64 {
    let start = core.server(server).start;
    let connected = core.known_servers(server).into_iter().filter(|&peer| {
        core.server(peer).phase == Phase::Running
            && !peers.strangers.contains(&peer)
            && hears(core, server, peer)
    });
    (1 + connected.count() + peers.vanished(start, core.now())) as i64
}
