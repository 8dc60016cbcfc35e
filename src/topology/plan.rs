//! Which servers of a topology reach each other, as their configurations say.

use std::collections::BTreeMap;

use super::{RemoteGateway, RemoteUrl, ServerSpec, Shared, Topology};

/// The clusters of a topology.
#[derive(Debug)]
pub(crate) struct Plan {
    pub clusters: Vec<PlannedCluster>,
    /// The cluster of each server.
    pub cluster_of: Vec<usize>,
    /// What leads nowhere.
    pub unreached: Vec<Unreached>,
}

/// Servers that are joined by routes.
#[derive(Debug)]
pub(crate) struct PlannedCluster {
    pub name: Option<String>,
    /// Clusters with equal numbers are joined by gateways.
    pub mesh: usize,
}

/// Servers with which another is joined, by their places: the first in its cluster, and the first in its
/// mesh.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mates {
    pub by_routes: Option<usize>,
    pub by_gateways: Option<usize>,
}

/// A server that another is configured to connect to and that no server of the deployment is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreached {
    /// The name of the server with the configuration, or its place in the deployment.
    pub server: String,
    /// The block of the configuration.
    pub block: &'static str,
    /// The address.
    pub url: RemoteUrl,
}

/// Where servers listen for one kind of connection.
#[derive(Debug, Default)]
pub(super) struct Listeners(BTreeMap<u16, Vec<(String, usize)>>);

impl Listeners {
    pub fn add(
        &mut self,
        host: Option<&str>,
        port: Option<i64>,
        advertise: Option<&str>,
        server: usize,
    ) {
        if let Some(port) = port.and_then(|port| u16::try_from(port).ok()) {
            let place = (host.unwrap_or_default().to_owned(), server);
            self.0.entry(port).or_default().push(place);
        }
        let told = advertise.and_then(|address| address.rsplit_once(':'));
        if let Some((host, port)) = told
            && let Ok(port) = port.parse()
        {
            self.0
                .entry(port)
                .or_default()
                .push((host.to_owned(), server));
        }
    }

    pub fn find(&self, url: &RemoteUrl, default_port: Option<u16>) -> Option<usize> {
        let listening = self.0.get(&url.port.or(default_port)?)?;
        let exact = listening.iter().find(|(host, _)| *host == url.host);
        let any = || listening.iter().find(|(host, _)| meets(host, &url.host));
        exact.or_else(any).map(|(_, server)| *server)
    }
}

/// Whether a connection to `host` gets to who listens on `listen`.
fn meets(listen: &str, host: &str) -> bool {
    let is_any = matches!(listen, "" | "0.0.0.0" | "::");
    let is_local = |host| matches!(host, "localhost" | "127.0.0.1" | "::1");
    is_any || listen == host || (is_local(listen) && is_local(host))
}

/// Sets that are joined one by one.
struct Groups(Vec<usize>);

impl Groups {
    fn new(len: usize) -> Self {
        Self((0..len).collect())
    }

    fn of(&mut self, mut place: usize) -> usize {
        while self.0[place] != place {
            self.0[place] = self.0[self.0[place]];
            place = self.0[place];
        }
        place
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a.max(b)] = a.min(b);
    }
}

impl ServerSpec {
    /// Whether the server has routes.
    pub(crate) fn has_routes(&self) -> bool {
        self.cluster
            .as_ref()
            .is_some_and(|cluster| cluster.is_listening())
    }

    /// Whether other servers can share its accounts.
    pub(crate) fn may_have_peers(&self) -> bool {
        let gateway = self.gateway.as_ref();
        self.has_routes() || gateway.is_some_and(|gateway| gateway.is_listening())
    }

    /// Whether the server has anything to do with others, so that it tells them how it is.
    pub(crate) fn has_links(&self) -> bool {
        let leafs = self.leafnodes.as_ref();
        self.has_routes()
            || self
                .gateway
                .as_ref()
                .is_some_and(|gateway| gateway.is_listening())
            || leafs.is_some_and(|leafs| leafs.is_listening())
    }
}

impl Topology {
    pub(crate) fn plan(&self) -> Plan {
        let mut unreached = Vec::new();
        let mut groups = Groups::new(self.servers.len());
        self.join_by_routes(&mut groups, &mut unreached);
        self.unreached_hubs(&mut unreached);
        let mut clusters: Vec<PlannedCluster> = Vec::new();
        let mut places = BTreeMap::new();
        let mut cluster_of = Vec::with_capacity(self.servers.len());
        for (server, spec) in self.servers.iter().enumerate() {
            let group = groups.of(server);
            let place = *places.entry(group).or_insert_with(|| {
                clusters.push(PlannedCluster {
                    name: None,
                    mesh: clusters.len(),
                });
                clusters.len() - 1
            });
            let name = &mut clusters[place].name;
            if name.is_none() {
                *name = spec.cluster_name().map(str::to_owned);
            }
            cluster_of.push(place);
        }
        self.join_by_gateways(&mut clusters, &cluster_of, &mut unreached);
        Plan {
            clusters,
            cluster_of,
            unreached,
        }
    }

    fn join_by_gateways(
        &self,
        clusters: &mut [PlannedCluster],
        cluster_of: &[usize],
        unreached: &mut Vec<Unreached>,
    ) {
        let mut listeners = Listeners::default();
        let mut meshes = Groups::new(clusters.len());
        let gateways = || {
            let servers = self.servers.iter().zip(cluster_of).enumerate();
            servers.filter_map(|(server, (spec, &cluster))| {
                let gateway = spec.gateway.as_ref().filter(|it| it.is_listening())?;
                Some((server, cluster, gateway))
            })
        };
        for (server, _, gateway) in gateways() {
            let (host, told) = (gateway.host.as_deref(), gateway.advertise.as_deref());
            listeners.add(host, gateway.port, told, server);
        }
        // Servers mostly have one list in common: whoever has one that leads all its way is joined to
        // all that it names, and so is the next with the same.
        let mut before: Option<(&Shared<Vec<RemoteGateway>>, usize)> = None;
        for (server, cluster, gateway) in gateways() {
            if let Some((list, joined)) = before
                && list.is_same(&gateway.gateways)
            {
                meshes.join(cluster, joined);
                continue;
            }
            let unreached_before = unreached.len();
            let others = gateway.gateways.iter();
            for remote in others.filter(|remote| Some(&remote.name) != gateway.name.as_ref()) {
                for url in &remote.urls {
                    let found = listeners.find(url, None).map(|other| cluster_of[other]);
                    match found.filter(|&other| clusters[other].name.as_ref() == Some(&remote.name))
                    {
                        Some(other) => meshes.join(cluster, other),
                        None => unreached.push(Unreached {
                            server: self.shown_name(server),
                            block: "gateway",
                            url: url.clone(),
                        }),
                    }
                }
            }
            let is_whole = !gateway.gateways.is_empty() && unreached.len() == unreached_before;
            before = is_whole.then_some((&gateway.gateways, cluster));
        }
        for (place, cluster) in clusters.iter_mut().enumerate() {
            cluster.mesh = meshes.of(place);
        }
    }

    /// Those of the `known` servers that `new` is joined with.
    pub(crate) fn mates(known: &[&ServerSpec], new: &ServerSpec) -> Mates {
        let topology = Self {
            servers: known.iter().copied().chain([new]).cloned().collect(),
            ..Self::default()
        };
        let plan = topology.plan();
        let Some((&own, others)) = plan.cluster_of.split_last() else {
            return Mates::default();
        };
        let mesh = |cluster: usize| plan.clusters[cluster].mesh;
        Mates {
            by_routes: others.iter().position(|&other| other == own),
            by_gateways: others.iter().position(|&other| mesh(other) == mesh(own)),
        }
    }

    fn join_by_routes(&self, groups: &mut Groups, unreached: &mut Vec<Unreached>) {
        let mut listeners = Listeners::default();
        let routed = || {
            let servers = self.servers.iter().enumerate();
            servers.filter(|(_, spec)| spec.has_routes())
        };
        for (server, spec) in routed() {
            if let Some(cluster) = &spec.cluster {
                let (host, told) = (cluster.host.as_deref(), cluster.advertise.as_deref());
                listeners.add(host, cluster.port, told, server);
            }
        }
        for (server, spec) in routed() {
            for url in spec.cluster.iter().flat_map(|cluster| &cluster.routes) {
                let found = listeners.find(url, None);
                let fits = |other: &usize| {
                    let names = (spec.cluster_name(), self.servers[*other].cluster_name());
                    !matches!(names, (Some(one), Some(other)) if one != other)
                };
                match found.filter(fits) {
                    Some(other) => groups.join(server, other),
                    None => unreached.push(Unreached {
                        server: self.shown_name(server),
                        block: "cluster",
                        url: url.clone(),
                    }),
                }
            }
        }
    }

    pub(super) fn shown_name(&self, server: usize) -> String {
        let name = self.servers[server].name.clone();
        name.unwrap_or_else(|| format!("server {}", server + 1))
    }
}
