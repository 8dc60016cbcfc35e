//! Why a deployment cannot be started.

use std::io;
use std::net::SocketAddr;

use super::ConfigError;
use crate::topology::{MappingError, SharingError};

/// A deployment that cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// A listen host is not an IP address, and names are not looked up.
    #[error("listen host {host:?} is not an IP address")]
    Host {
        /// The host as it was given.
        host: String,
    },
    /// A server that is to be changed is not one of the deployment.
    #[error("there is no server {name:?} to be changed")]
    NoSuchServer {
        /// The name.
        name: String,
    },
    /// A cluster that is to get another server is not one of the deployment.
    #[error("there is no cluster {name:?}")]
    NoSuchCluster {
        /// The name.
        name: String,
    },
    /// Leaf nodes are to connect to something that is not part of the deployment.
    #[error("there is no cluster or server {hub:?} for the leaf nodes {leaf:?} to connect to")]
    NoSuchHub {
        /// What the leaf nodes are called.
        leaf: String,
        /// What they are to connect to.
        hub: String,
    },
    /// Accounts cannot share what they are to share.
    #[error("{server}: {error}")]
    Sharing {
        /// The server.
        server: String,
        /// The first export or import that cannot be.
        error: Box<SharingError>,
    },
    /// A subject cannot become what it is to become.
    #[error("{server}: mapping for {mapping:?}: {error}")]
    Mapping {
        /// The server.
        server: String,
        /// The subject.
        mapping: String,
        /// The reason.
        error: Box<MappingError>,
    },
    /// The configuration is not one that nats-server would start with, or asks for something that
    /// is not simulated.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A server does not get the JWTs of accounts from where it is to get them.
    #[error("{reason}")]
    Accounts {
        /// The server.
        server: String,
        /// What it says.
        reason: String,
    },
    /// The deployment is to have the clock of a tokio runtime, and is started outside of any.
    #[error("there is no tokio runtime to take the time from: {0}")]
    NoRuntime(#[source] tokio::runtime::TryCurrentError),
    /// The thread that serves the sockets cannot be started.
    #[error("cannot start the I/O thread: {0}")]
    Thread(#[source] io::Error),
}
