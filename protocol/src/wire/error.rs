//! What a peer can do wrong on the wire, and how the real server answers it.

use super::verb::Verb;
use std::fmt;
use thiserror::Error;

/// The most bytes of an offending line that an error keeps.
const KEPT: usize = 256;

/// Why a decoder gave up on its peer.
///
/// A fault never depends on how the stream was cut into reads.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// A byte that continues no known operation.
    #[error("unknown protocol operation: byte {found:#04x} after `{after}`")]
    UnknownOperation {
        /// The part of a verb that was recognised before the byte; empty at the start of a line.
        after: &'static str,
        /// The byte that fits no verb.
        found: u8,
    },
    /// The arguments of an operation are longer than the control line limit.
    #[error("arguments of {verb} exceed the control line limit of {max} bytes")]
    ControlLine {
        /// The operation.
        verb: Verb,
        /// The limit, in bytes.
        max: usize,
    },
    /// Arguments that do not fit the operation: a wrong count, or a bad number.
    #[error("bad arguments for {verb}: {what}: \"{line}\"")]
    Arguments {
        /// The operation.
        verb: Verb,
        /// Which rule was broken.
        what: &'static str,
        /// The arguments as received, without the line end, cut after 256 bytes.
        line: Snippet,
    },
    /// A payload, headers included, that is larger than allowed.
    #[error("payload of {size} bytes exceeds the limit of {max} bytes")]
    MaxPayload {
        /// The announced size, in bytes.
        size: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// HPUB on a connection that has not negotiated headers.
    #[error("message headers are not supported on this connection")]
    HeadersNotSupported,
    /// The payload is not followed by CRLF.
    #[error("payload of {size} bytes is followed by byte {found:#04x} instead of CRLF")]
    PayloadEnd {
        /// The announced size, in bytes.
        size: usize,
        /// The byte found where CR or LF belongs.
        found: u8,
    },
    /// Something other than CONNECT came first where credentials are required.
    #[error("expected CONNECT as the first operation, found byte {found:#04x}")]
    ConnectExpected {
        /// The first byte of the operation.
        found: u8,
    },
}

impl WireError {
    /// The text that goes between the quotes of `-ERR '…'` before the connection is closed, or
    /// `None` where the real server closes without a word.
    ///
    /// ```
    /// use nats_mock_protocol::wire::WireError;
    /// let fault = WireError::MaxPayload { size: 9, max: 8 };
    /// assert_eq!(fault.reply(), Some("Maximum Payload Violation"));
    /// assert_eq!(WireError::HeadersNotSupported.reply(), None);
    /// ```
    #[must_use]
    pub fn reply(&self) -> Option<&'static str> {
        match self {
            Self::UnknownOperation { .. } | Self::PayloadEnd { .. } => {
                Some("Unknown Protocol Operation")
            }
            Self::ControlLine { .. } => Some("maximum control line exceeded"),
            Self::MaxPayload { .. } => Some("Maximum Payload Violation"),
            Self::ConnectExpected { .. } => Some("Authorization Violation"),
            Self::Arguments { .. } | Self::HeadersNotSupported => None,
        }
    }
}

/// A bounded copy of bytes that a peer sent, for messages to people.
#[derive(Clone, PartialEq, Eq)]
pub struct Snippet(Box<[u8]>);

impl Snippet {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(bytes[..bytes.len().min(KEPT)].into())
    }

    /// The bytes as received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
