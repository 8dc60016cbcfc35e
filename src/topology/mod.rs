//! What is to be simulated: servers, their accounts and users, and the limits in force.
//!
//! A [`Topology`] is plain data with every default applied. The builder and the configuration
//! files both end here, and the core starts from nothing else.

mod account_server;
mod accounts;
mod leaf_plan;
mod links;
mod mappings;
mod operator;
mod options;
mod plan;
mod server;
mod shared;
mod sharing;
pub(crate) mod tls;
mod websocket;

pub(crate) use account_server::FETCH_PATIENCE;
pub use account_server::{AccountServer, FetchError, JwtTable};
pub use accounts::{
    AccountLimits, AccountOptions, AuthOptions, CalloutOptions, ConnectionType, Permissions,
    ResponsePermission, SubjectPermission, TraceOptions, UserOptions,
};
pub(crate) use leaf_plan::leaf_listener;
pub use links::{
    ClusterOptions, Compression, CompressionError, CompressionOptions, DEFAULT_LEAFNODE_PORT,
    GatewayOptions, LeafAuth, LeafCredentials, LeafNodeOptions, LeafRemote, LeafUser, LinkAuth,
    RemoteGateway, RemoteUrl, RoutePermissions, UrlError, UrlProblem,
};
pub(crate) use mappings::{Mapping, Share};
pub use mappings::{MappingDestination, MappingError, SubjectMapping};
pub use operator::{JwtDirectory, OperatorOptions, Resolver};
pub(crate) use options::min_version::is_older as is_older_release;
#[cfg(feature = "websocket")]
pub(crate) use options::parse_origin;
pub(crate) use options::words::quote;
#[cfg(feature = "jwt")]
pub(crate) use options::words::quote_bytes;
pub use options::{
    DEFAULT_SYSTEM_ACCOUNT, GLOBAL_ACCOUNT, OptionsError, Problem, ProblemKind, ServerOptions,
    StartError, Warning, WriteTimeout,
};
pub use plan::Unreached;
pub(crate) use server::default_auth_timeout;
pub use server::{Limits, Machine, ServerSpec, SystemAccount, Timing};
pub use shared::Shared;
pub(crate) use sharing::{
    AccountSharing, Approval, Permit, ServiceExportPlan, ServiceImportPlan, Sharing, What,
};
pub use sharing::{
    Export, Import, LatencyOptions, ResponseType, Sampling, ServiceExport, ServiceImport,
    SharingError, SharingProblem, StreamExport, StreamImport,
};
#[cfg(feature = "tls")]
pub use tls::TlsError;
pub(crate) use tls::pem;
pub use tls::{ClientTls, TlsOptions};
pub use websocket::WebsocketOptions;

/// A whole deployment, ready to be simulated.
#[derive(Clone, Debug)]
pub struct Topology {
    /// The servers, in the order in which they start.
    pub servers: Vec<ServerSpec>,
    /// The root of all randomness: ids, queue-group picks, jitter.
    pub seed: u64,
    /// The offset of the servers' local time zone from UTC, in seconds. Real servers print some
    /// timestamps in local time.
    pub utc_offset: i32,
}

impl Default for Topology {
    fn default() -> Self {
        Self {
            servers: vec![ServerSpec::default()],
            seed: 0,
            utc_offset: 0,
        }
    }
}
