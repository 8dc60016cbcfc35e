//! What a test does with simulated connections.

use std::fmt;
use std::sync::Arc;

use nats_mock_protocol::events::CloseReason;

use crate::core::{ConnId, Traffic};
use crate::net::Hub;

/// Simulated connections, in the order in which they have come. They stay when this is dropped.
///
/// ```
/// use nats_mock::MockNats;
/// use nats_mock::protocol::events::{CloseReason, Disconnect};
/// use nats_mock::simulated::Connections;
///
/// let nats = MockNats::start_blocking()?;
/// let sensors = nats.simulate(Connections::of("a").count(100).named("sensor-{n}"))?;
///
/// // Later, each has published, and ten of them break.
/// sensors.add_published(60, 7_200);
/// sensors.iter().take(10).for_each(|sensor| sensor.close(CloseReason::ReadError));
///
/// let farewell = nats.wait_next_event::<Disconnect>(std::time::Duration::ZERO)?;
/// assert_eq!((farewell.client.name.as_str(), farewell.sent.msgs), ("sensor-0", 60));
/// assert_eq!(sensors.iter().filter(|sensor| sensor.is_open()).count(), 90);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SimulatedConnections {
    hub: Arc<Hub>,
    conns: Vec<Simulated>,
}

/// One of the [`SimulatedConnections`].
#[derive(Clone, Copy)]
pub struct SimulatedConnection<'a> {
    hub: &'a Hub,
    conn: Simulated,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Simulated {
    pub id: ConnId,
    pub cid: u64,
}

impl SimulatedConnections {
    pub(super) fn new(hub: &Arc<Hub>) -> Self {
        Self {
            hub: Arc::clone(hub),
            conns: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, conn: Simulated) {
        self.conns.push(conn);
    }

    /// How many there are, closed ones included.
    pub fn len(&self) -> usize {
        self.conns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }

    /// The connection with a number, from 0 on.
    pub fn get(&self, index: usize) -> Option<SimulatedConnection<'_>> {
        self.conns.get(index).map(|&conn| self.one(conn))
    }

    /// One after the other, closed ones included.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SimulatedConnection<'_>> {
        self.conns.iter().map(|&conn| self.one(conn))
    }

    fn one(&self, conn: Simulated) -> SimulatedConnection<'_> {
        SimulatedConnection {
            hub: &self.hub,
            conn,
        }
    }

    /// [Closes](SimulatedConnection::close) all that are open.
    pub fn close(&self, reason: CloseReason) {
        self.iter().for_each(|one| one.close(reason));
    }

    /// [Adds](SimulatedConnection::add_published) to each that is open.
    pub fn add_published(&self, msgs: u64, bytes: u64) {
        self.iter().for_each(|one| one.add_published(msgs, bytes));
    }

    /// [Adds](SimulatedConnection::add_delivered) to each that is open.
    pub fn add_delivered(&self, msgs: u64, bytes: u64) {
        self.iter().for_each(|one| one.add_delivered(msgs, bytes));
    }
}

impl SimulatedConnection<'_> {
    /// The client's id, as CONNZ and events show it.
    pub fn cid(&self) -> u64 {
        self.conn.cid
    }

    /// Whether it is open. The server may have closed it: by a reload, or because it stops.
    pub fn is_open(&self) -> bool {
        let id = self.conn.id;
        self.hub.look(|deployment| {
            deployment
                .core()
                .conn(id)
                .is_some_and(|conn| !conn.is_closing())
        })
    }

    /// Closes the connection as if the reason had come about: slow consumers and stale connections are
    /// counted as such, and a failed authentication is told as one. Nothing happens if it is closed
    /// already.
    pub fn close(&self, reason: CloseReason) {
        let id = self.conn.id;
        self.hub
            .input(|state, now| state.deployment.end(now, id, &reason.into()));
    }

    /// Counts messages that the client has published now, and their bytes in all. Nobody gets them.
    pub fn add_published(&self, msgs: u64, bytes: u64) {
        self.count(Traffic { msgs, bytes }, Traffic::default());
    }

    /// Counts messages that the client was sent now, and their bytes in all, in equal parts for its
    /// subscriptions.
    pub fn add_delivered(&self, msgs: u64, bytes: u64) {
        self.count(Traffic::default(), Traffic { msgs, bytes });
    }

    fn count(&self, published: Traffic, delivered: Traffic) {
        let id = self.conn.id;
        self.hub.input(|state, now| {
            state.deployment.count(now, id, published, delivered);
        });
    }
}

impl fmt::Debug for SimulatedConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for SimulatedConnection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedConnection")
            .field("cid", &self.cid())
            .field("is_open", &self.is_open())
            .finish()
    }
}
