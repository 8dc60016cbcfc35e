//! What waits to be written, and for how long it may.

use super::conn::ConnId;
use super::timers::Timer;
use super::{CloseReason, Conn, Core, Time};

impl Core {
    /// A shell has written `len` of the bytes it took.
    pub fn wrote(&mut self, now: Time, id: ConnId, len: usize) {
        self.set_now(now);
        let deadline = self.write_deadline(id);
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        conn.in_flight = conn.in_flight.saturating_sub(len);
        if let Some(timer) = conn.write_timer.take() {
            self.timers.cancel(timer);
            if conn.in_flight > 0 {
                conn.write_timer = Some(self.timers.set(deadline, Timer::WriteDeadline(id)));
            }
        }
    }

    /// A shell cannot write at the moment: the write deadline starts to run.
    pub fn write_blocked(&mut self, now: Time, id: ConnId) {
        self.set_now(now);
        if self.conn(id).is_some_and(|conn| !conn.is_closing()) {
            self.start_write_deadline(id);
        }
    }

    pub(super) fn start_write_deadline(&mut self, id: ConnId) {
        let deadline = self.write_deadline(id);
        if let Some(conn) = super::conn_mut(&mut self.conns, id)
            && conn.write_timer.is_none()
        {
            conn.write_timer = Some(self.timers.set(deadline, Timer::WriteDeadline(id)));
        }
    }

    fn write_deadline(&self, id: ConnId) -> Time {
        self.conn(id).map_or(self.now, |conn| {
            self.now + self.server(conn.server).spec.timing.write_deadline
        })
    }

    pub(super) fn write_timed_out(&mut self, id: ConnId) {
        if self.conn(id).is_some_and(Conn::is_closing) {
            self.take_away(id);
            return;
        }
        self.count_slow_consumer(id);
        self.close(id, CloseReason::SlowConsumerWriteDeadline);
    }

    /// More is waiting for a connection than may wait.
    pub(super) fn cut_off_slow_consumer(&mut self, id: ConnId) {
        self.count_slow_consumer(id);
        self.close(id, CloseReason::SlowConsumerPendingBytes);
    }

    fn count_slow_consumer(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let (server, account) = (conn.server, conn.account);
        self.server_mut(server).slow_consumers += 1;
        self.account_mut(account)
            .on_server_mut(server)
            .slow_consumers += 1;
    }
}
