//! Connections without clients, by the thousand, so that a dashboard can be shown a busy server.
//!
//! [`MockNats::simulate`](crate::MockNats::simulate) makes connections that come, log in and subscribe
//! as any client does: the limits and permissions of their account hold for them, their CONNECT,
//! CONNS and DISCONNECT events are emitted, and every request of the system account counts them. They
//! have no sockets and no tasks. They read whatever they are sent at once, answer every PING, and say
//! nothing by themselves; what they have published and got is [what the test says](Connections::published),
//! and what really reaches their subscriptions.
//!
//! ```
//! use std::time::Duration;
//!
//! use nats_mock::MockNats;
//! use nats_mock::protocol::events::CloseReason;
//! use nats_mock::protocol::monitor::{Reply, Varz};
//! use nats_mock::simulated::Connections;
//!
//! let nats = MockNats::start_blocking()?;
//! let services = Connections::of("a")
//!     .count(1_000)
//!     .named("orders-{n}")
//!     .language("go", "1.49.0")
//!     .host("10.0.1.7")
//!     .queue_subscribe("orders.new.*", "workers")
//!     .uptime(Duration::from_secs(7_200))
//!     .rtt(Duration::from_micros(900))
//!     .published(10_000, 640_000)
//!     .spread(0.5);
//! let services = nats.simulate(services)?;
//! services.get(7).unwrap().close(CloseReason::StaleConnection);
//!
//! let mut ops = nats.client("admin")?;
//! let answer = ops.request("$SYS.REQ.SERVER.PING.VARZ", "")?.try_next().unwrap();
//! let varz = serde_json::from_slice::<Reply<Varz>>(&answer.payload)?.data.value().unwrap();
//! assert_eq!(varz.connections, 1_000); // 999 and the operator
//! assert!(varz.in_msgs > 5_000_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod connect;
mod connections;
mod handle;

pub use connect::SimulateError;
pub use connections::Connections;
pub use handle::{SimulatedConnection, SimulatedConnections};
