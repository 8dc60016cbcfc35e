//! The filter every request understands: which servers shall answer.

use crate::json::{Field, RequestOptions, Slot, is_default};
use serde::{Deserialize, Serialize};

/// Conditions on the server; one that does not fit stays silent. Empty fields are no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilterOptions {
    /// Server name, or a part of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server_name: String,
    /// Cluster name, or a part of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Listen host, or a part of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Compare `server_name`, `cluster` and `host` as a whole.
    #[serde(skip_serializing_if = "is_default")]
    pub exact_match: bool,
    /// Tags of which the server must have all, in any case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// JetStream domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}

impl EventFilterOptions {
    /// The fields as part of other options.
    pub(super) fn embedded(&mut self) -> impl Iterator<Item = Field<'_>> {
        self.fields()
            .into_iter()
            .map(|field| field.embedded_in(Self::GO_STRUCT))
    }
}

impl RequestOptions for EventFilterOptions {
    const GO_STRUCT: &'static str = "EventFilterOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        vec![
            Field::new("server_name", Slot::Text(&mut self.server_name)),
            Field::new("cluster", Slot::Text(&mut self.cluster)),
            Field::new("host", Slot::Text(&mut self.host)),
            Field::new("exact_match", Slot::Bool(&mut self.exact_match)),
            Field::new("tags", Slot::List(&mut self.tags)),
            Field::new("domain", Slot::Text(&mut self.domain)),
        ]
    }
}
