//! An account as it is running: its subscriptions and what passed through it.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::conn::{ConnId, MatchCache, Traffic};
use super::interest::Interest;
use super::mesh::MeshId;
use super::replies::ReplyRoutes;
use super::server::ServerId;
use super::sharing::Shared;
use super::short_lived::ShortLived;
use super::sublist::Sublist;
use crate::topology::{AccountLimits, Mapping};

/// An account's place in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AccountId(pub u32);

/// An account of the servers of one mesh.
#[derive(Debug)]
pub(crate) struct Account {
    pub name: Arc<str>,
    pub mesh: MeshId,
    /// The name in its token, where that differs from its own.
    pub tag: Option<Box<str>>,
    pub limits: AccountLimits,
    /// The subscriptions on all servers of the mesh.
    pub subs: Sublist,
    shares: Shares,
    /// What servers tell each other of it.
    pub(super) interest: Interest,
    /// The ends of all leaf node connections, in the order in which they came.
    pub(super) leafs: Vec<ConnId>,
    /// What it exports and imports.
    pub shared: Shared,
    /// Subjects that become others.
    pub mappings: Vec<Mapping>,
    /// Where the way of messages is told that another tracing system traces, and of how many percent.
    pub(super) msg_trace: Option<(Box<str>, u8)>,
    /// How many subscriptions have been made in its own name.
    pub(super) last_sid: u64,
    /// It is a system account whose services are subscribed.
    pub(super) has_services: bool,
    pub replies: ReplyRoutes,
}

/// The servers' shares of an account. A server that has nothing to do with it costs a pointer.
#[derive(Debug, Default)]
struct Shares(Vec<Option<Box<AccountOnServer>>>);

/// What one server counts for an account.
#[derive(Debug, Default)]
pub(crate) struct AccountOnServer {
    /// What recent messages of the account's internal client matched.
    pub(super) internal_matches: MatchCache,
    /// The subjects of answers that go where the request said.
    pub(super) asked: ShortLived<()>,
    pub clients: BTreeSet<ConnId>,
    /// Connections with leaf nodes and with hubs.
    pub leafs: BTreeSet<ConnId>,
    /// What the server tells leaf nodes and hubs to find out whether it comes back.
    pub(super) loop_subject: Option<Box<str>>,
    /// Published by clients of the account.
    pub received: Traffic,
    /// Delivered to clients of the account.
    pub sent: Traffic,
    /// Of `received` and `sent`, what came by routes or went by them.
    pub routes: Link,
    /// The same for gateways.
    pub gateways: Link,
    /// And what by leaf node connections.
    pub leaf_links: Link,
    pub slow_consumers: u64,
}

impl AccountOnServer {
    pub(super) fn connections(&mut self, leafs: bool) -> &mut BTreeSet<ConnId> {
        if leafs {
            &mut self.leafs
        } else {
            &mut self.clients
        }
    }
}

impl AccountTally {
    /// What was sent by routes, gateways and leaf node connections.
    pub fn links_sent(&self) -> [Traffic; 3] {
        [self.routes, self.gateways, self.leaf_links].map(|link| link.sent)
    }

    /// And what came by them.
    pub fn links_received(&self) -> [Traffic; 3] {
        [self.routes, self.gateways, self.leaf_links].map(|link| link.received)
    }

    /// Clients and leaf nodes.
    pub fn total(&self) -> u32 {
        self.connections + self.leafnodes
    }
}

/// What passed between servers by one kind of connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub received: Traffic,
    pub sent: Traffic,
}

/// An account's standing on one server at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountTally {
    pub connections: u32,
    pub leafnodes: u32,
    pub subscriptions: u64,
    pub sent: Traffic,
    pub received: Traffic,
    pub routes: Link,
    pub gateways: Link,
    pub leaf_links: Link,
    pub slow_consumers: u64,
}

impl Account {
    pub fn new(name: &str, mesh: MeshId, cached: bool) -> Self {
        Self {
            name: name.into(),
            mesh,
            tag: None,
            limits: AccountLimits::default(),
            subs: Sublist::new(cached),
            shares: Shares::default(),
            interest: Interest::default(),
            leafs: Vec::new(),
            shared: Shared::default(),
            mappings: Vec::new(),
            msg_trace: None,
            last_sid: 0,
            has_services: false,
            replies: ReplyRoutes::default(),
        }
    }

    /// What `server` counts for the account.
    pub fn on_server(&self, server: ServerId) -> &AccountOnServer {
        static NOTHING: LazyLock<AccountOnServer> = LazyLock::new(AccountOnServer::default);
        let share = self.shares.0.get(usize::from(server.0));
        share.and_then(Option::as_deref).unwrap_or(&NOTHING)
    }

    pub(super) fn on_server_mut(&mut self, server: ServerId) -> &mut AccountOnServer {
        let place = usize::from(server.0);
        let Shares(shares) = &mut self.shares;
        if place >= shares.len() {
            shares.resize_with(place + 1, || None);
        }
        shares[place].get_or_insert_default()
    }
}
