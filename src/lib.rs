//! An in-process NATS deployment for tests.
//!
//! A test starts a server in microseconds, points real NATS clients and real system-account tools
//! at it, and drops it. The server speaks the client protocol, has accounts and a system account,
//! emits the `$SYS` events and answers the `$SYS.REQ` requests of a real nats-server, for the
//! version the test names.
//!
//! ```
//! use nats_mock::MockNats;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let nats = MockNats::start().await?;
//! let app = async_nats::connect(nats.url_for("a")).await?;
//! let ops = async_nats::connect(nats.system_url()).await?;
//!
//! let ping = ops.request("$SYS.REQ.SERVER.PING", "".into()).await?;
//! assert!(ping.payload.starts_with(b"{\"server\":"));
//! app.flush().await?;
//! nats.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`recorded`] shows a test what the servers said and were asked, and [`timeline`] tells all that has happened;
//! [`simulated`] makes a server busy without any clients; [`picture`] draws a deployment; [`topology`] is what can be
//! configured, and [`protocol`] has the types of everything on the wire.
//!
//! # Following with `tracing`
//!
//! With the feature `tracing`, spans and events of the crate of that name tell what goes on, under the target
//! `nats_mock`:
//!
//! | name | level | fields | when |
//! | --- | --- | --- | --- |
//! | `batch`, a span | TRACE | `server`, `cid`, `ops` | a connection has sent operations; what comes of them happens within it |
//! | `connection` | DEBUG | `server`, `cid`, `account`, `user`, `change` | a connection was let in, or has ended: `change` is `connected` or the reason |
//! | `answer` | DEBUG | `server`, `request`, `bytes`, `is_said`, `faults` | a server answers a request, or is kept from it |
//! | `event` | DEBUG | `server`, `subject`, `account`, `bytes`, `is_said`, `faults` | a server says something of itself, or is kept from it |
//! | `hit` | INFO | `server`, `subject`, `fault` | something [armed](programmed) has acted |
//! | `server` | INFO | `server`, `change` | `started`, `stopped`, `crashed`, `lame duck`, `frozen`, `thawed`, `clock set` |
//! | `link` | INFO | `from`, `to`, `change` | `cut`, `blocked`, `slowed`, `healed`, `given up` |
//!
//! `faults` is how many of what is armed had a hand in it. Connections in memory are served in the thread
//! that writes to them, and sockets in the deployment's own, which only a global subscriber hears. A
//! subscriber is called while the deployment stands still, so it must not use it.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod core;
mod faults;
#[cfg(test)]
mod generated;
mod harness;
mod identity;
mod net;
mod services;
pub mod topology;
mod version;
#[cfg(feature = "websocket")]
mod websocket;

pub use core::ReloadError;
pub use harness::{
    Builder, Client, ClientError, ConfigError, Leaf, Link, Message, MockNats, Server, StartError,
    Subscription, parse_conf,
};
#[cfg(feature = "tls")]
pub use harness::{ClientCertificate, SelfSigned};
#[cfg(feature = "jwt")]
pub use harness::{MockAccount, MockOperator, MockUser, PushError};
pub use harness::{
    connection, expected, incidents, picture, programmed, recorded, simulated, sweep, timeline,
};
pub use nats_mock_protocol as protocol;
pub use net::MemoryConnection;
pub use version::{UnknownVersion, Version};

/// Compiles and runs the examples of the README, one of which takes the feature.
#[cfg(all(doctest, feature = "jwt"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles and runs the examples of the guide.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide.md")]
struct Guide;
