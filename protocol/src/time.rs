//! Instants and durations in the notations a NATS server uses.
//!
//! A server writes instants as RFC 3339 with nanoseconds ([`Timestamp`]), and durations in three ways:
//! integer nanoseconds ([`Nanos`]), Go duration strings such as `1.203917ms` ([`GoDuration`]) and whole
//! seconds with days and years such as `1d2h3m4s` ([`Uptime`]).

mod duration;
mod timestamp;

pub use duration::{GoDuration, Nanos, Uptime};
pub use timestamp::Timestamp;

/// A text that is not in the notation of the type it was parsed as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct ParseTimeError {
    /// What was given, cut to its first 64 characters.
    pub text: String,
    /// The notation that was expected.
    pub expected: &'static str,
}

impl ParseTimeError {
    pub(crate) fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.chars().take(64).collect(),
            expected,
        }
    }
}
