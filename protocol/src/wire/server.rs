//! Decoding what servers send.

use super::args::with_payload;
use super::error::WireError;
use super::frame::{Dialect, Framer, Frames, NO_NUMBER, Record, Span};
use super::verb::{Verb, is_blank};
use super::{Limits, Progress};
use bytes::{Bytes, BytesMut};
use std::fmt;

/// An incremental decoder of what a server sends to a client.
///
/// The lengths in MSG and HMSG are checked against the [`Limits`] before anything is kept, so a
/// hostile server can't make its client set memory aside. INFO can be long: with many connect
/// URLs it exceeds the 4096 bytes that are the default for control lines.
///
/// ```
/// use bytes::BytesMut;
/// use nats_mock_protocol::wire::{Limits, Progress, ServerBatch, ServerDecoder, ServerOp};
///
/// let mut decoder = ServerDecoder::new(Limits::default());
/// let mut batch = ServerBatch::new();
/// let mut input = BytesMut::from("MSG greet 7 5\r\nhello\r\n-ERR 'Stale Connection'\r\n");
/// assert_eq!(decoder.decode(&mut input, &mut batch), Progress::Drained);
/// let ops: Vec<_> = batch.iter().collect();
/// let [ServerOp::Msg(message), ServerOp::Err(text)] = ops.as_slice() else { panic!("two") };
/// assert_eq!((message.sid, message.payload), (&b"7"[..], &b"hello"[..]));
/// assert_eq!(*text, b"Stale Connection");
/// ```
pub struct ServerDecoder(Framer<FromServer>);

impl ServerDecoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self(Framer::new(limits))
    }

    /// Replaces the limits from the next call of [`decode`](Self::decode) on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.0.set_limits(limits);
    }

    /// Takes the complete operations off the front of `input` and puts them in `batch`, which is
    /// emptied first; payloads are not copied. What is incomplete stays in `input`.
    ///
    /// [`Progress::Paused`] comes only with more than 4 GiB of input at once.
    ///
    /// After a fault the decoder yields nothing more and drops whatever it is given.
    #[must_use = "on Progress::Paused the input must be decoded further"]
    pub fn decode(&mut self, input: &mut BytesMut, batch: &mut ServerBatch) -> Progress {
        self.0.decode(input, &mut batch.0)
    }

    /// How many bytes are missing from the operation at the front of the input, if its payload
    /// size is known; 0 if not.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.0.needed()
    }
}

impl fmt::Debug for ServerDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerDecoder").finish_non_exhaustive()
    }
}

/// The operations found by one call of [`ServerDecoder::decode`], and the bytes they lie in.
#[derive(Debug, Default)]
pub struct ServerBatch(Frames);

impl ServerBatch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it holds no operation. There may be a fault nevertheless.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.records.is_empty()
    }

    /// The number of operations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.records.len()
    }

    /// The operations in the order in which they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ServerOp<'_>> {
        self.0
            .records
            .iter()
            .map(|record| op(record, &self.0.bytes))
    }

    /// What went wrong behind the last operation, if anything did.
    #[must_use]
    pub fn fault(&self) -> Option<&WireError> {
        self.0.fault.as_ref()
    }

    /// The bytes that the operations refer to: `bytes().slice_ref(message.payload)` gives a
    /// payload that outlives the batch without copying it.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// Forgets operations, fault and bytes.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// One operation of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerOp<'a> {
    /// INFO with its JSON; the real server puts a blank behind the JSON, which is included.
    Info(&'a [u8]),
    /// MSG or HMSG.
    Msg(Message<'a>),
    /// PING.
    Ping,
    /// PONG.
    Pong,
    /// `+OK`.
    Ok,
    /// `-ERR`, with the text inside the quotes.
    Err(&'a [u8]),
}

/// MSG or HMSG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it was published to.
    pub subject: &'a [u8],
    /// The subscription it is for.
    pub sid: &'a [u8],
    /// Where answers are expected.
    pub reply: Option<&'a [u8]>,
    /// The header block; `None` for MSG.
    pub headers: Option<&'a [u8]>,
    /// The body, without headers and CRLF.
    pub payload: &'a [u8],
}

fn op<'a>(record: &Record, bytes: &'a [u8]) -> ServerOp<'a> {
    match record.verb {
        Verb::Info => ServerOp::Info(record.first.of(bytes)),
        Verb::Ping => ServerOp::Ping,
        Verb::Pong => ServerOp::Pong,
        Verb::Ok => ServerOp::Ok,
        Verb::Err => ServerOp::Err(unquoted(record.first.of(bytes))),
        _ => {
            let whole = record.payload.of(bytes);
            let (headers, payload) = match record.number {
                NO_NUMBER => (None, whole),
                n => {
                    let (headers, payload) = whole.split_at(n as usize);
                    (Some(headers), payload)
                }
            };
            ServerOp::Msg(Message {
                subject: record.first.of(bytes),
                sid: record.sid.of(bytes),
                reply: record.second.given(bytes),
                headers,
                payload,
            })
        }
    }
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.strip_prefix(b"'")
        .and_then(|rest| rest.strip_suffix(b"'"))
        .unwrap_or(text)
}

struct FromServer;

impl Dialect for FromServer {
    const VERBS: &'static [Verb] = &[
        Verb::Msg,
        Verb::Hmsg,
        Verb::Ping,
        Verb::Pong,
        Verb::Ok,
        Verb::Err,
        Verb::Info,
    ];

    #[inline]
    fn shortcut(input: &[u8]) -> Option<(Verb, usize)> {
        match input {
            [b'M', b'S', b'G', blank, ..] if is_blank(*blank) => Some((Verb::Msg, 4)),
            _ => None,
        }
    }

    #[inline]
    fn arguments(
        verb: Verb,
        line: &[u8],
        limits: &Limits,
    ) -> Result<(Record, Option<usize>), WireError> {
        if matches!(verb, Verb::Msg | Verb::Hmsg) {
            return with_payload(verb, line, limits);
        }
        let mut record = Record::new(verb);
        record.first = Span {
            start: 0,
            len: line.len() as u32,
        };
        Ok((record, None))
    }
}
