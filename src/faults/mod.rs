//! What a test changes of what servers say: answers and events on their way out.
//!
//! Whatever a server is about to say passes the [`Rules`] in force, the oldest first and those of a
//! higher priority later. Each takes what the one before has made of it. So changes add up, the newest
//! rule has the last word, and what a rule lets by is left to the others.

mod guarded;
mod message;
mod rules;
mod selection;

pub(crate) use guarded::guarded;
pub(crate) use message::{Message, Occasion};
pub(crate) use rules::{Effect, Matcher, Passed, Rewrite, Rule, RuleId, Rules};
pub(crate) use selection::Selection;
