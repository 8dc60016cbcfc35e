//! A server that stands still, as a stopped process does: its connections stay, nothing that comes is
//! looked at, and nothing happens until it goes on.

use nats_mock_protocol::wire::{ClientBatch, ClientOp, ConnectOptions, Limits};

use super::conn::ConnId;
use super::end::Ending;
use super::fetch::FetchId;
use super::notice::{Fate, Notice};
use super::server::{Phase, ServerId};
use super::timers::Timer;
use super::{CloseReason, Core, Received, Time};
use crate::topology::FetchError;

/// What waits for a server that stands still.
#[derive(Debug)]
pub(super) enum Waiting {
    /// A connection was made.
    Accepted(ConnId),
    /// A connection has sent something.
    Batch {
        conn: ConnId,
        batch: ClientBatch,
        /// How many of its operations are done.
        done: usize,
        goes_on: bool,
    },
    /// The other side of a connection has closed it.
    Closed(ConnId, CloseReason),
    /// Its peers are not those that its clients know of.
    Peers,
    /// Something was due.
    Due(Timer),
    /// A connection was to be ended.
    Ended(ConnId, Ending),
    /// What it has others get for it has come, or has not.
    Fetched(FetchId, Result<String, FetchError>),
    /// It was told to leave, or to stop.
    LameDuck(ServerId),
    Stop(ServerId),
}

/// Connections that a system makes in the name of a process that takes none.
const MAX_CONNECTIONS_WAITING: usize = 4096;

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
        self.freezes += 1;
        self.frozen += 1;
        self.hold_links(server);
        let fate = Fate::Frozen;
        self.notices.push_back(Notice::Fate { server, fate });
    }

    /// Servers that stand still, and connections that are not read from.
    pub fn frozen(&self) -> usize {
        self.frozen + self.stalled + self.asked_about
    }

    /// How often a server or a connection has stood still, or gone on.
    pub fn freezes(&self) -> u64 {
        self.freezes
    }

    /// Whether nobody reads what a connection sends.
    pub fn is_unread(&self, conn: ConnId) -> bool {
        self.conn(conn)
            .is_some_and(|conn| conn.is_held() || self.is_frozen(conn.server))
    }

    /// Whether as many connections wait for a server as a system lets wait.
    pub(super) fn is_crowded(&self, server: ServerId) -> bool {
        let waiting = self.server(server).waiting.iter().flatten();
        waiting
            .filter(|event| matches!(event, Waiting::Accepted(_)))
            .count()
            >= MAX_CONNECTIONS_WAITING
    }

    /// A server goes on, or ends. Tells what has waited for it.
    pub(super) fn end_standstill(&mut self, server: ServerId) -> Option<Vec<Waiting>> {
        let waiting = self.server_mut(server).waiting.take()?;
        self.freezes += 1;
        self.frozen -= 1;
        Some(waiting)
    }

    /// Lets a server go on with what has come in the meantime.
    pub fn thaw(&mut self, now: Time, server: ServerId) {
        self.set_now(now);
        let Some(waiting) = self.end_standstill(server) else {
            return;
        };
        let fate = Fate::Thawed;
        self.notices.push_back(Notice::Fate { server, fate });
        self.release_links(server);
        self.answer_late(server);
        for event in waiting {
            self.happen(server, event);
        }
    }

    /// Lets something happen that had to wait. It may have to wait for something else still.
    pub(super) fn happen(&mut self, server: ServerId, event: Waiting) {
        let now = self.now;
        match event {
            Waiting::Accepted(conn) => self.welcome(conn),
            Waiting::Batch {
                conn,
                batch,
                done,
                goes_on,
            } => {
                if self.is_unread(conn) {
                    self.keep_rest(conn, &batch, done, goes_on);
                    return;
                }
                self.receive_rest(conn, &batch, done, goes_on, None);
            }
            Waiting::Closed(conn, reason) => self.peer_closed(now, conn, reason),
            Waiting::Ended(conn, ending) => self.end(now, conn, &ending),
            Waiting::Fetched(id, answer) => self.fetched(now, id, answer),
            Waiting::Peers => self.send_connect_urls(server),
            Waiting::Due(timer) => self.fire(timer),
            Waiting::LameDuck(server) => self.begin_lame_duck(now, server),
            Waiting::Stop(server) => self.begin_shutdown(now, server),
        }
    }

    /// Keeps what the other side of a connection does, if nobody reads it. Tells whether that is so.
    pub(super) fn wait_if_unread(&mut self, id: ConnId, event: impl FnOnce() -> Waiting) -> bool {
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return false;
        };
        let server = conn.server;
        if let Some(stalled) = &mut conn.stalled {
            stalled.waiting.push(event());
            return true;
        }
        if let Some(callout) = &mut conn.callout {
            callout.waiting.push(event());
            return true;
        }
        if let Some(lookup) = &mut conn.lookup {
            lookup.waiting.push(event());
            return true;
        }
        self.wait_if_frozen(server, event)
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
        let known = self.conn(conn)?;
        let server = known.server;
        if !known.is_held() && !self.is_frozen(server) {
            return None;
        }
        let mut limits = None;
        for op in batch.iter() {
            // What follows is read before anybody has looked at this.
            if let ClientOp::Connect(json) = op
                && let Ok(options) = ConnectOptions::parse(json)
            {
                let supported = self.server(server).spec.headers;
                limits = Some(Limits {
                    headers: supported && options.headers,
                    ..self.decoder_limits(conn)
                });
            }
        }
        self.keep_rest(conn, batch, 0, goes_on);
        Some(Received {
            limits,
            ..Received::default()
        })
    }

    /// Keeps what is left of a batch of which so many operations are done.
    pub(super) fn keep_rest(
        &mut self,
        conn: ConnId,
        batch: &ClientBatch,
        done: usize,
        goes_on: bool,
    ) {
        self.wait_if_unread(conn, || Waiting::Batch {
            conn,
            batch: batch.clone(),
            done,
            goes_on,
        });
    }

    /// Has clients told of changes among the peers later, if the server stands still.
    pub(super) fn keep_news_of_peers(&mut self, server: ServerId) -> bool {
        let waiting = self.server(server).waiting.as_ref();
        let is_known = waiting
            .is_some_and(|events| events.iter().any(|event| matches!(event, Waiting::Peers)));
        is_known || self.wait_if_frozen(server, || Waiting::Peers)
    }

    /// Keeps a timer of a server that stands still. Tells whether it does.
    pub(super) fn keep_timer(&mut self, timer: Timer) -> bool {
        let server = match timer {
            Timer::Auth(id)
            | Timer::Tls(id)
            | Timer::Ping(id)
            | Timer::WriteDeadline(id)
            | Timer::Callout(id)
            | Timer::TokenExpires(id) => self.conn(id).map(|conn| conn.server),
            Timer::LameDuck(server)
            | Timer::Fetch(server, _)
            | Timer::SystemAccount(server)
            | Timer::Service(server, _)
            | Timer::Answers(server, ..)
            | Timer::Dial(server, _)
            | Timer::AccountExpires(server, _)
            | Timer::ActivationExpires(server, _) => Some(server),
            // These are matters of the network.
            Timer::Arrival(..)
            | Timer::StaleLink(..)
            | Timer::Flap(..)
            | Timer::Resume(_)
            | Timer::Late(_) => None,
        };
        server.is_some_and(|server| self.wait_if_frozen(server, || Waiting::Due(timer)))
    }
}
