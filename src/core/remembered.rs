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

/// What remembers what has come from one server, at all ends of its connections.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    routed: HashMap<AccountId, Routed, FixedState>,
    /// What has come by gateways, which carry all accounts together.
    by_gateway: HashMap<AccountId, Subjects, FixedState>,
}

/// What has come by the routes that carry an account.
#[derive(Debug)]
struct Routed {
    /// The place of the route among those to each peer.
    place: u16,
    subjects: Subjects,
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
    /// Whether a server remembers what has come by a route; from now on it does. The first time, `find`
    /// tells the place of the route that carries the account. `latest` is when any of the lists of the
    /// account has changed, and `changed` when that of a server has.
    pub fn knows_routed(
        &mut self,
        (account, subject): (AccountId, &[u8]),
        server: ServerId,
        (latest, changed): (u64, impl Fn(ServerId) -> u64),
        now: u64,
        find: impl FnOnce() -> u16,
    ) -> bool {
        let routed = self.routed.entry(account).or_insert_with(|| Routed {
            place: find(),
            subjects: Subjects::default(),
        });
        let Memory::Other { is_stale } = look(
            &mut routed.subjects,
            subject,
            server,
            (latest, changed),
            now,
        ) else {
            return true;
        };
        let place = routed.place;
        if is_stale {
            // It is not alone in being forgotten, whatever the others are.
            let alike = self.routed.values_mut().filter(|it| it.place == place);
            forget(alike.map(|it| &mut it.subjects), server);
        }
        if let Some(routed) = self.routed.get_mut(&account) {
            remember(&mut routed.subjects, subject, server, now);
        }
        false
    }

    /// The same for what has come by a gateway.
    pub fn knows_by_gateway(
        &mut self,
        (account, subject): (AccountId, &[u8]),
        server: ServerId,
        (latest, changed): (u64, impl Fn(ServerId) -> u64),
        now: u64,
    ) -> bool {
        let subjects = self.by_gateway.entry(account).or_default();
        let Memory::Other { is_stale } = look(subjects, subject, server, (latest, changed), now)
        else {
            return true;
        };
        if is_stale {
            forget(self.by_gateway.values_mut(), server);
        }
        let subjects = self.by_gateway.entry(account).or_default();
        remember(subjects, subject, server, now);
        false
    }

    /// The connections to a server are gone, or are others.
    pub fn forget(&mut self, server: ServerId) {
        let routed = self.routed.values_mut().map(|it| &mut it.subjects);
        forget(routed.chain(self.by_gateway.values_mut()), server);
    }
}

/// What a connection remembers of a subject.
enum Memory {
    Good,
    Other { is_stale: bool },
}

fn look(
    subjects: &mut Subjects,
    subject: &[u8],
    server: ServerId,
    (latest, changed): (u64, impl Fn(ServerId) -> u64),
    now: u64,
) -> Memory {
    let Some(seen) = subjects.get_mut(subject) else {
        return Memory::Other { is_stale: false };
    };
    if latest > seen.since {
        seen.settle(changed, now);
    }
    if seen.good.contains(server) {
        return Memory::Good;
    }
    let is_stale = seen.stale.contains(server);
    Memory::Other { is_stale }
}

fn remember(subjects: &mut Subjects, subject: &[u8], server: ServerId, now: u64) {
    if let Some(seen) = subjects.get_mut(subject) {
        seen.good.insert(server);
        return;
    }
    if subjects.len() >= LINK_MAX
        && let Some(some) = subjects.keys().next().cloned()
    {
        subjects.remove(&some);
    }
    let seen = subjects.entry(subject.into()).or_insert_with(|| Seen {
        since: now,
        ..Seen::default()
    });
    seen.good.insert(server);
}

fn forget<'a>(all: impl Iterator<Item = &'a mut Subjects>, server: ServerId) {
    for subjects in all {
        subjects.retain(|_, seen| !seen.forget(server));
    }
}
