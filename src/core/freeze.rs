//! A server that stands still, as a stopped process does: its connections stay, nothing that comes is
//! looked at, and nothing happens until it goes on.

use nats_mock_protocol::wire::ClientBatch;

use super::conn::ConnId;
use super::server::{Phase, ServerId};
use super::timers::Timer;
use super::{CloseReason, Core, Received, Time};

/// What waits for a server that stands still.
#[derive(Debug)]
pub(super) enum Waiting {
    /// A connection was made.
    Accepted(ConnId),
    /// A connection has sent something.
    Batch {
        conn: ConnId,
        batch: ClientBatch,
        goes_on: bool,
    },
    /// The other side of a connection has closed it.
    Closed(ConnId, CloseReason),
    /// Something was due.
    Due(Timer),
    /// It was told to leave, or to stop.
    LameDuck(ServerId),
    Stop(ServerId),
}

impl Core {
    pub fn is_frozen(&self, server: ServerId) -> bool {
        self.server(server).waiting.is_some()
    }

    /// Stops a server where it is. Its peers find out when they get no answers for long.
    pub fn freeze(&mut self, now: Time, server: ServerId) {
        self.set_now(now);
        if self.server(server).phase == Phase::Stopped || self.is_frozen(server) {
            return;
        }
        self.server_mut(server).waiting = Some(Vec::new());
        self.hold_links(server);
    }

    /// Lets a server go on with what has come in the meantime.
    pub fn thaw(&mut self, now: Time, server: ServerId) {
        self.set_now(now);
        let Some(waiting) = self.server_mut(server).waiting.take() else {
            return;
        };
        let now = self.now;
        self.release_links(server);
        for event in waiting {
            match event {
                Waiting::Accepted(conn) => self.greet(conn),
                Waiting::Batch {
                    conn,
                    batch,
                    goes_on,
                } => {
                    self.receive(now, conn, &batch, goes_on);
                }
                Waiting::Closed(conn, reason) => self.close(conn, reason),
                Waiting::Due(timer) => self.fire(timer),
                Waiting::LameDuck(server) => self.begin_lame_duck(now, server),
                Waiting::Stop(server) => self.begin_shutdown(now, server),
            }
        }
    }

    /// Keeps what concerns a server that stands still. Tells whether it does.
    pub(super) fn wait_if_frozen(
        &mut self,
        server: ServerId,
        event: impl FnOnce() -> Waiting,
    ) -> bool {
        let waiting = &mut self.server_mut(server).waiting;
        if let Some(waiting) = waiting {
            waiting.push(event());
        }
        waiting.is_some()
    }

    /// Keeps a batch for a server that stands still. Tells whether it does.
    pub(super) fn keep_batch(
        &mut self,
        conn: ConnId,
        batch: &ClientBatch,
        goes_on: bool,
    ) -> Option<Received> {
        let server = self.conn(conn)?.server;
        let kept = self.wait_if_frozen(server, || Waiting::Batch {
            conn,
            batch: batch.clone(),
            goes_on,
        });
        // Whoever sends more than a socket would take has to wait.
        kept.then_some(Received {
            limits: None,
            stall: true,
        })
    }

    /// Keeps a timer of a server that stands still. Tells whether it does.
    pub(super) fn keep_timer(&mut self, timer: Timer) -> bool {
        let server = match timer {
            Timer::Auth(id) | Timer::Ping(id) | Timer::WriteDeadline(id) => {
                self.conn(id).map(|conn| conn.server)
            }
            Timer::LameDuck(server) | Timer::Service(server, _) | Timer::Dial(server, _) => {
                Some(server)
            }
            // These are matters of the link.
            Timer::Arrival(..) | Timer::StaleLink(..) => None,
        };
        server.is_some_and(|server| self.wait_if_frozen(server, || Waiting::Due(timer)))
    }
}
