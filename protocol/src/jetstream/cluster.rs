//! Where a replicated stream or consumer lives.

use super::Placement;
use crate::json::{Extra, is_default};
use crate::time::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};

/// The replicated group of a stream or consumer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterInfo {
    /// Cluster name. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Name of the group. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub raft_group: String,
    /// Name of the leading server. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub leader: String,
    /// Since when it leads, in UTC; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader_since: Option<Timestamp>,
    /// Whether the group's messages go through the system account; since 2.11. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub system_account: bool,
    /// Account the group's messages go through; since 2.11. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub traffic_account: String,
    /// The other members. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<PeerInfo>,
    /// Where it is being moved to; since 2.15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<DesiredClusterInfo>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A member of a replicated group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerInfo {
    /// Server name.
    pub name: String,
    /// Whether it has everything and was seen lately.
    pub current: bool,
    /// Whether it was not seen lately. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub offline: bool,
    /// Nanoseconds since it was seen.
    pub active: Nanos,
    /// Operations it is behind. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub lag: u64,
    /// Short id of the server.
    pub peer: String,
    /// Whether it is assigned but not a member yet; since 2.15. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub pending: bool,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Where a stream or consumer is being moved to; since 2.15.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DesiredClusterInfo {
    /// When the move was asked for, in UTC.
    pub created: Timestamp,
    /// Cluster name. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The members to be. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<DesiredPeer>,
    /// What it was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<DesiredOrigin>,
    /// How far the move is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<DesiredStatus>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A member to be; since 2.15.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DesiredPeer {
    /// Server name.
    pub name: String,
    /// Whether it was not seen lately. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub offline: bool,
    /// Short id of the server.
    pub peer: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a stream or consumer was before it is moved; since 2.15.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DesiredOrigin {
    /// Replicas.
    pub replicas: i64,
    /// Placement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Retention, as in [`StreamConfig::retention`](super::StreamConfig::retention).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How far a move is; since 2.15.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DesiredStatus {
    /// What it waits for.
    pub description: String,
    /// What has to change for it to go on.
    #[serde(rename = "type")]
    pub status_type: String,
    /// What went wrong. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub err: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
