//! Leaf node connections: each joins an account of a hub with an account of a leaf, which are accounts
//! of different meshes.
//!
//! A connection is two ends, one on each server, and each end is a [`Conn`](super::Conn) without a
//! shell. Nothing is written between them: what one end has to say the other is told at once.

use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};

use super::account::AccountId;
use super::conn::{ConnId, Flags, MatchCache, Peer, Traffic};
use super::notice::Notice;
use super::permissions::UserRights;
use super::server::ServerId;
use super::short_lived::ShortLived;
use super::{CloseReason, Conn, Core, Nuid};
use crate::topology::{Permissions, SubjectPermission};

/// What a connection has more than others if it is an end of a leaf node connection.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// The other end.
    pub(super) other: ConnId,
    /// The server at the other end.
    pub peer: ServerId,
    /// The name of the cluster at the other end; empty if there is none.
    pub(super) cluster: Box<str>,
    /// It was not let in yet, and belongs to no account.
    pub is_stranger: bool,
    /// The other end is the hub.
    pub is_spoke: bool,
    /// It is not told what other leaf nodes listen to.
    pub is_isolated: bool,
    /// How what is sent is compressed.
    pub compression: &'static str,
    /// The place of the remote in this server's configuration, if this server made the connection.
    pub(super) remote: Option<usize>,
    /// Its hub has ended it before it knew who it was, and goes on waiting to be told.
    pub(super) is_over: bool,
    /// The cluster that it says that it is a gateway of, where it is at the wrong port.
    pub(super) gateway: Option<Box<str>>,
    /// What the other end has been told that this one listens to, and how much there is of each.
    pub(super) told: HashMap<Box<[u8]>, u64, FixedState>,
    /// What the other end may send, where that is looked after.
    pub(super) accepts: Option<Box<UserRights>>,
    /// Why it ends and when this server tries again, where that is not as usual.
    pub(super) broken: Option<(CloseReason, Duration)>,
}

impl Leaf {
    /// An end that belongs to nobody, on `server`.
    pub(super) fn stranger(server: ServerId) -> Self {
        Self {
            other: ConnId {
                slot: u32::MAX,
                generation: 0,
            },
            peer: server,
            cluster: Box::default(),
            is_stranger: true,
            is_spoke: false,
            is_isolated: false,
            compression: "",
            remote: None,
            is_over: false,
            gateway: None,
            told: HashMap::default(),
            accepts: None,
            broken: None,
        }
    }
}

/// Subjects that cross no leaf node connection, because they are another JetStream's.
const JETSTREAM: [&str; 3] = ["$JS.API.>", "$KV.>", "$OBJ.>"];

/// And those that do not cross one of the system account.
const JETSTREAM_SYSTEM: [&str; 2] = ["$JSC.>", "$NRG.>"];

/// The time that a leaf node needs to answer.
pub(super) const ROUND_TRIP: Duration = Duration::from_micros(250);

/// One end that is about to be.
pub(super) struct NewEnd {
    pub server: ServerId,
    pub account: AccountId,
    pub cid: u64,
    pub peer: Peer,
    pub user: String,
    pub password: String,
    /// What the other side says of itself.
    pub name: String,
    pub version: String,
    pub protocol: i64,
    pub leaf: Leaf,
}

impl Core {
    /// Makes an end that belongs to no account yet.
    pub(super) fn make_end(&mut self, new: NewEnd) -> ConnId {
        self.next_generation += 1;
        let generation = self.next_generation;
        let (now, max_payload) = (self.now, self.server(new.server).spec.limits.max_payload);
        let mut conn = Conn {
            generation,
            cid: new.cid,
            server: new.server,
            account: new.account,
            counted_in: new.account,
            peer: new.peer,
            start: now,
            last: now,
            last_in: now,
            rtt: ROUND_TRIP.as_nanos() as i64,
            options: Box::default(),
            rights: None,
            nonce: None,
            identity: None,
            subs: HashTable::new(),
            max_payload: Some(max_payload),
            max_subscriptions: None,
            received: Traffic::default(),
            sent: Traffic::default(),
            stalls: 0,
            flags: Flags {
                headers: true,
                detached: true,
                mute: true,
                ..Flags::default()
            },
            pings_out: 0,
            ping_sent: None,
            auth_timer: None,
            expiry_timer: None,
            ping_timer: None,
            write_timer: None,
            output: Vec::new(),
            in_flight: 0,
            tls: None,
            closing: None,
            matches: MatchCache::default(),
            asked: ShortLived::default(),
            measured: ShortLived::default(),
            leaf: Some(Box::new(new.leaf)),
            passed: 0,
            late: None,
            stalled: None,
            callout: None,
            lookup: None,
            greeting: None,
        };
        conn.options.user = new.user;
        conn.options.pass = new.password;
        conn.options.name = new.name;
        conn.options.version = new.version;
        conn.options.protocol = new.protocol;
        let slot = self.conns.insert(conn);
        ConnId {
            slot: slot as u32,
            generation,
        }
    }

    pub(super) fn leaf(&self, id: ConnId) -> Option<&Leaf> {
        self.conn(id)?.leaf.as_deref()
    }

    pub(super) fn leaf_mut(&mut self, id: ConnId) -> Option<&mut Leaf> {
        self.conn_mut(id)?.leaf.as_deref_mut()
    }

    /// The open leaf node connections of a server.
    pub fn leafs(&self, server: ServerId) -> impl Iterator<Item = (&Conn, &Leaf)> {
        let ends = self.server(server).leafs.values();
        ends.filter_map(|&id| {
            let conn = self.conn(id)?;
            Some((conn, conn.leaf.as_deref()?))
        })
    }

    /// The servers at the other ends of a server's connections.
    pub(super) fn leaf_peers(&self, server: ServerId) -> Vec<ServerId> {
        self.leafs(server).map(|(_, leaf)| leaf.peer).collect()
    }

    /// Ends the connections between two servers that cannot reach each other any more.
    pub(super) fn part_leafs(&mut self, a: ServerId, b: ServerId) {
        let ends = self.server(a).leafs.values().copied();
        // A hub does not notice before there is an answer.
        let spokes = [a, b].map(|server| self.waiting_ends(server)).into_iter();
        let spokes = spokes
            .flatten()
            .filter(|&end| self.leaf(end).is_some_and(|leaf| leaf.remote.is_some()));
        let ends: Vec<ConnId> = ends
            .chain(spokes)
            .filter(|&end| {
                let Some((conn, leaf)) = self.conn(end).zip(self.leaf(end)) else {
                    return false;
                };
                [(a, b), (b, a)].contains(&(conn.server, leaf.peer))
            })
            .collect();
        for end in ends {
            self.close(end, CloseReason::ClientClosed);
        }
    }

    /// Registers an end with its server and its account. That its user has connected is told only if
    /// `is_told`.
    pub(super) fn register_end(&mut self, id: ConnId, is_told: bool) {
        let Some(conn) = self.conn(id) else { return };
        let (server, account, cid) = (conn.server, conn.account, conn.cid);
        self.server_mut(server).leafs.insert(cid, id);
        self.account_mut(account).leafs.push(id);
        self.join(id, account);
        let is_hub = self.leaf(id).is_some_and(|leaf| leaf.remote.is_none());
        if let Some(conn) = self.conn(id).filter(|_| is_told) {
            self.notices.push_back(Notice::Connected {
                server,
                client: Box::new(self.snapshot(conn)),
                at: self.now,
            });
        }
        let gateway = self.server(server).spec.gateway.as_ref();
        if is_hub && gateway.is_some_and(crate::topology::GatewayOptions::is_listening) {
            self.notices
                .push_back(Notice::LeafAccepted { server, account });
        }
    }

    /// Takes an end out of its server and its account. The one who tells of it is
    /// [`leave`](Self::leave).
    pub(super) fn unregister_end(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let (server, account, cid) = (conn.server, conn.account, conn.cid);
        self.server_mut(server).leafs.remove(&cid);
        let leafs = &mut self.account_mut(account).leafs;
        leafs.retain(|&end| end != id);
        if let Some(leaf) = self.leaf_mut(id) {
            leaf.told.clear();
        }
    }

    /// An end is closed: the other notices, and whoever made the connection tries again.
    pub(super) fn end_of_leaf(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let (server, account) = (conn.server, conn.account);
        let Some(leaf) = conn.leaf.as_deref() else {
            return;
        };
        let (other, remote, broken) = (leaf.other, leaf.remote, leaf.broken);
        let peer = leaf.peer;
        if other != id && self.is_asked_about(other) {
            // Its hub finds out when it knows who it was.
            if let Some(leaf) = self.leaf_mut(other) {
                leaf.other = other;
            }
        } else if self.conn(other).is_some_and(|conn| !conn.is_closing()) {
            let broken = self.leaf(other).and_then(|leaf| leaf.broken);
            let reason = broken.map_or(CloseReason::ClientClosed, |(reason, _)| reason);
            self.close(other, reason);
            if self.server(server).system == Some(account) {
                self.part_systems(server, peer);
            }
        }
        if let Some(remote) = remote {
            self.dial_again(server, remote, broken.map(|(_, retry)| retry));
        }
    }

    /// Closes both ends because of what came over the connection. Whoever made it waits for long.
    pub(super) fn break_leaf(
        &mut self,
        id: ConnId,
        reason: CloseReason,
        reason_there: CloseReason,
        retry: Duration,
    ) {
        let Some(other) = self.leaf(id).map(|leaf| leaf.other) else {
            return;
        };
        for (end, reason) in [(id, reason), (other, reason_there)] {
            if let Some(leaf) = self.leaf_mut(end) {
                leaf.broken = Some((reason, retry));
            }
        }
        self.close(id, reason);
    }

    /// The subject by which a server finds out that what it tells comes back to it.
    pub(super) fn loop_subject(&mut self, server: ServerId, account: AccountId) -> Box<str> {
        if let Some(known) = &self.account(account).on_server(server).loop_subject {
            return known.clone();
        }
        let rng = &mut self.server_mut(server).rng;
        let subject: Box<str> = format!("$LDS.{}", Nuid::new(rng).next(rng)).into();
        self.account_mut(account).on_server_mut(server).loop_subject = Some(subject.clone());
        subject
    }
}

/// What an end may send and tell: `send` and `tell` are what a user's permissions say of it.
pub(super) fn rights_of_end(
    send: Option<&SubjectPermission>,
    tell: Option<&SubjectPermission>,
    deny_send: &[String],
    deny_tell: &[String],
    is_system: bool,
) -> Permissions {
    let with = |granted: Option<&SubjectPermission>, denied: &[String]| {
        let mut permission = granted.cloned().unwrap_or_default();
        let system = JETSTREAM_SYSTEM.iter().filter(|_| is_system);
        let always = JETSTREAM.iter().chain(system).map(|&it| it.to_owned());
        for subject in denied.iter().cloned().chain(always) {
            if !permission.deny.contains(&subject) {
                permission.deny.push(subject);
            }
        }
        Some(permission)
    };
    Permissions {
        publish: with(send, deny_send),
        subscribe: with(tell, deny_tell),
        allow_responses: None,
    }
}
