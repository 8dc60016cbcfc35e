//! Scenarios, goldens and drivers that hold nats-mock to what real NATS servers do.
//!
//! A [scenario] is a file: a server configuration and a script of what several clients
//! do. A [`driver`] plays it against a server under test, the [`runner`] writes down what every
//! connection received, and [`normalise`] replaces only what two runs of one real server do not
//! have in common. The resulting text, recorded from a real server, is a *golden*; everything else
//! under test has to give the same text.
//!
//! ```
//! use nats_mock_conformance::scenario::{ConfLibrary, parse};
//!
//! let text = "purpose: a client gets its PONG\nconf: <<END\nEND\n---\na: connect\na: sync\n";
//! let scenario = parse(text, &ConfLibrary::new())?;
//! assert_eq!(scenario.steps.len(), 2);
//! # Ok::<(), nats_mock_conformance::scenario::ScenarioError>(())
//! ```

pub mod account_server;
pub mod callout;
pub mod cli;
pub mod diff;
pub mod driver;
pub mod framing;
pub mod identities;
pub mod json;
pub mod normalise;
pub mod runner;
pub mod scenario;
pub mod suite;
pub mod transcript;
pub mod version;
pub mod wire;
