//! An account as it is running: its subscriptions and what passed through it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::conn::{ConnId, MatchCache, Traffic};
use super::sublist::Sublist;
use crate::topology::AccountLimits;

/// An account's place in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AccountId(pub u16);

#[derive(Debug)]
pub(crate) struct Account {
    pub name: Arc<str>,
    pub limits: AccountLimits,
    pub subs: Sublist,
    /// One entry for each server of the deployment.
    pub on_server: Vec<AccountOnServer>,
    pub imports: Vec<Import>,
    /// A reload has taken it out of the configuration. Its place stays taken.
    pub removed: bool,
    pub replies: super::imports::ReplyRoutes,
}

/// What one server counts for an account.
#[derive(Debug, Default)]
pub(crate) struct AccountOnServer {
    /// The cid of the internal client that holds the account's imports.
    pub internal_cid: u64,
    /// What recent messages of that client matched.
    pub(super) internal_matches: MatchCache,
    pub clients: BTreeSet<ConnId>,
    /// Published by clients of the account.
    pub received: Traffic,
    /// Delivered to clients of the account.
    pub sent: Traffic,
    pub slow_consumers: u64,
}

/// An account's standing on one server at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountTally {
    pub connections: u32,
    pub subscriptions: u32,
    pub sent: Traffic,
    pub received: Traffic,
    pub slow_consumers: u64,
}

/// A service of another account that this account reaches under a subject of its own.
#[derive(Debug)]
pub(crate) struct Import {
    /// The subject in this account.
    pub subject: Box<str>,
    pub to_account: AccountId,
    /// The subject in the other account.
    pub to_subject: Box<str>,
    /// Whether the request tells who asks in full.
    pub shares_client: bool,
}

impl Account {
    pub fn tally(&self, server: super::server::ServerId) -> AccountTally {
        let here = &self.on_server[server.0 as usize];
        AccountTally {
            connections: here.clients.len() as u32,
            subscriptions: self.subs.len(),
            sent: here.sent,
            received: here.received,
            slow_consumers: here.slow_consumers,
        }
    }

    /// Connections over all servers.
    pub fn connections(&self) -> usize {
        self.on_server.iter().map(|here| here.clients.len()).sum()
    }
}
