//! Decoding what clients send.

use super::args::{size, split, with_payload};
use super::error::{Snippet, WireError};
use super::frame::{Dialect, Framer, Frames, NO_NUMBER, Record, Span};
use super::verb::{Verb, is_blank};
use super::{Limits, Progress};
use bytes::{Bytes, BytesMut};
use std::fmt;

/// An incremental decoder of what a client sends.
///
/// It accepts and refuses exactly what the real server's parser does, and gives the same
/// operations and the same fault however the stream is cut into reads.
///
/// ```
/// use bytes::BytesMut;
/// use nats_mock_protocol::wire::{ClientBatch, ClientDecoder, ClientOp, Limits, Progress};
///
/// let mut decoder = ClientDecoder::new(Limits::default());
/// let mut batch = ClientBatch::new();
/// let mut input = BytesMut::from("PUB greet 5\r\nhello\r\nPI");
/// assert_eq!(decoder.decode(&mut input, &mut batch), Progress::Drained);
/// let ops: Vec<_> = batch.iter().collect();
/// let [ClientOp::Pub(publish)] = ops.as_slice() else { panic!("one publish") };
/// assert_eq!(publish.payload, b"hello");
/// assert_eq!(&input[..], b"PI"); // the incomplete rest waits
/// ```
pub struct ClientDecoder(Framer<FromClient>);

impl ClientDecoder {
    /// A decoder at the start of a stream, which does not insist on CONNECT.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self(Framer::new(limits))
    }

    /// Replaces the limits from the next call of [`decode`](Self::decode) on. An operation whose
    /// line was already accepted stays accepted.
    pub fn set_limits(&mut self, limits: Limits) {
        self.0.set_limits(limits);
    }

    /// Whether the next operation must be CONNECT, as where credentials are required. Until the
    /// first CONNECT line, an operation that does not start with `c` or `C` is then
    /// [`WireError::ConnectExpected`]. Default: no.
    pub fn expect_connect(&mut self, yes: bool) {
        self.0.expect_connect(yes);
    }

    /// Takes the complete operations off the front of `input` and puts them in `batch`, which is
    /// emptied first; payloads are not copied. What is incomplete stays in `input`, except for
    /// blanks and ignored text, which are dropped, so that `input` never needs to hold more than
    /// a control line and a payload.
    ///
    /// A CONNECT can change the limits, so it always ends its batch. [`Progress::Paused`] then
    /// says that `input` holds more: act on the batch, set the limits, and call again.
    ///
    /// After a fault the decoder yields nothing more and drops whatever it is given.
    #[must_use = "on Progress::Paused the input must be decoded further"]
    pub fn decode(&mut self, input: &mut BytesMut, batch: &mut ClientBatch) -> Progress {
        self.0.decode(input, &mut batch.0)
    }

    /// How many bytes are missing from the operation at the front of the input, if its payload
    /// size is known; 0 if not.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.0.needed()
    }
}

impl fmt::Debug for ClientDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientDecoder").finish_non_exhaustive()
    }
}

/// The operations found by one call of [`ClientDecoder::decode`], and the bytes they lie in.
///
/// Reuse one batch for a connection's life: it then stops allocating. Holding an old batch keeps
/// the read buffer from being reused; [`clear`](Self::clear) lets go of it.
#[derive(Clone, Debug, Default)]
pub struct ClientBatch(Frames);

impl ClientBatch {
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
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ClientOp<'_>> {
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

    /// The bytes that the operations refer to: `bytes().slice_ref(publish.payload)` gives a
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

/// One operation of a client. [`Debug`](fmt::Debug) shows of CONNECT, which may hold a password, no more than how long
/// it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ClientOp<'a> {
    /// CONNECT with what stands behind it, which ought to be a JSON object.
    Connect(&'a [u8]),
    /// INFO, which the server reads from clients and ignores if it is a proper INFO.
    Info(&'a [u8]),
    /// PUB or HPUB.
    Pub(Publish<'a>),
    /// SUB.
    Sub {
        /// What is subscribed to; not validated.
        subject: &'a [u8],
        /// The queue group, if one was given.
        queue: Option<&'a [u8]>,
        /// The client's name for the subscription.
        sid: &'a [u8],
    },
    /// UNSUB.
    Unsub {
        /// The client's name for the subscription.
        sid: &'a [u8],
        /// After how many messages; `None` if absent or not a number.
        max: Option<u64>,
    },
    /// PING.
    Ping,
    /// PONG.
    Pong,
    /// `+OK`, which means nothing to a server.
    Ok,
    /// `-ERR`, upon which the server closes the connection.
    Err(&'a [u8]),
}

impl fmt::Debug for ClientOp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(json) => write!(f, "Connect({} bytes)", json.len()),
            Self::Info(json) => f.debug_tuple("Info").field(json).finish(),
            Self::Pub(publish) => f.debug_tuple("Pub").field(publish).finish(),
            Self::Sub {
                subject,
                queue,
                sid,
            } => f
                .debug_struct("Sub")
                .field("subject", subject)
                .field("queue", queue)
                .field("sid", sid)
                .finish(),
            Self::Unsub { sid, max } => f
                .debug_struct("Unsub")
                .field("sid", sid)
                .field("max", max)
                .finish(),
            Self::Ping => f.write_str("Ping"),
            Self::Pong => f.write_str("Pong"),
            Self::Ok => f.write_str("Ok"),
            Self::Err(text) => f.debug_tuple("Err").field(text).finish(),
        }
    }
}

/// PUB or HPUB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Where to; not validated.
    pub subject: &'a [u8],
    /// Where answers are expected.
    pub reply: Option<&'a [u8]>,
    /// How many bytes of the payload are headers; `None` for PUB. Never more than the payload.
    pub header_len: Option<usize>,
    /// The header size as the client wrote it; `None` for PUB.
    pub header_text: Option<&'a [u8]>,
    /// The payload size as the client wrote it. The real server copies it into MSG, leading zeros
    /// and all.
    pub size_text: &'a [u8],
    /// Headers and body, without the CRLF.
    pub payload: &'a [u8],
}

fn op<'a>(record: &Record, bytes: &'a [u8]) -> ClientOp<'a> {
    match record.verb {
        Verb::Connect => ClientOp::Connect(record.first.of(bytes)),
        Verb::Info => ClientOp::Info(record.first.of(bytes)),
        Verb::Sub => ClientOp::Sub {
            subject: record.first.of(bytes),
            queue: record.second.given(bytes),
            sid: record.sid.of(bytes),
        },
        Verb::Unsub => ClientOp::Unsub {
            sid: record.sid.of(bytes),
            max: (record.number != NO_NUMBER).then_some(u64::from(record.number)),
        },
        Verb::Ping => ClientOp::Ping,
        Verb::Pong => ClientOp::Pong,
        Verb::Ok => ClientOp::Ok,
        Verb::Err => ClientOp::Err(record.first.of(bytes)),
        _ => ClientOp::Pub(Publish {
            subject: record.first.of(bytes),
            reply: record.second.given(bytes),
            header_len: (record.number != NO_NUMBER).then_some(record.number as usize),
            header_text: record.header_text.given(bytes),
            size_text: record.size_text.of(bytes),
            payload: record.payload.of(bytes),
        }),
    }
}

struct FromClient;

impl Dialect for FromClient {
    const VERBS: &'static [Verb] = &[
        Verb::Pub,
        Verb::Hpub,
        Verb::Sub,
        Verb::Unsub,
        Verb::Ping,
        Verb::Pong,
        Verb::Connect,
        Verb::Info,
        Verb::Ok,
        Verb::Err,
        Verb::Hmsg,
    ];

    #[inline]
    fn shortcut(input: &[u8]) -> Option<(Verb, usize)> {
        let &[a, b, c, blank, ..] = input else {
            return None;
        };
        let verb = match [a & 0xdf, b & 0xdf, c & 0xdf] {
            [b'P', b'U', b'B'] => Verb::Pub,
            [b'S', b'U', b'B'] => Verb::Sub,
            _ => return None,
        };
        is_blank(blank).then_some((verb, 4))
    }

    #[inline]
    fn arguments(
        verb: Verb,
        line: &[u8],
        limits: &Limits,
    ) -> Result<(Record, Option<usize>), WireError> {
        match verb {
            Verb::Pub | Verb::Hpub => with_payload(verb, line, limits),
            Verb::Sub | Verb::Unsub => Ok((interest(verb, line)?, None)),
            // The real server reads the line, skips its arguments, and refuses what follows: at
            // once where its read buffer ends, else unless it is CRLF. Refusing the line itself
            // is the one answer that does not depend on how the stream was cut.
            Verb::Hmsg => Err(WireError::UnknownOperation {
                after: "HMSG",
                found: b'\n',
            }),
            _ => {
                let mut record = Record::new(verb);
                record.first = Span {
                    start: 0,
                    len: line.len() as u32,
                };
                Ok((record, None))
            }
        }
    }
}

fn interest(verb: Verb, line: &[u8]) -> Result<Record, WireError> {
    // Unlike those of PUB, these arguments also end at CR and LF.
    let arguments = split(line, |b| is_blank(b) || b == b'\r' || b == b'\n');
    let spans = &arguments.spans;
    let mut record = Record::new(verb);
    match (verb, arguments.count) {
        (Verb::Sub, 2) => (record.first, record.sid) = (spans[0], spans[1]),
        (Verb::Sub, 3) => {
            (record.first, record.second, record.sid) = (spans[0], spans[1], spans[2]);
        }
        (Verb::Unsub, 1) => record.sid = spans[0],
        (Verb::Unsub, 2) => {
            record.sid = spans[0];
            record.number = size(spans[1].of(line)).unwrap_or(NO_NUMBER);
        }
        _ => {
            return Err(WireError::Arguments {
                verb,
                what: "wrong number of arguments",
                line: Snippet::of(line),
            });
        }
    }
    Ok(record)
}
