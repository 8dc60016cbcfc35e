//! Gateways: every server keeps one connection to each other cluster of its mesh, to any server of
//! it. What is sent by it goes on to the servers of that cluster by routes, and no further.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Core;
use super::account::AccountId;
use super::conn::Traffic;
use super::deliver::Delivery;
use super::links::Passage;
use super::mesh::ClusterId;
use super::server::{Phase, ServerId};
use super::sublist::QueueGroup;
use super::subs::SubId;
use super::time::Time;
use super::trace_links::Owed;
use super::transit::UnderWay;
use crate::version::Feature;

/// What a server has sent by a gateway.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub traffic: Traffic,
    pub last: Time,
}

impl Sent {
    fn add(&mut self, size: u64, now: Time) {
        self.traffic.add(1, size);
        self.last = now;
    }
}

/// What a server knows of its gateways.
#[derive(Debug, Default)]
pub(super) struct Gateways {
    /// The cid of the first of its own connections.
    pub first_cid: u64,
    /// Where a connection leads that was made again, and since when.
    pub moved: BTreeMap<ClusterId, (ServerId, Time)>,
    /// By all of them alike, and by single ones.
    pub to_all: Sent,
    pub to_one: BTreeMap<ClusterId, Sent>,
    /// Choices among the servers of a cluster, each with the number of changes that it was made after.
    chosen: RefCell<BTreeMap<ClusterId, (u64, Option<ServerId>)>>,
    /// The cids of connections that others have made, as far as anybody has asked for them.
    pub inbound_cids: BTreeMap<ServerId, u64>,
}

/// A gateway connection as the server that made it sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutboundGateway {
    pub cid: u64,
    pub cluster: ClusterId,
    pub peer: ServerId,
    /// The configuration names the cluster.
    pub is_configured: bool,
    pub start: Time,
    pub last: Time,
    pub sent: Traffic,
}

/// A gateway connection as the server sees it to which it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InboundGateway {
    pub cid: u64,
    pub cluster: ClusterId,
    pub peer: ServerId,
    pub start: Time,
    pub last: Time,
    pub received: Traffic,
}

/// A well-spread number for a choice that stays the same.
fn mixed(seed: u64, from: ServerId, to: ServerId) -> u64 {
    let mut hash = seed ^ (u64::from(from.0) << 32) ^ u64::from(to.0);
    for _ in 0..2 {
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    }
    hash ^ (hash >> 31)
}

impl Core {
    /// The other clusters of a server's mesh.
    pub fn other_clusters(&self, server: ServerId) -> impl Iterator<Item = ClusterId> {
        let own = self.server(server).cluster;
        let all = self.mesh(self.cluster(own).mesh).clusters.iter().copied();
        all.filter(move |&cluster| cluster != own)
    }

    fn has_other_clusters(&self, server: ServerId) -> bool {
        let own = self.server(server).cluster;
        self.mesh(self.cluster(own).mesh).clusters.len() > 1
    }

    /// The server of a cluster to which another server's gateway leads.
    pub fn outbound_peer(&self, server: ServerId, cluster: ClusterId) -> Option<ServerId> {
        if !self.server(server).is_connected || !self.server(server).has_gateways() {
            return None;
        }
        let gateways = &self.server(server).gateways;
        let moved = gateways.moved.get(&cluster);
        if let Some((peer, _)) = moved.filter(|(peer, _)| self.has_gateway_to(server, *peer)) {
            return Some(*peer);
        }
        // Every message that leaves the cluster asks for this.
        let changes = self.reach_changes + self.links.changes();
        let known = gateways.chosen.borrow().get(&cluster).copied();
        if let Some((_, chosen)) = known.filter(|(after, _)| *after == changes) {
            return chosen;
        }
        let chosen = self.choose_peer(server, cluster);
        let mut known = gateways.chosen.borrow_mut();
        known.insert(cluster, (changes, chosen));
        chosen
    }

    fn has_gateway_to(&self, server: ServerId, peer: ServerId) -> bool {
        let there = self.server(peer);
        there.phase != Phase::Stopped && there.has_gateways() && self.is_linked(server, peer)
    }

    /// The one with the highest rank of those that can be reached.
    fn choose_peer(&self, server: ServerId, cluster: ClusterId) -> Option<ServerId> {
        let mut chosen: Option<(u64, ServerId)> = None;
        for &peer in &self.cluster(cluster).running {
            let rank = mixed(self.seed, server, peer);
            let is_higher = chosen.is_none_or(|(highest, _)| rank >= highest);
            if is_higher && self.has_gateway_to(server, peer) {
                chosen = Some((rank, peer));
            }
        }
        chosen.map(|(_, peer)| peer)
    }

    /// Whether messages of a server get to any other.
    pub fn has_company(&self, server: ServerId) -> bool {
        self.server(server).is_connected
            && (self.routed_peers(server).next().is_some()
                || self
                    .other_clusters(server)
                    .any(|cluster| self.outbound_peer(server, cluster).is_some()))
    }

    /// All other servers that messages of a server get to.
    pub fn reached_from(&self, server: ServerId) -> Vec<ServerId> {
        let mut reached: Vec<ServerId> = self.routed_peers(server).collect();
        for cluster in self.other_clusters(server) {
            if let Some(entry) = self.outbound_peer(server, cluster) {
                reached.push(entry);
                reached.extend(self.routed_peers(entry));
            }
        }
        reached
    }

    /// Hands a message on to the other clusters in which there is interest: to all plain subscriptions,
    /// and to one member of each group that has none in the own cluster.
    pub(super) fn deliver_to_other_clusters(
        &mut self,
        delivery: &mut Delivery<'_>,
        plain: &[SubId],
        every: &[SubId],
        groups: &[&QueueGroup],
    ) -> bool {
        let home = delivery.server;
        if !self.server(home).is_connected || !self.has_other_clusters(home) {
            return false;
        }
        let mut interested: BTreeMap<ClusterId, Interested<'_>> = BTreeMap::new();
        let own = self.server(home).cluster;
        for &sub in plain {
            let cluster = self.cluster_of(sub).filter(|&cluster| cluster != own);
            if let Some(cluster) = cluster.filter(|_| self.is_told_by_gateways(sub)) {
                interested.entry(cluster).or_default().plain.push(sub);
            }
        }
        for &group in groups {
            if let Some(cluster) = self.choose_cluster(home, group) {
                interested.entry(cluster).or_default().groups.push(group);
            }
        }
        let is_heard = every.iter().any(|&sub| self.sub(sub).told);
        let to_all = is_heard && !self.asks_for_trace;
        if is_heard {
            for cluster in self.other_clusters(home).collect::<Vec<_>>() {
                interested.entry(cluster).or_default();
            }
        }
        delivery.crossing = self.crossing(delivery);
        let size = delivery.message.payload.len() as u64;
        let mut delivered = false;
        for (cluster, interested) in interested {
            let Some(entry) = self.outbound_peer(home, cluster) else {
                continue;
            };
            let passage = self.passage(home, entry);
            let crossing = delivery.crossing;
            let under_way = |passage, owed| {
                let groups = interested.groups.iter();
                UnderWay {
                    from: home,
                    to: entry,
                    by_gateway: true,
                    crossing,
                    passage,
                    groups: groups.map(|group| group.name.as_ref().into()).collect(),
                    owed,
                }
            };
            if self.asks_for_trace {
                let owed = Some(Owed::ToGateway(cluster));
                delivery.under_way.push(under_way(passage, owed));
                delivered |= self.is_taken_by(entry);
                continue;
            }
            self.server_mut(entry).crossed_by = delivery.stamp;
            let single = (!to_all).then_some(cluster);
            self.count_sent_by_gateway(delivery.account, home, single, size);
            delivered = true;
            match passage {
                Passage::Now => {
                    self.count_arrived_by_gateway(delivery, entry);
                    self.serve_cluster(
                        delivery,
                        entry,
                        &interested.plain,
                        every,
                        &interested.groups,
                    );
                }
                passage => delivery.under_way.push(under_way(passage, None)),
            }
        }
        if to_all {
            let now = self.now;
            self.server_mut(home).gateways.to_all.add(size, now);
        }
        delivery.entry = home;
        delivered
    }

    /// Hands a message to those of one cluster, which it has entered at `entry`.
    pub(super) fn serve_cluster(
        &mut self,
        delivery: &mut Delivery<'_>,
        entry: ServerId,
        plain: &[SubId],
        every: &[SubId],
        groups: &[&QueueGroup],
    ) {
        self.count_delivered(delivery);
        delivery.entry = entry;
        delivery.go_to(entry);
        if self.has_route_rights {
            self.open_routes(delivery, plain, every);
        }
        self.deliver_to_every_server(delivery, every);
        for &sub in plain {
            self.deliver_where_it_is(delivery, sub, None);
        }
        for group in groups {
            self.deliver_to_group(delivery, group);
        }
    }

    pub(super) fn cluster_of(&self, sub: SubId) -> Option<ClusterId> {
        let server = self.subs.get(sub.index())?.server;
        let server = self.servers.get(usize::from(server.0))?;
        Some(server.cluster)
    }

    /// The other cluster that is to serve a queue group, drawn among those with a member.
    fn choose_cluster(&mut self, home: ServerId, group: &QueueGroup) -> Option<ClusterId> {
        let own = self.server(home).cluster;
        let members = group.members.iter().copied();
        let members = members
            .filter(|&sub| self.is_told_by_gateways(sub))
            .filter_map(|sub| self.cluster_of(sub));
        let mut clusters: Vec<ClusterId> = members.filter(|&cluster| cluster != own).collect();
        clusters.sort_unstable();
        clusters.dedup();
        clusters.retain(|&cluster| self.outbound_peer(home, cluster).is_some());
        let place = match clusters.len() {
            0 | 1 => 0,
            len => super::ids::below(len as u64, &mut self.queue_picks) as usize,
        };
        clusters.get(place).copied()
    }

    pub(super) fn count_sent_by_gateway(
        &mut self,
        account: AccountId,
        from: ServerId,
        single: Option<ClusterId>,
        size: u64,
    ) {
        let now = self.now;
        let server = self.server_mut(from);
        server.sent.add(1, size);
        if let Some(cluster) = single {
            let to_one = &mut server.gateways.to_one;
            to_one.entry(cluster).or_default().add(size, now);
        }
        let here = self.account_mut(account).on_server_mut(from);
        here.sent.add(1, size);
        here.gateways.sent.add(1, size);
    }

    pub(super) fn count_arrived_by_gateway(&mut self, delivery: &Delivery<'_>, to: ServerId) {
        self.count_gateway_lookup(delivery, delivery.server, to);
        let counts = self.server(to).profile.has(Feature::RoutedMessagesReceived);
        let size = delivery.message.payload.len() as u64;
        self.server_mut(to).received.add(1, size);
        if delivery.crossing.answers {
            return;
        }
        let here = self.account_mut(delivery.account).on_server_mut(to);
        if counts {
            here.received.add(1, size);
        }
        here.gateways.received.add(1, size);
    }

    /// What `server` has sent to `cluster`, and since when its connection there is open.
    fn sent_by_gateway(
        &self,
        server: ServerId,
        cluster: ClusterId,
        peer: ServerId,
    ) -> (Sent, Time) {
        let own = self.server(server);
        let mut sent = own.gateways.to_all;
        if let Some(single) = own.gateways.to_one.get(&cluster) {
            sent.traffic += single.traffic;
            sent.last = sent.last.max(single.last);
        }
        let start = match own.gateways.moved.get(&cluster) {
            Some((_, since)) => *since,
            None => own.start.max(self.server(peer).start),
        };
        sent.last = sent.last.max(start);
        (sent, start)
    }

    /// The gateways of a server that lead somewhere.
    pub fn outbound_gateways(&self, server: ServerId) -> Vec<OutboundGateway> {
        let own = self.server(server);
        let mut gateways = Vec::new();
        for (place, cluster) in (0..).zip(self.other_clusters(server)) {
            let Some(peer) = self.outbound_peer(server, cluster) else {
                continue;
            };
            let (sent, start) = self.sent_by_gateway(server, cluster, peer);
            let name = self.cluster(cluster).name.as_deref();
            let configured = own.spec.gateway.iter().flat_map(|it| it.gateways.iter());
            let mut configured = configured.map(|remote| remote.name.as_str());
            gateways.push(OutboundGateway {
                cid: own.gateways.first_cid + place,
                cluster,
                peer,
                is_configured: configured.any(|remote| Some(remote) == name),
                start,
                last: sent.last,
                sent: sent.traffic,
            });
        }
        gateways
    }

    /// Servers of other clusters whose gateways lead to a server.
    pub fn inbound_peers(&self, server: ServerId) -> Vec<ServerId> {
        let own = self.server(server).cluster;
        let others = self.other_clusters(server);
        let servers = others.flat_map(|cluster| self.cluster(cluster).running.iter().copied());
        servers
            .filter(|&peer| self.outbound_peer(peer, own) == Some(server))
            .collect()
    }

    /// What has come to a server from a cluster, and by how many connections.
    pub fn received_by_gateway(
        &self,
        inbound: &[ServerId],
        server: ServerId,
        from: ClusterId,
    ) -> (Traffic, usize) {
        let own = self.server(server).cluster;
        let mut received = Traffic::default();
        let mut count = 0;
        for &peer in inbound {
            if self.server(peer).cluster == from {
                received += self.sent_by_gateway(peer, own, server).0.traffic;
                count += 1;
            }
        }
        (received, count)
    }

    /// The gateway connections that others have made to a server.
    pub fn inbound_gateways(&mut self, server: ServerId) -> Vec<InboundGateway> {
        let own = self.server(server).cluster;
        let mut gateways = Vec::new();
        for peer in self.inbound_peers(server) {
            let (sent, start) = self.sent_by_gateway(peer, own, server);
            let srv = self.server_mut(server);
            let cid = match srv.gateways.inbound_cids.get(&peer) {
                Some(&cid) => cid,
                None => {
                    let cid = srv.next_cid();
                    srv.gateways.inbound_cids.insert(peer, cid);
                    cid
                }
            };
            gateways.push(InboundGateway {
                cid,
                cluster: self.server(peer).cluster,
                peer,
                start,
                last: sent.last,
                received: sent.traffic,
            });
        }
        gateways
    }

    /// Another server is about to join a cluster: gateways that lead there stay where they are.
    pub(super) fn keep_gateways(&mut self, cluster: ClusterId) {
        let Some(&first) = self.cluster(cluster).running.first() else {
            return;
        };
        for server in self.mesh_peers(first) {
            let moved = &self.server(server).gateways.moved;
            if self.server(server).cluster == cluster || moved.contains_key(&cluster) {
                continue;
            }
            if let Some(peer) = self.outbound_peer(server, cluster) {
                let (_, since) = self.sent_by_gateway(server, cluster, peer);
                let gateways = &mut self.server_mut(server).gateways;
                gateways.moved.insert(cluster, (peer, since));
            }
        }
    }

    /// A server is gone or out of reach: those whose gateways led there take another of its cluster.
    pub(super) fn move_gateways(&mut self, lost: ServerId, only: Option<ServerId>) {
        let cluster = self.server(lost).cluster;
        let now = self.now;
        let others = self.other_clusters(lost);
        let servers = others.flat_map(|other| self.cluster(other).running.iter().copied());
        let affected: Vec<ServerId> = servers
            .filter(|&server| only.is_none_or(|only| only == server))
            .collect();
        for server in affected {
            let next = self.outbound_peer(server, cluster);
            let gateways = &mut self.server_mut(server).gateways;
            gateways.to_one.remove(&cluster);
            if let Some(next) = next {
                gateways.moved.insert(cluster, (next, now));
            }
        }
    }
}

/// Those of a cluster that are interested in a message.
#[derive(Default)]
struct Interested<'a> {
    plain: Vec<SubId>,
    groups: Vec<&'a QueueGroup>,
}

impl super::Server {
    /// The port at which the server listens for gateways.
    pub fn gateway_port(&self) -> Option<u16> {
        let port = self.spec.gateway.as_ref()?.port?;
        u16::try_from(port).ok()
    }

    /// Whether the server has gateways at all.
    pub fn has_gateways(&self) -> bool {
        let gateway = self.spec.gateway.as_ref();
        gateway.is_some_and(|gateway| gateway.is_listening())
    }
}
