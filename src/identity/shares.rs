//! What claims of accounts say of exports, imports and mappings, and the tokens that let accounts import.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::claims::{Generic, is_zero};
use super::{Token, activation};

/// What is exported or imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    #[default]
    #[serde(skip)]
    Unknown,
    Stream,
    Service,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Stream => "stream",
            Self::Service => "service",
        }
    }
}

/// Something that an account has from another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimedImport {
    #[serde(skip_serializing_if = "is_zero")]
    pub name: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub subject: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub account: String,
    /// What lets the account import it.
    #[serde(skip_serializing_if = "is_zero")]
    pub token: String,
    /// A prefix of a stream; of a service the subject in the other account.
    #[serde(skip_serializing_if = "is_zero")]
    pub to: String,
    /// The subject in the account, instead of `to`.
    #[serde(skip_serializing_if = "is_zero")]
    pub local_subject: String,
    #[serde(rename = "type", skip_serializing_if = "is_zero")]
    pub kind: Kind,
    #[serde(skip_serializing_if = "is_zero")]
    pub share: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub allow_trace: bool,
}

/// Something that an account lets others have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimedExport {
    #[serde(skip_serializing_if = "is_zero")]
    pub name: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub subject: String,
    #[serde(rename = "type", skip_serializing_if = "is_zero")]
    pub kind: Kind,
    #[serde(skip_serializing_if = "is_zero")]
    pub token_req: bool,
    /// Since when activation tokens of accounts are not taken any more; `*` stands for all accounts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub revocations: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "is_zero")]
    pub response_type: String,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub response_threshold: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_latency: Option<ClaimedLatency>,
    #[serde(skip_serializing_if = "is_zero")]
    pub account_token_position: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub advertise: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub allow_trace: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub description: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub info_url: String,
}

/// How it is measured how long a service takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimedLatency {
    /// Percent; zero for requests with a header that asks for it.
    #[serde(serialize_with = "write_sampling", deserialize_with = "read_sampling")]
    pub sampling: i64,
    pub results: String,
}

fn write_sampling<S: Serializer>(sampling: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    match sampling {
        0 => serializer.serialize_str("headers"),
        percent => serializer.serialize_i64(*percent),
    }
}

fn read_sampling<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) if text.eq_ignore_ascii_case("headers") => Ok(0),
        other => serde_json::from_value(other).map_err(serde::de::Error::custom),
    }
}

/// What a subject becomes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimedMapping {
    pub subject: String,
    #[serde(skip_serializing_if = "is_zero")]
    weight: u8,
    #[serde(skip_serializing_if = "is_zero")]
    pub cluster: String,
}

impl ClaimedMapping {
    /// Percent; all, if nothing is said.
    pub fn weight(&self) -> u8 {
        if self.weight == 0 { 100 } else { self.weight }
    }
}

/// What lets an account import something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ActivationClaims {
    #[serde(skip_serializing_if = "is_zero")]
    pub subject: String,
    #[serde(rename = "kind", skip_serializing_if = "is_zero")]
    pub import_kind: Kind,
    #[serde(skip_serializing_if = "is_zero")]
    pub issuer_account: String,
    #[serde(flatten)]
    pub generic: Generic,
}

impl ClaimedImport {
    /// The token that lets the account import it, if there is one that can be read.
    pub fn activation(&self) -> Option<Token<ActivationClaims>> {
        let has_token = !self.token.is_empty();
        has_token.then(|| activation(&self.token).ok()).flatten()
    }
}
