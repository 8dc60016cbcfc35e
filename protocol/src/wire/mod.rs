//! The client protocol: what goes over the wire between a client and a server.
//!
//! [`ClientDecoder`] reads what clients send, [`ServerDecoder`] what servers send. Both are
//! incremental: give them the bytes as they come, and they hand out the operations that are
//! complete, as slices of what was read. [`encode`] writes either side's operations.
//!
//! The real server's parser is the specification: which malformed input is refused where, what is
//! tolerated, and what is said to the peer before the connection is closed
//! ([`WireError::reply`]).

mod args;
mod client;
mod connect;
pub mod encode;
mod error;
mod frame;
mod gojson;
mod info;
mod server;
mod verb;

pub use client::{ClientBatch, ClientDecoder, ClientOp, Publish};
pub use connect::{ConnectError, ConnectOptions};
pub use error::{Snippet, WireError};
pub use info::{InfoError, ServerInfo};
pub use server::{Message, ServerBatch, ServerDecoder, ServerOp};
pub use verb::Verb;

/// What a decoder lets its peer do. Everything is checked before memory is set aside for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest argument part of a line, in bytes: without the verb, the blanks behind it and
    /// the line end. Default: 4096, as `max_control_line` of the server.
    pub max_control_line: usize,
    /// The largest payload with its headers, in bytes. Default: 1 MiB, as `max_payload` of the
    /// server; `usize::MAX` stands for no limit. Sizes of ten digits and more are bad arguments
    /// in any case.
    pub max_payload: usize,
    /// Whether messages may carry headers; if not, HPUB and HMSG are refused. Default: yes.
    pub headers: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_control_line: 4096,
            max_payload: 1024 * 1024,
            headers: true,
        }
    }
}

/// Whether a decoder has looked at everything it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "on Progress::Paused the input must be decoded further"]
pub enum Progress {
    /// What is left of the input, if anything, is incomplete: read more.
    Drained,
    /// The decoder stopped early, because what follows may be subject to other limits: act on the
    /// batch, then decode the same input again.
    Paused,
}
