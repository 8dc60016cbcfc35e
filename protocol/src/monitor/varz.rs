//! VARZ: configuration and counters of a server.

use super::{
    ClusterVarz, DiskIoWaitStats, EventFilterOptions, GatewayVarz, JetStreamVarz, LeafNodeVarz,
    MqttVarz, OcspResponseCacheVarz, ProxiesVarz, WebsocketVarz,
};
use crate::events::{SlowConsumersStats, StaleConnectionStats};
use crate::json::{Extra, Field, RequestOptions, is_default};
use crate::time::{Nanos, Timestamp, Uptime};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Options of a VARZ request: the filter alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VarzOptions {
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for VarzOptions {
    const GO_STRUCT: &'static str = "VarzEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        self.filter.embedded().collect()
    }
}

/// Data of a VARZ reply.
///
/// The sections from `cluster` to `jetstream` are always there, `{}` when unused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Varz {
    /// Server id.
    pub server_id: String,
    /// Server name; the server id when none is configured.
    pub server_name: String,
    /// Server version.
    pub version: String,
    /// Protocol version for clients: 1.
    pub proto: i64,
    /// Commit the server was built from. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub git_commit: String,
    /// Version of Go it was built with, e.g. `go1.27.2`.
    pub go: String,
    /// Listen host.
    pub host: String,
    /// Listen port.
    pub port: i64,
    /// Whether clients must log in. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_required: bool,
    /// Whether clients must use TLS. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_required: bool,
    /// Whether client certificates are verified. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_verify: bool,
    /// Whether OCSP is asked about client certificates. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_ocsp_peer_verify: bool,
    /// Listen address. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// Addresses of the cluster for clients. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_urls: Vec<String>,
    /// Addresses of the cluster for WebSocket clients. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ws_connect_urls: Vec<String>,
    /// Most client connections.
    pub max_connections: i64,
    /// Most subscriptions of a connection. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub max_subscriptions: i64,
    /// Nanoseconds between two PINGs to an idle connection.
    pub ping_interval: Nanos,
    /// Unanswered PINGs that make a connection stale.
    pub ping_max: i64,
    /// Host of the HTTP monitoring, the listen host even without any.
    pub http_host: String,
    /// Port of the HTTP monitoring; 0 without.
    pub http_port: i64,
    /// Path prefix of the HTTP monitoring.
    pub http_base_path: String,
    /// Port of the HTTPS monitoring; 0 without.
    pub https_port: i64,
    /// Seconds a client has to log in.
    pub auth_timeout: f64,
    /// Most bytes of a protocol line.
    pub max_control_line: i64,
    /// Most bytes of a message, header block included.
    pub max_payload: i64,
    /// Most bytes waiting for a connection.
    pub max_pending: i64,
    /// Routes.
    pub cluster: ClusterVarz,
    /// Gateways.
    pub gateway: GatewayVarz,
    /// Leaf nodes.
    pub leaf: LeafNodeVarz,
    /// MQTT.
    pub mqtt: MqttVarz,
    /// WebSocket.
    pub websocket: WebsocketVarz,
    /// JetStream.
    pub jetstream: Box<JetStreamVarz>,
    /// Seconds a TLS handshake may take.
    pub tls_timeout: f64,
    /// Nanoseconds a write may take.
    pub write_deadline: Nanos,
    /// What happens to a connection whose write took too long. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub write_timeout: String,
    /// When the server started, in UTC.
    pub start: Timestamp,
    /// When the figures were taken, in UTC.
    pub now: Timestamp,
    /// Time since the start.
    pub uptime: Uptime,
    /// Resident memory in bytes.
    pub mem: i64,
    /// Processor cores of the machine.
    pub cores: i64,
    /// Processors the Go runtime uses.
    pub gomaxprocs: i64,
    /// Memory limit of the Go runtime in bytes. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub gomemlimit: i64,
    /// Processor use in percent of one core.
    pub cpu: f64,
    /// Client connections.
    pub connections: i64,
    /// Connections accepted since the start.
    pub total_connections: u64,
    /// Route connections.
    pub routes: i64,
    /// Servers of the cluster but this one.
    pub remotes: i64,
    /// Leaf node connections.
    pub leafnodes: i64,
    /// Messages received. Releases before 2.14 write `out_msgs` next, then `in_bytes` and `out_bytes`.
    pub in_msgs: i64,
    /// Bytes received.
    pub in_bytes: i64,
    /// Messages received from clients; since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_client_msgs: Option<i64>,
    /// Bytes received from clients; since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_client_bytes: Option<i64>,
    /// Messages sent.
    pub out_msgs: i64,
    /// Bytes sent.
    pub out_bytes: i64,
    /// Messages sent to clients; since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_client_msgs: Option<i64>,
    /// Bytes sent to clients; since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_client_bytes: Option<i64>,
    /// Connections cut off as slow consumers.
    pub slow_consumers: i64,
    /// Connections cut off as stale; since 2.12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_connections: Option<i64>,
    /// How often a publisher was held up for a slow subscriber; since 2.12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled_clients: Option<i64>,
    /// Subscriptions, the server's own included.
    pub subscriptions: u64,
    /// Requests to the HTTP monitoring by path, sorted.
    pub http_req_stats: BTreeMap<String, u64>,
    /// When the configuration was loaded, in UTC.
    pub config_load_time: Timestamp,
    /// Digest of the configuration, `sha256:` and hex, empty without a file; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_digest: Option<String>,
    /// Server tags in configured order. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Server metadata, sorted by key; since 2.12. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Feature flags and whether each is on, sorted by name; since 2.14. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_flags: BTreeMap<String, bool>,
    /// JWTs of the trusted operators. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_operators_jwt: Vec<String>,
    /// The claims in them. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_operators_claim: Vec<Value>,
    /// Name of the system account. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_account: String,
    /// Logins refused because the issuing account is not pinned. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub pinned_account_fails: u64,
    /// Cache of OCSP answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ocsp_peer_cache: Option<OcspResponseCacheVarz>,
    /// Slow consumers by kind.
    pub slow_consumer_stats: SlowConsumersStats,
    /// Stale connections by kind; since 2.12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_connection_stats: Option<StaleConnectionStats>,
    /// Waits for the disk; since 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_io_wait_stats: Option<DiskIoWaitStats>,
    /// Trusted proxies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxies: Option<ProxiesVarz>,
    /// When the server's TLS certificate expires. Left out when zero.
    #[serde(skip_serializing_if = "Timestamp::is_zero")]
    pub tls_cert_not_after: Timestamp,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
