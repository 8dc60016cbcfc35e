//! Pictures made by hand, for what takes many steps to bring about.

#[cfg(feature = "svg")]
mod svg;
mod text;

use std::time::Duration;

use super::{Cluster, LinkKind, LinkState, Picture, Server, ServerState};
use crate::Version;

const CUT: LinkState = LinkState {
    is_cut: true,
    is_stuck: [false; 2],
    latency: None,
};

fn stuck(there: bool, back: bool) -> LinkState {
    LinkState {
        is_stuck: [there, back],
        ..LinkState::default()
    }
}

fn slow(least: u64, most: u64) -> LinkState {
    let millis = Duration::from_millis;
    LinkState {
        latency: Some((millis(least), millis(most))),
        ..LinkState::default()
    }
}

impl Picture {
    /// Adds a cluster of servers named after it, or a single server without a cluster.
    fn with(mut self, name: &str, servers: usize) -> Self {
        let first = self.servers.len();
        for number in 1..=servers {
            let name = if servers == 1 {
                name.to_owned()
            } else {
                format!("{name}-{number}")
            };
            self.servers.push(Server {
                id: format!("N{}", self.servers.len()),
                name,
                version: Version::default(),
                state: ServerState::Running,
                clients: 0,
                clock_ahead: 0,
            });
        }
        self.clusters.push(Cluster {
            name: (servers > 1).then(|| name.to_owned()),
            members: (first..self.servers.len()).collect(),
        });
        self
    }

    fn place(&self, name: &str) -> usize {
        self.servers
            .iter()
            .position(|server| server.name == name)
            .unwrap()
    }

    fn change(mut self, name: &str, change: impl FnOnce(&mut Server)) -> Self {
        let place = self.place(name);
        change(&mut self.servers[place]);
        self
    }

    fn trouble(mut self, from: &str, to: &str, state: LinkState) -> Self {
        let (from, to) = (self.place(from), self.place(to));
        let state = if from < to { state } else { state.turned() };
        self.troubled.insert((from.min(to), from.max(to)), state);
        self
    }

    fn leaf(mut self, leaf: &str, hub: &str, account: &str) -> Self {
        let account = account.to_owned();
        let link = (
            LinkKind::LeafNode { account },
            self.place(leaf),
            self.place(hub),
        );
        self.links.push(link);
        self
    }

    /// Joins all clusters that have a name by gateways, each server to one of every other cluster.
    fn gateways(mut self) -> Self {
        let clusters: Vec<_> = self
            .clusters
            .iter()
            .filter(|it| it.name.is_some())
            .collect();
        let mut links = Vec::new();
        for (one, other) in clusters
            .iter()
            .flat_map(|&one| clusters.iter().map(move |it| (one, it)))
        {
            if one.name != other.name {
                for (number, &from) in one.members.iter().enumerate() {
                    let to = other.members[number % other.members.len()];
                    links.push((LinkKind::Gateway, from, to));
                }
            }
        }
        self.links.extend(links);
        self
    }
}

/// Two clusters with a leaf node each, a chain of leaf nodes, and one of every trouble.
fn everything() -> Picture {
    Picture::default()
        .with("east", 3)
        .with("west", 2)
        .with("shop", 1)
        .with("till", 1)
        .gateways()
        .leaf("shop", "east-1", "SHOP")
        .leaf("till", "shop", "TILL")
        .change("east-1", |server| server.clients = 1)
        .change("east-2", |server| server.state = ServerState::LameDuck)
        .change("east-3", |server| {
            server.state = ServerState::Frozen;
            server.clients = 120;
        })
        .change("west-2", |server| server.version = Version::V2_10)
        .trouble("east-2", "east-1", stuck(true, false))
        .trouble("east-3", "east-1", stuck(true, true))
        .trouble("east-3", "east-2", stuck(true, true))
        .trouble("east-2", "west-2", CUT)
        .trouble("shop", "east-1", slow(10, 20))
        .trouble("shop", "west-1", CUT)
}

fn alone(servers: usize) -> Picture {
    let mut picture = Picture::default();
    for number in 1..=servers {
        picture = picture.with(&format!("n{number}"), 1);
    }
    picture
}

#[test]
fn a_link_is_seen_from_the_server_named_first() {
    let picture = everything();
    let route = picture.link("east-2", "east-1").unwrap();
    assert_eq!(
        (route.kind, route.state),
        (LinkKind::Route, stuck(true, false))
    );
    assert_eq!(
        picture.link("east-1", "east-2").unwrap().state,
        stuck(false, true)
    );
    let leaf = picture.link("east-1", "shop").unwrap();
    assert_eq!((&*leaf.from.name, &*leaf.to.name), ("shop", "east-1"));
    assert_eq!(picture.link("shop", "west-1"), None);
    assert_eq!(picture.link("east-1", "east-1"), None);
    assert_eq!(picture.links().count(), 3 + 1 + 5 + 2);
}

#[test]
fn a_server_that_has_stopped_has_no_links() {
    let picture = everything().change("east-1", |server| server.state = ServerState::Stopped);
    assert_eq!(picture.link("east-1", "east-2"), None);
    assert_eq!(picture.link("shop", "east-1"), None);
    assert!(
        picture
            .links()
            .all(|link| link.from.name != "east-1" && link.to.name != "east-1")
    );
}
