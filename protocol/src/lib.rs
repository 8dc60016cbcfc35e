//! NATS as data and grammar: the client wire protocol, subjects, headers, the configuration file
//! format and the payloads of the system account.
//!
//! Nothing here opens a socket, reads a clock or asks for randomness, so every function gives the
//! same answer for the same bytes.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod conf;
pub mod events;
pub mod headers;
#[cfg(feature = "http")]
pub mod http;
pub mod jetstream;
pub mod json;
pub mod monitor;
pub mod subject;
pub mod sys;
pub mod time;
pub mod transform;
pub mod websocket;
pub mod wire;
