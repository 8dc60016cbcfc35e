//! HEALTHZ: whether the server is ready.

use super::EventFilterOptions;
use crate::json::{Extra, Field, RequestOptions, Slot, is_default};
use serde::{Deserialize, Serialize};

/// Options of a HEALTHZ request. All but the filter matter only with JetStream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthzOptions {
    /// The older name of `js_enabled_only`.
    #[serde(rename = "js-enabled", skip_serializing_if = "is_default")]
    pub js_enabled: bool,
    /// Only whether JetStream is enabled.
    #[serde(rename = "js-enabled-only", skip_serializing_if = "is_default")]
    pub js_enabled_only: bool,
    /// Not the accounts, streams and consumers.
    #[serde(rename = "js-server-only", skip_serializing_if = "is_default")]
    pub js_server_only: bool,
    /// Only the meta group.
    #[serde(rename = "js-meta-only", skip_serializing_if = "is_default")]
    pub js_meta_only: bool,
    /// Only this account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Only this stream; needs `account`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stream: String,
    /// Only this consumer; needs `stream`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub consumer: String,
    /// Errors as a list instead of the first as a text.
    #[serde(skip_serializing_if = "is_default")]
    pub details: bool,
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for HealthzOptions {
    const GO_STRUCT: &'static str = "HealthzEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        [
            Field::new("js-enabled", Slot::Bool(&mut self.js_enabled)),
            Field::new("js-enabled-only", Slot::Bool(&mut self.js_enabled_only)),
            Field::new("js-server-only", Slot::Bool(&mut self.js_server_only)),
            Field::new("js-meta-only", Slot::Bool(&mut self.js_meta_only)),
            Field::new("account", Slot::Text(&mut self.account)),
            Field::new("stream", Slot::Text(&mut self.stream)),
            Field::new("consumer", Slot::Text(&mut self.consumer)),
            Field::new("details", Slot::Bool(&mut self.details)),
        ]
        .into_iter()
        .map(|field| field.embedded_in("HealthzOptions"))
        .chain(self.filter.embedded())
        .collect()
    }
}

/// Data of a HEALTHZ reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Healthz {
    /// `ok`, `unavailable` or `error`.
    pub status: String,
    /// HTTP status: 200, 400, 404, 500 or 503. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub status_code: i64,
    /// What is wrong. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// All that is wrong, when details were asked for. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<HealthzError>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One entry of [`Healthz::errors`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthzError {
    /// `CONNECTION`, `BAD_REQUEST`, `JETSTREAM`, `ACCOUNT`, `STREAM` or `CONSUMER`.
    #[serde(rename = "type")]
    pub error_type: String,
    /// Account it is about. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Stream it is about. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stream: String,
    /// Consumer it is about. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub consumer: String,
    /// What is wrong. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
