//! How and why connections end.

use nats_mock_protocol::events::CloseReason;

use super::conn::ConnId;
use super::notice::Notice;
use super::server::{ClosedConn, ClosedSub, ServerId};
use super::{Core, Time};

/// Whether output that is still waiting is dropped instead of sent.
pub(super) fn drops_output(reason: CloseReason) -> bool {
    reason == CloseReason::ReadError || is_writing_failure(reason)
}

/// Whether it was writing to the client that failed.
fn is_writing_failure(reason: CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::WriteError
            | CloseReason::SlowConsumerPendingBytes
            | CloseReason::SlowConsumerWriteDeadline
    )
}

impl Core {
    /// The other side has closed the connection, or it broke.
    pub fn peer_closed(&mut self, now: Time, id: ConnId, reason: CloseReason) {
        self.set_now(now);
        self.close(id, reason);
    }

    /// Closes a client by its cid. Tells whether there is such a client.
    pub fn kick(&mut self, server: ServerId, cid: u64) -> bool {
        let id = self.server(server).clients.get(&cid).copied();
        if let Some(id) = id {
            self.close(id, CloseReason::Kicked);
        }
        id.is_some()
    }

    pub(super) fn close(&mut self, id: ConnId, reason: CloseReason) {
        self.close_after(id, reason, None);
    }

    /// Closes a connection; `first` is told before its end is.
    pub(super) fn close_after(&mut self, id: ConnId, reason: CloseReason, first: Option<Notice>) {
        let now = self.now;
        let Some(conn) = self.conn_mut(id).filter(|conn| !conn.is_closing()) else {
            return;
        };
        conn.closing = Some(reason);
        let timers = [
            conn.auth_timer.take(),
            conn.ping_timer.take(),
            conn.write_timer.take(),
        ];
        let (server, cid) = (conn.server, conn.cid);
        if drops_output(reason) {
            conn.output = Vec::new();
        }
        super::wake(&mut self.woken, &mut self.conns[id.slot as usize], id);
        for timer in timers.into_iter().flatten() {
            self.timers.cancel(timer);
        }
        self.server_mut(server).clients.remove(&cid);
        let closed = self.closed_conn(id, reason, now);
        let end = closed.as_ref().map(|closed| Notice::Disconnected {
            server,
            client: Box::new(closed.client.clone()),
            reason,
            at: now,
        });
        // A failing write tells at once, and what reads from the connection cleans up later.
        let (at_once, at_last) = if is_writing_failure(reason) {
            (end, None)
        } else {
            (None, end)
        };
        self.notices.extend(at_once);
        self.remove_subscriptions(id);
        self.leave(id);
        self.notices.extend(first.into_iter().chain(at_last));
        if let Some(closed) = closed {
            let srv = self.server_mut(server);
            if srv.closed.len() >= srv.spec.limits.max_closed_clients {
                srv.closed.pop_front();
            }
            srv.closed.push_back(closed);
        }
    }

    fn closed_conn(&self, id: ConnId, reason: CloseReason, now: Time) -> Option<ClosedConn> {
        let conn = self.conn(id)?;
        let mut subscriptions: Vec<_> = conn.subs.iter().copied().collect();
        subscriptions.sort_unstable();
        Some(ClosedConn {
            client: self.snapshot(conn),
            port: conn.peer.port,
            stop: now,
            last: conn.last,
            last_in_utc: conn.flags.last_in_utc,
            reason,
            pending: conn.pending(),
            stalls: conn.stalls,
            subscriptions: subscriptions
                .into_iter()
                .map(|id| {
                    let sub = self.sub(id);
                    ClosedSub {
                        subject: sub.subject().into(),
                        queue: sub.queue().map(Into::into),
                        sid: sub.sid().into(),
                        matched: sub.matched,
                        max: sub.max,
                    }
                })
                .collect(),
        })
    }
}
