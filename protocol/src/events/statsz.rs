//! The statistics heartbeat, which is also the reply to STATSZ requests.

use super::{DataStats, ServerEnvelope};
use crate::json::{Extra, is_default};
use crate::monitor::JetStreamVarz;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Body of `$SYS.SERVER.<id>.STATSZ` and of replies to STATSZ requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerStatsMsg {
    /// The server that counted.
    pub server: ServerEnvelope,
    /// Its statistics.
    pub statsz: ServerStats,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The `statsz` object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerStats {
    /// When the server started, in the server's local zone (VARZ shows it in UTC).
    pub start: Timestamp,
    /// Resident memory in bytes.
    pub mem: i64,
    /// Processor cores of the machine.
    pub cores: i64,
    /// Processor use in percent of one core.
    pub cpu: f64,
    /// Client connections.
    pub connections: i64,
    /// Connections accepted since the start.
    pub total_connections: u64,
    /// Accounts with at least one connection.
    pub active_accounts: i64,
    /// Subscriptions, the server's own included.
    pub subscriptions: u64,
    /// Everything the server sent.
    pub sent: DataStats,
    /// What it sent to clients; since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_to_clients: Option<DataStats>,
    /// Everything the server received.
    pub received: DataStats,
    /// What it received from clients; since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_from_clients: Option<DataStats>,
    /// Connections cut off as slow consumers.
    pub slow_consumers: i64,
    /// Slow consumers by kind; since 2.11, and only when there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_consumer_stats: Option<SlowConsumersStats>,
    /// Connections cut off as stale; since 2.12. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub stale_connections: i64,
    /// Stale connections by kind; since 2.12, and only when there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_connection_stats: Option<StaleConnectionStats>,
    /// How often a publisher was held up for a slow subscriber; since 2.12. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub stalled_clients: i64,
    /// Route connections. Left out when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteStat>,
    /// Outbound gateways. Left out when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<GatewayStat>,
    /// Servers known, this one included. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub active_servers: i64,
    /// JetStream, when enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jetstream: Option<Box<JetStreamVarz>>,
    /// Memory limit of the Go runtime in bytes. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub gomemlimit: i64,
    /// Processors the Go runtime uses; since 2.11. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub gomaxprocs: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One route connection in [`ServerStats`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteStat {
    /// Connection id of the route.
    pub rid: u64,
    /// Name of the server at the other end. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What was sent over it.
    pub sent: DataStats,
    /// What was received over it.
    pub received: DataStats,
    /// Bytes waiting to be sent.
    pub pending: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One outbound gateway in [`ServerStats`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayStat {
    /// Connection id of the gateway.
    pub gwid: u64,
    /// Name of the remote cluster.
    pub name: String,
    /// What was sent over it.
    pub sent: DataStats,
    /// What was received over it.
    pub received: DataStats,
    /// Inbound connections from that cluster.
    pub inbound_connections: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Slow consumers by kind of connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlowConsumersStats {
    /// Clients.
    pub clients: u64,
    /// Routes.
    pub routes: u64,
    /// Gateways.
    pub gateways: u64,
    /// Leaf nodes.
    pub leafs: u64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Stale connections by kind of connection; since 2.12.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StaleConnectionStats {
    /// Clients.
    pub clients: u64,
    /// Routes.
    pub routes: u64,
    /// Gateways.
    pub gateways: u64,
    /// Leaf nodes.
    pub leafs: u64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
