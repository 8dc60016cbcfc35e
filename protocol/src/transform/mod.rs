//! Transforms of subjects: what imports and mappings make of a subject.
//!
//! A transform has a source, which may have wildcards, and a destination whose tokens may refer to
//! what the wildcards stand for: `$1`, or `{{wildcard(1)}}` and other functions.

mod error;
mod function;
mod place;

pub use error::{TransformError, TransformErrorKind};

use crate::subject::{ONE, REST, has_wildcard, is_subset, tokens};
use function::Function;
use place::{numbered, unnumbered};

/// Which functions a destination may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Functions {
    /// Those of servers before 2.12: `partition` names the wildcards that it goes by, and there is no
    /// `random`.
    Old,
    /// Those of servers since 2.12.
    All,
}

/// What a subject becomes.
///
/// ```
/// use nats_mock_protocol::transform::{Functions, Transform};
///
/// let transform = Transform::new("orders.*.*", "$2.{{partition(10,1)}}.$1", Functions::All)?;
/// let subject = transform.apply(b"orders.eu.new", &mut || 0);
/// assert_eq!(subject, b"new.3.eu");
/// # Ok::<(), nats_mock_protocol::transform::TransformError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Transform {
    source: Box<str>,
    destination: Box<str>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Literal(Box<str>),
    /// A function, with the tokens of the source that it goes by.
    Function(Function),
}

impl Transform {
    /// What makes `destination` of subjects like `source`.
    ///
    /// # Errors
    /// If either is no subject, if only one of them ends in `>`, or if the destination has other
    /// wildcards or a function that cannot work.
    pub fn new(
        source: &str,
        destination: &str,
        functions: Functions,
    ) -> Result<Self, TransformError> {
        Self::build(source, destination, functions, false)
    }

    /// The same, if it can be undone: all wildcards are used, and not by other functions than
    /// `wildcard`.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and if it cannot.
    pub fn reversible(
        source: &str,
        destination: &str,
        functions: Functions,
    ) -> Result<Self, TransformError> {
        Self::build(source, destination, functions, true)
    }

    fn build(
        source: &str,
        destination: &str,
        functions: Functions,
        strict: bool,
    ) -> Result<Self, TransformError> {
        let (from, to) = (Shape::of(source)?, Shape::of(destination)?);
        if !to.wildcards.is_empty() || from.is_open != to.is_open {
            return Err(TransformError::subject());
        }
        let is_wild = !from.wildcards.is_empty() || from.is_open;
        let mut used = 0;
        let mut parts = Vec::new();
        for token in destination.split('.') {
            let Some(mut function) = Function::read(token, functions)? else {
                parts.push(Part::Literal(token.into()));
                continue;
            };
            let goes_without = functions == Functions::All && function.needs_no_wildcard();
            if !is_wild && !goes_without {
                return Err(TransformErrorKind::IndexOutOfRange.at(token));
            }
            if is_wild && strict && !function.is_wildcard() {
                return Err(TransformErrorKind::NotForImports.at(token));
            }
            for place in function.places_mut() {
                used += 1;
                let wildcards = from.wildcards.len() as i64;
                if *place > wildcards {
                    return Err(
                        TransformErrorKind::IndexOutOfRange.at(&format!("{token}: [{place}]"))
                    );
                }
                // What is no number of a wildcard stands for the first token.
                let wildcard = usize::try_from(*place).ok().and_then(|n| n.checked_sub(1));
                *place = wildcard.map_or(0, |n| from.wildcards[n] as i64);
            }
            parts.push(Part::Function(function));
        }
        if strict && is_wild && used < from.wildcards.len() {
            return Err(TransformErrorKind::WildcardsUnused.at(destination));
        }
        Ok(Self {
            source: source.into(),
            destination: destination.into(),
            parts,
        })
    }

    /// What is transformed.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it becomes, as written.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// Whether `subject` is one of those that are transformed.
    #[must_use]
    pub fn takes(&self, subject: &[u8]) -> bool {
        is_subset(subject, self.source.as_bytes())
    }

    /// What a subject becomes that is like the source. `random` gives a number below 2³¹ for each use of
    /// `random`.
    #[must_use]
    pub fn apply(&self, subject: &[u8], random: &mut dyn FnMut() -> u32) -> Vec<u8> {
        let given: Vec<&[u8]> = tokens(subject).collect();
        let mut out = Vec::with_capacity(subject.len() + self.destination.len());
        let last = self.parts.len() - 1;
        for (place, part) in self.parts.iter().enumerate() {
            match part {
                Part::Literal(token) if token.as_bytes() == REST => break,
                Part::Literal(token) => out.extend_from_slice(token.as_bytes()),
                Part::Function(function) => function.apply(&given, random, &mut out),
            }
            if place < last {
                out.push(b'.');
            }
        }
        if matches!(self.parts.last(), Some(Part::Literal(token)) if token.as_bytes() == REST) {
            let from = tokens(self.source.as_bytes()).count() - 1;
            let rest = given.get(from..).unwrap_or_default();
            out.extend_from_slice(&rest.join(&b'.'));
        }
        out
    }

    /// What undoes it, if it was made to be undone.
    #[must_use]
    pub fn reversed(&self) -> Option<Self> {
        let (source, places) = unnumbered(&self.destination);
        let mut places = places.into_iter();
        let mut destination = Vec::new();
        for token in self.source.split('.') {
            destination.push(if token.as_bytes() == ONE {
                places.next()?
            } else {
                token
            });
        }
        Self::reversible(&source, &destination.join("."), Functions::All).ok()
    }
}

/// The subject with its wildcards numbered in their order: `a.*.*` becomes `a.$1.$2`.
#[must_use]
pub fn number_wildcards(subject: &str) -> String {
    numbered(subject)
}

/// The subject with references to wildcards made wildcards: `a.$2.$1` becomes `a.*.*`.
#[must_use]
pub fn wildcards_of(destination: &str) -> String {
    unnumbered(destination).0
}

/// Whether a mapping may have this source and destination.
///
/// # Errors
/// The reason why not.
pub fn check_mapping(
    source: &str,
    destination: &str,
    functions: Functions,
) -> Result<(), TransformError> {
    let mut ended = false;
    for token in destination.split('.') {
        if token.is_empty() || ended {
            let kind = TransformErrorKind::InvalidTransform;
            let is_named = !token.is_empty() || functions == Functions::Old;
            return Err(if is_named {
                kind.at(token)
            } else {
                kind.alone()
            });
        }
        if place::is_in_braces(token) {
            if !function::is_known(token, functions) {
                return Err(TransformErrorKind::UnknownFunction.at(token));
            }
            continue;
        }
        ended = token.as_bytes() == REST;
        if token.contains(['\t', '\n', '\u{c}', '\r', ' ']) {
            return Err(TransformErrorKind::InvalidTransform.alone());
        }
    }
    Transform::new(source, destination, functions).map(drop)
}

/// What is to be known of a subject: where its wildcards are, and whether it ends in `>`.
struct Shape {
    wildcards: Vec<usize>,
    is_open: bool,
}

impl Shape {
    fn of(subject: &str) -> Result<Self, TransformError> {
        let subject = subject.as_bytes();
        if !crate::subject::is_valid_subscription(subject) {
            return Err(TransformError::subject());
        }
        let ones = tokens(subject).enumerate();
        Ok(Self {
            wildcards: ones
                .filter(|(_, token)| *token == ONE)
                .map(|(place, _)| place)
                .collect(),
            is_open: has_wildcard(subject) && tokens(subject).last() == Some(REST),
        })
    }
}

#[cfg(test)]
mod tests;
