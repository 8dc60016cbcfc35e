//! What is said to one connection apart from the usual way: between two operations, later, or as the last.
//!
//! Somebody may want to look at what is sent before a shell fetches it. How much of a connection's output
//! has been looked at is kept in `passed`; where nobody looks and nothing is late, that means nothing.

use std::collections::VecDeque;
use std::time::Duration;

use super::conn::ConnId;
use super::timers::Timer;
use super::{Conn, Core, Ending, Time};

/// What becomes of a connection behind some bytes.
#[derive(Clone, Debug, Default)]
pub(crate) enum Then {
    #[default]
    GoOn,
    Reset,
    End(Ending),
}

/// What goes out at its time, in this order.
#[derive(Debug, Default)]
pub(super) struct Late {
    waiting: VecDeque<(Time, Vec<u8>, Then)>,
    bytes: usize,
}

/// About what it takes to keep something that is late, besides its bytes.
const COST: usize = 64;

impl Late {
    /// Adds what goes out not before what is there.
    fn push(&mut self, due: Time, bytes: Vec<u8>, then: Then) {
        self.bytes += bytes.len();
        match self.waiting.back_mut() {
            Some((last, said, before)) if *last >= due && matches!(before, Then::GoOn) => {
                said.extend(bytes);
                *before = then;
            }
            Some(&mut (last, ..)) => self.waiting.push_back((due.max(last), bytes, then)),
            None => self.waiting.push_back((due, bytes, then)),
        }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Core {
    /// Sends bytes as they are, between two operations.
    pub fn send_raw(&mut self, now: Time, id: ConnId, bytes: &[u8]) {
        self.set_now(now);
        if self.conn(id).is_some_and(|conn| !conn.is_closing()) {
            self.speak(id, bytes.to_vec(), Duration::ZERO, Then::GoOn);
        }
    }

    /// Says bytes that have been looked at, later if that is wanted, or if something before them is late.
    /// Tells whether the connection takes more.
    pub fn speak(&mut self, id: ConnId, bytes: Vec<u8>, later: Duration, then: Then) -> bool {
        let due = self.now + later;
        let Some(conn) = super::conn_mut(&mut self.conns, id).filter(|conn| !conn.flags.mute)
        else {
            return false;
        };
        let goes_on = matches!(then, Then::GoOn);
        if later.is_zero() && conn.late.is_none() {
            conn.output.extend_from_slice(&bytes);
            conn.passed = conn.output.len();
            super::wake(&mut self.woken, conn, id);
            self.then(id, &then);
        } else {
            let late = conn.late.get_or_insert_default();
            if late.waiting.is_empty() {
                self.timers.set(due, Timer::Late(id));
            }
            late.push(due, bytes, then);
        }
        let Some(conn) = self.conn(id) else {
            return false;
        };
        let kept_for_late = conn.late.as_ref().map_or(0, |late| late.waiting.len()) * COST;
        if conn.pending() + kept_for_late <= self.max_pending(id) {
            return goes_on;
        }
        if !conn.is_closing() {
            self.cut_off_slow_consumer(id);
        }
        false
    }

    /// How many bytes may wait for a connection.
    pub fn max_pending(&self, id: ConnId) -> usize {
        let conn = self.conn(id);
        let limits = conn.map(|conn| &self.server(conn.server).spec.limits);
        let max = limits.map_or(0, |limits| limits.max_pending);
        usize::try_from(max).unwrap_or(usize::MAX)
    }

    fn then(&mut self, id: ConnId, then: &Then) {
        match then {
            Then::GoOn => {}
            Then::Reset => self.reset(self.now, id),
            Then::End(ending) => self.end(self.now, id, ending),
        }
    }

    /// The time has come for what is said next to a connection.
    pub(super) fn late_is_due(&mut self, id: ConnId) {
        let now = self.now;
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        let Some(late) = &mut conn.late else { return };
        let mut last = Then::GoOn;
        let mut said = Vec::new();
        while let Some((_, bytes, then)) = late.waiting.pop_front_if(|(due, ..)| *due <= now) {
            late.bytes -= bytes.len();
            said.extend(bytes);
            if !matches!(then, Then::GoOn) {
                // Nothing comes behind it.
                late.waiting.clear();
                last = then;
            }
        }
        let passed = conn.passed..conn.passed;
        conn.passed += said.len();
        conn.output.splice(passed, said);
        match late.waiting.front() {
            Some(&(due, ..)) => {
                self.timers.set(due, Timer::Late(id));
            }
            None => conn.late = None,
        }
        super::wake(&mut self.woken, conn, id);
        self.then(id, &last);
    }

    /// Connections to which something may have been sent since.
    pub fn woken(&self) -> &[super::ConnId] {
        &self.woken
    }

    /// Takes what has been sent to a connection and not been looked at yet, whole operations only. It is to
    /// be [said](Self::speak).
    pub fn take_fresh(&mut self, id: ConnId) -> Vec<u8> {
        self.conn_mut(id)
            .map_or_else(Vec::new, |conn| conn.output.split_off(conn.passed))
    }

    /// Takes all that has been sent to a connection for looked at.
    pub fn let_pass(&mut self, id: ConnId) {
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        if conn.late.is_none() {
            conn.passed = conn.output.len();
        } else if conn.has_fresh() {
            let fresh = self.take_fresh(id);
            self.speak(id, fresh, Duration::ZERO, Then::GoOn);
        }
    }

    /// The same for all connections.
    pub fn let_all_pass(&mut self) {
        let ids = self.conns.iter().map(|(slot, conn)| ConnId {
            slot: slot as u32,
            generation: conn.generation,
        });
        for id in ids.collect::<Vec<_>>() {
            self.let_pass(id);
        }
    }
}

impl Conn {
    /// Whether something has been sent to it that has not been looked at.
    pub fn has_fresh(&self) -> bool {
        self.passed < self.output.len()
    }
}
