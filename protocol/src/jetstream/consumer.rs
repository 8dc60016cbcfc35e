//! Consumers: configuration and progress.

use super::ClusterInfo;
use crate::json::{Extra, is_default};
use crate::time::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A consumer and its progress.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerInfo {
    /// Stream.
    pub stream_name: String,
    /// Name.
    pub name: String,
    /// When it was made, in UTC.
    pub created: Timestamp,
    /// Configuration, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Box<ConsumerConfig>>,
    /// Last message delivered.
    pub delivered: SequenceInfo,
    /// Last message up to which all are acknowledged.
    pub ack_floor: SequenceInfo,
    /// Messages delivered but not acknowledged.
    pub num_ack_pending: i64,
    /// Messages delivered more than once.
    pub num_redelivered: i64,
    /// Requests for messages waiting.
    pub num_waiting: i64,
    /// Messages not yet delivered.
    pub num_pending: u64,
    /// Its replicated group, in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
    /// Whether somebody listens where it delivers to. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub push_bound: bool,
    /// Whether it is paused; since 2.11. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub paused: bool,
    /// Nanoseconds it still is; since 2.11. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub pause_remaining: Nanos,
    /// When the figures were taken, in UTC.
    pub ts: Timestamp,
    /// Its priority groups; since 2.11. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priority_groups: Vec<PriorityGroupState>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Where a consumer is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SequenceInfo {
    /// Deliveries.
    pub consumer_seq: u64,
    /// Sequence in the stream.
    pub stream_seq: u64,
    /// When that was, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_active: Option<Timestamp>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A priority group; since 2.11.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PriorityGroupState {
    /// Name.
    pub group: String,
    /// Id of the client that alone gets messages. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pinned_client_id: String,
    /// Since when, in UTC; [`Timestamp::ZERO`] for never.
    pub pinned_ts: Timestamp,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Configuration of a consumer.
///
/// Releases before 2.11 write `idle_heartbeat` in front of `flow_control`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerConfig {
    /// Name of a durable consumer. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub durable_name: String,
    /// Name. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Description. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `all`, `last`, `new`, `by_start_sequence`, `by_start_time` or `last_per_subject`.
    pub deliver_policy: String,
    /// Sequence to begin at. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub opt_start_seq: u64,
    /// Time to begin at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_start_time: Option<Timestamp>,
    /// `none`, `all`, `explicit`, or since 2.14 `flow_control`.
    pub ack_policy: String,
    /// Nanoseconds before a message is delivered again. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub ack_wait: Nanos,
    /// Most deliveries of a message; negative is no limit. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub max_deliver: i64,
    /// Nanoseconds before each next delivery of a message. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backoff: Vec<Nanos>,
    /// Only this subject. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_subject: String,
    /// Only these subjects. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter_subjects: Vec<String>,
    /// `instant` or `original`.
    pub replay_policy: String,
    /// Bits per second. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub rate_limit_bps: u64,
    /// Percentage of the acknowledgements that are reported. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sample_freq: String,
    /// Most requests for messages waiting. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub max_waiting: i64,
    /// Most unacknowledged messages; negative is no limit. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
    /// Whether deliveries wait for the receiver. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub flow_control: bool,
    /// Without payloads. Left out when with them.
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
    /// Most messages of a request. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch: i64,
    /// Most nanoseconds a request waits. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub max_expires: Nanos,
    /// Most bytes of a request. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: i64,
    /// Subject it delivers to. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deliver_subject: String,
    /// Queue group it delivers to. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deliver_group: String,
    /// Nanoseconds between signs of life. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub idle_heartbeat: Nanos,
    /// Nanoseconds after which it is deleted when unused. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub inactive_threshold: Nanos,
    /// Replicas; zero is as many as the stream has.
    pub num_replicas: i64,
    /// Whether its progress is kept in memory. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub mem_storage: bool,
    /// Whether it is made by a mirror or source. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub direct: bool,
    /// Whether it serves a mirror or source; since 2.14. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub sourcing: bool,
    /// Metadata, sorted by key. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Until when it is paused; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<Timestamp>,
    /// Names of its priority groups; since 2.11. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priority_groups: Vec<String>,
    /// `overflow`, `pinned_client` or `prioritized`; since 2.11. Left out for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub priority_policy: String,
    /// Nanoseconds a client stays pinned; since 2.11. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub priority_timeout: Nanos,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
