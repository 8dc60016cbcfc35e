//! From what a builder was told to the servers that start.

use std::fmt;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use super::StartError;
use crate::net::{Way, bind};
use crate::services::Configuration;
use crate::topology::{ClusterOptions, GatewayOptions, RemoteGateway, RemoteUrl, ServerSpec};

/// A server that is about to start.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub spec: ServerSpec,
    pub configuration: Configuration,
    pub unbound: bool,
}

/// A number of servers in a cluster.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub cluster: String,
    pub servers: usize,
}

type Change = dyn Fn(&mut ServerSpec) + Send + Sync;

/// A change to one of the servers.
#[derive(Clone)]
pub(super) struct Edit {
    pub server: String,
    pub change: Arc<Change>,
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Edit").field(&self.server).finish()
    }
}

impl Planned {
    /// Binds the server's addresses, and takes note of the ports.
    pub fn listen(&mut self) -> Result<Vec<(TcpListener, Way)>, StartError> {
        if self.unbound {
            return Ok(Vec::new());
        }
        let (listener, port) = bind_any(self.address()?)?;
        self.spec.port = port;
        #[cfg_attr(
            not(feature = "websocket"),
            expect(unused_mut, reason = "it is the only one")
        )]
        let mut listeners = vec![(listener, Way::Plain)];
        #[cfg(feature = "websocket")]
        if let Some(address) = self.websocket_address()? {
            let (listener, port) = bind_any(address)?;
            if let Some(websocket) = &mut self.spec.websocket {
                websocket.port = Some(port.into());
            }
            listeners.push((listener, Way::Websocket));
        }
        Ok(listeners)
    }

    pub fn address(&self) -> Result<SocketAddr, StartError> {
        Ok(SocketAddr::new(ip(&self.spec.host)?, self.spec.port))
    }

    /// Where the server takes clients over WebSocket, if it does.
    pub fn websocket_address(&self) -> Result<Option<SocketAddr>, StartError> {
        let websocket = self.spec.websocket.as_ref();
        let Some((websocket, port)) = websocket.and_then(|it| Some((it, it.port?))) else {
            return Ok(None);
        };
        let port = u16::try_from(port).unwrap_or_default();
        Ok(Some(SocketAddr::new(ip(websocket.shown_host())?, port)))
    }
}

fn bind_any(address: SocketAddr) -> Result<(TcpListener, u16), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = bind(address).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, port))
}

fn ip(host: &str) -> Result<IpAddr, StartError> {
    match host {
        "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
        host => host.parse().map_err(|_| StartError::Host {
            host: host.to_owned(),
        }),
    }
}

/// Where the servers that a builder makes would listen for clients, routes, gateways and leaf nodes. They are only
/// told of; nobody connects there.
const CLIENT_PORTS: u16 = 4222;
pub(super) const CLUSTER_PORTS: u16 = 6222;
pub(super) const GATEWAY_PORTS: u16 = 7222;
pub(super) const LEAF_PORTS: u16 = 8222;
/// The first port of clients over WebSocket where nobody listens.
pub(super) const WEBSOCKET_PORTS: u16 = 9222;

/// Servers of a cluster that the others have routes to; these are told of the rest.
pub(super) const SEEDS: usize = 3;

/// The port of a server, which no other has as long as there are not too many.
fn port(first: u16, number: usize) -> u16 {
    const FEW: usize = 1_000;
    // Beyond the first thousand the ranges would meet.
    if number < FEW {
        first + number as u16
    } else {
        let range = usize::from((first - CLIENT_PORTS) / 1_000);
        (10_000 + (range * 13_000 + number) % 55_000) as u16
    }
}

pub(super) fn url(port: u16) -> RemoteUrl {
    RemoteUrl {
        scheme: "nats".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        ..RemoteUrl::default()
    }
}

/// Where a server listens for leaf nodes.
pub(super) fn leaf_port(number: usize) -> u16 {
    port(LEAF_PORTS, number)
}

pub(super) fn leaf_url(number: usize) -> RemoteUrl {
    url(leaf_port(number))
}

pub(super) fn route_url(number: usize) -> RemoteUrl {
    url(port(CLUSTER_PORTS, number))
}

/// Gives a server that is like another ports of its own.
pub(super) fn give_ports(planned: &mut Planned, number: usize) {
    let spec = &mut planned.spec;
    spec.port = if planned.unbound {
        port(CLIENT_PORTS, number)
    } else {
        0
    };
    if let Some(cluster) = &mut spec.cluster {
        cluster.port = Some(port(CLUSTER_PORTS, number).into());
    }
    if let Some(gateway) = &mut spec.gateway {
        gateway.port = Some(port(GATEWAY_PORTS, number).into());
    }
}

/// The servers of clusters, each like `template`. Several clusters are joined by gateways.
pub(super) fn clusters(template: &ServerSpec, groups: &[Group], unbound: bool) -> Vec<Planned> {
    let mut first = 0;
    let mut places = Vec::new();
    for group in groups {
        places.push((group, first));
        first += group.servers;
    }
    let gateways: Vec<RemoteGateway> = places
        .iter()
        .map(|&(group, first)| RemoteGateway {
            name: group.cluster.clone(),
            urls: (first..first + group.servers.min(SEEDS))
                .map(|number| url(port(GATEWAY_PORTS, number)))
                .collect(),
            tls: None,
        })
        .collect();
    let gateways = crate::topology::Shared::from(gateways);
    let mut planned = Vec::with_capacity(first);
    for (group, first) in places {
        let routes: Vec<RemoteUrl> = (first..first + group.servers.min(SEEDS))
            .map(|number| url(port(CLUSTER_PORTS, number)))
            .collect();
        for index in 0..group.servers {
            let number = first + index;
            let mut spec = template.clone();
            spec.name = Some(format!("{}-{}", group.cluster, index + 1));
            if unbound && spec.port == 0 {
                spec.port = port(CLIENT_PORTS, number);
            }
            spec.cluster = Some(ClusterOptions {
                name: Some(group.cluster.clone()),
                host: Some("127.0.0.1".to_owned()),
                port: Some(port(CLUSTER_PORTS, number).into()),
                routes: routes.clone(),
                ..template.cluster.clone().unwrap_or_default()
            });
            if groups.len() > 1 {
                spec.gateway = Some(GatewayOptions {
                    name: Some(group.cluster.clone()),
                    host: Some("127.0.0.1".to_owned()),
                    port: Some(port(GATEWAY_PORTS, number).into()),
                    gateways: gateways.clone(),
                    ..template.gateway.clone().unwrap_or_default()
                });
            }
            planned.push(Planned {
                spec,
                configuration: Configuration::default(),
                unbound,
            });
        }
    }
    planned
}
