//! What connections send.

use nats_mock_protocol::wire::{ClientBatch, ClientOp, Limits, WireError};

use super::authenticate::{Admission, Login};
use super::conn::{ConnId, MatchCache, Traffic};
use super::deliver::{Digits, Origin};
use super::text::quoted;
use super::trace_request;
use super::{CloseReason, Conn, Core, Outgoing, Time};
use crate::version::Feature;

/// What the caller is to do after a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// The decoder is to go on with these limits.
    pub limits: Option<Limits>,
    /// A receiver is far behind: reading from this connection is to pause for a moment.
    pub stall: bool,
    /// The connection was broken.
    pub reset: bool,
}

/// One batch in the making: counted once at its end, as the real server does.
pub(super) struct Inbound {
    pub id: ConnId,
    pub traffic: Traffic,
    pub matches: MatchCache,
    subscribed: bool,
}

impl Core {
    /// A connection has sent a batch of operations. `goes_on` tells that the next batch is of the same
    /// read.
    pub fn receive(
        &mut self,
        now: Time,
        id: ConnId,
        batch: &ClientBatch,
        goes_on: bool,
    ) -> Received {
        self.receive_each(now, id, batch, goes_on, None)
    }

    /// As [`receive`](Self::receive), with something to be done after each operation.
    pub fn receive_each(
        &mut self,
        now: Time,
        id: ConnId,
        batch: &ClientBatch,
        goes_on: bool,
        after: Option<&mut dyn FnMut(&mut Self)>,
    ) -> Received {
        self.set_now(now);
        if let Some(kept) = self.keep_batch(id, batch, goes_on) {
            return kept;
        }
        self.receive_rest(id, batch, 0, goes_on, after)
    }

    /// Does what is left of a batch.
    pub(super) fn receive_rest(
        &mut self,
        id: ConnId,
        batch: &ClientBatch,
        done: usize,
        goes_on: bool,
        mut after: Option<&mut dyn FnMut(&mut Self)>,
    ) -> Received {
        let Some(conn) = self.conn_mut(id).filter(|conn| !conn.is_closing()) else {
            return Received {
                reset: self.conn(id).is_some_and(|conn| conn.flags.reset),
                ..Received::default()
            };
        };
        // What arrives together with CONNECT is counted for no account, as in the real server.
        let account = conn.counted_in;
        let mut inbound = Inbound {
            id,
            traffic: Traffic::default(),
            matches: std::mem::take(&mut conn.matches),
            subscribed: false,
        };
        self.stall = false;
        let mut limits_changed = false;
        let mut waits_from = None;
        for (place, op) in batch.iter().enumerate().skip(done) {
            let is_connect = matches!(op, ClientOp::Connect(_));
            limits_changed |= is_connect;
            self.operate(&mut inbound, op);
            if self.is_asked_about(id) {
                // Anything but CONNECT is still to be done.
                waits_from = Some(place + usize::from(is_connect));
                break;
            }
            if let Some(after) = &mut after {
                after(self);
            }
            if self.is_closing(id) {
                break;
            }
        }
        if let Some(place) = waits_from {
            self.keep_rest(id, batch, place, goes_on);
        } else if let Some(fault) = batch.fault()
            && !self.is_closing(id)
        {
            self.close_for_fault(id, fault);
        }
        self.count_inbound(inbound, account);
        // The rest of what was read is still to be looked at.
        if !goes_on
            && waits_from.is_none()
            && let Some(conn) = self.conn_mut(id)
        {
            conn.counted_in = conn.account;
        }
        Received {
            limits: limits_changed.then(|| self.decoder_limits(id)),
            stall: std::mem::take(&mut self.stall),
            reset: false,
        }
    }

    fn is_closing(&self, id: ConnId) -> bool {
        self.conn(id).is_none_or(super::Conn::is_closing)
    }

    fn count_inbound(&mut self, inbound: Inbound, account: super::AccountId) {
        let now = self.now;
        let Traffic { msgs, bytes } = inbound.traffic;
        let Some(conn) = super::conn_mut(&mut self.conns, inbound.id) else {
            return;
        };
        conn.matches = inbound.matches;
        if msgs > 0 || inbound.subscribed {
            conn.last = now;
            conn.last_in = now;
            conn.flags.last_in_utc = false;
        }
        if msgs == 0 {
            return;
        }
        conn.received.add(msgs, bytes);
        let server = &mut self.servers[conn.server.0 as usize];
        server.received.add(msgs, bytes);
        server.received_from_clients.add(msgs, bytes);
        self.accounts[account.0 as usize]
            .on_server_mut(conn.server)
            .received
            .add(msgs, bytes);
    }

    fn operate(&mut self, inbound: &mut Inbound, op: ClientOp<'_>) {
        let id = inbound.id;
        let is_leaf = self.leaf(id).is_some();
        if let ClientOp::Connect(json) = op {
            if is_leaf {
                self.connect_at_leaf_port(id, json);
            } else {
                self.connect(id, json);
            }
            return;
        }
        if is_leaf {
            self.discard(id, CloseReason::ParseError);
            return;
        }
        let Some(conn) = self.conn(id) else { return };
        if conn.flags.expects_connect && !conn.flags.connect_received && !self.log_in_silently(id) {
            return;
        }
        match op {
            ClientOp::Pub(publish) => {
                let message = Outgoing {
                    subject: publish.subject,
                    reply: publish.reply,
                    // A block of no length is no headers.
                    header_len: publish.header_len.filter(|&len| len > 0),
                    payload: publish.payload,
                    digits: Some(Digits {
                        size: publish.size_text,
                        header: publish.header_text,
                    }),
                };
                self.publish(inbound, &message);
            }
            ClientOp::Sub {
                subject,
                queue,
                sid,
            } => {
                inbound.subscribed = true;
                self.subscribe(id, subject, queue, sid);
            }
            ClientOp::Unsub { sid, max } => {
                inbound.subscribed = true;
                self.unsubscribe(id, sid, max);
            }
            ClientOp::Ping => self.ping_received(id),
            ClientOp::Pong => self.pong_received(id),
            ClientOp::Info(json) => {
                if nats_mock_protocol::wire::ServerInfo::parse(json).is_err() {
                    self.close_for_nonsense(id);
                }
            }
            ClientOp::Err(_) => self.close(id, CloseReason::ParseError),
            ClientOp::Connect(_) | ClientOp::Ok => {}
        }
    }

    /// Takes a connection that needs credentials and sends none for `no_auth_user`.
    fn log_in_silently(&mut self, id: ConnId) -> bool {
        let Some(conn) = self.conn_mut(id) else {
            return false;
        };
        conn.flags.connect_received = true;
        if let Some(timer) = conn.auth_timer.take() {
            self.timers.cancel(timer);
        }
        self.log_in(id, Login::Implicit) == Admission::In
    }

    fn close_for_fault(&mut self, id: ConnId, fault: &WireError) {
        let reason = match fault {
            WireError::ConnectExpected { .. } => {
                self.auth_violation(id);
                return;
            }
            WireError::ControlLine { .. } => CloseReason::MaxControlLineExceeded,
            WireError::MaxPayload { .. } => CloseReason::MaxPayloadExceeded,
            _ => CloseReason::ProtocolViolation,
        };
        if let Some(text) = fault.reply() {
            self.send_err(id, text);
        }
        match reason {
            CloseReason::ProtocolViolation => self.close_for_nonsense(id),
            reason => self.close(id, reason),
        }
    }

    fn publish(&mut self, inbound: &mut Inbound, message: &Outgoing<'_>) {
        if message.block().is_some_and(trace_request::may_ask) {
            self.publish_asking(inbound, message);
        } else {
            self.publish_untraced(inbound, message, None);
        }
    }

    /// Publishes, or refuses to because of `denied`, where the way of the message was to be told.
    pub(super) fn publish_untraced(
        &mut self,
        inbound: &mut Inbound,
        message: &Outgoing<'_>,
        denied: Option<&[u8]>,
    ) {
        let place = |conn: &Conn| (conn.account, conn.server);
        if self.has_mappings
            && let Some((account, server)) = self.conn(inbound.id).map(place)
            && let Some(subject) = self.mapped(account, server, message.subject)
        {
            let mapped = Outgoing {
                subject: &subject,
                ..*message
            };
            self.trace_mapping(&subject);
            self.publish_mapped(inbound, &mapped, denied);
        } else {
            self.publish_mapped(inbound, message, denied);
        }
    }

    /// Publishes to what the subject has become.
    fn publish_mapped(
        &mut self,
        inbound: &mut Inbound,
        message: &Outgoing<'_>,
        denied: Option<&[u8]>,
    ) {
        let id = inbound.id;
        let now = self.now;
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        if conn
            .max_payload
            .is_some_and(|max| message.payload.len() > max as usize)
        {
            self.send_err(id, "Maximum Payload Violation");
            self.close(id, CloseReason::MaxPayloadExceeded);
            return;
        }
        inbound.traffic.add(1, message.payload.len() as u64);
        let account = conn.account;
        let server = conn.server;
        let system = self.servers[server.0 as usize].system == Some(account);
        let pedantic_violation = conn.options.pedantic
            && !nats_mock_protocol::subject::is_valid_publish(message.subject);
        let srv = &self.servers[usize::from(server.0)];
        let for_gateways = srv.has_gateways() && begins(message.subject, b"$GR.");
        let refuses_those = srv.profile.has(Feature::OldGatewayRepliesRefused);
        let reserved = is_reserved(message.subject, system) || (for_gateways && refuses_those);
        let allowed = !reserved
            && conn
                .rights
                .as_mut()
                .is_none_or(|rights| rights.may_publish(message.subject, now));
        let verbose = conn.options.verbose;
        let wants_status = conn.options.no_responders && conn.flags.headers;
        if pedantic_violation {
            self.send_err(id, "Invalid Publish Subject");
        }
        let denied = if allowed {
            denied
        } else {
            Some(message.subject)
        };
        if let Some(subject) = denied {
            let subject = quoted(subject);
            let error = format!("Permissions Violation for Publish to {subject}");
            self.trace_refusal(&error);
            self.send_err(id, &error);
            return;
        }
        if let Some(reply) = message.reply.filter(|reply| is_reserved_reply(reply)) {
            let reply = quoted(reply);
            let error = format!("Permissions Violation for Publish with Reply of {reply}");
            self.trace_refusal(&error);
            self.send_err(id, &error);
            return;
        }
        if verbose {
            self.send(id, nats_mock_protocol::wire::encode::ok);
        }
        if for_gateways {
            // Taken for a reply by a gateway, and nobody waits for it.
            return;
        }
        self.note_published(id, message);
        if self.conn(id).is_some_and(|conn| !conn.measured.is_empty()) {
            self.tell_apart(id, message);
        }
        let delivered = self.publish_as(
            Origin::Client(id),
            server,
            account,
            &mut inbound.matches,
            message,
        );
        if !delivered
            && wants_status
            && let Some(reply) = message.reply
        {
            self.no_responders(id, message.subject, reply);
        }
    }
}

/// Subjects that only servers among themselves may publish to: replies by gateways, and outside the
/// system account those of raft groups.
pub(super) fn is_reserved(subject: &[u8], system_account: bool) -> bool {
    begins(subject, b"_GR_.") || (!system_account && subject.starts_with(b"$NRG."))
}

/// Reply subjects that only servers may use.
fn is_reserved_reply(reply: &[u8]) -> bool {
    (reply.len() > 3 && reply.starts_with(b"_R_."))
        || begins(reply, b"$JS.ACK.")
        || begins(reply, b"_GR_.")
}

/// Whether `subject` starts with `prefix` and goes on after it.
fn begins(subject: &[u8], prefix: &[u8]) -> bool {
    subject.len() > prefix.len() && subject.starts_with(prefix)
}
