//! CONNZ: connections.

use super::{EventFilterOptions, SubDetail};
use crate::json::{Extra, Field, RequestOptions, Slot, is_default};
use crate::time::{GoDuration, Timestamp, Uptime};
use serde::{Deserialize, Serialize};

/// Which connections a CONNZ request is about: a number on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnState(
    /// The number; other values than those of the constants select nothing.
    pub i64,
);

impl ConnState {
    /// Connections that are open: 0.
    pub const OPEN: Self = Self(0);
    /// Connections that were closed: 1.
    pub const CLOSED: Self = Self(1);
    /// Both: 2.
    pub const ALL: Self = Self(2);
}

/// Options of a CONNZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnzOptions {
    /// Order: empty, `cid`, `start`, `subs`, `pending`, `msgs_to`, `msgs_from`, `bytes_to`, `bytes_from`, `last`,
    /// `idle`, `uptime`, `stop`, `reason` or `rtt`.
    pub sort: String,
    /// Give user and account.
    pub auth: bool,
    /// Give the subjects subscribed to.
    pub subscriptions: bool,
    /// Give the subscriptions in detail.
    pub subscriptions_detail: bool,
    /// First connection of the page; below zero counts as zero.
    pub offset: i64,
    /// Connections on the page; zero or less is 1024.
    pub limit: i64,
    /// Only the connection with this client id; zero is no condition.
    pub cid: u64,
    /// Only the connection with this MQTT client id.
    pub mqtt_client: String,
    /// Open, closed or all connections.
    pub state: ConnState,
    /// Only connections of this user.
    pub user: String,
    /// Only connections of this account.
    pub acc: String,
    /// Only connections with a subscription matching this subject.
    pub filter_subject: String,
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for ConnzOptions {
    const GO_STRUCT: &'static str = "ConnzEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        [
            Field::new("sort", Slot::Text(&mut self.sort)).typed("server.SortOpt"),
            Field::new("auth", Slot::Bool(&mut self.auth)),
            Field::new("subscriptions", Slot::Bool(&mut self.subscriptions)),
            Field::new(
                "subscriptions_detail",
                Slot::Bool(&mut self.subscriptions_detail),
            ),
            Field::new("offset", Slot::Int(&mut self.offset)),
            Field::new("limit", Slot::Int(&mut self.limit)),
            Field::new("cid", Slot::Uint(&mut self.cid)),
            Field::new("mqtt_client", Slot::Text(&mut self.mqtt_client)),
            Field::new("state", Slot::Int(&mut self.state.0)).typed("server.ConnState"),
            Field::new("user", Slot::Text(&mut self.user)),
            Field::new("acc", Slot::Text(&mut self.acc)),
            Field::new("filter_subject", Slot::Text(&mut self.filter_subject)),
        ]
        .into_iter()
        .map(|field| field.embedded_in("ConnzOptions"))
        .chain(self.filter.embedded())
        .collect()
    }
}

/// Data of a CONNZ reply.
///
/// `L` is the list of connections; who has very many to write may give anything that serialises as a list of
/// [`ConnInfo`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "L: Deserialize<'de>"))]
pub struct Connz<L = Vec<ConnInfo>> {
    /// Server id; empty when the account asked for is unknown.
    pub server_id: String,
    /// When the figures were taken, in UTC.
    pub now: Timestamp,
    /// Connections on the page.
    pub num_connections: i64,
    /// Connections on all pages.
    pub total: i64,
    /// First connection of the page.
    pub offset: i64,
    /// Connections a page can have.
    pub limit: i64,
    /// The page; `null` on the wire when `None`, as for an unknown account.
    pub connections: Option<L>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl<L> Default for Connz<L> {
    fn default() -> Self {
        Self {
            server_id: String::new(),
            now: Timestamp::default(),
            num_connections: 0,
            total: 0,
            offset: 0,
            limit: 0,
            connections: None,
            extra: Extra::new(),
        }
    }
}

/// One connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnInfo {
    /// Client id, unique on its server.
    pub cid: u64,
    /// `Client`, or since 2.11 `Leafnode`; `Gateway` in GATEWAYZ. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// `nats`, `mqtt` or `websocket`. Left out when empty.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub client_type: String,
    /// Address the client came from.
    pub ip: String,
    /// Port the client came from.
    pub port: u16,
    /// When the connection was accepted, in the server's local zone.
    pub start: Timestamp,
    /// When it last sent or received, in UTC before the first activity after CONNECT and in the local zone since.
    pub last_activity: Timestamp,
    /// When it ended, in the local zone; only of closed connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Timestamp>,
    /// Why it ended. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Round-trip time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt: Option<GoDuration>,
    /// How long it is or was open.
    pub uptime: Uptime,
    /// How long it has neither sent nor received.
    pub idle: Uptime,
    /// Bytes waiting to be sent to the client.
    pub pending_bytes: i64,
    /// Messages the client sent.
    pub in_msgs: i64,
    /// Messages the client was sent.
    pub out_msgs: i64,
    /// Bytes the client sent.
    pub in_bytes: i64,
    /// Bytes the client was sent.
    pub out_bytes: i64,
    /// How often the client was held up for a slow subscriber; since 2.12. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub stalls: i64,
    /// Number of subscriptions.
    pub subscriptions: u64,
    /// Name the client gave itself. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Language of the client library. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    /// Version of the client library. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// TLS version, e.g. `1.3`. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tls_version: String,
    /// TLS cipher suite. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tls_cipher_suite: String,
    /// Certificates the client presented. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_peer_certs: Vec<TlsPeerCert>,
    /// Whether the TLS handshake came before INFO. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_first: bool,
    /// User, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authorized_user: String,
    /// Account, when asked for. Left out when empty and for `$G`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Subjects subscribed to, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list: Vec<String>,
    /// Subscriptions in detail, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list_detail: Vec<SubDetail>,
    /// User JWT, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    /// Key that issued the user, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_key: String,
    /// Name of the account, when user and account are asked for. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_tag: String,
    /// Tags of the user JWT, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// MQTT client id. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mqtt_client: String,
    /// The trusted proxy it came through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyInfo>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A trusted proxy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyInfo {
    /// Public key.
    pub key: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A certificate a client presented.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsPeerCert {
    /// Subject name. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// SHA-256 of the public key, in hex. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub spki_sha256: String,
    /// SHA-256 of the certificate, in hex. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert_sha256: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
