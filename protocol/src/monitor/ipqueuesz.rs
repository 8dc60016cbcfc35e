//! IPQUEUESZ: the queues between the parts of a server.

use super::EventFilterOptions;
use crate::json::{Extra, Field, RequestOptions, Slot, is_default};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Options of an IPQUEUESZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpqueueszOptions {
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Also queues with nothing pending and nothing in progress.
    pub all: bool,
    /// Only queues whose name contains this.
    #[serde(rename = "filter")]
    pub queue: String,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for IpqueueszOptions {
    const GO_STRUCT: &'static str = "IpqueueszEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        let own = [
            Field::new("all", Slot::Bool(&mut self.all)),
            Field::new("filter", Slot::Text(&mut self.queue)),
        ];
        let own = own.map(|field| field.embedded_in("IpqueueszOptions"));
        self.filter.embedded().chain(own).collect()
    }
}

/// Data of an IPQUEUESZ reply: queues by name.
pub type Ipqueuesz = BTreeMap<String, IpqueueInfo>;

/// One queue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpqueueInfo {
    /// Entries waiting.
    pub pending: i64,
    /// Entries taken out but not done with. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub in_progress: i64,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
