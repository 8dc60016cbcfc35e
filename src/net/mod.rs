//! The shells: they move bytes and time between the outside and the deployment, and hold no NATS
//! logic.

mod clock;
mod door;
mod fetch;
mod files;
#[cfg(feature = "jwt")]
mod first_line;
#[cfg(feature = "jwt")]
pub(crate) mod http;
#[cfg(not(feature = "jwt"))]
#[path = "http_off.rs"]
pub(crate) mod http;
#[cfg(all(feature = "jwt", feature = "tls"))]
mod https;
mod hub;
mod io_thread;
mod memory;
mod orders;
mod outgoing;
mod socket;
mod timekeeper;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls_off.rs"]
mod tls;
#[cfg(feature = "websocket")]
mod websocket;
#[cfg(not(feature = "websocket"))]
#[path = "websocket_off.rs"]
mod websocket;

pub(crate) use clock::{Clock, RuntimeClock};
pub(crate) use door::Way;
pub(crate) use hub::{Hub, locked};
pub(crate) use io_thread::{Alarm, IoThread, Listener, bind, hold};
pub use memory::MemoryConnection;
pub(crate) use memory::Origin;
pub(crate) use timekeeper::Timekeeper;
