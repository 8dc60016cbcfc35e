//! What has happened in a deployment, in one line of time: what the journal has anyway, and what became
//! of connections, servers, links, rules and clocks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nats_mock_protocol::sys::RequestSubject;

use super::acts::Act;
use super::journal::{EventRecord, Journal, RequestRecord, Requester, ServerName, Size, reply_of};
use super::seen::Seen;
use crate::core::{
    ClientSnapshot, CloseReason, Conn, Core, Fate, LinkChange, Notice, Request, ServerId, Time,
};
use crate::faults::{Arrival, Passed};

/// Something that has happened.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub time: Time,
    pub what: What,
    /// The rules that had a hand in it, as people read them.
    pub faults: Vec<Arc<str>>,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A server was asked something.
    Request(Arc<RequestRecord>),
    /// A server has answered, or would have.
    Answer { answer: Arc<Answer>, is_said: bool },
    /// A server has said something of itself, or would have.
    Event {
        record: Arc<EventRecord>,
        is_said: bool,
    },
    /// A service of the test's own was asked something.
    Custom(Arc<CustomRequest>),
    Connection {
        server: ServerName,
        by: Requester,
        is_leaf: bool,
        change: ConnectionChange,
    },
    /// A client that connects was received as rules have it.
    Arrival { server: ServerName, host: Box<str> },
    /// A line to a client was sent as rules have it.
    Line(Arc<LineRecord>),
    /// The test has done something to connections.
    Act {
        act: Act,
        clients: Vec<(ServerName, Requester)>,
    },
    /// A client has done something that is watched.
    Seen(Seen),
    Rule {
        description: Arc<str>,
        change: RuleChange,
    },
    Servers {
        servers: Vec<ServerName>,
        change: ServerChange,
    },
    Links {
        pairs: Vec<(Arc<str>, Arc<str>)>,
        change: LinkChange,
    },
    /// The test has moved the clock.
    Clock(Duration),
}

/// What a server answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub server: ServerName,
    /// Of the request.
    pub subject: Box<str>,
    pub reply: Option<Box<str>>,
    pub payload: Excerpt,
}

#[derive(Debug)]
pub(crate) struct CustomRequest {
    pub server: ServerName,
    pub subject: Box<str>,
    pub service: String,
    pub by: Option<Requester>,
    pub payload: Excerpt,
}

/// A line to a client, and what has become of it.
#[derive(Debug)]
pub(crate) struct LineRecord {
    pub server: ServerName,
    pub to: Requester,
    /// As the server sends it.
    pub line: Excerpt,
    /// As it goes out, if it does.
    pub sent: Option<Excerpt>,
    /// How often it goes out more than once.
    pub more: usize,
    pub delay: Duration,
}

/// How something was said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner<'a> {
    /// It goes out now. If not, a rule has it go later, or not at all.
    pub is_said: bool,
    /// The rules that had a hand in it.
    pub faults: &'a [Arc<str>],
}

/// The beginning of something that may be long.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub bytes: Bytes,
    /// How long it is as a whole.
    pub len: usize,
}

/// Nobody reads bodies there, and in some stand the JWTs of clients.
impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum ConnectionChange {
    Began,
    Ended(CloseReason),
    Refused(CloseReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuleChange {
    Armed,
    /// It has let go of so many messages.
    Released(usize),
    /// It had been hit so often.
    Ended(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerChange {
    /// As this release.
    Started(&'static str),
    LameDuck,
    Fate(Fate),
    /// Nobody listens at its port any more.
    PortClosed,
    PortOpened,
}

/// Of what is copied for the timeline alone, so much is kept.
const KEPT: usize = 32 * 1024;

/// What happens to many servers or links comes as one, unless so much time lies in between. On a clock
/// that goes by itself no two things happen at once.
const AT_ONCE: Duration = Duration::from_millis(1);

impl Excerpt {
    /// As much of a text as a timeline keeps.
    pub fn copied(whole: &[u8]) -> Self {
        Self {
            bytes: Bytes::copy_from_slice(&whole[..whole.len().min(KEPT)]),
            len: whole.len(),
        }
    }

    /// As much as a timeline shows of what is there anyway.
    pub fn of(whole: &Bytes) -> Self {
        Self {
            bytes: whole.slice(..whole.len().min(KEPT)),
            len: whole.len(),
        }
    }

    pub fn is_whole(&self) -> bool {
        self.bytes.len() == self.len
    }
}

impl Size for Happening {
    fn size(&self) -> usize {
        let requester = |by: &Requester| by.size();
        let held = match &self.what {
            What::Request(record) => record.size(),
            What::Answer { answer, .. } => {
                answer.subject.len()
                    + answer.reply.as_deref().map_or(0, str::len)
                    + answer.payload.bytes.len()
            }
            What::Event { record, .. } => record.size(),
            What::Custom(request) => {
                request.subject.len()
                    + request.service.len()
                    + request.by.as_ref().map_or(0, requester)
                    + request.payload.bytes.len()
            }
            What::Connection { by, .. } => by.size(),
            What::Arrival { host, .. } => host.len(),
            What::Line(line) => {
                let sent = line.sent.as_ref().map_or(0, |sent| sent.bytes.len());
                line.to.size() + line.line.bytes.len() + sent
            }
            What::Act { act, clients } => {
                let names = clients.iter().map(|(_, by)| by.size()).sum::<usize>();
                let raw = match act {
                    Act::SendRaw(bytes) => bytes.len(),
                    _ => 0,
                };
                names + raw + size_of_val(&**clients)
            }
            What::Seen(seen) => seen.size(),
            What::Rule { description, .. } => description.len(),
            What::Servers { servers, .. } => size_of_val(&**servers),
            What::Links { pairs, .. } => size_of_val(&**pairs),
            What::Clock(_) => 0,
        };
        size_of::<Self>() + held + size_of_val(&*self.faults)
    }
}

impl Happening {
    /// Whether what has happened right after it is the same to people.
    fn takes_in(&self, next: &Self) -> bool {
        let at_once = next.time - self.time <= AT_ONCE;
        match (&self.what, &next.what) {
            (What::Servers { change, .. }, What::Servers { change: next, .. }) => {
                at_once && change == next
            }
            (What::Links { change, .. }, What::Links { change: next, .. }) => {
                at_once && change == next
            }
            (What::Clock(_), What::Clock(_)) => true,
            _ => false,
        }
    }

    fn take_in(&mut self, next: &Self) {
        match (&mut self.what, &next.what) {
            (What::Servers { servers, .. }, What::Servers { servers: more, .. }) => {
                servers.extend_from_slice(more);
            }
            (What::Links { pairs, .. }, What::Links { pairs: more, .. }) => {
                pairs.extend_from_slice(more);
            }
            (What::Clock(by), What::Clock(more)) => *by = by.saturating_add(*more),
            _ => {}
        }
    }
}

impl Journal {
    pub(super) fn happened(&mut self, core: &Core, what: What, faults: &[Arc<str>]) {
        let happening = Happening {
            time: core.now(),
            what,
            faults: faults.to_vec(),
        };
        let fits = |last: &Happening| last.takes_in(&happening);
        if !self.timeline.amend(fits, |last| last.take_in(&happening)) {
            self.timeline.push(happening);
        }
    }

    /// Takes note of what became of connections, servers and links.
    pub(super) fn note(&mut self, core: &Core, notice: &Notice) {
        if !self.timeline.is_on() {
            return;
        }
        let what = match notice {
            Notice::LameDuck { server } => server_change(core, *server, ServerChange::LameDuck),
            Notice::Fate { server, fate } => {
                server_change(core, *server, ServerChange::Fate(*fate))
            }
            Notice::Link { from, to, change } => What::Links {
                pairs: vec![(name(core, *from), name(core, *to))],
                change: *change,
            },
            Notice::Connected { server, client, .. } => {
                connection(core, *server, client, ConnectionChange::Began)
            }
            Notice::Disconnected {
                server,
                client,
                reason,
                ..
            } => connection(core, *server, client, ConnectionChange::Ended(*reason)),
            Notice::AuthFailed {
                server,
                client,
                reason,
                ..
            } => connection(core, *server, client, ConnectionChange::Refused(*reason)),
            _ => return,
        };
        self.happened(core, what, &[]);
    }

    /// Takes note of servers that start together.
    pub(super) fn note_starts(&mut self, core: &Core, servers: impl Iterator<Item = ServerId>) {
        if self.timeline.is_on() {
            for server in servers {
                let release = core.server(server).profile.version;
                let what = server_change(core, server, ServerChange::Started(release));
                self.happened(core, what, &[]);
            }
        }
    }

    pub(super) fn note_request(&mut self, core: &Core, record: &Arc<RequestRecord>) {
        self.happened(core, What::Request(Arc::clone(record)), &[]);
    }

    pub(super) fn note_event(
        &mut self,
        core: &Core,
        record: Arc<EventRecord>,
        Manner { is_said, faults }: Manner<'_>,
    ) {
        self.happened(core, What::Event { record, is_said }, faults);
    }

    pub(super) fn note_answer(
        &mut self,
        core: &Core,
        server: ServerId,
        request: &Request,
        payload: &[u8],
        Manner { is_said, faults }: Manner<'_>,
    ) {
        let answer = Arc::new(Answer {
            server: ServerName::of(core, server),
            subject: String::from_utf8_lossy(&request.subject).into(),
            reply: reply_of(request),
            payload: Excerpt::copied(payload),
        });
        self.happened(core, What::Answer { answer, is_said }, faults);
    }

    pub(super) fn note_custom(&mut self, core: &Core, request: &Request, service: String) {
        let from = request.from.and_then(|id| core.conn(id));
        let request = CustomRequest {
            server: ServerName::of(core, request.server),
            subject: String::from_utf8_lossy(&request.subject).into(),
            service,
            by: from.map(|conn| Requester::new(core, core.snapshot(conn))),
            payload: Excerpt::copied(&request.payload),
        };
        self.happened(core, What::Custom(Arc::new(request)), &[]);
    }

    /// Takes note of a client that was received as rules have it.
    pub(super) fn note_arrival(&mut self, arrival: &Arrival<'_>, hits: &[Arc<str>]) {
        if self.timeline.is_on() && !hits.is_empty() {
            let what = What::Arrival {
                server: ServerName::of(arrival.core, arrival.server),
                host: arrival.host.into(),
            };
            self.happened(arrival.core, what, hits);
        }
    }

    /// Takes note of what has become of a line under rules.
    pub(super) fn note_line(&mut self, core: &Core, conn: &Conn, line: &[u8], passed: &Passed) {
        if self.timeline.is_on() && !passed.hits.is_empty() {
            let record = LineRecord {
                server: ServerName::of(core, conn.server),
                to: Requester::new(core, core.snapshot(conn)),
                line: Excerpt::copied(line),
                sent: passed.line.as_deref().map(Excerpt::copied),
                more: passed.more,
                delay: passed.delay,
            };
            self.happened(core, What::Line(Arc::new(record)), &passed.hits);
        }
    }

    /// Takes note of a port that the test closes or opens again.
    pub(super) fn note_port(&mut self, core: &Core, server: ServerId, is_open: bool) {
        if self.timeline.is_on() {
            let change = if is_open {
                ServerChange::PortOpened
            } else {
                ServerChange::PortClosed
            };
            self.happened(core, server_change(core, server, change), &[]);
        }
    }

    /// Takes note of what a client has done, unless that is noted in another way.
    pub(super) fn note_seen(&mut self, core: &Core, seen: Seen) {
        let is_new = match &seen {
            Seen::Message(message) => RequestSubject::parse(&message.subject).is_err(),
            Seen::Subscription(_) => true,
            Seen::Request(_) | Seen::Connection(_) => false,
        };
        if is_new && self.timeline.is_on() {
            self.happened(core, What::Seen(seen), &[]);
        }
    }

    pub(super) fn note_rule(&mut self, core: &Core, description: &str, change: RuleChange) {
        if self.timeline.is_on() {
            let description = description.into();
            self.happened(
                core,
                What::Rule {
                    description,
                    change,
                },
                &[],
            );
        }
    }

    pub(super) fn note_clock(&mut self, core: &Core, by: Duration) {
        if self.timeline.is_on() && !by.is_zero() {
            self.happened(core, What::Clock(by), &[]);
        }
    }
}

fn name(core: &Core, server: ServerId) -> Arc<str> {
    Arc::clone(&core.server(server).name)
}

fn server_change(core: &Core, server: ServerId, change: ServerChange) -> What {
    What::Servers {
        servers: vec![ServerName::of(core, server)],
        change,
    }
}

fn connection(
    core: &Core,
    server: ServerId,
    client: &ClientSnapshot,
    change: ConnectionChange,
) -> What {
    What::Connection {
        server: ServerName::of(core, server),
        by: Requester::new(core, client.clone()),
        is_leaf: client.kind.is_leaf(),
        change,
    }
}
