//! What a server says about itself in INFO.

use super::gojson::{JsonError, members, selects};
use crate::json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// Why the text behind INFO is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InfoError {
    /// Not JSON: empty, cut short, or with something behind the object.
    #[error("INFO: invalid JSON at byte {at}")]
    Syntax {
        /// Offset of the first byte that does not fit.
        at: usize,
    },
    /// More than 10,000 levels of nesting.
    #[error("INFO: JSON nested too deeply")]
    Depth,
    /// JSON, but neither an object nor `null`.
    #[error("INFO: expected a JSON object, found {found}")]
    NotAnObject {
        /// The kind of value found.
        found: &'static str,
    },
    /// A known key with a value of the wrong type, or a number that does not fit.
    #[error("INFO: {0}")]
    Type(String),
}

impl From<JsonError> for InfoError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Syntax { at } => Self::Syntax { at },
            JsonError::Depth => Self::Depth,
            JsonError::NotAnObject { found } => Self::NotAnObject { found },
        }
    }
}

/// INFO as a client sees it, its keys in the real server's order.
///
/// A key is left out of the JSON when its field is empty, zero or `false`, except for the first
/// ones up to `headers` (without `git_commit`) and `max_payload`, which are always there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    /// Public nkey of the server.
    pub server_id: String,
    /// The configured name, or the id.
    pub server_name: String,
    /// Version of the server, such as `2.15.1`.
    pub version: String,
    /// Version of the protocol: 1.
    pub proto: i64,
    /// Abbreviated commit that the server was built from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub git_commit: String,
    /// Version of Go that the server was built with.
    pub go: String,
    /// Address that the server listens on.
    pub host: String,
    /// Port that the server listens on.
    pub port: i64,
    /// Whether the server takes headers.
    pub headers: bool,
    /// Whether credentials are required.
    #[serde(skip_serializing_if = "is_false")]
    pub auth_required: bool,
    /// Whether TLS is required.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    /// Whether client certificates are verified.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    /// Whether TLS is possible without being required.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_available: bool,
    /// The largest message, headers included, in bytes.
    pub max_payload: i32,
    /// Whether JetStream is enabled.
    #[serde(skip_serializing_if = "is_false")]
    pub jetstream: bool,
    /// Address for other servers; not sent to clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// Id of the connection within the server.
    #[serde(skip_serializing_if = "is_zero")]
    pub client_id: u64,
    /// Address that the client comes from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_ip: String,
    /// What the client has to sign.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// Name of the cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Whether that name was made up; not sent to clients.
    #[serde(skip_serializing_if = "is_false")]
    pub cluster_dynamic: bool,
    /// JetStream domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Addresses of the cluster's servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_urls: Vec<String>,
    /// Addresses of the cluster's servers for WebSocket.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ws_connect_urls: Vec<String>,
    /// Whether the server is in lame duck mode.
    #[serde(skip_serializing_if = "is_false")]
    pub ldm: bool,
    /// Compression of a leaf node connection; not sent to clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compression: String,
    /// Whether this INFO is the one after CONNECT.
    #[serde(skip_serializing_if = "is_false")]
    pub connect_info: bool,
    /// The account that the connection is bound to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_account: String,
    /// Whether that is the system account.
    #[serde(skip_serializing_if = "is_false")]
    pub acc_is_sys: bool,
    /// Level of the JetStream API.
    #[serde(skip_serializing_if = "is_zero_level")]
    pub api_lvl: i64,
    /// Public curve key of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

const KEYS: [&str; 31] = [
    "server_id",
    "server_name",
    "version",
    "proto",
    "git_commit",
    "go",
    "host",
    "port",
    "headers",
    "auth_required",
    "tls_required",
    "tls_verify",
    "tls_available",
    "max_payload",
    "jetstream",
    "ip",
    "client_id",
    "client_ip",
    "nonce",
    "cluster",
    "cluster_dynamic",
    "domain",
    "connect_urls",
    "ws_connect_urls",
    "ldm",
    "compression",
    "connect_info",
    "remote_account",
    "acc_is_sys",
    "api_lvl",
    "xkey",
];

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero_level(n: &i64) -> bool {
    *n == 0
}

impl ServerInfo {
    /// Reads the JSON behind INFO, with keys in any case, unknown keys skipped, the last of several
    /// winning and `null` counting as absent, as the real server does with INFO from a client.
    ///
    /// # Errors
    /// If it is not one JSON object (or `null`), or a known key has a value of the wrong type.
    ///
    /// ```
    /// use nats_mock_protocol::wire::ServerInfo;
    /// let info = ServerInfo::parse(br#"{"server_id":"NA","max_payload":1024,"future":[]} "#)?;
    /// assert_eq!((info.server_id.as_str(), info.max_payload), ("NA", 1024));
    /// assert!(ServerInfo::parse(br#"{"port":"4222"}"#).is_err());
    /// # Ok::<(), nats_mock_protocol::wire::InfoError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, InfoError> {
        let mut known = Map::new();
        for (key, value) in members(text)? {
            let name = KEYS.iter().find(|name| selects(&key, name));
            if let Some(name) = name.filter(|_| !value.is_null()) {
                known.insert((*name).to_owned(), value);
            }
        }
        serde_json::from_value(Value::Object(known)).map_err(|e| InfoError::Type(e.to_string()))
    }

    /// The JSON to put behind INFO.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::to_string(self)
    }
}
