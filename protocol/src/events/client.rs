//! The `client` object and the traffic counters.

use crate::json::{Extra, is_default};
use crate::time::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};

/// Messages and their bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MsgBytes {
    /// Messages.
    pub msgs: i64,
    /// Bytes of payloads and header blocks, without subjects and protocol lines.
    pub bytes: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl MsgBytes {
    /// Counters with nothing unknown.
    #[must_use]
    pub const fn new(msgs: i64, bytes: i64) -> Self {
        Self {
            msgs,
            bytes,
            extra: Extra::new(),
        }
    }
}

/// Messages and bytes, where wanted with the part that went over gateways, routes and leaf nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataStats {
    /// Messages, those of `gateways`, `routes` and `leafs` included.
    pub msgs: i64,
    /// Bytes of payloads and header blocks.
    pub bytes: i64,
    /// The part over gateways; in account connection events and account statistics since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateways: Option<MsgBytes>,
    /// The part over routes; in account connection events and account statistics since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<MsgBytes>,
    /// The part over leaf nodes; in account connection events and account statistics since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leafs: Option<MsgBytes>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl DataStats {
    /// Counters without the parts.
    #[must_use]
    pub fn new(msgs: i64, bytes: i64) -> Self {
        Self {
            msgs,
            bytes,
            ..Self::default()
        }
    }
}

/// The `client` object of connection events.
///
/// Every member but the known extras is left out when empty or zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientInfo {
    /// When the connection was accepted, in the server's local zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// Address the client came from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Client id, unique on its server.
    #[serde(skip_serializing_if = "is_default")]
    pub id: u64,
    /// Account name; its public key in operator mode; `N/A` when there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub acc: String,
    /// Account of the service a request was made to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub svc: String,
    /// User name, public user key, or `[REDACTED]` for a token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Name the client gave itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Language of the client library.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    /// Version of the client library.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ver: String,
    /// Round-trip time in nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub rtt: Nanos,
    /// Server the client is connected to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// Cluster the client is connected to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Other clusters, for JetStream placement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alts: Vec<String>,
    /// When the connection ended; in the server's local zone, but in UTC for authentication errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Timestamp>,
    /// The user JWT the client presented.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    /// Key that issued the user; for nkey users of a configuration file the account name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_key: String,
    /// Name of the account, always since 2.11; 2.10 writes the user's name and only with a JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_tag: String,
    /// Tags of the user JWT.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `Client`, `Leafnode`, `Router`, `Gateway`, `JetStream`, `Account` or `System`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// `nats`, `mqtt` or `websocket` for clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_type: String,
    /// MQTT client id.
    #[serde(rename = "client_id", skip_serializing_if = "String::is_empty")]
    pub mqtt_client: String,
    /// Nonce the server offered, in requests to an authorization callout.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// Reply subject before a service import rewrote it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reply: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
