//! Subjects servers wait on for answers of other servers.

use super::{MAX_TOKENS, SysSubjectError, tokens};
use std::fmt;

/// The subject a server waits on for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum InboxSubject<'a> {
    /// `$SYS._INBOX_.<server>`: account connections asked of other servers.
    Server {
        /// Server id, or `*`.
        server: &'a str,
    },
    /// `$SYS._INBOX.<hash>.<token>`: anything else, one token per request.
    Hashed {
        /// Hash of the server's name, 8 characters, or `*`.
        hash: &'a str,
        /// Number of the request, 8 characters, or `*`.
        token: &'a str,
    },
}

impl<'a> InboxSubject<'a> {
    /// The inbox a subject belongs to.
    ///
    /// # Errors
    ///
    /// When it is not the inbox of a server.
    pub fn parse(subject: &'a str) -> Result<Self, SysSubjectError> {
        let mut buffer = [""; MAX_TOKENS];
        match tokens(subject, &mut buffer) {
            Some(&["_INBOX_", server]) => Ok(Self::Server { server }),
            Some(&["_INBOX", hash, token]) => Ok(Self::Hashed { hash, token }),
            _ => Err(SysSubjectError::new(subject, "the inbox of a server")),
        }
    }
}

impl<'a> TryFrom<&'a str> for InboxSubject<'a> {
    type Error = SysSubjectError;

    fn try_from(subject: &'a str) -> Result<Self, Self::Error> {
        Self::parse(subject)
    }
}

impl fmt::Display for InboxSubject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { server } => write!(f, "$SYS._INBOX_.{server}"),
            Self::Hashed { hash, token } => write!(f, "$SYS._INBOX.{hash}.{token}"),
        }
    }
}
