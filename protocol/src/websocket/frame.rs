//! Frames as they are written.

use bytes::{BufMut, BytesMut};

/// The longest payload of a control frame, in bytes.
pub const MAX_CONTROL_PAYLOAD: usize = 125;

pub(super) const FINAL: u8 = 0x80;
pub(super) const COMPRESSED: u8 = 0x40;
pub(super) const RESERVED: u8 = 0x30;
pub(super) const MASKED: u8 = 0x80;
pub(super) const LENGTH_16: u8 = 126;
pub(super) const LENGTH_64: u8 = 127;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpCode {
    /// More of the message before.
    Continuation = 0,
    /// The first of a message of text, which nats-server takes as it takes bytes.
    Text = 1,
    /// The first of a message of bytes.
    Binary = 2,
    /// The last frame of its side.
    Close = 8,
    /// A question that asks for a pong with the same payload.
    Ping = 9,
    /// The answer to a ping.
    Pong = 10,
}

impl OpCode {
    /// The code in the low four bits of a frame's first byte; nothing for a code without a meaning.
    pub fn of(first: u8) -> Option<Self> {
        Some(match first & 0x0f {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether it stands for itself, between the frames of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Appends one whole message, or a control frame, masked with `mask` if there is one.
///
/// Servers send unmasked, clients masked frames.
pub fn encode(out: &mut BytesMut, code: OpCode, mask: Option<[u8; 4]>, payload: &[u8]) {
    encode_part(
        out,
        Part {
            code,
            is_final: true,
            is_compressed: false,
        },
        mask,
        payload,
    );
}

/// What a frame's first byte says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub code: OpCode,
    /// It is the last of its message.
    pub is_final: bool,
    /// The message is deflated; said of its first frame.
    pub is_compressed: bool,
}

/// As [`encode`], for one of the frames that a message is cut into.
pub fn encode_part(out: &mut BytesMut, part: Part, mask: Option<[u8; 4]>, payload: &[u8]) {
    let mut first = part.code as u8;
    if part.is_final {
        first |= FINAL;
    }
    if part.is_compressed {
        first |= COMPRESSED;
    }
    out.put_u8(first);
    let masked = if mask.is_some() { MASKED } else { 0 };
    match payload.len() {
        length @ 0..=125 => out.put_u8(masked | length as u8),
        length @ 126..=0xffff => {
            out.put_u8(masked | LENGTH_16);
            out.put_u16(length as u16);
        }
        length => {
            out.put_u8(masked | LENGTH_64);
            out.put_u64(length as u64);
        }
    }
    if let Some(key) = mask {
        out.put_slice(&key);
        let start = out.len();
        out.put_slice(payload);
        apply_mask(&mut out[start..], key, 0);
    } else {
        out.put_slice(payload);
    }
}

/// Masks bytes, or takes the mask away, from the place `at` of a payload on; gives the place after
/// them.
pub(super) fn apply_mask(bytes: &mut [u8], key: [u8; 4], at: usize) -> usize {
    let mut turned = key;
    turned.rotate_left(at % 4);
    let whole = u64::from_ne_bytes([turned, turned].concat().try_into().unwrap_or_default());
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ whole).to_ne_bytes());
    }
    for (byte, key) in chunks
        .into_remainder()
        .iter_mut()
        .zip(turned.iter().cycle())
    {
        *byte ^= key;
    }
    (at + bytes.len()) % 4
}
