//! Which servers' lists a change of subscriptions is a change of, and what they forget for it.
//!
//! The lists of servers that share an account are not the same: only of what is news to it is a server
//! told by its peers.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Core;
use super::account::AccountId;
use super::interest::Change;
use super::lookups::Lookups;
use super::mesh::ClusterId;
use super::server::ServerId;
use super::subs::SubId;

/// When lists have changed: those of all servers, of a cluster's, and of single ones.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub latest: u64,
    every: u64,
    clusters: HashMap<ClusterId, u64, FixedState>,
    servers: HashMap<ServerId, u64, FixedState>,
}

impl Changes {
    /// When the list of a server has changed last.
    pub fn of(&self, server: ServerId, cluster: ClusterId) -> u64 {
        let server = self.servers.get(&server).copied().unwrap_or(0);
        let cluster = self.clusters.get(&cluster).copied().unwrap_or(0);
        self.every.max(cluster).max(server)
    }

    fn note(&mut self, now: u64, whose: Whose, cluster: Option<ClusterId>) {
        self.latest = now;
        match whose {
            Whose::Every => self.every = now,
            Whose::Peers(_) => self.clusters.extend(cluster.map(|cluster| (cluster, now))),
            Whose::Own(server) => {
                self.servers.insert(server, now);
            }
        }
    }
}

/// Whose lists a subscription is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Every,
    /// Those of a server's peers, who are told of it.
    Peers(ServerId),
    Own(ServerId),
}

impl Core {
    /// Notes that a subscription came, or is about to go.
    pub(super) fn note_subscription(&mut self, id: SubId, comes: bool) {
        let told = self.count_subscription(id, comes);
        let sub = &self.subs[id.index()];
        let (account, server, subject) = (sub.account, sub.server, sub.subject());
        if !self.lookups.tracks(account) {
            return;
        }
        let subject: Box<[u8]> = subject.into();
        if server == ServerId::EVERY {
            self.note_change_of_lists(account, &subject, Whose::Every, comes);
            return;
        }
        self.note_change_of_lists(account, &subject, Whose::Own(server), comes);
        if told != Change::Untold {
            let only_more = told == Change::New && comes;
            self.note_change_of_lists(account, &subject, Whose::Peers(server), only_more);
        }
    }

    /// Notes that more or less listen behind a leaf node connection as members of a queue group.
    pub(super) fn note_weight(&mut self, id: SubId) {
        let sub = &self.subs[id.index()];
        let (account, server, told) = (sub.account, sub.server, sub.told);
        let list = &mut self.accounts[account.0 as usize].subs;
        list.refresh(sub.subject());
        if self.lookups.tracks(account) {
            let subject: Box<[u8]> = sub.subject().into();
            self.note_change_of_lists(account, &subject, Whose::Own(server), false);
            if told {
                self.note_change_of_lists(account, &subject, Whose::Peers(server), false);
            }
        }
    }

    /// Notes that subscriptions to a subject have come to some servers' lists, have gone from them, or
    /// have become others. Only of the first does no result need to be looked up again.
    fn note_change_of_lists(
        &mut self,
        account: AccountId,
        subject: &[u8],
        whose: Whose,
        only_more: bool,
    ) {
        let cluster = match whose {
            Whose::Every => None,
            Whose::Own(server) | Whose::Peers(server) => Some(self.server(server).cluster),
        };
        let mut lookups = std::mem::take(&mut self.lookups);
        if let Some(lists) = lookups.lists.get_mut(&account) {
            lookups.now += 1;
            lists.changes.note(lookups.now, whose, cluster);
            if !only_more {
                lists.results.forget(subject, |server| match whose {
                    Whose::Every => true,
                    Whose::Own(own) => server == own,
                    Whose::Peers(own) => server != own && self.is_peer(own, server),
                });
            }
        }
        self.lookups = lookups;
    }

    /// Forgets the results that a server has kept of an account, as nats-server does when it removes
    /// many subscriptions at once.
    pub(super) fn forget_results(&mut self, account: AccountId, server: ServerId) {
        self.accounts[account.0 as usize].subs.forget_results();
        self.lookups.forget_results(account, &[server]);
    }

    /// Servers have lost the connections to a peer, and with them all that they were told by it.
    pub(super) fn forget_results_of_peer(&mut self, servers: &[ServerId], peer: ServerId) {
        for account in self.told_by(peer) {
            self.accounts[account.0 as usize].subs.outdate();
            self.lookups.forget_results(account, servers);
        }
        for &server in servers {
            self.forget_arrivals(server, peer);
        }
    }

    /// The accounts in which there have been lookups, and of which a server tells its peers.
    fn told_by(&self, server: ServerId) -> Vec<AccountId> {
        let tracked = self.lookups.lists.keys().copied();
        let mut told: Vec<AccountId> = tracked
            .filter(|&account| self.tells_anything(account, server))
            .collect();
        told.sort_unstable();
        told
    }

    /// A server has new connections to a peer, and is told what there is.
    pub(super) fn note_lists_of_peer(&mut self, server: ServerId, peer: ServerId) {
        for account in self.told_by(peer) {
            self.accounts[account.0 as usize].subs.outdate();
            self.note_change_of_lists(account, b"", Whose::Own(server), true);
        }
        self.forget_arrivals(server, peer);
    }

    /// Two servers have other connections than before.
    pub(super) fn forget_arrivals(&mut self, a: ServerId, b: ServerId) {
        for (from, to) in [(a, b), (b, a)] {
            let arrivals = self.lookups.arrivals.get_mut(usize::from(from.0));
            if let Some(Some(arrivals)) = arrivals {
                arrivals.forget(to);
            }
        }
    }

    /// Whether servers tell each other what they listen to.
    pub(super) fn is_peer(&self, server: ServerId, other: ServerId) -> bool {
        self.server(server).is_connected
            && self.share_cluster(server, other)
            && self.is_linked(server, other)
    }
}

impl Lookups {
    fn forget_results(&mut self, account: AccountId, servers: &[ServerId]) {
        if let Some(lists) = self.lists.get_mut(&account) {
            self.now += 1;
            for &server in servers {
                lists.changes.note(self.now, Whose::Own(server), None);
            }
            lists.results.forget_all(servers);
        }
    }
}
