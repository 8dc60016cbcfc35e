//! Why connections end.

use std::fmt;
use std::str::FromStr;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// Why a connection ended, as DISCONNECT events and the closed connections of CONNZ say it.
        ///
        /// All five release lines have all of them unless the docs of one say otherwise.
        ///
        /// ```
        /// use nats_mock_protocol::events::CloseReason;
        ///
        /// assert_eq!(CloseReason::SlowConsumerPendingBytes.as_str(), "Slow Consumer (Pending Bytes)");
        /// assert_eq!("Kicked".parse(), Ok(CloseReason::Kicked));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum CloseReason {
            $($(#[$doc])* $variant,)+
        }

        impl CloseReason {
            /// All of them, in the order of their numbers in nats-server.
            #[must_use]
            pub const fn all() -> &'static [Self] {
                &[$(Self::$variant),+]
            }

            /// The text in events and replies.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl FromStr for CloseReason {
            type Err = UnknownCloseReason;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownCloseReason(text.chars().take(128).collect())),
                }
            }
        }
    };
}

/// A text that is not the reason of any release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a reason to close a connection")]
pub struct UnknownCloseReason(
    /// What was given, cut to its first 128 characters.
    pub String,
);

reasons! {
    /// The peer closed the connection, or a reload took its user or account away.
    ClientClosed = "Client Closed",
    /// No CONNECT in time.
    AuthenticationTimeout = "Authentication Timeout",
    /// Login refused, or something else than CONNECT first where a login is needed.
    AuthenticationViolation = "Authentication Failure",
    /// The TLS handshake failed or took too long.
    TlsHandshakeError = "TLS Handshake Failure",
    /// More bytes waited for the peer than `max_pending` allows.
    SlowConsumerPendingBytes = "Slow Consumer (Pending Bytes)",
    /// A write took longer than `write_deadline`.
    SlowConsumerWriteDeadline = "Slow Consumer (Write Deadline)",
    /// Writing failed.
    WriteError = "Write Error",
    /// Reading failed, e.g. because the peer reset the connection.
    ReadError = "Read Error",
    /// The peer sent `-ERR`.
    ParseError = "Parse Error",
    /// PINGs stayed unanswered.
    StaleConnection = "Stale Connection",
    /// The peer sent what it must not send.
    ProtocolViolation = "Protocol Violation",
    /// CONNECT names a protocol the server does not know.
    BadClientProtocolVersion = "Bad Client Protocol Version",
    /// The listener is not for this kind of peer, e.g. a client on the port for leaf nodes.
    WrongPort = "Incorrect Port",
    /// The server has `max_connections` already.
    MaxConnectionsExceeded = "Maximum Connections Exceeded",
    /// The account has its limit of connections already.
    MaxAccountConnectionsExceeded = "Maximum Account Connections Exceeded",
    /// A message is larger than `max_payload`.
    MaxPayloadExceeded = "Maximum Message Payload Exceeded",
    /// A line is longer than `max_control_line`.
    MaxControlLineExceeded = "Maximum Control Line Exceeded",
    /// Too many subscriptions, on a connection that asked to be told.
    MaxSubscriptionsExceeded = "Maximum Subscriptions Exceeded",
    /// There is such a route already.
    DuplicateRoute = "Duplicate Route",
    /// A reload took the route away.
    RouteRemoved = "Route Removed",
    /// The server shuts down, or ends a client in lame duck mode.
    ServerShutdown = "Server Shutdown",
    /// The JWT of the user or the account expired, or the account was deleted.
    AuthenticationExpired = "Authentication Expired",
    /// A gateway of the wrong name.
    WrongGateway = "Wrong Gateway",
    /// The account a leaf node or route is for is not there.
    MissingAccount = "Missing Account",
    /// The user or its key was revoked.
    Revocation = "Credentials Revoked",
    /// A connection inside the server, which has no more work.
    InternalClient = "Internal Client",
    /// A message with headers where they are not allowed.
    MsgHeaderViolation = "Message Header Violation",
    /// CONNECT asks for `no_responders` without `headers`.
    NoRespondersRequiresHeaders = "No Responders Requires Headers",
    /// A route to a cluster of another name.
    ClusterNameConflict = "Cluster Name Conflict",
    /// A leaf node that is connected to the same account already.
    DuplicateRemoteLeafnodeConnection = "Duplicate Remote LeafNode Connection",
    /// An MQTT client id that connected again.
    DuplicateClientId = "Duplicate Client ID",
    /// A server with the name of another.
    DuplicateServerName = "Duplicate Server Name",
    /// A leaf node older than `min_version`.
    MinimumVersionRequired = "Minimum Version Required",
    /// A leaf node whose cluster has the hub's name.
    ClusterNamesIdentical = "Cluster Names Identical",
    /// A KICK request.
    Kicked = "Kicked",
    /// The proxy it came through is not trusted; since 2.12.
    ProxyNotTrusted = "Proxy Not Trusted",
    /// The user may only come through a trusted proxy; since 2.12.
    ProxyRequired = "Proxy Required",
    /// A state without a text of its own.
    Unknown = "Unknown State",
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_back() {
        for reason in CloseReason::all() {
            assert_eq!(reason.to_string().parse(), Ok(*reason));
        }
        assert_eq!(
            "kicked".parse::<CloseReason>(),
            Err(UnknownCloseReason("kicked".into()))
        );
    }
}
