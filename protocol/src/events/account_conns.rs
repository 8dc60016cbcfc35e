//! How many connections an account has on a server.

use super::{DataStats, ServerEnvelope};
use crate::json::Extra;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Body of `$SYS.ACCOUNT.<account>.SERVER.CONNS` and of the older `$SYS.SERVER.ACCOUNT.<account>.CONNS`.
///
/// Counters are those of one server and cumulative since the account exists there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountConns {
    /// Always [`AccountConns::TYPE`].
    #[serde(rename = "type")]
    pub event_type: Cow<'static, str>,
    /// Unique id of the event, 22 characters; equal in the copies for the two subjects.
    pub id: String,
    /// When it happened, in UTC.
    pub timestamp: Timestamp,
    /// The server that counted.
    pub server: ServerEnvelope,
    /// Account name; its public key in operator mode.
    pub acc: String,
    /// Name of the account; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Client connections after the change.
    pub conns: i64,
    /// Leaf node connections after the change.
    pub leafnodes: i64,
    /// Client and leaf node connections after the change.
    pub total_conns: i64,
    /// Subscriptions of the account, the server's own imports included.
    pub num_subscriptions: u64,
    /// What the server delivered to the account's connections.
    pub sent: DataStats,
    /// What the account's connections published.
    pub received: DataStats,
    /// Connections of the account cut off as slow consumers.
    pub slow_consumers: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl AccountConns {
    /// The `type` of this event.
    pub const TYPE: &str = "io.nats.server.advisory.v1.account_connections";
}

impl Default for AccountConns {
    fn default() -> Self {
        let stat = AccountStat::default();
        Self {
            event_type: Cow::Borrowed(Self::TYPE),
            id: String::new(),
            timestamp: Timestamp::default(),
            server: ServerEnvelope::default(),
            acc: stat.acc,
            name: stat.name,
            conns: stat.conns,
            leafnodes: stat.leafnodes,
            total_conns: stat.total_conns,
            num_subscriptions: stat.num_subscriptions,
            sent: stat.sent,
            received: stat.received,
            slow_consumers: stat.slow_consumers,
            extra: Extra::new(),
        }
    }
}

/// One account in a reply to an account statistics request: the counters of [`AccountConns`] without its envelope.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountStat {
    /// Account name; its public key in operator mode.
    pub acc: String,
    /// Name of the account; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Client connections.
    pub conns: i64,
    /// Leaf node connections.
    pub leafnodes: i64,
    /// Client and leaf node connections.
    pub total_conns: i64,
    /// Subscriptions of the account, the server's own imports included.
    pub num_subscriptions: u64,
    /// What the server delivered to the account's connections.
    pub sent: DataStats,
    /// What the account's connections published.
    pub received: DataStats,
    /// Connections of the account cut off as slow consumers.
    pub slow_consumers: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl From<AccountStat> for AccountConns {
    /// The event with these counters; identity, time and envelope are still to be filled in.
    fn from(stat: AccountStat) -> Self {
        Self {
            acc: stat.acc,
            name: stat.name,
            conns: stat.conns,
            leafnodes: stat.leafnodes,
            total_conns: stat.total_conns,
            num_subscriptions: stat.num_subscriptions,
            sent: stat.sent,
            received: stat.received,
            slow_consumers: stat.slow_consumers,
            extra: stat.extra,
            ..Self::default()
        }
    }
}

/// Body of `$SYS.REQ.ACCOUNT.<account>.CONNS`, which a server sends when it begins to track an account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountConnsRequest {
    /// The server that asks.
    pub server: ServerEnvelope,
    /// Account name; its public key in operator mode.
    pub acc: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
