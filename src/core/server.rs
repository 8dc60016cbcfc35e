//! A server as it is running: its identity, its clients and its counters.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hashbrown::HashMap;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::account::AccountId;
use super::conn::{Conn, ConnId, Traffic};
use super::freeze::Waiting;
use super::gateway::Gateways;
use super::ids::{self, KeyKind};
use super::leaf_dial::Remote;
use super::lifecycle::SYSTEM_CLIENT_CID;
use super::mesh::ClusterId;
use super::notice::ClientSnapshot;
use super::operator::OperatorMode;
use super::route_rights::RouteRights;
use super::routes::{Joined, Routed};
use super::subs::SubId;
use super::time::Time;
use super::tls::{Offer, Rate, TlsSession};
use super::wall_clock::WallClock;
use super::{CloseReason, Peer};
use crate::identity;
use crate::topology::{ConnectionType, Permissions, ServerSpec};
use crate::version::{Feature, Profile};

/// Connections to other servers that did not answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StaleLinks {
    pub routes: u64,
    pub gateways: u64,
}

/// A server's place in the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ServerId(pub u16);

impl ServerId {
    /// Every server of a mesh: where subscriptions are that all have alike.
    pub const EVERY: Self = Self(u16::MAX);
}

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    LameDuck,
    Stopped,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub id: Arc<str>,
    /// What it signs and seals with, if it ever does.
    pub(super) keys: Option<Box<identity::Keys>>,
    pub xkey: Box<str>,
    pub name: Arc<str>,
    pub spec: Arc<ServerSpec>,
    pub profile: &'static Profile,
    pub phase: Phase,
    pub cluster: ClusterId,
    /// The accounts it knows, in the order of their internal clients.
    pub(super) accounts: Vec<AccountId>,
    /// Accounts that a reload brought, with the cids of their internal clients.
    pub(super) late_accounts: BTreeMap<AccountId, u64>,
    /// What has matched the subscriptions that every server has alike.
    pub(super) matched: HashMap<SubId, u64, foldhash::fast::FixedState>,
    /// When it last told its peers how it is.
    pub last_heartbeat: Time,
    /// It has or had routes.
    pub(super) has_had_peers: bool,
    /// Clients of its peers know that nobody can connect to it any more.
    pub(super) leave_is_told: bool,
    /// It has told its peers that it goes.
    pub said_goodbye: bool,
    /// The name of the cluster, if there is any.
    pub cluster_name: Option<Box<str>>,
    /// The cid of the first connection to the first of the servers that were there from the start.
    pub(super) first_route_cid: u64,
    /// Peers that came, or came back, later.
    pub(super) joined_later: BTreeMap<ServerId, Joined>,
    pub(super) routed: Routed,
    /// What may cross its routes, if not everything.
    pub(super) route_rights: Option<Box<RouteRights>>,
    pub(super) gateways: Gateways,
    /// It has joined its cluster and its mesh.
    pub(super) is_connected: bool,
    /// What has come since it stands still, if it does.
    pub(super) waiting: Option<Vec<Waiting>>,
    /// The latest delivery that has come here from another server.
    pub(super) crossed_by: u64,
    pub start: Time,
    pub wall_clock: WallClock,
    pub config_load_time: Time,
    /// What it says of TLS.
    pub(crate) offer: Offer,
    /// How many handshakes may begin in a second, as it was at the start; 0: any number.
    pub(super) tls_rate_limit: u64,
    pub(super) tls_rate: Rate,
    /// The account of connections that have not logged in, and of users without an account.
    pub global: AccountId,
    pub system: Option<AccountId>,
    /// What it has more in operator mode.
    pub operator: Option<Box<OperatorMode>>,
    pub users: Arc<Users>,
    /// Some of them have nkeys.
    pub(super) has_nkeys: bool,
    /// The user that stands in for missing credentials.
    pub no_auth_user: Option<NoAuthUser>,
    /// Open client connections by cid.
    pub clients: BTreeMap<u64, ConnId>,
    /// Open leaf node connections by cid.
    pub leafs: BTreeMap<u64, ConnId>,
    pub(super) remotes: Vec<Remote>,
    pub closed: VecDeque<ClosedConn>,
    pub total_connections: u64,
    pub received: Traffic,
    pub received_from_clients: Traffic,
    pub sent: Traffic,
    pub sent_to_clients: Traffic,
    pub slow_consumers: u64,
    /// Clients that did not answer.
    pub stale_connections: u64,
    pub stale_links: StaleLinks,
    pub stalled_clients: u64,
    pub(super) last_cid: u64,
    pub(super) rng: ChaCha8Rng,
    /// Connections still to be closed in lame duck mode, in order.
    pub(super) leaving: VecDeque<ConnId>,
    pub(super) leave_interval: std::time::Duration,
}

/// Everybody who can log in, by name.
pub(crate) type Users = HashMap<Box<str>, User, foldhash::fast::FixedState>;

/// A user that can log in.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub account: AccountId,
    pub proof: Proof,
    pub permissions: Option<Arc<Permissions>>,
    pub connection_types: Vec<ConnectionType>,
}

impl User {
    /// Whether it may log in by such a connection.
    pub(super) fn allows(&self, wanted: ConnectionType) -> bool {
        self.connection_types.is_empty() || self.connection_types.contains(&wanted)
    }
}

/// How a user shows who it is.
#[derive(Clone)]
pub(crate) enum Proof {
    /// By a password, which is here in clear or as a bcrypt hash.
    Password(Box<str>),
    /// By a signature with the nkey that it is known by.
    Nkey,
}

impl Proof {
    pub fn is_nkey(&self) -> bool {
        matches!(self, Self::Nkey)
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password",
            Self::Nkey => "Nkey",
        })
    }
}

/// The user of connections without credentials.
#[derive(Clone, Debug)]
pub(crate) struct NoAuthUser {
    pub name: Box<str>,
    /// Made up by the server because only the system account has users: INFO then still asks for
    /// credentials.
    pub implicit: bool,
}

/// What is remembered of a connection that has ended.
#[derive(Clone, Debug)]
pub(crate) struct ClosedConn {
    pub client: ClientSnapshot,
    pub port: u16,
    pub stop: Time,
    pub last: Time,
    pub last_in_utc: bool,
    pub reason: CloseReason,
    pub pending: usize,
    pub stalls: u64,
    /// What was agreed on, if it was encrypted.
    pub tls: Option<Box<TlsSession>>,
    pub subscriptions: Vec<ClosedSub>,
}

/// A subscription of a connection that has ended.
#[derive(Clone, Debug)]
pub(crate) struct ClosedSub {
    pub subject: Box<[u8]>,
    pub queue: Option<Box<[u8]>>,
    pub sid: Box<[u8]>,
    pub matched: u64,
    pub max: u64,
}

impl Server {
    pub fn new(index: ServerId, spec: Arc<ServerSpec>, cluster: ClusterId, seed: u64) -> Self {
        let mut rng = ids::stream(seed, &format!("server {}", index.0));
        let random: [[u8; 32]; 2] = std::array::from_fn(|_| {
            let mut bytes = [0; 32];
            rng.fill_bytes(&mut bytes);
            bytes
        });
        let has_callout = spec
            .authorization
            .as_ref()
            .is_some_and(|auth| auth.callout.is_some());
        // What accounts claim is known only when their tokens come.
        let signs = has_callout || spec.operator.is_some();
        // To make whole keys takes longer than everything else, and hardly any server needs them.
        let keys = signs
            .then(|| identity::Keys::new(random[0], random[1]))
            .flatten();
        let (id, xkey) = match &keys {
            Some(keys) => (keys.public_key(), keys.public_curve_key()),
            None => {
                let [server, curve] = random;
                (
                    ids::public_key(KeyKind::Server, server),
                    ids::public_key(KeyKind::Curve, curve),
                )
            }
        };
        let id: Arc<str> = id.into();
        let offer = Offer::at_start(spec.tls.as_ref(), spec.allow_non_tls);
        let tls_rate_limit = spec.tls.as_ref().map_or(0, |tls| tls.rate_limit);
        let operator = spec.operator.as_ref();
        let operator = operator.map(|options| Box::new(OperatorMode::new(options)));
        Self {
            name: spec.name.as_deref().map_or_else(|| id.clone(), Into::into),
            id,
            keys: keys.map(Box::new),
            xkey: xkey.into_boxed_str(),
            profile: spec.version.profile(),
            spec,
            phase: Phase::Running,
            cluster,
            accounts: Vec::new(),
            late_accounts: BTreeMap::new(),
            matched: HashMap::default(),
            last_heartbeat: Time::default(),
            has_had_peers: false,
            leave_is_told: false,
            said_goodbye: false,
            cluster_name: None,
            first_route_cid: 0,
            joined_later: BTreeMap::new(),
            routed: Routed::default(),
            route_rights: None,
            gateways: Gateways::default(),
            is_connected: false,
            waiting: None,
            crossed_by: 0,
            start: Time::default(),
            wall_clock: WallClock::default(),
            config_load_time: Time::default(),
            offer,
            tls_rate_limit,
            tls_rate: Rate::default(),
            global: AccountId(0),
            system: None,
            operator,
            users: Arc::default(),
            has_nkeys: false,
            no_auth_user: None,
            clients: BTreeMap::new(),
            leafs: BTreeMap::new(),
            remotes: Vec::new(),
            closed: VecDeque::new(),
            total_connections: 0,
            received: Traffic::default(),
            received_from_clients: Traffic::default(),
            sent: Traffic::default(),
            sent_to_clients: Traffic::default(),
            slow_consumers: 0,
            stale_connections: 0,
            stale_links: StaleLinks::default(),
            stalled_clients: 0,
            last_cid: 0,
            rng,
            leaving: VecDeque::new(),
            leave_interval: std::time::Duration::ZERO,
        }
    }

    /// Whether clients must bring credentials, or be taken for the user without any.
    pub fn requires_auth(&self) -> bool {
        let auth = self.spec.authorization.as_ref();
        !self.users.is_empty()
            || self.operator.is_some()
            || auth.is_some_and(|auth| auth.user.is_some() || auth.token.is_some())
    }

    /// Whether it lets a client in that does not even send CONNECT. It does not know what to make of an
    /// nkey that stands in for nobody's credentials then.
    pub(super) fn takes_silent_client(&self, peer: &Peer) -> bool {
        let stand_in = self.silent_user(peer);
        let user = stand_in.and_then(|name| self.users.get(name));
        stand_in.is_some() && user.is_none_or(|user| !user.proof.is_nkey())
    }

    /// Whom it takes such a client for.
    pub(super) fn silent_user(&self, peer: &Peer) -> Option<&str> {
        let is_known = self.profile.has(Feature::SilentUserOfWebsockets);
        let own = self.websocket_of(peer).filter(|_| is_known);
        own.and_then(|options| options.no_auth_user.as_deref())
            .or(self.no_auth_user.as_ref().map(|user| &*user.name))
    }

    /// Whether somebody may have to sign something to log in.
    pub(super) fn asks_for_signatures(&self) -> bool {
        self.has_nkeys || self.operator.is_some()
    }

    /// The version of Go it says it was built with.
    pub fn go(&self) -> &str {
        self.spec.machine.go.as_deref().unwrap_or(self.profile.go)
    }

    /// The short name that servers give each other in subjects.
    pub fn hash(&self) -> String {
        ids::short_hash(&self.name)
    }

    /// The address at which leaf nodes see it.
    pub fn leaf_host(&self) -> &str {
        let options = self.spec.leafnodes.as_ref();
        match options
            .and_then(|options| options.host.as_deref())
            .unwrap_or(&self.spec.host)
        {
            "" | "0.0.0.0" | "::" | "localhost" => "127.0.0.1",
            host => host,
        }
    }

    /// The accounts it knows.
    pub fn accounts(&self) -> &[AccountId] {
        &self.accounts
    }

    /// The user of a connection, as events and CONNZ show it.
    pub fn user_of<'a>(&self, conn: &'a Conn) -> Option<&'a str> {
        conn.shown_user(self.profile.has(Feature::RedactedTokens))
    }

    /// The cid of the internal client that holds an account's imports.
    pub fn internal_cid(&self, account: AccountId) -> u64 {
        if let Some(cid) = self.late_accounts.get(&account) {
            return *cid;
        }
        let place = self.accounts.iter().position(|&known| known == account);
        place.map_or(0, |place| SYSTEM_CLIENT_CID + 1 + place as u64)
    }

    pub(super) fn next_cid(&mut self) -> u64 {
        self.last_cid += 1;
        self.last_cid
    }
}
