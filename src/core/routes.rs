//! The routes of a server as it shows them: several connections to each of its peers, among which
//! the accounts are divided up.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::account::AccountId;
use super::conn::Traffic;
use super::server::ServerId;
use super::subs::SubId;
use super::time::Time;
use super::{Core, Server};
use crate::topology::Compression;

/// One route connection as one of the two servers sees it.
#[derive(Clone, Debug)]
pub(crate) struct RouteView {
    pub rid: u64,
    pub peer: ServerId,
    /// This side made the connection.
    pub did_solicit: bool,
    /// The configuration of this side names the other.
    pub is_configured: bool,
    pub start: Time,
    pub last: Time,
    /// The account whose connection it is alone.
    pub account: Option<AccountId>,
    /// The accounts whose messages it carries.
    pub carries: Vec<AccountId>,
    pub sent: Traffic,
    pub received: Traffic,
}

/// How routes between two servers are compressed, as the one with the first of the modes sees it.
pub(crate) fn compression(own: &Compression, other: &Compression) -> &'static str {
    use Compression::{Accept, NotSupported, Off};
    match (own, other) {
        (NotSupported, _) | (_, NotSupported) => NotSupported.name(),
        (Off | Accept, Accept) | (Accept, Off) | (Off, _) | (_, Off) => Off.name(),
        (Accept, other) => other.name(),
        // The way between simulated servers is never long.
        (Compression::Auto(_), _) => "s2_uncompressed",
        (own, _) => own.name(),
    }
}

/// How two servers came to be connected, as one of them sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Joined {
    pub at: Time,
    /// The cid of the first of the connections.
    pub first_cid: u64,
    /// What this side had sent to all before.
    pub sent_before: BTreeMap<AccountId, RouteTraffic>,
}

/// What a server has sent by its routes, for each account.
#[derive(Debug, Default)]
pub(super) struct Routed {
    /// To all at once.
    pub to_all: BTreeMap<AccountId, RouteTraffic>,
    /// To single ones.
    pub pairs: HashMap<ServerId, BTreeMap<AccountId, RouteTraffic>, FixedState>,
    /// Messages sent because of a subscription that every server has: to one, or to all at once.
    pub for_every: BTreeMap<(ServerId, SubId), u64>,
}

/// What has gone by a route for an account.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RouteTraffic {
    traffic: Traffic,
    last: Time,
}

impl RouteTraffic {
    pub fn add(&mut self, size: u64, now: Time) {
        self.traffic.add(1, size);
        self.last = now;
    }
}

/// The connections between two servers.
struct Pool {
    /// How many are shared.
    shared: usize,
    /// The accounts with one of their own.
    own: Vec<AccountId>,
}

impl Pool {
    fn len(&self) -> usize {
        self.shared + self.own.len()
    }

    /// The place of the connection that carries an account.
    fn place_of(&self, id: AccountId, name: &str) -> usize {
        let own = self.own.iter().position(|&own| own == id);
        own.map_or_else(
            || fnv1a(name) as usize % self.shared,
            |place| self.shared + place,
        )
    }
}

/// The ports that systems give to whoever connects.
const EPHEMERAL: std::ops::Range<u64> = 32_768..60_999;

fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

impl Core {
    /// Connections that a server makes to each of its peers.
    pub fn routes_per_peer(&self, server: ServerId) -> usize {
        self.pool(server).len()
    }

    fn pool(&self, server: ServerId) -> Pool {
        let srv = self.server(server);
        let cluster = srv.spec.cluster.as_ref();
        let size = cluster.map_or(0, |cluster| cluster.pool_size_in_force());
        if size == 0 {
            return Pool {
                shared: 1,
                own: Vec::new(),
            };
        }
        let pinned = cluster.iter().flat_map(|cluster| &cluster.accounts);
        let mut own: Vec<_> = pinned
            .filter_map(|name| self.account_named(server, name))
            .collect();
        if let Some(system) = srv.system
            && !own.contains(&system)
        {
            own.push(system);
        }
        Pool {
            shared: usize::try_from(size).unwrap_or(1),
            own,
        }
    }

    /// The place of the connection to a peer that carries an account.
    pub(super) fn place_of_route(&self, server: ServerId, account: AccountId) -> u16 {
        let place = self
            .pool(server)
            .place_of(account, &self.account(account).name);
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// Whether an account has route connections of its own.
    pub(super) fn is_pinned(&self, account: AccountId, server: ServerId) -> bool {
        let srv = self.server(server);
        let cluster = srv.spec.cluster.as_ref();
        cluster.is_some_and(|cluster| {
            let name = &*self.account(account).name;
            cluster.pool_size_in_force() > 0
                && (srv.system == Some(account) || cluster.accounts.iter().any(|own| own == name))
        })
    }

    /// All route connections of a server, those to one peer together.
    pub fn routes(&self, server: ServerId) -> Vec<RouteView> {
        let pool = self.pool(server);
        let mut carried: Vec<Vec<AccountId>> = vec![Vec::new(); pool.len()];
        for (id, account) in self.accounts_of(server) {
            carried[pool.place_of(id, &account.name)].push(id);
        }
        let peers = self.routed_peers(server);
        peers
            .flat_map(|peer| self.routes_to(server, peer, &pool, &carried))
            .collect()
    }

    fn routes_to(
        &self,
        server: ServerId,
        peer: ServerId,
        pool: &Pool,
        carried: &[Vec<AccountId>],
    ) -> Vec<RouteView> {
        let joined = self.joined(server, peer);
        let (names, is_named) = (self.names(server, peer), self.names(peer, server));
        // Whoever knows the other makes the connection; if none does, who has been there longer.
        let did_solicit = names || (!is_named && server < peer);
        let (sent, received) = (self.passed(server, peer), self.passed(peer, server));
        let all = carried.iter().enumerate();
        all.map(|(place, carries)| {
            let mut view = RouteView {
                rid: joined.first_cid + place as u64,
                peer,
                did_solicit,
                is_configured: names,
                start: joined.at,
                last: joined.at,
                account: place
                    .checked_sub(pool.shared)
                    .and_then(|place| pool.own.get(place).copied()),
                carries: carries.clone(),
                sent: Traffic::default(),
                received: Traffic::default(),
            };
            for &account in carries {
                let (sent, received) = (sent.get(&account), received.get(&account));
                view.sent += sent.map(|sent| sent.traffic).unwrap_or_default();
                view.received += received.map(|it| it.traffic).unwrap_or_default();
                let times = sent.into_iter().chain(received).map(|it| it.last);
                view.last = times.fold(view.last, Time::max);
            }
            view
        })
        .collect()
    }

    /// What has gone from one server to another since they are connected.
    fn passed(&self, from: ServerId, to: ServerId) -> BTreeMap<AccountId, RouteTraffic> {
        let routed = &self.server(from).routed;
        let before = self.server(from).joined_later.get(&to);
        let mut passed = routed.to_all.clone();
        for (account, before) in before.iter().flat_map(|joined| &joined.sent_before) {
            if let Some(passed) = passed.get_mut(account) {
                passed.traffic.msgs -= before.traffic.msgs;
                passed.traffic.bytes -= before.traffic.bytes;
            }
        }
        for (account, alone) in routed.pairs.get(&to).into_iter().flatten() {
            let passed = passed.entry(*account).or_default();
            passed.traffic += alone.traffic;
            passed.last = passed.last.max(alone.last);
        }
        passed
    }

    pub(super) fn joined(&self, server: ServerId, peer: ServerId) -> Joined {
        let srv = self.server(server);
        if let Some(later) = srv.joined_later.get(&peer) {
            return later.clone();
        }
        let cluster = self.cluster(srv.cluster);
        let peers = cluster.servers.iter().filter(|&&other| other != server);
        let place = peers.take_while(|&&other| other != peer).count();
        Joined {
            at: srv.start.max(self.server(peer).start),
            first_cid: srv.first_route_cid + (place * self.routes_per_peer(server)) as u64,
            sent_before: BTreeMap::new(),
        }
    }

    /// The port of the other end of a route.
    pub fn route_port(&self, server: ServerId, route: &RouteView) -> u16 {
        let peer = self.server(route.peer);
        let dialled = route.did_solicit && (!self.names(route.peer, server) || server < route.peer);
        match peer.cluster_port() {
            Some(port) if dialled => port,
            _ => self.port_of(route.peer, route.rid),
        }
    }

    /// A port that a server connects from, which no simulation has.
    pub fn port_of(&self, server: ServerId, connection: u64) -> u16 {
        let number = u64::from(server.0) * 101 + connection * 7;
        (EPHEMERAL.start + number % (EPHEMERAL.end - EPHEMERAL.start)) as u16
    }

    /// Whether a server's configuration has a route to another.
    fn names(&self, server: ServerId, other: ServerId) -> bool {
        let routes = self.server(server).spec.cluster.iter();
        let mut routes = routes.flat_map(|cluster| &cluster.routes);
        let there = self.server(other);
        let advertised = there.spec.cluster.as_ref().and_then(|cluster| {
            let (_, port) = cluster.advertise.as_ref()?.rsplit_once(':')?;
            port.parse().ok()
        });
        let listening = [there.cluster_port(), advertised];
        routes.any(|url| url.port.is_some() && listening.contains(&url.port))
    }

    /// Gives the connections to all peers their cids, which come before those of clients.
    pub(super) fn number_routes(&mut self, server: ServerId) {
        let peers = self.routed_peers(server).count();
        let connections = peers * self.routes_per_peer(server);
        let srv = self.server_mut(server);
        srv.first_route_cid = srv.last_cid + 1;
        srv.last_cid += connections as u64;
    }
}

impl Server {
    /// How its routes are compressed, as far as it has a say.
    pub fn route_compression(&self) -> Compression {
        let cluster = self.spec.cluster.as_ref();
        cluster
            .and_then(|cluster| cluster.compression_in_force().ok())
            .unwrap_or(Compression::Accept)
    }

    /// The address that other servers see it at.
    pub fn address(&self) -> &str {
        let host = self
            .spec
            .cluster
            .as_ref()
            .and_then(|cluster| cluster.host.as_deref());
        match host.unwrap_or(&self.spec.host) {
            "" | "0.0.0.0" | "::" | "localhost" => "127.0.0.1",
            host => host,
        }
    }

    /// The port at which the server listens for routes.
    pub fn cluster_port(&self) -> Option<u16> {
        let port = self.spec.cluster.as_ref()?.port?;
        u16::try_from(port).ok()
    }
}
