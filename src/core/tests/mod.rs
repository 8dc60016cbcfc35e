//! Tests that look inside the core.

mod sublist;
mod timers;
