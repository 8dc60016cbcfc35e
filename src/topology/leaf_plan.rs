//! Where leaf nodes connect to.

use super::links::DEFAULT_LEAFNODE_PORT;
use super::plan::{Listeners, Unreached};
use super::{RemoteUrl, ServerSpec, Topology};

/// The server that listens for leaf nodes where `url` leads.
pub(crate) fn leaf_listener<'s, T: Copy>(
    servers: impl Iterator<Item = (T, &'s ServerSpec)>,
    url: &RemoteUrl,
) -> Option<T> {
    let mut listeners = Listeners::default();
    let mut known = Vec::new();
    for (id, spec) in servers {
        if let Some(options) = spec.leafnodes.as_ref().filter(|it| it.is_listening()) {
            let (host, told) = (options.host.as_deref(), options.advertise.as_deref());
            listeners.add(host, options.port, told, known.len());
            known.push(id);
        }
    }
    let place = listeners.find(url, Some(DEFAULT_LEAFNODE_PORT))?;
    known.get(place).copied()
}

impl Topology {
    /// The remotes of leaf nodes that lead to no server of the deployment.
    pub(super) fn unreached_hubs(&self, unreached: &mut Vec<Unreached>) {
        for (server, spec) in self.servers.iter().enumerate() {
            let remotes = spec.leafnodes.iter().flat_map(|options| &options.remotes);
            for url in remotes.flat_map(|remote| &remote.urls) {
                let others = self.servers.iter().enumerate();
                let others = others.filter(|(other, _)| *other != server);
                if leaf_listener(others, url).is_none() {
                    unreached.push(Unreached {
                        server: self.shown_name(server),
                        block: "leafnodes",
                        url: url.clone(),
                    });
                }
            }
        }
    }
}
