//! What a test expects clients to do.
//!
//! [`MockNats::expect`](crate::MockNats::expect) takes [`requests`] to the system account, [`messages`],
//! [`connections`] or [`subscriptions`], narrowed by conditions. How often is said with
//! [`times`](Expectation::times), at least once unless it is said; in which order with
//! [`after`](Expectation::after). An expectation can be [awaited](Expectation::satisfied). All of them are
//! checked by [`MockNats::finish`](crate::MockNats::finish), or else when the deployment is dropped, which then panics,
//! unless the test is panicking already. What is reported names the expectation, what came nearest and why it was not
//! it, what happened last, the seed, and the topology.
//!
//! ```
//! use nats_mock::MockNats;
//! use nats_mock::expected::{connections, messages, requests};
//! use nats_mock::protocol::sys::Endpoint;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let nats = MockNats::builder().cluster("east", 2).start_blocking()?;
//! let polled = nats
//!     .expect(requests().endpoint(Endpoint::Varz).to("east-1"))
//!     .times(1..=3)
//!     .named("dashboard polls varz");
//! nats.expect(messages("orders.>").in_account("USERS")).times(2).after(&polled);
//! nats.expect(connections().by_user("nobody")).times(0);
//!
//! nats.client("admin")?.request("$SYS.REQ.SERVER.PING.VARZ", "")?;
//! let mut shop = nats.client("a")?;
//! shop.publish("orders.new", "1")?;
//! shop.publish("orders.new", "2")?;
//! nats.finish().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod expectation;
mod failure;
mod seen;
mod what;

pub use expectation::{Expectation, IntoTimes};
pub use failure::Failure;
pub use seen::{Arrival, Published, Subscribed};
pub use what::{
    Connections, Expected, Messages, Requests, Subscriptions, connections, messages, requests,
    subscriptions,
};
