//! Why accounts cannot share what they are to share, in the words of nats-server.

use std::fmt;

use nats_mock_protocol::transform::TransformError;

use crate::topology::options::words::quote;

/// An export or import that cannot be.
///
/// `Display` is what `nats-server -t` prints behind the place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharingError {
    /// An account that is named nowhere else.
    AccountUndefined {
        /// The account.
        account: String,
        /// What names it: `stream export`, `service import` and so on.
        what: &'static str,
    },
    /// An export or import.
    Refused {
        /// `stream export`, `service import` and so on.
        what: &'static str,
        /// Its subject in the exporting account.
        subject: String,
        /// The reason.
        problem: SharingProblem,
    },
    /// The measuring of a service.
    Latency {
        /// The service.
        service: String,
        /// Where it is to be published what was measured.
        subject: String,
        /// The reason.
        problem: SharingProblem,
    },
}

/// Why something cannot be exported or imported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharingProblem {
    /// A subject is none, or the token that has to be an account is no wildcard.
    InvalidSubject,
    /// The other account does not export it, or not to this one.
    StreamNotAuthorized,
    /// The other account does not export it, or not to this one.
    ServiceNotAuthorized,
    /// A prefix has wildcards.
    PrefixWithWildcards,
    /// Messages would go round in circles.
    Cycle,
    /// It is imported already.
    StreamTwice,
    /// Another import has the subject.
    ServiceTwice {
        /// The subject.
        from: String,
        /// From where the other one imports it.
        account: String,
        /// And what.
        to: String,
    },
    /// Subjects cannot be turned into each other.
    Transform {
        /// `stream` or `service`.
        kind: &'static str,
        /// The subject that is turned.
        from: String,
        /// What it is turned into.
        to: String,
        /// The reason.
        error: TransformError,
    },
    /// What was measured cannot be published there.
    InvalidPublishSubject,
    /// Only single answers are measured.
    NotSingleton,
    /// Nothing is measured without a system account.
    NoSystemAccount,
}

impl fmt::Display for SharingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountUndefined { account, what } => {
                write!(f, "{} account not defined for {what}", quote(account))
            }
            Self::Refused {
                what,
                subject,
                problem,
            } => write!(f, "Error adding {what} {}: {problem}", quote(subject)),
            Self::Latency {
                service,
                subject,
                problem,
            } => {
                write!(
                    f,
                    "Error adding service latency sampling for {}",
                    quote(service)
                )?;
                if *problem != SharingProblem::NoSystemAccount {
                    write!(f, " on subject {}", quote(subject))?;
                }
                write!(f, ": {problem}")
            }
        }
    }
}

impl fmt::Display for SharingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidSubject => "sublist: invalid subject",
            Self::StreamNotAuthorized => "stream import not authorized",
            Self::ServiceNotAuthorized => "service import not authorized",
            Self::PrefixWithWildcards => "stream import prefix can not contain wildcard tokens",
            Self::Cycle => "import forms a cycle",
            Self::StreamTwice => "stream import already exists",
            Self::InvalidPublishSubject => "invalid publish subject",
            Self::NotSingleton => "bad service response type",
            Self::NoSystemAccount => "system account not setup",
            Self::ServiceTwice { from, account, to } => {
                return write!(
                    f,
                    "duplicate service import subject {}, previously used in import for account {}, subject {}",
                    quote(from),
                    quote(account),
                    quote(to)
                );
            }
            Self::Transform {
                kind,
                from,
                to,
                error,
            } => {
                return write!(
                    f,
                    "failed to create mapping transform for {kind} import subject from {} to {}: {error}",
                    quote(from),
                    quote(to)
                );
            }
        })
    }
}

impl std::error::Error for SharingError {}
