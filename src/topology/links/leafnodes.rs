//! The `leafnodes` block: servers that join one account each to another deployment.

use std::{fmt, time::Duration};

use super::{Compression, CompressionError, CompressionOptions, RemoteUrl};
use crate::topology::{TlsOptions, accounts::redact, options::WriteTimeout};

const DEFAULT_RECONNECT: Duration = Duration::from_secs(1);

/// The `leafnodes` block: both how leaf nodes reach this server, and where this server is one itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LeafNodeOptions {
    /// The address to listen on. Default: all.
    pub host: Option<String>,
    /// The port to listen on; -1 for any free one. Default: not to listen, which `remotes` do not need.
    pub port: Option<i64>,
    /// The address told to leaf nodes instead of the real one, with or without a port.
    pub advertise: Option<String>,
    /// Not to tell leaf nodes of the other servers of the cluster.
    pub no_advertise: bool,
    /// The `tls` block. Simulated links need no handshake; it is shown, and its files have to be good.
    pub tls: Option<TlsOptions>,
    /// Who may connect. Default: whoever may connect as a client.
    pub authorization: Option<LeafAuth>,
    /// The wait before this server connects to a remote again. Default one second.
    pub reconnect: Option<Duration>,
    /// How long a remote may take to accept a connection. Default one second.
    pub dial_timeout: Option<Duration>,
    /// How links with leaf nodes are compressed. Default `s2_auto`.
    pub compression: Option<CompressionOptions>,
    /// The oldest release that may connect, such as `2.8.0`.
    pub min_version: Option<String>,
    /// Not to tell leaf nodes of the interest of other leaf nodes.
    pub isolate_leafnode_interest: bool,
    /// How long a write may take. Default: the server's own `write_deadline`.
    pub write_deadline: Option<Duration>,
    /// What happens when it takes longer. Default: another try.
    pub write_timeout: Option<WriteTimeout>,
    /// The servers that this one joins.
    pub remotes: Vec<LeafRemote>,
}

impl LeafNodeOptions {
    /// Whether leaf nodes can connect.
    pub fn is_listening(&self) -> bool {
        self.port.is_some()
    }

    /// The wait before this server connects to a remote again, default applied.
    pub fn reconnect_in_force(&self) -> Duration {
        self.reconnect.unwrap_or(DEFAULT_RECONNECT)
    }

    /// How links with leaf nodes are compressed, default applied.
    ///
    /// # Errors
    /// A mode that does not exist, or round-trip times that make no sense.
    pub fn compression_in_force(&self) -> Result<Compression, CompressionError> {
        in_force(self.compression.as_ref())
    }
}

/// Who may connect as a leaf node: one user and password, one nkey, or a list of users.
#[derive(Clone, Default, PartialEq)]
pub struct LeafAuth {
    /// The single user.
    pub user: Option<String>,
    /// The single user's password, in clear or as a bcrypt hash.
    pub password: Option<String>,
    /// The public key of the single user, where there is neither of them.
    pub nkey: Option<String>,
    /// The account that those are bound to who are not one of `users`. Default: the global one.
    pub account: Option<String>,
    /// How long a leaf node may take to authenticate, in seconds. Default 2.
    pub timeout: Option<f64>,
    /// Several users; unset where the block names none, which is not the same as an empty list.
    pub users: Option<Vec<LeafUser>>,
}

impl LeafAuth {
    /// Whether it says who may connect. Otherwise leaf nodes log in as clients do.
    pub(crate) fn names_users(&self) -> bool {
        let has_users = self.users.as_ref().is_some_and(|users| !users.is_empty());
        self.user.is_some() || self.nkey.is_some() || has_users
    }
}

impl fmt::Debug for LeafAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafAuth")
            .field("user", &self.user)
            .field("password", &self.password.as_deref().map(redact))
            .field("nkey", &self.nkey)
            .field("account", &self.account)
            .field("timeout", &self.timeout)
            .field("users", &self.users)
            .finish()
    }
}

/// One of several users that may connect as a leaf node.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LeafUser {
    /// The name.
    pub user: String,
    /// The password, in clear or as a bcrypt hash; empty for none.
    pub password: String,
    /// The account that the leaf node is bound to. Default: the global one.
    pub account: Option<String>,
}

impl fmt::Debug for LeafUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafUser")
            .field("user", &self.user)
            .field("password", &redact(&self.password))
            .field("account", &self.account)
            .finish()
    }
}

/// How a leaf node shows its hub who it is, with a signature.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeafCredentials {
    /// The JWT of a user and its seed, as a file of credentials has them. Without both there is no connection.
    Creds(String),
    /// The seed of a user with an nkey.
    Nkey(String),
}

/// Whoever has them is that user.
impl fmt::Debug for LeafCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creds(_) => "Creds",
            Self::Nkey(_) => "Nkey",
        })
    }
}

/// A server, or several of one cluster, that this server joins as a leaf node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LeafRemote {
    /// Where they listen for leaf nodes, with the user and password to bring. Without a port: 7422.
    pub urls: Vec<RemoteUrl>,
    /// The `tls` block. Simulated links need no handshake; it is shown, and its files have to be good.
    pub tls: Option<TlsOptions>,
    /// The account of this server that is joined. Default: the global one.
    pub account: Option<String>,
    /// What is shown to the remote besides the user of a URL. Needs the feature `jwt`.
    pub credentials: Option<LeafCredentials>,
    /// To try `urls` in their order.
    pub no_randomize: bool,
    /// To be the hub of the two, although this side connects.
    pub hub: bool,
    /// Subjects for which this server tells the remote no interest.
    pub deny_imports: Vec<String>,
    /// Subjects for which this server takes no interest from the remote.
    pub deny_exports: Vec<String>,
    /// How the link is compressed. Default `s2_auto`.
    pub compression: Option<CompressionOptions>,
    /// Not to tell the remote of the interest of other leaf nodes.
    pub isolate_leafnode_interest: bool,
    /// To ask the remote for the same in the other direction.
    pub request_isolation: bool,
    /// How long the remote may take to send INFO. Default one second.
    pub first_info_timeout: Option<Duration>,
    /// How long the remote may take to accept a connection. Default: that of the block.
    pub dial_timeout: Option<Duration>,
    /// Not to connect.
    pub disabled: bool,
    /// To keep to `urls`, whatever other servers the remote tells of.
    pub ignore_discovered_servers: bool,
}

impl LeafRemote {
    /// How the link is compressed, default applied.
    ///
    /// # Errors
    /// A mode that does not exist, or round-trip times that make no sense.
    pub fn compression_in_force(&self) -> Result<Compression, CompressionError> {
        in_force(self.compression.as_ref())
    }
}

fn in_force(options: Option<&CompressionOptions>) -> Result<Compression, CompressionError> {
    let default = Compression::default_auto();
    match options {
        None => Ok(default),
        Some(options) => options.resolve(default.clone(), default),
    }
}
