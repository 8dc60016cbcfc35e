//! The state machine that both decoders share: it finds the bounds of operations in a byte stream
//! and remembers, between reads, how far it got.

use super::error::WireError;
use super::verb::{Front, Shape, Verb, is_blank, recognise};
use super::{Limits, Progress};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;
use std::fmt;
use std::marker::PhantomData;

/// A range of the bytes of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..(self.start + self.len) as usize]
    }

    /// `None` for an argument that was not given; one that was given is never empty.
    pub fn given(self, bytes: &[u8]) -> Option<&[u8]> {
        (self.len > 0).then(|| self.of(bytes))
    }
}

/// `Record::number` where there is no number.
pub(super) const NO_NUMBER: u32 = u32::MAX;

/// Where the parts of one operation lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub verb: Verb,
    /// Header length of HPUB and HMSG, maximum of UNSUB.
    pub number: u32,
    /// Subject, or the whole argument line of operations that have no subject.
    pub first: Span,
    /// Reply subject or queue.
    pub second: Span,
    /// Subscription id of the operations that have one.
    pub sid: Span,
    /// The digits of the payload's and of the headers' size.
    pub size_text: Span,
    pub header_text: Span,
    /// Where the payload begins; it has no other place to be than behind the argument line.
    pub payload: Span,
}

impl Record {
    pub fn new(verb: Verb) -> Self {
        Self {
            verb,
            number: NO_NUMBER,
            first: Span::default(),
            second: Span::default(),
            sid: Span::default(),
            size_text: Span::default(),
            header_text: Span::default(),
            payload: Span::default(),
        }
    }

    fn shifted(mut self, by: usize) -> Self {
        let by = by as u32;
        self.first.start += by;
        self.second.start += by;
        self.sid.start += by;
        self.size_text.start += by;
        self.header_text.start += by;
        self.payload.start += by;
        self
    }
}

/// The grammar of one direction.
pub(super) trait Dialect {
    /// The verbs this side may send, in the order in which they are tried.
    const VERBS: &'static [Verb];

    /// The commonest verbs, recognised without walking the table.
    fn shortcut(input: &[u8]) -> Option<(Verb, usize)>;

    /// Splits an argument line. Spans are relative to the line. The number is the payload's size
    /// where the operation has a payload.
    fn arguments(
        verb: Verb,
        line: &[u8],
        limits: &Limits,
    ) -> Result<(Record, Option<usize>), WireError>;
}

/// An operation whose line was read and whose payload was not yet. Spans count from the first
/// argument byte, which is where the kept input begins.
struct Pending {
    record: Record,
    payload_at: usize,
    size: usize,
}

enum State {
    /// At the start of a line.
    Verb,
    /// Behind a verb; `scanned` bytes of its arguments hold no line end.
    Line { verb: Verb, scanned: usize },
    /// Behind an argument line.
    Payload(Pending),
    /// Nothing more comes of this stream.
    Failed,
}

/// What one call to [`Framer::decode`] found.
#[derive(Clone, Default)]
pub(super) struct Frames {
    pub bytes: Bytes,
    pub records: Vec<Record>,
    pub fault: Option<WireError>,
}

/// The bytes may hold a password.
impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("bytes", &self.bytes.len())
            .field("records", &self.records.len())
            .field("fault", &self.fault)
            .finish()
    }
}

impl Frames {
    pub fn clear(&mut self) {
        self.bytes = Bytes::new();
        self.records.clear();
        self.fault = None;
    }
}

pub(super) struct Framer<D> {
    state: State,
    limits: Limits,
    expect_connect: bool,
    needed: usize,
    dialect: PhantomData<fn() -> D>,
}

/// How the walk over one input ended.
enum End {
    Drained,
    Paused,
    Fault(WireError),
}

impl<D: Dialect> Framer<D> {
    pub fn new(limits: Limits) -> Self {
        Self {
            state: State::Verb,
            limits,
            expect_connect: false,
            needed: 0,
            dialect: PhantomData,
        }
    }

    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub fn expect_connect(&mut self, yes: bool) {
        self.expect_connect = yes;
    }

    pub fn needed(&self) -> usize {
        self.needed
    }

    pub fn decode(&mut self, input: &mut BytesMut, out: &mut Frames) -> Progress {
        out.clear();
        self.needed = 0;
        // Offsets are 32 bits wide. A line and its payload always fit, so a longer input is only
        // taken in several steps.
        let window = input.len().min(u32::MAX as usize);
        let cut_short = window < input.len();
        let (consumed, end) = self.walk(&input[..window], &mut out.records);
        let end = match end {
            End::Drained if cut_short => End::Paused,
            other => other,
        };
        if out.records.is_empty() {
            input.advance(consumed);
        } else {
            out.bytes = input.split_to(consumed).freeze();
        }
        match end {
            End::Drained => Progress::Drained,
            End::Paused => Progress::Paused,
            End::Fault(fault) => {
                self.state = State::Failed;
                out.fault = Some(fault);
                input.clear();
                Progress::Drained
            }
        }
    }

    /// Returns how many bytes are done with, and why it stopped there.
    fn walk(&mut self, window: &[u8], records: &mut Vec<Record>) -> (usize, End) {
        let mut at = 0;
        loop {
            let (verb, scanned) = match std::mem::replace(&mut self.state, State::Verb) {
                State::Verb => match self.verb(&window[at..]) {
                    Ok(Some((verb, len))) => {
                        at += len;
                        (verb, 0)
                    }
                    Ok(None) => return (at, End::Drained),
                    Err(fault) => return (at, End::Fault(fault)),
                },
                State::Line { verb, scanned } => (verb, scanned),
                State::Payload(pending) => {
                    match self.payload(pending, window, at) {
                        Ok(Some((record, end))) => {
                            records.push(record);
                            at = end;
                        }
                        Ok(None) => return (at, End::Drained),
                        Err(fault) => return (at, End::Fault(fault)),
                    }
                    continue;
                }
                State::Failed => {
                    self.state = State::Failed;
                    return (window.len(), End::Drained);
                }
            };
            if verb.shape() == Shape::Ignored {
                let Some(end) = memchr(b'\n', &window[at..]) else {
                    self.state = State::Line { verb, scanned: 0 };
                    return (window.len(), End::Drained);
                };
                at += end + 1;
                records.push(Record::new(verb));
                continue;
            }
            while window.get(at).copied().is_some_and(is_blank) {
                at += 1;
            }
            let line = match self.line(verb, &window[at..], scanned) {
                Ok(Some(line)) => line,
                Ok(None) => return (at, End::Drained),
                Err(fault) => return (at, End::Fault(fault)),
            };
            let arguments = &window[at..at + line.arguments];
            let (record, size) = match D::arguments(verb, arguments, &self.limits) {
                Ok(parsed) => parsed,
                Err(fault) => return (at, End::Fault(fault)),
            };
            if let Some(size) = size {
                let pending = Pending {
                    record,
                    payload_at: line.total,
                    size,
                };
                match self.payload(pending, window, at) {
                    Ok(Some((record, end))) => {
                        records.push(record);
                        at = end;
                    }
                    Ok(None) => return (at, End::Drained),
                    Err(fault) => return (at, End::Fault(fault)),
                }
                continue;
            }
            records.push(record.shifted(at));
            at += line.total;
            if verb == Verb::Connect {
                self.expect_connect = false;
                if at < window.len() {
                    return (at, End::Paused);
                }
            }
        }
    }

    fn verb(&self, rest: &[u8]) -> Result<Option<(Verb, usize)>, WireError> {
        let Some(&first) = rest.first() else {
            return Ok(None);
        };
        if self.expect_connect && !first.eq_ignore_ascii_case(&b'C') {
            return Err(WireError::ConnectExpected { found: first });
        }
        if let Some(shortcut) = D::shortcut(rest) {
            return Ok(Some(shortcut));
        }
        match recognise(D::VERBS, rest) {
            Front::Verb { verb, len } => Ok(Some((verb, len))),
            Front::Incomplete => Ok(None),
            Front::Unknown { after, found } => Err(WireError::UnknownOperation { after, found }),
        }
    }

    /// Finds the end of the argument line at the front of `rest`, of which `scanned` bytes are
    /// known to hold none.
    fn line(&mut self, verb: Verb, rest: &[u8], scanned: usize) -> Result<Option<Line>, WireError> {
        let max = self.limits.max_control_line.min(i32::MAX as usize);
        let too_long = || WireError::ControlLine {
            verb,
            max: self.limits.max_control_line,
        };
        // The first byte that is no blank belongs to the arguments whatever it is, even LF.
        let searched = rest.len().min(max + 2);
        let from = scanned.max(1).min(searched);
        if let Some(found) = memchr(b'\n', &rest[from..searched]) {
            let end = from + found;
            // Any CR on the line, not only one at its end, costs the line its last byte.
            let cr = rest[end - 1] == b'\r' && end > 1 || memchr(b'\r', &rest[1..end]).is_some();
            let arguments = end - usize::from(cr);
            if arguments > max {
                return Err(too_long());
            }
            return Ok(Some(Line {
                arguments,
                total: end + 1,
            }));
        }
        let cr = || memchr(b'\r', &rest[1..]).is_some();
        if rest.len() > max + 1 || (rest.len() == max + 1 && !cr()) {
            return Err(too_long());
        }
        self.state = State::Line {
            verb,
            scanned: rest.len(),
        };
        Ok(None)
    }

    /// Completes the operation whose arguments begin at `at`, or keeps it for the next input.
    #[inline]
    fn payload(
        &mut self,
        pending: Pending,
        window: &[u8],
        at: usize,
    ) -> Result<Option<(Record, usize)>, WireError> {
        let size = pending.size;
        let start = at + pending.payload_at;
        let tail = window.get(start + size..).unwrap_or_default();
        for (&found, want) in tail.iter().zip(*b"\r\n") {
            if found != want {
                return Err(WireError::PayloadEnd { size, found });
            }
        }
        if tail.len() < 2 {
            self.needed = start + size + 2 - window.len();
            self.state = State::Payload(pending);
            return Ok(None);
        }
        let mut record = pending.record.shifted(at);
        record.payload = Span {
            start: start as u32,
            len: size as u32,
        };
        Ok(Some((record, start + size + 2)))
    }
}

/// The extent of an argument line: without, and with its line end.
struct Line {
    arguments: usize,
    total: usize,
}
