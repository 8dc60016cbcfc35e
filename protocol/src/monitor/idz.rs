//! IDZ: who is there. The reply has no envelope.

use crate::json::Extra;
use serde::{Deserialize, Serialize};

/// The whole reply to an IDZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerId {
    /// Server name; the server id when none is configured.
    pub name: String,
    /// The listen host of the configuration.
    pub host: String,
    /// Server id.
    pub id: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
