//! The options of one server.

mod auth;
mod callout;
mod cluster;
mod durations;
mod exports;
mod gateway;
mod imports;
mod leafnodes;
mod links;
mod listen;
mod mappings;
pub(super) mod min_version;
mod msg_trace;
mod operator;
mod permissions;
mod problem;
mod read;
mod remotes;
mod resolver;
mod start;
mod start_links;
mod start_websocket;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls_off.rs"]
mod tls;
mod websocket;
pub(crate) mod words;

use std::{collections::BTreeMap, time::Duration};

use nats_mock_protocol::conf::Document;

#[cfg(feature = "websocket")]
pub(crate) use self::start_websocket::parse_origin;
pub use self::{
    problem::{OptionsError, Problem, ProblemKind, Warning},
    start::{DEFAULT_SYSTEM_ACCOUNT, GLOBAL_ACCOUNT, StartError},
};
use super::{
    accounts::{AccountOptions, AuthOptions},
    links::{ClusterOptions, GatewayOptions, LeafNodeOptions},
    mappings::SubjectMapping,
    operator::OperatorOptions,
    tls::TlsOptions,
    websocket::WebsocketOptions,
};
use crate::Version;

/// What happens to a client to which a write took longer than `write_deadline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteTimeout {
    /// What is usual for the kind of connection: clients are closed.
    Default,
    /// The connection is closed.
    Close,
    /// The write is tried again.
    Retry,
}

/// The options of one server, as its configuration states them.
///
/// Unset options are at the server's default, which differs between releases and so is filled in
/// elsewhere. A number that the server takes for "default", mostly 0, is unset here.
///
/// ```
/// use nats_mock::topology::ServerOptions;
/// use nats_mock_protocol::conf::{self, MemorySource};
///
/// let text = "
///     listen: 127.0.0.1:-1
///     max_payload: 2MB
///     accounts { ORDERS { users: [ {user: alice, password: s3cr3t} ] } }";
/// let document = conf::parse(text, "nats.conf", &MemorySource::new())?;
/// let (options, warnings) = ServerOptions::from_conf(&document)?;
///
/// assert_eq!(options.host.as_deref(), Some("127.0.0.1"));
/// assert_eq!(options.max_payload, Some(2 * 1024 * 1024));
/// assert_eq!(options.accounts[0].users[0].user, "alice");
/// assert!(warnings.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerOptions {
    /// The address to listen on. Default: all.
    pub host: Option<String>,
    /// The port to listen on; -1 for any free one. Default 4222. Not checked to be a port: a server
    /// finds out when it listens.
    pub port: Option<i64>,
    /// The server's name. Default: its id.
    pub server_name: Option<String>,
    /// Tags, in lower case and without repetition.
    pub tags: Vec<String>,
    /// Free-form facts, shown by the monitoring endpoints.
    pub metadata: BTreeMap<String, String>,
    /// Features switched on or off, shown by the monitoring endpoints.
    pub feature_flags: BTreeMap<String, bool>,
    /// The address told to clients instead of the real one, with or without a port.
    pub client_advertise: Option<String>,
    /// The path in front of HTTP monitoring. Default: none.
    pub http_base_path: Option<String>,

    /// Client connections at a time; negative: any number. Default 65,536.
    pub max_connections: Option<i64>,
    /// Subscriptions of one connection; negative or unset: any number.
    pub max_subscriptions: Option<i64>,
    /// Tokens in the subject of a subscription. Unset: any number.
    pub max_subscription_tokens: Option<u8>,
    /// Size of a message, in bytes. Default 1 MiB.
    pub max_payload: Option<i32>,
    /// Size of a protocol line, in bytes. Default 4,096.
    pub max_control_line: Option<i32>,
    /// What may wait to be written to one client, in bytes. Default 64 MiB.
    pub max_pending: Option<i64>,
    /// How many closed connections are remembered. Default 10,000.
    pub max_closed_clients: Option<i64>,
    /// How much of a message is logged when tracing, in bytes. Unset: all.
    pub max_traced_msg_len: Option<i64>,
    /// Time between pings to a client. Default two minutes.
    pub ping_interval: Option<Duration>,
    /// Pings without an answer after which a client is stale. Default 2.
    pub ping_max: Option<i64>,
    /// How long a write to a client may take. Default ten seconds.
    pub write_deadline: Option<Duration>,
    /// What happens when it takes longer.
    pub write_timeout: Option<WriteTimeout>,
    /// Over what time clients are closed in lame-duck mode. Default two minutes.
    pub lame_duck_duration: Option<Duration>,
    /// How long lame-duck mode waits before that. Default ten seconds.
    pub lame_duck_grace_period: Option<Duration>,

    /// The `tls` block: how connections of clients are made secure.
    pub tls: Option<TlsOptions>,
    /// To let clients do without TLS although there is a `tls` block.
    pub allow_non_tls: bool,

    /// Who may connect to the global account. That the block is there at all has a meaning: see
    /// [`ServerOptions::anonymous_is_global`].
    pub authorization: Option<AuthOptions>,
    /// The accounts, without the global one.
    pub accounts: Vec<AccountOptions>,
    /// What puts the server into operator mode.
    pub operator: Option<OperatorOptions>,
    /// The user that clients without credentials become.
    pub no_auth_user: Option<String>,
    /// Mappings of the global account.
    pub global_mappings: Vec<SubjectMapping>,
    /// The account of system events and requests; see [`ServerOptions::system_account_name`].
    pub system_account: Option<String>,
    /// Not to make a system account where none is configured.
    pub no_system_account: bool,

    /// The `cluster` block.
    pub cluster: Option<ClusterOptions>,
    /// The `gateway` block.
    pub gateway: Option<GatewayOptions>,
    /// The `leafnodes` block.
    pub leafnodes: Option<LeafNodeOptions>,
    /// The `websocket` block.
    pub websocket: Option<WebsocketOptions>,

    /// To log debug messages.
    pub debug: Option<bool>,
    /// To log the protocol.
    pub trace: Option<bool>,
    /// To log the protocol of the system account, too.
    pub trace_verbose: bool,
    /// To log headers only.
    pub trace_headers: bool,
    /// To begin log lines with the time. Default true.
    pub logtime: Option<bool>,
    /// To do so in UTC.
    pub logtime_utc: bool,
    /// Where to log instead of standard error.
    pub log_file: Option<String>,
    /// Where to write the process id.
    pub pid_file: Option<String>,
    /// In which directory to write a file with the ports in use.
    pub ports_file_dir: Option<String>,
    /// Every how many failed attempts to connect to another server one is logged.
    pub connect_error_reports: Option<i64>,
    /// The same for connecting again.
    pub reconnect_error_reports: Option<i64>,

    /// Not to cache the results of matching subjects.
    pub no_sublist_cache: bool,
    /// Not to accept headers.
    pub no_header_support: bool,
    /// Not to slow down publishers whose receivers are slow.
    pub no_fast_producer_stall: bool,

    /// The path of the configuration.
    pub config_file: Option<String>,
    /// The digest of the configuration, as VARZ shows it.
    pub config_digest: Option<String>,
}

impl ServerOptions {
    /// Reads the options in `document`, with the checks that `nats-server -t` makes.
    ///
    /// A server also checks options when it starts: [`ServerOptions::validate`].
    ///
    /// # Errors
    /// Everything that is wrong, including keys that a real server would take and the mock does not
    /// support yet.
    ///
    /// ```
    /// use nats_mock::topology::ServerOptions;
    /// use nats_mock_protocol::conf::{self, MemorySource};
    ///
    /// let document = conf::parse("port: a\nprot: 1\nmqtt {}", "n.conf", &MemorySource::new())?;
    /// assert_eq!(
    ///     ServerOptions::from_conf(&document).unwrap_err().to_string(),
    ///     "n.conf:1:0: interface conversion: interface {} is string, not int64\n\
    ///      n.conf:2:1: unknown field \"prot\"\n\
    ///      n.conf:3:1: \"mqtt\" is not supported by nats-mock yet\n",
    /// );
    /// # Ok::<(), conf::ConfError>(())
    /// ```
    pub fn from_conf(document: &Document) -> Result<(Self, Vec<Warning>), OptionsError> {
        Self::from_conf_for(document, Version::default())
    }

    /// As [`from_conf`](Self::from_conf), as a given release reads it.
    ///
    /// # Errors
    ///
    /// As for [`from_conf`](Self::from_conf).
    pub fn from_conf_for(
        document: &Document,
        version: Version,
    ) -> Result<(Self, Vec<Warning>), OptionsError> {
        read::Reader::new(document, version).read()
    }

    /// Does what `nats-server -t` does with `document`: reads it, and takes the server's own warnings for
    /// errors, too. The text to print on success is `nats-server: configuration file FILE is valid (DIGEST)`.
    ///
    /// # Errors
    /// As with [`ServerOptions::from_conf`], and if there were warnings.
    pub fn check(document: &Document, version: Version) -> Result<(), OptionsError> {
        let (_, mut warnings) = Self::from_conf_for(document, version)?;
        warnings.retain(Warning::is_server);
        if warnings.is_empty() {
            return Ok(());
        }
        Err(OptionsError {
            warnings,
            problems: Vec::new(),
        })
    }
}
