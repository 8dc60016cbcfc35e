//! Taking a picture of the core.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Armed, Cluster, LinkKind, LinkState, Picture, Server, ServerState};
use crate::core::{ClusterId, Core, Latency, Phase, ServerId};
use crate::services::Deployment;
use crate::topology::{GLOBAL_ACCOUNT, leaf_listener};

impl Picture {
    /// What a deployment holds, with the servers that are `current`: one that was restarted is there twice.
    pub(super) fn of(deployment: &Deployment, current: Vec<ServerId>) -> Self {
        let core = deployment.core();
        let mut clusters: Vec<Cluster> = Vec::new();
        let mut cluster_places: HashMap<ClusterId, usize> = HashMap::new();
        for (place, &id) in current.iter().enumerate() {
            let cluster = core.server(id).cluster;
            let known = cluster_places.entry(cluster).or_insert_with(|| {
                clusters.push(Cluster {
                    name: cluster_name(core, id),
                    members: Vec::new(),
                });
                clusters.len() - 1
            });
            clusters[*known].members.push(place);
        }
        let places: HashMap<ServerId, usize> =
            (0..).zip(&current).map(|(n, &id)| (id, n)).collect();
        Self {
            clusters,
            servers: current.iter().map(|&id| server(core, id)).collect(),
            links: links(core)
                .into_iter()
                .filter_map(|(kind, from, to)| Some((kind, *places.get(&from)?, *places.get(&to)?)))
                .collect(),
            troubled: troubled(core, &places),
            armed: armed(deployment),
        }
    }
}

fn armed(deployment: &Deployment) -> Vec<Armed> {
    let rules = deployment.rules().descriptions();
    let rules = rules.map(|(what, hits)| (what.to_owned(), hits));
    let all = rules.chain(deployment.custom().descriptions());
    all.map(|(what, hits)| Armed { what, hits }).collect()
}

/// The name of the cluster that a server belongs to. A server that has neither routes nor gateways may
/// have a name for its cluster, but no cluster.
fn cluster_name(core: &Core, id: ServerId) -> Option<String> {
    let server = core.server(id);
    let is_in_cluster = server.spec.has_routes() || server.has_gateways();
    let name = core.cluster(server.cluster).name.as_deref();
    name.filter(|_| is_in_cluster).map(str::to_owned)
}

fn server(core: &Core, id: ServerId) -> Server {
    let server = core.server(id);
    Server {
        name: server.name.to_string(),
        id: server.id.to_string(),
        version: server.spec.version,
        state: match server.phase {
            Phase::Stopped => ServerState::Stopped,
            _ if core.is_frozen(id) => ServerState::Frozen,
            Phase::LameDuck => ServerState::LameDuck,
            Phase::Running => ServerState::Running,
        },
        clients: server.clients.len(),
        clock_ahead: server.wall_clock.wrong_by(),
    }
}

/// All links besides routes.
fn links(core: &Core) -> Vec<(LinkKind, ServerId, ServerId)> {
    let mut links = gateways(core);
    links.extend(leaf_nodes(core));
    links
}

/// The gateways there are, and those that there might be if their servers could reach each other.
fn gateways(core: &Core) -> Vec<(LinkKind, ServerId, ServerId)> {
    let mut gateways = Vec::new();
    for (server, _) in core.servers() {
        for cluster in core.other_clusters(server) {
            if let Some(peer) = core.outbound_peer(server, cluster) {
                gateways.push((LinkKind::Gateway, server, peer));
            }
        }
    }
    let mesh = |id: ServerId| core.cluster(core.server(id).cluster).mesh;
    let mut cut: Vec<_> = core
        .troubled_links()
        .filter(|link| link.is_cut && mesh(link.from) == mesh(link.to))
        .map(|link| (link.from, link.to))
        .filter(|&(from, to)| {
            let (from, to) = (core.server(from), core.server(to));
            from.cluster != to.cluster && from.has_gateways() && to.has_gateways()
        })
        .collect();
    cut.sort_unstable();
    gateways.extend(
        cut.into_iter()
            .map(|(from, to)| (LinkKind::Gateway, from, to)),
    );
    gateways
}

/// The leaf node connections there are, and those of remotes that cannot be reached.
fn leaf_nodes(core: &Core) -> Vec<(LinkKind, ServerId, ServerId)> {
    let mut connections = Vec::new();
    let cut: HashSet<(ServerId, ServerId)> = core
        .troubled_links()
        .filter(|link| link.is_cut)
        .flat_map(|link| [(link.from, link.to), (link.to, link.from)])
        .collect();
    for (id, server) in core.servers() {
        let mut connected = HashSet::new();
        for (conn, leaf) in core.leafs(id).filter(|(_, leaf)| !leaf.is_stranger) {
            let account = core.account(conn.account).name.to_string();
            connected.insert((account.clone(), leaf.peer));
            if leaf.is_spoke {
                connections.push((LinkKind::LeafNode { account }, id, leaf.peer));
            }
        }
        if cut.is_empty() || server.phase == Phase::Stopped {
            continue;
        }
        let remotes = server
            .spec
            .leafnodes
            .iter()
            .flat_map(|options| &options.remotes);
        for remote in remotes.filter(|remote| !remote.disabled) {
            let account = remote
                .account
                .as_deref()
                .unwrap_or(GLOBAL_ACCOUNT)
                .to_owned();
            let hubs = remote.urls.iter().filter_map(|url| {
                let there = core
                    .servers()
                    .filter(|&(other, srv)| other != id && srv.phase != Phase::Stopped);
                leaf_listener(there.map(|(other, srv)| (other, &*srv.spec)), url)
            });
            let hubs: Vec<ServerId> = hubs.collect();
            if hubs
                .iter()
                .any(|&hub| connected.contains(&(account.clone(), hub)))
            {
                continue;
            }
            if let Some(&hub) = hubs.iter().find(|&&hub| cut.contains(&(id, hub))) {
                let (leaf, hub) = if remote.hub { (hub, id) } else { (id, hub) };
                connections.push((LinkKind::LeafNode { account }, leaf, hub));
            }
        }
    }
    connections
}

fn troubled(core: &Core, places: &HashMap<ServerId, usize>) -> BTreeMap<(usize, usize), LinkState> {
    let known = core.troubled_links().filter_map(|link| {
        let (from, to) = (*places.get(&link.from)?, *places.get(&link.to)?);
        let state = LinkState {
            is_cut: link.is_cut,
            is_stuck: link.is_stuck,
            latency: link.latency.map(|Latency { least, most }| (least, most)),
        };
        Some(if from < to {
            ((from, to), state)
        } else {
            ((to, from), state.turned())
        })
    });
    known.filter(|(_, state)| !state.is_well()).collect()
}
