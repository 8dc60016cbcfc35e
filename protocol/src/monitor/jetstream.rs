//! The `jetstream` section of VARZ and STATSZ.

use crate::jetstream::PeerInfo;
use crate::json::{Extra, Presence, is_default};
use crate::time::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};

/// JetStream of a server; `{}` in VARZ when it is not enabled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamVarz {
    /// Its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<JetStreamConfig>,
    /// Its statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<JetStreamStats>,
    /// Its meta group, in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<MetaClusterInfo>,
    /// Its limits; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<JetStreamLimits>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Configuration of JetStream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamConfig {
    /// Most memory in bytes for memory streams.
    pub max_memory: i64,
    /// Most disk space in bytes for file streams.
    pub max_storage: i64,
    /// Folder of the files; in VARZ only. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub store_dir: String,
    /// Nanoseconds between two flushes to disk. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub sync_interval: Nanos,
    /// Whether every write is flushed. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub sync_always: bool,
    /// Domain. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Whether compression is possible. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub compress_ok: bool,
    /// Prefix of the tag that replicas must not share. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unique_tag: String,
    /// Whether requests with unknown members are refused; since 2.12. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub strict: bool,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Statistics of JetStream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamStats {
    /// Bytes in memory streams.
    pub memory: u64,
    /// Bytes in file streams.
    pub storage: u64,
    /// Bytes of memory reserved; wraps around below zero.
    pub reserved_memory: u64,
    /// Bytes of disk space reserved; wraps around below zero.
    pub reserved_storage: u64,
    /// Accounts that may use it.
    pub accounts: i64,
    /// Streams and consumers with replicas.
    pub ha_assets: i64,
    /// Requests to its API.
    pub api: JetStreamApiStats,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Requests to the JetStream API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamApiStats {
    /// API level; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<i64>,
    /// Requests since the start.
    pub total: u64,
    /// Those answered with an error.
    pub errors: u64,
    /// Those being served. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub inflight: u64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Limits of JetStream; since 2.11. Each is left out when zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamLimits {
    /// Messages of one batched direct get.
    #[serde(skip_serializing_if = "is_default")]
    pub max_request_batch: i64,
    /// Unacknowledged messages of a consumer.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
    /// Streams and consumers with replicas.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ha_assets: i64,
    /// Nanoseconds of the duplicate window of a stream.
    #[serde(skip_serializing_if = "is_default")]
    pub max_duplicate_window: Nanos,
    /// Open batches of a stream.
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch_inflight_per_stream: i64,
    /// Open batches of the server.
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch_inflight_total: i64,
    /// Messages of a batch.
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch_size: i64,
    /// Nanoseconds between two messages of a batch.
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch_timeout: Nanos,
    /// Consumers of a stream that sets no limit of its own; since 2.15.
    #[serde(skip_serializing_if = "is_default")]
    pub default_max_consumers: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The meta group of a JetStream cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetaClusterInfo {
    /// Cluster name. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Name of the leading server. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub leader: String,
    /// Short id of the server that answers. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer: String,
    /// The other members: from the leader alone before 2.15. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<PeerInfo>,
    /// Members.
    pub cluster_size: i64,
    /// Members that make a majority; since 2.15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum_needed: Option<i64>,
    /// Whether the majority was lowered to rescue the group. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub rescue: bool,
    /// Group messages not yet handled.
    pub pending: i64,
    /// Requests to create, change or delete not yet handled; since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_requests: Option<i64>,
    /// Requests for information not yet handled; since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_infos: Option<i64>,
    /// Snapshots of the group's state; since 2.11.
    #[serde(skip_serializing_if = "Presence::is_absent")]
    pub snapshot: Presence<MetaSnapshotStats>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Snapshots of the meta group's state; since 2.11.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetaSnapshotStats {
    /// Entries since the last one.
    pub pending_entries: u64,
    /// Bytes of those entries.
    pub pending_size: u64,
    /// When the last one was made; [`Timestamp::ZERO`] for never.
    pub last_time: Timestamp,
    /// Nanoseconds it took. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub last_duration: Nanos,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
