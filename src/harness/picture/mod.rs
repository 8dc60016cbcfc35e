//! A picture of a deployment: its clusters and servers, what links them, and what is wrong.
//!
//! [`MockNats::topology`] takes one of what is running, and
//! [`Builder::topology`](crate::Builder::topology) one of what would start. It is a value of its own,
//! which no longer follows the deployment: print it where a test fails, compare it with another, or ask
//! it for a server or a link.
//!
//! ```
//! use nats_mock::MockNats;
//!
//! let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
//! let _app = nats.server("east-1").client("a")?;
//! nats.server("east-3").stop();
//! nats.link("east-1", "east-2").cut();
//!
//! let picture = nats.topology();
//! assert!(picture.link("east-1", "east-2").unwrap().state.is_cut);
//! assert_eq!(
//!     picture.to_string(),
//!     "\
//! 3 servers, 1 stopped; 1 client; 1 link in trouble
//!
//! east
//!   ● east-1  2.15.1           1 client
//!   ● east-2  2.15.1
//!   ○ east-3  2.15.1  stopped
//!   routes: 0 of 1 well
//!     east-1 ─╳─ east-2  cut
//! "
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! However many servers there are, the text stays readable: servers that are alike are summed up.
#![cfg_attr(feature = "svg", doc = "[`Picture::svg`] draws the same as a graphic.")]

mod blocks;
mod snapshot;
#[cfg(feature = "svg")]
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod troubles;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Builder, MockNats, StartError};
use crate::Version;
use crate::net::locked;
use crate::services::Deployment;

/// A deployment at one moment; see the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    clusters: Vec<Cluster>,
    servers: Vec<Server>,
    /// Links that do not follow from the clusters, by the places of the servers.
    links: Vec<(LinkKind, usize, usize)>,
    /// The states of links that are not as they should be, the lower place first.
    troubled: BTreeMap<(usize, usize), LinkState>,
    armed: Vec<Armed>,
}

/// Something that the test has armed, or a service that it has made up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Armed {
    /// What it is about, and what it does.
    pub what: String,
    /// How often it was hit.
    pub hits: u64,
}

/// Servers that are joined by routes, or a single one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cluster {
    /// The name; `None` for a server that is in no cluster.
    pub name: Option<String>,
    /// The servers' places in [`Picture::servers`].
    members: Vec<usize>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// The name, which is the id where none was configured.
    pub name: String,
    /// The id.
    pub id: String,
    /// The release that it simulates.
    pub version: Version,
    /// Where it is in its life.
    pub state: ServerState,
    /// How many clients are connected to it.
    pub clients: usize,
    /// By how many nanoseconds its clock is ahead of the deployment's; negative is behind.
    pub clock_ahead: i64,
}

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ServerState {
    /// It serves its clients.
    Running,
    /// It takes no more clients, and closes those it has.
    LameDuck,
    /// It stands still, and its connections stay.
    Frozen,
    /// It has stopped, in whatever way.
    Stopped,
}

/// What joins two servers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LinkKind {
    /// Both are in one cluster.
    Route,
    /// The first connects its cluster to that of the second.
    Gateway,
    /// The first is a leaf node of the second.
    LeafNode {
        /// The account of the first that is joined.
        account: String,
    },
}

/// The connection between two servers; several of one kind count as one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link<'a> {
    /// What joins them.
    pub kind: LinkKind,
    /// The server that the kind is about, or the one that comes first.
    pub from: &'a Server,
    /// The other server.
    pub to: &'a Server,
    /// Whether it works.
    pub state: LinkState,
}

/// Whether a link works. As it should be, it is not cut, not stuck and takes no time.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct LinkState {
    /// There are no connections.
    pub is_cut: bool,
    /// There are connections, but nothing gets through, from the first server and from the second.
    pub is_stuck: [bool; 2],
    /// The least and the most time that a message is on its way.
    pub latency: Option<(Duration, Duration)>,
}

impl LinkState {
    /// Whether everything is as it should be.
    pub fn is_well(&self) -> bool {
        *self == Self::default()
    }

    /// The same, as seen from the other side.
    fn turned(&self) -> Self {
        let [there, back] = self.is_stuck;
        Self {
            is_stuck: [back, there],
            ..self.clone()
        }
    }
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ServerState::Running => "running",
            ServerState::LameDuck => "lame duck",
            ServerState::Frozen => "frozen",
            ServerState::Stopped => "stopped",
        })
    }
}

impl Picture {
    /// The clusters, in the order in which they came.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 3).cluster("west", 2).start_blocking()?;
    /// let picture = nats.topology();
    /// let sizes: Vec<_> = picture.clusters().map(|it| (it.name.as_deref(), picture.members(it).count())).collect();
    /// assert_eq!(sizes, [(Some("east"), 3), (Some("west"), 2)]);
    /// # Ok::<(), nats_mock::StartError>(())
    /// ```
    pub fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        self.clusters.iter()
    }

    /// The servers of a cluster of this picture.
    pub fn members(&self, cluster: &Cluster) -> impl Iterator<Item = &Server> {
        let members = cluster.members.iter();
        members.filter_map(|&place| self.servers.get(place))
    }

    /// All servers, those that have stopped among them, in the order in which they came. One that was
    /// restarted is still the same.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter()
    }

    /// The server called `name`, if there is one.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::picture::ServerState;
    ///
    /// let nats = MockNats::builder().name("n1").start_blocking()?;
    /// let _app = nats.client("a")?;
    /// let picture = nats.topology();
    /// let n1 = picture.server("n1").unwrap();
    /// assert_eq!((n1.state, n1.clients), (ServerState::Running, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|server| server.name == name)
    }

    /// All links between servers that have not stopped, those that do not work among them.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().unbound().cluster("east", 5).start_blocking()?;
    /// nats.partition(|server| server.name() == "east-5").cut();
    /// let picture = nats.topology();
    /// assert_eq!(picture.links().count(), 10);
    /// assert_eq!(picture.links().filter(|link| link.state.is_cut).count(), 4);
    /// # Ok::<(), nats_mock::StartError>(())
    /// ```
    pub fn links(&self) -> impl Iterator<Item = Link<'_>> {
        let routes = self.clusters.iter().flat_map(move |cluster| {
            let members = self.linked_members(cluster);
            let others = members.clone().enumerate();
            others.flat_map(move |(number, from)| {
                let later = members.clone().skip(number + 1);
                later.map(move |to| self.link_of(LinkKind::Route, from, to))
            })
        });
        let others = self.other_links();
        routes.chain(others.map(|(kind, from, to)| self.link_of(kind.clone(), from, to)))
    }

    /// The link between two servers that have not stopped. A route is seen from the server named
    /// first, any other link from its own first.
    pub fn link(&self, one: &str, other: &str) -> Option<Link<'_>> {
        let place = |name| self.servers.iter().position(|server| server.name == name);
        let (one, other) = (place(one)?, place(other)?);
        let together = |cluster: &Cluster| {
            let mut there = self.linked_members(cluster);
            one != other && there.clone().any(|it| it == one) && there.any(|it| it == other)
        };
        if self.clusters.iter().any(together) {
            return Some(self.link_of(LinkKind::Route, one, other));
        }
        let mut links = self.other_links();
        let (kind, from, to) = links
            .find(|&(_, from, to)| (from, to) == (one, other) || (from, to) == (other, one))?;
        Some(self.link_of(kind.clone(), from, to))
    }

    /// What the test has armed, in the order in which answers and events pass it, and then the services
    /// that it has made up.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::sys::Endpoint;
    ///
    /// let nats = MockNats::builder().name("n1").start_blocking()?;
    /// let _silent = nats.on(Endpoint::Varz).silence();
    /// nats.client("admin")?.request("$SYS.REQ.SERVER.PING.VARZ", "")?;
    /// let picture = nats.topology();
    /// assert_eq!(picture.armed().next().unwrap().hits, 1);
    /// assert!(picture.to_string().ends_with("\narmed\n  VARZ: silence  hit once\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn armed(&self) -> impl Iterator<Item = &Armed> {
        self.armed.iter()
    }

    fn link_of(&self, kind: LinkKind, from: usize, to: usize) -> Link<'_> {
        Link {
            kind,
            from: &self.servers[from],
            to: &self.servers[to],
            state: self.state_between(from, to),
        }
    }

    fn state_between(&self, from: usize, to: usize) -> LinkState {
        let state = self.troubled.get(&(from.min(to), from.max(to)));
        let state = state.cloned().unwrap_or_default();
        if from < to { state } else { state.turned() }
    }

    /// Links other than routes between servers that are there.
    fn other_links(&self) -> impl Iterator<Item = (&LinkKind, usize, usize)> {
        let links = self.links.iter().map(|(kind, from, to)| (kind, *from, *to));
        links.filter(|&(_, from, to)| self.is_there(from) && self.is_there(to))
    }

    /// The place of each server's cluster.
    fn cluster_places(&self) -> Vec<usize> {
        let mut places = vec![0; self.servers.len()];
        for (number, cluster) in self.clusters.iter().enumerate() {
            for &member in &cluster.members {
                places[member] = number;
            }
        }
        places
    }

    /// The servers of a cluster that have routes to each other, unless these do not work.
    fn linked_members(&self, cluster: &Cluster) -> impl Iterator<Item = usize> + Clone {
        let members = cluster.members.iter().copied();
        members.filter(|&place| self.is_there(place))
    }

    fn is_there(&self, place: usize) -> bool {
        self.servers[place].state != ServerState::Stopped
    }
}

impl MockNats {
    /// The clusters, servers and links as they are now.
    ///
    /// ```
    /// let nats = nats_mock::MockNats::builder().name("n1").start_blocking()?;
    /// assert_eq!(nats.topology().to_string(), "1 server\n\n  ● n1  2.15.1\n");
    /// # Ok::<(), nats_mock::StartError>(())
    /// ```
    pub fn topology(&self) -> Picture {
        let current: Vec<_> = locked(&self.nodes).iter().map(|node| node.id).collect();
        self.hub.look(|deployment| Picture::of(deployment, current))
    }
}

impl Builder {
    /// The clusters, servers and links as they would be once started. No port is opened for it.
    ///
    /// ```
    /// let builder = nats_mock::MockNats::builder().cluster("east", 3);
    /// assert_eq!(builder.topology()?.links().count(), 3);
    /// # Ok::<(), nats_mock::StartError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a change is meant for a server that is not there.
    pub fn topology(&self) -> Result<Picture, StartError> {
        let (topology, configurations) = self.clone().into_topology()?;
        let deployment =
            Deployment::new(&topology, configurations, crate::core::Time::default(), 0);
        let current = deployment.core().servers().map(|(id, _)| id).collect();
        Ok(Picture::of(&deployment, current))
    }
}
