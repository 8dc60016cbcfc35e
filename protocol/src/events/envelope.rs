//! Who sent a message: the `server` object.

use crate::json::{Extra, is_default};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The `server` object of events and replies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerEnvelope {
    /// Server name; the server id when none is configured.
    pub name: String,
    /// The listen host of the configuration, not the host's name.
    pub host: String,
    /// Server id: `N` and 55 base32 characters.
    pub id: String,
    /// Cluster name; the gateway name with gateways. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// JetStream domain. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Server version, e.g. `2.15.1`.
    pub ver: String,
    /// Server tags in configured order. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Server metadata, sorted by key; since 2.12. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Feature flags and whether each is on, sorted by name; since 2.14. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_flags: BTreeMap<String, bool>,
    /// Whether JetStream is enabled.
    pub jetstream: bool,
    /// Capability bits: 0 without JetStream; with it 3 in 2.10, 7 since 2.11.
    pub flags: u64,
    /// Number of this message among all of the server's messages that carry an envelope, from 1.
    pub seq: u64,
    /// When the message was sent, in UTC.
    pub time: Timestamp,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ServerEnvelope {
    /// True for an envelope nothing was filled into.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        is_default(self)
    }
}
