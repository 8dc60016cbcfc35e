//! Why a side closes.

use bytes::BytesMut;

use super::frame::{self, MAX_CONTROL_PAYLOAD, OpCode};

/// The status of a close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The work is done.
    pub const NORMAL: Self = Self(1000);
    /// The server leaves, or the connection is no good any more.
    pub const GOING_AWAY: Self = Self(1001);
    /// The other side broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// There was no code: what stands for one that nobody sends.
    pub const NONE_RECEIVED: Self = Self(1005);
    /// Text that is none.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The other side may not do what it does.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message was too big.
    pub const TOO_BIG: Self = Self(1009);
    /// Any other reason of the server's.
    pub const INTERNAL: Self = Self(1011);
    /// The TLS handshake failed.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// Whether a side may send it.
    ///
    /// ```
    /// use nats_mock_protocol::websocket::CloseCode;
    /// assert!(CloseCode::NORMAL.may_be_sent());
    /// assert!(!CloseCode(1005).may_be_sent());
    /// ```
    pub fn may_be_sent(self) -> bool {
        match self.0 {
            1004..=1006 | 1015..=2999 => false,
            code => (1000..5000).contains(&code),
        }
    }
}

/// Appends a close frame. A text that is too long for one is cut, and ends with three dots then.
///
/// ```
/// use bytes::BytesMut;
/// use nats_mock_protocol::websocket::{CloseCode, close};
///
/// let mut out = BytesMut::new();
/// close::encode(&mut out, CloseCode::NORMAL, None, "Client Closed");
/// assert_eq!(&out[..4], [0x88, 15, 0x03, 0xe8]);
/// ```
pub fn encode(out: &mut BytesMut, code: CloseCode, mask: Option<[u8; 4]>, text: &str) {
    const DOTS: &[u8] = b"...";
    let mut payload = code.0.to_be_bytes().to_vec();
    let room = MAX_CONTROL_PAYLOAD - payload.len();
    if text.len() > room {
        payload.extend_from_slice(&text.as_bytes()[..room - DOTS.len()]);
        payload.extend_from_slice(DOTS);
    } else {
        payload.extend_from_slice(text.as_bytes());
    }
    frame::encode(out, OpCode::Close, mask, &payload);
}
