//! How much of a picture is shown, in text and as a graphic: clusters as blocks of rows, where servers
//! that are alike share a row if there are many.

use super::{Cluster, LinkState, Picture, Server, ServerState};

/// Servers of a cluster that have a row each.
const ROWS: usize = 16;

/// Servers that are alike and nevertheless have a row each.
const ALIKE: usize = 3;

/// Blocks; what is beyond shares one more.
const BLOCKS: usize = 24;

/// What is shown of some servers.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub title: String,
    pub rows: Vec<Row>,
    /// How many routes there should be.
    pub routes: usize,
    /// The routes that are not as they should be.
    pub troubled: Vec<(usize, usize)>,
}

/// One server, or several that are alike.
#[derive(Debug)]
pub(super) struct Row {
    pub label: String,
    pub version: String,
    pub state: ServerState,
    pub clients: usize,
    /// The place of the server, if it is one.
    #[cfg_attr(
        not(feature = "svg"),
        expect(dead_code, reason = "only a graphic has its lines begin at servers")
    )]
    pub server: Option<usize>,
}

/// A picture as it is shown.
#[derive(Debug)]
pub(super) struct Blocks {
    pub blocks: Vec<Block>,
    /// The block of each server.
    pub block_of: Vec<usize>,
}

/// How servers are shown that are in no cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Singles {
    /// In a block for all.
    Together,
    /// In a block each, unless there are many.
    #[cfg(feature = "svg")]
    Apart,
}

impl Singles {
    fn are_apart(self) -> bool {
        match self {
            Singles::Together => false,
            #[cfg(feature = "svg")]
            Singles::Apart => true,
        }
    }
}

/// A name without what a terminal, or a parser of XML, would take for something else.
pub(super) fn plain(name: &str) -> String {
    let strange = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    name.replace(strange, "\u{fffd}")
}

/// Several names, those that are too many only counted.
pub(super) fn names(mut names: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 6;
    let count = names.len();
    if count <= SHOWN {
        return names.collect::<Vec<_>>().join(", ");
    }
    let shown: Vec<_> = names.by_ref().take(SHOWN / 2).collect();
    format!("{} and {} others", shown.join(", "), count - shown.len())
}

/// A number of things.
pub(super) fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

impl Server {
    /// The name as it is shown: an id is long, and its beginning tells.
    pub(super) fn shown_name(&self) -> String {
        if self.name == self.id && self.id.len() > 12 {
            return format!("{}…", self.id.chars().take(11).collect::<String>());
        }
        plain(&self.name)
    }
}

impl Picture {
    pub(super) fn shown_name(&self, place: usize) -> String {
        self.servers[place].shown_name()
    }

    pub(super) fn blocks(&self, singles: Singles) -> Blocks {
        let mut parts: Vec<(String, Vec<usize>)> = Vec::new();
        let (named, single): (Vec<&Cluster>, Vec<_>) = self
            .clusters
            .iter()
            .partition(|cluster| cluster.name.is_some());
        let shown = named.len().min(BLOCKS);
        for cluster in &named[..shown] {
            let name = cluster.name.as_deref().unwrap_or_default();
            parts.push((plain(name), cluster.members.clone()));
        }
        let mut merge = |title: String, clusters: &[&Cluster]| {
            let members = clusters
                .iter()
                .flat_map(|cluster| cluster.members.iter().copied());
            parts.push((title, members.collect()));
        };
        if shown < named.len() {
            let title = format!("{} more clusters", named.len() - shown);
            merge(title, &named[shown..]);
        }
        if singles.are_apart() && single.len() <= ROWS {
            parts.extend(single.iter().map(|it| (String::new(), it.members.clone())));
        } else if !single.is_empty() {
            let title = if named.is_empty() {
                ""
            } else {
                "without a cluster"
            };
            merge(title.to_owned(), &single);
        }
        let mut blocks = Blocks {
            blocks: Vec::with_capacity(parts.len()),
            block_of: vec![0; self.servers.len()],
        };
        for (title, members) in parts {
            for &member in &members {
                blocks.block_of[member] = blocks.blocks.len();
            }
            blocks.blocks.push(Block {
                title,
                rows: self.rows(&members),
                ..Block::default()
            });
        }
        for cluster in &self.clusters {
            if let Some(first) = cluster.members.first() {
                let there = self.linked_members(cluster).count();
                let block = &mut blocks.blocks[blocks.block_of[*first]];
                block.routes += there * there.saturating_sub(1) / 2;
            }
        }
        for (from, to) in self.troubled_routes() {
            blocks.blocks[blocks.block_of[from]]
                .troubled
                .push((from, to));
        }
        blocks
    }

    fn troubled_routes(&self) -> impl Iterator<Item = (usize, usize)> {
        let cluster_of = self.cluster_places();
        let pairs = self.troubled.keys().copied();
        pairs.filter(move |&(from, to)| {
            cluster_of[from] == cluster_of[to] && self.is_there(from) && self.is_there(to)
        })
    }

    /// The states of the links that are not as they should be.
    pub(super) fn states<'a>(
        &'a self,
        pairs: impl IntoIterator<Item = (usize, usize)> + 'a,
    ) -> impl Iterator<Item = (usize, usize, LinkState)> + 'a {
        let all = pairs.into_iter();
        all.map(|(from, to)| (from, to, self.state_between(from, to)))
            .filter(|(_, _, state)| !state.is_well())
    }

    fn rows(&self, members: &[usize]) -> Vec<Row> {
        let alone = |&place: &usize| {
            let server = &self.servers[place];
            Row {
                label: server.shown_name(),
                version: server.version.to_string(),
                state: server.state,
                clients: server.clients,
                server: Some(place),
            }
        };
        if members.len() <= ROWS {
            return members.iter().map(alone).collect();
        }
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let key = |place: usize| (self.servers[place].state, self.servers[place].version);
        for &member in members {
            // There are no more groups than states times versions.
            match groups.iter_mut().find(|group| key(group[0]) == key(member)) {
                Some(group) => group.push(member),
                None => groups.push(vec![member]),
            }
        }
        let mut rows = Vec::new();
        for group in groups {
            match group.as_slice() {
                [first, .., last] if group.len() > ALIKE => rows.push(Row {
                    label: format!(
                        "{}, {} to {}",
                        count(group.len(), "server"),
                        self.shown_name(*first),
                        self.shown_name(*last)
                    ),
                    clients: group.iter().map(|&place| self.servers[place].clients).sum(),
                    server: None,
                    ..alone(first)
                }),
                few => rows.extend(few.iter().map(alone)),
            }
        }
        rows
    }
}
