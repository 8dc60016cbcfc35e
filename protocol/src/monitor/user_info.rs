//! USER.INFO: who the asking user is and what it may do.

use crate::json::{Extra, is_default};
use crate::time::Nanos;
use serde::{Deserialize, Serialize};

/// Data of a `$SYS.REQ.USER.INFO` reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserInfo {
    /// User name, public user key, or `[REDACTED]` for a token.
    pub user: String,
    /// Account name; its public key in operator mode.
    pub account: String,
    /// Name of the account; since 2.12. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account_name: String,
    /// Name in the user JWT; since 2.12. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_name: String,
    /// What the user may do; absent without restrictions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// Nanoseconds until the user JWT expires. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub expires: Nanos,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a user may do. A side without restrictions is `null` on the wire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permissions {
    /// Subjects it may publish to.
    pub publish: Option<SubjectPermission>,
    /// Subjects it may subscribe to.
    pub subscribe: Option<SubjectPermission>,
    /// Whether it may answer requests it receives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responses: Option<ResponsePermission>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Subjects that are allowed and denied, in an order of the server's making.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectPermission {
    /// Allowed subjects; `subject queue` for a queue. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Denied subjects. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Permission to answer requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponsePermission {
    /// Answers per request; negative is no limit.
    pub max: i64,
    /// Nanoseconds a request can be answered for; negative is no limit.
    pub ttl: Nanos,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
