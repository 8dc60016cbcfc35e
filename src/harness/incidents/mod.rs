//! What goes wrong in deployments, as values that can be staged.
//!
//! A [`Fault`] is one thing that goes wrong: an answer that is missing or changed, a server that crashes, a
//! link that is cut, a clock that is wrong. It has a text of one line, so that it can stand on a command
//! line or in a report. An [`Incident`] is a situation that has led tools astray before, made of
//! faults. [`MockNats::incident`](crate::MockNats::incident) and [`MockNats::stage`](crate::MockNats::stage)
//! let them happen.
//!
//! Where more is to be said than a line can, [`MockNats::on`](crate::MockNats::on), links and servers are
//! there to be used directly.

mod change;
pub(super) mod connections;
pub(super) mod fault;
mod incident;
mod occasions;
mod parse;
mod stage;
mod words;

pub use fault::Fault;
pub use incident::Incident;
pub use parse::FaultError;
pub use stage::{StageError, Staged};
