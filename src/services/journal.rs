//! What servers have said and were asked, kept for whoever looks at it.
//!
//! It is written where messages pass anyway and not by a subscription of its own, which would show
//! in the counts and make a server believe that somebody listens.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use nats_mock_protocol::json::Dialect;
use nats_mock_protocol::sys::RequestSubject;

use crate::core::{AccountId, ClientSnapshot, Core, Request, ServerId, Time};

/// The bytes that are kept of events, and as many of requests. A peer decides how long a request is,
/// but not how much memory it takes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The latest events and requests of a deployment.
#[derive(Debug)]
pub struct Journal {
    pub events: Log<EventRecord>,
    pub requests: Log<RequestRecord>,
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
    /// How much had been recorded before.
    pub number: u64,
    pub subject: Box<str>,
    pub payload: Bytes,
}

/// Something that a server was asked.
#[derive(Debug)]
pub struct RequestRecord {
    pub server: ServerName,
    pub time: Time,
    /// How much had been recorded before.
    pub number: u64,
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

    fn size(&self) -> usize {
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

    fn push(&mut self, record: T) {
        self.recorded += 1;
        self.bytes += record.size();
        self.kept.push_back(Arc::new(record));
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
        }
    }

    /// How much has been recorded.
    pub fn recorded(&self) -> u64 {
        self.events.recorded + self.requests.recorded
    }

    pub(super) fn event(
        &mut self,
        core: &Core,
        server: ServerId,
        account: AccountId,
        subject: &str,
        payload: &[u8],
    ) {
        if self.events.is_on() {
            let number = self.recorded();
            let record = EventRecord::of(core, server, account, subject, payload);
            self.events.push(EventRecord { number, ..record });
        }
    }

    /// Records what reached a service, once for each message, if it is one of the known requests.
    pub(super) fn request(&mut self, core: &Core, request: &Request) {
        if !self.requests.is_on() || request.repeated {
            return;
        }
        if let Some(record) = RequestRecord::of(core, request) {
            let number = self.recorded();
            self.requests.push(RequestRecord { number, ..record });
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
            number: 0,
            subject: subject.into(),
            payload: Bytes::copy_from_slice(payload),
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
            number: 0,
            dialect: core.server(request.server).profile.requests,
            subject: subject.into(),
            reply: request
                .reply
                .as_deref()
                .filter(|reply| !reply.is_empty())
                .map(|reply| String::from_utf8_lossy(reply).into()),
            from: from.map(|conn| Requester::new(core, core.snapshot(conn))),
            header: request.header.clone(),
            payload: Bytes::copy_from_slice(&request.payload),
        })
    }
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
}
