//! What has happened in a deployment, in order of time.
//!
//! [`MockNats::timeline`] gives it as a value that no longer follows the deployment: requests to the
//! system services with who asked and what each server made of them, events, connections and what a test
//! [did to them](crate::connection), messages and subscriptions that a test [expects](crate::expected), what
//! was [armed](crate::programmed) and how it acted, and what became of servers, links and clocks. It prints
//! as one line for each entry, and [`Timeline::html`] makes a page of it to look around in.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use nats_mock::MockNats;
//! use nats_mock::protocol::sys::Endpoint;
//! use nats_mock::timeline::EntryKind;
//!
//! let nats = MockNats::builder().cluster("east", 2).manual_clock(SystemTime::UNIX_EPOCH).start_blocking()?;
//! let _silent = nats.on(Endpoint::Idz).from("east-2").silence();
//! nats.advance(Duration::from_millis(1_500));
//! nats.client("admin")?.request("$SYS.REQ.SERVER.PING.IDZ", "")?;
//!
//! let timeline = nats.timeline();
//! let request = timeline.entries().iter().find(|entry| entry.kind() == EntryKind::Request).unwrap();
//! assert_eq!(
//!     request.to_string(),
//!     "  1.500s request $SYS.REQ.SERVER.PING.IDZ by admin of SYS: answered by east-1; \
//!      no answer from east-2 [⚡ IDZ from east-2: silence]"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The same seed and the same script give the same text. [`Builder::history`](crate::Builder::history) says
//! how much is kept; what is older is [gone](Timeline::missing).

mod gather;
mod html;
mod indent;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::MockNats;
use crate::services::{Deployment, Excerpt};

/// What has happened, the oldest first; see the [module](self). Copies are cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    entries: Arc<[Entry]>,
    missing: u64,
    seed: u64,
}

/// One thing that has happened. A request is one entry with all the answers that came at once, and what
/// happens to several servers or links at once is one as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    since_start: Duration,
    kind: EntryKind,
    servers: Vec<Arc<str>>,
    text: String,
    faults: Vec<Arc<str>>,
    parts: Vec<Part>,
}

/// What belongs to an entry, to be looked at more closely.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    title: String,
    /// A fault had a hand in it.
    is_marked: bool,
    payload: Excerpt,
}

/// What sort of thing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A client has asked the system services, or a service of the test's own.
    Request,
    /// A server has answered later than at once.
    Answer,
    /// A server has said something of itself.
    Event,
    /// A client that connects was [received as a fault has it](crate::connection::connecting), a connection
    /// has begun, ended, or been refused, or a test has [done something to it](crate::MockNats::connections).
    Connection,
    /// A line to a client was [sent as a fault has it](crate::connection::line()).
    Line,
    /// A client has published a message. Told only while messages are [expected](crate::expected).
    Message,
    /// A client has subscribed. Told only while subscriptions are [expected](crate::expected).
    Subscription,
    /// Something was armed, or has ended.
    Fault,
    /// A server has started, stopped, closed its port, or changed in another way.
    Server,
    /// Links were cut, slowed or healed.
    Link,
    /// The test has moved the clock.
    Clock,
}

impl Part {
    fn new(title: impl Into<String>, payload: Excerpt) -> Self {
        Self {
            title: title.into(),
            is_marked: false,
            payload,
        }
    }
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Request,
        Self::Answer,
        Self::Event,
        Self::Connection,
        Self::Line,
        Self::Message,
        Self::Subscription,
        Self::Fault,
        Self::Server,
        Self::Link,
        Self::Clock,
    ];

    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Event => "event",
            Self::Connection => "connection",
            Self::Line => "line",
            Self::Message => "message",
            Self::Subscription => "subscription",
            Self::Fault => "fault",
            Self::Server => "server",
            Self::Link => "link",
            Self::Clock => "clock",
        }
    }
}

impl MockNats {
    /// What has happened so far; see [`timeline`](self).
    pub fn timeline(&self) -> Timeline {
        let (seed, raw) = self.hub.look(|deployment: &Deployment| {
            let core = deployment.core();
            let start = core.servers().next().map(|(_, server)| server.start);
            let log = &deployment.journal().timeline;
            let happenings: Vec<_> = log.since(0).map(|(_, it)| Arc::clone(it)).collect();
            (core.seed(), (start, happenings, log.first()))
        });
        let (start, happenings, missing) = raw;
        let start = start.or(happenings.first().map(|it| it.time));
        Timeline {
            entries: gather::entries(&happenings, start.unwrap_or_default()).into(),
            missing,
            seed,
        }
    }
}

impl Timeline {
    /// The entries, the oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How much has happened before the first entry and is not known any more, because no more is
    /// [kept](crate::Builder::history).
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Only the entries for which `shows` is true.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 2).start_blocking()?;
    /// nats.server("east-2").crash();
    /// let of_second = nats.timeline().only(|entry| entry.servers().any(|name| name == "east-2"));
    /// assert!(of_second.to_string().contains("server east-2 crashes"));
    /// # Ok::<(), nats_mock::StartError>(())
    /// ```
    pub fn only(&self, mut shows: impl FnMut(&Entry) -> bool) -> Self {
        let entries = self.entries.iter().filter(|entry| shows(entry));
        Self {
            entries: entries.cloned().collect(),
            ..*self
        }
    }

    /// Only the last entries, at most so many.
    pub fn last(&self, count: usize) -> Self {
        let from = self.entries.len().saturating_sub(count);
        Self {
            entries: self.entries[from..].into(),
            missing: self.missing + from as u64,
            ..*self
        }
    }

    /// A page to look around in: one file of HTML that needs nothing else. It can be filtered by server,
    /// kind and text, and an entry opens to show all that belongs to it, JSON set out in lines.
    /// Of a payload, no more than 32 KiB are shown.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("timeline.html");
    /// let nats = nats_mock::MockNats::start_blocking()?;
    /// nats.client("admin")?.request("$SYS.REQ.SERVER.PING.VARZ", "")?;
    /// std::fs::write(&path, nats.timeline().html())?;
    /// # assert!(std::fs::read_to_string(&path)?.contains("PING.VARZ"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn html(&self) -> String {
        html::page(self)
    }
}

impl Entry {
    /// When it happened, from the start of the first server, by the clock of the deployment.
    pub fn since_start(&self) -> Duration {
        self.since_start
    }

    /// What sort of thing it is.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// The names of the servers that it is about, each once.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().map(|name| &**name)
    }

    /// What has happened, in words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What was [armed](crate::programmed) and had a hand in it, each once, as it describes itself.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.faults.iter().map(|fault| &**fault)
    }

    fn time(&self) -> String {
        let millis = self.since_start.as_millis();
        format!("{:>3}.{:03}s", millis / 1000, millis % 1000)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.time(), self.text)
    }
}

/// One line for each entry, with the time since the start of the first server.
impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.missing > 0 {
            writeln!(f, "  … {} before", self.missing)?;
        }
        self.entries
            .iter()
            .try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
