//! From a published message to its receivers. This is the hot path: in the steady state it
//! allocates nothing per message.

use std::sync::Arc;

use nats_mock_protocol::wire::encode;

use super::Core;
use super::account::AccountId;
use super::conn::{ConnId, MatchCache};
use super::ids;
use super::notice::{Notice, Request};
use super::server::ServerId;
use super::sublist::MatchResult;
use super::subs::{Receiver, SubId};
use crate::version::Feature;

/// A message on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub subject: &'a [u8],
    /// Where answers are expected. The empty subject is written out, as nats-server does with
    /// messages of its own.
    pub reply: Option<&'a [u8]>,
    /// Length of the headers at the front of the payload, if there are any.
    pub header_len: Option<usize>,
    pub payload: &'a [u8],
    /// The sizes in the publisher's own digits, which receivers get as they are.
    pub digits: Option<Digits<'a>>,
}

/// Sizes as a publisher has written them: `PUB a 04` is delivered as `MSG a 1 04`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits<'a> {
    pub size: &'a [u8],
    pub header: Option<&'a [u8]>,
}

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Client(ConnId),
    /// The system client of a server.
    System(ServerId),
}

/// Service imports that may lead from one to the next before a message is dropped.
const MAX_IMPORT_DEPTH: u8 = 16;

/// One message being handed to its receivers.
pub(super) struct Delivery<'a> {
    pub origin: Origin,
    pub server: ServerId,
    pub message: Outgoing<'a>,
    pub depth: u8,
    /// The constant text around a receiver's sid, for receivers with headers and without.
    whole: Frame,
    stripped: Frame,
    /// Counted for account and server when all receivers are served.
    msgs: u64,
    /// A service has got it.
    requested: bool,
}

/// `MSG subject ` and ` reply size\r\n`.
#[derive(Debug, Default)]
pub(super) struct Frame {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Frame {
    fn build(&mut self, message: &Outgoing<'_>, with_headers: bool) {
        self.head.clear();
        self.tail.clear();
        let verb: &[u8] = if with_headers { b"HMSG " } else { b"MSG " };
        self.head.extend_from_slice(verb);
        self.head.extend_from_slice(message.subject);
        self.head.push(b' ');
        self.tail.push(b' ');
        if let Some(reply) = message.reply {
            self.tail.extend_from_slice(reply);
            self.tail.push(b' ');
        }
        let tail = &mut self.tail;
        let size = message.payload.len();
        let header_len = message.header_len.unwrap_or(0);
        let mut number = |len: usize, written: Option<&[u8]>| match written {
            Some(digits) => tail.extend_from_slice(digits),
            None => encode::number(tail, len as u64),
        };
        if with_headers {
            number(header_len, message.digits.and_then(|digits| digits.header));
            number(0, Some(b" "));
            number(size, message.digits.map(|digits| digits.size));
        } else if header_len > 0 {
            number(size - header_len, None);
        } else {
            number(size, message.digits.map(|digits| digits.size));
        }
        tail.extend_from_slice(b"\r\n");
    }

    fn is_built(&self) -> bool {
        !self.head.is_empty()
    }

    fn append(&self, sid: &[u8], body: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.head.len() + sid.len() + self.tail.len() + body.len() + 2);
        out.extend_from_slice(&self.head);
        out.extend_from_slice(sid);
        out.extend_from_slice(&self.tail);
        out.extend_from_slice(body);
        out.extend_from_slice(b"\r\n");
    }
}

impl Core {
    /// Publishes in the name of a server's system client. Nobody is told when nobody listens, and
    /// the server's own services do not hear it.
    pub fn publish_internal(
        &mut self,
        server: ServerId,
        account: AccountId,
        message: &Outgoing<'_>,
    ) -> bool {
        let (account_index, server_index) = (account.0 as usize, server.0 as usize);
        let here = &mut self.accounts[account_index].on_server[server_index];
        let mut cache = std::mem::take(&mut here.internal_matches);
        let origin = Origin::System(server);
        let delivered = self.publish_as(origin, server, account, &mut cache, message);
        self.accounts[account_index].on_server[server_index].internal_matches = cache;
        delivered
    }

    /// Publishes, with what the origin's recent messages matched. Tells whether anybody received it.
    pub(super) fn publish_as(
        &mut self,
        origin: Origin,
        server: ServerId,
        account: AccountId,
        cache: &mut MatchCache,
        message: &Outgoing<'_>,
    ) -> bool {
        let subs = &mut self.accounts[account.0 as usize].subs;
        if let Some(found) = cache.get(message.subject, account, subs.generation()) {
            return self.deliver(origin, server, account, found, message, 0);
        }
        let found = subs.matches(message.subject);
        if found.is_empty() {
            return false;
        }
        cache.put(message.subject, Arc::clone(&found));
        self.deliver(origin, server, account, &found, message, 0)
    }

    /// Hands a message to all plain subscriptions and to one member of each queue group.
    pub(super) fn deliver(
        &mut self,
        origin: Origin,
        server: ServerId,
        account: AccountId,
        found: &MatchResult,
        message: &Outgoing<'_>,
        depth: u8,
    ) -> bool {
        if found.is_empty() || depth > MAX_IMPORT_DEPTH {
            return false;
        }
        let mut delivery = Delivery {
            origin,
            server,
            message: *message,
            depth,
            whole: std::mem::take(&mut self.frame),
            stripped: Frame::default(),
            msgs: 0,
            requested: false,
        };
        delivery.whole.build(message, message.header_len.is_some());
        let mut delivered = false;
        for &sub in &found.plain {
            delivered |= self.deliver_to(&mut delivery, sub);
        }
        for group in &found.queues {
            let members = &group.members;
            let start = match members.len() {
                1 => 0,
                len => ids::below(len as u64, &mut self.queue_picks) as usize,
            };
            delivered |= members[start..]
                .iter()
                .chain(&members[..start])
                .any(|&sub| self.deliver_to(&mut delivery, sub));
        }
        let msgs = delivery.msgs;
        self.frame = delivery.whole;
        if msgs > 0 {
            let bytes = msgs * message.payload.len() as u64;
            let srv = &mut self.servers[server.0 as usize];
            srv.sent.add(msgs, bytes);
            srv.sent_to_clients.add(msgs, bytes);
            self.accounts[account.0 as usize].on_server[server.0 as usize]
                .sent
                .add(msgs, bytes);
        }
        delivered
    }

    fn deliver_to(&mut self, delivery: &mut Delivery<'_>, sub_id: SubId) -> bool {
        let Some(sub) = self.subs.get_mut(sub_id.0 as usize) else {
            return false;
        };
        // Without links between them, servers do not reach each other.
        if sub.server != delivery.server {
            return false;
        }
        match sub.receiver {
            Receiver::Client(id) => self.deliver_to_client(delivery, sub_id, id),
            Receiver::Service(tag) => {
                if matches!(delivery.origin, Origin::System(_)) {
                    return false;
                }
                sub.matched += 1;
                self.request(delivery, tag);
                true
            }
            Receiver::Import(index) => {
                sub.matched += 1;
                let importer = sub.account;
                self.deliver_through_import(delivery, importer, index as usize)
            }
            Receiver::ImportReplies => {
                sub.matched += 1;
                let exporter = sub.account;
                self.deliver_import_reply(delivery, exporter)
            }
        }
    }

    fn deliver_to_client(
        &mut self,
        delivery: &mut Delivery<'_>,
        sub_id: SubId,
        id: ConnId,
    ) -> bool {
        let message = &delivery.message;
        let now = self.now;
        let sub = &mut self.subs[sub_id.0 as usize];
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return false;
        };
        if conn.is_closing() || (!conn.options.echo && delivery.origin == Origin::Client(id)) {
            return false;
        }
        if let Some(rights) = &conn.rights
            && !rights.may_receive(message.subject, sub.queue())
        {
            return false;
        }
        sub.matched += 1;
        let exhausted = sub.max > 0 && sub.matched >= sub.max;
        if exhausted && sub.matched > sub.max {
            self.remove_sub(sub_id);
            return false;
        }
        let strip = message.header_len.is_some() && !conn.flags.headers;
        let (frame, body) = if strip {
            if !delivery.stripped.is_built() {
                delivery.stripped.build(message, false);
            }
            let header_len = message.header_len.unwrap_or(0);
            (&delivery.stripped, &message.payload[header_len..])
        } else {
            (&delivery.whole, message.payload)
        };
        conn.sent.add(1, body.len() as u64);
        conn.last = now;
        conn.flags.last_in_utc = false;
        delivery.msgs += 1;
        if !conn.flags.detached {
            frame.append(sub.sid(), body, &mut conn.output);
            super::wake(&mut self.woken, conn, id);
        }
        if let Some(rights) = &mut conn.rights
            && let Some(reply) = message.reply.filter(|reply| !reply.is_empty())
        {
            rights.track_reply(reply, now);
        }
        let max_pending = self.servers[conn.server.0 as usize].spec.limits.max_pending;
        let pending = conn.pending() as u64;
        if pending > max_pending / 4 * 3 {
            self.receiver_falls_behind(id, pending > max_pending, delivery.origin);
        }
        if exhausted {
            self.remove_sub(sub_id);
        }
        true
    }

    /// A receiver has more than three quarters of what may wait for it: whoever feeds it is slowed
    /// down, and beyond the limit it is cut off.
    fn receiver_falls_behind(&mut self, id: ConnId, over: bool, origin: Origin) {
        if over {
            self.cut_off_slow_consumer(id);
        } else if matches!(origin, Origin::Client(_))
            && !self.stall
            && let Some(conn) = super::conn_mut(&mut self.conns, id)
        {
            let server = &mut self.servers[conn.server.0 as usize];
            if server.spec.stalls_producers {
                self.stall = true;
                conn.stalls += 1;
                server.stalled_clients += 1;
            }
        }
    }

    fn request(&mut self, delivery: &mut Delivery<'_>, tag: u32) {
        let message = &delivery.message;
        let (header, payload) = message
            .payload
            .split_at(message.header_len.unwrap_or_default());
        let request = Request {
            server: delivery.server,
            tag,
            subject: message.subject.into(),
            reply: message.reply.map(Into::into),
            header: header.into(),
            payload: payload.into(),
            from: match delivery.origin {
                Origin::Client(id) => Some(id),
                Origin::System(_) => None,
            },
            repeated: std::mem::replace(&mut delivery.requested, true),
        };
        self.notices.push_back(Notice::Request(Box::new(request)));
    }

    /// Tells a requester that nobody is there to answer, if it listens for the answer itself.
    pub(super) fn no_responders(&mut self, id: ConnId, subject: &[u8], reply: &[u8]) {
        let Some(conn) = self.conn(id) else { return };
        let names_subject = self
            .server(conn.server)
            .profile
            .has(Feature::NoRespondersNamesSubject);
        let account = conn.account;
        let found = self.account_mut(account).subs.matches(reply);
        let own = found
            .plain
            .iter()
            .map(|&sub| self.sub(sub))
            .find(|sub| sub.receiver == Receiver::Client(id));
        let Some(own) = own else { return };
        let mut status = b"NATS/1.0 503\r\n".to_vec();
        if names_subject {
            status.extend_from_slice(b"Nats-Subject: ");
            status.extend_from_slice(subject);
            status.extend_from_slice(b"\r\n");
        }
        status.extend_from_slice(b"\r\n");
        let sid = own.sid().to_vec();
        self.send(id, |out| {
            encode::message_with_headers(out, reply, &sid, None, &status, b"");
        });
    }
}
