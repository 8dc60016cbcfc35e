//! Why there is no such transform, in the words of nats-server.

use std::fmt;

/// Why a destination cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransformError {
    /// What is wrong.
    pub kind: TransformErrorKind,
    /// Where, mostly a token; unset where the server does not say.
    pub at: Option<String>,
}

/// The kinds of [`TransformError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransformErrorKind {
    /// The source or the destination is no subject, or they do not fit each other.
    InvalidSubject,
    /// The destination is no subject.
    InvalidTransform,
    /// A wildcard of the source is not used.
    WildcardsUnused,
    /// There is no such function.
    UnknownFunction,
    /// There are fewer wildcards.
    IndexOutOfRange,
    /// A function needs more arguments.
    NotEnoughArguments,
    /// An argument is not of the kind that is needed.
    InvalidArgument,
    /// A function takes fewer arguments.
    TooManyArguments,
    /// Imports have to be undone.
    NotForImports,
}

impl TransformErrorKind {
    pub(super) fn at(self, place: &str) -> TransformError {
        TransformError {
            kind: self,
            at: Some(place.to_owned()),
        }
    }

    pub(super) fn alone(self) -> TransformError {
        TransformError {
            kind: self,
            at: None,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::InvalidSubject => "invalid subject",
            Self::InvalidTransform => "invalid transform",
            Self::WildcardsUnused => "not using all of the token wildcard(s)",
            Self::UnknownFunction => "unknown function",
            Self::IndexOutOfRange => "wildcard index out of range",
            Self::NotEnoughArguments => "not enough arguments passed to the function",
            Self::InvalidArgument => "function argument is invalid or in the wrong format",
            Self::TooManyArguments => "too many arguments passed to the function",
            Self::NotForImports => {
                "the only mapping function allowed for import transforms is {{Wildcard()}}"
            }
        }
    }
}

impl TransformError {
    pub(super) fn subject() -> Self {
        TransformErrorKind::InvalidSubject.alone()
    }
}

impl fmt::Display for TransformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != TransformErrorKind::InvalidSubject {
            f.write_str("invalid mapping destination: ")?;
        }
        f.write_str(self.kind.reason())?;
        self.at.iter().try_for_each(|at| write!(f, " in {at}"))
    }
}

impl std::error::Error for TransformError {}
