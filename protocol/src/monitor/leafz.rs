//! LEAFZ: leaf node connections.

use super::{EventFilterOptions, ProxyInfo};
use crate::json::{Extra, Field, RequestOptions, Slot, is_default};
use crate::time::{GoDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Options of a LEAFZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeafzOptions {
    /// Give the subjects subscribed to.
    pub subscriptions: bool,
    /// Only connections bound to this account.
    pub account: String,
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for LeafzOptions {
    const GO_STRUCT: &'static str = "LeafzEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        [
            Field::new("subscriptions", Slot::Bool(&mut self.subscriptions)),
            Field::new("account", Slot::Text(&mut self.account)),
        ]
        .into_iter()
        .map(|field| field.embedded_in("LeafzOptions"))
        .chain(self.filter.embedded())
        .collect()
    }
}

/// Data of a LEAFZ reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leafz {
    /// Server id.
    pub server_id: String,
    /// When the figures were taken, in UTC.
    pub now: Timestamp,
    /// Connections that fit the request.
    pub leafnodes: i64,
    /// The connections, in an order of the server's making.
    pub leafs: Vec<LeafInfo>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One leaf node connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeafInfo {
    /// Connection id, unique on the server that answers; since 2.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Server name at the other end.
    pub name: String,
    /// Whether the server that answers is the leaf, and the other end its hub.
    pub is_spoke: bool,
    /// Whether messages of other leaf nodes are kept away from it; since 2.12. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub is_isolated: bool,
    /// Account it is bound to on the server that answers.
    pub account: String,
    /// Address of the other end.
    pub ip: String,
    /// Port of the other end.
    pub port: u16,
    /// Round-trip time.
    pub rtt: GoDuration,
    /// Messages received over it.
    pub in_msgs: i64,
    /// Messages sent over it.
    pub out_msgs: i64,
    /// Bytes received over it.
    pub in_bytes: i64,
    /// Bytes sent over it.
    pub out_bytes: i64,
    /// Subscriptions of the other end.
    pub subscriptions: u64,
    /// Subjects subscribed to, when asked for. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list: Vec<String>,
    /// Compression in use, e.g. `s2_uncompressed`. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compression: String,
    /// Whether it runs over WebSocket; since 2.15. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub websocket: bool,
    /// The trusted proxy it came through; since 2.12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyInfo>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
