//! What can be changed: answers of endpoints and kinds of events.

use nats_mock_protocol::subject;
use nats_mock_protocol::sys::{
    AccountEndpoint, Endpoint, EventSubject, RequestSubject, ServerCommand,
};

use crate::faults::Message;
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
/// [`AnyReply`]; an [`EventKind`]; or [`AnyEvent`].
pub trait Said: sealed::Said {}

impl<T: sealed::Said> Said for T {}

pub(in crate::harness) mod sealed {
    use super::Pattern;

    pub trait Said {
        /// [`Replies`](super::Replies) or [`Events`](super::Events).
        type Side;

        fn pattern(self) -> Pattern;
    }
}

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
    pub(super) fn is(&self, message: &Message) -> bool {
        let Some(request) = message.request.as_deref() else {
            let subject = std::str::from_utf8(&message.subject).unwrap_or_default();
            let kind = || EventSubject::parse(subject).map_or(EventKind::Other, EventKind::of);
            return match self {
                Self::AnyEvent => true,
                Self::Event(wanted) => kind() == *wanted,
                _ => false,
            };
        };
        self.is_asked_by(std::str::from_utf8(&request.subject).unwrap_or_default())
    }

    /// Whether a request to this subject is meant.
    pub(in crate::harness) fn is_asked_by(&self, subject: &str) -> bool {
        let asked = || RequestSubject::parse(subject).ok();
        match self {
            Self::AnyReply => true,
            Self::Asked(pattern) => subject::matches(pattern.as_bytes(), subject.as_bytes()),
            Self::Endpoint(wanted) => match asked() {
                Some(RequestSubject::Server { endpoint, .. }) => endpoint == *wanted,
                Some(RequestSubject::Ping) => *wanted == Endpoint::Statsz,
                _ => false,
            },
            Self::Account(wanted) => {
                matches!(asked(), Some(RequestSubject::Account { endpoint, .. }) if endpoint == *wanted)
            }
            Self::Command(wanted) => {
                matches!(asked(), Some(RequestSubject::Command { command, .. }) if command == *wanted)
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
