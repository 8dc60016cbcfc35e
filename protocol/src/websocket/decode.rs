//! Frames as they are read, in pieces of any size.

use std::fmt;

use bytes::{Buf, BytesMut};

use super::close::CloseCode;
use super::frame::{
    COMPRESSED, FINAL, LENGTH_16, LENGTH_64, MASKED, MAX_CONTROL_PAYLOAD, OpCode, RESERVED,
    apply_mask,
};

/// Whether the other side masks what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masking {
    /// Every frame must be masked, as a client's are.
    Required,
    /// No frame is, as agreed by `Nats-No-Masking` or sent by a server.
    None,
}

/// Why frames cannot be read any further.
///
/// The texts are those that nats-server closes with, by code 1002.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Bits that nobody has given a meaning are set.
    #[error("RSV2 and RSV3 must be clear")]
    ReservedBits,
    /// A deflated message although that was not agreed on.
    #[error("compressed frame received without negotiated permessage-deflate")]
    NotNegotiated,
    /// A client's frame without a mask.
    #[error("mask bit missing")]
    NotMasked,
    /// A control frame that is longer than it may be.
    #[error("control frame length bigger than maximum allowed of {MAX_CONTROL_PAYLOAD} bytes")]
    LongControl,
    /// A control frame that is only a part.
    #[error("control frame does not have final bit set")]
    PartOfControl,
    /// A control frame that is deflated.
    #[error("control frame must not be compressed")]
    CompressedControl,
    /// A message that starts within another.
    #[error("new message started before final frame for previous message was received")]
    Interrupted,
    /// More of a message that has not begun, or that says again that it is deflated.
    #[error("invalid continuation frame")]
    Continuation,
    /// A frame of an unknown kind.
    #[error("unknown opcode {0}")]
    OpCode(u8),
    /// A length that does not fit into 63 bits.
    #[error("invalid 64-bit payload length")]
    Length,
    /// A close frame that is too short for its code.
    #[error("close frame payload cannot be 1 byte")]
    ShortClose,
    /// A close frame with a code that nobody may send.
    #[error("invalid close status code {0}")]
    CloseCode(u16),
    /// A deflated message that is longer, or becomes longer, than is let in. nats-server says no code
    /// for it.
    #[error("maximum payload exceeded")]
    TooBig,
    /// A deflated message that is none. nats-server says no code for it.
    #[error("a message is not deflated as it says")]
    Inflate,
}

/// What the decoder has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// All that is there has been read; what is not whole is kept.
    Drained,
    /// A deflated message is whole.
    Deflated(BytesMut),
    /// The other side wants to hear this again.
    Ping(Vec<u8>),
    /// The other side closes. It is told the code back, if there is one, and the text.
    Close(Option<(CloseCode, String)>),
}

/// Reads the frames of one side of a connection.
///
/// Data comes out as a stream, whatever frames and messages it came in, as the client protocol has
/// bounds of its own. Only deflated messages are collected until they are whole.
pub struct FrameDecoder {
    masking: Masking,
    /// Longest deflated message; none is agreed on if there is no such.
    deflated_max: Option<usize>,
    max_deflated: usize,
    is_lenient: bool,
    /// The frame that is being read.
    frame: Option<Data>,
    in_message: bool,
    message_is_deflated: bool,
    collected: BytesMut,
}

/// A frame of data whose header has been read.
#[derive(Debug)]
struct Data {
    left: u64,
    key: Option<[u8; 4]>,
    at: usize,
}

struct Header {
    code: OpCode,
    is_final: bool,
    length: u64,
    key: Option<[u8; 4]>,
    size: usize,
}

impl fmt::Debug for FrameDecoder {
    /// Of a message in parts only the length: there may be secrets in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameDecoder")
            .field("collected", &self.collected.len())
            .finish_non_exhaustive()
    }
}

impl FrameDecoder {
    /// A decoder that takes no deflated messages. Deflated ones, once
    /// [agreed on](Self::take_deflated), may have `max_deflated` bytes.
    pub fn new(masking: Masking, max_deflated: usize) -> Self {
        Self {
            masking,
            deflated_max: None,
            max_deflated,
            is_lenient: false,
            frame: None,
            in_message: false,
            message_is_deflated: false,
            collected: BytesMut::new(),
        }
    }

    /// Deflated messages have been agreed on.
    #[must_use]
    pub fn take_deflated(mut self) -> Self {
        self.deflated_max = Some(self.max_deflated);
        self
    }

    /// Takes what nats-server took before 2.12: bits that nobody has given a meaning, deflated messages
    /// that were not agreed on, and close frames with any code, or half of one.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use nats_mock_protocol::websocket::{FrameDecoder, Masking, Step};
    ///
    /// let mut decoder = FrameDecoder::new(Masking::None, 1024).be_lenient();
    /// let (mut input, mut data) = (BytesMut::from(&[0x88, 1, 3][..]), BytesMut::new());
    /// assert_eq!(decoder.decode(&mut input, &mut data), Ok(Step::Close(None)));
    /// ```
    #[must_use]
    pub fn be_lenient(mut self) -> Self {
        self.is_lenient = true;
        self.take_deflated()
    }

    /// Reads on, moving data out of `input` to the end of `data`.
    ///
    /// # Errors
    ///
    /// When the other side breaks the protocol. Nothing more is to be read then.
    pub fn decode(
        &mut self,
        input: &mut BytesMut,
        data: &mut BytesMut,
    ) -> Result<Step, FrameError> {
        loop {
            if self.frame.is_some() {
                if let Some(message) = self.take_data(input, data)? {
                    return Ok(Step::Deflated(message));
                }
                if self.frame.is_some() {
                    return Ok(Step::Drained);
                }
            }
            let Some(header) = self.header(input)? else {
                return Ok(Step::Drained);
            };
            if !header.code.is_control() {
                input.advance(header.size);
                self.in_message = !header.is_final;
                self.frame = Some(Data {
                    left: header.length,
                    key: header.key,
                    at: 0,
                });
                continue;
            }
            let end = header.size + header.length as usize;
            if input.len() < end {
                return Ok(Step::Drained);
            }
            let mut payload = input.split_to(end).split_off(header.size);
            if let Some(key) = header.key {
                apply_mask(&mut payload, key, 0);
            }
            match header.code {
                OpCode::Close => return closing(&payload, self.is_lenient),
                OpCode::Ping => return Ok(Step::Ping(payload.to_vec())),
                _ => {}
            }
        }
    }

    /// The header that `input` starts with, once it is whole. What is wrong with it is told as soon as
    /// it can be seen.
    fn header(&mut self, input: &[u8]) -> Result<Option<Header>, FrameError> {
        let Some(&first) = input.first() else {
            return Ok(None);
        };
        let is_final = first & FINAL != 0;
        let is_deflated = first & COMPRESSED != 0;
        if first & RESERVED != 0 && !self.is_lenient {
            return Err(FrameError::ReservedBits);
        }
        if is_deflated && self.deflated_max.is_none() {
            return Err(FrameError::NotNegotiated);
        }
        let Some(&second) = input.get(1) else {
            return Ok(None);
        };
        if self.masking == Masking::Required && second & MASKED == 0 {
            return Err(FrameError::NotMasked);
        }
        let short = second & !MASKED;
        let code = OpCode::of(first).ok_or(FrameError::OpCode(first & 0x0f))?;
        match code {
            OpCode::Close | OpCode::Ping | OpCode::Pong => {
                if usize::from(short) > MAX_CONTROL_PAYLOAD {
                    return Err(FrameError::LongControl);
                }
                if !is_final {
                    return Err(FrameError::PartOfControl);
                }
                if is_deflated && !self.is_lenient {
                    return Err(FrameError::CompressedControl);
                }
            }
            OpCode::Text | OpCode::Binary if self.in_message => {
                return Err(FrameError::Interrupted);
            }
            OpCode::Continuation if !self.in_message || is_deflated => {
                return Err(FrameError::Continuation);
            }
            _ => {}
        }
        let mut rest = &input[2..];
        let length = match short {
            LENGTH_16 => rest.try_get_u16().ok().map(u64::from),
            LENGTH_64 => rest.try_get_u64().ok(),
            short => Some(u64::from(short)),
        };
        let Some(length) = length else {
            return Ok(None);
        };
        if length >> 63 != 0 {
            return Err(FrameError::Length);
        }
        let mut key = None;
        if self.masking == Masking::Required {
            let Some(bytes) = rest.first_chunk() else {
                return Ok(None);
            };
            key = Some(*bytes);
            rest.advance(bytes.len());
        }
        if matches!(code, OpCode::Text | OpCode::Binary) {
            self.message_is_deflated = is_deflated;
        }
        Ok(Some(Header {
            code,
            is_final,
            length,
            key,
            size: input.len() - rest.len(),
        }))
    }

    /// Takes what is there of a frame's payload; gives a deflated message that has become whole.
    fn take_data(
        &mut self,
        input: &mut BytesMut,
        data: &mut BytesMut,
    ) -> Result<Option<BytesMut>, FrameError> {
        let Some(frame) = &mut self.frame else {
            return Ok(None);
        };
        let length = usize::try_from(frame.left).map_or(input.len(), |left| left.min(input.len()));
        if let Some(key) = frame.key {
            frame.at = apply_mask(&mut input[..length], key, frame.at);
        }
        frame.left -= length as u64;
        let is_whole = frame.left == 0;
        if self.message_is_deflated {
            let max = self.deflated_max.unwrap_or_default();
            if self.collected.len() + length > max {
                return Err(FrameError::TooBig);
            }
            self.collected.extend_from_slice(&input[..length]);
        } else {
            data.extend_from_slice(&input[..length]);
        }
        input.advance(length);
        if is_whole {
            self.frame = None;
        }
        let ends = is_whole && self.message_is_deflated && !self.in_message;
        Ok(ends.then(|| self.collected.split()))
    }
}

/// What a close frame asks for.
fn closing(payload: &[u8], is_lenient: bool) -> Result<Step, FrameError> {
    let (code, text) = match payload {
        [] => return Ok(Step::Close(None)),
        [_] if is_lenient => return Ok(Step::Close(None)),
        [_] => return Err(FrameError::ShortClose),
        [high, low, text @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), text),
    };
    if code == CloseCode::NONE_RECEIVED && is_lenient {
        return Ok(Step::Close(None));
    }
    if !code.may_be_sent() && !is_lenient {
        return Err(FrameError::CloseCode(code.0));
    }
    Ok(Step::Close(Some(match str::from_utf8(text) {
        Ok(text) => (code, text.to_owned()),
        Err(_) => (
            CloseCode::INVALID_PAYLOAD,
            "invalid utf8 body in close frame".to_owned(),
        ),
    })))
}
