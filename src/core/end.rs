//! How a connection is ended from outside: by its server, for a reason that did not come about by itself,
//! or by the network.

use super::conn::ConnId;
use super::freeze::Waiting;
use super::notice::{AuthAudience, Notice};
use super::{CloseReason, Core, Time, close};

/// How a server ends a connection.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub reason: CloseReason,
    /// What `-ERR` says, unless it is the usual.
    pub text: Option<Box<str>>,
}

impl From<CloseReason> for Ending {
    fn from(reason: CloseReason) -> Self {
        Self { reason, text: None }
    }
}

/// What a server says to a client that it cuts off. Most it cuts off without a word.
fn usual_text(reason: CloseReason) -> Option<&'static str> {
    Some(match reason {
        CloseReason::AuthenticationTimeout => "Authentication Timeout",
        CloseReason::AuthenticationViolation
        | CloseReason::ProxyNotTrusted
        | CloseReason::ProxyRequired => "Authorization Violation",
        CloseReason::AuthenticationExpired => "User Authentication Expired",
        CloseReason::Revocation => "User Authentication Revoked",
        CloseReason::StaleConnection => "Stale Connection",
        CloseReason::ProtocolViolation => "Unknown Protocol Operation",
        CloseReason::BadClientProtocolVersion => "invalid client protocol",
        CloseReason::NoRespondersRequiresHeaders => "no responders requires headers support",
        CloseReason::WrongPort => "attempted to connect to leaf node port",
        CloseReason::MaxConnectionsExceeded => "maximum connections exceeded",
        CloseReason::MaxAccountConnectionsExceeded => "maximum account active connections exceeded",
        CloseReason::MaxPayloadExceeded => "Maximum Payload Violation",
        CloseReason::MaxControlLineExceeded => "maximum control line exceeded",
        CloseReason::MaxSubscriptionsExceeded => "maximum subscriptions exceeded",
        _ => return None,
    })
}

impl Core {
    /// Closes a connection as if the reason had come about: it is said, counted and told like that.
    pub fn end(&mut self, now: Time, id: ConnId, ending: &Ending) {
        self.set_now(now);
        let Some(conn) = self.conn(id).filter(|conn| !conn.is_closing()) else {
            return;
        };
        let server = conn.server;
        if self.wait_if_frozen(server, || Waiting::Ended(id, ending.clone())) {
            return;
        }
        let reason = ending.reason;
        let text = ending.text.as_deref().or_else(|| usual_text(reason));
        if let Some(text) = text.filter(|_| !close::drops_output(reason)) {
            self.send_err(id, text);
        }
        match reason {
            CloseReason::AuthenticationViolation
            | CloseReason::ProxyNotTrusted
            | CloseReason::ProxyRequired => self.close_for_violation(id, reason),
            CloseReason::SlowConsumerPendingBytes => self.cut_off_slow_consumer(id),
            CloseReason::SlowConsumerWriteDeadline => self.write_timed_out(id),
            CloseReason::StaleConnection => self.close_stale(id),
            reason => self.close(id, reason),
        }
    }

    /// Closes a connection that may not be here, and tells of it.
    pub(super) fn close_for_violation(&mut self, id: ConnId, reason: CloseReason) {
        let event = self.refusal_for_system(id, reason);
        self.close_after(id, reason, event);
    }

    /// Tells the system account of a connection that may not be here.
    pub(super) fn tell_system_of_refusal(&mut self, id: ConnId, reason: CloseReason) {
        let event = self.refusal_for_system(id, reason);
        self.notices.extend(event);
    }

    fn refusal_for_system(&self, id: ConnId, reason: CloseReason) -> Option<Notice> {
        let conn = self.conn(id)?;
        Some(Notice::AuthFailed {
            server: conn.server,
            client: Box::new(self.snapshot(conn)),
            audience: AuthAudience::System,
            reason,
            words: None,
            at: self.now,
        })
    }

    /// Breaks a connection: the other side finds it reset, and so does the server. What has been sent before
    /// may still be read.
    pub fn reset(&mut self, now: Time, id: ConnId) {
        self.set_now(now);
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        conn.flags.reset = true;
        let is_simulated = conn.flags.detached;
        self.forget_stall(id);
        if !is_simulated && let Some(conn) = super::conn_mut(&mut self.conns, id) {
            super::wake(&mut self.woken, conn, id);
        }
        self.peer_closed(now, id, CloseReason::ReadError);
    }

    /// As [`reset`](Self::reset), and what has been sent is lost.
    pub fn reset_at_once(&mut self, now: Time, id: ConnId) {
        if let Some(conn) = self.conn_mut(id) {
            conn.output = Vec::new();
            conn.passed = 0;
        }
        self.reset(now, id);
    }

    /// Ends what the server sends: the other side reads to the end, and can still write.
    pub fn finish(&mut self, now: Time, id: ConnId) {
        self.set_now(now);
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        if !conn.is_closing() && !conn.flags.mute {
            conn.flags.mute = true;
            conn.flags.finish_due = true;
            super::wake(&mut self.woken, conn, id);
        }
    }
}
