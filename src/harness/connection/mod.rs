//! What goes wrong with connections.
//!
//! [`MockNats::connections`](crate::MockNats::connections) chooses among the clients that are connected, and
//! acts on them at once: it breaks their connections, ends them for any reason that a server has, lets nothing
//! pass, or puts bytes between the lines that they are sent.
//!
//! ```
//! use nats_mock::MockNats;
//! use nats_mock::protocol::events::{CloseReason, Disconnect};
//!
//! let nats = MockNats::start_blocking()?;
//! let mut app = nats.client("a")?;
//!
//! nats.connections().of_user("a").close(CloseReason::AuthenticationExpired);
//!
//! let error = app.publish("orders", "1").unwrap_err();
//! assert_eq!(error.to_string(), "the server says: User Authentication Expired");
//! let farewell = nats.wait_next_event::<Disconnect>(std::time::Duration::ZERO)?;
//! assert_eq!(farewell.reason, "Authentication Expired");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`MockNats::on`](crate::MockNats::on) takes two sorts of occasions to do with connections, and narrows and
//! counts them as it does [what servers answer and tell](crate::programmed). [`connecting`] is about clients that
//! connect: they are refused, reset, closed, kept waiting, or greeted late or with something else. [`line()`] is about
//! what clients are sent, line by line: it is lost, corrupted, cut short, replaced, repeated or late, or it is the
//! end of the connection.
//!
//! ```
//! use nats_mock::MockNats;
//! use nats_mock::connection::{Line, connecting, line};
//!
//! let nats = MockNats::start_blocking()?;
//! let refused = nats.on(connecting()).times(1).refuse();
//! let garbled = nats.on(line(Line::Msg)).to_user("a").subject("orders.>").with_probability(0.1).corrupt();
//!
//! assert!(nats.client("a").is_err());
//! assert!(nats.client("a").is_ok());
//! assert_eq!((refused.hits(), garbled.hits()), (1, 0));
//! # Ok::<(), nats_mock::StartError>(())
//! ```
//!
//! Everything here works alike over TCP and in memory: [`MemoryConnection`](crate::MemoryConnection) shows a
//! reset, the end of a stream, and silence as a socket does.

mod connecting;
mod line;
mod live;
mod port;
mod stall;
#[cfg(test)]
mod tests;

pub use connecting::{Arrivals, Connecting, connecting};
pub use line::{Line, Lines, Spoken, line};
pub use live::{Connection, Connections};
pub use port::ClosedPort;
pub use stall::Stall;
