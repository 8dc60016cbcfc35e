//! What tokens claim, in the order in which servers write it when they show it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::shares::{ClaimedExport, ClaimedImport, ClaimedMapping};

pub(super) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// What every token claims, and in `nats` what its kind has more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Claims<N> {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub aud: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub exp: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jti: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub iat: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub iss: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub nbf: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub: String,
    pub nats: N,
    /// Where the first version has what later stands in `nats`.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub old_type: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_account: String,
}

impl<N> Claims<N> {
    /// Whether the time is right for it, in seconds since 1970.
    pub fn is_in_time(&self, now: i64) -> bool {
        self.time_issue(now).is_none()
    }

    /// How the time is wrong for it, as servers say it.
    pub fn time_issue(&self, now: i64) -> Option<&'static str> {
        if self.exp > 0 && now > self.exp {
            Some("claim is expired")
        } else if self.nbf > 0 && self.nbf > now {
            Some("claim is not yet valid")
        } else {
            None
        }
    }
}

/// What all kinds end with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Generic {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub version: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OperatorClaims {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account_server_url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operator_service_urls: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_account: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub assert_server_version: String,
    #[serde(skip_serializing_if = "is_false")]
    pub strict_signing_key_usage: bool,
    #[serde(flatten)]
    pub generic: Generic,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AccountClaims {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<ClaimedImport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<ClaimedExport>,
    pub limits: AccountLimits,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<SigningKey>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub revocations: BTreeMap<String, i64>,
    pub default_permissions: Permissions,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mappings: BTreeMap<String, Vec<ClaimedMapping>>,
    pub authorization: Authorization,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<ClaimedTrace>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster_traffic: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub info_url: String,
    #[serde(flatten)]
    pub generic: Generic,
}

impl AccountClaims {
    /// Whether a token of a user, issued at `issued`, was taken back.
    pub fn revokes(&self, user: &str, issued: i64) -> bool {
        let since = |key| self.revocations.get(key).is_some_and(|&at| at >= issued);
        since("*") || since(user)
    }

    /// The key that has issued a token, if it may: the account's own, or one that signs for it.
    pub fn signer(&self, account: &str, issuer: &str) -> Option<Signer<'_>> {
        if issuer == account {
            return Some(Signer::Plain);
        }
        self.signing_keys.iter().find_map(|key| match key {
            SigningKey::Plain(key) if key == issuer => Some(Signer::Plain),
            SigningKey::Scoped(scope) if scope.key == issuer => Some(Signer::Scoped(scope)),
            _ => None,
        })
    }
}

impl AccountLimits {
    /// Whether nothing is said of any.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The claims of an account without limits.
pub(crate) fn unlimited(account: &str, issuer: &str) -> Claims<AccountClaims> {
    let limits = AccountLimits {
        subs: -1,
        data: -1,
        payload: -1,
        imports: -1,
        exports: -1,
        wildcards: true,
        conn: -1,
        leaf: -1,
        ..AccountLimits::default()
    };
    Claims {
        iss: issuer.to_owned(),
        sub: account.to_owned(),
        nats: AccountClaims {
            limits,
            ..AccountClaims::default()
        },
        ..Claims::default()
    }
}

/// Who has signed a user's token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signer<'a> {
    Plain,
    Scoped(&'a Scope),
}

/// A key that signs for an account, as such or with what its users may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SigningKey {
    Plain(String),
    Scoped(Box<Scope>),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Scope {
    pub kind: String,
    pub key: String,
    pub role: String,
    pub template: UserLimits,
    pub description: String,
}

/// Where the way of messages is told that another tracing system traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimedTrace {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dest: String,
    /// Percent; 0 is all, and shown as that.
    #[serde(serialize_with = "all_unless_said")]
    pub sampling: i64,
}

fn all_unless_said<S: Serializer>(sampling: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(if *sampling == 0 { 100 } else { *sampling })
}

impl ClaimedTrace {
    /// The subject, and of how many percent of the messages.
    pub fn in_force(&self) -> Option<(Box<str>, u8)> {
        let sampling = u8::try_from(self.sampling).ok();
        let sampling = sampling.filter(|percent| (1..=100).contains(percent));
        let is_valid = nats_mock_protocol::subject::is_valid_destination(self.dest.as_bytes());
        is_valid.then(|| (self.dest.as_str().into(), sampling.unwrap_or(100)))
    }
}

/// Who looks after log-ins instead of the server; without users nobody does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Authorization {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auth_users: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_accounts: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

/// Stands for every account.
pub(super) const ANY_ACCOUNT: &str = "*";

impl Authorization {
    pub fn is_enabled(&self) -> bool {
        !self.auth_users.is_empty()
    }

    /// Whether the service may put users into another account.
    pub fn allows(&self, account: &str) -> bool {
        match &self.allowed_accounts[..] {
            [any] if any == ANY_ACCOUNT => true,
            allowed => allowed.iter().any(|allowed| allowed == account),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AccountLimits {
    #[serde(skip_serializing_if = "is_zero")]
    pub subs: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub data: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub payload: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub imports: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub exports: i64,
    #[serde(skip_serializing_if = "is_false")]
    pub wildcards: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub disallow_bearer: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub conn: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub leaf: i64,
    /// What JetStream may use, which nobody asks for here.
    #[serde(flatten)]
    pub jetstream: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct UserClaims {
    #[serde(flatten)]
    pub limits: UserLimits,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_account: String,
    #[serde(flatten)]
    pub generic: Generic,
}

/// What a user may do, and when and whence it may come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct UserLimits {
    #[serde(rename = "pub")]
    pub publish: Permission,
    #[serde(rename = "sub")]
    pub subscribe: Permission,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resp: Option<Responses>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "networks")]
    pub src: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<TimeRange>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub times_location: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub subs: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub data: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub payload: i64,
    #[serde(skip_serializing_if = "is_false")]
    pub bearer_token: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub proxy_required: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_connection_types: Vec<String>,
}

/// Permissions of an account's users that have none of their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Permissions {
    #[serde(rename = "pub")]
    pub publish: Permission,
    #[serde(rename = "sub")]
    pub subscribe: Permission,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resp: Option<Responses>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Permission {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Responses {
    pub max: i64,
    /// Nanoseconds.
    pub ttl: i64,
}

/// A part of the day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TimeRange {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub start: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub end: String,
}

/// Networks, as a list or with commas between them.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::List(list) => list,
        Either::Text(text) => text
            .split(',')
            .map(|part| part.trim().to_lowercase())
            .filter(|part| !part.is_empty())
            .collect(),
    })
}
