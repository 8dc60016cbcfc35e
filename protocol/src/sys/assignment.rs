//! Subjects on which the JetStream servers of a cluster tell each other about streams and consumers.

use super::SysSubjectError;
use std::fmt;

/// The subject of a message about the assignment of a stream or consumer to servers.
///
/// Every member of the meta group listens to them; their bodies are JetStream's own business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AssignmentSubject {
    /// `$SYS.JSC.STREAM.ASSIGNMENT.RESULT`: what became of a stream's assignment.
    StreamResult,
    /// `$SYS.JSC.STREAM.ASSIGNMENT.RECONCILE`: a stream is to move on to where it shall be; since 2.15.
    StreamReconcile,
    /// `$SYS.JSC.CONSUMER.ASSIGNMENT.RESULT`: what became of a consumer's assignment.
    ConsumerResult,
    /// `$SYS.JSC.CONSUMER.ASSIGNMENT.RECONCILE`: a consumer is to move on to where it shall be; since 2.15.
    ConsumerReconcile,
    /// `$SYS.JSC.CONSUMER.ASSIGNMENT.CREATE`: a consumer is to be made; since 2.15.
    ConsumerCreate,
    /// `$SYS.JSC.CONSUMER.ASSIGNMENT.DELETE`: a consumer is to go; since 2.15.
    ConsumerDelete,
}

impl AssignmentSubject {
    /// All of them.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        &[
            Self::StreamResult,
            Self::StreamReconcile,
            Self::ConsumerResult,
            Self::ConsumerReconcile,
            Self::ConsumerCreate,
            Self::ConsumerDelete,
        ]
    }

    /// The subject.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StreamResult => "$SYS.JSC.STREAM.ASSIGNMENT.RESULT",
            Self::StreamReconcile => "$SYS.JSC.STREAM.ASSIGNMENT.RECONCILE",
            Self::ConsumerResult => "$SYS.JSC.CONSUMER.ASSIGNMENT.RESULT",
            Self::ConsumerReconcile => "$SYS.JSC.CONSUMER.ASSIGNMENT.RECONCILE",
            Self::ConsumerCreate => "$SYS.JSC.CONSUMER.ASSIGNMENT.CREATE",
            Self::ConsumerDelete => "$SYS.JSC.CONSUMER.ASSIGNMENT.DELETE",
        }
    }

    /// The message a subject belongs to.
    ///
    /// # Errors
    ///
    /// When it is not the subject of such a message.
    pub fn parse(subject: &str) -> Result<Self, SysSubjectError> {
        Self::all()
            .iter()
            .copied()
            .find(|known| known.as_str() == subject)
            .ok_or_else(|| SysSubjectError::new(subject, "the subject of an assignment"))
    }
}

impl fmt::Display for AssignmentSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
