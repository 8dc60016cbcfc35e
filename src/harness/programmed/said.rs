//! What can be changed: answers of endpoints and kinds of events.

use nats_mock_protocol::subject;
use nats_mock_protocol::sys::{AccountEndpoint, Endpoint, RequestSubject, ServerCommand};

use crate::faults::{Matcher, Saying};
use crate::recorded::EventKind;

/// Marks an [`On`](super::On) that is about answers.
#[derive(Debug)]
pub enum Replies {}

/// Marks an [`On`](super::On) that is about events.
#[derive(Debug)]
pub enum Events {}

/// The answers to all requests.
#[derive(Clone, Copy, Debug)]
pub struct AnyReply;

/// All events.
#[derive(Clone, Copy, Debug)]
pub struct AnyEvent;

/// Something that servers say: the answers of an [`Endpoint`], of an [`AccountEndpoint`] or to a
/// [`ServerCommand`]; the answers to requests whose subject matches a text, as `$SYS.REQ.USER.*.INFO`;
/// [`AnyReply`]; an [`EventKind`]; or [`AnyEvent`]. And what happens to connections:
/// [`connecting`](crate::connection::connecting), or [`line`](crate::connection::line)s to clients.
pub trait Said: sealed::Said {}

impl<T: sealed::Said> Said for T {}

pub(in crate::harness) mod sealed {
    use super::Pattern;
    use crate::core::Server;

    /// What an [`On`](super::super::On) is about.
    pub trait Side {
        /// Says whether a rule is about an occasion.
        type Matcher;

        /// Is about the occasions at these servers.
        fn at(servers: Servers) -> Self::Matcher;
    }

    /// Some of the servers.
    pub struct Servers(Box<dyn Fn(&Server) -> bool + Send>);

    impl Servers {
        pub(in crate::harness) fn that(are: impl Fn(&Server) -> bool + Send + 'static) -> Self {
            Self(Box::new(are))
        }

        pub(in crate::harness) fn has(&self, server: &Server) -> bool {
            (self.0)(server)
        }
    }

    pub trait Said {
        type Side: Side;

        /// What is meant, for people and for the rule.
        fn meant(self) -> (String, <Self::Side as Side>::Matcher);
    }

    /// Something that is said in messages.
    pub trait Message: Said {
        fn pattern(self) -> Pattern;
    }

    /// What is said in messages, answers or events.
    pub trait Messages: Side<Matcher = crate::faults::Matcher> {}
}

fn at(servers: sealed::Servers) -> Matcher {
    Matcher::of_saying(move |saying| servers.has(saying.core.server(saying.server)))
}

impl sealed::Side for Replies {
    type Matcher = Matcher;

    fn at(servers: sealed::Servers) -> Matcher {
        at(servers)
    }
}

impl sealed::Side for Events {
    type Matcher = Matcher;

    fn at(servers: sealed::Servers) -> Matcher {
        at(servers)
    }
}

impl sealed::Messages for Replies {}
impl sealed::Messages for Events {}

/// What messages are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    Endpoint(Endpoint),
    Account(AccountEndpoint),
    Command(ServerCommand),
    Asked(String),
    AnyReply,
    Event(EventKind),
    AnyEvent,
}

macro_rules! said {
    ($($type:ty => $side:ty, $said:pat => $pattern:expr;)+) => {
        $(impl sealed::Said for $type {
            type Side = $side;

            fn meant(self) -> (String, Matcher) {
                sealed::Message::pattern(self).meant()
            }
        }

        impl sealed::Message for $type {
            fn pattern(self) -> Pattern {
                let $said = self;
                $pattern
            }
        })+
    };
}

said! {
    Endpoint => Replies, endpoint => Pattern::Endpoint(endpoint);
    AccountEndpoint => Replies, endpoint => Pattern::Account(endpoint);
    ServerCommand => Replies, command => Pattern::Command(command);
    &str => Replies, subject => Pattern::Asked(subject.to_owned());
    AnyReply => Replies, _ => Pattern::AnyReply;
    EventKind => Events, kind => Pattern::Event(kind);
    AnyEvent => Events, _ => Pattern::AnyEvent;
}

impl Pattern {
    /// What is meant, for people and for a rule.
    pub(super) fn meant(self) -> (String, Matcher) {
        let text = self.describe();
        let matcher = Matcher::of_saying(move |saying| self.is(saying));
        (text, matcher)
    }

    fn is(&self, saying: &Saying<'_>) -> bool {
        match (self, saying.asked) {
            (_, Some(asked)) => {
                self.can_be_asked_by(asked) && self.is_asked(asked, || saying.request())
            }
            (Self::AnyEvent, None) => true,
            (Self::Event(wanted), None) if saying.is_trace => *wanted == EventKind::MessageTrace,
            (Self::Event(wanted), None) => {
                saying.event().map_or(EventKind::Other, EventKind::of) == *wanted
            }
            (_, None) => false,
        }
    }

    /// Whether the end of a subject fits. Most rules are about something else, and this tells it for next
    /// to nothing.
    fn can_be_asked_by(&self, subject: &[u8]) -> bool {
        let ends = |name: &str| subject.ends_with(name.as_bytes());
        match self {
            Self::Endpoint(wanted) => ends(wanted.name()) || ends("PING"),
            Self::Account(wanted) => ends(wanted.name()),
            Self::Command(wanted) => ends(wanted.name()),
            Self::Asked(_) | Self::AnyReply => true,
            Self::Event(_) | Self::AnyEvent => false,
        }
    }

    /// Whether a request to this subject is meant.
    pub(in crate::harness) fn is_asked_by(&self, subject: &str) -> bool {
        self.is_asked(subject.as_bytes(), || RequestSubject::parse(subject).ok())
    }

    fn is_asked<'a>(
        &self,
        subject: &[u8],
        request: impl FnOnce() -> Option<RequestSubject<'a>>,
    ) -> bool {
        match self {
            Self::AnyReply => true,
            Self::Asked(pattern) => subject::matches(pattern.as_bytes(), subject),
            Self::Endpoint(wanted) => match request() {
                Some(RequestSubject::Server { endpoint, .. }) => endpoint == *wanted,
                Some(RequestSubject::Ping) => *wanted == Endpoint::Statsz,
                _ => false,
            },
            Self::Account(wanted) => {
                matches!(request(), Some(RequestSubject::Account { endpoint, .. }) if endpoint == *wanted)
            }
            Self::Command(wanted) => {
                matches!(request(), Some(RequestSubject::Command { command, .. }) if command == *wanted)
            }
            Self::Event(_) | Self::AnyEvent => false,
        }
    }

    /// For people.
    pub(in crate::harness) fn describe(&self) -> String {
        match self {
            Self::Endpoint(endpoint) => endpoint.to_string(),
            Self::Account(endpoint) => format!("ACCOUNT {endpoint}"),
            Self::Command(command) => command.to_string(),
            Self::Asked(subject) => subject.clone(),
            Self::AnyReply => "any answer".to_owned(),
            Self::Event(kind) => kind.to_string(),
            Self::AnyEvent => "any event".to_owned(),
        }
    }
}
