//! Changing what servers answer and tell.
//!
//! [`MockNats::on`](crate::MockNats::on) says what is to be changed: the answers of one endpoint, or
//! events of one kind. Conditions narrow it, and the last call says what happens and arms it. What it
//! gives back, an [`Armed`], counts how often it was hit and ends it when it is dropped.
//!
//! ```
//! use nats_mock::MockNats;
//! use nats_mock::protocol::monitor::Connz;
//! use nats_mock::protocol::sys::Endpoint;
//!
//! let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
//! let mut tool = nats.client("admin")?;
//!
//! // One server answers late, one not at all, one with more than is true.
//! let late = nats.on(Endpoint::Connz).from("east-1").hold();
//! let never = nats.on(Endpoint::Connz).from("east-2").silence();
//! let many = nats.on(Endpoint::Connz).from("east-3").edit(|connz: &mut Connz| connz.total = 1_000_000);
//!
//! let mut answers = tool.request("$SYS.REQ.SERVER.PING.CONNZ", "")?;
//! assert!(answers.try_next().unwrap().text().contains("\"total\":1000000"));
//! assert!(answers.try_next().is_none());
//! late.release();
//! assert!(answers.try_next().unwrap().text().contains("east-1"));
//! assert_eq!((late.hits(), never.hits(), many.hits()), (1, 1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # In which order
//!
//! What a server is about to say passes everything that is armed, what was armed first coming first.
//! Each takes what the one before has made of it: edits add up, the newest has the last word, and what
//! one lets by, because it is not its turn, is left to the others. One of a higher
//! [priority](On::priority) comes later than all of a lower one. [Silence](On::silence) and
//! [holding back](On::hold) take the message away from all that come later.
//!
//! Only what a server would have said can be changed: a server that a request does not concern still says
//! nothing. What it says from itself alone is [`Server::emit`](crate::Server::emit)'s business.
//!
//! # Services of the test's own
//!
//! What no server has, a test can add: [`Server::service`](crate::Server::service) answers any subject in
//! any account.
//!
//! # Closures
//!
//! A closure runs while the deployment stands still, so it must not use the deployment. When it
//! panics, or an edit does not fit what is said, the message goes on unchanged; [`Armed::mistake`] tells,
//! and so does [`MockNats::finish`](crate::MockNats::finish).

mod armed;
pub(super) mod effects;
mod emit;
mod on;
mod said;
mod service;

pub use armed::{Armed, Unhit};
pub use on::On;
pub use said::{AnyEvent, AnyReply, Events, Replies, Said};
pub(super) use said::{Pattern, sealed};
pub use service::{MakeService, ServiceRequest};
