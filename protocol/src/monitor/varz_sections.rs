//! The sections of a VARZ reply.
//!
//! Members are left out when empty, zero or false unless their docs say otherwise.

use super::ProxyInfo;
use crate::json::{Extra, is_default};
use crate::time::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};

/// The `cluster` section: how the server listens for routes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterVarz {
    /// Cluster name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Listen host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub addr: String,
    /// Listen port.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster_port: i64,
    /// Seconds a route has to log in.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_timeout: f64,
    /// Configured routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Seconds a TLS handshake may take.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_timeout: f64,
    /// Whether routes must use TLS.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_required: bool,
    /// Whether certificates are verified.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_verify: bool,
    /// Route connections per peer.
    #[serde(skip_serializing_if = "is_default")]
    pub pool_size: i64,
    /// Nanoseconds a write may take.
    #[serde(skip_serializing_if = "is_default")]
    pub write_deadline: Nanos,
    /// What happens to a route whose write took too long.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub write_timeout: String,
    /// When the TLS certificate expires.
    #[serde(skip_serializing_if = "Timestamp::is_zero")]
    pub tls_cert_not_after: Timestamp,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The `gateway` section: how the server connects clusters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayVarz {
    /// Cluster name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Listen host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Listen port.
    #[serde(skip_serializing_if = "is_default")]
    pub port: i64,
    /// Seconds a gateway has to log in.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_timeout: f64,
    /// Seconds a TLS handshake may take.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_timeout: f64,
    /// Whether gateways must use TLS.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_required: bool,
    /// Whether certificates are verified.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_verify: bool,
    /// Address told to other clusters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advertise: String,
    /// Attempts to connect.
    #[serde(skip_serializing_if = "is_default")]
    pub connect_retries: i64,
    /// Configured gateways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<RemoteGatewayVarz>,
    /// Whether clusters that are not configured are refused.
    #[serde(skip_serializing_if = "is_default")]
    pub reject_unknown: bool,
    /// Nanoseconds a write may take.
    #[serde(skip_serializing_if = "is_default")]
    pub write_deadline: Nanos,
    /// What happens to a gateway whose write took too long.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub write_timeout: String,
    /// When the TLS certificate expires.
    #[serde(skip_serializing_if = "Timestamp::is_zero")]
    pub tls_cert_not_after: Timestamp,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One configured gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoteGatewayVarz {
    /// Cluster name. Always there.
    pub name: String,
    /// Seconds a TLS handshake may take.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_timeout: f64,
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The `leaf` section: how the server listens for and connects as leaf node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeafNodeVarz {
    /// Listen host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Listen port.
    #[serde(skip_serializing_if = "is_default")]
    pub port: i64,
    /// Seconds a leaf node has to log in.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_timeout: f64,
    /// Seconds a TLS handshake may take.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_timeout: f64,
    /// Whether leaf nodes must use TLS.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_required: bool,
    /// Whether certificates are verified.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_verify: bool,
    /// Servers it connects to as a leaf node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remotes: Vec<RemoteLeafVarz>,
    /// Whether OCSP is asked about certificates.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_ocsp_peer_verify: bool,
    /// Nanoseconds a write may take.
    #[serde(skip_serializing_if = "is_default")]
    pub write_deadline: Nanos,
    /// What happens to a leaf node whose write took too long.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub write_timeout: String,
    /// When the TLS certificate expires.
    #[serde(skip_serializing_if = "Timestamp::is_zero")]
    pub tls_cert_not_after: Timestamp,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One server to connect to as a leaf node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoteLeafVarz {
    /// Account it is bound to here.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub local_account: String,
    /// Seconds a TLS handshake may take.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_timeout: f64,
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Subjects that do not cross.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<DenyRules>,
    /// Whether OCSP is asked about certificates.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_ocsp_peer_verify: bool,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Subjects that do not cross a leaf node connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DenyRules {
    /// Not from here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<String>,
    /// Not to here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The `mqtt` section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MqttVarz {
    /// Listen host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Listen port.
    #[serde(skip_serializing_if = "is_default")]
    pub port: i64,
    /// User of clients that give no credentials.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub no_auth_user: String,
    /// Seconds a client has to log in.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_timeout: f64,
    /// Whether certificates name the user.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_map: bool,
    /// Seconds a TLS handshake may take.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_timeout: f64,
    /// SHA-256 of accepted certificates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_pinned_certs: Vec<String>,
    /// JetStream domain of the sessions.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub js_domain: String,
    /// Nanoseconds until a message is sent again.
    #[serde(skip_serializing_if = "is_default")]
    pub ack_wait: Nanos,
    /// Unacknowledged messages of a session.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: u64,
    /// Whether OCSP is asked about certificates.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_ocsp_peer_verify: bool,
    /// When the TLS certificate expires.
    #[serde(skip_serializing_if = "Timestamp::is_zero")]
    pub tls_cert_not_after: Timestamp,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The `websocket` section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebsocketVarz {
    /// Listen host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Listen port.
    #[serde(skip_serializing_if = "is_default")]
    pub port: i64,
    /// Address told to clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advertise: String,
    /// User of clients that give no credentials.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub no_auth_user: String,
    /// Cookie with the user JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt_cookie: String,
    /// Nanoseconds the HTTP handshake may take.
    #[serde(skip_serializing_if = "is_default")]
    pub handshake_timeout: Nanos,
    /// Seconds a client has to log in.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_timeout: f64,
    /// Whether it listens without TLS.
    #[serde(skip_serializing_if = "is_default")]
    pub no_tls: bool,
    /// Whether certificates name the user.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_map: bool,
    /// SHA-256 of accepted certificates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_pinned_certs: Vec<String>,
    /// Whether the origin must be the host.
    #[serde(skip_serializing_if = "is_default")]
    pub same_origin: bool,
    /// Accepted origins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
    /// Whether messages may be compressed.
    #[serde(skip_serializing_if = "is_default")]
    pub compression: bool,
    /// Whether OCSP is asked about certificates.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_ocsp_peer_verify: bool,
    /// When the TLS certificate expires.
    #[serde(skip_serializing_if = "Timestamp::is_zero")]
    pub tls_cert_not_after: Timestamp,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The cache of OCSP answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OcspResponseCacheVarz {
    /// Kind of cache.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cache_type: String,
    /// Questions it answered.
    #[serde(skip_serializing_if = "is_default")]
    pub cache_hits: i64,
    /// Questions it could not answer.
    #[serde(skip_serializing_if = "is_default")]
    pub cache_misses: i64,
    /// Answers in it.
    #[serde(skip_serializing_if = "is_default")]
    pub cached_responses: i64,
    /// Answers that say revoked.
    #[serde(skip_serializing_if = "is_default")]
    pub cached_revoked_responses: i64,
    /// Answers that say good.
    #[serde(skip_serializing_if = "is_default")]
    pub cached_good_responses: i64,
    /// Answers that say unknown.
    #[serde(skip_serializing_if = "is_default")]
    pub cached_unknown_responses: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Waits for the disk; since 2.14.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskIoWaitStats {
    /// Operations waiting now. Always there.
    pub waiters: i64,
    /// Operations that had to wait. Always there.
    pub waits: u64,
    /// Nanoseconds waited in all. Always there.
    pub wait_time: u64,
    /// Nanoseconds of the longest wait. Always there.
    pub max_wait_time: u64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Trusted proxies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxiesVarz {
    /// Their keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<ProxyInfo>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
