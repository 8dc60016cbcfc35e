//! The links between servers: whether two are connected, and what becomes of what one sends to the
//! other.

use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Core;
use super::ids;
use super::server::ServerId;
use super::time::Time;
use super::transit::Transit;

/// The links that are not as they should be. All others are up and take no time.
#[derive(Debug, Default)]
pub(super) struct Links {
    troubled: HashMap<(ServerId, ServerId), Link, FixedState>,
}

/// One link in trouble, as seen from the server that comes first.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// The connections are gone, and both servers know it.
    pub cut: bool,
    /// Nothing gets through from the first server to the second, and back.
    pub stuck: [bool; 2],
    /// What waits to get through, and its size.
    pub held: [Vec<Transit>; 2],
    pub held_bytes: [usize; 2],
    pub latency: Option<Latency>,
    /// When the latest message on its way arrives.
    pub latest_arrival: [Time; 2],
}

/// How long messages are on their way: a random time between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latency {
    pub least: Duration,
    pub most: Duration,
}

/// What becomes of a message from one server to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Now,
    Later(Duration),
    /// It gets there when the link works again.
    Held,
}

fn key(a: ServerId, b: ServerId) -> (ServerId, ServerId) {
    (a.min(b), a.max(b))
}

impl Links {
    fn get(&self, a: ServerId, b: ServerId) -> Option<&Link> {
        self.troubled.get(&key(a, b))
    }

    pub fn get_mut(&mut self, a: ServerId, b: ServerId) -> &mut Link {
        self.troubled.entry(key(a, b)).or_default()
    }

    pub fn direction(from: ServerId, to: ServerId) -> usize {
        usize::from(from > to)
    }

    /// Forgets a link that is as it should be again.
    pub fn tidy(&mut self, a: ServerId, b: ServerId) {
        let key = key(a, b);
        let is_well = |link: &Link| {
            !link.cut
                && link.stuck == [false; 2]
                && link.latency.is_none()
                && link.held.iter().all(Vec::is_empty)
        };
        if self.troubled.get(&key).is_some_and(is_well) {
            self.troubled.remove(&key);
        }
    }
}

impl Core {
    /// Whether any link is not as it should be.
    pub(super) fn has_link_faults(&self) -> bool {
        !self.links.troubled.is_empty()
    }

    /// Whether two servers are connected, as far as they know.
    pub(super) fn is_linked(&self, a: ServerId, b: ServerId) -> bool {
        !self.has_link_faults() || self.links.get(a, b).is_none_or(|link| !link.cut)
    }

    pub(super) fn passage(&mut self, from: ServerId, to: ServerId) -> Passage {
        if !self.has_link_faults() {
            return Passage::Now;
        }
        let Some(link) = self.links.get(from, to) else {
            return Passage::Now;
        };
        if link.stuck[Links::direction(from, to)] {
            return Passage::Held;
        }
        match link.latency {
            None => Passage::Now,
            Some(Latency { least, most }) => {
                let spread = most.saturating_sub(least).as_nanos() as u64;
                let extra = ids::below(spread + 1, &mut self.latencies);
                Passage::Later(least + Duration::from_nanos(extra))
            }
        }
    }
}
