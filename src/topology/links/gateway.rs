//! The `gateway` block: clusters that are connected to each other.

use std::time::Duration;

use super::{LinkAuth, RemoteUrl};
use crate::topology::{Shared, TlsOptions, options::WriteTimeout};

/// The `gateway` block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GatewayOptions {
    /// The name of the cluster that this server belongs to, for other clusters.
    pub name: Option<String>,
    /// The address to listen on. Default: all.
    pub host: Option<String>,
    /// The port to listen on; -1 for any free one. A server needs a name and a port to have gateways.
    pub port: Option<i64>,
    /// The address told to other servers instead of the real one, with or without a port.
    pub advertise: Option<String>,
    /// What other servers have to know to connect.
    pub authorization: Option<LinkAuth>,
    /// The `tls` block. Simulated links need no handshake; it is shown, and its files have to be good.
    pub tls: Option<TlsOptions>,
    /// How often to try again to reach a cluster that another one told of. Default: never.
    pub connect_retries: Option<i64>,
    /// To wait longer from try to try.
    pub connect_backoff: bool,
    /// The clusters to connect to. The server's own may be among them; it is left out then.
    pub gateways: Shared<Vec<RemoteGateway>>,
    /// To refuse clusters that `gateways` does not name; `reject_unknown` for short.
    pub reject_unknown_cluster: bool,
    /// How long a write may take. Default: the server's own `write_deadline`.
    pub write_deadline: Option<Duration>,
    /// What happens when it takes longer. Default: another try.
    pub write_timeout: Option<WriteTimeout>,
}

impl GatewayOptions {
    /// Whether the server has gateways at all.
    pub fn is_listening(&self) -> bool {
        self.name.is_some() && self.port.is_some()
    }
}

/// A cluster to connect to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteGateway {
    /// Its name.
    pub name: String,
    /// Where its servers listen for gateways.
    pub urls: Vec<RemoteUrl>,
    /// The `tls` block. Simulated links need no handshake; it is shown, and its files have to be good.
    pub tls: Option<TlsOptions>,
}
