//! What KICK, LDM and NSUBS are asked with.

use crate::json::{Base64, Extra, Field, RequestOptions, Slot};
use serde::{Deserialize, Serialize};

/// Body of a KICK request. A server reads it a second time as [`EventFilterOptions`](super::EventFilterOptions).
///
/// A body that is empty or cannot be read as this gets no answer at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KickRequest {
    /// Client id.
    pub cid: u64,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for KickRequest {
    const GO_STRUCT: &'static str = "KickClientReq";

    fn fields(&mut self) -> Vec<Field<'_>> {
        vec![Field::new("cid", Slot::Uint(&mut self.cid))]
    }
}

/// Body of an LDM request. A server reads it a second time as [`EventFilterOptions`](super::EventFilterOptions).
///
/// A body that is empty or cannot be read as this gets no answer at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LdmRequest {
    /// Client id.
    pub cid: u64,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for LdmRequest {
    const GO_STRUCT: &'static str = "LDMClientReq";

    fn fields(&mut self) -> Vec<Field<'_>> {
        vec![Field::new("cid", Slot::Uint(&mut self.cid))]
    }
}

/// Body of `$SYS.REQ.ACCOUNT.NSUBS`. The answer is a bare number.
///
/// A body that is empty or cannot be read as this gets no answer at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NumSubsRequest {
    /// Account name; its public key in operator mode.
    pub acc: String,
    /// Subject, which may have wildcards.
    pub subject: String,
    /// Only members of this queue group, an empty one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Base64>,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for NumSubsRequest {
    const GO_STRUCT: &'static str = "accNumSubsReq";

    fn fields(&mut self) -> Vec<Field<'_>> {
        vec![
            Field::new("acc", Slot::Text(&mut self.acc)),
            Field::new("subject", Slot::Text(&mut self.subject)),
            Field::new("queue", Slot::Bytes(&mut self.queue)),
        ]
    }
}
