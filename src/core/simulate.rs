//! Simulated connections: they come like any other, and then have no shell. Nothing is written to
//! them; they count as clients that read at once and answer every PING.

use std::time::Duration;

use super::conn::{ConnId, Traffic};
use super::subs::SubId;
use super::{Core, Time};

/// How a simulated connection stands when it is left alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub rtt: Duration,
    /// The time since its last activity.
    pub idle: Duration,
    /// From the client.
    pub published: Traffic,
    /// To the client.
    pub delivered: Traffic,
}

impl Core {
    /// Says how long a connection that has just been accepted has been there already.
    pub fn backdate(&mut self, id: ConnId, uptime: Duration) {
        let now = self.now;
        if let Some(conn) = self.conn_mut(id) {
            conn.start = now - uptime;
        }
    }

    /// Leaves a connection without a shell: from now on the core releases it itself. Tells whether it
    /// was open.
    pub fn detach(&mut self, now: Time, id: ConnId, standing: &Standing) -> bool {
        self.set_now(now);
        let now = self.now;
        let Some(conn) = self.conn_mut(id).filter(|conn| !conn.is_closing()) else {
            return false;
        };
        conn.flags.detached = true;
        conn.flags.mute = true;
        conn.output = Vec::new();
        conn.passed = 0;
        conn.late = None;
        conn.in_flight = 0;
        conn.rtt = i64::try_from(standing.rtt.as_nanos()).unwrap_or(i64::MAX);
        let timers = [conn.ping_timer.take(), conn.write_timer.take()];
        for timer in timers.into_iter().flatten() {
            self.timers.cancel(timer);
        }
        self.count(now, id, standing.published, standing.delivered);
        if let Some(conn) = self.conn_mut(id) {
            conn.last = now - standing.idle;
        }
        true
    }

    /// Counts messages that a connection has published, and others that were delivered to it, in equal
    /// parts for each of its subscriptions.
    pub fn count(&mut self, now: Time, id: ConnId, published: Traffic, delivered: Traffic) {
        self.set_now(now);
        let now = self.now;
        let Some(conn) = super::conn_mut(&mut self.conns, id).filter(|conn| !conn.is_closing())
        else {
            return;
        };
        if published.msgs > 0 || delivered.msgs > 0 {
            conn.last = now;
            conn.flags.last_in_utc = false;
        }
        conn.received += published;
        conn.sent += delivered;
        let server = &mut self.servers[conn.server.0 as usize];
        server.received += published;
        server.received_from_clients += published;
        server.sent += delivered;
        server.sent_to_clients += delivered;
        let account = self.accounts[conn.account.0 as usize].on_server_mut(conn.server);
        account.received += published;
        account.sent += delivered;
        let mut subs: Vec<SubId> = conn.subs.iter().copied().collect();
        subs.sort_unstable();
        let (mut msgs, mut left) = (delivered.msgs, subs.len() as u64);
        for sub in subs {
            let part = msgs.div_ceil(left);
            let matched = &mut self.subs[sub.index()].matched;
            *matched = matched.saturating_add(part);
            msgs -= part;
            left -= 1;
        }
    }
}
