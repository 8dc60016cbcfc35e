//! What the core tells the system services.

use std::fmt;
use std::sync::Arc;

use nats_mock_protocol::events::{MessageTrace, RemoteLatency, ServiceLatency};

use super::CloseReason;
use super::Identity;
use super::account::{AccountId, AccountTally};
use super::conn::{ConnId, Traffic};
use super::links::Latency;
use super::server::ServerId;
use super::subs::SubId;
use super::time::Time;

/// Something that happened. Notices come out in the order in which it happened, each with what was
/// true at that moment.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A server has started.
    Started { server: ServerId },
    /// A resolver has asked the others for the token of an account.
    ClaimsWanted { server: ServerId, account: Box<str> },
    /// A server knows an account more.
    AccountAdded {
        server: ServerId,
        account: AccountId,
    },
    /// A connection joined or left an account.
    AccountConnections {
        server: ServerId,
        account: AccountId,
        tally: AccountTally,
        at: Time,
    },
    /// A connection was accepted as the user it claims to be.
    Connected {
        server: ServerId,
        client: Box<ClientSnapshot>,
        at: Time,
    },
    /// A connection ended.
    Disconnected {
        server: ServerId,
        client: Box<ClientSnapshot>,
        reason: CloseReason,
        at: Time,
    },
    /// A client has published a message, if that is [watched](super::Core::watch).
    Published(Box<Published>),
    /// A client has subscribed, if that is [watched](super::Core::watch).
    Subscribed(Box<Subscribed>),
    /// Credentials were refused.
    AuthFailed {
        server: ServerId,
        client: Box<ClientSnapshot>,
        audience: AuthAudience,
        reason: CloseReason,
        /// What is said instead of the reason, if a service was asked.
        words: Option<Box<str>>,
        at: Time,
    },
    /// A service has said who a client is.
    Answered {
        server: ServerId,
        client: ConnId,
        /// The subscription that was made for the answer.
        answers: SubId,
        payload: Answer,
        /// What its account has counted as received because of it, on the server that has asked.
        counted: u64,
    },
    /// It was measured how long a service took to answer.
    Measured(Box<Measured>),
    /// One that is asked over another server.
    MeasuredApart(Box<MeasuredApart>),
    /// A server is done with a message whose way is to be told.
    Traced(Box<Traced>),
    /// A message matched a subscription of a service.
    Request(Box<Request>),
    /// A timer of a service fired.
    Timer { server: ServerId, tag: u64 },
    /// A server has got a peer that it has not heard of before.
    PeerFound { server: ServerId, peer: ServerId },
    /// A server has lost a peer, which may have said so or not.
    PeerLost { server: ServerId, peer: ServerId },
    /// A server stops accepting connections and asks its clients to leave.
    LameDuck { server: ServerId },
    /// A leaf node has connected to a server of a cluster with gateways.
    LeafAccepted {
        server: ServerId,
        account: AccountId,
    },
    /// A server is about to stop.
    Shutdown { server: ServerId },
    /// Something has become of a server in which its services have no part.
    Fate { server: ServerId, fate: Fate },
    /// Something has become of the link between two servers.
    Link {
        from: ServerId,
        to: ServerId,
        change: LinkChange,
    },
}

/// What a service has answered, which may hold the token of a client.
pub(crate) struct Answer(pub Box<[u8]>);

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What becomes of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Stopped,
    /// Nobody was told.
    Crashed,
    /// It stands still.
    Frozen,
    /// It goes on.
    Thawed,
    /// Its clock is wrong by so many nanoseconds from now on; negative is behind.
    ClockSet(i64),
}

/// What becomes of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkChange {
    Cut,
    /// Nothing gets through from the first server to the second.
    Blocked,
    Slowed(Latency),
    Healed,
    /// Pings have stayed without an answer for too long.
    GivenUp,
}

/// Who hears of refused credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthAudience {
    /// The system account.
    System,
    /// The account the connection was bound to when it failed.
    Account(AccountId),
}

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnKind {
    Client,
    /// A client over WebSocket.
    Websocket,
    /// A leaf node's connection on the server that was connected to.
    LeafOfHub,
    /// The same on the server that has made it.
    LeafToHub,
    /// One that has not been let in.
    StrangeLeaf,
}

impl ConnKind {
    pub fn is_leaf(self) -> bool {
        !matches!(self, Self::Client | Self::Websocket)
    }

    /// As events and CONNZ call it.
    pub fn name(self) -> &'static str {
        if self.is_leaf() { "Leafnode" } else { "Client" }
    }

    /// The protocol that a client speaks.
    pub fn client_type(self) -> &'static str {
        match self {
            Self::Client => "nats",
            Self::Websocket => "websocket",
            Self::LeafOfHub | Self::LeafToHub | Self::StrangeLeaf => "",
        }
    }
}

/// A client as it was at one moment.
#[derive(Clone, Debug)]
pub(crate) struct ClientSnapshot {
    pub cid: u64,
    pub kind: ConnKind,
    pub account: AccountId,
    pub host: Box<str>,
    pub start: Time,
    pub user: Option<Box<str>>,
    pub identity: Option<Arc<Identity>>,
    /// The token that it has given, if its server has an operator.
    pub jwt: Box<str>,
    pub name: Box<str>,
    pub lang: Box<str>,
    pub version: Box<str>,
    /// Nanoseconds; 0 is not known.
    pub rtt: i64,
    /// What the client sent.
    pub sent: Traffic,
    /// What the client was sent.
    pub received: Traffic,
}

/// What the core is to tell of clients besides what it always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    pub publishing: bool,
    pub subscribing: bool,
}

/// A message as a client has published it.
#[derive(Debug)]
pub(crate) struct Published {
    pub server: ServerId,
    pub client: ClientSnapshot,
    pub subject: Box<[u8]>,
    pub reply: Option<Box<[u8]>>,
    pub header: Box<[u8]>,
    pub payload: Box<[u8]>,
}

/// A subscription as a client has made it.
#[derive(Debug)]
pub(crate) struct Subscribed {
    pub server: ServerId,
    pub client: ClientSnapshot,
    pub subject: Box<[u8]>,
    pub queue: Option<Box<[u8]>>,
}

/// A message for a service.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub server: ServerId,
    /// The tag the service subscribed with.
    pub tag: u32,
    pub subject: Box<[u8]>,
    pub reply: Option<Box<[u8]>>,
    pub header: Box<[u8]>,
    pub payload: Box<[u8]>,
    /// The connection that asks, if it is a client, or that of the leaf node which the request came by.
    pub from: Option<ConnId>,
    /// The message has reached another service of the server before.
    pub repeated: bool,
}

/// How long a service of an account took to answer another.
#[derive(Debug)]
pub(crate) struct Measured {
    pub server: ServerId,
    /// The account of the service, where it is told.
    pub account: AccountId,
    pub subject: Box<str>,
    /// All but its id and its time.
    pub event: ServiceLatency,
}

/// How long a service took that another server has passed a request to.
#[derive(Debug)]
pub(crate) struct MeasuredApart {
    pub server: ServerId,
    /// Where it is told, in the system account.
    pub subject: Box<str>,
    pub half: RemoteLatency,
}

/// What a server has done with a message whose way is to be told.
pub(crate) struct Traced {
    pub server: ServerId,
    /// The account where it is told.
    pub account: AccountId,
    pub subject: Box<[u8]>,
    /// The encoding that was asked for; empty if none was.
    pub encoding: Box<str>,
    pub event: MessageTrace,
}

/// Headers are shown to nobody but whom they are for.
impl fmt::Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced")
            .field("server", &self.server)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
