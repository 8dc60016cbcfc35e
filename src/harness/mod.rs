//! What a test works with: starting a deployment, reaching it, and steering it.

mod account_servers;
mod build_conf;
mod builder;
mod client;
mod conf;
pub mod connection;
mod error;
pub mod expected;
pub mod incidents;
mod leaf;
mod links;
mod listening;
mod mock;
#[cfg(feature = "jwt")]
mod operator;
#[cfg(feature = "jwt")]
mod operator_sharing;
pub mod picture;
mod plan;
mod ports;
pub mod programmed;
pub mod recorded;
#[cfg(feature = "tls")]
mod self_signed;
mod server;
pub mod simulated;
mod sockets;
pub mod sweep;
pub mod timeline;
mod wait;

pub use builder::Builder;
pub use client::{Client, ClientError, Message, Subscription};
pub use conf::{ConfigError, parse_conf};
pub use error::StartError;
pub use leaf::Leaf;
pub use links::Link;
pub use mock::MockNats;
#[cfg(feature = "jwt")]
pub use operator::{MockAccount, MockOperator, MockUser, PushError};
#[cfg(feature = "tls")]
pub use self_signed::{ClientCertificate, SelfSigned};
pub use server::Server;
pub use sweep::sweep;
