//! What events carry.

use nats_mock_protocol::events::{
    AccountConns, AuthError, Connect, Disconnect, LameDuck, LeafNodeConnect, MessageTrace,
    OcspLinkInvalid, OcspPeerReject, ServerStatsMsg, Shutdown,
};

use super::{Event, EventKind};

/// The body of an event, by its kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventBody {
    /// Of [`EventKind::Connect`].
    Connect(Box<Connect>),
    /// Of [`EventKind::Disconnect`].
    Disconnect(Box<Disconnect>),
    /// Of [`EventKind::AccountConns`] and [`EventKind::ServerAccountConns`].
    AccountConns(Box<AccountConns>),
    /// Of [`EventKind::AuthError`] and [`EventKind::AccountAuthError`].
    AuthError(Box<AuthError>),
    /// Of [`EventKind::Statsz`].
    Statsz(Box<ServerStatsMsg>),
    /// Of [`EventKind::LameDuck`].
    LameDuck(Box<LameDuck>),
    /// Of [`EventKind::Shutdown`].
    Shutdown(Box<Shutdown>),
    /// Of [`EventKind::LeafNodeConnect`].
    LeafNodeConnect(Box<LeafNodeConnect>),
    /// Of [`EventKind::OcspPeerReject`].
    OcspPeerReject(Box<OcspPeerReject>),
    /// Of [`EventKind::OcspLinkInvalid`].
    OcspLinkInvalid(Box<OcspLinkInvalid>),
    /// Of [`EventKind::MessageTrace`].
    MessageTrace(Box<MessageTrace>),
    /// Of any other kind.
    Other(serde_json::Value),
}

impl EventBody {
    pub(super) fn of(event: &Event) -> Result<Self, ParseEventError> {
        Ok(match event.kind() {
            EventKind::Connect => Self::Connect(event.read()?),
            EventKind::Disconnect => Self::Disconnect(event.read()?),
            EventKind::AccountConns | EventKind::ServerAccountConns => {
                Self::AccountConns(event.read()?)
            }
            EventKind::AuthError | EventKind::AccountAuthError => Self::AuthError(event.read()?),
            EventKind::Statsz => Self::Statsz(event.read()?),
            EventKind::LameDuck => Self::LameDuck(event.read()?),
            EventKind::Shutdown => Self::Shutdown(event.read()?),
            EventKind::LeafNodeConnect => Self::LeafNodeConnect(event.read()?),
            EventKind::OcspPeerReject => Self::OcspPeerReject(event.read()?),
            EventKind::OcspLinkInvalid => Self::OcspLinkInvalid(event.read()?),
            EventKind::MessageTrace => Self::MessageTrace(event.read()?),
            EventKind::LeafNodeDisconnect | EventKind::Latency | EventKind::Other => {
                Self::Other(event.read()?)
            }
        })
    }
}

/// An event is not what it was taken for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseEventError {
    /// It is of another kind.
    #[error("{subject} is no {expected}")]
    Kind {
        /// The kind that was expected.
        expected: EventKind,
        /// The event's subject.
        subject: String,
    },
    /// The body does not fit the type.
    #[error("body of {subject}: {source}")]
    Body {
        /// The event's subject.
        subject: String,
        /// What does not fit, and where.
        source: serde_json::Error,
    },
}
