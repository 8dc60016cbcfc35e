//! Which servers belong together: clusters, joined by routes, and meshes, which are clusters joined
//! by gateways. The servers of a mesh share their accounts by name.

use hashbrown::HashMap;

use foldhash::fast::FixedState;

use super::Core;
use super::account::AccountId;
use super::notice::Notice;
use super::routes::Joined;
use super::server::{Phase, ServerId};
use super::subs::SubId;
use crate::topology::{ServerSpec, Topology};

/// What servers listen to, to know of connections elsewhere.
const CONNECTIONS: &[u8] = b"$SYS.SERVER.ACCOUNT.*.CONNS";

/// A mesh's place in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MeshId(pub u16);

/// A cluster's place in the core. A server that has no routes is a cluster of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClusterId(pub u16);

/// Clusters that reach each other by gateways.
#[derive(Debug, Default)]
pub(crate) struct Mesh {
    pub clusters: Vec<ClusterId>,
    /// How many servers have ever been there.
    pub(super) servers: usize,
    pub(super) accounts: HashMap<Box<str>, AccountId, FixedState>,
}

impl Mesh {
    /// Whether servers share the accounts, or have done.
    pub fn is_shared(&self) -> bool {
        self.servers > 1
    }
}

/// Servers that reach each other by routes.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub name: Option<Box<str>>,
    pub mesh: MeshId,
    /// All servers that have ever been there, in the order in which they came.
    pub servers: Vec<ServerId>,
    /// Those that are connected to each other.
    pub running: Vec<ServerId>,
    /// How often who is there, and who can be connected to, has changed.
    pub changes: u64,
}

impl Cluster {
    fn new(name: Option<&str>, mesh: MeshId) -> Self {
        Self {
            name: name.map(Into::into),
            mesh,
            servers: Vec::new(),
            running: Vec::new(),
            changes: 0,
        }
    }
}

impl Core {
    /// Makes room for the clusters of a topology, and tells the cluster of each server.
    pub(super) fn make_clusters(&mut self, topology: &Topology) -> Vec<ClusterId> {
        let plan = topology.plan();
        for (place, planned) in (0..).zip(&plan.clusters) {
            if self.meshes.len() <= planned.mesh {
                self.meshes.resize_with(planned.mesh + 1, Mesh::default);
            }
            self.meshes[planned.mesh].clusters.push(ClusterId(place));
            let mesh = MeshId(planned.mesh as u16);
            let name = planned.name.as_deref();
            self.clusters.push(Cluster::new(name, mesh));
        }
        let places = plan.cluster_of.into_iter();
        places.map(|place| ClusterId(place as u16)).collect()
    }

    /// The cluster that a server to be started belongs to: a new one, if its routes lead nowhere.
    pub fn cluster_for(&mut self, spec: &ServerSpec) -> ClusterId {
        let known: Vec<&ServerSpec> = self.servers.iter().map(|server| &*server.spec).collect();
        let mates = Topology::mates(&known, spec);
        if let Some(mate) = mates.by_routes {
            return self.servers[mate].cluster;
        }
        let id = ClusterId(self.clusters.len() as u16);
        let mesh = match mates.by_gateways {
            Some(mate) => self.cluster(self.servers[mate].cluster).mesh,
            None => {
                self.meshes.push(Mesh::default());
                MeshId((self.meshes.len() - 1) as u16)
            }
        };
        self.meshes[usize::from(mesh.0)].clusters.push(id);
        self.clusters.push(Cluster::new(spec.cluster_name(), mesh));
        id
    }

    /// Counts a server as one of a mesh.
    pub(super) fn enter_mesh(&mut self, server: ServerId, id: MeshId) {
        let mesh = &mut self.meshes[usize::from(id.0)];
        mesh.servers += 1;
        if mesh.servers == 2 {
            let mesh_of = |other: ServerId| self.cluster(self.server(other).cluster).mesh;
            let mut others = (0..server.0).map(ServerId);
            let first = others.find(|&other| mesh_of(other) == id);
            if let Some(first) = first {
                self.begin_to_share(id, first);
            }
        }
    }

    pub fn cluster(&self, id: ClusterId) -> &Cluster {
        &self.clusters[usize::from(id.0)]
    }

    pub fn mesh(&self, id: MeshId) -> &Mesh {
        &self.meshes[usize::from(id.0)]
    }

    /// The servers to which `server` has routes at the moment.
    pub fn routed_peers(&self, server: ServerId) -> impl Iterator<Item = ServerId> {
        let cluster = self.cluster(self.server(server).cluster);
        let peers = cluster.running.iter().copied();
        let is_connected = self.server(server).is_connected;
        peers.filter(move |&peer| is_connected && peer != server && self.is_linked(server, peer))
    }

    /// Whether two servers are in the same cluster and have not stopped.
    pub(super) fn share_cluster(&self, a: ServerId, b: ServerId) -> bool {
        let (a, b) = (self.server(a), self.server(b));
        a.cluster == b.cluster && a.phase != Phase::Stopped && b.phase != Phase::Stopped
    }

    /// A server that has stopped is gone for its peers.
    pub(super) fn leave_cluster(&mut self, server: ServerId) {
        self.forget_told(server);
        let subs: Vec<SubId> = self
            .subs
            .iter()
            .filter(|(_, sub)| sub.server == server)
            .map(|(place, sub)| SubId::new(place, sub.server))
            .collect();
        for sub in subs {
            self.remove_sub(sub);
        }
        self.forget_lookups(server);
        let peers: Vec<ServerId> = self.routed_peers(server).collect();
        let known = self.reached_from(server);
        let cluster = self.server(server).cluster;
        let cluster = &mut self.clusters[usize::from(cluster.0)];
        cluster.running.retain(|&running| running != server);
        cluster.changes += 1;
        self.reach_changes += 1;
        self.end_links(server);
        if !self.server(server).leave_is_told {
            for peer in peers {
                self.tell_connect_urls(peer, server);
            }
        }
        for peer in known {
            self.notices.push_back(Notice::PeerLost {
                server: peer,
                peer: server,
            });
        }
        self.move_gateways(server, None);
    }

    /// Connects all servers that have started, as if they had been for a while.
    pub fn form(&mut self) {
        for cluster in &mut self.clusters {
            cluster.running.clone_from(&cluster.servers);
        }
        self.reach_changes += 1;
        for place in 0..self.servers.len() {
            let server = ServerId(place as u16);
            self.server_mut(server).is_connected = true;
            self.number_routes(server);
            let has_peers = self.routed_peers(server).next().is_some();
            self.server_mut(server).has_had_peers = has_peers;
            let gateways = self.other_clusters(server).count() as u64;
            let srv = self.server_mut(server);
            srv.gateways.first_cid = srv.last_cid + 1;
            srv.last_cid += gateways;
        }
        for place in 0..self.servers.len() {
            self.dial_remotes(ServerId(place as u16));
        }
        // Those that have been there for a while have heard of each other.
        self.notices
            .retain(|notice| !matches!(notice, Notice::PeerFound { .. }));
    }

    /// A server that has started finds its peers.
    pub fn join_cluster(&mut self, server: ServerId) {
        let cluster = self.server(server).cluster;
        self.keep_gateways(cluster);
        self.begin_links(server);
        let srv = self.server_mut(server);
        srv.is_connected = true;
        self.clusters[usize::from(cluster.0)].running.push(server);
        self.reach_changes += 1;
        let peers: Vec<ServerId> = self.routed_peers(server).collect();
        for peer in &peers {
            self.connect_routes(server, *peer);
        }
        self.begin_to_know(server);
        let others = self.reached_from(server).into_iter();
        for peer in others
            .filter(|peer| !peers.contains(peer))
            .collect::<Vec<_>>()
        {
            self.find_each_other(server, peer);
        }
        self.dial_remotes(server);
    }

    pub(super) fn find_each_other(&mut self, a: ServerId, b: ServerId) {
        for (server, peer) in [(a, b), (b, a)] {
            self.notices.push_back(Notice::PeerFound { server, peer });
        }
    }

    /// Two servers of different clusters have lost each other. Others of the clusters may still be
    /// reached.
    pub(super) fn gateway_lost(&mut self, a: ServerId, b: ServerId) {
        self.forget_arrivals(a, b);
        for (server, peer) in [(a, b), (b, a)] {
            let cluster = self.server(peer).cluster;
            self.move_gateways(peer, Some(server));
            if self.outbound_peer(server, cluster).is_none() {
                for lost in self.cluster(cluster).running.clone() {
                    self.notices
                        .push_back(Notice::PeerLost { server, peer: lost });
                }
            }
        }
    }

    /// Two servers of different clusters can reach each other again.
    pub(super) fn gateway_found(&mut self, a: ServerId, b: ServerId) {
        for (server, peer) in [(a, b), (b, a)] {
            let cluster = self.server(peer).cluster;
            if self.outbound_peer(server, cluster) == Some(peer) {
                for found in self.cluster(cluster).running.clone() {
                    self.notices.push_back(Notice::PeerFound {
                        server,
                        peer: found,
                    });
                }
            }
        }
    }

    /// All other servers of a server's mesh that have not stopped.
    pub(super) fn mesh_peers(&self, server: ServerId) -> Vec<ServerId> {
        let mesh = self.mesh(self.cluster(self.server(server).cluster).mesh);
        let clusters = mesh.clusters.iter();
        let servers = clusters.flat_map(|&cluster| self.cluster(cluster).running.iter().copied());
        servers.filter(|&other| other != server).collect()
    }

    /// Whether two servers are in the same mesh and have not stopped.
    fn share_mesh(&self, a: ServerId, b: ServerId) -> bool {
        let mesh = |server: ServerId| self.cluster(self.server(server).cluster).mesh;
        let is_up = |server: ServerId| self.server(server).phase != Phase::Stopped;
        mesh(a) == mesh(b) && is_up(a) && is_up(b)
    }

    /// Two servers have lost their connections, of whatever kind.
    pub(super) fn connections_lost(&mut self, a: ServerId, b: ServerId) {
        if self.share_cluster(a, b) {
            self.count_lost_subscriptions(a, b);
            self.routes_lost(a, b);
        } else if self.share_mesh(a, b) {
            self.gateway_lost(a, b);
        }
    }

    /// Two servers make the connections again that they had.
    pub(super) fn connections_made(&mut self, a: ServerId, b: ServerId) {
        if self.share_cluster(a, b) {
            self.count_found_subscriptions(a, b);
            self.connect_routes(a, b);
        } else if self.share_mesh(a, b) {
            self.gateway_found(a, b);
        }
    }

    /// Two servers have made connections.
    pub(super) fn connect_routes(&mut self, a: ServerId, b: ServerId) {
        let at = self.now;
        self.note_change_of_peers(a);
        for (server, peer) in [(a, b), (b, a)] {
            let connections = self.routes_per_peer(server) as u64;
            let srv = self.server_mut(server);
            let first_cid = srv.last_cid + 1;
            srv.last_cid += connections;
            srv.routed.pairs.remove(&peer);
            let joined = Joined {
                at,
                first_cid,
                sent_before: srv.routed.to_all.clone(),
            };
            srv.has_had_peers = true;
            srv.joined_later.insert(peer, joined);
            self.notices.push_back(Notice::PeerFound { server, peer });
            self.tell_connect_urls(server, peer);
            self.forget_sent_for(server, peer);
            self.note_lists_of_peer(server, peer);
        }
    }

    /// Two servers that are both there have lost their connections.
    pub(super) fn routes_lost(&mut self, a: ServerId, b: ServerId) {
        self.note_change_of_peers(a);
        for (server, peer) in [(a, b), (b, a)] {
            self.forget_results_of_peer(&[server], peer);
            self.tell_connect_urls(server, peer);
            self.notices.push_back(Notice::PeerLost { server, peer });
        }
    }

    fn note_change_of_peers(&mut self, server: ServerId) {
        let cluster = self.server(server).cluster;
        self.clusters[usize::from(cluster.0)].changes += 1;
    }

    /// Other servers with clients of an account, as far as `server` knows of them.
    pub fn peers_with_clients(&self, account: AccountId, server: ServerId) -> usize {
        let name = &*self.account(account).name;
        let peers = self.known_servers(server).into_iter();
        peers
            .filter(|&peer| self.hears(server, peer, CONNECTIONS))
            .filter(|&peer| {
                let there = self.account_named(peer, name);
                there.is_some_and(|there| {
                    let there = self.account(there).on_server(peer);
                    !there.clients.is_empty() || !there.leafs.is_empty()
                })
            })
            .count()
    }

    /// An account's connections on all servers, as far as `server` knows of them.
    pub(super) fn account_connections(&self, account: AccountId, server: ServerId) -> usize {
        let account = self.account(account);
        let elsewhere = self.reached_from(server).into_iter();
        let elsewhere = elsewhere.filter(|&peer| self.hears(server, peer, CONNECTIONS));
        let servers = std::iter::once(server).chain(elsewhere);
        servers
            .map(|server| account.on_server(server).clients.len())
            .sum()
    }

    /// The account that a server knows by `name`.
    pub fn account_named(&self, server: ServerId, name: &str) -> Option<AccountId> {
        let mesh = self.cluster(self.server(server).cluster).mesh;
        self.mesh(mesh).accounts.get(name).copied()
    }
}
