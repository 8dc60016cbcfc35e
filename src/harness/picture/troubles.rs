//! Links in trouble, summed up: a server that many others cannot reach is one line, not many.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use super::blocks::{count, names};
use super::{LinkState, Picture};

/// Lines for the links of one kind; what is beyond is counted.
const LINES: usize = 8;

/// Links between some servers and some others that are all in the same trouble, as seen from the first.
#[derive(Debug, PartialEq, Eq)]
struct Bundle {
    ones: Vec<usize>,
    others: Vec<usize>,
    state: LinkState,
}

impl Picture {
    /// A line for each kind of trouble that servers have with others.
    pub(super) fn trouble_lines(
        &self,
        links: impl Iterator<Item = (usize, usize, LinkState)>,
    ) -> Vec<String> {
        let mut left: Vec<_> = links
            .map(|(from, to, state)| match from < to {
                true => (from, to, state),
                false => (to, from, state.turned()),
            })
            .collect();
        // Two clusters may have gateways between the same servers in both directions.
        left.sort_unstable();
        left.dedup();
        let bundles = bundles(&mut left);
        let shown = |servers: &[usize]| names(servers.iter().map(|&it| self.shown_name(it)));
        let lines = bundles.into_iter().map(|bundle| {
            let (ones, others) = (shown(&bundle.ones), shown(&bundle.others));
            format!("{ones} {} {others}  {}", bundle.state.mark(), bundle.state)
        });
        let more = (!left.is_empty()).then(|| format!("and {} more", count(left.len(), "link")));
        lines.chain(more).collect()
    }
}

/// Takes bundles from links, always the largest, until none or enough are found.
fn bundles(left: &mut Vec<(usize, usize, LinkState)>) -> Vec<Bundle> {
    let mut bundles = Vec::new();
    while bundles.len() < LINES && !left.is_empty() {
        let Some(largest) = largest(left) else {
            break;
        };
        let is_one = |place: &usize| largest.ones.binary_search(place).is_ok();
        let is_other = |place: &usize| largest.others.binary_search(place).is_ok();
        left.retain(|(from, to, state)| {
            let there = is_one(from) && is_other(to) && *state == largest.state;
            let back = is_one(to) && is_other(from) && state.turned() == largest.state;
            !there && !back
        });
        bundles.push(largest);
    }
    bundles
}

/// The servers that are in the same trouble with the same others, the most links together.
fn largest(links: &[(usize, usize, LinkState)]) -> Option<Bundle> {
    let mut others: BTreeMap<(usize, LinkState), Vec<usize>> = BTreeMap::new();
    for (from, to, state) in links {
        others.entry((*from, state.clone())).or_default().push(*to);
        others.entry((*to, state.turned())).or_default().push(*from);
    }
    let mut alike: BTreeMap<(Vec<usize>, LinkState), Vec<usize>> = BTreeMap::new();
    for ((one, state), mut others) in others {
        others.sort_unstable();
        alike.entry((others, state)).or_default().push(one);
    }
    let bundles = alike.into_iter().map(|((others, state), ones)| Bundle {
        ones,
        others,
        state,
    });
    // Of two sides it is the few that have lost the many.
    bundles.min_by_key(|it| {
        let links = it.ones.len() * it.others.len();
        (Reverse(links), it.ones.len(), it.ones.clone())
    })
}

impl LinkState {
    /// The link as a line between two names.
    pub(super) fn mark(&self) -> &'static str {
        match (self.is_cut, self.is_stuck) {
            (true, _) => "─╳─",
            (_, [true, true]) => "◀╳▶",
            (_, [true, false]) => "─╳▶",
            (_, [false, true]) => "◀╳─",
            _ if self.latency.is_some() => "─~─",
            _ => "───",
        }
    }
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let broken = match (self.is_cut, self.is_stuck) {
            (true, _) => Some("cut"),
            (_, [true, true]) => Some("stuck both ways"),
            (_, [true, false] | [false, true]) => Some("stuck one way"),
            _ => None,
        };
        if let Some(broken) = broken {
            f.write_str(broken)?;
            separator = ", ";
        }
        match self.latency {
            Some((least, most)) if least == most => write!(f, "{separator}slow: {least:?}"),
            Some((least, most)) => {
                write!(f, "{separator}slow: {least:?} to {most:?}")
            }
            None if broken.is_none() => f.write_str("up"),
            None => Ok(()),
        }
    }
}
