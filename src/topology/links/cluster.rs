//! The `cluster` block: servers that are all connected to each other by routes.

use std::time::Duration;

use super::{Compression, CompressionError, CompressionOptions, LinkAuth, RemoteUrl};
use crate::topology::{TlsOptions, accounts::SubjectPermission, options::WriteTimeout};

/// The `cluster` block.
///
/// ```
/// use nats_mock::topology::ClusterOptions;
///
/// let cluster = ClusterOptions { port: Some(6222), ..ClusterOptions::default() };
/// assert!(cluster.is_listening());
/// assert_eq!(cluster.pool_size_in_force(), 3);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterOptions {
    /// The cluster's name. Default: drawn by the server, and replaced by what others say.
    pub name: Option<String>,
    /// The address to listen on. Default: all.
    pub host: Option<String>,
    /// The port to listen on; -1 for any free one. Without it a server has no routes, neither of its
    /// own making nor others', and of the block only the name counts.
    pub port: Option<i64>,
    /// The address told to other servers instead of the real one, with or without a port.
    pub advertise: Option<String>,
    /// Not to tell clients of the other servers.
    pub no_advertise: bool,
    /// The servers to connect to.
    pub routes: Vec<RemoteUrl>,
    /// Connections to each other server; negative: a single one, without a pool. Default 3.
    pub pool_size: Option<i64>,
    /// The accounts with a connection of their own to each other server, besides the system account,
    /// which has one wherever there is a pool.
    pub accounts: Vec<String>,
    /// How routes are compressed. Default `accept`.
    pub compression: Option<CompressionOptions>,
    /// The `tls` block. Simulated links need no handshake; it is shown, and its files have to be good.
    pub tls: Option<TlsOptions>,
    /// What other servers have to know to connect.
    pub authorization: Option<LinkAuth>,
    /// What crosses the routes. Default: everything.
    pub permissions: Option<RoutePermissions>,
    /// How often to try again to reach a server that another one told of. Default: never.
    pub connect_retries: Option<i64>,
    /// To wait longer from try to try.
    pub connect_backoff: bool,
    /// Time between pings to a route, at most 30 s. Default: the server's own `ping_interval`.
    pub ping_interval: Option<Duration>,
    /// Pings without an answer after which a route is stale. Default: the server's own `ping_max`.
    pub ping_max: Option<i64>,
    /// How long a write may take. Default: the server's own `write_deadline`.
    pub write_deadline: Option<Duration>,
    /// What happens when it takes longer. Default: another try.
    pub write_timeout: Option<WriteTimeout>,
}

impl ClusterOptions {
    /// Routes are pinged at least this often, whatever is configured.
    pub const MAX_PING_INTERVAL: Duration = Duration::from_secs(30);

    /// Whether the server takes part in a cluster at all.
    pub fn is_listening(&self) -> bool {
        self.port.is_some()
    }

    /// Connections to each other server besides those of single accounts; 0: a single one, without a
    /// pool.
    pub fn pool_size_in_force(&self) -> i64 {
        self.pool_size.unwrap_or(3).max(0)
    }

    /// How routes are compressed, default applied.
    ///
    /// # Errors
    /// A mode that does not exist, or round-trip times that make no sense.
    pub fn compression_in_force(&self) -> Result<Compression, CompressionError> {
        match &self.compression {
            None => Ok(Compression::Accept),
            Some(options) => options.resolve(Compression::Fast, Compression::Accept),
        }
    }

    /// Time between pings to a route, given that of the server.
    pub fn ping_interval_in_force(&self, server: Duration) -> Duration {
        self.ping_interval
            .unwrap_or(server)
            .min(Self::MAX_PING_INTERVAL)
    }
}

/// What crosses the routes of a server. Both sides only concern interest. Unset: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoutePermissions {
    /// The subjects for which this server tells others of its interest.
    pub import: Option<SubjectPermission>,
    /// The subjects for which this server takes interest from others.
    pub export: Option<SubjectPermission>,
}
