//! Connections that begin, end or are refused.

use super::{ClientInfo, DataStats, ServerEnvelope};
use crate::json::Extra;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Body of `$SYS.ACCOUNT.<account>.CONNECT`: a client or leaf node was bound to the account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connect {
    /// Always [`Connect::TYPE`].
    #[serde(rename = "type")]
    pub event_type: Cow<'static, str>,
    /// Unique id of the event, 22 characters.
    pub id: String,
    /// When it happened, in UTC.
    pub timestamp: Timestamp,
    /// The server the client is connected to.
    pub server: ServerEnvelope,
    /// The connection.
    pub client: ClientInfo,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Connect {
    /// The `type` of this event.
    pub const TYPE: &str = "io.nats.server.advisory.v1.client_connect";
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            event_type: Cow::Borrowed(Self::TYPE),
            id: String::new(),
            timestamp: Timestamp::default(),
            server: ServerEnvelope::default(),
            client: ClientInfo::default(),
            extra: Extra::new(),
        }
    }
}

/// Body of `$SYS.ACCOUNT.<account>.DISCONNECT`: a connection ended.
///
/// Authentication errors have this very shape, `type` included: see [`AuthError`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disconnect {
    /// Always [`Disconnect::TYPE`].
    #[serde(rename = "type")]
    pub event_type: Cow<'static, str>,
    /// Unique id of the event, 22 characters.
    pub id: String,
    /// When it happened: in the server's local zone, but in UTC for authentication errors.
    pub timestamp: Timestamp,
    /// The server the client was connected to.
    pub server: ServerEnvelope,
    /// The connection.
    pub client: ClientInfo,
    /// What the client sent.
    pub sent: DataStats,
    /// What the client received.
    pub received: DataStats,
    /// Why it ended, e.g. `Client Closed`.
    pub reason: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Disconnect {
    /// The `type` of this event.
    pub const TYPE: &str = "io.nats.server.advisory.v1.client_disconnect";
}

impl Default for Disconnect {
    fn default() -> Self {
        Self {
            event_type: Cow::Borrowed(Self::TYPE),
            id: String::new(),
            timestamp: Timestamp::default(),
            server: ServerEnvelope::default(),
            client: ClientInfo::default(),
            sent: DataStats::default(),
            received: DataStats::default(),
            reason: String::new(),
            extra: Extra::new(),
        }
    }
}

/// Body of `$SYS.SERVER.<id>.CLIENT.AUTH.ERR` and `$SYS.ACCOUNT.CLIENT.AUTH.ERR`: a login was refused.
pub type AuthError = Disconnect;
