//! The links between servers: whether two are connected, and what becomes of what one sends to the
//! other.

use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Core;
use super::ids;
use super::server::ServerId;
use super::time::Time;
use super::timers::{Timer, TimerKey};
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
    /// When the connections are given up.
    pub stale_timer: Option<TimerKey>,
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
                && link.stale_timer.is_none()
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

/// The same for gateways, which are pinged every quarter of a minute.
const STALE_GATEWAY_AFTER: Duration = Duration::from_secs(40);

/// How long a link may be stuck before its connections are given up: two pings, one each half minute,
/// stay without an answer.
const STALE_AFTER: Duration = Duration::from_secs(75);

impl Core {
    /// Ends the connections between two servers. There are none until the link is
    /// [mended](Self::heal_link).
    pub fn cut_link(&mut self, now: Time, a: ServerId, b: ServerId) {
        self.set_now(now);
        self.disconnect(a, b);
    }

    /// Lets nothing through from one server to another. What is sent meanwhile arrives when the link is
    /// mended, unless that takes so long that the connections are given up.
    pub fn block_link(&mut self, now: Time, from: ServerId, to: ServerId) {
        self.set_now(now);
        self.block(from, to);
    }

    pub(super) fn block(&mut self, from: ServerId, to: ServerId) {
        let apart = self.server(from).cluster != self.server(to).cluster;
        let stale = self.now
            + if apart {
                STALE_GATEWAY_AFTER
            } else {
                STALE_AFTER
            };
        let link = self.links.get_mut(from, to);
        link.stuck[Links::direction(from, to)] = true;
        if link.stale_timer.is_none() && !link.cut {
            link.stale_timer = Some(self.timers.set(stale, Timer::StaleLink(from, to)));
        }
    }

    /// The connections of a link have been stuck for too long.
    pub(super) fn link_is_stale(&mut self, a: ServerId, b: ServerId) {
        self.links.get_mut(a, b).stale_timer = None;
        self.disconnect(a, b);
    }

    /// Gives messages between two servers a time on their way.
    pub fn slow_link(&mut self, now: Time, a: ServerId, b: ServerId, latency: Latency) {
        self.set_now(now);
        self.links.get_mut(a, b).latency = Some(latency);
    }

    /// Mends a link: what was held back arrives, and if the connections are gone, there are new ones.
    pub fn heal_link(&mut self, now: Time, a: ServerId, b: ServerId) {
        self.set_now(now);
        self.links.get_mut(a, b).latency = None;
        if self.is_frozen(a) || self.is_frozen(b) {
            return;
        }
        self.unblock(a, b);
    }

    pub(super) fn unblock(&mut self, a: ServerId, b: ServerId) {
        let link = self.links.get_mut(a, b);
        link.stuck = [false; 2];
        link.held_bytes = [0; 2];
        let held = std::mem::take(&mut link.held);
        let was_cut = std::mem::take(&mut link.cut);
        let timer = link.stale_timer.take();
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        held.into_iter().flatten().for_each(|it| self.arrive(it));
        self.links.tidy(a, b);
        if was_cut {
            self.connections_made(a, b);
            self.retell_leafs(a);
            self.retell_leafs(b);
        }
    }

    fn disconnect(&mut self, a: ServerId, b: ServerId) {
        let link = self.links.get_mut(a, b);
        if std::mem::replace(&mut link.cut, true) {
            return;
        }
        link.held = Default::default();
        link.held_bytes = [0; 2];
        if let Some(timer) = link.stale_timer.take() {
            self.timers.cancel(timer);
        }
        self.connections_lost(a, b);
        self.retell_leafs(a);
        self.retell_leafs(b);
        self.part_leafs(a, b);
    }

    /// What waits for a link that is stuck.
    pub(super) fn hold(&mut self, transit: Transit) {
        let (from, to) = transit.way();
        let size = transit.size();
        let max = self.server(from).spec.limits.max_pending;
        let direction = Links::direction(from, to);
        let link = self.links.get_mut(from, to);
        link.held[direction].push(transit);
        link.held_bytes[direction] += size;
        if link.held_bytes[direction] as u64 > max {
            self.disconnect(from, to);
        }
    }
}

/// A link that is not as it should be, as seen from the server that comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TroubledLink {
    pub from: ServerId,
    pub to: ServerId,
    pub is_cut: bool,
    /// Nothing gets through from the first server to the second, and back.
    pub is_stuck: [bool; 2],
    pub latency: Option<Latency>,
}

impl Core {
    /// The links that are not as they should be, in no order.
    pub fn troubled_links(&self) -> impl Iterator<Item = TroubledLink> {
        let links = self.links.troubled.iter();
        links.map(|(&(from, to), link)| TroubledLink {
            from,
            to,
            is_cut: link.cut,
            is_stuck: link.stuck,
            latency: link.latency,
        })
    }
}
