//! One server: its identity, limits, timing and logins.

use std::collections::BTreeMap;
use std::time::Duration;

use super::accounts::{AccountOptions, AuthOptions};
use super::links::{ClusterOptions, GatewayOptions, LeafNodeOptions};
use super::mappings::{Mapping, MappingError, SubjectMapping};
use super::operator::OperatorOptions;
use super::options::ServerOptions;
use super::shared::Shared;
use super::sharing::{Sharing, SharingError};
use super::tls::TlsOptions;
use super::websocket::WebsocketOptions;
use crate::Version;

/// One simulated nats-server with every default applied.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSpec {
    /// The server's name; `None` makes it the server's id, as in nats-server.
    pub name: Option<String>,
    /// The release line to simulate.
    pub version: Version,
    /// The listen host, shown in INFO, VARZ and the envelope of events.
    pub host: String,
    /// The listen port, shown in INFO and VARZ.
    pub port: u16,
    /// The address clients are told instead of `host:port`.
    pub client_advertise: Option<String>,
    /// The path in front of HTTP monitoring, shown in VARZ.
    pub http_base_path: String,
    /// Tags, in the configured order.
    pub tags: Vec<String>,
    /// Key-value metadata (since 2.12).
    pub metadata: BTreeMap<String, String>,
    /// Whether message headers are supported.
    pub headers: bool,
    /// Whether a publisher is slowed down when a receiver falls far behind.
    pub stalls_producers: bool,
    /// Limits on connections and messages.
    pub limits: Limits,
    /// Intervals and timeouts.
    pub timing: Timing,
    /// How connections of clients are made secure.
    pub tls: Option<TlsOptions>,
    /// Whether clients may do without TLS although there is some.
    pub allow_non_tls: bool,
    /// Accounts other than `$G` and the default `$SYS`.
    pub accounts: Shared<Vec<AccountOptions>>,
    /// The `authorization` block: users of `$G`, a single user, or a token.
    pub authorization: Option<AuthOptions>,
    /// The user of connections that bring no credentials.
    pub no_auth_user: Option<String>,
    /// Mappings of the global account.
    pub global_mappings: Vec<SubjectMapping>,
    /// What puts the server into operator mode, in which it has no accounts and users of its own.
    pub operator: Option<OperatorOptions>,
    /// Which account is the system account.
    pub system_account: SystemAccount,
    /// The cluster, where a server has a say in one: see [`ClusterOptions::is_listening`].
    pub cluster: Option<ClusterOptions>,
    /// The gateways to other clusters.
    pub gateway: Option<GatewayOptions>,
    /// The leaf nodes of this server, and where it is one itself.
    pub leafnodes: Option<LeafNodeOptions>,
    /// Where clients are taken over WebSocket.
    pub websocket: Option<WebsocketOptions>,
    /// Whether subscription lists cache their results.
    pub sublist_cache: bool,
    /// What the server says of the machine it runs on.
    pub machine: Machine,
    /// `config_digest` of VARZ, when the server was configured by a file.
    pub config_digest: Option<String>,
}

/// Which account is the system account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SystemAccount {
    /// `$SYS`, which exists without being configured and has no users.
    #[default]
    Default,
    /// A configured account.
    Named(String),
    /// None: the server emits no events and answers no requests.
    Disabled,
}

/// Limits on connections and messages; the defaults are nats-server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections at the same time (65,536).
    pub max_connections: i64,
    /// Subscriptions of one connection; 0 is unlimited (0).
    pub max_subscriptions: u32,
    /// Tokens in the subject of a subscription; 0 is unlimited (0).
    pub max_subscription_tokens: u8,
    /// Length of a protocol line in bytes (4,096).
    pub max_control_line: u32,
    /// Payload of one message, headers included, in bytes (1 MiB).
    pub max_payload: u32,
    /// Bytes waiting for one connection before it is cut off (64 MiB).
    pub max_pending: u64,
    /// Closed connections remembered for CONNZ (10,000).
    pub max_closed_clients: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 64 * 1024,
            max_subscriptions: 0,
            max_subscription_tokens: 0,
            max_control_line: 4096,
            max_payload: 1024 * 1024,
            max_pending: 64 * 1024 * 1024,
            max_closed_clients: 10_000,
        }
    }
}

/// Intervals and timeouts; the defaults are nats-server's.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// How long a connection may take to send CONNECT when credentials are needed (2 s).
    pub auth_timeout: Duration,
    /// How often an idle connection is pinged (2 min).
    pub ping_interval: Duration,
    /// PINGs that may go unanswered before the connection is stale (2).
    pub ping_max: u32,
    /// How long a write may make no progress before the connection is cut off (10 s).
    pub write_deadline: Duration,
    /// How long connections have to leave in lame duck mode (2 min).
    pub lame_duck_duration: Duration,
    /// The pause before the first connection is closed in lame duck mode (10 s).
    pub lame_duck_grace_period: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            auth_timeout: Duration::from_secs(2),
            ping_interval: Duration::from_secs(120),
            ping_max: 2,
            write_deadline: Duration::from_secs(10),
            lame_duck_duration: Duration::from_secs(120),
            lame_duck_grace_period: Duration::from_secs(10),
        }
    }
}

/// What a simulation has no truth for: figures of the machine and the process, as STATSZ and VARZ
/// show them.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Resident memory in bytes (14 MiB, about that of an idle server).
    pub mem: i64,
    /// Limit on memory of the Go runtime in bytes; 0 is none (0).
    pub mem_limit: i64,
    /// Processors (2).
    pub cores: i64,
    /// Processors that the Go runtime uses; unset: all.
    pub max_procs: Option<i64>,
    /// Processor load in percent (0).
    pub cpu: f64,
    /// The version of Go that the server says it was built with; unset: that of the release.
    pub go: Option<String>,
    /// The program and its arguments, as EXPVARZ shows them (`nats-server`).
    pub command_line: Vec<String>,
}

impl Machine {
    pub(crate) fn max_procs(&self) -> i64 {
        self.max_procs.unwrap_or(self.cores)
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            mem: 14 * 1024 * 1024,
            mem_limit: 0,
            cores: 2,
            max_procs: None,
            cpu: 0.0,
            go: None,
            command_line: vec!["nats-server".to_owned()],
        }
    }
}

impl Default for ServerSpec {
    fn default() -> Self {
        Self {
            name: None,
            version: Version::default(),
            host: "0.0.0.0".to_owned(),
            port: 4222,
            client_advertise: None,
            http_base_path: String::new(),
            tags: Vec::new(),
            metadata: BTreeMap::new(),
            headers: true,
            stalls_producers: true,
            limits: Limits::default(),
            timing: Timing::default(),
            tls: None,
            allow_non_tls: false,
            accounts: Shared::default(),
            authorization: None,
            no_auth_user: None,
            global_mappings: Vec::new(),
            operator: None,
            system_account: SystemAccount::default(),
            cluster: None,
            gateway: None,
            leafnodes: None,
            websocket: None,
            sublist_cache: true,
            machine: Machine::default(),
            config_digest: None,
        }
    }
}

impl ServerSpec {
    /// The server that a set of options describes: what they leave out is nats-server's default.
    pub fn from_options(options: ServerOptions) -> Self {
        let defaults = Self::default();
        let system_account = match options.system_account_name() {
            None => SystemAccount::Disabled,
            Some(name) if options.accounts.iter().any(|account| account.name == name) => {
                SystemAccount::Named(name.to_owned())
            }
            Some(name) if options.operator.is_some() => SystemAccount::Named(name.to_owned()),
            Some(_) => SystemAccount::Default,
        };
        Self {
            name: options.server_name,
            host: options.host.unwrap_or(defaults.host),
            port: match options.port {
                Some(port) => u16::try_from(port).unwrap_or(0),
                None => defaults.port,
            },
            client_advertise: options.client_advertise,
            http_base_path: options.http_base_path.unwrap_or_default(),
            tags: options.tags,
            metadata: options.metadata,
            headers: !options.no_header_support,
            stalls_producers: !options.no_fast_producer_stall,
            limits: Limits {
                max_connections: or(options.max_connections, defaults.limits.max_connections),
                max_subscriptions: or(options.max_subscriptions, 0),
                max_subscription_tokens: options.max_subscription_tokens.unwrap_or(0),
                max_control_line: or(options.max_control_line, defaults.limits.max_control_line),
                max_payload: or(options.max_payload, defaults.limits.max_payload),
                max_pending: or(options.max_pending, defaults.limits.max_pending),
                max_closed_clients: or(
                    options.max_closed_clients,
                    defaults.limits.max_closed_clients,
                ),
            },
            timing: Timing {
                auth_timeout: options
                    .authorization
                    .as_ref()
                    .and_then(|auth| auth.timeout)
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .unwrap_or_else(|| default_auth_timeout(options.tls.as_ref())),
                ping_interval: options
                    .ping_interval
                    .unwrap_or(defaults.timing.ping_interval),
                ping_max: or(options.ping_max, defaults.timing.ping_max),
                write_deadline: options
                    .write_deadline
                    .unwrap_or(defaults.timing.write_deadline),
                lame_duck_duration: options
                    .lame_duck_duration
                    .unwrap_or(defaults.timing.lame_duck_duration),
                lame_duck_grace_period: options
                    .lame_duck_grace_period
                    .unwrap_or(defaults.timing.lame_duck_grace_period),
            },
            tls: options.tls,
            allow_non_tls: options.allow_non_tls,
            accounts: options.accounts.into(),
            authorization: options.authorization,
            no_auth_user: options.no_auth_user,
            global_mappings: options.global_mappings,
            operator: options.operator,
            system_account,
            cluster: options.cluster,
            gateway: options.gateway,
            leafnodes: options.leafnodes,
            websocket: options.websocket,
            sublist_cache: !options.no_sublist_cache,
            config_digest: options.config_digest,
            ..defaults
        }
    }

    /// The name of the cluster that the server belongs to, where that does not depend on others: its
    /// own, or the gateway's. A leaf node without a cluster passes its own name off as one.
    pub fn cluster_name(&self) -> Option<&str> {
        let cluster = self.cluster.as_ref();
        let gateway = self.gateway.as_ref();
        cluster
            .and_then(|cluster| cluster.name.as_deref())
            .or(gateway.and_then(|gateway| gateway.name.as_deref()))
            .or(self.name.as_deref().filter(|_| self.is_lone_leaf()))
    }

    /// Whether the server is a leaf node that has no cluster.
    pub(crate) fn is_lone_leaf(&self) -> bool {
        let leafnodes = self.leafnodes.as_ref();
        let cluster = self.cluster.as_ref();
        leafnodes.is_some_and(|leafnodes| !leafnodes.remotes.is_empty())
            && !cluster.is_some_and(ClusterOptions::is_listening)
            && self
                .gateway
                .as_ref()
                .is_none_or(|gateway| !gateway.is_listening())
    }

    /// What the accounts share, and what they cannot.
    pub(crate) fn sharing(&self) -> (Sharing, Vec<SharingError>) {
        let has_system = self.system_account != SystemAccount::Disabled;
        let functions = self.version.profile().subject_functions();
        Sharing::of(&self.accounts, has_system, functions)
    }

    /// The first mapping that cannot be, with its source.
    pub(crate) fn wrong_mapping(&self) -> Option<(&str, MappingError)> {
        let functions = self.version.profile().subject_functions();
        let of_accounts = self.accounts.iter().flat_map(|account| &account.mappings);
        let mut all = self.global_mappings.iter().chain(of_accounts);
        all.find_map(|mapping| {
            let error = Mapping::of(mapping, functions).err()?;
            Some((mapping.source.as_str(), error))
        })
    }

    /// Every configured user with its password.
    pub fn users(&self) -> impl Iterator<Item = (&str, &str)> {
        let auth = self.authorization.iter();
        let single = auth
            .clone()
            .filter_map(|auth| auth.user.as_deref().zip(auth.password.as_deref()));
        self.accounts
            .iter()
            .flat_map(|account| &account.users)
            .chain(auth.flat_map(|auth| &auth.users))
            .filter(|user| user.nkey.is_none())
            .map(|user| (user.user.as_str(), user.password.as_str()))
            .chain(single)
    }
}

/// How long whoever connects may take to log in, unless something is said about it: longer if there is TLS.
pub(crate) fn default_auth_timeout(tls: Option<&TlsOptions>) -> Duration {
    tls.map_or(Duration::from_secs(2), |tls| {
        tls.timeout + Duration::from_secs(1)
    })
}

/// An option's value if it is set and fits, as the server's own checks have made sure it does.
fn or<T, U: TryFrom<T>>(option: Option<T>, default: U) -> U {
    option
        .and_then(|value| U::try_from(value).ok())
        .unwrap_or(default)
}
