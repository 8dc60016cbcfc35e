//! What goes on, told to whoever follows it with the crate `tracing`. Without the feature `tracing` there
//! is nothing of it in the program.

#[cfg(not(feature = "tracing"))]
#[path = "off.rs"]
mod seams;
#[cfg(feature = "tracing")]
#[path = "on.rs"]
mod seams;

pub(super) use seams::{batch, hits, notice, said};
