//! A picture as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::blocks::{Block, Row, Singles, count, names, plain};
use super::{LinkKind, Picture, ServerState};

/// Lines for the links of one kind that are as they should be.
const LINES: usize = 16;

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks = self.blocks(Singles::Together);
        writeln!(f, "{}", self.summary())?;
        let widths = Widths::of(blocks.blocks.iter().flat_map(|block| &block.rows));
        for block in &blocks.blocks {
            writeln!(f)?;
            if !block.title.is_empty() {
                writeln!(f, "{}", block.title)?;
            }
            for row in &block.rows {
                writeln!(f, "  {} {}", row.state.mark(), widths.text(row))?;
            }
            for line in self.route_lines(block) {
                let indent = if line.is_trouble { "    " } else { "  " };
                writeln!(f, "{indent}{}", line.text)?;
            }
        }
        self.write_gateways(f)?;
        self.write_leaf_nodes(f)?;
        self.write_clocks(f)?;
        self.write_armed(f)
    }
}

impl Picture {
    /// The whole deployment in a line.
    pub(super) fn summary(&self) -> String {
        let mut line = count(self.servers.len(), "server");
        let clusters = self.clusters.iter().filter(|it| it.name.is_some()).count();
        if clusters > 1 {
            line += &format!(" in {clusters} clusters");
        }
        for state in [
            ServerState::LameDuck,
            ServerState::Frozen,
            ServerState::Stopped,
        ] {
            match self.servers.iter().filter(|it| it.state == state).count() {
                0 => {}
                number => line += &format!(", {number} {state}"),
            }
        }
        let clients = self.servers.iter().map(|server| server.clients).sum();
        if clients > 0 {
            line += &format!("; {}", count(clients, "client"));
        }
        let blocks = self.blocks(Singles::Together);
        let routes: usize = blocks.blocks.iter().map(|it| it.troubled.len()).sum();
        let others = self.other_links().map(|(_, from, to)| (from, to));
        let troubled = routes + self.states(others).count();
        if troubled > 0 {
            line += &format!("; {} in trouble", count(troubled, "link"));
        }
        line
    }

    /// What is said of the routes of a block.
    pub(super) fn route_lines(&self, block: &Block) -> Vec<RouteLine> {
        if block.routes == 0 {
            return Vec::new();
        }
        let troubled = block.troubled.len();
        let text = match block.routes - troubled {
            1 if troubled == 0 => "routes: 1 up".to_owned(),
            all if troubled == 0 => format!("routes: all {all} up"),
            well => format!("routes: {well} of {} well", block.routes),
        };
        let states = self.states(block.troubled.iter().copied());
        let troubles = self.trouble_lines(states).into_iter();
        let troubles = troubles.map(|text| RouteLine {
            text,
            is_trouble: true,
        });
        let first = RouteLine {
            text,
            is_trouble: false,
        };
        std::iter::once(first).chain(troubles).collect()
    }

    fn write_troubles(
        &self,
        f: &mut fmt::Formatter<'_>,
        links: impl Iterator<Item = (usize, usize)>,
    ) -> fmt::Result {
        let lines = self.trouble_lines(self.states(links));
        lines.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }

    fn write_gateways(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gateways = || {
            let links = self.other_links();
            links.filter(|(kind, ..)| **kind == LinkKind::Gateway)
        };
        let all = self.joined_clusters(gateways().map(|(_, from, to)| (from, to)));
        if all.is_empty() {
            return Ok(());
        }
        writeln!(f, "\ngateways")?;
        let working = gateways().filter(|(_, from, to)| !self.state_between(*from, *to).is_cut);
        let joined = self.joined_clusters(working.map(|(_, from, to)| (from, to)));
        let ends: BTreeSet<usize> = all.iter().flat_map(|&(a, b)| [a, b]).collect();
        let name = |cluster: &usize| self.cluster_title(*cluster);
        let is_full = joined.len() == ends.len() * (ends.len() - 1) / 2;
        if is_full && ends.len() > 2 {
            let all = ends.iter().map(name).collect::<Vec<_>>();
            writeln!(f, "  each with each: {}", names(all.into_iter()))?;
        } else {
            for (one, other) in all.iter().take(LINES) {
                let is_joined = joined.contains(&(*one, *other));
                let mark = if is_joined { "═══" } else { "═╳═" };
                writeln!(f, "  {} {mark} {}", name(one), name(other))?;
            }
            write_more(f, all.len(), "pair")?;
        }
        self.write_troubles(f, gateways().map(|(_, from, to)| (from, to)))
    }

    /// The pairs of clusters between which there are links.
    fn joined_clusters(
        &self,
        links: impl Iterator<Item = (usize, usize)>,
    ) -> BTreeSet<(usize, usize)> {
        let cluster_of = self.cluster_places();
        let pairs = links.map(|(from, to)| (cluster_of[from], cluster_of[to]));
        pairs.map(|(a, b)| (a.min(b), a.max(b))).collect()
    }

    fn cluster_title(&self, cluster: usize) -> String {
        let cluster = &self.clusters[cluster];
        match (&cluster.name, cluster.members.first()) {
            (Some(name), _) => plain(name),
            (None, Some(&member)) => self.shown_name(member),
            (None, None) => String::new(),
        }
    }

    fn write_leaf_nodes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hubs: BTreeMap<(usize, &str), Vec<usize>> = BTreeMap::new();
        let mut links = Vec::new();
        for (kind, from, to) in self.other_links() {
            if let LinkKind::LeafNode { account } = kind {
                hubs.entry((to, account)).or_default().push(from);
                links.push((from, to, account.as_str()));
            }
        }
        if links.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nleaf nodes")?;
        if links.len() <= LINES {
            let widest = |end: fn(&(usize, usize, &str)) -> usize| {
                let names = links.iter().map(|link| self.shown_name(end(link)));
                names.map(|name| width(&name)).max().unwrap_or_default()
            };
            let (leafs, hubs) = (widest(|it| it.0), widest(|it| it.1));
            for (from, to, account) in &links {
                let (from, to) = (self.shown_name(*from), self.shown_name(*to));
                let account = plain(account);
                writeln!(f, "  {from:leafs$} ──▶ {to:hubs$}  account {account}")?;
            }
        } else {
            for ((to, account), leafs) in hubs.iter().take(LINES) {
                let leafs = names(leafs.iter().map(|&leaf| self.shown_name(leaf)));
                let (to, account) = (self.shown_name(*to), plain(account));
                writeln!(f, "  {leafs} ──▶ {to}  account {account}")?;
            }
            write_more(f, hubs.len(), "hub")?;
        }
        self.write_troubles(f, links.iter().map(|&(from, to, _)| (from, to)))
    }
}

impl Picture {
    fn write_clocks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = || {
            (0..)
                .zip(&self.servers)
                .filter(|(_, it)| it.clock_ahead != 0)
        };
        if wrong().next().is_some() {
            writeln!(f, "\nclocks")?;
        }
        for (place, server) in wrong().take(LINES) {
            let by = Duration::from_nanos(server.clock_ahead.unsigned_abs());
            let side = if server.clock_ahead > 0 {
                "ahead"
            } else {
                "behind"
            };
            writeln!(f, "  {}  {by:?} {side}", self.shown_name(place))?;
        }
        write_more(f, wrong().count(), "server")
    }

    fn write_armed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.armed.is_empty() {
            writeln!(f, "\narmed")?;
        }
        for armed in self.armed.iter().take(LINES) {
            let hits = match armed.hits {
                0 => "not hit".to_owned(),
                1 => "hit once".to_owned(),
                hits => format!("hit {hits} times"),
            };
            writeln!(f, "  {}  {hits}", plain(&armed.what))?;
        }
        write_more(f, self.armed.len(), "thing")
    }
}

fn write_more(f: &mut fmt::Formatter<'_>, number: usize, thing: &str) -> fmt::Result {
    match number.saturating_sub(LINES) {
        0 => Ok(()),
        more => writeln!(f, "  and {} more", count(more, thing)),
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A line about routes.
pub(super) struct RouteLine {
    pub text: String,
    pub is_trouble: bool,
}

/// How wide the columns are.
pub(super) struct Widths {
    label: usize,
    version: usize,
    state: usize,
    clients: usize,
}

impl Widths {
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut widths = Self {
            label: 0,
            version: 0,
            state: 0,
            clients: 0,
        };
        for row in rows {
            widths.label = widths.label.max(width(&row.label));
            widths.version = widths.version.max(width(&row.version));
            widths.state = widths.state.max(width(&row.shown_state()));
            widths.clients = widths.clients.max(width(&row.clients.to_string()));
        }
        widths
    }

    /// A row without its mark.
    pub fn text(&self, row: &Row) -> String {
        let mut line = format!(
            "{:label$}  {:version$}",
            row.label,
            row.version,
            label = self.label,
            version = self.version,
        );
        if self.state > 0 {
            line += &format!("  {:state$}", row.shown_state(), state = self.state);
        }
        if row.clients > 0 {
            let pad = self.clients - width(&row.clients.to_string());
            line += &format!("  {:pad$}{}", "", count(row.clients, "client"));
        }
        line.truncate(line.trim_end().len());
        line
    }
}

impl Row {
    /// Only what is out of the ordinary is said.
    fn shown_state(&self) -> String {
        match self.state {
            ServerState::Running => String::new(),
            other => other.to_string(),
        }
    }
}

impl ServerState {
    fn mark(self) -> char {
        match self {
            ServerState::Running => '●',
            ServerState::LameDuck => '◐',
            ServerState::Frozen => '◌',
            ServerState::Stopped => '○',
        }
    }
}
