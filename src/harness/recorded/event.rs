//! One event.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use nats_mock_protocol::sys::{EventSubject, SysSubjectError};

use super::{EventBody, ParseEventError, SystemEvent};
use crate::harness::mock::system_time;
use crate::services::EventRecord;

/// Something that a server has said of itself. Copies are cheap.
#[derive(Clone)]
pub struct Event(pub(in crate::harness) Arc<EventRecord>);

impl Event {
    /// What kind of event it is.
    pub fn kind(&self) -> EventKind {
        kind(&self.0)
    }

    /// What it was published to.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The subject taken apart.
    ///
    /// # Errors
    ///
    /// For [`EventKind::Other`].
    pub fn parsed_subject(&self) -> Result<EventSubject<'_>, SysSubjectError> {
        EventSubject::parse(&self.0.subject)
    }

    /// The account that it is about: the one in its subject, and for
    /// [`EventKind::AccountAuthError`] and [`EventKind::MessageTrace`] the one it was published in. `None` for what concerns a server,
    /// [`EventKind::AuthError`] included.
    pub fn account(&self) -> Option<&str> {
        account(&self.0)
    }

    /// The account whose subscribers could hear it, nearly always the system account.
    pub fn published_in(&self) -> &str {
        &self.0.account
    }

    /// The name of the server that said it.
    pub fn server_name(&self) -> &str {
        &self.0.server.name
    }

    /// The id of the server that said it.
    pub fn server_id(&self) -> &str {
        &self.0.server.id
    }

    /// When it was published, by the clock of the deployment.
    pub fn time(&self) -> SystemTime {
        system_time(self.0.time)
    }

    /// The body, byte for byte as subscribers get it.
    pub fn payload(&self) -> &Bytes {
        &self.0.payload
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.payload).into_owned()
    }

    /// The body as the type that belongs to one kind of event.
    ///
    /// # Errors
    ///
    /// When this is an event of another kind, or the body does not fit the type, which happens with
    /// types of your own only.
    pub fn parse<T: SystemEvent>(&self) -> Result<T::Body, ParseEventError> {
        if self.kind() != T::KIND {
            return Err(ParseEventError::Kind {
                expected: T::KIND,
                subject: self.subject().to_owned(),
            });
        }
        self.read()
    }

    /// The body as the type that belongs to its kind.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::recorded::EventBody;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _app = nats.client("a")?;
    /// for event in nats.events().account("USERS").history() {
    ///     match event.body()? {
    ///         EventBody::Connect(event) => assert_eq!(event.client.acc, "USERS"),
    ///         EventBody::AccountConns(event) => assert_eq!(event.conns, 1),
    ///         other => panic!("{other:?}"),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the body does not fit. It always does for what the simulated servers emit by themselves.
    pub fn body(&self) -> Result<EventBody, ParseEventError> {
        EventBody::of(self)
    }

    pub(super) fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, ParseEventError> {
        serde_json::from_slice(&self.0.payload).map_err(|source| ParseEventError::Body {
            subject: self.subject().to_owned(),
            source,
        })
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("subject", &self.subject())
            .field("published_in", &self.published_in())
            .field("server_name", &self.server_name())
            .field("time", &self.time())
            .field("payload", &self.text())
            .finish()
    }
}

pub(super) fn kind(record: &EventRecord) -> EventKind {
    if record.is_trace {
        return EventKind::MessageTrace;
    }
    EventSubject::parse(&record.subject).map_or(EventKind::Other, EventKind::of)
}

pub(super) fn account(record: &EventRecord) -> Option<&str> {
    match EventSubject::parse(&record.subject) {
        _ if record.is_trace => Some(&record.account),
        Ok(EventSubject::AccountAuthError) => Some(&record.account),
        Ok(subject) => subject.account(),
        Err(_) => None,
    }
}

/// Kinds of events, each with the pattern that its subjects match.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $pattern:literal,)+) => {
        /// The kinds of events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $(#[doc = concat!("`", $pattern, "`: ")] $(#[$doc])* $kind,)+
            /// `>`: the way of a message that is traced, on whatever subject the message or its account
            /// names, in its account.
            MessageTrace,
            /// Anything else.
            Other,
        }

        impl EventKind {
            /// What its subjects match, fit to be subscribed to; `$SYS.>` for [`EventKind::Other`].
            ///
            /// ```
            /// use nats_mock::recorded::EventKind;
            ///
            /// assert_eq!(EventKind::Connect.pattern(), "$SYS.ACCOUNT.*.CONNECT");
            /// ```
            pub const fn pattern(self) -> &'static str {
                match self {
                    $(Self::$kind => $pattern,)+
                    Self::MessageTrace => ">",
                    Self::Other => "$SYS.>",
                }
            }

            /// The kind whose pattern this is.
            pub(in crate::harness) fn from_pattern(pattern: &str) -> Option<Self> {
                match pattern {
                    $($pattern => Some(Self::$kind),)+
                    ">" => Some(Self::MessageTrace),
                    _ => None,
                }
            }

            pub(in crate::harness) fn of(subject: EventSubject<'_>) -> Self {
                match subject {
                    $(EventSubject::$kind { .. } => Self::$kind,)+
                    _ => Self::Other,
                }
            }
        }
    };
}

kinds! {
    /// a client or leaf node was bound to an account.
    Connect = "$SYS.ACCOUNT.*.CONNECT",
    /// a connection ended.
    Disconnect = "$SYS.ACCOUNT.*.DISCONNECT",
    /// the number of an account's connections has changed, or is told again.
    AccountConns = "$SYS.ACCOUNT.*.SERVER.CONNS",
    /// the older copy of [`AccountConns`](Self::AccountConns), which is sent first.
    ServerAccountConns = "$SYS.SERVER.ACCOUNT.*.CONNS",
    /// a leaf node was bound to an account, where gateways are in use.
    LeafNodeConnect = "$SYS.ACCOUNT.*.LEAFNODE.CONNECT",
    /// a leaf node is gone.
    LeafNodeDisconnect = "$SYS.ACCOUNT.*.LEAFNODE.DISCONNECT",
    /// a login was refused, as the system account hears it.
    AuthError = "$SYS.SERVER.*.CLIENT.AUTH.ERR",
    /// a login was refused, as the account hears it that the connection was bound to.
    AccountAuthError = "$SYS.ACCOUNT.CLIENT.AUTH.ERR",
    /// a server's statistics.
    Statsz = "$SYS.SERVER.*.STATSZ",
    /// a server enters lame duck mode.
    LameDuck = "$SYS.SERVER.*.LAMEDUCK",
    /// a server stops.
    Shutdown = "$SYS.SERVER.*.SHUTDOWN",
    /// a TLS handshake was refused because of a revoked certificate.
    OcspPeerReject = "$SYS.SERVER.*.OCSP.PEER.CONN.REJECT",
    /// a certificate of a peer's chain is revoked or unknown.
    OcspLinkInvalid = "$SYS.SERVER.*.OCSP.PEER.LINK.INVALID",
    /// the second half of a latency measurement, from one server to another.
    Latency = "$SYS.LATENCY.M2.*",
}

impl fmt::Display for EventKind {
    /// The [pattern](Self::pattern).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pattern())
    }
}
