//! Events as types, for [`MockNats::next_event`](crate::MockNats::next_event) and [`Event::parse`].
//!
//! Where one kind of event has a body of its own, the type of the body stands for the kind: `Connect`,
//! `Disconnect`, `AccountConns`, `ServerStatsMsg`, `OcspPeerReject`, `OcspLinkInvalid` and `MessageTrace` of
//! [`protocol::events`](crate::protocol::events). The other kinds share bodies; for each of them there
//! is a type here that is nothing but its name.

use nats_mock_protocol::events::{
    self, AccountConns, Connect, Disconnect, MessageTrace, OcspLinkInvalid, OcspPeerReject,
    ServerEnvelope, ServerStatsMsg,
};
use serde::de::DeserializeOwned;

#[cfg(doc)]
use super::Event;
use super::EventKind;

/// A type that stands for one kind of event.
///
/// To see whether your own types understand what servers send, implement it for them:
///
/// ```
/// use std::time::Duration;
///
/// use nats_mock::MockNats;
/// use nats_mock::recorded::{EventKind, SystemEvent};
///
/// #[derive(serde::Deserialize)]
/// struct Farewell {
///     reason: String,
/// }
///
/// impl SystemEvent for Farewell {
///     type Body = Self;
///     const KIND: EventKind = EventKind::Disconnect;
/// }
///
/// let nats = MockNats::start_blocking()?;
/// drop(nats.client("a")?);
/// let farewell = nats.wait_next_event::<Farewell>(Duration::from_secs(5))?;
/// assert_eq!(farewell.reason, "Client Closed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which kind of event is meant",
    note = "kinds of events that share a body have a type each in `nats_mock::recorded::kind`"
)]
pub trait SystemEvent {
    /// What the body is read as.
    type Body: DeserializeOwned;

    /// The kind of event.
    const KIND: EventKind;
}

/// Body types that stand for the one kind of event they belong to.
macro_rules! bodies {
    ($($body:ident = $kind:ident,)+) => {
        $(impl SystemEvent for $body {
            type Body = Self;
            const KIND: EventKind = EventKind::$kind;
        })+
    };
}

/// Names of kinds whose body does not tell them apart.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $body:ty,)+) => {
        $($(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl SystemEvent for $name {
            type Body = $body;
            const KIND: EventKind = EventKind::$name;
        })+
    };
}

bodies! {
    Connect = Connect,
    // `events::AuthError` is another name of this type, but not of this kind.
    Disconnect = Disconnect,
    AccountConns = AccountConns,
    ServerStatsMsg = Statsz,
    OcspPeerReject = OcspPeerReject,
    OcspLinkInvalid = OcspLinkInvalid,
    MessageTrace = MessageTrace,
}

names! {
    /// [`EventKind::AuthError`]. Not to be mistaken for [`events::AuthError`], which is the same type as
    /// [`Disconnect`] and stands for that.
    AuthError: events::AuthError,
    /// [`EventKind::AccountAuthError`].
    AccountAuthError: events::AuthError,
    /// [`EventKind::ServerAccountConns`].
    ServerAccountConns: AccountConns,
    /// [`EventKind::LeafNodeConnect`].
    LeafNodeConnect: events::LeafNodeConnect,
    /// [`EventKind::LameDuck`].
    LameDuck: ServerEnvelope,
    /// [`EventKind::Shutdown`].
    Shutdown: ServerEnvelope,
}
