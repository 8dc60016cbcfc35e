//! Traces of requests to services of other accounts. Since 2.14 servers tell the way of such a request from
//! there by a subject that leads back to the account that has asked. It is kept until all servers have
//! told that the request has gone to.

use std::collections::BTreeMap;

use nats_mock_protocol::events::{MessageTrace, TRACE_DEST};
use nats_mock_protocol::headers;

use super::account::AccountId;
use super::imports::Service;
use super::latency::Failure;
use super::replies::Awaited;
use super::trace_request::{crossed_out, disabled};
use super::{Core, ServerId};
use crate::topology::ResponseType;
use crate::version::Feature;

/// Traces that may be open; the oldest is forgotten first.
const MAX_OPEN: usize = 4096;

/// Servers of one trace that are kept apart, and of all.
const MAX_NODES: usize = 1024;
const MAX_NODES_OF_ALL: usize = 1 << 16;

/// What may tell servers apart in the way that a message has taken: none is a longer number, and no way longer.
const MAX_NAME: usize = 10;
const MAX_HOPS: usize = 64;

/// Traces of which not all has been told.
#[derive(Debug, Default)]
pub(super) struct TraceAnswers {
    last: u64,
    open: BTreeMap<u64, Open>,
    /// The servers of all that are open.
    nodes: usize,
}

impl TraceAnswers {
    fn close(&mut self, number: u64) -> Option<Open> {
        let open = self.open.remove(&number)?;
        self.nodes -= open.nodes;
        Some(open)
    }

    /// A subject that leads back is gone, and with the last one what was to come by it.
    pub fn forget(&mut self, number: u64, subject: &[u8]) {
        let Some(open) = self.open.get_mut(&number) else {
            return;
        };
        open.subjects.retain(|(_, known)| **known != *subject);
        if open.subjects.is_empty() {
            self.close(number);
        }
    }
}

#[derive(Debug, Default)]
struct Open {
    /// The subjects that lead back, and the accounts where they do.
    subjects: Vec<(AccountId, Box<[u8]>)>,
    /// What is awaited; nothing as long as the request has gone to no other server.
    awaited: Option<Node>,
    nodes: usize,
}

/// A server that a request has gone to.
#[derive(Debug, Default)]
struct Node {
    /// To how many others it went on; nothing as long as that is not known.
    hops: Option<i64>,
    /// How many of these have told.
    told: i64,
    next: BTreeMap<String, Node>,
}

impl Node {
    fn is_complete(&self) -> bool {
        self.hops == Some(self.told) && self.next.values().all(Node::is_complete)
    }

    /// A server has told that the request came to it by `hop`.
    fn note(&mut self, hop: &str, hops: i64, nodes: &mut usize, most: usize) {
        let is_name = |name: &str| !name.is_empty() && name.len() <= MAX_NAME;
        if !hop.split('.').all(is_name) || hop.split('.').count() > MAX_HOPS {
            return;
        }
        let mut node = self;
        let mut names = hop.split('.').peekable();
        while let Some(name) = names.next() {
            let is_last = names.peek().is_none();
            if !node.next.contains_key(name) {
                if *nodes >= most {
                    return;
                }
                *nodes += 1;
            }
            let next = node.next.entry(name.to_owned()).or_default();
            if is_last && next.hops.is_none() {
                next.hops = Some(hops);
                node.told += 1;
            }
            node = next;
        }
    }
}

/// A request that is about to be handed to a service.
pub(super) struct Asking<'a> {
    pub server: ServerId,
    pub importer: AccountId,
    pub exporter: AccountId,
    /// The subjects in the two accounts.
    pub from: &'a [u8],
    pub to: &'a [u8],
    pub service: Option<Service>,
    pub response_type: ResponseType,
    pub shares: bool,
    pub allows_trace: bool,
}

/// What a request to a service has changed of the trace at hand, until it is undone.
#[derive(Default)]
pub(super) struct Asked {
    /// The request is not handed to the service.
    pub ends_here: bool,
    /// The headers that it has there, if these are others.
    pub block: Option<Vec<u8>>,
    /// The trace that goes no further.
    put_aside: Option<Box<super::msg_trace::MsgTrace>>,
    /// Where the way was told until here.
    dest: Option<Box<[u8]>>,
    reply: Option<Box<[u8]>>,
}

impl Core {
    /// Goes on with the trace at hand, if there is one, into another account. `block` are the headers.
    pub(super) fn enter_import(&mut self, asking: &Asking<'_>, block: Option<&[u8]>) -> Asked {
        let Some(is_only_traced) = self.trace.as_ref().map(|trace| trace.is_only_traced) else {
            return Asked::default();
        };
        self.trace_service_import(asking.exporter, asking.from, asking.to);
        let leads_back = self
            .server(asking.server)
            .profile
            .has(Feature::TraceAnswers);
        let mut asked = Asked::default();
        if !asking.allows_trace {
            if is_only_traced {
                asked.ends_here = true;
                return asked;
            }
            asked.put_aside = self.trace.take();
            let stop = if leads_back { disabled } else { crossed_out };
            asked.block = block.map(stop);
            return asked;
        }
        if leads_back {
            let reply = self.await_trace(asking);
            asked.block = Some(headers::with(
                block,
                TRACE_DEST,
                &String::from_utf8_lossy(&reply),
            ));
            if let Some(trace) = &mut self.trace {
                asked.dest = Some(std::mem::replace(&mut trace.dest, reply.clone()));
            }
            asked.reply = Some(reply);
        }
        asked
    }

    /// A subject in the account of a service that leads back to where the way is told.
    fn await_trace(&mut self, asking: &Asking<'_>) -> Box<[u8]> {
        let number = self.number_of_answers();
        let dest = self.trace.as_ref().map(|trace| trace.dest.clone());
        let awaited = Awaited {
            account: asking.importer,
            reply: dest.unwrap_or_default(),
            server: asking.server,
            service: asking.service,
            response_type: asking.response_type,
            shares: asking.shares,
            since: self.now,
            tracking: None,
            place: 0,
            trace: Some(number),
        };
        let reply = self.await_reply(asking.server, asking.exporter, awaited);
        let open = self.trace_answers.open.entry(number).or_default();
        open.subjects.push((asking.exporter, reply.clone()));
        let oldest = self.trace_answers.open.first_key_value();
        let oldest = oldest.map(|(number, _)| *number);
        if let Some(oldest) = oldest.filter(|_| self.trace_answers.open.len() > MAX_OPEN) {
            self.trace_answers.close(oldest);
        }
        reply
    }

    fn number_of_answers(&mut self) -> u64 {
        let answers = &mut self.trace_answers;
        let Some(trace) = &mut self.trace else {
            return 0;
        };
        *trace.answers.get_or_insert_with(|| {
            answers.last += 1;
            answers.last
        })
    }

    /// Undoes what was done to hand a request to a service.
    pub(super) fn leave_import(&mut self, asked: Asked, exporter: AccountId, delivered: bool) {
        if asked.put_aside.is_some() {
            self.trace = asked.put_aside;
        }
        let Some(trace) = &mut self.trace else {
            return;
        };
        let number = trace.answers;
        if let Some(dest) = asked.dest {
            trace.dest = dest;
        }
        let (Some(number), Some(reply)) = (number, asked.reply) else {
            return;
        };
        let Some(open) = self.trace_answers.open.get(&number) else {
            return;
        };
        if open.awaited.is_some() {
            return;
        }
        self.trace_answers.forget(number, &reply);
        if delivered {
            self.forget_reply(exporter, &reply);
        } else {
            self.abandon_reply(exporter, &reply, Failure::Unavailable);
        }
    }

    /// The request goes to another server from here, which is going to tell its part.
    pub(super) fn note_hop_of_answers(&mut self) {
        let Some(trace) = self.trace.as_deref() else {
            return;
        };
        if !trace.is_from_client || !trace.dest.starts_with(b"_R_.") {
            return;
        }
        let open = trace.answers;
        if let Some(open) = open.and_then(|number| self.trace_answers.open.get_mut(&number)) {
            let awaited = open.awaited.get_or_insert_default();
            awaited.hops = Some(awaited.hops.unwrap_or(0) + 1);
        }
    }

    /// A server has told its part of the way by a subject that leads back.
    pub(super) fn trace_answered(&mut self, number: u64, payload: &[u8]) {
        let TraceAnswers { open, nodes, .. } = &mut self.trace_answers;
        let Some(open) = open.get_mut(&number) else {
            return;
        };
        let Some(awaited) = &mut open.awaited else {
            return;
        };
        let Ok(told) = serde_json::from_slice::<MessageTrace>(payload) else {
            return;
        };
        if let Some(hop) = told.hop() {
            let before = open.nodes;
            let room = MAX_NODES_OF_ALL.saturating_sub(*nodes);
            let most = MAX_NODES.min(before + room);
            awaited.note(hop, told.hops, &mut open.nodes, most);
            *nodes += open.nodes - before;
        }
        if !awaited.is_complete() {
            return;
        }
        let open = self.trace_answers.close(number);
        for (exporter, subject) in open.into_iter().flat_map(|open| open.subjects) {
            self.forget_reply(exporter, &subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_told_when_each_hop_has() {
        let mut nodes = 0;
        let mut awaited = Node {
            hops: Some(2),
            ..Node::default()
        };
        for (hop, hops, is_complete) in [
            ("2.1", 0, false),
            ("1", 0, false),
            ("1", 0, false),
            ("2", 1, true),
        ] {
            awaited.note(hop, hops, &mut nodes, MAX_NODES);
            assert_eq!(awaited.is_complete(), is_complete, "{hop}");
        }
        assert_eq!(nodes, 3);
    }

    #[test]
    fn what_others_send_takes_no_memory_without_bound() {
        let mut nodes = 0;
        let mut awaited = Node::default();
        for name in 0..3 * MAX_NODES {
            awaited.note(&name.to_string(), 0, &mut nodes, MAX_NODES);
        }
        assert_eq!(nodes, MAX_NODES);
        let (mut nodes, mut awaited) = (0, Node::default());
        let mut note = |hop: &str| awaited.note(hop, 0, &mut nodes, MAX_NODES);
        note(&"1.".repeat(10 * MAX_NODES));
        note(&["1"; MAX_HOPS + 1].join("."));
        note(&"1".repeat(MAX_NAME + 1));
        assert_eq!(nodes, 0);
    }
}
