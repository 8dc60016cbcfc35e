//! SUB and UNSUB.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use nats_mock_protocol::wire::encode;
use slab::Slab;

use super::conn::ConnId;
use super::server::ServerId;
use super::subs::{Receiver, Sub, SubId};
use super::text::quoted;
use super::{AccountId, Core};
use crate::version::Feature;

/// Whether servers tell their peers of what a service listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Always,
    /// Only those did that are older than [`Feature::UserInfoNotTold`].
    ByOldReleases,
    Never,
}

impl Core {
    pub(super) fn subscribe(
        &mut self,
        id: ConnId,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
    ) {
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        let allowed = conn
            .rights
            .as_mut()
            .is_none_or(|rights| rights.may_subscribe(subject, queue));
        if !allowed {
            let text = subscription_violation(subject, queue);
            self.send_err(id, &text);
            return;
        }
        let server = &self.servers[conn.server.0 as usize];
        let max_tokens = usize::from(server.spec.limits.max_subscription_tokens);
        if max_tokens > 0 && subject.split(|&b| b == b'.').count() > max_tokens {
            let text = subscription_violation(subject, None);
            self.send_err(id, &format!("{text}, too many tokens"));
            return;
        }
        if conn
            .max_subscriptions
            .is_some_and(|max| conn.subs.len() >= max as usize)
        {
            self.send_err(id, "maximum subscriptions exceeded");
            return;
        }
        let (server, account, verbose) = (conn.server, conn.account, conn.options.verbose);
        let known = find_sub(&conn.subs, &self.subs, sid).is_some();
        if !known {
            let sub = Sub::new(Receiver::Client(id), server, account, subject, queue, sid);
            let Some(sub_id) = self.add_sub(sub) else {
                self.send_err(id, "Invalid Subject");
                return;
            };
            self.note_subscribed(id, subject, queue);
            if let Some(conn) = super::conn_mut(&mut self.conns, id) {
                let subs = &self.subs;
                conn.subs
                    .insert_unique(hash(sid), sub_id, |other| hash(subs[other.index()].sid()));
            }
        }
        if verbose {
            self.send(id, encode::ok);
        }
    }

    pub(super) fn unsubscribe(&mut self, id: ConnId, sid: &[u8], max: Option<u64>) {
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        let verbose = conn.options.verbose;
        let mut over = None;
        if let Some(sub_id) = find_sub(&conn.subs, &self.subs, sid) {
            let sub = &mut self.subs[sub_id.index()];
            match max {
                Some(max) if max > sub.matched => sub.max = max,
                _ => over = Some(sub_id),
            }
        }
        if verbose {
            self.send(id, encode::ok);
        }
        if let Some(sub_id) = over {
            self.remove_sub(sub_id);
        }
    }

    /// Subscribes a system service. It receives what matches as [`Request`](super::Request)s with
    /// its tag; without one, what matches is counted and that is all. Unless other servers are always
    /// `told`, only the messages of its own server's clients reach it.
    #[allow(clippy::too_many_arguments)]
    pub fn subscribe_service(
        &mut self,
        server: ServerId,
        account: AccountId,
        subject: &str,
        queue: Option<&str>,
        sid: u32,
        tag: Option<u32>,
        told: Told,
    ) {
        self.account_mut(account).has_services |= server == ServerId::EVERY;
        let mut sub = Sub::new(
            Receiver::Service(tag),
            server,
            account,
            subject.as_bytes(),
            queue.map(str::as_bytes),
            sid.to_string().as_bytes(),
        );
        sub.told = told == Told::Always;
        sub.told_by_old = told == Told::ByOldReleases;
        let added = self.add_sub(sub);
        debug_assert!(added.is_some(), "invalid service subject {subject}");
    }

    /// Subscribes a service that a test has made up; what matches comes as a
    /// [`Request`](super::Request) with its tag. `None` if the subject is invalid.
    pub fn subscribe_made_up(
        &mut self,
        server: ServerId,
        account: AccountId,
        subject: &str,
        queue: Option<&str>,
        tag: u32,
    ) -> Option<SubId> {
        let sid = tag.to_string();
        self.add_sub(Sub::new(
            Receiver::MadeUp(tag),
            server,
            account,
            subject.as_bytes(),
            queue.map(str::as_bytes),
            sid.as_bytes(),
        ))
    }

    /// Ends such a subscription, unless it has gone with its server: others may have its place now.
    pub fn unsubscribe_made_up(&mut self, sub: SubId, tag: u32) {
        let there = self.subs.get(sub.index()).map(|sub| sub.receiver);
        if there != Some(Receiver::MadeUp(tag)) {
            return;
        }
        self.remove_sub(sub);
    }

    /// Whether the services of a system account are subscribed that every server has alike.
    pub fn has_services(&self, account: AccountId) -> bool {
        self.account(account).has_services
    }

    /// Enters a subscription into its account's list, unless its subject is invalid.
    pub(super) fn add_sub(&mut self, mut sub: Sub) -> Option<SubId> {
        sub.since = self.now;
        let casts = sub.receiver.casts_shadows();
        let entry = self.subs.vacant_entry();
        let id = SubId::new(entry.key(), sub.server);
        self.accounts[sub.account.0 as usize]
            .subs
            .insert(sub.subject(), sub.queue(), id)
            .ok()?;
        entry.insert(sub);
        self.note_subscription(id, true);
        self.tell_leafs(id, true);
        if casts {
            self.cast_shadows(id);
        }
        Some(id)
    }

    /// Removes a subscription from its account and from its connection.
    pub(super) fn remove_sub(&mut self, id: SubId) {
        if !self.subs.contains(id.index()) {
            return;
        }
        self.note_subscription(id, false);
        self.tell_leafs(id, false);
        let sub = self.subs.remove(id.index());
        self.accounts[sub.account.0 as usize]
            .subs
            .remove(sub.subject(), sub.queue(), id);
        if !self.shadows.is_empty() {
            self.lift_shadows(id);
        }
        if matches!(sub.receiver, Receiver::Client(_)) {
            self.note_lost_interest(sub.account, sub.server, sub.subject());
        }
        if let Receiver::Client(conn) | Receiver::Leaf { end: conn, .. } = sub.receiver
            && let Some(conn) = super::conn_mut(&mut self.conns, conn)
            && let Ok(entry) = conn.subs.find_entry(hash(sub.sid()), |other| *other == id)
        {
            entry.remove();
        }
    }

    /// Removes every subscription of a connection.
    pub(super) fn remove_subscriptions(&mut self, id: ConnId) {
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        let mut subs: Vec<SubId> = std::mem::take(&mut conn.subs).into_iter().collect();
        if subs.is_empty() {
            return;
        }
        subs.sort_unstable();
        let (account, server) = (conn.account, conn.server);
        self.forget_results(account, server);
        for sub in subs {
            self.remove_sub(sub);
        }
    }

    /// Starts over for a second CONNECT: no subscriptions, and back in the global account.
    pub(super) fn drop_subscriptions(&mut self, id: ConnId) {
        self.remove_subscriptions(id);
        let Some(conn) = self.conn(id) else { return };
        let global = self.server(conn.server).global;
        self.leave(id);
        self.join(id, global);
    }

    /// Checks a connection's subscriptions against the permissions it has now.
    pub(super) fn recheck_subscriptions(&mut self, id: ConnId) {
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        let Some(rights) = &mut conn.rights else {
            return;
        };
        let profile = self.servers[conn.server.0 as usize].profile;
        let mut subs: Vec<SubId> = conn.subs.iter().copied().collect();
        subs.sort_unstable();
        subs.retain(|sub| {
            let sub = &self.subs[sub.index()];
            !rights.may_subscribe(sub.subject(), sub.queue())
        });
        for sub_id in subs {
            let sub = self.sub(sub_id);
            let sid = quoted(sub.sid());
            let queue = sub
                .queue()
                .filter(|_| profile.has(Feature::QueueOfRemovedSubscription));
            let text = subscription_violation(sub.subject(), queue);
            self.remove_sub(sub_id);
            self.send_err(id, &format!("{text} (sid {sid})"));
        }
    }
}

pub(super) fn find_sub(
    conn_subs: &HashTable<SubId>,
    subs: &Slab<Sub>,
    sid: &[u8],
) -> Option<SubId> {
    conn_subs
        .find(hash(sid), |id| subs[id.index()].sid() == sid)
        .copied()
}

pub(super) fn hash(sid: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(sid)
}

fn subscription_violation(subject: &[u8], queue: Option<&[u8]>) -> String {
    let subject = quoted(subject);
    match queue {
        None => format!("Permissions Violation for Subscription to {subject}"),
        Some(queue) => {
            let queue = quoted(queue);
            format!("Permissions Violation for Subscription to {subject} using queue {queue}")
        }
    }
}
