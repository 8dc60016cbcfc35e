//! The ports of a deployment, known before any of its servers starts.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use super::{DriverError, ServerIndex};
use crate::scenario::{Deployment, PortKind, PortName, fill_ports};

/// The ports to choose from: all of five digits, so that texts with them are always as long, and none
/// that the system gives to outgoing connections, or the mock to the first of those in memory. They come
/// in blocks.
const FIRST: u16 = 11_000;
const BLOCKS: u16 = 21;
const BLOCK: u16 = 1_000;

/// The block of this process.
static OWN: Mutex<Option<Block>> = Mutex::new(None);

/// A block of ports that belongs to one process for as long as it listens on the first of them.
struct Block {
    _guard: TcpListener,
    first: u16,
    looked_at: u16,
}

/// Where one server listens for one kind of connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listener {
    /// The port the server binds.
    pub(super) bound: u16,
    /// The port at which others dial it: another one if something stands in between.
    pub(super) dialled: u16,
}

/// All ports of a deployment.
#[derive(Debug, Clone)]
pub(super) struct Ports {
    names: Vec<String>,
    listeners: BTreeMap<(ServerIndex, PortKind), Listener>,
}

impl Ports {
    /// Chooses ports for all servers, two each for connections between servers if there are links.
    pub(super) fn choose(deployment: &Deployment) -> Result<Self, DriverError> {
        let names: Vec<String> = deployment.servers.iter().map(|s| s.name.clone()).collect();
        let mut listeners = BTreeMap::new();
        for index in 0..names.len() {
            for kind in PortKind::ALL {
                let bound = free_port()?;
                let dialled = match kind {
                    PortKind::Client => bound,
                    _ if deployment.has_links => free_port()?,
                    _ => bound,
                };
                listeners.insert((ServerIndex(index), kind), Listener { bound, dialled });
            }
        }
        Ok(Self { names, listeners })
    }

    /// All that there are.
    pub(super) fn all(&self) -> impl Iterator<Item = (ServerIndex, PortKind, Listener)> {
        self.listeners
            .iter()
            .map(|((server, kind), listener)| (*server, *kind, *listener))
    }

    /// The port that a server binds for one kind of connection.
    pub(super) fn bound(&self, server: ServerIndex, kind: PortKind) -> Result<u16, DriverError> {
        let listener = self.listeners.get(&(server, kind));
        listener
            .map(|listener| listener.bound)
            .ok_or_else(|| DriverError::State(format!("there is no server {}", server.0)))
    }

    /// The server that others dial at `port`.
    pub(super) fn owner(&self, port: u16) -> Option<ServerIndex> {
        let mut all = self.all();
        let found = all.find(|(_, _, l)| l.dialled == port || l.bound == port);
        found.map(|(server, _, _)| server)
    }

    /// The ports with names such as `n1.cluster`.
    pub(super) fn named(&self) -> Vec<(u16, String)> {
        let mut named = Vec::new();
        for (server, kind, listener) in self.all() {
            let name = format!("{}.{}", self.names[server.0], kind.name());
            named.push((listener.bound, name.clone()));
            if listener.dialled != listener.bound {
                named.push((listener.dialled, name));
            }
        }
        named
    }

    /// The configuration `text` of `server` with its ports.
    pub(super) fn fill(&self, text: &str, server: ServerIndex) -> Result<String, DriverError> {
        let own = self.names.get(server.0).map_or("", String::as_str);
        let port = |name: PortName<'_>| {
            let at = self.names.iter().position(|n| n == name.server)?;
            let listener = self.listeners.get(&(ServerIndex(at), name.kind))?;
            let is_bound = name.server == own && !name.advertised;
            Some(if is_bound {
                listener.bound
            } else {
                listener.dialled
            })
        };
        fill_ports(text, own, port).map_err(DriverError::State)
    }
}

/// A port that nobody listens on, and that no other deployment was given lately.
fn free_port() -> Result<u16, DriverError> {
    let none = || DriverError::State("no port is free".to_owned());
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if own.is_none() {
        *own = (0..BLOCKS).find_map(|number| {
            let first = FIRST + number * BLOCK;
            Some(Block {
                _guard: listen(first)?,
                first,
                looked_at: 0,
            })
        });
    }
    let block = own.as_mut().ok_or_else(none)?;
    (1..BLOCK)
        .find_map(|_| {
            block.looked_at = block.looked_at % (BLOCK - 1) + 1;
            let port = block.first + block.looked_at;
            listen(port).map(|_| port)
        })
        .ok_or_else(none)
}

fn listen(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Server;

    fn deployment(has_links: bool) -> Deployment {
        let server = |name: &str| Server {
            name: name.to_owned(),
            conf: String::new(),
            version: None,
            later: false,
        };
        Deployment {
            servers: vec![server("n1"), server("n2")],
            has_links,
            ..Deployment::default()
        }
    }

    #[test]
    fn others_are_dialled_where_a_proxy_listens() {
        let ports = Ports::choose(&deployment(true)).expect("ports");
        let text = "{{self.cluster}} {{n2.cluster}} {{self.cluster.advertise}} {{n1.client}}";
        let filled = ports.fill(text, ServerIndex(0)).expect("filled");
        let numbers: Vec<u16> = filled
            .split(' ')
            .map(|n| n.parse().expect("a port"))
            .collect();
        let own = ports.listeners[&(ServerIndex(0), PortKind::Cluster)];
        let other = ports.listeners[&(ServerIndex(1), PortKind::Cluster)];
        let client = ports
            .bound(ServerIndex(0), PortKind::Client)
            .expect("a port");
        assert_eq!(numbers, [own.bound, other.dialled, own.dialled, client]);
        assert_ne!(own.bound, own.dialled);
        assert_eq!(ports.owner(other.dialled), Some(ServerIndex(1)));
    }

    #[test]
    fn without_links_nothing_stands_in_between() {
        let ports = Ports::choose(&deployment(false)).expect("ports");
        assert!(ports.all().all(|(_, _, l)| l.bound == l.dialled));
        let named = ports.named();
        let expected = 2 * PortKind::ALL.len();
        assert_eq!((named.len(), named[0].1.as_str()), (expected, "n1.client"));
        assert!(ports.fill("{{x.client}}", ServerIndex(0)).is_err());
    }
}
