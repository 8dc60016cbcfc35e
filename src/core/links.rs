//! The links between servers: whether two are connected, and what becomes of what one sends to the
//! other.

use std::collections::VecDeque;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Core;
use super::ids;
use super::notice::{LinkChange, Notice};
use super::server::ServerId;
use super::time::Time;
use super::timers::{Timer, TimerKey};
use super::transit::Transit;

/// The links that are not as they should be. All others are up and take no time.
#[derive(Debug, Default)]
pub(super) struct Links {
    troubled: HashMap<(ServerId, ServerId), Link, FixedState>,
    /// How often one may have changed.
    changes: u64,
}

/// One link in trouble, as seen from the server that comes first.
#[derive(Debug, Default)]
struct Link {
    faults: Faults,
    /// One of the servers stands still.
    still: bool,
    /// The connections are gone, and both servers know it.
    cut: bool,
    /// What is on its way there, and back.
    ways: [Way; 2],
    /// When the connections are given up.
    stale_timer: Option<TimerKey>,
    /// When it is cut next, or well again.
    flap_timer: Option<TimerKey>,
}

/// What is wrong with a link until it is mended, whatever becomes of its servers.
#[derive(Clone, Debug, Default)]
struct Faults {
    /// There can be no connections.
    severed: bool,
    /// Nothing gets through from the first server to the second, and back.
    stuck: [bool; 2],
    latency: Option<Latency>,
    flapping: Option<Flapping>,
}

/// How long a link is cut, and how long it is well, again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flapping {
    pub down: Duration,
    pub up: Duration,
}

/// Messages from one server to another, in order, each with the time at which it may arrive.
#[derive(Debug, Default)]
struct Way {
    messages: VecDeque<(Time, Transit)>,
    bytes: usize,
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
    /// It does not arrive before this time.
    Later(Time),
}

/// How long a link may be stuck before its connections are given up: two pings, one each half minute,
/// stay without an answer.
const STALE_AFTER: Duration = Duration::from_secs(75);

/// The same for gateways, which are pinged every quarter of a minute.
const STALE_GATEWAY_AFTER: Duration = Duration::from_secs(40);

fn key(a: ServerId, b: ServerId) -> (ServerId, ServerId) {
    (a.min(b), a.max(b))
}

fn direction(from: ServerId, to: ServerId) -> usize {
    usize::from(from > to)
}

impl Faults {
    fn allow_connections(&self) -> bool {
        !self.severed && self.stuck == [false; 2]
    }
}

impl Link {
    fn is_stuck(&self, direction: usize) -> bool {
        self.still || self.faults.stuck[direction]
    }

    fn can_connect(&self) -> bool {
        !self.still && self.faults.allow_connections()
    }

    fn is_well(&self) -> bool {
        self.can_connect()
            && !self.cut
            && self.faults.latency.is_none()
            && self.faults.flapping.is_none()
            && self.ways.iter().all(|way| way.messages.is_empty())
    }

    fn drop_messages(&mut self) {
        self.ways = Default::default();
    }
}

impl Links {
    fn get(&self, a: ServerId, b: ServerId) -> Option<&Link> {
        self.troubled.get(&key(a, b))
    }

    /// How often a link may have changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    fn get_mut(&mut self, a: ServerId, b: ServerId) -> &mut Link {
        self.changes += 1;
        self.troubled.entry(key(a, b)).or_default()
    }

    /// Those with a server at one end, by the other end.
    fn of(&self, server: ServerId) -> Vec<ServerId> {
        let keys = self.troubled.keys();
        let mut others: Vec<_> = keys
            .filter_map(|&(a, b)| match server {
                _ if server == a => Some(b),
                _ if server == b => Some(a),
                _ => None,
            })
            .collect();
        others.sort_unstable();
        others
    }

    /// Forgets a link that is as it should be again.
    fn tidy(&mut self, a: ServerId, b: ServerId) {
        if self.get(a, b).is_some_and(Link::is_well) {
            self.troubled.remove(&key(a, b));
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

    /// Whether two servers that look for each other find each other.
    pub(super) fn can_connect(&self, a: ServerId, b: ServerId) -> bool {
        self.links.get(a, b).is_none_or(Link::can_connect)
    }

    pub(super) fn passage(&mut self, from: ServerId, to: ServerId) -> Passage {
        if !self.has_link_faults() {
            return Passage::Now;
        }
        let Some(link) = self.links.get(from, to) else {
            return Passage::Now;
        };
        let direction = direction(from, to);
        let before = link.ways[direction].messages.back().map(|(at, _)| *at);
        let takes = link.faults.latency.map(|Latency { least, most }| {
            let spread = most.saturating_sub(least).as_nanos() as u64;
            least + Duration::from_nanos(ids::below(spread + 1, &mut self.latencies))
        });
        if before.is_none() && takes.is_none() && !link.is_stuck(direction) {
            return Passage::Now;
        }
        let at = self.now + takes.unwrap_or_default();
        // What is on a link stays in order.
        Passage::Later(before.map_or(at, |before| before.max(at)))
    }

    /// Puts a message on its way.
    pub(super) fn send_later(&mut self, transit: Transit, at: Time) {
        let (from, to) = transit.way();
        let size = transit.size();
        let max = self.server(from).spec.limits.max_pending;
        let link = self.links.get_mut(from, to);
        let way = &mut link.ways[direction(from, to)];
        way.messages.push_back((at, transit));
        way.bytes += size;
        if way.bytes as u64 > max {
            self.disconnect(from, to);
            self.connect_if_possible(from, to);
        } else if !link.is_stuck(direction(from, to)) {
            self.timers.set(at, Timer::Arrival(from, to));
        }
    }

    /// The next message between two servers may have arrived.
    pub(super) fn arrivals_due(&mut self, from: ServerId, to: ServerId) {
        let direction = direction(from, to);
        while let Some(link) = self.links.troubled.get_mut(&key(from, to)) {
            if link.is_stuck(direction) {
                return;
            }
            let way = &mut link.ways[direction];
            let next = way.messages.pop_front_if(|(at, _)| *at <= self.now);
            let Some((_, transit)) = next else { break };
            way.bytes -= transit.size();
            self.arrive(transit);
        }
        self.links.tidy(from, to);
    }
}

impl Core {
    fn note_link(&mut self, from: ServerId, to: ServerId, change: LinkChange) {
        self.notices.push_back(Notice::Link { from, to, change });
    }

    /// Ends the connections between two servers. There are none until the link is
    /// [mended](Self::heal_link).
    pub fn cut_link(&mut self, now: Time, a: ServerId, b: ServerId) {
        self.set_now(now);
        self.note_link(a, b, LinkChange::Cut);
        self.links.get_mut(a, b).faults.severed = true;
        self.disconnect(a, b);
    }

    /// Lets nothing through from one server to another. What is sent meanwhile arrives when the link is
    /// mended, unless that takes so long that the connections are given up.
    pub fn block_link(&mut self, now: Time, from: ServerId, to: ServerId) {
        self.set_now(now);
        self.note_link(from, to, LinkChange::Blocked);
        self.links.get_mut(from, to).faults.stuck[direction(from, to)] = true;
        self.expect_staleness(from, to);
    }

    fn expect_staleness(&mut self, a: ServerId, b: ServerId) {
        let apart = self.server(a).cluster != self.server(b).cluster;
        let stale = self.now
            + if apart {
                STALE_GATEWAY_AFTER
            } else {
                STALE_AFTER
            };
        let link = self.links.get_mut(a, b);
        if link.stale_timer.is_none() && !link.cut {
            link.stale_timer = Some(self.timers.set(stale, Timer::StaleLink(a, b)));
        }
    }

    /// The connections of a link have been stuck for too long.
    pub(super) fn link_is_stale(&mut self, a: ServerId, b: ServerId) {
        self.links.get_mut(a, b).stale_timer = None;
        self.note_link(a, b, LinkChange::GivenUp);
        self.count_stale_connections(a, b);
        self.disconnect(a, b);
    }

    fn count_stale_connections(&mut self, a: ServerId, b: ServerId) {
        let routes = if self.share_cluster(a, b) {
            self.routes_per_peer(a) as u64
        } else {
            0
        };
        let leads = |core: &Self, from: ServerId, to: ServerId| {
            let cluster = core.server(to).cluster;
            core.server(from).cluster != cluster && core.outbound_peer(from, cluster) == Some(to)
        };
        let gateways = u64::from(leads(self, a, b)) + u64::from(leads(self, b, a));
        for server in [a, b] {
            let stale = &mut self.server_mut(server).stale_links;
            stale.routes += routes;
            stale.gateways += gateways;
        }
    }

    /// Gives messages between two servers a time on their way.
    pub fn slow_link(&mut self, now: Time, a: ServerId, b: ServerId, latency: Latency) {
        self.set_now(now);
        self.note_link(a, b, LinkChange::Slowed(latency));
        self.links.get_mut(a, b).faults.latency = Some(latency);
    }

    /// Cuts a link at once, and then lets it be well and cuts it again, over and over.
    pub fn flap_link(&mut self, now: Time, a: ServerId, b: ServerId, flapping: Flapping) {
        self.cut_link(now, a, b);
        self.links.get_mut(a, b).faults.flapping = Some(flapping);
        self.flap_in(a, b, flapping.down);
    }

    fn flap_in(&mut self, a: ServerId, b: ServerId, time: Duration) {
        // Without any time between them, the times of one moment would never end.
        const LEAST: Duration = Duration::from_millis(1);
        let due = self
            .timers
            .set(self.now + time.max(LEAST), Timer::Flap(a, b));
        let link = self.links.get_mut(a, b);
        if let Some(timer) = link.flap_timer.replace(due) {
            self.timers.cancel(timer);
        }
    }

    pub(super) fn flap(&mut self, a: ServerId, b: ServerId) {
        let link = self.links.get_mut(a, b);
        link.flap_timer = None;
        let Some(Flapping { down, up }) = link.faults.flapping else {
            return;
        };
        if std::mem::take(&mut link.faults.severed) {
            self.note_link(a, b, LinkChange::Healed);
            self.let_through(a, b);
            self.flap_in(a, b, up);
        } else {
            self.cut_link(self.now, a, b);
            self.flap_in(a, b, down);
        }
    }

    /// Mends a link: what was held back arrives, and if the connections are gone, there are new ones.
    pub fn heal_link(&mut self, now: Time, a: ServerId, b: ServerId) {
        self.set_now(now);
        self.note_link(a, b, LinkChange::Healed);
        let link = self.links.get_mut(a, b);
        link.faults = Faults::default();
        if let Some(timer) = link.flap_timer.take() {
            self.timers.cancel(timer);
        }
        self.let_through(a, b);
    }

    /// Nothing goes between a server and any other.
    pub(super) fn hold_links(&mut self, server: ServerId) {
        let mut others = self.mesh_peers(server);
        others.extend(self.leaf_peers(server));
        for other in others {
            self.links.get_mut(server, other).still = true;
            self.expect_staleness(server, other);
        }
    }

    /// A server goes on.
    pub(super) fn release_links(&mut self, server: ServerId) {
        for other in self.links.of(server) {
            if !self.is_frozen(other) {
                self.links.get_mut(server, other).still = false;
                self.let_through(server, other);
            }
        }
    }

    /// What can get through a link again does.
    fn let_through(&mut self, a: ServerId, b: ServerId) {
        let link = self.links.get_mut(a, b);
        if link.can_connect()
            && let Some(timer) = link.stale_timer.take()
        {
            self.timers.cancel(timer);
        }
        for (from, to) in [key(a, b), (a.max(b), a.min(b))] {
            self.arrivals_due(from, to);
            let link = self.links.get(from, to);
            let Some(link) = link.filter(|link| !link.is_stuck(direction(from, to))) else {
                continue;
            };
            // The timers of those that are still to come may have fired in vain.
            for (at, _) in &link.ways[direction(from, to)].messages {
                self.timers.set(*at, Timer::Arrival(from, to));
            }
        }
        self.connect_if_possible(a, b);
    }

    /// Connects two servers that have lost their connections, unless something keeps them apart.
    fn connect_if_possible(&mut self, a: ServerId, b: ServerId) {
        let Some(link) = self.links.troubled.get_mut(&key(a, b)) else {
            return;
        };
        if link.cut && link.can_connect() {
            link.cut = false;
            self.links.changes += 1;
            self.connections_made(a, b);
            self.retell_leafs(a);
            self.retell_leafs(b);
        }
        self.links.tidy(a, b);
    }

    fn disconnect(&mut self, a: ServerId, b: ServerId) {
        let link = self.links.get_mut(a, b);
        link.drop_messages();
        if let Some(timer) = link.stale_timer.take() {
            self.timers.cancel(timer);
        }
        if !std::mem::replace(&mut link.cut, true) {
            self.connections_lost(a, b);
            self.retell_leafs(a);
            self.retell_leafs(b);
            self.part_leafs(a, b);
        }
    }

    /// A server that starts has no connections yet, and gets none by links that let nothing through.
    pub(super) fn begin_links(&mut self, server: ServerId) {
        for other in self.mesh_peers(server) {
            let still = self.is_frozen(other);
            if still || !self.can_connect(server, other) {
                let link = self.links.get_mut(server, other);
                link.still = still;
                link.cut = true;
            }
        }
    }

    /// What was on its way to or from a server that has stopped is lost.
    pub(super) fn end_links(&mut self, server: ServerId) {
        for other in self.links.of(server) {
            let link = self.links.get_mut(server, other);
            link.drop_messages();
            (link.cut, link.still) = (false, false);
            if let Some(timer) = link.stale_timer.take() {
                self.timers.cancel(timer);
            }
            self.links.tidy(server, other);
        }
    }

    /// A server has the links of the one in whose place it starts, with all their faults.
    pub fn inherit_links(&mut self, server: ServerId, previous: ServerId) {
        for other in self.links.of(previous) {
            let Some(link) = self.links.troubled.remove(&key(previous, other)) else {
                continue;
            };
            let mut faults = link.faults;
            if direction(previous, other) != direction(server, other) {
                faults.stuck.reverse();
            }
            if let Some(timer) = link.flap_timer {
                self.timers.cancel(timer);
            }
            let flapping = faults.flapping;
            self.links.get_mut(server, other).faults = faults;
            if let Some(Flapping { down, .. }) = flapping {
                self.flap_in(server, other, down);
            }
            self.links.tidy(server, other);
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
            is_stuck: link.faults.stuck,
            latency: link.faults.latency,
        })
    }
}
