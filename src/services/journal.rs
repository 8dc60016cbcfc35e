//! What servers have said and were asked, and what else has happened, kept for whoever looks at it.
//!
//! It is written where messages pass anyway and not by a subscription of its own, which would show
//! in the counts and make a server believe that somebody listens.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use nats_mock_protocol::json::Dialect;
use nats_mock_protocol::sys::RequestSubject;

use super::happening::{Happening, Manner};
use super::outbox::Draft;
use crate::core::{AccountId, ClientSnapshot, Core, Request, ServerId, Time};

/// The bytes that are kept of events, and as many of requests. A peer decides how long a request is,
/// but not how much memory it takes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The latest events and requests of a deployment.
#[derive(Debug)]
pub struct Journal {
    pub events: Log<EventRecord>,
    pub requests: Log<RequestRecord>,
    /// All of it in order, and what else has happened.
    pub(crate) timeline: Log<Happening>,
}

/// A server as records name it.
#[derive(Clone, Debug)]
pub struct ServerName {
    pub name: Arc<str>,
    pub id: Arc<str>,
}

/// Something that a server has said of itself.
#[derive(Debug)]
pub struct EventRecord {
    pub server: ServerName,
    /// The account that it was published in.
    pub account: Arc<str>,
    pub time: Time,
    pub subject: Box<str>,
    pub payload: Bytes,
    /// It tells the way of a message that a client has sent.
    pub is_trace: bool,
}

/// Something that a server was asked.
#[derive(Debug)]
pub struct RequestRecord {
    pub server: ServerName,
    pub time: Time,
    pub subject: Box<str>,
    pub reply: Option<Box<str>>,
    pub header: Box<[u8]>,
    pub payload: Bytes,
    /// How the server reads payloads.
    pub dialect: Dialect,
    pub from: Option<Requester>,
}

/// The client that has sent a request, as it was then.
#[derive(Clone, Debug)]
pub struct Requester {
    pub(crate) cid: u64,
    pub(crate) account: Arc<str>,
    pub(crate) user: Option<Box<str>>,
    pub(crate) name: Box<str>,
}

/// The latest records of one kind. Each has a number, from 0 on.
pub struct Log<T> {
    kept: VecDeque<Arc<T>>,
    recorded: u64,
    bytes: usize,
    capacity: usize,
}

impl<T> fmt::Debug for Log<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("recorded", &self.recorded)
            .field("kept", &self.kept.len())
            .finish_non_exhaustive()
    }
}

/// What a record takes, at least.
pub trait Size {
    fn size(&self) -> usize;
}

impl Requester {
    pub(super) fn new(core: &Core, client: ClientSnapshot) -> Self {
        Self {
            cid: client.cid,
            account: Arc::clone(&core.account(client.account).name),
            user: client.user,
            name: client.name,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.user.as_deref().map_or(0, str::len) + self.name.len()
    }
}

impl Size for EventRecord {
    fn size(&self) -> usize {
        size_of::<Self>() + self.subject.len() + self.payload.len()
    }
}

impl Size for RequestRecord {
    fn size(&self) -> usize {
        size_of::<Self>()
            + self.subject.len()
            + self.reply.as_deref().map_or(0, str::len)
            + self.header.len()
            + self.payload.len()
            + self.from.as_ref().map_or(0, Requester::size)
    }
}

impl<T: Size> Log<T> {
    fn new(capacity: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            recorded: 0,
            bytes: 0,
            capacity,
        }
    }

    pub(super) fn push(&mut self, record: impl Into<Arc<T>>) {
        let record = record.into();
        self.recorded += 1;
        self.bytes += record.size();
        self.kept.push_back(record);
        self.make_room();
    }

    /// Changes the latest record, if it is one that `fits`; tells whether it is.
    pub(super) fn amend(
        &mut self,
        fits: impl FnOnce(&T) -> bool,
        change: impl FnOnce(&mut T),
    ) -> bool
    where
        T: Clone,
    {
        let Some(latest) = self.kept.back_mut().filter(|latest| fits(latest)) else {
            return false;
        };
        // Whoever looks at it has it as it was.
        let latest = Arc::make_mut(latest);
        let before = latest.size();
        change(latest);
        self.bytes = self.bytes - before + latest.size();
        self.make_room();
        true
    }

    fn make_room(&mut self) {
        while self.kept.len() > self.capacity || self.bytes > MAX_BYTES {
            let Some(oldest) = self.kept.pop_front() else {
                return;
            };
            self.bytes -= oldest.size();
        }
    }

    /// The number of the oldest record that is still there.
    pub fn first(&self) -> u64 {
        self.recorded - self.kept.len() as u64
    }

    /// The number that the next record will have.
    pub fn next(&self) -> u64 {
        self.recorded
    }

    /// Whether anything is recorded.
    pub fn is_on(&self) -> bool {
        self.capacity > 0
    }

    /// The records from a number on, each with its own, as far as they are still there.
    pub fn since(&self, number: u64) -> impl Iterator<Item = (u64, &Arc<T>)> {
        let first = self.first();
        let skipped = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        (first..).zip(&self.kept).skip(skipped)
    }
}

impl Journal {
    /// Keeps as many events, and as many requests; 0 keeps nothing.
    pub fn new(capacity: usize) -> Self {
        Self {
            events: Log::new(capacity),
            requests: Log::new(capacity),
            timeline: Log::new(capacity),
        }
    }

    /// How much has been recorded.
    pub fn recorded(&self) -> u64 {
        self.events.recorded + self.requests.recorded
    }

    /// Records what a server says, or would say if nothing kept it from that.
    pub(super) fn said(
        &mut self,
        core: &Core,
        server: ServerId,
        draft: &Draft<'_>,
        manner: Manner<'_>,
    ) {
        if !self.timeline.is_on() {
            return;
        }
        match draft.request {
            Some(request) if draft.header.is_empty() => {
                self.note_answer(core, server, request, draft.payload, manner);
            }
            Some(request) => {
                let message = [draft.header, draft.payload].concat();
                self.note_answer(core, server, request, &message, manner);
            }
            None if draft.reply.is_empty() => {
                let subject = String::from_utf8_lossy(draft.subject);
                let record = EventRecord {
                    is_trace: draft.is_trace,
                    ..EventRecord::of(core, server, draft.account, &subject, draft.payload)
                };
                let record = Arc::new(record);
                if manner.is_said {
                    self.events.push(Arc::clone(&record));
                }
                self.note_event(core, record, manner);
            }
            // It asks other servers.
            None => {}
        }
    }

    /// Records what reached a service, once for each message, if it is one of the known requests.
    pub(super) fn request(&mut self, core: &Core, request: &Request) {
        if !self.timeline.is_on() || request.repeated {
            return;
        }
        if let Some(record) = RequestRecord::of(core, request).map(Arc::new) {
            self.note_request(core, &record);
            self.requests.push(record);
        }
    }
}

impl EventRecord {
    pub(crate) fn of(
        core: &Core,
        server: ServerId,
        account: AccountId,
        subject: &str,
        payload: &[u8],
    ) -> Self {
        Self {
            server: ServerName::of(core, server),
            account: Arc::clone(&core.account(account).name),
            time: core.now(),
            subject: subject.into(),
            payload: Bytes::copy_from_slice(payload),
            is_trace: false,
        }
    }
}

impl RequestRecord {
    /// `None` when it is not one of the known requests.
    pub(crate) fn of(core: &Core, request: &Request) -> Option<Self> {
        let subject = std::str::from_utf8(&request.subject).ok()?;
        RequestSubject::parse(subject).ok()?;
        let from = request.from.and_then(|id| core.conn(id));
        Some(Self {
            server: ServerName::of(core, request.server),
            time: core.now(),
            dialect: core.server(request.server).profile.requests,
            subject: subject.into(),
            reply: reply_of(request),
            from: from.map(|conn| Requester::new(core, core.snapshot(conn))),
            header: request.header.clone(),
            payload: Bytes::copy_from_slice(&request.payload),
        })
    }
}

/// Where the answer to a request is expected.
pub(super) fn reply_of(request: &Request) -> Option<Box<str>> {
    let reply = request.reply.as_deref();
    reply
        .filter(|reply| !reply.is_empty())
        .map(|reply| String::from_utf8_lossy(reply).into())
}

impl ServerName {
    pub(super) fn of(core: &Core, server: ServerId) -> Self {
        let server = core.server(server);
        Self {
            name: Arc::clone(&server.name),
            id: Arc::clone(&server.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Bulk(usize);

    impl Size for Bulk {
        fn size(&self) -> usize {
            self.0
        }
    }

    fn numbers(log: &Log<Bulk>, since: u64) -> Vec<u64> {
        log.since(since).map(|(number, _)| number).collect()
    }

    #[test]
    fn the_oldest_goes_first_and_numbers_stay() {
        let mut log = Log::new(2);
        assert!(numbers(&log, 0).is_empty());
        for _ in 0..3 {
            log.push(Bulk(1));
        }
        assert_eq!((log.next(), numbers(&log, 0)), (3, vec![1, 2]));
        assert_eq!(numbers(&log, 2), [2]);
        assert!(numbers(&log, 3).is_empty());
    }

    #[test]
    fn bytes_are_bounded_as_well() {
        let mut log = Log::new(100);
        for _ in 0..3 {
            log.push(Bulk(MAX_BYTES / 2));
        }
        assert_eq!(numbers(&log, 0), [1, 2]);
        log.push(Bulk(MAX_BYTES + 1));
        assert!(numbers(&log, 0).is_empty());
        log.push(Bulk(1));
        assert_eq!(numbers(&log, 0), [4]);
    }

    #[test]
    fn the_latest_can_grow_within_the_bounds() {
        let mut log = Log::new(100);
        assert!(!log.amend(|_| true, |last: &mut Bulk| last.0 += 1));
        log.push(Bulk(1));
        log.push(Bulk(2));
        let seen = log.since(1).map(|(_, it)| Arc::clone(it)).next();
        assert!(log.amend(|last| last.0 == 2, |last| last.0 = 7));
        assert!(!log.amend(|last| last.0 == 2, |last| last.0 = 8));
        let sizes: Vec<usize> = log.since(0).map(|(_, it)| it.0).collect();
        assert_eq!((sizes, seen.unwrap().0, log.bytes), (vec![1, 7], 2, 8));
        log.amend(|_| true, |last| last.0 = MAX_BYTES);
        assert_eq!(numbers(&log, 0), [1]);
    }
}
