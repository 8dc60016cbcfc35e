//! How often servers that share accounts have looked subjects up. Each has lists of subscriptions of
//! its own on a real deployment, and shows their figures. Here an account has one list for all of
//! them, so what each would have looked up, and what it would keep of it, is counted beside it.
//!
//! A server that is alone needs none of this: the list's own figures are its own.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Core;
use super::account::AccountId;
use super::conn::ConnId;
use super::deliver::{Delivery, Origin};
use super::list_changes::Changes;
use super::mesh::MeshId;
use super::remembered::{Arrivals, Recent};
use super::results::{Results, Tally};
use super::server::ServerId;
use super::sublist::{MatchResult, SublistStats};
use super::subs::SubId;

/// The lookups of all servers that share accounts.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    /// Rises with every change of a list.
    pub now: u64,
    pub lists: HashMap<AccountId, Lists, FixedState>,
    publishers: HashMap<Publisher, Recent, FixedState>,
    /// What has come from each server.
    pub arrivals: Vec<Option<Box<Arrivals>>>,
}

/// Who looks up where a message is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Publisher {
    Connection(ConnId),
    Internal(ServerId, AccountId),
}

/// The lists that servers would have of one account.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub results: Results,
    pub changes: Changes,
}

/// What was found by looking a subject up.
pub(super) struct Found {
    pub result: Arc<MatchResult>,
    /// Whether the connection remembers it.
    pub is_remembered: bool,
}

impl Core {
    /// Whether servers share an account, or have done.
    fn is_shared(&self, account: AccountId) -> bool {
        self.mesh(self.account(account).mesh).is_shared()
    }

    /// Looks up on a server who listens to a subject.
    pub fn look_up(
        &mut self,
        server: ServerId,
        account: AccountId,
        subject: &[u8],
    ) -> Arc<MatchResult> {
        if self.is_shared(account) {
            self.count_lookup(server, account, subject);
        }
        self.account_mut(account).subs.matches(subject)
    }

    fn count_lookup(&mut self, server: ServerId, account: AccountId, subject: &[u8]) {
        let keeps = self.account(account).subs.is_cached();
        let lists = self.lookups.lists.entry(account).or_default();
        lists.results.look_up(server, subject, keeps);
    }

    /// Looks up who listens to what is published on a server, and is not among what the connection
    /// remembers for certain.
    pub(super) fn look_up_published(
        &mut self,
        origin: Origin,
        server: ServerId,
        account: AccountId,
        subject: &[u8],
    ) -> Found {
        let result = self.account_mut(account).subs.matches(subject);
        let is_remembered = if self.is_shared(account) {
            self.count_published(origin, server, account, subject, &result)
        } else {
            // A leaf node connection remembers that there is nobody.
            !result.is_empty() || matches!(origin, Origin::Leaf(_))
        };
        Found {
            result,
            is_remembered,
        }
    }

    /// Counts the lookup of what is published, unless the connection remembers it. Tells whether it
    /// does from now on.
    fn count_published(
        &mut self,
        origin: Origin,
        server: ServerId,
        account: AccountId,
        subject: &[u8],
        result: &MatchResult,
    ) -> bool {
        if self.is_awaited_elsewhere(origin, account, subject) {
            // The answer goes straight there.
            return false;
        }
        let publisher = match origin {
            Origin::Client(id) | Origin::Leaf(id) => Publisher::Connection(id),
            Origin::System(server) => Publisher::Internal(server, account),
        };
        let cluster = self.server(server).cluster;
        let Lookups {
            now,
            lists,
            publishers,
            ..
        } = &mut self.lookups;
        let changed = lists.entry(account).or_default();
        let changed = changed.changes.of(server, cluster);
        let recent = publishers.entry(publisher).or_default();
        if recent.knows(account, subject, changed, *now) {
            return true;
        }
        let remembers = matches!(origin, Origin::Leaf(_)) || self.has_any(server, result);
        if remembers && let Some(recent) = self.lookups.publishers.get_mut(&publisher) {
            recent.add(subject);
        }
        self.count_lookup(server, account, subject);
        remembers
    }

    /// Counts the lookup of what has come to a server from another by a route, unless the connection
    /// remembers it.
    pub(super) fn count_routed_lookup(
        &mut self,
        delivery: &Delivery<'_>,
        from: ServerId,
        to: ServerId,
    ) {
        self.count_arrival(delivery, from, to, false);
    }

    /// The same for what has come by a gateway.
    pub(super) fn count_gateway_lookup(
        &mut self,
        delivery: &Delivery<'_>,
        from: ServerId,
        to: ServerId,
    ) {
        self.count_arrival(delivery, from, to, true);
    }

    fn count_arrival(
        &mut self,
        delivery: &Delivery<'_>,
        from: ServerId,
        to: ServerId,
        by_gateway: bool,
    ) {
        let (account, subject) = (delivery.account, delivery.message.subject);
        let mut arrivals = self.lookups.take_arrivals(from);
        let now = self.lookups.now;
        self.lookups.lists.entry(account).or_default();
        let lists = &self.lookups.lists[&account];
        let servers = &self.servers;
        let changed = |server: ServerId| {
            let cluster = servers[usize::from(server.0)].cluster;
            lists.changes.of(server, cluster)
        };
        let (what, changes) = ((account, subject), (lists.changes.latest, changed));
        let is_known = if by_gateway {
            arrivals.knows_by_gateway(what, to, changes, now)
        } else {
            let place = || self.place_of_route(from, account);
            arrivals.knows_routed(what, to, changes, now, place)
        };
        self.lookups.arrivals[usize::from(from.0)] = Some(arrivals);
        if !is_known {
            self.count_lookup(to, account, subject);
        }
    }

    /// Whether any of those found is in the list of a server.
    fn has_any(&self, server: ServerId, found: &MatchResult) -> bool {
        let has = |id: SubId| {
            let sub = self.sub(id);
            sub.server == server || (sub.told && self.is_peer(server, sub.server))
        };
        let mut members = found.queues.iter().flat_map(|group| &group.members);
        !found.every.is_empty()
            || found.plain.iter().any(|&id| has(id))
            || members.any(|&id| has(id))
    }

    /// A server is gone.
    pub(super) fn forget_lookups(&mut self, server: ServerId) {
        let arrivals = &mut self.lookups.arrivals;
        if let Some(arrivals) = arrivals.get_mut(usize::from(server.0)) {
            *arrivals = None;
        }
        for arrivals in arrivals.iter_mut().flatten() {
            arrivals.forget(server);
        }
        for lists in self.lookups.lists.values_mut() {
            lists.results.drop_server(server);
        }
        let publishers = &mut self.lookups.publishers;
        publishers.retain(
            |publisher, _| !matches!(publisher, Publisher::Internal(at, _) if *at == server),
        );
    }

    /// A connection is gone.
    pub(super) fn forget_publisher(&mut self, id: ConnId) {
        self.lookups.publishers.remove(&Publisher::Connection(id));
    }

    /// A mesh has got its second server: from now on each counts its own, and the first one begins with
    /// what it has counted alone.
    pub(super) fn begin_to_share(&mut self, mesh: MeshId, first: ServerId) {
        for place in 0..self.accounts.len() {
            let account = &self.accounts[place];
            if account.mesh != mesh || account.subs.counted() == (0, 0) {
                continue;
            }
            let lists = self.lookups.lists.entry(AccountId(place as u32));
            let results = &mut lists.or_default().results;
            results.begin(first, account.subs.counted(), account.subs.cached());
            let id = AccountId(place as u32);
            let internal = &account.on_server(first).internal_matches;
            let known = internal.known(id, account.subs.generation());
            let publisher = Publisher::Internal(first, id);
            self.lookups.remember(publisher, id, known);
        }
        for (slot, conn) in &self.conns {
            let account = &self.accounts[conn.account.0 as usize];
            if account.mesh != mesh {
                continue;
            }
            let known = conn.matches.known(conn.account, account.subs.generation());
            let publisher = Publisher::Connection(ConnId {
                slot: slot as u32,
                generation: conn.generation,
            });
            self.lookups.remember(publisher, conn.account, known);
        }
    }

    /// The figures of an account's list on one of several servers, with a say in how many listeners a
    /// result stands for.
    pub(super) fn own_list_stats(
        &self,
        account: AccountId,
        server: ServerId,
        fan_out: impl Fn(&MatchResult) -> usize,
    ) -> Option<SublistStats> {
        let subs = &self.account(account).subs;
        if !self.is_shared(account) {
            return None;
        }
        let Some(Lists { results, .. }) = self.lookups.lists.get(&account) else {
            return Some(SublistStats::default());
        };
        let Tally {
            matches,
            cache_hits,
            ..
        } = results.tally(server);
        let mut stats = SublistStats {
            matches,
            cache_hits,
            ..SublistStats::default()
        };
        for subject in results.kept_by(server) {
            stats.add_cached(fan_out(&subs.find(subject)));
        }
        Some(stats)
    }
}

impl Lookups {
    fn take_arrivals(&mut self, from: ServerId) -> Box<Arrivals> {
        let place = usize::from(from.0);
        if self.arrivals.len() <= place {
            self.arrivals.resize_with(place + 1, || None);
        }
        self.arrivals[place].take().unwrap_or_default()
    }

    /// Starts with what a publisher remembered before.
    fn remember<'a>(
        &mut self,
        publisher: Publisher,
        account: AccountId,
        known: impl Iterator<Item = &'a [u8]>,
    ) {
        for subject in known {
            let recent = self.publishers.entry(publisher).or_default();
            let _ = recent.knows(account, subject, 0, self.now);
            recent.add(subject);
        }
    }

    /// Whether servers that share an account have looked anything up in it.
    pub fn tracks(&self, account: AccountId) -> bool {
        self.lists.contains_key(&account)
    }
}
