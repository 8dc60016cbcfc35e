//! What connections remember of lookups, so that not every message needs one: those of publishers,
//! and those between servers.
//!
//! A result is good as long as the list of the server where it was looked up stays as it is.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::account::AccountId;
use super::conn::{CACHE_DROPPED, CACHE_MAX};
use super::results::ServerSet;
use super::server::ServerId;

/// Results that one connection from a server to each of its peers remembers at most.
const LINK_MAX: usize = 8192;

/// What one publisher's connection remembers.
#[derive(Debug, Default)]
pub(super) struct Recent {
    account: Option<AccountId>,
    since: u64,
    subjects: HashSet<Box<[u8]>, FixedState>,
}

impl Recent {
    /// Whether a subject is remembered, if the list was `changed` at that time.
    pub fn knows(&mut self, account: AccountId, subject: &[u8], changed: u64, now: u64) -> bool {
        if self.account != Some(account) || self.since < changed {
            self.subjects = HashSet::default();
            self.account = Some(account);
            self.since = now;
        }
        self.subjects.contains(subject)
    }

    pub fn add(&mut self, subject: &[u8]) {
        if self.subjects.len() >= CACHE_MAX {
            drop_some(&mut self.subjects, CACHE_DROPPED);
        }
        self.subjects.insert(subject.into());
    }
}

fn drop_some(subjects: &mut HashSet<Box<[u8]>, FixedState>, mut count: usize) {
    subjects.retain(|_| {
        let keep = count == 0;
        count = count.saturating_sub(1);
        keep
    });
}

/// One of the connections from a server to each of its peers, or to another cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Carrier {
    /// By its place among those that share the accounts.
    Route(u16),
    Gateway,
}

/// What remembers what has come from one server, at all ends of its connections.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// The routes that carry the accounts.
    routes: HashMap<AccountId, Carrier, FixedState>,
    carriers: HashMap<Carrier, HashMap<AccountId, Subjects, FixedState>, FixedState>,
}

type Subjects = HashMap<Box<[u8]>, Seen, FixedState>;

/// Where a subject is remembered.
#[derive(Debug, Default)]
struct Seen {
    /// Where the result is good, as of `since`.
    good: ServerSet,
    /// Where one is left that is not.
    stale: ServerSet,
    since: u64,
}

impl Seen {
    /// Takes account of the changes since it was looked at.
    fn settle(&mut self, changed: impl Fn(ServerId) -> u64, now: u64) {
        let since = self.since;
        let turned: Vec<ServerId> = self.good.iter().filter(|&it| changed(it) > since).collect();
        for server in turned {
            self.good.remove(server);
            self.stale.insert(server);
        }
        self.since = now;
    }

    /// Tells whether nothing is left.
    fn forget(&mut self, server: ServerId) -> bool {
        let was_there = self.good.remove(server) | self.stale.remove(server);
        was_there && self.good.is_empty() && self.stale.is_empty()
    }
}

impl Arrivals {
    /// The route that carries an account, told by `find` the first time.
    pub fn route(&mut self, account: AccountId, find: impl FnOnce() -> u16) -> Carrier {
        let route = self.routes.entry(account);
        *route.or_insert_with(|| Carrier::Route(find()))
    }

    /// Whether a server remembers a subject; from now on it does. `latest` is when any of the lists of
    /// the account has changed, and `changed` when that of a server has.
    pub fn knows(
        &mut self,
        carrier: Carrier,
        (account, subject): (AccountId, &[u8]),
        server: ServerId,
        (latest, changed): (u64, impl Fn(ServerId) -> u64),
        now: u64,
    ) -> bool {
        let carried = self.carriers.entry(carrier).or_default();
        let subjects = carried.entry(account).or_default();
        let mut is_stale = false;
        if let Some(seen) = subjects.get_mut(subject) {
            if latest > seen.since {
                seen.settle(changed, now);
            }
            if seen.good.contains(server) {
                return true;
            }
            is_stale = seen.stale.contains(server);
        }
        if is_stale {
            // It is not alone in being forgotten, whatever the others are.
            forget(carried, server);
        }
        let subjects = carried.entry(account).or_default();
        if subjects.len() >= LINK_MAX
            && !subjects.contains_key(subject)
            && let Some(some) = subjects.keys().next().cloned()
        {
            subjects.remove(&some);
        }
        let seen = subjects.entry(subject.into()).or_insert_with(|| Seen {
            since: now,
            ..Seen::default()
        });
        seen.good.insert(server);
        false
    }

    /// The connections to a server are gone, or are others.
    pub fn forget(&mut self, server: ServerId) {
        for carried in self.carriers.values_mut() {
            forget(carried, server);
        }
    }
}

fn forget(carried: &mut HashMap<AccountId, Subjects, FixedState>, server: ServerId) {
    for subjects in carried.values_mut() {
        subjects.retain(|_, seen| !seen.forget(server));
    }
}
