//! Subjects of events.

use super::{MAX_TOKENS, SysSubjectError, tokens};
use std::fmt;

/// The subject of an event.
///
/// Tokens are server ids, account names (public keys in operator mode) or `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventSubject<'a> {
    /// `$SYS.ACCOUNT.<account>.CONNECT`: a [`Connect`](crate::events::Connect).
    Connect {
        /// Account.
        account: &'a str,
    },
    /// `$SYS.ACCOUNT.<account>.DISCONNECT`: a [`Disconnect`](crate::events::Disconnect).
    Disconnect {
        /// Account.
        account: &'a str,
    },
    /// `$SYS.ACCOUNT.<account>.SERVER.CONNS`: an [`AccountConns`](crate::events::AccountConns).
    AccountConns {
        /// Account.
        account: &'a str,
    },
    /// `$SYS.SERVER.ACCOUNT.<account>.CONNS`: the older copy of [`EventSubject::AccountConns`], sent first.
    ServerAccountConns {
        /// Account.
        account: &'a str,
    },
    /// `$SYS.ACCOUNT.<account>.LEAFNODE.CONNECT`: a [`LeafNodeConnect`](crate::events::LeafNodeConnect).
    LeafNodeConnect {
        /// Account.
        account: &'a str,
    },
    /// `$SYS.ACCOUNT.<account>.LEAFNODE.DISCONNECT`; documented, but no release from 2.10 to 2.15 sends it.
    LeafNodeDisconnect {
        /// Account.
        account: &'a str,
    },
    /// `$SYS.ACCOUNT.CLIENT.AUTH.ERR`: an [`AuthError`](crate::events::AuthError) for the client's account.
    AccountAuthError,
    /// `$SYS.SERVER.<server>.CLIENT.AUTH.ERR`: an [`AuthError`](crate::events::AuthError) for the system account.
    AuthError {
        /// Server id.
        server: &'a str,
    },
    /// `$SYS.SERVER.<server>.STATSZ`: a [`ServerStatsMsg`](crate::events::ServerStatsMsg).
    Statsz {
        /// Server id.
        server: &'a str,
    },
    /// `$SYS.SERVER.<server>.LAMEDUCK`: a [`LameDuck`](crate::events::LameDuck).
    LameDuck {
        /// Server id.
        server: &'a str,
    },
    /// `$SYS.SERVER.<server>.SHUTDOWN`: a [`Shutdown`](crate::events::Shutdown).
    Shutdown {
        /// Server id.
        server: &'a str,
    },
    /// `$SYS.SERVER.<server>.OCSP.PEER.CONN.REJECT`: an [`OcspPeerReject`](crate::events::OcspPeerReject).
    OcspPeerReject {
        /// Server id.
        server: &'a str,
    },
    /// `$SYS.SERVER.<server>.OCSP.PEER.LINK.INVALID`: an [`OcspLinkInvalid`](crate::events::OcspLinkInvalid).
    OcspLinkInvalid {
        /// Server id.
        server: &'a str,
    },
    /// `$SYS.LATENCY.M2.<hash>`: a [`RemoteLatency`](crate::events::RemoteLatency) from one server to another.
    Latency {
        /// Hash of the receiving server's name, 8 characters.
        hash: &'a str,
    },
}

impl<'a> EventSubject<'a> {
    /// The event a subject belongs to.
    ///
    /// # Errors
    ///
    /// When it is not the subject of an event.
    pub fn parse(subject: &'a str) -> Result<Self, SysSubjectError> {
        let mut buffer = [""; MAX_TOKENS];
        Self::from_tokens(tokens(subject, &mut buffer))
            .ok_or_else(|| SysSubjectError::new(subject, "the subject of an event"))
    }

    fn from_tokens(tokens: Option<&[&'a str]>) -> Option<Self> {
        Some(match *tokens? {
            ["ACCOUNT", "CLIENT", "AUTH", "ERR"] => Self::AccountAuthError,
            ["ACCOUNT", account, "CONNECT"] => Self::Connect { account },
            ["ACCOUNT", account, "DISCONNECT"] => Self::Disconnect { account },
            ["ACCOUNT", account, "SERVER", "CONNS"] => Self::AccountConns { account },
            ["ACCOUNT", account, "LEAFNODE", "CONNECT"] => Self::LeafNodeConnect { account },
            ["ACCOUNT", account, "LEAFNODE", "DISCONNECT"] => Self::LeafNodeDisconnect { account },
            ["SERVER", "ACCOUNT", account, "CONNS"] => Self::ServerAccountConns { account },
            ["SERVER", server, "CLIENT", "AUTH", "ERR"] => Self::AuthError { server },
            ["SERVER", server, "STATSZ"] => Self::Statsz { server },
            ["SERVER", server, "LAMEDUCK"] => Self::LameDuck { server },
            ["SERVER", server, "SHUTDOWN"] => Self::Shutdown { server },
            ["SERVER", server, "OCSP", "PEER", "CONN", "REJECT"] => Self::OcspPeerReject { server },
            ["SERVER", server, "OCSP", "PEER", "LINK", "INVALID"] => {
                Self::OcspLinkInvalid { server }
            }
            ["LATENCY", "M2", hash] => Self::Latency { hash },
            _ => return None,
        })
    }

    /// The account in the subject, if it has one.
    #[must_use]
    pub const fn account(self) -> Option<&'a str> {
        match self {
            Self::Connect { account }
            | Self::Disconnect { account }
            | Self::AccountConns { account }
            | Self::ServerAccountConns { account }
            | Self::LeafNodeConnect { account }
            | Self::LeafNodeDisconnect { account } => Some(account),
            _ => None,
        }
    }

    /// The server id in the subject, if it has one.
    #[must_use]
    pub const fn server(self) -> Option<&'a str> {
        match self {
            Self::AuthError { server }
            | Self::Statsz { server }
            | Self::LameDuck { server }
            | Self::Shutdown { server }
            | Self::OcspPeerReject { server }
            | Self::OcspLinkInvalid { server } => Some(server),
            _ => None,
        }
    }
}

impl<'a> TryFrom<&'a str> for EventSubject<'a> {
    type Error = SysSubjectError;

    fn try_from(subject: &'a str) -> Result<Self, Self::Error> {
        Self::parse(subject)
    }
}

impl fmt::Display for EventSubject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { account } => write!(f, "$SYS.ACCOUNT.{account}.CONNECT"),
            Self::Disconnect { account } => write!(f, "$SYS.ACCOUNT.{account}.DISCONNECT"),
            Self::AccountConns { account } => write!(f, "$SYS.ACCOUNT.{account}.SERVER.CONNS"),
            Self::ServerAccountConns { account } => {
                write!(f, "$SYS.SERVER.ACCOUNT.{account}.CONNS")
            }
            Self::LeafNodeConnect { account } => {
                write!(f, "$SYS.ACCOUNT.{account}.LEAFNODE.CONNECT")
            }
            Self::LeafNodeDisconnect { account } => {
                write!(f, "$SYS.ACCOUNT.{account}.LEAFNODE.DISCONNECT")
            }
            Self::AccountAuthError => f.write_str("$SYS.ACCOUNT.CLIENT.AUTH.ERR"),
            Self::AuthError { server } => write!(f, "$SYS.SERVER.{server}.CLIENT.AUTH.ERR"),
            Self::Statsz { server } => write!(f, "$SYS.SERVER.{server}.STATSZ"),
            Self::LameDuck { server } => write!(f, "$SYS.SERVER.{server}.LAMEDUCK"),
            Self::Shutdown { server } => write!(f, "$SYS.SERVER.{server}.SHUTDOWN"),
            Self::OcspPeerReject { server } => {
                write!(f, "$SYS.SERVER.{server}.OCSP.PEER.CONN.REJECT")
            }
            Self::OcspLinkInvalid { server } => {
                write!(f, "$SYS.SERVER.{server}.OCSP.PEER.LINK.INVALID")
            }
            Self::Latency { hash } => write!(f, "$SYS.LATENCY.M2.{hash}"),
        }
    }
}
