//! The official Rust client against the mock, over TCP.

mod access;
mod client;
mod endings;
mod faults;
mod messages;
#[path = "../support/mod.rs"]
mod support;
mod system_account;
#[cfg(feature = "tls")]
mod tls;
#[cfg(all(feature = "jwt", feature = "tls"))]
mod variants;
