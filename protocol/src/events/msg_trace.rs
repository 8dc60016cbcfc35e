//! The way of a message: what servers tell whoever has asked for it to be traced.

use super::ServerEnvelope;
use crate::json::{Extra, is_default};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Where the way of the message is to be told.
pub const TRACE_DEST: &str = "Nats-Trace-Dest";
/// Whether the message is only to be traced, and delivered to nobody: `1`, `true` or `on`.
pub const TRACE_ONLY: &str = "Nats-Trace-Only";
/// Which way between servers the message has taken, such as `1.2`; servers set it.
pub const TRACE_HOP: &str = "Nats-Trace-Hop";
/// The account in which the way is told, if the message has changed accounts; servers before 2.14 set it.
pub const TRACE_ORIGIN_ACCOUNT: &str = "Nats-Trace-Origin-Account";
/// What stands in [`TRACE_DEST`] of a message that is not to be traced any further; servers since 2.14 set it.
pub const TRACE_DISABLED: &str = "trace disabled";
/// The header of other tracing systems that has the way told where the account's configuration says.
pub const TRACE_PARENT: &str = "traceparent";

/// What one server has done with a message that is traced; since 2.11.
///
/// A message that goes by routes, gateways and leaf node connections has each server tell its own part.
/// What belongs together is found by [`TraceEgress::hop`] and the header `Nats-Trace-Hop` of the other part.
///
/// ```
/// use nats_mock_protocol::events::{MessageTrace, TraceStep};
///
/// let read: MessageTrace = serde_json::from_str(
///     r#"{"server":{},"request":{"header":{"Nats-Trace-Dest":["trace"]},"msgsize":40},"events":[
///         {"type":"in","ts":"2026-01-02T03:04:05Z","kind":0,"cid":8,"acc":"ORDERS","subj":"orders.new"},
///         {"type":"eg","ts":"2026-01-02T03:04:05Z","kind":0,"cid":9,"sub":"orders.>"}]}"#,
/// )?;
/// assert_eq!(read.ingress().map(|ingress| ingress.subj.as_str()), Some("orders.new"));
/// let to: Vec<u64> = read.egresses().map(|egress| egress.cid).collect();
/// assert_eq!(to, [9]);
/// assert!(matches!(&read.events[..], [TraceStep::Ingress(_), TraceStep::Egress(_)]));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageTrace {
    /// The server that tells.
    pub server: ServerEnvelope,
    /// The message.
    pub request: TraceRequest,
    /// To how many other servers it was sent on. Left out when 0.
    #[serde(skip_serializing_if = "is_default")]
    pub hops: i64,
    /// What has become of it, in order; the first is how it came.
    pub events: Vec<TraceStep>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl MessageTrace {
    /// How the message came.
    #[must_use]
    pub fn ingress(&self) -> Option<&TraceIngress> {
        match self.events.first() {
            Some(TraceStep::Ingress(ingress)) => Some(ingress),
            _ => None,
        }
    }

    /// Where it went, or should have gone.
    pub fn egresses(&self) -> impl Iterator<Item = &TraceEgress> {
        self.events.iter().filter_map(|step| match step {
            TraceStep::Egress(egress) => Some(egress),
            _ => None,
        })
    }

    /// The way between servers by which the message has come to this one; nothing where it was published.
    #[must_use]
    pub fn hop(&self) -> Option<&str> {
        let values = self.request.header.get(TRACE_HOP)?;
        values.first().map(String::as_str)
    }
}

/// A message that is traced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceRequest {
    /// Its headers as this server got them, sorted. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, Vec<String>>,
    /// Bytes of headers and payload. Left out when 0.
    #[serde(skip_serializing_if = "is_default")]
    pub msgsize: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Something that has become of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum TraceStep {
    /// It has come to the server.
    #[serde(rename = "in")]
    Ingress(TraceIngress),
    /// Its subject has become another.
    #[serde(rename = "sm")]
    SubjectMapping(TraceSubjectMapping),
    /// Another account gets it, which imports it as a stream.
    #[serde(rename = "se")]
    StreamExport(TraceStreamExport),
    /// It is a request to a service of another account.
    #[serde(rename = "si")]
    ServiceImport(TraceServiceImport),
    /// A stream of JetStream takes it.
    #[serde(rename = "js")]
    JetStream(TraceJetStream),
    /// It has gone to a client or another server, or should have.
    #[serde(rename = "eg")]
    Egress(TraceEgress),
    /// Something that this crate does not know.
    #[serde(untagged)]
    Other(Map<String, Value>),
}

/// What kind of connection a message has come by or goes to.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ConnectionKind(pub i64);

impl ConnectionKind {
    /// A client.
    pub const CLIENT: Self = Self(0);
    /// A route.
    pub const ROUTER: Self = Self(1);
    /// A gateway.
    pub const GATEWAY: Self = Self(2);
    /// A leaf node connection.
    pub const LEAF: Self = Self(4);
}

/// How a message has come to a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceIngress {
    /// When.
    pub ts: Timestamp,
    /// By what kind of connection.
    pub kind: ConnectionKind,
    /// The connection.
    pub cid: u64,
    /// What the client calls itself, or the name of the server on the other side. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Account.
    pub acc: String,
    /// Subject.
    pub subj: String,
    /// Why the server did not take it. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What the subject of a message has become.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceSubjectMapping {
    /// When.
    pub ts: Timestamp,
    /// The subject.
    pub to: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// An account that imports a message as a stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceStreamExport {
    /// When.
    pub ts: Timestamp,
    /// The account.
    pub acc: String,
    /// The subject there.
    pub to: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// An account whose service is asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceServiceImport {
    /// When.
    pub ts: Timestamp,
    /// The account of the service.
    pub acc: String,
    /// The subject in the account that asks.
    pub from: String,
    /// The subject there.
    pub to: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a stream of JetStream makes of a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceJetStream {
    /// When.
    pub ts: Timestamp,
    /// The stream.
    pub stream: String,
    /// The subject under which it is stored. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Nobody is interested, so it is not stored. Left out when false.
    #[serde(skip_serializing_if = "is_default")]
    pub nointerest: bool,
    /// Why it is not stored. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Where a message has gone, or should have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceEgress {
    /// When.
    pub ts: Timestamp,
    /// To what kind of connection.
    pub kind: ConnectionKind,
    /// The connection.
    pub cid: u64,
    /// What the client calls itself, or the name of the server on the other side. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The way between servers, which stands in `Nats-Trace-Hop` on the other side. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hop: String,
    /// The account, if it is another than that of the ingress. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub acc: String,
    /// The subscription of a client. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub: String,
    /// Its queue group. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub queue: String,
    /// Why it was not delivered, or will not be traced there. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
