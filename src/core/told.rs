//! What a server has told each of its peers that it listens to. It is the same for all of them, unless
//! permissions of routes keep back some.

use super::Core;
use super::account::AccountId;
use super::interest::{Change, Churn, ToldSubject};
use super::mesh::ClusterId;
use super::server::ServerId;
use super::subs::SubId;
use crate::version::Feature;

impl Core {
    /// What a server tells as all others do.
    pub(super) fn told_by_every(&self, account: AccountId, server: ServerId) -> Churn {
        let interest = &self.account(account).interest;
        if self.tells_as_old(server) {
            interest.every_told.plus(interest.every_told_by_old)
        } else {
            interest.every_told
        }
    }

    /// Whether a server tells others of what only old releases do.
    pub(super) fn tells_as_old(&self, server: ServerId) -> bool {
        !self.server(server).profile.has(Feature::UserInfoNotTold)
    }

    /// What a server has told one of its peers that it listens to.
    pub fn told_subjects_to(
        &self,
        account: AccountId,
        server: ServerId,
        peer: ServerId,
    ) -> Vec<ToldSubject<'_>> {
        let mut told = self.told_subjects(account, server);
        if self.has_route_rights {
            told.retain(|told| self.may_tell(server, peer, told.subject));
        }
        told
    }

    /// What a server tells its peers that it listens to.
    fn told_subjects(&self, account: AccountId, server: ServerId) -> Vec<ToldSubject<'_>> {
        let interest = &self.account(account).interest;
        let own = interest.told.get(&server);
        let own = own.into_iter().flat_map(|told| told.subjects.keys());
        let mut told: Vec<ToldSubject<'_>> = own.map(|key| ToldSubject::of(key)).collect();
        if self.server(server).accounts().contains(&account) {
            let is_old = self.tells_as_old(server);
            let every = self.subs.iter().map(|(_, sub)| sub);
            told.extend(
                every
                    .filter(|sub| sub.server == ServerId::EVERY && sub.account == account)
                    .filter(|sub| sub.told || (sub.told_by_old && is_old))
                    .map(|sub| ToldSubject {
                        subject: sub.subject(),
                        queue: sub.queue().unwrap_or_default(),
                        origin: None,
                    }),
            );
        }
        told.sort_unstable();
        told.dedup();
        told
    }

    /// Subjects that a cluster has told others of, with their queue groups.
    pub fn told_by_cluster(&self, account: AccountId, cluster: ClusterId) -> Vec<(&[u8], &[u8])> {
        let servers = self.cluster(cluster).running.iter();
        let mut told: Vec<_> = servers
            .flat_map(|&server| self.told_subjects(account, server))
            .map(|told| (told.subject, told.queue))
            .collect();
        told.sort_unstable();
        told.dedup();
        told
    }

    /// What a server has told one of its peers.
    pub(super) fn told_at_all(
        &self,
        account: AccountId,
        server: ServerId,
        peer: ServerId,
    ) -> Churn {
        let interest = &self.account(account).interest;
        let told = interest.told(server);
        let told = told.plus(self.told_by_every(account, server));
        if !self.has_route_rights {
            return told;
        }
        let len = self.told_subjects_to(account, server, peer).len() as u64;
        let unheard = interest
            .told
            .get(&server)
            .and_then(|told| told.unheard.get(&peer));
        let removes = told.removes.saturating_sub(unheard.copied().unwrap_or(0));
        Churn {
            inserts: len + removes,
            removes,
        }
    }

    /// Whether a server tells any of its peers of an account.
    pub(super) fn tells_anything(&self, account: AccountId, server: ServerId) -> bool {
        let told = self.account(account).interest.told(server);
        told.plus(self.told_by_every(account, server)).len() > 0
    }

    /// How many subscriptions a server has told one of its peers of.
    pub fn told_count(&self, account: AccountId, server: ServerId, peer: ServerId) -> u64 {
        self.told_at_all(account, server, peer).len()
    }

    /// What peers hear of a subscription that is the first of its kind on its server, or was the last.
    pub(super) fn change_heard(&mut self, id: SubId, comes: bool) -> Change {
        if !self.has_route_rights {
            return Change::New;
        }
        let sub = &self.subs[id.index()];
        let server = sub.server;
        let cluster = self.cluster(self.server(server).cluster);
        let peers = cluster.servers.iter().filter(|&&peer| peer != server);
        let unheard: Vec<ServerId> = peers
            .copied()
            .filter(|&peer| !self.may_tell(server, peer, sub.subject()))
            .collect();
        let change = if self.may_import(server, sub.subject()) {
            Change::New
        } else {
            Change::Untold
        };
        let interest = &mut self.accounts[sub.account.0 as usize].interest;
        let told = interest.told.entry(server).or_default();
        for peer in unheard.into_iter().filter(|_| !comes) {
            *told.unheard.entry(peer).or_default() += 1;
        }
        change
    }
}
