//! What is drawn between blocks: all links between the same two as one line.

use std::collections::{BTreeMap, BTreeSet};

use super::super::blocks::{Blocks, count, plain};
use super::super::{LinkKind, Picture};

/// Lines, so that the drawing can be made and read; what is beyond is counted.
const LINES: usize = 40;

/// Clusters that are all joined by gateways and nevertheless drawn with a line for each pair.
const FEW: usize = 3;

/// Lines between blocks.
#[derive(Debug, Default)]
pub(super) struct Joints {
    pub lines: Vec<Joint>,
    /// There is one more block, which stands for the gateways between all clusters.
    pub has_hub: bool,
    /// How many lines there are not.
    pub left_out: usize,
}

/// A line between two blocks.
#[derive(Debug)]
pub(super) struct Joint {
    /// The two blocks; a hub comes before its leaf nodes.
    pub ends: (usize, usize),
    pub class: &'static str,
    pub label: String,
    /// What is wrong, in lines.
    pub troubles: Vec<String>,
}

/// The links of one kind between two blocks.
#[derive(Debug, Default)]
struct Bundle<'a> {
    links: Vec<(usize, usize)>,
    accounts: BTreeSet<&'a str>,
}

impl Bundle<'_> {
    fn joint(&self, picture: &Picture, ends: (usize, usize)) -> Joint {
        let states: Vec<_> = picture.states(self.links.iter().copied()).collect();
        let mut label = match self.accounts.first() {
            None => "gateways".to_owned(),
            Some(account) if self.accounts.len() == 1 && self.links.len() == 1 => {
                format!("account {}", plain(account))
            }
            Some(_) => count(self.links.len(), "leaf node"),
        };
        match (states.as_slice(), self.links.len()) {
            ([], _) => {}
            ([(.., state)], 1) => label += &format!(": {state}"),
            (troubled, all) => label += &format!(": {} of {all} in trouble", troubled.len()),
        }
        let class = match (self.accounts.is_empty(), states.is_empty()) {
            (true, true) => "gateway",
            (true, false) => "gateway trouble",
            (false, true) => "leaf",
            (false, false) => "leaf trouble",
        };
        Joint {
            ends,
            class,
            label,
            troubles: picture.trouble_lines(states.into_iter()),
        }
    }
}

impl Picture {
    /// The lines between blocks.
    pub(super) fn joints(&self, blocks: &Blocks) -> Joints {
        let mut gateways: BTreeMap<(usize, usize), Bundle<'_>> = BTreeMap::new();
        let mut leafs: BTreeMap<(usize, usize), Bundle<'_>> = BTreeMap::new();
        for (kind, from, to) in self.other_links() {
            let (one, other) = (blocks.block_of[from], blocks.block_of[to]);
            if one == other {
                continue;
            }
            let bundle = match kind {
                LinkKind::LeafNode { account } => {
                    // Two blocks that are leaf nodes of each other still have one line.
                    let known = leafs.contains_key(&(one, other));
                    let ends = if known { (one, other) } else { (other, one) };
                    let bundle = leafs.entry(ends).or_default();
                    bundle.accounts.insert(account);
                    bundle
                }
                _ => gateways
                    .entry((one.min(other), one.max(other)))
                    .or_default(),
            };
            bundle.links.push((from, to));
        }
        let mut joints = Joints::default();
        let all = |bundles: BTreeMap<(usize, usize), Bundle<'_>>| -> Vec<Joint> {
            let bundles = bundles.into_iter();
            bundles
                .map(|(ends, bundle)| bundle.joint(self, ends))
                .collect()
        };
        joints.lines = all(leafs);
        let mut gateways = all(gateways);
        let ends = gateways
            .iter()
            .flat_map(|joint| [joint.ends.0, joint.ends.1]);
        let ends: BTreeSet<usize> = ends.collect();
        if ends.len() > FEW && gateways.len() == ends.len() * (ends.len() - 1) / 2 {
            joints.has_hub = true;
            let hub = blocks.blocks.len();
            gateways.retain(|joint| !joint.troubles.is_empty());
            joints.lines.extend(ends.into_iter().map(|end| Joint {
                ends: (hub, end),
                class: "gateway",
                label: String::new(),
                troubles: Vec::new(),
            }));
        }
        // The layout draws one line between two blocks, and a leaf node says more than a gateway.
        let drawn = joints.lines.iter().map(|joint| joint.ends);
        let drawn: BTreeSet<_> = drawn.map(|(a, b)| (a.min(b), a.max(b))).collect();
        gateways.retain(|joint| !drawn.contains(&joint.ends));
        joints.lines.extend(gateways);
        joints.left_out = joints.lines.len().saturating_sub(LINES);
        joints.lines.truncate(LINES);
        joints
    }
}
