//! What a test has go wrong: rules in force, each about one sort of occasion.
//!
//! Whatever a server is about to say passes those about messages, the oldest first and those of a higher
//! priority later. Each takes what the one before has made of it. So changes add up, the newest rule has the
//! last word, and what a rule lets by is left to the others. It is the same with clients that connect,
//! and with the lines that clients are sent.

mod armed;
mod arrivals;
mod guarded;
mod lines;
mod message;
mod messages;
mod rules;
mod selection;

pub(crate) use armed::{RuleId, Trigger};
pub(crate) use arrivals::{Arrival, ArrivalEffect, ArrivalMatcher, ArrivalRule, Fate};
pub(crate) use guarded::guarded;
pub(crate) use lines::{LineEffect, LineMatcher, LineRule, Passed};
pub(crate) use message::{Message, Occasion, Saying};
pub(crate) use messages::{Effect, Matcher, MessageRule, Remains, Rewrite};
pub(crate) use rules::{About, Released, Rule, Rules};
pub(crate) use selection::Selection;
