//! Ports of servers that are told to listen for others on any one.

use std::collections::BTreeSet;

use super::plan::{CLUSTER_PORTS, GATEWAY_PORTS, LEAF_PORTS, Planned, WEBSOCKET_PORTS};
use crate::topology::{DEFAULT_LEAFNODE_PORT, ServerSpec};

/// What a server was configured to do to listen on any port that is free.
const ANY_PORT: i64 = -1;

/// Where a server listens without a socket: the port as configured, and the first that is looked at
/// where any will do.
fn open_ports(planned: &mut Planned) -> impl Iterator<Item = (&mut i64, u16)> {
    let Planned { spec, unbound, .. } = planned;
    let cluster = spec.cluster.as_mut().and_then(|it| it.port.as_mut());
    let gateway = spec.gateway.as_mut().and_then(|it| it.port.as_mut());
    let leafs = spec.leafnodes.as_mut().and_then(|it| it.port.as_mut());
    let websocket = spec.websocket.as_mut().filter(|_| *unbound);
    let websocket = websocket.and_then(|it| it.port.as_mut());
    [
        (websocket, WEBSOCKET_PORTS),
        (cluster, CLUSTER_PORTS),
        (gateway, GATEWAY_PORTS),
        (leafs, LEAF_PORTS),
    ]
    .into_iter()
    .filter_map(|(port, first)| Some((port?, first)))
}

/// The ports that a server's configuration names, as its own or another's.
fn named_ports(spec: &ServerSpec) -> impl Iterator<Item = i64> {
    let cluster = spec.cluster.iter();
    let gateway = spec.gateway.iter();
    let leafs = spec.leafnodes.iter();
    let own = cluster.clone().filter_map(|it| it.port);
    let own = own.chain(gateway.clone().filter_map(|it| it.port));
    let own = own.chain(leafs.clone().filter_map(|it| it.port));
    let own = own.chain(spec.websocket.iter().filter_map(|it| it.port));
    let urls = cluster.flat_map(|it| &it.routes);
    let urls = urls.chain(gateway.flat_map(|it| it.gateways.iter().flat_map(|it| &it.urls)));
    let urls = urls.chain(leafs.flat_map(|it| it.remotes.iter().flat_map(|it| &it.urls)));
    own.chain(urls.filter_map(|url| url.port).map(i64::from))
        .chain([spec.port.into(), DEFAULT_LEAFNODE_PORT.into()])
}

/// Gives the servers that are to listen for others on any free port one that neither they nor `others`
/// speak of. Nobody binds it, so the operating system is not asked.
pub(super) fn settle_ports(servers: &mut [Planned], others: impl IntoIterator<Item = ServerSpec>) {
    let is_open = |planned: &mut Planned| {
        let mut ports = open_ports(planned);
        ports.any(|(port, _)| *port == ANY_PORT)
    };
    if !servers.iter_mut().any(is_open) {
        return;
    }
    let specs = servers.iter().map(|planned| &planned.spec);
    let mut named: BTreeSet<i64> = specs.flat_map(named_ports).collect();
    for other in others {
        named.extend(named_ports(&other));
    }
    for planned in servers {
        for (port, first) in open_ports(planned) {
            if *port == ANY_PORT {
                let mut free = (i64::from(first)..).skip_while(|port| named.contains(port));
                *port = free.next().unwrap_or(ANY_PORT);
                named.insert(*port);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::plan::url;
    use crate::services::Configuration;
    use crate::topology::{ClusterOptions, LeafNodeOptions};

    fn planned(cluster: i64, routes: &[u16], leafnodes: i64) -> Planned {
        Planned {
            spec: ServerSpec {
                cluster: Some(ClusterOptions {
                    port: Some(cluster),
                    routes: routes.iter().copied().map(url).collect(),
                    ..ClusterOptions::default()
                }),
                leafnodes: Some(LeafNodeOptions {
                    port: Some(leafnodes),
                    ..LeafNodeOptions::default()
                }),
                ..ServerSpec::default()
            },
            configuration: Configuration::default(),
            unbound: true,
        }
    }

    fn ports(planned: &mut Planned) -> Vec<i64> {
        open_ports(planned).map(|(port, _)| *port).collect()
    }

    #[test]
    fn any_port_is_one_that_nobody_speaks_of() {
        let other = planned(6224, &[6225], 1);
        let mut servers = [
            planned(-1, &[6223], -1),
            planned(6222, &[], 5),
            planned(-1, &[], -1),
        ];
        settle_ports(&mut servers, [other.spec]);
        let given: Vec<_> = servers.iter_mut().map(ports).collect();
        assert_eq!(given, [[6226, 8222], [6222, 5], [6227, 8223]]);
    }
}
