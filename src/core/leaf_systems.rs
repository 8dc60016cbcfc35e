//! Servers that know of each other because their system accounts are joined by leaf node connections.

use std::collections::{BTreeSet, VecDeque};

use super::Core;
use super::notice::Notice;
use super::server::{Phase, ServerId};

/// How a message came to a server.
#[derive(Clone, Copy)]
enum Way {
    Own,
    Route,
    FromLeaf,
    FromHub,
}

impl Core {
    /// The other servers that `server` hears of: its peers, and those that are behind a leaf node
    /// connection of the system account.
    pub fn known_servers(&self, server: ServerId) -> Vec<ServerId> {
        let system = self.server(server).system;
        let has_leafs = system.is_some_and(|system| !self.account(system).leafs.is_empty());
        if !has_leafs {
            return self.reached_from(server);
        }
        let mut known: Vec<ServerId> = self.systems_reached_from(server).into_iter().collect();
        known.retain(|&other| other != server);
        known
    }

    /// Follows what a server says in its system account: to its peers and other clusters, and over leaf node connections,
    /// but not from a hub to the peers of a leaf.
    fn systems_reached_from(&self, server: ServerId) -> BTreeSet<ServerId> {
        let mut reached = BTreeSet::from([server]);
        let mut waiting = VecDeque::from([(server, Way::Own)]);
        while let Some((at, way)) = waiting.pop_front() {
            if matches!(way, Way::Own | Way::FromLeaf) {
                for peer in self.reached_from(at) {
                    if reached.insert(peer) {
                        waiting.push_back((peer, Way::Route));
                    }
                }
            }
            for (conn, leaf) in self.leafs(at) {
                let is_system = self.server(at).system == Some(conn.account);
                let stays = leaf.is_spoke && matches!(way, Way::Route);
                let goes_on = is_system && !stays && self.server(leaf.peer).phase != Phase::Stopped;
                if goes_on && reached.insert(leaf.peer) {
                    let way = if leaf.is_spoke {
                        Way::FromLeaf
                    } else {
                        Way::FromHub
                    };
                    waiting.push_back((leaf.peer, way));
                }
            }
        }
        reached
    }

    /// Two system accounts are about to be joined.
    pub(super) fn join_systems(&mut self, one: ServerId, other: ServerId) {
        self.tell_found_or_lost(one, other, |server, peer| Notice::PeerFound {
            server,
            peer,
        });
    }

    /// Two system accounts have been parted.
    pub(super) fn part_systems(&mut self, one: ServerId, other: ServerId) {
        self.tell_found_or_lost(one, other, |server, peer| Notice::PeerLost { server, peer });
    }

    /// While there is no connection, tells the servers on both sides of those on the other that they do not know by themselves.
    fn tell_found_or_lost(
        &mut self,
        one: ServerId,
        other: ServerId,
        notice: impl Fn(ServerId, ServerId) -> Notice,
    ) {
        let left = self.systems_reached_from(one);
        let right = self.systems_reached_from(other);
        for &server in &left {
            for &peer in right.iter().filter(|peer| !left.contains(peer)) {
                for (server, peer) in [(server, peer), (peer, server)] {
                    if self.server(server).phase != Phase::Stopped {
                        self.notices.push_back(notice(server, peer));
                    }
                }
            }
        }
    }
}
