//! What can be wrong with options, in the words of nats-server.

use std::fmt;

use nats_mock_protocol::conf::Position;

use super::words::quote;

/// One thing that is wrong with a configuration.
///
/// `Display` is the line that `nats-server -t` prints, place included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where; unset where the server does not say either.
    pub at: Option<Position>,
    /// What.
    pub kind: ProblemKind,
}

/// The kinds of [`Problem`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// No server knows this key, and no variable refers to it.
    UnknownField(String),
    /// A value is of another type than its key needs; both as the server names types.
    WrongType {
        /// What it is.
        found: &'static str,
        /// What it has to be.
        wanted: &'static str,
    },
    /// A value that the server refuses, with its reason.
    Invalid(String),
    /// A type error inside `authorization` makes the server fall over a missing value afterwards; it
    /// reports both.
    MissingAuthorization,
    /// A real server would behave differently because of this key, and the mock would not.
    Unsupported(String),
    /// The mock was built without what this key needs.
    NeedsFeature {
        /// The key.
        key: String,
        /// The cargo feature that it needs.
        feature: &'static str,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        match &self.kind {
            ProblemKind::UnknownField(field) => write!(f, "unknown field {}", quote(field)),
            ProblemKind::WrongType { found, wanted } => {
                write!(
                    f,
                    "interface conversion: interface {{}} is {found}, not {wanted}"
                )
            }
            ProblemKind::Invalid(reason) => f.write_str(reason),
            ProblemKind::MissingAuthorization => {
                f.write_str("runtime error: invalid memory address or nil pointer dereference")
            }
            ProblemKind::Unsupported(key) => {
                write!(f, "{} is not supported by nats-mock yet", quote(key))
            }
            ProblemKind::NeedsFeature { key, feature } => write!(
                f,
                "{} is supported by nats-mock only with its cargo feature {}",
                quote(key),
                quote(feature)
            ),
        }
    }
}

/// Something about a configuration that does not keep a server from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A warning of the server itself. It makes `-t` fail, but not a start.
    Server {
        /// Where; unset for the file as a whole.
        at: Option<Position>,
        /// The server's words, without the place.
        text: String,
    },
    /// A key whose effect lies outside of a simulation, such as log rotation.
    Ignored {
        /// Where.
        at: Position,
        /// The key as written.
        key: String,
    },
}

impl Warning {
    /// Whether a real server prints this warning, too.
    pub const fn is_server(&self) -> bool {
        matches!(self, Self::Server { .. })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { at: Some(at), text } => write!(f, "{at}: {text}"),
            Self::Server { at: None, text } => f.write_str(text),
            Self::Ignored { at, key } => {
                write!(
                    f,
                    "{at}: {} has no effect in a simulation and is ignored",
                    quote(key)
                )
            }
        }
    }
}

/// Why options cannot be used: everything that was found, in the order of the file.
///
/// A real server visits keys in random order and so reports several problems in random order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsError {
    /// What the server warns about besides.
    pub warnings: Vec<Warning>,
    /// What is wrong; empty only if `-t` fails because of the warnings.
    pub problems: Vec<Problem>,
}

impl OptionsError {
    /// The keys that a real server would take and the mock refuses, each with its place.
    pub fn unsupported(&self) -> impl Iterator<Item = (&str, Option<&Position>)> {
        self.problems
            .iter()
            .filter_map(|problem| match &problem.kind {
                ProblemKind::Unsupported(key) | ProblemKind::NeedsFeature { key, .. } => {
                    Some((key.as_str(), problem.at.as_ref()))
                }
                _ => None,
            })
    }
}

impl fmt::Display for OptionsError {
    /// One line each, warnings first, every line ended: what the server prints behind `nats-server: `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in self.warnings.iter().filter(|warning| warning.is_server()) {
            writeln!(f, "{warning}")?;
        }
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for OptionsError {}
