//! Tests that look inside the core.

mod lookups;
mod sublist;
mod timers;
