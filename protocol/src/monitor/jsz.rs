//! JSZ: JetStream.

use super::{
    EventFilterOptions, JetStreamApiStats, JetStreamConfig, JetStreamLimits, MetaClusterInfo,
};
use crate::jetstream::{ClusterInfo, ConsumerInfo, StreamConfig, StreamSourceInfo, StreamState};
use crate::json::{Extra, Field, RequestOptions, Slot, is_default};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Options of a JSZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JszOptions {
    /// Describe this account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Describe all accounts.
    #[serde(skip_serializing_if = "is_default")]
    pub accounts: bool,
    /// Describe streams; implies `accounts` without an account.
    #[serde(skip_serializing_if = "is_default")]
    pub streams: bool,
    /// Describe consumers; implies `streams`.
    #[serde(skip_serializing_if = "is_default")]
    pub consumer: bool,
    /// Also consumers of mirrors and sources; since 2.11.
    #[serde(skip_serializing_if = "is_default")]
    pub direct_consumer: bool,
    /// Give configurations.
    #[serde(skip_serializing_if = "is_default")]
    pub config: bool,
    /// Only the leader of the meta group shall answer.
    #[serde(skip_serializing_if = "is_default")]
    pub leader_only: bool,
    /// First account of the page; below zero counts as zero.
    #[serde(skip_serializing_if = "is_default")]
    pub offset: i64,
    /// Accounts on the page; zero is 1024.
    #[serde(skip_serializing_if = "is_default")]
    pub limit: i64,
    /// Give replicated groups.
    #[serde(skip_serializing_if = "is_default")]
    pub raft: bool,
    /// Only streams whose leader is the answering server.
    #[serde(skip_serializing_if = "is_default")]
    pub stream_leader_only: bool,
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for JszOptions {
    const GO_STRUCT: &'static str = "JszEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        [
            Field::new("account", Slot::Text(&mut self.account)),
            Field::new("accounts", Slot::Bool(&mut self.accounts)),
            Field::new("streams", Slot::Bool(&mut self.streams)),
            Field::new("consumer", Slot::Bool(&mut self.consumer)),
            Field::new("direct_consumer", Slot::Bool(&mut self.direct_consumer)),
            Field::new("config", Slot::Bool(&mut self.config)),
            Field::new("leader_only", Slot::Bool(&mut self.leader_only)),
            Field::new("offset", Slot::Int(&mut self.offset)),
            Field::new("limit", Slot::Int(&mut self.limit)),
            Field::new("raft", Slot::Bool(&mut self.raft)),
            Field::new(
                "stream_leader_only",
                Slot::Bool(&mut self.stream_leader_only),
            ),
        ]
        .into_iter()
        .map(|field| field.embedded_in("JSzOptions"))
        .chain(self.filter.embedded())
        .collect()
    }
}

/// Data of a JSZ reply.
///
/// Releases before 2.11 write `server_id`, `now`, `disabled` and `config` first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Jsz {
    /// Bytes in memory streams.
    pub memory: u64,
    /// Bytes in file streams.
    pub storage: u64,
    /// Bytes of memory reserved; wraps around below zero.
    pub reserved_memory: u64,
    /// Bytes of disk space reserved; wraps around below zero.
    pub reserved_storage: u64,
    /// Accounts that may use JetStream.
    pub accounts: i64,
    /// Streams and consumers with replicas.
    pub ha_assets: i64,
    /// Requests to the API.
    pub api: JetStreamApiStats,
    /// Server id.
    pub server_id: String,
    /// When the figures were taken, in UTC.
    pub now: Timestamp,
    /// Whether JetStream is off. Left out when on.
    #[serde(skip_serializing_if = "is_default")]
    pub disabled: bool,
    /// Configuration; zeros when off.
    pub config: JetStreamConfig,
    /// Limits, when on; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<JetStreamLimits>,
    /// Streams.
    pub streams: i64,
    /// Those led by this server, when groups are asked for; since 2.11. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub streams_leader: i64,
    /// Consumers.
    pub consumers: i64,
    /// Those led by this server, when groups are asked for; since 2.11. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub consumers_leader: i64,
    /// Messages in all streams.
    pub messages: u64,
    /// Bytes in all streams.
    pub bytes: u64,
    /// The meta group, in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta_cluster: Option<MetaClusterInfo>,
    /// Accounts, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub account_details: Vec<JszAccount>,
    /// Accounts on all pages; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// JetStream of an account: a part of [`Jsz`], and the data of `$SYS.REQ.ACCOUNT.<account>.JSZ`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JszAccount {
    /// Name of the account.
    pub name: String,
    /// The same; its public key in operator mode.
    pub id: String,
    /// Bytes in memory streams.
    pub memory: u64,
    /// Bytes in file streams.
    pub storage: u64,
    /// Bytes of memory reserved; wraps around below zero.
    pub reserved_memory: u64,
    /// Bytes of disk space reserved; wraps around below zero.
    pub reserved_storage: u64,
    /// Always zero here.
    pub accounts: i64,
    /// Always zero here.
    pub ha_assets: i64,
    /// Requests to the API; its level is always zero here.
    pub api: JetStreamApiStats,
    /// Streams, when asked for, in an order of the server's making. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stream_detail: Vec<JszStream>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JszStream {
    /// Name.
    pub name: String,
    /// When it was made, in UTC.
    pub created: Timestamp,
    /// Its replicated group; without a cluster the server's name alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
    /// Configuration, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Box<StreamConfig>>,
    /// What is in it.
    pub state: StreamState,
    /// Consumers, when asked for, in an order of the server's making. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consumer_detail: Vec<ConsumerInfo>,
    /// Consumers of mirrors and sources, when asked for; since 2.11. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub direct_consumer_detail: Vec<ConsumerInfo>,
    /// How far mirroring is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<StreamSourceInfo>,
    /// How far copying is. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<StreamSourceInfo>,
    /// Name of its replicated group, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stream_raft_group: String,
    /// Replicated groups of its consumers, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consumer_raft_groups: Vec<JszRaftGroup>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The replicated group of a consumer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JszRaftGroup {
    /// Consumer.
    pub name: String,
    /// Name of the group. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub raft_group: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
