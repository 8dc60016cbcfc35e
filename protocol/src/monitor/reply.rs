//! The envelope around the answers to requests.

use crate::events::ServerEnvelope;
use crate::json::{Extra, Presence, is_default};
use serde::{Deserialize, Serialize};

/// An answer: who gives it, the data, and what went wrong.
///
/// Which of the members are there tells the outcomes apart:
///
/// | outcome | `data` | `error` | constructor |
/// |---|---|---|---|
/// | answered | a value | absent | [`Reply::ok`] |
/// | the request failed (code 500) | `null` | there | [`Reply::failed`] |
/// | the request was not understood (code 400), a command failed | absent | there | [`Reply::rejected`] |
/// | a command was carried out | absent | absent | [`Reply::done`] |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Reply<T> {
    /// The server that answers.
    pub server: ServerEnvelope,
    /// What was asked for.
    #[serde(skip_serializing_if = "Presence::is_absent")]
    pub data: Presence<T>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl<T> Default for Reply<T> {
    fn default() -> Self {
        Self {
            server: ServerEnvelope::default(),
            data: Presence::Absent,
            error: None,
            extra: Extra::new(),
        }
    }
}

impl<T> Reply<T> {
    /// The answer to a request that could be served.
    #[must_use]
    pub fn ok(server: ServerEnvelope, data: T) -> Self {
        Self {
            server,
            data: Presence::Value(data),
            ..Self::default()
        }
    }

    /// The answer to a request that was understood but failed: `data` is there and `null`.
    #[must_use]
    pub fn failed(server: ServerEnvelope, error: ApiError) -> Self {
        Self {
            server,
            data: Presence::Null,
            error: Some(error),
            ..Self::default()
        }
    }

    /// The answer to a request that was not understood, or to a command that failed: no `data`.
    #[must_use]
    pub fn rejected(server: ServerEnvelope, error: ApiError) -> Self {
        Self {
            server,
            error: Some(error),
            ..Self::default()
        }
    }

    /// The answer to a command that was carried out: the envelope alone.
    #[must_use]
    pub fn done(server: ServerEnvelope) -> Self {
        Self {
            server,
            ..Self::default()
        }
    }
}

/// The `error` of a [`Reply`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiError {
    /// 400 for a body that was not understood, 404 and 500 for what failed.
    pub code: i64,
    /// JetStream's own error number. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub err_code: u64,
    /// What went wrong. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ApiError {
    /// An error without a JetStream error number.
    #[must_use]
    pub fn new(code: i64, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
            ..Self::default()
        }
    }
}
