//! ROUTEZ: connections to the other servers of the cluster.

use super::{EventFilterOptions, SubDetail, SubjectPermission};
use crate::json::{Extra, Field, RequestOptions, Slot};
use crate::time::{GoDuration, Timestamp, Uptime};
use serde::{Deserialize, Serialize};

/// Options of a ROUTEZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoutezOptions {
    /// Give the subjects subscribed to.
    pub subscriptions: bool,
    /// Give the subscriptions in detail, and not the subjects.
    pub subscriptions_detail: bool,
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for RoutezOptions {
    const GO_STRUCT: &'static str = "RoutezEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        [
            Field::new("subscriptions", Slot::Bool(&mut self.subscriptions)),
            Field::new(
                "subscriptions_detail",
                Slot::Bool(&mut self.subscriptions_detail),
            ),
        ]
        .into_iter()
        .map(|field| field.embedded_in("RoutezOptions"))
        .chain(self.filter.embedded())
        .collect()
    }
}

/// Data of a ROUTEZ reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Routez {
    /// Server id.
    pub server_id: String,
    /// Server name.
    pub server_name: String,
    /// When the figures were taken, in UTC.
    pub now: Timestamp,
    /// What other servers may send here, by the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<SubjectPermission>,
    /// What this server sends to others, by the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<SubjectPermission>,
    /// Route connections.
    pub num_routes: i64,
    /// The connections, in an order of the server's making.
    pub routes: Vec<RouteInfo>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One route connection. There are several between two servers: a pool, and one for each pinned account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteInfo {
    /// Connection id, unique on the server that answers.
    pub rid: u64,
    /// Server id at the other end.
    pub remote_id: String,
    /// Server name at the other end.
    pub remote_name: String,
    /// Whether the server that answers made the connection.
    pub did_solicit: bool,
    /// Whether the configuration names the other server; else it was learnt of from a third.
    pub is_configured: bool,
    /// Address of the other end.
    pub ip: String,
    /// Port of the other end.
    pub port: u16,
    /// When it was made, in the server's local zone.
    pub start: Timestamp,
    /// When it last sent or received.
    pub last_activity: Timestamp,
    /// Round-trip time.
    pub rtt: GoDuration,
    /// How long it is open.
    pub uptime: Uptime,
    /// How long it has neither sent nor received.
    pub idle: Uptime,
    /// What the other end may send here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<SubjectPermission>,
    /// What is sent to the other end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<SubjectPermission>,
    /// Bytes waiting to be sent.
    pub pending_size: i64,
    /// Messages received over it.
    pub in_msgs: i64,
    /// Messages sent over it.
    pub out_msgs: i64,
    /// Bytes received over it.
    pub in_bytes: i64,
    /// Bytes sent over it.
    pub out_bytes: i64,
    /// Subscriptions of the other end that came over it.
    pub subscriptions: u64,
    /// Subjects subscribed to, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list: Vec<String>,
    /// Subscriptions in detail, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list_detail: Vec<SubDetail>,
    /// The account it is pinned to. Left out when empty, as for the pool.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Compression in use, e.g. `off` or `s2_fast`. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compression: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
