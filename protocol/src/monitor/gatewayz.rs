//! GATEWAYZ: connections to other clusters.

use super::{ConnInfo, EventFilterOptions, SubDetail};
use crate::json::{Extra, Field, RequestOptions, Slot, is_default};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Options of a GATEWAYZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayzOptions {
    /// Only connections to this cluster.
    pub name: String,
    /// Give the interest of accounts.
    pub accounts: bool,
    /// Give the interest of this account alone.
    pub account_name: String,
    /// With accounts: give the subjects of interest, and not the detail.
    pub subscriptions: bool,
    /// With accounts: give the subscriptions in detail.
    pub subscriptions_detail: bool,
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for GatewayzOptions {
    const GO_STRUCT: &'static str = "GatewayzEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        [
            Field::new("name", Slot::Text(&mut self.name)),
            Field::new("accounts", Slot::Bool(&mut self.accounts)),
            Field::new("account_name", Slot::Text(&mut self.account_name)),
            Field::new("subscriptions", Slot::Bool(&mut self.subscriptions)),
            Field::new(
                "subscriptions_detail",
                Slot::Bool(&mut self.subscriptions_detail),
            ),
        ]
        .into_iter()
        .map(|field| field.embedded_in("GatewayzOptions"))
        .chain(self.filter.embedded())
        .collect()
    }
}

/// Data of a GATEWAYZ reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gatewayz {
    /// Server id.
    pub server_id: String,
    /// When the figures were taken, in UTC.
    pub now: Timestamp,
    /// Name of the own cluster. Left out when empty, as without gateways.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Listen host. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Listen port. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub port: i64,
    /// The connection this server made to each cluster, by cluster. `null` on the wire when `None`: that is what
    /// a request for a cluster gives to which there is no connection.
    pub outbound_gateways: Option<BTreeMap<String, RemoteGatewayz>>,
    /// The connections servers of other clusters made here, by cluster.
    pub inbound_gateways: BTreeMap<String, Vec<RemoteGatewayz>>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Default for Gatewayz {
    fn default() -> Self {
        Self {
            server_id: String::new(),
            now: Timestamp::default(),
            name: String::new(),
            host: String::new(),
            port: 0,
            outbound_gateways: Some(BTreeMap::new()),
            inbound_gateways: BTreeMap::new(),
            extra: Extra::new(),
        }
    }
}

/// One gateway connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoteGatewayz {
    /// Whether the configuration names the other cluster; `false` for inbound connections.
    pub configured: bool,
    /// The connection. Its `name` is the server id at the other end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<Box<ConnInfo>>,
    /// Interest of accounts, when asked for, in an order of the server's making. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountGatewayz>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The interest of an account over a gateway connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountGatewayz {
    /// Account name; its public key in operator mode.
    pub name: String,
    /// `Optimistic`, `Transitioning` or `Interest-Only`.
    pub interest_mode: String,
    /// Subjects known to be of no interest. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub no_interest_count: i64,
    /// Subjects without interest after which only interest counts. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub interest_only_threshold: i64,
    /// Subscriptions of the other cluster; outbound only. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub num_subs: i64,
    /// Queue subscriptions of the other cluster; outbound only. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub num_queue_subs: i64,
    /// Subjects of interest, when asked for; outbound only. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list: Vec<String>,
    /// Subscriptions in detail, when asked for; outbound only. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list_detail: Vec<SubDetail>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
