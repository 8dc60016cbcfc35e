//! The way of a message that is to be told: what a server does with it, step by step.
//!
//! There is one such message at a time, since what a server hands to others is put off until it is done
//! with it. Messages that nobody wants to be told of cost a look at whether there is one.

use std::fmt;

use nats_mock_protocol::events::{
    ConnectionKind, MessageTrace, TraceEgress, TraceIngress, TraceServiceImport, TraceStep,
    TraceStreamExport, TraceSubjectMapping,
};
use nats_mock_protocol::time::Timestamp;

use super::Core;
use super::account::AccountId;
use super::conn::ConnId;
use super::notice::{Notice, Traced};
use super::server::ServerId;
use super::subs::SubId;
use super::trace_request::text;

/// A message whose way is to be told, on one server.
pub(super) struct MsgTrace {
    pub server: ServerId,
    /// The account in which it is told; nothing if that is not known here.
    pub account: Option<AccountId>,
    pub account_name: Box<str>,
    /// The account in which it has come.
    pub came_in: AccountId,
    /// Where it is told.
    pub dest: Box<[u8]>,
    /// The encoding that is asked for; empty if none is.
    pub encoding: Box<str>,
    /// The way that it has taken so far.
    pub hop: Box<str>,
    /// It is delivered to nobody.
    pub is_only_traced: bool,
    pub is_from_client: bool,
    /// Tells others of it by the subjects that lead back from other accounts, under this number.
    pub answers: Option<u64>,
    pub event: MessageTrace,
}

/// Headers are shown to nobody but whom they are for.
impl fmt::Debug for MsgTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MsgTrace")
            .field("server", &self.server)
            .field("account", &self.account_name)
            .finish_non_exhaustive()
    }
}

/// Why a message is not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undelivered {
    NoEcho,
    /// The receiver may not get it.
    ReceiverDenied,
    /// A leaf node may not be sent it.
    SenderDenied,
    Closed,
    Unsubscribed,
    /// The other server could not but deliver what is only to be traced.
    NotTracedThere,
}

impl Undelivered {
    fn text(self) -> &'static str {
        match self {
            Self::NoEcho => "Not delivered because of no echo",
            Self::ReceiverDenied => "Not delivered because subscription denies this subject",
            Self::SenderDenied => "Not delivered because publish denied for this subject",
            Self::Closed => "Not delivered because client is closed",
            Self::Unsubscribed => "Not delivered because auto-unsubscribe exceeded",
            Self::NotTracedThere => "Not delivered because remote does not support message tracing",
        }
    }
}

/// What is said where a message goes on to a server that traces none.
const DELIVERED_UNTRACED: &str = "Message delivered but remote does not support message tracing so no trace event generated from there";

/// What becomes of a message at a server or client to which it is handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    /// Nobody there tells what becomes of it.
    DeliveredUntraced,
    Not(Undelivered),
}

impl Outcome {
    fn text(self) -> &'static str {
        match self {
            Self::Delivered => "",
            Self::DeliveredUntraced => DELIVERED_UNTRACED,
            Self::Not(why) => why.text(),
        }
    }
}

/// A connection to another server.
pub(super) struct LinkEnd {
    pub kind: ConnectionKind,
    pub cid: u64,
    pub name: String,
    /// The account of a leaf node connection.
    pub account: Option<AccountId>,
}

impl MsgTrace {
    /// The steps of a message that has just come.
    pub fn ingress(&mut self) -> Option<&mut TraceIngress> {
        match self.event.events.first_mut() {
            Some(TraceStep::Ingress(ingress)) => Some(ingress),
            _ => None,
        }
    }

    /// The way to the next server that the message goes to.
    pub fn next_hop(&mut self) -> String {
        self.event.hops += 1;
        let number = self.event.hops;
        if self.hop.is_empty() {
            number.to_string()
        } else {
            format!("{}.{number}", self.hop)
        }
    }
}

impl Core {
    fn trace_time(&self, server: ServerId) -> Timestamp {
        self.server(server).wall_clock.local(self.now)
    }

    /// Whether the message at hand is only to be traced.
    pub(super) fn is_only_traced(&self) -> bool {
        self.trace.as_ref().is_some_and(|it| it.is_only_traced)
    }

    /// Why the message at hand was refused.
    pub(super) fn trace_refusal(&mut self, error: &str) {
        if let Some(ingress) = self.trace.as_mut().and_then(|trace| trace.ingress()) {
            ingress.error = error.to_owned();
        }
    }

    /// The subject of the message at hand has become another.
    pub(super) fn trace_mapping(&mut self, subject: &[u8]) {
        let Some(server) = self.trace.as_ref().map(|trace| trace.server) else {
            return;
        };
        let ts = self.trace_time(server);
        self.trace_step(TraceStep::SubjectMapping(TraceSubjectMapping {
            ts,
            to: text(subject),
            ..TraceSubjectMapping::default()
        }));
    }

    /// The message at hand goes to an account that imports it.
    pub(super) fn trace_stream_export(&mut self, to: AccountId, subject: &[u8]) {
        let Some(server) = self.trace.as_ref().map(|trace| trace.server) else {
            return;
        };
        self.trace_step(TraceStep::StreamExport(TraceStreamExport {
            ts: self.trace_time(server),
            acc: self.account(to).name.to_string(),
            to: text(subject),
            ..TraceStreamExport::default()
        }));
    }

    /// The message at hand is a request to another account.
    pub(super) fn trace_service_import(&mut self, to: AccountId, from: &[u8], subject: &[u8]) {
        let Some(server) = self.trace.as_ref().map(|trace| trace.server) else {
            return;
        };
        self.trace_step(TraceStep::ServiceImport(TraceServiceImport {
            ts: self.trace_time(server),
            acc: self.account(to).name.to_string(),
            from: text(from),
            to: text(subject),
            ..TraceServiceImport::default()
        }));
    }

    /// The message at hand has gone to a client, or should have.
    pub(super) fn trace_client(&mut self, sub: SubId, id: ConnId, outcome: Outcome) {
        let Some(trace) = self.trace.as_deref() else {
            return;
        };
        let (came_in, server) = (trace.came_in, trace.server);
        let Some((conn, sub)) = self.conn(id).zip(self.subs.get(sub.index())) else {
            return;
        };
        let egress = TraceEgress {
            ts: self.trace_time(server),
            kind: ConnectionKind::CLIENT,
            cid: conn.cid,
            name: conn.options.name.to_string(),
            acc: self.other_account(Some(conn.account), came_in),
            sub: text(sub.subject()),
            queue: sub.queue().map(text).unwrap_or_default(),
            error: outcome.text().to_owned(),
            ..TraceEgress::default()
        };
        self.trace_step(TraceStep::Egress(egress));
    }

    /// The message at hand has gone to another server, or should have.
    pub(super) fn trace_link(&mut self, link: LinkEnd, hop: String, outcome: Outcome) {
        let Some(trace) = self.trace.as_deref() else {
            return;
        };
        let (came_in, server) = (trace.came_in, trace.server);
        let egress = TraceEgress {
            ts: self.trace_time(server),
            kind: link.kind,
            cid: link.cid,
            name: link.name,
            hop,
            acc: self.other_account(link.account, came_in),
            error: outcome.text().to_owned(),
            ..TraceEgress::default()
        };
        self.trace_step(TraceStep::Egress(egress));
    }

    /// The name of an account, if a message has come in another.
    fn other_account(&self, account: Option<AccountId>, came_in: AccountId) -> String {
        let other = account.filter(|&account| account != came_in);
        other.map_or_else(String::new, |other| self.account(other).name.to_string())
    }

    fn trace_step(&mut self, step: TraceStep) {
        if let Some(trace) = &mut self.trace {
            trace.event.events.push(step);
        }
    }

    /// How a message has come, as the first of its steps.
    pub(super) fn traced_ingress(
        &self,
        server: ServerId,
        link: LinkEnd,
        account: AccountId,
        subject: &[u8],
    ) -> TraceStep {
        TraceStep::Ingress(TraceIngress {
            ts: self.trace_time(server),
            kind: link.kind,
            cid: link.cid,
            name: link.name,
            acc: self.account(account).name.to_string(),
            subj: text(subject),
            ..TraceIngress::default()
        })
    }

    /// Tells the way of the message at hand, which the server is done with.
    pub(super) fn end_trace(&mut self) {
        let Some(trace) = self.trace.take() else {
            return;
        };
        let Some(account) = trace.account else {
            return;
        };
        self.notices.push_back(Notice::Traced(Box::new(Traced {
            server: trace.server,
            account,
            subject: trace.dest,
            encoding: trace.encoding,
            event: trace.event,
        })));
    }
}
