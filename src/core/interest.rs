//! What servers know of each other's subscriptions: of each account, every distinct subject and
//! queue group of a server, once.
//!
//! Messages find their way by the account's one list of subscriptions. This is kept for what servers
//! show of it: how many subscriptions they know, and how often that has changed.

use std::cell::LazyCell;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::Core;
use slab::Slab;

use super::account::AccountId;
use super::conn::Conn;
use super::mesh::ClusterId;
use super::server::ServerId;
use super::sublist::{MatchResult, SublistStats};
use super::subs::{Receiver, Sub, SubId};

/// Subscriptions there are, and how often one came and went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Churn {
    pub inserts: u64,
    pub removes: u64,
}

/// An account's subscriptions as its servers count them.
#[derive(Debug, Default)]
pub(super) struct Interest {
    /// Of those that every server has alike: all, and those that others are told of.
    every: Churn,
    pub(super) every_told: Churn,
    /// Those that only old releases tell others of.
    pub(super) every_told_by_old: Churn,
    /// The subjects and queue groups of what all tell.
    every_subjects: HashSet<Box<[u8]>, FixedState>,
    /// A server's own.
    own: HashMap<ServerId, Churn, FixedState>,
    /// What a server tells its peers, by subject and queue group.
    pub(super) told: HashMap<ServerId, Told, FixedState>,
    /// What is told in a cluster by all its servers.
    clusters: HashMap<ClusterId, Churn, FixedState>,
    /// How many more, or fewer, came to a server and went again than those it is connected to now have
    /// told. It loses what it was told when it loses a peer, and never knew what was taken back before
    /// it found one.
    detours: HashMap<ServerId, i64, FixedState>,
}

/// Something that a server has told its peers that it listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ToldSubject<'a> {
    pub subject: &'a [u8],
    /// The queue group; empty if there is none.
    pub queue: &'a [u8],
    /// The cluster of the leaf node on whose behalf it is told.
    pub origin: Option<&'a [u8]>,
}

/// The cluster of the leaf node on whose behalf a subscription is told.
fn origin_of<'a>(conns: &'a Slab<Conn>, sub: &Sub) -> Option<&'a str> {
    let Receiver::Leaf { end, .. } = sub.receiver else {
        return None;
    };
    let conn = conns.get(end.slot as usize)?;
    Some(&conn.leaf.as_deref()?.cluster)
}

impl<'a> ToldSubject<'a> {
    fn of_sub(sub: &'a Sub, origin: Option<&'a str>) -> Self {
        Self {
            subject: sub.subject(),
            queue: sub.queue().unwrap_or_default(),
            origin: origin.map(str::as_bytes),
        }
    }

    /// What it is known by among all that is told.
    fn key(self) -> Vec<u8> {
        let mut key = [self.subject, b" ", self.queue].concat();
        // Leaf nodes are told of apart, so that nothing goes back to where it came from.
        if let Some(origin) = self.origin {
            key.push(b' ');
            key.extend_from_slice(origin);
        }
        key
    }

    pub(super) fn of(key: &'a [u8]) -> Self {
        let mut parts = key.splitn(3, |&byte| byte == b' ');
        Self {
            subject: parts.next().unwrap_or_default(),
            queue: parts.next().unwrap_or_default(),
            origin: parts.next(),
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What peers hear of a subscription that comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is the first of its kind, or the last.
    New,
    /// A queue group has more members, or fewer.
    Weight,
    Untold,
}

/// How many peers a server has.
#[derive(Clone, Copy, Debug, Default)]
struct Peers {
    all: u64,
    /// Those that tell of what only old releases do.
    old: u64,
}

#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) subjects: HashMap<Box<[u8]>, Listeners, FixedState>,
    churn: Churn,
    /// What was taken back and a peer had never been told, because of the permissions of routes.
    pub(super) unheard: HashMap<ServerId, u64, FixedState>,
}

/// Those on one server that have one subject and queue group.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    count: u32,
    /// How many messages peers have sent here for them.
    sent: HashMap<ServerId, u64, FixedState>,
}

impl Churn {
    /// Subscriptions there are.
    pub fn len(self) -> u64 {
        self.inserts - self.removes
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            inserts: self.inserts + other.inserts,
            removes: self.removes + other.removes,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            inserts: self.inserts - other.inserts,
            removes: self.removes - other.removes,
        }
    }

    fn with_detours(self, detours: i64) -> Self {
        let removes = self.removes.saturating_add_signed(detours);
        Self {
            inserts: self.len() + removes,
            removes,
        }
    }

    fn times(self, count: u64) -> Self {
        Self {
            inserts: self.inserts * count,
            removes: self.removes * count,
        }
    }

    fn count(&mut self, comes: bool) {
        if comes {
            self.inserts += 1;
        } else {
            self.removes += 1;
        }
    }
}

impl Core {
    /// Counts a subscription that came, or is about to go. Says what the server's peers hear of it.
    pub(super) fn count_subscription(&mut self, id: SubId, comes: bool) -> Change {
        let sub = &self.subs[id.index()];
        let told = sub.told;
        let interest = &mut self.accounts[sub.account.0 as usize].interest;
        let origin = origin_of(&self.conns, sub);
        let key = || ToldSubject::of_sub(sub, origin).key();
        if sub.server == ServerId::EVERY {
            interest.every.count(comes);
            if told {
                interest.every_told.count(comes);
                interest.every_subjects.insert(key().into());
            } else if sub.told_by_old {
                interest.every_told_by_old.count(comes);
            }
            return Change::Untold;
        }
        interest.own.entry(sub.server).or_default().count(comes);
        let cluster = self.servers[usize::from(sub.server.0)].cluster;
        if !told
            || !self.servers[usize::from(sub.server.0)]
                .spec
                .may_have_peers()
        {
            return Change::Untold;
        }
        let told = interest.told.entry(sub.server).or_default();
        let key = key();
        let listeners = told.subjects.entry(key.clone().into()).or_default();
        listeners.count = if comes {
            listeners.count + 1
        } else {
            listeners.count.saturating_sub(1)
        };
        let changes = listeners.count == u32::from(comes);
        if listeners.count == 0 {
            told.subjects.remove(&key[..]);
        }
        // What all tell anyhow makes no difference.
        if interest.every_subjects.contains(&key[..]) {
            return Change::Untold;
        }
        if changes {
            told.churn.count(comes);
            interest.clusters.entry(cluster).or_default().count(comes);
            return self.change_heard(id, comes);
        }
        if sub.queue().is_some() {
            return Change::Weight;
        }
        Change::Untold
    }

    /// The subscriptions of an account that a server knows: its own, and those of its peers.
    pub fn known_subscriptions(&self, account: AccountId, server: ServerId) -> Churn {
        self.known_subscriptions_of([account], server)
    }

    /// The same for several accounts together. The peers are gone through once for all of them.
    pub fn known_subscriptions_of(
        &self,
        accounts: impl IntoIterator<Item = AccountId>,
        server: ServerId,
    ) -> Churn {
        let peers = LazyCell::new(|| self.count_peers(server));
        accounts.into_iter().fold(Churn::default(), |sum, account| {
            let interest = &self.account(account).interest;
            let own = interest.every.plus(interest.own(server));
            let told = self.told_to(account, server, &peers);
            let detours = interest.detours.get(&server).copied().unwrap_or(0);
            sum.plus(own).plus(told.with_detours(detours))
        })
    }

    /// A server has found its peers: what was taken back before it never knew.
    pub(super) fn begin_to_know(&mut self, server: ServerId) {
        let peers = LazyCell::new(|| self.count_peers(server));
        let accounts = self.server(server).accounts().iter();
        let missed: Vec<(AccountId, u64)> = accounts
            .map(|&account| (account, self.told_to(account, server, &peers).removes))
            .collect();
        for (account, missed) in missed {
            self.count_detours(account, server, -signed(missed));
        }
    }

    /// Two servers have lost each other: what they were told is gone.
    pub(super) fn count_lost_subscriptions(&mut self, a: ServerId, b: ServerId) {
        for (server, peer) in [(a, b), (b, a)] {
            for account in self.server(server).accounts().to_vec() {
                let lost = self.told_at_all(account, peer, server).inserts;
                self.count_detours(account, server, signed(lost));
            }
        }
    }

    /// Two servers have found each other again: they are told what there is now.
    pub(super) fn count_found_subscriptions(&mut self, a: ServerId, b: ServerId) {
        for (server, peer) in [(a, b), (b, a)] {
            for account in self.server(server).accounts().to_vec() {
                let missed = self.told_at_all(account, peer, server).removes;
                self.count_detours(account, server, -signed(missed));
            }
        }
    }

    fn count_detours(&mut self, account: AccountId, server: ServerId, count: i64) {
        if count != 0 {
            let detours = &mut self.account_mut(account).interest.detours;
            *detours.entry(server).or_default() += count;
        }
    }

    fn told_to(
        &self,
        account: AccountId,
        server: ServerId,
        peers: &LazyCell<Peers, impl FnOnce() -> Peers>,
    ) -> Churn {
        if self.has_route_rights {
            let peers = self.routed_peers(server);
            let told = peers.map(|peer| self.told_at_all(account, peer, server));
            return told.fold(Churn::default(), Churn::plus);
        }
        let interest = &self.account(account).interest;
        let cluster = self.server(server).cluster;
        if self.has_link_faults() || interest.every_told_by_old.len() > 0 {
            let every = interest.every_told.times(peers.all);
            let every = every.plus(interest.every_told_by_old.times(peers.old));
            if interest.told.is_empty() {
                return every;
            }
            let told = self.routed_peers(server).map(|peer| interest.told(peer));
            return told.fold(every, Churn::plus);
        }
        let every = interest.every_told;
        let peers = (self.cluster(cluster).running.len() as u64).saturating_sub(1);
        let all = interest.clusters.get(&cluster).copied().unwrap_or_default();
        all.minus(interest.told(server)).plus(every.times(peers))
    }

    fn count_peers(&self, server: ServerId) -> Peers {
        let mut peers = Peers::default();
        for peer in self.routed_peers(server) {
            peers.all += 1;
            peers.old += u64::from(self.tells_as_old(peer));
        }
        peers
    }

    /// The figures of an account's list on one server, which holds the server's own subscriptions and
    /// what its peers have told it.
    pub fn list_stats(&self, account: AccountId, server: ServerId) -> SublistStats {
        let peers: HashSet<ServerId, FixedState> = self.routed_peers(server).collect();
        let fan_out = |found: &MatchResult| self.fan_out(found, server, &peers);
        self.own_list_stats(account, server, fan_out)
            .unwrap_or_else(|| self.account(account).subs.stats(fan_out))
    }

    /// For how many entries of a server's list a result stands.
    fn fan_out(
        &self,
        found: &MatchResult,
        server: ServerId,
        peers: &HashSet<ServerId, FixedState>,
    ) -> usize {
        let own = found
            .plain
            .iter()
            .filter(|&&id| self.sub(id).server == server);
        let mut told: Vec<(ServerId, Vec<u8>)> = Vec::new();
        for &id in &found.plain {
            let sub = self.sub(id);
            if sub.told
                && peers.contains(&sub.server)
                && self.hears(sub.server, server, sub.subject())
            {
                let key = ToldSubject::of_sub(sub, origin_of(&self.conns, sub)).key();
                told.push((sub.server, key));
            }
        }
        told.sort_unstable();
        told.dedup();
        let every_told = found.every.iter().filter(|&&id| self.sub(id).told);
        let groups = found.queues.iter().filter(|group| {
            let mut members = group.members.iter().map(|&id| self.sub(id).server);
            members.any(|at| at == server || peers.contains(&at))
        });
        let every = found.every.len() + every_told.count() * peers.len();
        own.count() + told.len() + every + groups.count()
    }

    /// Counts a message that goes from one server to another because of a subscription there.
    pub(super) fn count_sent_for(&mut self, id: SubId, from: ServerId, to: ServerId) {
        let sub = &self.subs[id.index()];
        if id.is_of_every_server() {
            let sent = &mut self.servers[usize::from(from.0)].routed.for_every;
            *sent.entry((to, id)).or_default() += 1;
            return;
        }
        let key = ToldSubject::of_sub(sub, origin_of(&self.conns, sub)).key();
        let told = &mut self.accounts[sub.account.0 as usize].interest.told;
        let listeners = told
            .get_mut(&to)
            .and_then(|told| told.subjects.get_mut(&*key));
        if let Some(listeners) = listeners {
            *listeners.sent.entry(from).or_default() += 1;
        }
    }

    /// How many messages a server has sent another because of something that it was told.
    pub fn sent_for(
        &self,
        account: AccountId,
        told: &ToldSubject<'_>,
        from: ServerId,
        to: ServerId,
    ) -> u64 {
        let interest = self.account(account).interest.told.get(&to);
        let listeners = interest.and_then(|it| it.subjects.get(&*told.key()));
        let sent = listeners.and_then(|listeners| listeners.sent.get(&from));
        let for_every = &self.server(from).routed.for_every;
        let of_every = for_every.iter().filter(|((peer, id), _)| {
            let sub = self.sub(*id);
            let is_same = sub.account == account && sub.subject() == told.subject;
            (*peer == to || *peer == ServerId::EVERY) && is_same
        });
        sent.copied().unwrap_or(0) + of_every.map(|(_, count)| count).sum::<u64>()
    }

    /// Two servers are connected anew: what they send because of each other's subscriptions is counted
    /// from the start.
    pub(super) fn forget_sent_for(&mut self, from: ServerId, to: ServerId) {
        for account in &mut self.accounts {
            let told = account.interest.told.get_mut(&to);
            let all = told.into_iter().flat_map(|told| told.subjects.values_mut());
            all.for_each(|listeners| {
                listeners.sent.remove(&from);
            });
        }
        let sent = &mut self.server_mut(from).routed.for_every;
        sent.retain(|(peer, _), _| *peer != to);
    }

    /// A server is gone, and with it what it told its peers as all servers do.
    pub(super) fn forget_told(&mut self, server: ServerId) {
        let cluster = self.server(server).cluster;
        for account in self.server(server).accounts().to_vec() {
            let every = self.told_by_every(account, server);
            let interest = &mut self.account_mut(account).interest;
            let gone = interest.clusters.entry(cluster).or_default();
            gone.inserts += every.len();
            gone.removes += every.len();
        }
    }
}

impl Interest {
    fn own(&self, server: ServerId) -> Churn {
        self.own.get(&server).copied().unwrap_or_default()
    }

    pub(super) fn told(&self, server: ServerId) -> Churn {
        self.told
            .get(&server)
            .map(|told| told.churn)
            .unwrap_or_default()
    }
}
