//! STATSZ requests. The answer is a [`ServerStatsMsg`](crate::events::ServerStatsMsg).

use super::EventFilterOptions;
use crate::json::{Extra, Field, RequestOptions};
use serde::{Deserialize, Serialize};

/// Options of a STATSZ request: the filter alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatszOptions {
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for StatszOptions {
    const GO_STRUCT: &'static str = "StatszEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        self.filter.embedded().collect()
    }
}
