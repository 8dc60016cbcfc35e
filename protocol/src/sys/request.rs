//! Subjects of requests.

use super::{
    AccountEndpoint, ClaimsEndpoint, Endpoint, MAX_TOKENS, ServerCommand, SysSubjectError, tokens,
};
use std::fmt;

/// Whom a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target<'a> {
    /// The token `PING`: everyone.
    Ping,
    /// A server id, an account or `*`; never `PING`.
    Id(&'a str),
}

impl<'a> Target<'a> {
    /// The target a token stands for.
    #[must_use]
    pub fn new(token: &'a str) -> Self {
        match token {
            "PING" => Self::Ping,
            id => Self::Id(id),
        }
    }

    /// The token in the subject.
    #[must_use]
    pub const fn token(self) -> &'a str {
        match self {
            Self::Ping => "PING",
            Self::Id(id) => id,
        }
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

/// The subject of a request.
///
/// Tokens are server ids, account names (public keys in operator mode) or `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RequestSubject<'a> {
    /// `$SYS.REQ.SERVER.PING`: statistics of all servers, as `PING.STATSZ`.
    Ping,
    /// `$SYS.REQ.SERVER.<target>.<endpoint>`.
    Server {
        /// One server or all.
        target: Target<'a>,
        /// What is asked.
        endpoint: Endpoint,
    },
    /// `$SYS.REQ.SERVER.<server>.<command>`; there is no `PING` form.
    Command {
        /// Server id; never `PING`.
        server: &'a str,
        /// What to do.
        command: ServerCommand,
    },
    /// `$SYS.REQ.ACCOUNT.<target>.<endpoint>`.
    ///
    /// `PING` stands for all accounts with STATZ; applications may also ask their own CONNZ and STATZ with it.
    /// A server takes any other `PING` form as a question about an account of that name.
    Account {
        /// One account or all.
        target: Target<'a>,
        /// What is asked.
        endpoint: AccountEndpoint,
    },
    /// `$SYS.REQ.ACCOUNT.NSUBS`: how many subscriptions match a subject in an account.
    AccountNumSubs,
    /// `$SYS.REQ.ACCOUNT.<account>.CLAIMS.UPDATE`: store an account JWT.
    AccountClaimsUpdate {
        /// Account.
        account: &'a str,
    },
    /// `$SYS.ACCOUNT.<account>.CLAIMS.UPDATE`: the older form of [`RequestSubject::AccountClaimsUpdate`].
    OldAccountClaimsUpdate {
        /// Account.
        account: &'a str,
    },
    /// `$SYS.REQ.ACCOUNT.<account>.CLAIMS.LOOKUP`: give an account JWT.
    AccountClaimsLookup {
        /// Account.
        account: &'a str,
    },
    /// `$SYS.REQ.CLAIMS.<endpoint>`.
    Claims {
        /// What is asked.
        endpoint: ClaimsEndpoint,
    },
    /// `$SYS.REQ.USER.INFO`: who the asking user is.
    UserInfo,
    /// `$SYS.REQ.USER.<account>.INFO`: what `$SYS.REQ.USER.INFO` of that account's users is mapped to.
    AccountUserInfo {
        /// Account.
        account: &'a str,
    },
    /// `$SYS.REQ.USER.AUTH`: what a server asks an authorization callout.
    AuthCallout,
    /// `$SYS.DEBUG.SUBSCRIBERS`: how many local subscriptions match a subject.
    DebugSubscribers,
}

impl<'a> RequestSubject<'a> {
    /// The request a subject belongs to.
    ///
    /// # Errors
    ///
    /// When it is not the subject of a request.
    pub fn parse(subject: &'a str) -> Result<Self, SysSubjectError> {
        let mut buffer = [""; MAX_TOKENS];
        tokens(subject, &mut buffer)
            .and_then(Self::from_tokens)
            .ok_or_else(|| SysSubjectError::new(subject, "the subject of a request"))
    }

    fn from_tokens(tokens: &[&'a str]) -> Option<Self> {
        match *tokens {
            ["DEBUG", "SUBSCRIBERS"] => Some(Self::DebugSubscribers),
            ["ACCOUNT", account, "CLAIMS", "UPDATE"] => {
                Some(Self::OldAccountClaimsUpdate { account })
            }
            ["REQ", "SERVER", ref rest @ ..] => Self::from_server_tokens(rest),
            ["REQ", "ACCOUNT", ref rest @ ..] => Self::from_account_tokens(rest),
            ["REQ", "CLAIMS", name] => Some(Self::Claims {
                endpoint: ClaimsEndpoint::from_name(name)?,
            }),
            ["REQ", "USER", "INFO"] => Some(Self::UserInfo),
            ["REQ", "USER", "AUTH"] => Some(Self::AuthCallout),
            ["REQ", "USER", account, "INFO"] => Some(Self::AccountUserInfo { account }),
            _ => None,
        }
    }

    fn from_server_tokens(tokens: &[&'a str]) -> Option<Self> {
        match *tokens {
            ["PING"] => Some(Self::Ping),
            [target, name] => {
                if let Some(endpoint) = Endpoint::from_name(name) {
                    let target = Target::new(target);
                    return Some(Self::Server { target, endpoint });
                }
                match (Target::new(target), ServerCommand::from_name(name)?) {
                    (Target::Id(server), command) => Some(Self::Command { server, command }),
                    (Target::Ping, _) => None,
                }
            }
            _ => None,
        }
    }

    fn from_account_tokens(tokens: &[&'a str]) -> Option<Self> {
        match *tokens {
            ["NSUBS"] => Some(Self::AccountNumSubs),
            [account, "CLAIMS", "UPDATE"] => Some(Self::AccountClaimsUpdate { account }),
            [account, "CLAIMS", "LOOKUP"] => Some(Self::AccountClaimsLookup { account }),
            [target, name] => Some(Self::Account {
                target: Target::new(target),
                endpoint: AccountEndpoint::from_name(name)?,
            }),
            _ => None,
        }
    }

    /// The account in the subject, if it has one.
    #[must_use]
    pub const fn account(self) -> Option<&'a str> {
        match self {
            Self::Account {
                target: Target::Id(account),
                ..
            }
            | Self::AccountClaimsUpdate { account }
            | Self::OldAccountClaimsUpdate { account }
            | Self::AccountClaimsLookup { account }
            | Self::AccountUserInfo { account } => Some(account),
            _ => None,
        }
    }
}

impl<'a> TryFrom<&'a str> for RequestSubject<'a> {
    type Error = SysSubjectError;

    fn try_from(subject: &'a str) -> Result<Self, Self::Error> {
        Self::parse(subject)
    }
}

impl fmt::Display for RequestSubject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ping => f.write_str("$SYS.REQ.SERVER.PING"),
            Self::Server { target, endpoint } => {
                write!(f, "$SYS.REQ.SERVER.{target}.{endpoint}")
            }
            Self::Command { server, command } => write!(f, "$SYS.REQ.SERVER.{server}.{command}"),
            Self::Account { target, endpoint } => {
                write!(f, "$SYS.REQ.ACCOUNT.{target}.{endpoint}")
            }
            Self::AccountNumSubs => f.write_str("$SYS.REQ.ACCOUNT.NSUBS"),
            Self::AccountClaimsUpdate { account } => {
                write!(f, "$SYS.REQ.ACCOUNT.{account}.CLAIMS.UPDATE")
            }
            Self::OldAccountClaimsUpdate { account } => {
                write!(f, "$SYS.ACCOUNT.{account}.CLAIMS.UPDATE")
            }
            Self::AccountClaimsLookup { account } => {
                write!(f, "$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP")
            }
            Self::Claims { endpoint } => write!(f, "$SYS.REQ.CLAIMS.{endpoint}"),
            Self::UserInfo => f.write_str("$SYS.REQ.USER.INFO"),
            Self::AccountUserInfo { account } => write!(f, "$SYS.REQ.USER.{account}.INFO"),
            Self::AuthCallout => f.write_str("$SYS.REQ.USER.AUTH"),
            Self::DebugSubscribers => f.write_str("$SYS.DEBUG.SUBSCRIBERS"),
        }
    }
}
