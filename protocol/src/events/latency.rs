//! How long requests to a service took.

use super::ClientInfo;
use crate::json::Extra;
use crate::time::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a server publishes in the exporting account, on the subject its export names, about one request.
///
/// Durations are in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceLatency {
    /// [`ServiceLatency::TYPE`]; empty in a [`RemoteLatency`].
    #[serde(rename = "type")]
    pub event_type: Cow<'static, str>,
    /// Unique id of the event, 22 characters; empty in a [`RemoteLatency`].
    pub id: String,
    /// When it was published, in UTC; [`Timestamp::ZERO`] in a [`RemoteLatency`].
    pub timestamp: Timestamp,
    /// 200 for an answer, 400 for a request that was refused, 408 for an unfinished one, 503 without a service,
    /// 504 after the time limit.
    pub status: i64,
    /// What went wrong. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Who asked: account and round-trip time alone, unless the import shares more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requestor: Option<ClientInfo>,
    /// Who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responder: Option<ClientInfo>,
    /// The headers that switched measuring on, sorted. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, Vec<String>>,
    /// When the request was sent, in UTC: half a round trip before it arrived.
    pub start: Timestamp,
    /// The service's own time.
    pub service: Nanos,
    /// The servers' time.
    pub system: Nanos,
    /// From request to answer.
    pub total: Nanos,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ServiceLatency {
    /// The `type` of this event.
    pub const TYPE: &str = "io.nats.server.metric.v1.service_latency";
}

impl Default for ServiceLatency {
    fn default() -> Self {
        Self {
            event_type: Cow::Borrowed(Self::TYPE),
            id: String::new(),
            timestamp: Timestamp::default(),
            status: 0,
            description: String::new(),
            requestor: None,
            responder: None,
            header: BTreeMap::new(),
            start: Timestamp::default(),
            service: Nanos::default(),
            system: Nanos::default(),
            total: Nanos::default(),
            extra: Extra::new(),
        }
    }
}

/// Body of `$SYS.LATENCY.M2.<hash>`: the responder's server tells the requestor's server what it measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoteLatency {
    /// Exporting account.
    pub account: String,
    /// Reply subject of the request, which tells requests apart.
    pub req_id: String,
    /// The responder's half.
    pub m2: ServiceLatency,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
