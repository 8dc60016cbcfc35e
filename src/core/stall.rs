//! A connection of which nothing passes, as when the network between the two sides loses everything for a
//! while: what the client sends does not arrive, what the server sends waits, and each may find out that
//! the other does not answer.

use std::time::Duration;

use super::conn::ConnId;
use super::freeze::Waiting;
use super::server::ServerId;
use super::timers::Timer;
use super::{Core, Ending, Time};

/// What waits for a connection that is stalled.
#[derive(Debug, Default)]
pub(super) struct Stalled {
    /// How many want it to be.
    holds: u32,
    /// What the other side has done meanwhile.
    pub waiting: Vec<Waiting>,
}

impl Core {
    /// Lets nothing of a connection pass until it is [resumed](Self::resume) as often as it was stalled.
    /// Tells whether there is such a connection, and a shell that carries its bytes.
    pub fn stall(&mut self, now: Time, id: ConnId) -> bool {
        self.set_now(now);
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return false;
        };
        if conn.is_closing() || conn.flags.detached {
            return false;
        }
        if conn.stalled.is_none() {
            self.stalled += 1;
            self.freezes += 1;
        }
        conn.stalled.get_or_insert_default().holds += 1;
        true
    }

    /// Connections that are stalled.
    pub fn stalled(&self) -> usize {
        self.stalled
    }

    /// As [`stall`](Self::stall), for so long.
    pub fn stall_for(&mut self, now: Time, id: ConnId, time: Duration) {
        if self.stall(now, id) {
            self.timers.set(self.now + time, Timer::Resume(id));
        }
    }

    /// Ends a connection as soon as all has happened that waits for it.
    pub fn end_in_turn(&mut self, now: Time, id: ConnId, ending: &Ending) {
        if !self.wait_if_unread(id, || Waiting::Ended(id, ending.clone())) {
            self.end(now, id, ending);
        }
    }

    /// Lets a connection go on with what has waited.
    pub fn resume(&mut self, now: Time, id: ConnId) {
        self.set_now(now);
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        let Some(stalled) = &mut conn.stalled else {
            return;
        };
        stalled.holds -= 1;
        if stalled.holds > 0 {
            return;
        }
        let server = conn.server;
        for event in self.forget_stall(id) {
            self.happen(server, event);
        }
    }

    /// A connection is not stalled any more. Gives what has waited.
    pub(super) fn forget_stall(&mut self, id: ConnId) -> Vec<Waiting> {
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return Vec::new();
        };
        let Some(stalled) = conn.stalled.take() else {
            return Vec::new();
        };
        self.stalled -= 1;
        self.freezes += 1;
        // Nobody is there any more for one whose client has gone meanwhile.
        if !conn.flags.detached {
            super::wake(&mut self.woken, conn, id);
        }
        stalled.waiting
    }

    /// Nothing of a server is stalled any more. Gives the connections that it has not greeted.
    pub(super) fn end_stalls(&mut self, server: ServerId) -> Vec<ConnId> {
        if self.stalled == 0 {
            return Vec::new();
        }
        let of_server = self.conns.iter().filter(|(_, conn)| conn.server == server);
        let stalled = of_server.filter(|(_, conn)| conn.stalled.is_some());
        let ids: Vec<ConnId> = stalled
            .map(|(slot, conn)| ConnId {
                slot: slot as u32,
                generation: conn.generation,
            })
            .collect();
        let is_new = |event: &Waiting| matches!(event, Waiting::Accepted(_));
        let mut new = Vec::new();
        for id in ids {
            if self.forget_stall(id).iter().any(is_new) {
                new.push(id);
            }
        }
        new
    }
}
