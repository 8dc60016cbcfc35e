//! PROFILEZ: profiles of the Go runtime.

use super::EventFilterOptions;
use crate::json::{Base64, Extra, Field, RequestOptions, Slot, is_default};
use crate::time::Nanos;
use serde::{Deserialize, Serialize};

/// Options of a PROFILEZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfilezOptions {
    /// Profile: `cpu`, or one of Go's such as `heap`, `goroutine`, `allocs`, `block`, `mutex`, `threadcreate`.
    pub name: String,
    /// Go's level of detail: 0 is the binary form, others are text.
    pub debug: i64,
    /// Nanoseconds a `cpu` profile takes, up to 15 seconds. Left out when zero.
    #[serde(skip_serializing_if = "is_default")]
    pub duration: Nanos,
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for ProfilezOptions {
    const GO_STRUCT: &'static str = "ProfilezEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        [
            Field::new("name", Slot::Text(&mut self.name)),
            Field::new("debug", Slot::Int(&mut self.debug)),
            Field::new("duration", Slot::Int(&mut self.duration.0)).typed("time.Duration"),
        ]
        .into_iter()
        .map(|field| field.embedded_in("ProfilezOptions"))
        .chain(self.filter.embedded())
        .collect()
    }
}

/// Data of a PROFILEZ reply. It is an answered request even when `error` says what went wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profilez {
    /// The profile; `null` on the wire when `None`, as after an error.
    pub profile: Option<Base64>,
    /// What went wrong; empty for success.
    pub error: String,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
