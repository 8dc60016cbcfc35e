//! The links between servers: cutting, slowing and mending them.

use std::time::Duration;

use super::{MockNats, Server};
use crate::core::{Core, Flapping, Latency, ServerId, Time};

/// The link between two servers, or all links between two sets of them; see [`MockNats::link`].
///
/// ```
/// use nats_mock::MockNats;
///
/// let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
/// let mut subscriber = nats.server("east-2").client("a")?;
/// let mut orders = subscriber.subscribe("orders")?;
/// let mut publisher = nats.server("east-1").client("a")?;
///
/// nats.link("east-1", "east-2").cut();
/// publisher.publish("orders", "lost")?;
/// nats.link("east-1", "east-2").heal();
/// publisher.publish("orders", "found")?;
/// assert_eq!(orders.try_next().unwrap().text(), "found");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Link<'a> {
    nats: &'a MockNats,
    pairs: Vec<(ServerId, ServerId)>,
}

impl MockNats {
    /// The link between two servers, of whatever kind. For the name of a cluster that no server has, it is
    /// the links of all servers of the cluster. A server has none to itself, and nothing that is done to
    /// that has an effect.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 2).cluster("west", 2).start_blocking()?;
    /// let mut ops = nats.server("east-1").client("admin")?;
    /// nats.link("east", "west").cut();
    /// let mut answers = ops.request("$SYS.REQ.SERVER.PING.IDZ", "")?;
    /// assert_eq!(std::iter::from_fn(|| answers.try_next()).count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When there is no server or cluster of that name.
    pub fn link(&self, one: &str, other: &str) -> Link<'_> {
        let (one, other) = (self.servers_called(one), self.servers_called(other));
        let pairs = one
            .iter()
            .flat_map(|&a| other.iter().map(move |&b| (a, b)))
            .filter(|(a, b)| a != b);
        Link {
            nats: self,
            pairs: pairs.collect(),
        }
    }

    fn servers_called(&self, name: &str) -> Vec<ServerId> {
        if let Some(server) = self.find_server(name) {
            return vec![server.current()];
        }
        let of_cluster = |server: &Server<'_>| server.spec().cluster_name() == Some(name);
        let servers: Vec<_> = self.servers().filter(of_cluster).collect();
        assert!(
            !servers.is_empty(),
            "there is no server or cluster {name:?}"
        );
        servers.iter().map(Server::current).collect()
    }

    /// All links between the servers for which `inside` is true and the others: cutting them is a
    /// partition.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 5).start_blocking()?;
    /// let minority = nats.partition(|server| ["east-1", "east-2"].contains(&&*server.name()));
    /// minority.cut();
    /// let urls = nats.server("east-1").client("a")?.info().connect_urls.len();
    /// assert_eq!(urls, 2);
    /// minority.heal();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn partition(&self, inside: impl Fn(&Server<'_>) -> bool) -> Link<'_> {
        let (one, others): (Vec<_>, Vec<_>) = self.servers().partition(inside);
        let pairs = one.iter().flat_map(|a| {
            let others = others.iter();
            others.map(|b| (a.current(), b.current()))
        });
        Link {
            nats: self,
            pairs: pairs.collect(),
        }
    }
}

impl Link<'_> {
    /// Ends the connections. Both sides notice at once, and there are no new ones before it is healed.
    pub fn cut(&self) {
        self.each(Core::cut_link);
    }

    /// Lets nothing through in either direction, without a word: as when packets are lost. The servers
    /// give their connections up when pings stay without answer, after 75 seconds. What is sent until
    /// then is only late if the link is healed before.
    pub fn cut_silently(&self) {
        self.each(|core, now, a, b| {
            core.block_link(now, a, b);
            core.block_link(now, b, a);
        });
    }

    /// As [`cut_silently`](Self::cut_silently), but only what the first side sends is lost.
    pub fn cut_one_way(&self) {
        self.each(Core::block_link);
    }

    /// Gives every message a time on its way, drawn from the seed between two bounds. Order is kept.
    pub fn slow(&self, least: Duration, most: Duration) {
        self.each(|core, now, a, b| core.slow_link(now, a, b, Latency { least, most }));
    }

    /// Cuts it for a while and lets it be well for a while, again and again until it is
    /// [healed](Self::heal), by the deployment's clock. It begins with the cut. Each while is at least a
    /// millisecond.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().manual_clock(SystemTime::UNIX_EPOCH).cluster("east", 2);
    /// let nats = nats.start_blocking()?;
    /// let (down, up) = (Duration::from_secs(1), Duration::from_secs(5));
    /// nats.link("east-1", "east-2").flap(down, up);
    ///
    /// let mut ops = nats.client("admin")?;
    /// let mut reached = || {
    ///     let mut answers = ops.request("$SYS.REQ.SERVER.PING.IDZ", "").unwrap();
    ///     std::iter::from_fn(|| answers.try_next()).count()
    /// };
    /// assert_eq!(reached(), 1);
    /// nats.advance(down);
    /// assert_eq!(reached(), 2);
    /// nats.advance(up);
    /// assert_eq!(reached(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flap(&self, down: Duration, up: Duration) {
        self.each(|core, now, a, b| core.flap_link(now, a, b, Flapping { down, up }));
    }

    /// Mends it: what was held back arrives, and connections that were lost are made again.
    pub fn heal(&self) {
        self.each(Core::heal_link);
    }

    pub(super) fn into_pairs(self) -> Vec<(ServerId, ServerId)> {
        self.pairs
    }

    fn each(&self, act: impl Fn(&mut Core, Time, ServerId, ServerId)) {
        for &(a, b) in &self.pairs {
            self.nats.hub.input(|state, now| {
                let deployment = &mut state.deployment;
                deployment.change(|core| act(core, now, a, b));
            });
        }
    }
}
