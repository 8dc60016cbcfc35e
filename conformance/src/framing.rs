//! The client side of WebSocket frames.
//!
//! As the reader of the client protocol, it is deliberately not the one of the mock.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// What a client masks its frames with.
const KEY: [u8; 4] = [0x6e, 0x61, 0x74, 0x73];
/// What is cut off from the end of a deflated message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// How the two sides have agreed to frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreed {
    /// The client does not mask.
    pub unmasked: bool,
    /// Messages are deflated.
    pub deflated: bool,
}

/// The frames of one connection.
#[derive(Debug, Default)]
pub struct Framing {
    agreed: Agreed,
    received: Vec<u8>,
    deflated: Option<Vec<u8>>,
}

impl Framing {
    /// Frames as agreed.
    pub fn new(agreed: Agreed) -> Self {
        Self {
            agreed,
            ..Self::default()
        }
    }

    /// One message.
    pub fn message(&self, bytes: &[u8]) -> Vec<u8> {
        if self.agreed.deflated {
            self.frame(0xc2, &deflate(bytes))
        } else {
            self.frame(0x82, bytes)
        }
    }

    /// One frame with its first byte.
    pub fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        let masked = if self.agreed.unmasked { 0 } else { 0x80 };
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..=125 => frame.push(masked | length as u8),
            length @ 126..=65535 => {
                frame.push(masked | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(masked | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        if self.agreed.unmasked {
            frame.extend(payload);
        } else {
            frame.extend(KEY);
            frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k));
        }
        frame
    }

    /// Takes what came, and appends what it says; frames that are no data are lines of their own.
    pub fn receive(&mut self, bytes: &[u8], into: &mut Vec<u8>) {
        self.received.extend(bytes);
        while let Some((first, payload)) = self.take() {
            match first & 0x0f {
                0..=2 => self.data(first, &payload, into),
                8 => into.extend(close_line(&payload)),
                10 => into.extend(format!("[pong {}]\r\n", payload.escape_ascii()).into_bytes()),
                other => into
                    .extend(format!("[frame {other} {}]\r\n", payload.escape_ascii()).into_bytes()),
            }
        }
    }

    fn data(&mut self, first: u8, payload: &[u8], into: &mut Vec<u8>) {
        if first & 0x40 != 0 {
            self.deflated = Some(Vec::new());
        }
        match &mut self.deflated {
            None => into.extend(payload),
            Some(message) => message.extend(payload),
        }
        if first & 0x80 != 0
            && let Some(mut message) = self.deflated.take()
        {
            message.extend(TAIL);
            // The message ends without a last block, which is no matter.
            let _ = DeflateDecoder::new(&message[..]).read_to_end(into);
        }
    }

    /// The first byte and the payload of a whole frame.
    fn take(&mut self) -> Option<(u8, Vec<u8>)> {
        let bytes = &self.received;
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let (start, length) = match second & 0x7f {
            126 => (
                4,
                u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
            ),
            127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
            length => (2, u64::from(length)),
        };
        let end = start + usize::try_from(length).ok()?;
        let payload = bytes.get(start..end)?.to_vec();
        self.received.drain(..end);
        Some((first, payload))
    }
}

fn close_line(payload: &[u8]) -> Vec<u8> {
    let text = match payload {
        [high, low, text @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            format!("[close {code} {}]\r\n", text.escape_ascii())
        }
        _ => "[close]\r\n".to_owned(),
    };
    text.into_bytes()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // A vector takes everything.
    let _ = encoder.write_all(bytes).and_then(|()| encoder.flush());
    let mut out = std::mem::take(encoder.get_mut());
    out.truncate(out.len().saturating_sub(TAIL.len()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_framed_unmasked_comes_out() {
        for deflated in [false, true] {
            let agreed = Agreed {
                unmasked: true,
                deflated,
            };
            let mut framing = Framing::new(agreed);
            for length in [0, 5, 200, 70_000] {
                let text = vec![b'x'; length];
                let mut out = Vec::new();
                let message = framing.message(&text);
                framing.receive(&message, &mut out);
                assert_eq!(out, text);
            }
        }
    }

    #[test]
    fn the_end_is_a_line() {
        let mut framing = Framing::default();
        let mut out = Vec::new();
        framing.receive(&[0x88, 4, 3, 0xe8, b'o', b'k'], &mut out);
        assert_eq!(out, b"[close 1000 ok]\r\n");
    }
}
