//! What the servers have said and were asked.
//!
//! A deployment keeps the latest events that its servers emitted, whether or not anybody subscribed to
//! them, and the latest requests that reached their system services. [`MockNats::events`] and
//! [`MockNats::requests`] are views of them, to be narrowed, looked at as a
//! [history](View::history), or followed as a [stream](View::stream). Looking changes nothing: there
//! is no subscription that a client could see in the counts.
//!
//! ```
//! use std::time::Duration;
//!
//! use nats_mock::MockNats;
//! use nats_mock::protocol::events::{Connect, Disconnect};
//! use nats_mock::protocol::monitor::ConnzOptions;
//! use nats_mock::recorded::EventKind;
//!
//! let nats = MockNats::start_blocking()?;
//! drop(nats.client("a")?);
//!
//! // One event of a kind, by the type of its body …
//! let arrival = nats.wait_next_event::<Connect>(Duration::from_secs(5))?;
//! assert_eq!(arrival.client.user, "a");
//! // … or everything about an account.
//! let kinds: Vec<_> = nats.events().account("USERS").history().iter().map(|event| event.kind()).collect();
//! assert_eq!(kinds.first(), Some(&EventKind::ServerAccountConns));
//! let last = nats.events().account("USERS").history().pop().unwrap();
//! assert_eq!(last.parse::<Disconnect>()?.reason, "Client Closed");
//!
//! // What a tool has asked.
//! let mut tool = nats.client("admin")?;
//! tool.request("$SYS.REQ.SERVER.PING.CONNZ", r#"{"limit":10}"#)?;
//! let asked = nats.requests().endpoint("CONNZ").history().pop().unwrap();
//! assert_eq!(asked.options::<ConnzOptions>()?.limit, 10);
//! assert_eq!(asked.requester().unwrap().user(), Some("admin"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Builder::history`](crate::Builder::history) says how much is kept.

mod body;
mod event;
pub mod kind;
mod next;
mod request;
mod view;

pub use body::{EventBody, ParseEventError};
pub use event::{Event, EventKind};
pub use kind::SystemEvent;
pub(super) use next::EventCursors;
pub use next::NextEventError;
pub use request::Request;
pub(super) use request::endpoint;
pub use view::{Recorded, Stream, View};

pub use crate::services::Requester;

#[cfg(doc)]
use crate::MockNats;
