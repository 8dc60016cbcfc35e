//! What the ends of a leaf node connection tell each other that they listen to.
//!
//! The end on the hub tells all that its account has, on whatever server. The end on the leaf tells
//! what its own server has, and the leaf nodes of that. Of each subject and queue group they tell how
//! much there is of it, and the other end holds one subscription for it.

use std::collections::BTreeMap;

use super::CloseReason;
use super::Core;
use super::conn::ConnId;
use super::leaf_dial::AFTER_VIOLATION;
use super::server::ServerId;
use super::subs::{Receiver, Sub, SubId};
use super::subscribe::{find_sub, hash};
use crate::topology::GatewayOptions;
use crate::version::Feature;
use nats_mock_protocol::subject;

/// Something of which there is more or less at an end.
#[derive(Debug)]
pub(super) struct News {
    end: ConnId,
    /// The subject, and behind a blank the queue group.
    key: Box<[u8]>,
    change: i64,
    /// How far it has come.
    hops: u16,
}

/// What has come this far goes in circles. Loops are found long before; this makes sure.
const MAX_HOPS: u16 = 64;

/// Subjects that are told whatever the permissions.
const ALWAYS_TOLD: [&[u8]; 3] = [b"$LDS.", b"_GR_.", b"$GR."];

/// By which servers find out whether what they tell comes back.
const LOOP_SUBJECTS: &[u8] = b"$LDS.";

fn is_always_told(subject: &[u8]) -> bool {
    ALWAYS_TOLD.iter().any(|prefix| subject.starts_with(prefix))
}

/// A subscription as ends name it.
fn key_of(sub: &Sub) -> Box<[u8]> {
    match sub.queue() {
        None => sub.subject().into(),
        Some(queue) => [sub.subject(), b" ", queue].concat().into(),
    }
}

/// Subject and queue group.
fn parts(key: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b' ', key) {
        None => (key, None),
        Some(blank) => (&key[..blank], Some(&key[blank + 1..])),
    }
}

/// How much a subscription counts among its like.
fn weight(sub: &Sub) -> i64 {
    match sub.receiver {
        Receiver::Leaf { weight, .. } if sub.queue().is_some() => i64::from(weight),
        _ => 1,
    }
}

impl Core {
    /// Has the ends of an account tell of a subscription that came, or is about to go.
    pub(super) fn tell_leafs(&mut self, id: SubId, comes: bool) {
        let sub = &self.subs[id.index()];
        if self.account(sub.account).leafs.is_empty() {
            return;
        }
        let weight = weight(sub);
        self.tell_change(id, if comes { weight } else { -weight });
    }

    fn tell_change(&mut self, id: SubId, change: i64) {
        let sub = &self.subs[id.index()];
        let leafs = self.account(sub.account).leafs.iter();
        let tell: Vec<ConnId> = leafs.copied().filter(|&end| self.tells(end, sub)).collect();
        if tell.is_empty() {
            return;
        }
        let key = key_of(sub);
        let told = tell.into_iter().map(|end| (end, key.clone(), change));
        self.add_news(told);
    }

    /// Has ends tell that there is more or less of something.
    fn add_news(&mut self, told: impl Iterator<Item = (ConnId, Box<[u8]>, i64)>) {
        let hops = self.leaf_hops + 1;
        if hops <= MAX_HOPS {
            self.leaf_news.extend(told.map(|(end, key, change)| News {
                end,
                key,
                change,
                hops,
            }));
        }
        self.spread_news();
    }

    /// Tells all that there is to tell. One thing leads to another along a chain of leaf nodes.
    fn spread_news(&mut self) {
        if std::mem::replace(&mut self.is_spreading, true) {
            return;
        }
        while let Some(news) = self.leaf_news.pop_front() {
            self.leaf_hops = news.hops;
            self.tell(&news);
        }
        self.leaf_hops = 0;
        self.is_spreading = false;
    }

    /// Whether an end tells the other of a subscription of its account, as far as it is not denied.
    fn tells(&self, end: ConnId, sub: &Sub) -> bool {
        let Some(conn) = self.conn(end) else {
            return false;
        };
        let (Some(leaf), here) = (conn.leaf.as_deref(), conn.server) else {
            return false;
        };
        if leaf.other == end {
            // There is nobody any more.
            return false;
        }
        if let Receiver::Leaf { end: from, .. } = sub.receiver {
            return from != end && self.passes_on(conn.cid, leaf, here, from, sub);
        }
        let is_own = sub.server == ServerId::EVERY || sub.server == here;
        is_own || (!leaf.is_spoke && sub.told && self.hears_of(here, sub.server))
    }

    /// Whether an end tells the other what it has heard by another connection.
    fn passes_on(
        &self,
        cid: u64,
        leaf: &super::Leaf,
        here: ServerId,
        from: ConnId,
        sub: &Sub,
    ) -> bool {
        let Some((conn, origin)) = self
            .conn(from)
            .and_then(|conn| Some((conn, conn.leaf.as_deref()?)))
        else {
            return false;
        };
        let is_here = conn.server == here;
        if !origin.cluster.is_empty() && origin.cluster == leaf.cluster {
            return false;
        }
        let isolates_routed = || self.server(here).profile.has(Feature::RoutedLeafsIsolated);
        if leaf.is_isolated && (is_here || isolates_routed()) {
            return false;
        }
        if origin.is_spoke && !is_here {
            return false;
        }
        if !leaf.is_spoke {
            return is_here || self.hears_of(here, conn.server);
        }
        let finds_loops = sub.subject().starts_with(LOOP_SUBJECTS) && cid < conn.cid;
        is_here && (!origin.is_spoke || finds_loops)
    }

    /// Whether a server knows what another of its mesh listens to.
    fn hears_of(&self, server: ServerId, other: ServerId) -> bool {
        self.server(server).cluster != self.server(other).cluster || self.is_linked(server, other)
    }

    fn tell(&mut self, news: &News) {
        let Some(conn) = self.conn_mut(news.end).filter(|conn| !conn.is_closing()) else {
            return;
        };
        let (subject, queue) = parts(&news.key);
        if news.change > 0
            && !is_always_told(subject)
            && let Some(rights) = &mut conn.rights
            && !rights.may_tell(subject)
        {
            return;
        }
        let Some(leaf) = conn.leaf.as_deref_mut() else {
            return;
        };
        let before = leaf.told.get(&news.key).copied().unwrap_or_default();
        let after = before.saturating_add_signed(news.change);
        if after > 0 {
            leaf.told.insert(news.key.clone(), after);
        } else {
            leaf.told.remove(&news.key);
        }
        let other = leaf.other;
        if before > 0 && after == 0 {
            self.forget_told_by(other, &news.key);
        } else if after > 0 && (before == 0 || queue.is_some()) {
            self.hear(other, &news.key, after);
        }
    }

    /// An end hears that the other listens to something.
    fn hear(&mut self, end: ConnId, key: &[u8], weight: u64) {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        let Some(conn) = self.conn(end).filter(|conn| !conn.is_closing()) else {
            return;
        };
        if let Some(known) = find_sub(&conn.subs, &self.subs, key) {
            let receiver = &mut self.subs[known.index()].receiver;
            let before = std::mem::replace(receiver, Receiver::Leaf { end, weight });
            if let Receiver::Leaf { weight: before, .. } = before
                && before != weight
            {
                self.note_weight(known);
                self.tell_change(known, i64::from(weight) - i64::from(before));
            }
            return;
        }
        let (server, account) = (conn.server, conn.account);
        let (subject, queue) = parts(key);
        let own = self
            .account(account)
            .on_server(server)
            .loop_subject
            .as_deref();
        if own.is_some_and(|own| own.as_bytes() == subject) {
            let reason = CloseReason::ProtocolViolation;
            self.break_leaf(end, reason, reason, AFTER_VIOLATION);
            return;
        }
        if !self.may_hear(end, subject, queue) {
            return;
        }
        let receiver = Receiver::Leaf { end, weight };
        let mut sub = Sub::new(receiver, server, account, subject, queue, key);
        sub.told = self.leaf(end).is_some_and(|leaf| !leaf.is_spoke);
        if let Some(id) = self.add_sub(sub)
            && let Some(conn) = super::conn_mut(&mut self.conns, end)
        {
            let subs = &self.subs;
            conn.subs
                .insert_unique(hash(key), id, |other| hash(subs[other.index()].sid()));
        }
    }

    /// Whether what the other end listens to may be sent to it. A hub does without a leaf node that asks
    /// for what it may not have.
    fn may_hear(&mut self, end: ConnId, subject: &[u8], queue: Option<&[u8]>) -> bool {
        let Some(conn) = super::conn_mut(&mut self.conns, end) else {
            return false;
        };
        if is_always_told(subject) {
            return true;
        }
        let is_spoke = conn.leaf.as_deref().is_some_and(|leaf| leaf.is_spoke);
        let Some(rights) = &mut conn.rights else {
            return true;
        };
        if !subject::has_wildcard(subject) && !rights.may_publish_always(subject) {
            if !is_spoke {
                let reason = CloseReason::ProtocolViolation;
                self.break_leaf(end, reason, CloseReason::ClientClosed, AFTER_VIOLATION);
            }
            return false;
        }
        let profile = self.servers[usize::from(conn.server.0)].profile;
        if profile.has(Feature::LeafFiltersByHub) {
            // Asking has the rights look at every message from now on.
            let _ = rights.may_subscribe(subject, queue);
        }
        true
    }

    fn forget_told_by(&mut self, end: ConnId, key: &[u8]) {
        let known = self
            .conn(end)
            .and_then(|conn| find_sub(&conn.subs, &self.subs, key));
        if let Some(known) = known {
            self.remove_sub(known);
        }
    }

    /// Has a new end tell all that there is.
    pub(super) fn tell_everything(&mut self, end: ConnId) {
        let Some(conn) = self.conn(end).filter(|conn| !conn.is_closing()) else {
            return;
        };
        let (server, account) = (conn.server, conn.account);
        let mut all = self.to_be_told(end);
        all.insert(self.loop_subject(server, account).as_bytes().into(), 1);
        let srv = self.server(server);
        if srv
            .spec
            .gateway
            .as_ref()
            .is_some_and(GatewayOptions::is_listening)
        {
            all.insert(b"_GR_.>".as_slice().into(), 1);
            if !srv.profile.has(Feature::OldGatewayRepliesGone) {
                all.insert(b"$GR.*.>".as_slice().into(), 1);
            }
        }
        self.add_news(all.into_iter().map(|(key, change)| (end, key, change)));
    }

    /// What an end has to tell of, and how much there is of each.
    fn to_be_told(&self, end: ConnId) -> BTreeMap<Box<[u8]>, i64> {
        let mut all = BTreeMap::new();
        let Some(account) = self.conn(end).map(|conn| conn.account) else {
            return all;
        };
        let subs = self.subs.iter().map(|(_, sub)| sub);
        for sub in subs.filter(|sub| sub.account == account && self.tells(end, sub)) {
            *all.entry(key_of(sub)).or_insert(0) += weight(sub);
        }
        all
    }

    /// Has the leaf node connections of a server tell what is different now that the server is, or is not,
    /// connected to others.
    pub fn retell_leafs(&mut self, server: ServerId) {
        let ends: Vec<ConnId> = self.server(server).leafs.values().copied().collect();
        for end in ends {
            let wanted = self.to_be_told(end);
            let Some(leaf) = self.leaf(end) else { continue };
            let subject = |key: &[u8]| is_always_told(parts(key).0);
            let mut changes: BTreeMap<Box<[u8]>, i64> = leaf
                .told
                .iter()
                .filter(|(key, _)| !subject(key))
                .map(|(key, &count)| (key.clone(), -i64::try_from(count).unwrap_or(i64::MAX)))
                .collect();
            for (key, count) in wanted.into_iter().filter(|(key, _)| !subject(key)) {
                *changes.entry(key).or_insert(0) += count;
            }
            let changes = changes.into_iter().filter(|&(_, change)| change != 0);
            self.add_news(changes.map(|(key, change)| (end, key, change)));
        }
    }
}
