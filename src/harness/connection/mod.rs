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
//! Everything here works alike over TCP and in memory: [`MemoryConnection`](crate::MemoryConnection) shows a
//! reset, the end of a stream, and silence as a socket does.

mod connecting;
mod live;
mod stall;

pub use connecting::{Arrivals, Connecting, connecting};
pub use live::{Connection, Connections};
pub use stall::Stall;
