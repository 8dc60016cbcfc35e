//! Streams: configuration, state, and where messages come from.

use crate::json::{Extra, is_default};
use crate::monitor::ApiError;
use crate::time::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Configuration of a stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamConfig {
    /// Name.
    pub name: String,
    /// Description. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Subjects it stores. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// `limits`, `interest` or `workqueue`.
    pub retention: String,
    /// Most consumers; negative is no limit.
    pub max_consumers: i64,
    /// Most messages; negative is no limit.
    pub max_msgs: i64,
    /// Most bytes; negative is no limit.
    pub max_bytes: i64,
    /// Nanoseconds a message is kept; zero is no limit.
    pub max_age: Nanos,
    /// Most messages of a subject; negative is no limit.
    pub max_msgs_per_subject: i64,
    /// Most bytes of a message; negative is no limit. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub max_msg_size: i64,
    /// `old` or `new`: which messages go when the stream is full.
    pub discard: String,
    /// `file` or `memory`.
    pub storage: String,
    /// Replicas.
    pub num_replicas: i64,
    /// Whether publishers get no acknowledgement. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub no_ack: bool,
    /// Template it was made from; up to 2.12. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub template_owner: String,
    /// Nanoseconds in which a message id is not stored again. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub duplicate_window: Nanos,
    /// Where it may live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// The stream it mirrors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Box<StreamSource>>,
    /// The streams it copies from. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<StreamSource>,
    /// `none` or `s2`.
    pub compression: String,
    /// Sequence of its first message. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub first_seq: u64,
    /// How subjects are changed before storing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_transform: Option<SubjectTransform>,
    /// How stored messages are published again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub republish: Option<Republish>,
    /// Whether every replica answers direct gets.
    pub allow_direct: bool,
    /// Whether a mirror answers direct gets for its origin.
    pub mirror_direct: bool,
    /// Whether `new` holds for each subject too. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub discard_new_per_subject: bool,
    /// Whether it can no longer change.
    pub sealed: bool,
    /// Whether messages cannot be deleted.
    pub deny_delete: bool,
    /// Whether it cannot be purged.
    pub deny_purge: bool,
    /// Whether a message may replace all before it.
    pub allow_rollup_hdrs: bool,
    /// Defaults and limits of consumers.
    pub consumer_limits: ConsumerLimits,
    /// Whether messages may say how long they live; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_msg_ttl: Option<bool>,
    /// Nanoseconds markers of deletions live; since 2.11. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub subject_delete_marker_ttl: Nanos,
    /// Whether messages may be counters; since 2.12. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_msg_counter: bool,
    /// Whether batches may be published as a whole; since 2.12. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_atomic: bool,
    /// Whether messages may be scheduled; since 2.12. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_msg_schedules: bool,
    /// `async`; since 2.12. Left out for the default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub persist_mode: String,
    /// Whether batches may be published fast; since 2.14. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_batched: bool,
    /// Metadata, sorted by key. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Where a stream may live.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// Cluster name. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Tags its servers must have. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Name of the server that should lead; since 2.11. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preferred: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A stream that messages are copied from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSource {
    /// Stream.
    pub name: String,
    /// Sequence to begin at. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub opt_start_seq: u64,
    /// Time to begin at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_start_time: Option<Timestamp>,
    /// Only this subject. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_subject: String,
    /// How subjects are changed. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_transforms: Vec<SubjectTransform>,
    /// Where it is, for another account or domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalStream>,
    /// The consumer to use; since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<SourceConsumer>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The consumer that copies messages; since 2.14.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceConsumer {
    /// Name. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Subject it delivers to. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deliver_subject: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Where a stream of another account or domain is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExternalStream {
    /// Prefix of the API.
    pub api: String,
    /// Prefix of deliveries.
    pub deliver: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How subjects are changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectTransform {
    /// Subjects that are changed.
    pub src: String,
    /// What they become.
    pub dest: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How stored messages are published again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Republish {
    /// Subjects that are. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub src: String,
    /// Where to.
    pub dest: String,
    /// Without the payload. Left out when with it.
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Defaults and limits of a stream's consumers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerLimits {
    /// Nanoseconds after which an unused one is deleted. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub inactive_threshold: Nanos,
    /// Unacknowledged messages. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What is in a stream or log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamState {
    /// Messages.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
    /// Sequence of the first message.
    pub first_seq: u64,
    /// When it was stored, in UTC; [`Timestamp::ZERO`] without messages.
    pub first_ts: Timestamp,
    /// Sequence of the last message.
    pub last_seq: u64,
    /// When it was stored, in UTC; [`Timestamp::ZERO`] without messages.
    pub last_ts: Timestamp,
    /// Subjects. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub num_subjects: i64,
    /// Messages by subject, sorted. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subjects: BTreeMap<String, u64>,
    /// Deleted messages between the first and the last. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub num_deleted: i64,
    /// Their sequences. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<u64>,
    /// What could not be recovered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<LostStreamData>,
    /// Consumers.
    pub consumer_count: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What of a stream could not be recovered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LostStreamData {
    /// Sequences; `null` on the wire when `None`.
    pub msgs: Option<Vec<u64>>,
    /// Bytes.
    pub bytes: u64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How far copying from another stream is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSourceInfo {
    /// Stream.
    pub name: String,
    /// Where it is, for another account or domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalStream>,
    /// Messages it is behind.
    pub lag: u64,
    /// Sequence it is at; since 2.15. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub seq: u64,
    /// Nanoseconds since it was heard of; -1 for never.
    pub active: Nanos,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
    /// Only this subject. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_subject: String,
    /// How subjects are changed. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_transforms: Vec<SubjectTransform>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
