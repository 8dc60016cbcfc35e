//! The frames of one client, from when it was let in.

use bytes::BytesMut;
use nats_mock_protocol::events::CloseReason;
use nats_mock_protocol::websocket::frame::{self, Part};
use nats_mock_protocol::websocket::{
    CloseCode, FrameDecoder, FrameError, Masking, OpCode, Step, close,
};

use super::deflate::{InflateError, deflate, inflate};

/// Browsers get no frame with a longer payload.
const BROWSER_FRAME: usize = 4096;
/// Smaller output is not deflated.
const DEFLATE_FROM: usize = 64;
/// A deflated message may be so many times as long as the longest payload.
const DEFLATED_PAYLOADS: usize = 8;
const MAX_DEFLATED: usize = 64 * 1024 * 1024;

/// What was agreed on when the client was let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Messages are deflated in both directions.
    pub deflates: bool,
    /// The client does not mask its frames.
    pub is_unmasked: bool,
    /// It is a browser, which gets short frames.
    pub is_browser: bool,
    /// It is the browser that takes no deflated message in parts.
    pub is_safari: bool,
}

/// That nothing more is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The client has broken the protocol, not closed in good order.
    pub is_broken: bool,
    /// To be sent last.
    pub goodbye: BytesMut,
}

/// Makes a stream of frames, and frames of a stream.
#[derive(Debug)]
pub(crate) struct Session {
    terms: Terms,
    decoder: FrameDecoder,
    max_inflated: usize,
    said_goodbye: bool,
}

impl Session {
    /// Frames of a client that may send payloads of `max_payload` bytes.
    /// A `lenient` one takes what releases before 2.12 did.
    pub fn new(terms: Terms, max_payload: usize, lenient: bool) -> Self {
        let masking = if terms.is_unmasked {
            Masking::None
        } else {
            Masking::Required
        };
        let max_deflated = match lenient {
            // They had no bound.
            true => MAX_DEFLATED,
            false => max_payload
                .saturating_mul(DEFLATED_PAYLOADS)
                .min(MAX_DEFLATED),
        };
        let decoder = FrameDecoder::new(masking, max_deflated);
        Self {
            decoder: if lenient {
                decoder.be_lenient()
            } else if terms.deflates {
                decoder.take_deflated()
            } else {
                decoder
            },
            terms,
            max_inflated: if lenient { MAX_DEFLATED } else { max_payload },
            said_goodbye: false,
        }
    }

    /// Reads on: what the client says comes at the end of `data`, what it is to be answered with before
    /// anything else at the end of `answers`. Both count even if nothing more is read.
    pub fn receive(
        &mut self,
        input: &mut BytesMut,
        data: &mut BytesMut,
        answers: &mut BytesMut,
    ) -> Result<(), Ended> {
        loop {
            match self.decoder.decode(input, data) {
                Ok(Step::Drained) => return Ok(()),
                Ok(Step::Ping(payload)) => frame::encode(answers, OpCode::Pong, None, &payload),
                Ok(Step::Deflated(message)) => {
                    let mut inflated = Vec::new();
                    let result = inflate(&message, self.max_inflated, &mut inflated);
                    data.extend_from_slice(&inflated);
                    if let Err(InflateError::TooBig | InflateError::Broken) = result {
                        return Err(self.ended(true, None));
                    }
                }
                Ok(Step::Close(Some((code, text)))) => {
                    return Err(self.ended(false, Some((code, &text))));
                }
                Ok(Step::Close(None)) => {
                    // Who gives no code is told none.
                    let mut goodbye = BytesMut::new();
                    frame::encode(&mut goodbye, OpCode::Close, None, &[]);
                    self.said_goodbye = true;
                    return Err(Ended {
                        is_broken: false,
                        goodbye,
                    });
                }
                Err(FrameError::TooBig | FrameError::Inflate) => {
                    return Err(self.ended(true, None));
                }
                Err(error) => {
                    let why = (CloseCode::PROTOCOL_ERROR, &*error.to_string());
                    return Err(self.ended(true, Some(why)));
                }
            }
        }
    }

    fn ended(&mut self, is_broken: bool, told: Option<(CloseCode, &str)>) -> Ended {
        let mut goodbye = BytesMut::new();
        if let Some((code, text)) = told {
            self.say_goodbye(&mut goodbye, code, text);
        }
        Ended { is_broken, goodbye }
    }

    /// Appends the frames of `bytes` to `out`.
    pub fn send(&self, bytes: &[u8], out: &mut BytesMut) {
        if bytes.is_empty() {
            return;
        }
        let deflated = (self.terms.deflates && bytes.len() > DEFLATE_FROM).then(|| deflate(bytes));
        let whole = !self.terms.is_browser;
        match deflated {
            Some(message) if whole || self.terms.is_safari => {
                encode(out, OpCode::Binary, true, true, &message);
            }
            Some(message) => {
                let count = message.chunks(BROWSER_FRAME).count();
                for (at, chunk) in message.chunks(BROWSER_FRAME).enumerate() {
                    let code = if at == 0 {
                        OpCode::Binary
                    } else {
                        OpCode::Continuation
                    };
                    encode(out, code, at + 1 == count, at == 0, chunk);
                }
            }
            None if whole => encode(out, OpCode::Binary, true, false, bytes),
            None => {
                for chunk in bytes.chunks(BROWSER_FRAME) {
                    encode(out, OpCode::Binary, true, false, chunk);
                }
            }
        }
    }

    /// Appends the frame that ends the connection, unless there was one already.
    pub fn end(&mut self, reason: CloseReason, out: &mut BytesMut) {
        self.say_goodbye(out, code_of(reason), reason.as_str());
    }

    fn say_goodbye(&mut self, out: &mut BytesMut, code: CloseCode, text: &str) {
        if !std::mem::replace(&mut self.said_goodbye, true) {
            close::encode(out, code, None, text);
        }
    }
}

fn encode(out: &mut BytesMut, code: OpCode, is_final: bool, is_compressed: bool, payload: &[u8]) {
    let part = Part {
        code,
        is_final,
        is_compressed,
    };
    frame::encode_part(out, part, None, payload);
}

/// What a client is told, in its own terms, of why the server closes.
fn code_of(reason: CloseReason) -> CloseCode {
    match reason {
        CloseReason::ClientClosed => CloseCode::NORMAL,
        CloseReason::AuthenticationTimeout
        | CloseReason::AuthenticationViolation
        | CloseReason::SlowConsumerPendingBytes
        | CloseReason::SlowConsumerWriteDeadline
        | CloseReason::MaxAccountConnectionsExceeded
        | CloseReason::MaxConnectionsExceeded
        | CloseReason::MaxControlLineExceeded
        | CloseReason::MaxSubscriptionsExceeded
        | CloseReason::MissingAccount
        | CloseReason::AuthenticationExpired
        | CloseReason::Revocation => CloseCode::POLICY_VIOLATION,
        CloseReason::TlsHandshakeError => CloseCode::TLS_HANDSHAKE,
        CloseReason::ParseError
        | CloseReason::ProtocolViolation
        | CloseReason::BadClientProtocolVersion => CloseCode::PROTOCOL_ERROR,
        CloseReason::MaxPayloadExceeded => CloseCode::TOO_BIG,
        CloseReason::WriteError
        | CloseReason::ReadError
        | CloseReason::StaleConnection
        | CloseReason::ServerShutdown => CloseCode::GOING_AWAY,
        _ => CloseCode::INTERNAL,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn terms() -> impl Strategy<Value = Terms> {
        any::<(bool, bool, bool)>().prop_map(|(deflates, is_browser, is_safari)| Terms {
            deflates,
            is_browser,
            is_safari,
            is_unmasked: true,
        })
    }

    proptest! {
        /// What one side sends, the other receives: both write and read the same frames.
        #[test]
        fn what_is_sent_is_received(
            terms in terms(),
            pieces in vec(vec(any::<u8>(), 0..9000), 0..6),
            cut in 1..5000usize,
        ) {
            let server = Session::new(terms, 1 << 20, false);
            let mut sent = BytesMut::new();
            for piece in &pieces {
                server.send(piece, &mut sent);
            }
            let mut client = Session::new(terms, 1 << 20, false);
            let (mut input, mut data, mut answers) = (BytesMut::new(), BytesMut::new(), BytesMut::new());
            for chunk in sent.chunks(cut) {
                input.extend_from_slice(chunk);
                prop_assert_eq!(client.receive(&mut input, &mut data, &mut answers), Ok(()));
            }
            prop_assert_eq!(&data[..], pieces.concat());
            prop_assert!(answers.is_empty());
        }
    }

    #[test]
    fn the_end_is_told_once() {
        let mut session = Session::new(Terms::default(), 1024, false);
        let mut out = BytesMut::new();
        session.end(CloseReason::StaleConnection, &mut out);
        assert_eq!(&out[..4], [0x88, 18, 0x03, 0xe9]);
        let told = out.len();
        session.end(CloseReason::ServerShutdown, &mut out);
        assert_eq!(out.len(), told);
    }
}
