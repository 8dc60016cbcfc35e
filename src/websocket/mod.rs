//! The client protocol over WebSocket: how a client gets in, and the frames from then on.
//!
//! Nothing here does I/O: a shell brings the bytes that came, and takes those that are to go.

mod deflate;
mod origin;
mod session;
mod upgrade;

pub(crate) use session::{Ended, Session};
pub(crate) use upgrade::{Admission, Admitted, Visit, answer, refuse};
