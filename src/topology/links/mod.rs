//! The links between servers, as one server's configuration states them: plain data.
//!
//! Each block of a configuration has a file here: [`ClusterOptions`] for `cluster`,
//! [`GatewayOptions`] for `gateway`, [`LeafNodeOptions`] for `leafnodes`. As everywhere in the options,
//! what is unset is at the server's default, which its documentation names; a method says what is in
//! force where that takes more than a look.

mod cluster;
mod compression;
mod gateway;
mod leafnodes;
mod url;

use std::fmt;

pub use self::{
    cluster::{ClusterOptions, RoutePermissions},
    compression::{Compression, CompressionError, CompressionOptions},
    gateway::{GatewayOptions, RemoteGateway},
    leafnodes::{LeafAuth, LeafCredentials, LeafNodeOptions, LeafRemote, LeafUser},
    url::{RemoteUrl, UrlError, UrlProblem},
};
use super::accounts::redact;

/// The port that a leaf node connects to where a URL names none.
pub const DEFAULT_LEAFNODE_PORT: u16 = 7422;

/// The `authorization` of a `cluster` or `gateway` block: what other servers have to know to connect.
#[derive(Clone, Default, PartialEq)]
pub struct LinkAuth {
    /// The user.
    pub user: Option<String>,
    /// The password, in clear or as a bcrypt hash.
    pub password: Option<String>,
    /// How long a server may take to authenticate, in seconds. Default 2.
    pub timeout: Option<f64>,
}

impl fmt::Debug for LinkAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkAuth")
            .field("user", &self.user)
            .field("password", &self.password.as_deref().map(redact))
            .field("timeout", &self.timeout)
            .finish()
    }
}
