//! How and why connections end.

use nats_mock_protocol::events::CloseReason;

use super::conn::ConnId;
use super::freeze::Waiting;
use super::notice::Notice;
use super::server::{ClosedConn, ClosedSub, ServerId};
use super::{Conn, Core, Time};

/// Whether output that is still waiting is dropped instead of sent.
pub(super) fn drops_output(reason: CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::ReadError
            | CloseReason::WriteError
            | CloseReason::SlowConsumerPendingBytes
            | CloseReason::SlowConsumerWriteDeadline
            | CloseReason::TlsHandshakeError
    )
}

impl Core {
    /// The other side has closed the connection, or it broke.
    pub fn peer_closed(&mut self, now: Time, id: ConnId, reason: CloseReason) {
        self.set_now(now);
        if !self.wait_if_unread(id, || Waiting::Closed(id, reason)) {
            self.close(id, reason);
        }
    }

    /// Closes a client or a leaf node's connection by its cid. Tells whether there is such a one.
    pub fn kick(&mut self, server: ServerId, cid: u64) -> bool {
        let srv = self.server(server);
        let id = srv
            .clients
            .get(&cid)
            .or_else(|| srv.leafs.get(&cid))
            .copied();
        if let Some(id) = id {
            self.close(id, CloseReason::Kicked);
        }
        id.is_some()
    }

    /// Closes a client that breaks the protocol.
    pub(super) fn close_for_nonsense(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let profile = self.server(conn.server).profile;
        let is_untold = conn.peer.websocket.is_some()
            && profile.has(crate::version::Feature::FaultsOverWebsocketUntold);
        let reason = match is_untold {
            true => CloseReason::ReadError,
            false => CloseReason::ProtocolViolation,
        };
        self.close(id, reason);
    }

    pub(super) fn close(&mut self, id: ConnId, reason: CloseReason) {
        self.close_after(id, reason, None);
    }

    /// Closes a connection; `first` is told before its end is.
    pub(super) fn close_after(&mut self, id: ConnId, reason: CloseReason, first: Option<Notice>) {
        let now = self.now;
        if self.conn(id).is_none_or(Conn::is_closing) {
            return;
        }
        self.end_callout(id);
        self.end_lookup(id);
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        conn.closing = Some(reason);
        let timers = [
            conn.end_tls_wait(),
            conn.auth_timer.take(),
            conn.expiry_timer.take(),
            conn.ping_timer.take(),
            conn.write_timer.take(),
        ];
        let (server, is_detached) = (conn.server, conn.flags.detached);
        if drops_output(reason) && !conn.flags.reset {
            conn.output = Vec::new();
            conn.passed = 0;
            conn.late = None;
        }
        super::wake(&mut self.woken, &mut self.conns[id.slot as usize], id);
        for timer in timers.into_iter().flatten() {
            self.timers.cancel(timer);
        }
        let closed = self.closed_conn(&self.conns[id.slot as usize], reason);
        let is_leaf = self.leaf(id).is_some();
        let is_over = self.is_over(id);
        let is_told = self.leaf(id).is_none_or(|leaf| !leaf.is_stranger) && !is_over;
        let end = is_told.then(|| Notice::Disconnected {
            server,
            client: Box::new(closed.client.clone()),
            reason,
            at: now,
        });
        if !is_over {
            self.keep_closed(server, closed);
        }
        // The end of whoever does not read is told at once. It is there until what is being written to
        // it gets stuck no longer.
        if reason == CloseReason::SlowConsumerPendingBytes {
            self.notices.extend(end);
            if is_detached {
                self.take_away(id);
            } else {
                self.start_write_deadline(id);
            }
        } else {
            self.take_away(id);
            self.notices.extend(first);
            self.notices.extend(end);
        }
        if is_leaf {
            self.end_of_leaf(id);
        }
    }

    /// Takes a connection that is closed out of its server and its account, unless that is done.
    pub(super) fn take_away(&mut self, id: ConnId) {
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        let (server, cid, timer) = (conn.server, conn.cid, conn.write_timer.take());
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        self.server_mut(server).clients.remove(&cid);
        if self.leaf(id).is_some() {
            self.unregister_end(id);
        }
        self.remove_subscriptions(id);
        self.forget_publisher(id);
        self.leave(id);
    }

    /// Keeps a connection in the list of those that have ended.
    pub(super) fn keep_closed(&mut self, server: ServerId, closed: ClosedConn) {
        let srv = self.server_mut(server);
        if srv.closed.len() >= srv.spec.limits.max_closed_clients {
            srv.closed.pop_front();
        }
        srv.closed.push_back(closed);
    }

    pub(super) fn closed_conn(&self, conn: &Conn, reason: CloseReason) -> ClosedConn {
        let mut subscriptions: Vec<_> = conn.subs.iter().copied().collect();
        subscriptions.sort_unstable();
        ClosedConn {
            client: self.snapshot(conn),
            port: conn.peer.port,
            stop: self.now,
            last: conn.last,
            last_in_utc: conn.flags.last_in_utc,
            reason,
            pending: conn.pending(),
            stalls: conn.stalls,
            tls: conn.tls_session().cloned().map(Box::new),
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
        }
    }
}
