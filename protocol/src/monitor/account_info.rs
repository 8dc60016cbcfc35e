//! Account INFO: what a server knows about an account.

use super::{EventFilterOptions, SublistStats};
use crate::events::ServiceLatency;
use crate::json::{Extra, Field, RequestOptions, is_default};
use crate::time::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Options of `$SYS.REQ.ACCOUNT.<account>.INFO`: the filter alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountInfoOptions {
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for AccountInfoOptions {
    const GO_STRUCT: &'static str = "AccInfoEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        self.filter.embedded().collect()
    }
}

/// Data of an account INFO reply and of an account's details elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountInfo {
    /// Account name; its public key in operator mode.
    pub account_name: String,
    /// When the server last changed the account, in UTC.
    pub update_time: Timestamp,
    /// Whether it is the system account. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub is_system: bool,
    /// Whether its JWT has expired.
    pub expired: bool,
    /// Whether everything it imports could be resolved.
    pub complete: bool,
    /// Whether JetStream is enabled for it.
    pub jetstream_enabled: bool,
    /// Leaf node connections on this server.
    pub leafnode_connections: i64,
    /// Client connections on this server.
    pub client_connections: i64,
    /// Subscriptions on this server.
    pub subscriptions: u64,
    /// Subject mappings by source subject, sorted. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mappings: BTreeMap<String, Vec<MapDest>>,
    /// Exports in an order of the server's making. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<AccountExport>,
    /// Imports, those the server makes itself included. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<AccountImport>,
    /// Account JWT. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    /// Key that issued the account JWT. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_key: String,
    /// Name of the account; without a JWT since 2.11. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_tag: String,
    /// Tags of the account JWT. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The claims in the account JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoded_jwt: Option<Value>,
    /// What validating the account JWT found. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub validation_result_jwt: Vec<ClaimIssue>,
    /// Revoked user keys and since when, sorted by key. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked_user: BTreeMap<String, Timestamp>,
    /// Figures of its subscription list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sublist_stats: Option<SublistStats>,
    /// Service requests being waited for, by reply subject: as [`AccountImport`], but `type` is the number 2
    /// instead of `service`. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub responses: BTreeMap<String, Value>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One destination of a subject mapping.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MapDest {
    /// Destination subject.
    pub subject: String,
    /// Share of the messages in percent.
    pub weight: u8,
    /// Only in this cluster. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Something an account imports.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountImport {
    /// Name in the JWT. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Subject in the exporting account. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Exporting account. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Activation token. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// Older name of `local_subject`, written for services. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// Subject in the importing account. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub local_subject: String,
    /// `stream` or `service`. Left out when empty.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub import_type: String,
    /// Whether message tracing may cross. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_trace: bool,
    /// Whether the import could not be resolved.
    pub invalid: bool,
    /// Whether the exporter learns who asks.
    pub share: bool,
    /// Whether latency is being tracked.
    pub tracking: bool,
    /// Headers that switched tracking on, sorted. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tracking_header: BTreeMap<String, Vec<String>>,
    /// How latency is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<ServiceLatencyConfig>,
    /// The first half of a latency measurement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub m1: Option<Box<ServiceLatency>>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Something an account exports.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountExport {
    /// Name in the JWT. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Subject. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// `stream` or `service`. Left out when empty.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub export_type: String,
    /// Whether importing needs an activation token. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub token_req: bool,
    /// Revoked activations as Unix seconds, sorted by account. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub revocations: BTreeMap<String, i64>,
    /// `Singleton`, `Streamed` or `Chunked` for services. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub response_type: String,
    /// Nanoseconds an answer may take. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub response_threshold: Nanos,
    /// How latency is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_latency: Option<ServiceLatencyConfig>,
    /// Token of the subject that must be the importing account, from 1. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub account_token_position: u64,
    /// Whether it is advertised. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub advertise: bool,
    /// Whether message tracing may cross. Left out when not.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_trace: bool,
    /// Description in the JWT. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Address of a page about it. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub info_url: String,
    /// Accounts that may import it, in an order of the server's making. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approved_accounts: Vec<String>,
    /// Revoked activations and since when, sorted by account. Left out when empty.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked_activations: BTreeMap<String, Timestamp>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How the latency of a service is measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceLatencyConfig {
    /// Percentage of the requests, or the text `headers`.
    pub sampling: Value,
    /// Subject the measurements are published on.
    pub results: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One finding about an account JWT.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimIssue {
    /// The finding.
    pub description: String,
    /// Whether it makes the JWT unusable.
    pub blocking: bool,
    /// Whether it is about validity times.
    pub time_check: bool,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
