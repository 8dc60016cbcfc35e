//! Which servers keep the result of which subject. The results themselves are those of the account's
//! one list of subscriptions; every server has counts of its own.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use nats_mock_protocol::subject;

use super::server::ServerId;
use super::sublist::{CACHE_MAX, CACHE_SWEPT};

/// A set of servers, as bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ServerSet(Vec<u64>);

fn place(server: ServerId) -> (usize, u64) {
    (usize::from(server.0 / 64), 1 << (server.0 % 64))
}

impl ServerSet {
    pub fn contains(&self, server: ServerId) -> bool {
        let (word, bit) = place(server);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Tells whether the server was not there before.
    pub fn insert(&mut self, server: ServerId) -> bool {
        let (word, bit) = place(server);
        if self.0.len() <= word {
            self.0.reserve_exact(word + 1 - self.0.len());
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    /// Tells whether the server was there.
    pub fn remove(&mut self, server: ServerId) -> bool {
        let was_there = self.contains(server);
        if was_there {
            let (word, bit) = place(server);
            self.0[word] &= !bit;
        }
        was_there
    }

    pub fn remove_all(&mut self, others: &Self) {
        for (bits, others) in self.0.iter_mut().zip(&others.0) {
            *bits &= !others;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&bits| bits == 0)
    }

    pub fn iter(&self) -> impl Iterator<Item = ServerId> {
        let words = (0_u16..).zip(&self.0);
        words.flat_map(|(word, &bits)| {
            let set = move |bit: &u16| bits >> bit & 1 == 1;
            (0..64)
                .filter(set)
                .map(move |bit| ServerId(word * 64 + bit))
        })
    }
}

/// What one server counts of its lookups in one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub matches: u64,
    pub cache_hits: u64,
    /// Subjects whose result is kept.
    pub cached: u32,
}

/// The subjects that servers have looked up in one account and keep the result of. A server that has
/// looked up nothing takes no room.
#[derive(Debug, Default)]
pub(super) struct Results {
    kept: HashMap<Box<[u8]>, ServerSet, FixedState>,
    tallies: HashMap<ServerId, Tally, FixedState>,
}

impl Results {
    pub fn tally(&self, server: ServerId) -> Tally {
        self.tallies.get(&server).copied().unwrap_or_default()
    }

    /// The subjects whose result a server keeps, in any order.
    pub fn kept_by(&self, server: ServerId) -> impl Iterator<Item = &[u8]> {
        let kept = self.kept.iter();
        kept.filter(move |(_, servers)| servers.contains(server))
            .map(|(subject, _)| &**subject)
    }

    /// Starts with what a server had counted before there were others.
    pub fn begin<'a>(
        &mut self,
        server: ServerId,
        (matches, cache_hits): (u64, u64),
        kept: impl Iterator<Item = &'a [u8]>,
    ) {
        let tally = self.tallies.entry(server).or_default();
        (tally.matches, tally.cache_hits) = (matches, cache_hits);
        for subject in kept {
            let servers = self.kept.entry(subject.into()).or_default();
            tally.cached += u32::from(servers.insert(server));
        }
    }

    /// Counts that a server has looked a subject up. It keeps the result, if it `keeps` any.
    pub fn look_up(&mut self, server: ServerId, subject: &[u8], keeps: bool) {
        let tally = self.tallies.entry(server).or_default();
        tally.matches += 1;
        if !keeps {
            return;
        }
        if let Some(servers) = self.kept.get_mut(subject) {
            if servers.insert(server) {
                tally.cached += 1;
            } else {
                tally.cache_hits += 1;
            }
        } else if subject.split(|&byte| byte == b'.').all(|it| !it.is_empty()) {
            self.kept.entry(subject.into()).or_default().insert(server);
            tally.cached += 1;
        }
        if tally.cached as usize > CACHE_MAX {
            self.sweep(server);
        }
    }

    fn sweep(&mut self, server: ServerId) {
        let tally = self.tallies.entry(server).or_default();
        self.kept.retain(|_, servers| {
            if tally.cached as usize > CACHE_SWEPT && servers.remove(server) {
                tally.cached -= 1;
            }
            !servers.is_empty()
        });
    }

    /// A subscription to a subject, which may have wildcards, is gone or has become another for some
    /// servers: they keep no result that it is part of.
    pub fn forget(&mut self, pattern: &[u8], is_for: impl Fn(ServerId) -> bool) {
        let tallies = &mut self.tallies;
        let mut forget = |servers: &mut ServerSet| {
            let gone: Vec<ServerId> = servers.iter().filter(|&it| is_for(it)).collect();
            for server in gone {
                servers.remove(server);
                tallies.entry(server).or_default().cached -= 1;
            }
            servers.is_empty()
        };
        if subject::has_wildcard(pattern) {
            self.kept
                .retain(|kept, servers| !subject::matches(pattern, kept) || !forget(servers));
        } else if self.kept.get_mut(pattern).is_some_and(forget) {
            self.kept.remove(pattern);
        }
    }

    /// Servers keep no result any more.
    pub fn forget_all(&mut self, servers: &[ServerId]) {
        let mut gone = ServerSet::default();
        for server in servers {
            if let Some(tally) = self.tallies.get_mut(server)
                && std::mem::take(&mut tally.cached) > 0
            {
                gone.insert(*server);
            }
        }
        if !gone.is_empty() {
            self.kept.retain(|_, servers| {
                servers.remove_all(&gone);
                !servers.is_empty()
            });
        }
    }

    /// A server is gone.
    pub fn drop_server(&mut self, server: ServerId) {
        self.forget_all(&[server]);
        self.tallies.remove(&server);
    }
}
