//! Choosing what to start.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::account_servers;
use super::plan::{self, Edit, Group, Planned};
use super::ports::settle_ports;
use super::{Leaf, MockNats, StartError};
use crate::Version;
use crate::core::Time;
use crate::net::Clock;
use crate::services::Configuration;
use crate::topology::{
    AccountOptions, Limits, Machine, ServerOptions, ServerSpec, SystemAccount, Timing, Topology,
    UserOptions, Warning,
};
#[cfg(feature = "tls")]
use crate::topology::{TlsOptions, default_auth_timeout};

/// Builds a [`MockNats`].
///
/// Without any accounts it starts the embedded default: account `USERS` with user `a` (password
/// `a`) and system account `SYS` with user `admin` (password `changeit`).
///
/// ```
/// use nats_mock::{MockNats, Version};
///
/// let nats = MockNats::builder()
///     .name("n1")
///     .version(Version::V2_12)
///     .account("ORDERS", [("shop", "secret")])
///     .system_account("SYS", [("ops", "secret")])
///     .start_blocking()?;
/// assert!(nats.url_for("shop").starts_with("nats://shop:secret@127.0.0.1:"));
/// # Ok::<(), nats_mock::StartError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is started before `start`"]
pub struct Builder {
    /// The server, or what all servers have in common.
    pub(super) server: ServerSpec,
    groups: Vec<Group>,
    pub(super) leafs: Vec<Leaf>,
    /// Servers that configuration files describe, besides the first.
    pub(super) listed: Vec<Planned>,
    edits: Vec<Edit>,
    pub(super) unbound: bool,
    /// Servers that open their sockets nevertheless.
    pub(super) bound: Vec<String>,
    /// Accounts, or their absence, are what the user wants.
    configured: bool,
    pub(super) warnings: Vec<Warning>,
    pub(super) seed: u64,
    utc_offset: i32,
    clock: ClockChoice,
    pub(super) configuration: Configuration,
    history: usize,
}

/// Where the deployment takes its time from.
#[derive(Clone, Copy, Debug)]
enum ClockChoice {
    System,
    /// It stands still at this time.
    Manual(Time),
    /// That of the runtime, which shows this time at the start, or wall time.
    Tokio(Option<Time>),
}

impl ClockChoice {
    fn clock(self) -> Result<Clock, StartError> {
        match self {
            Self::System => Ok(Clock::system()),
            Self::Manual(start) => Ok(Clock::manual(start)),
            Self::Tokio(start) => Clock::tokio(start).map_err(StartError::NoRuntime),
        }
    }
}

/// Events, and as many requests, that are kept unless the builder says otherwise.
const DEFAULT_HISTORY: usize = 16_384;

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// A server on an ephemeral port of the loopback interface.
    pub fn new() -> Self {
        Self::from_spec(ServerSpec {
            host: "127.0.0.1".to_owned(),
            port: 0,
            ..ServerSpec::default()
        })
    }

    /// The server that a set of options describes, with nats-server's defaults for the rest.
    pub fn from_options(options: ServerOptions) -> Self {
        Self {
            configured: true,
            ..Self::from_spec(ServerSpec::from_options(options))
        }
    }

    /// The embedded default deployment under options that say nothing of accounts, with user `a`
    /// for connections that bring no credentials.
    pub fn embedded(options: ServerOptions) -> Self {
        Self::from_spec(ServerSpec::from_options(options)).no_auth_user("a")
    }

    fn from_spec(server: ServerSpec) -> Self {
        Self {
            server,
            groups: Vec::new(),
            leafs: Vec::new(),
            listed: Vec::new(),
            edits: Vec::new(),
            unbound: false,
            bound: Vec::new(),
            configured: false,
            warnings: Vec::new(),
            seed: 0,
            utc_offset: 0,
            clock: ClockChoice::System,
            configuration: Configuration::default(),
            history: DEFAULT_HISTORY,
        }
    }

    /// What the configuration file holds that has no effect on the simulation, and what nats-server
    /// itself would warn of.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The server as it has been chosen so far.
    pub fn server_spec(&self) -> &ServerSpec {
        &self.server
    }

    /// Where the server finds its configuration when `$SYS.REQ.SERVER.<id>.RELOAD` asks for it to be
    /// read again. Without this, and without a configuration file, it answers with the error of a
    /// nats-server that was started without one.
    ///
    /// `read` is called while the deployment is locked: it must neither call methods of [`MockNats`] nor
    /// panic. An error it gives is the error of the answer.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::topology::{AccountOptions, UserOptions};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = MockNats::builder().account("A", [("a", "a")]).system_account("SYS", [("ops", "x")]);
    /// let mut changed = builder.server_spec().clone();
    /// changed.accounts.push(AccountOptions::new("B"));
    /// let nats = builder.reload_from(move || Ok(changed.clone())).start_blocking()?;
    ///
    /// let mut ops = nats.client("ops")?;
    /// let reload = format!("$SYS.REQ.SERVER.{}.RELOAD", nats.server_id());
    /// assert!(!ops.request(reload, "")?.try_next().unwrap().text().contains("error"));
    /// assert!(nats.server_spec().accounts.iter().any(|account| account.name == "B"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn reload_from(
        mut self,
        read: impl Fn() -> Result<ServerSpec, String> + Send + Sync + 'static,
    ) -> Self {
        self.configuration = Configuration::new(read);
        self
    }

    /// Adds a cluster of servers, named `<cluster>-1` and so on, which have in common all that the
    /// builder says. Several clusters are joined by gateways to a supercluster.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
    /// let mut a = nats.server("east-1").client("a")?;
    /// let mut b = nats.server("east-3").client("a")?;
    /// let mut orders = b.subscribe("orders.*")?;
    /// a.publish("orders.new", "one")?;
    /// assert_eq!(orders.try_next().unwrap().text(), "one");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cluster(mut self, name: impl Into<String>, servers: usize) -> Self {
        self.groups.push(Group {
            cluster: name.into(),
            servers,
        });
        self
    }

    /// Changes one of the servers: its version, tags, limits, …
    ///
    /// ```
    /// use nats_mock::{MockNats, Version};
    ///
    /// let nats = MockNats::builder()
    ///     .cluster("east", 3)
    ///     .server("east-2", |server| server.version = Version::V2_11)
    ///     .start_blocking()?;
    /// assert_eq!(nats.server("east-2").client("a")?.info().version, "2.11.11");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn server(
        mut self,
        name: impl Into<String>,
        change: impl Fn(&mut ServerSpec) + Send + Sync + 'static,
    ) -> Self {
        self.edits.push(Edit {
            server: name.into(),
            change: Arc::new(change),
        });
        self
    }

    /// The server's name. Default: its id, as with nats-server.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.server.name = Some(name.into());
        self
    }

    /// The release line to simulate. Default: the newest. A configuration file is better read by
    /// [`from_conf_for`](Self::from_conf_for).
    pub fn version(mut self, version: Version) -> Self {
        self.server.version = version;
        self
    }

    /// The root of all randomness: ids, queue-group picks, jitter. Default: 0. Equal seeds give
    /// equal ids; let deployments that meet in one test differ.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The address to listen on. Default: an ephemeral port of `127.0.0.1`.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.server.host = address.ip().to_string();
        self.server.port = address.port();
        self
    }

    /// Server tags, in order.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.server.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an account with users that log in by name and password.
    pub fn account<'a>(
        self,
        name: impl Into<String>,
        users: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        self.account_with(AccountOptions {
            users: users.into_iter().map(plain_user).collect(),
            ..AccountOptions::new(name)
        })
    }

    /// Adds an account with its limits and its users' permissions.
    pub fn account_with(mut self, account: AccountOptions) -> Self {
        self.server.accounts.push(account);
        self
    }

    /// Adds the system account with its users. Default, when other accounts are given: the account
    /// `$SYS`, which no user logs in to.
    pub fn system_account<'a>(
        mut self,
        name: impl Into<String>,
        users: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let name = name.into();
        self.server.system_account = SystemAccount::Named(name.clone());
        self.account(name, users)
    }

    /// Adds a user of the global account `$G`.
    pub fn user(mut self, user: UserOptions) -> Self {
        let auth = self.server.authorization.get_or_insert_default();
        auth.users.push(user);
        self
    }

    /// Lets connections in that bring no credentials, as this user.
    pub fn no_auth_user(mut self, name: impl Into<String>) -> Self {
        self.server.no_auth_user = Some(name.into());
        self
    }

    /// Makes connections to sockets secure: with [certificates that are made](crate::SelfSigned) for the
    /// test, or with those [of files](crate::topology::TlsOptions::from_files). URLs begin with `tls://`
    /// then. Connections in memory need no TLS.
    ///
    /// ```
    /// use nats_mock::{MockNats, SelfSigned};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let authority = SelfSigned::new()?;
    /// let nats = MockNats::builder().tls(&authority).start().await?;
    ///
    /// let ca = std::env::temp_dir().join(format!("nats-mock-ca-{}.pem", std::process::id()));
    /// std::fs::write(&ca, authority.ca_pem())?;
    /// let options = async_nats::ConnectOptions::new().add_root_certificates(ca.clone());
    /// let app = options.connect(nats.url_for("a")).await?;
    /// app.flush().await?;
    /// # std::fs::remove_file(ca)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: impl Into<TlsOptions>) -> Self {
        let tls = tls.into();
        let timing = &mut self.server.timing;
        if *timing == Timing::default() {
            timing.auth_timeout = default_auth_timeout(Some(&tls));
        }
        self.server.tls = Some(tls);
        self
    }

    /// Limits on connections and messages.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.server.limits = limits;
        self
    }

    /// Intervals and timeouts.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.server.timing = timing;
        self
    }

    /// What the server says of the machine it runs on.
    pub fn machine(mut self, machine: Machine) -> Self {
        self.server.machine = machine;
        self
    }

    /// The offset of the server's local time zone from UTC, in seconds. Default: 0.
    pub fn utc_offset(mut self, seconds: i32) -> Self {
        self.utc_offset = seconds;
        self
    }

    /// Makes time stand still at `start` until [`MockNats::advance`] moves it: timers, heartbeats
    /// and timestamps follow. Default: the system's clock.
    pub fn manual_clock(mut self, start: SystemTime) -> Self {
        self.clock = ClockChoice::Manual(since_epoch(start));
        self
    }

    /// Makes time that of the tokio runtime that the deployment is started on, beginning with the present
    /// time. Where that is paused, by `tokio::time::pause` or `#[tokio::test(start_paused = true)]`, it moves
    /// by `tokio::time::advance`, and by itself when nothing on the runtime is left to do; timers,
    /// heartbeats, timestamps and expiry follow, and so do the timeouts of asynchronous waits such as
    /// [`MockNats::next_event`]. Default: the system's clock.
    ///
    /// While all of a runtime waits for a socket, its paused clock runs away, as tokio says of it: with
    /// paused time, let clients connect [in memory](MockNats::connect_in_memory). What is due has happened
    /// for whoever looks; a task on the runtime wakes those who wait for it, unless the test blocks the
    /// thread.
    ///
    /// [`start`](Self::start) panics when the runtime has no timers (`enable_time`).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use nats_mock::MockNats;
    /// use nats_mock::recorded::EventKind;
    ///
    /// # let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// # runtime.enable_time().start_paused(true).build()?.block_on(async {
    /// // In a #[tokio::test(start_paused = true)]:
    /// let nats = MockNats::builder().tokio_clock().start().await?;
    /// let mut ops = nats.client("admin")?;
    /// let mut heartbeats = ops.subscribe("$SYS.SERVER.*.STATSZ")?;
    ///
    /// tokio::time::advance(Duration::from_secs(1)).await;
    /// assert!(heartbeats.try_next().is_some());
    /// assert!(heartbeats.try_next().is_none());
    /// // A minute that takes no time.
    /// tokio::time::sleep(Duration::from_secs(60)).await;
    /// assert!(nats.events().kind(EventKind::Statsz).history().len() > 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tokio_clock(mut self) -> Self {
        self.clock = ClockChoice::Tokio(None);
        self
    }

    /// As [`tokio_clock`](Self::tokio_clock), beginning with `start`: with paused time and connections in
    /// memory, the same test then gives the same bytes.
    pub fn tokio_clock_from(mut self, start: SystemTime) -> Self {
        self.clock = ClockChoice::Tokio(Some(since_epoch(start)));
        self
    }

    /// How many events are kept for [`MockNats::events`], as many requests for [`MockNats::requests`], and
    /// as many things of any sort for [`MockNats::timeline`]; the oldest go first. Default: 16,384. With 0
    /// nothing is recorded.
    ///
    /// An event takes about a kilobyte. Whatever the number, no more than 16 MiB are kept of each.
    pub fn history(mut self, length: usize) -> Self {
        self.history = length;
        self
    }

    /// Starts the deployment. It is reachable when this returns. There is nothing to wait for: it
    /// is `async` so that what has to be waited for in future can be.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, no thread can be started, or there is no runtime to take
    /// [the time](Self::tokio_clock) from.
    pub async fn start(mut self) -> Result<MockNats, StartError> {
        self.fill_in_default_deployment();
        let clock = self.clock.clock()?;
        let servers = account_servers::ask_aside(self.servers()?).await?;
        MockNats::launch(servers, self.seed, self.utc_offset, clock, self.history)
    }

    /// As [`start`](Self::start), for callers without a runtime.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_blocking(mut self) -> Result<MockNats, StartError> {
        self.fill_in_default_deployment();
        let clock = self.clock.clock()?;
        let mut servers = self.servers()?;
        account_servers::ask(&mut servers)?;
        MockNats::launch(servers, self.seed, self.utc_offset, clock, self.history)
    }

    /// The servers that start.
    fn servers(&mut self) -> Result<Vec<Planned>, StartError> {
        let mut servers = if self.groups.is_empty() {
            let first = Planned {
                spec: self.server.clone(),
                configuration: self.configuration.clone(),
                unbound: self.unbound,
            };
            let mut servers = vec![first];
            servers.append(&mut self.listed);
            servers.iter_mut().for_each(|it| it.unbound |= self.unbound);
            servers
        } else {
            plan::clusters(&self.server, &self.groups, self.unbound)
        };
        self.add_leafs(&mut servers)?;
        for name in &self.bound {
            let server = named(&mut servers, name)?;
            if std::mem::take(&mut server.unbound) {
                server.spec.port = self.server.port;
            }
        }
        for edit in &self.edits {
            (edit.change)(&mut named(&mut servers, &edit.server)?.spec);
        }
        settle_ports(&mut servers, []);
        let mut before: Option<&ServerSpec> = None;
        for Planned { spec, .. } in &servers {
            // Most servers of many are configured alike.
            if !before.is_some_and(|before| shares_alike(before, spec)) {
                sharing_works(spec)?;
            }
            before = Some(spec);
        }
        Ok(servers)
    }

    /// What would be simulated, and the configuration of each server.
    pub(super) fn into_topology(mut self) -> Result<(Topology, Vec<Configuration>), StartError> {
        self.fill_in_default_deployment();
        let servers = self.servers()?.into_iter();
        let (servers, configurations) = servers
            .map(|planned| (planned.spec, planned.configuration))
            .unzip();
        let topology = Topology {
            servers,
            seed: self.seed,
            utc_offset: self.utc_offset,
        };
        Ok((topology, configurations))
    }

    /// The one server that the builder is about.
    pub(super) fn into_first(self) -> Planned {
        Planned {
            spec: self.server,
            configuration: self.configuration,
            unbound: self.unbound,
        }
    }

    fn fill_in_default_deployment(&mut self) {
        let server = &mut self.server;
        let configured = self.configured
            || !server.accounts.is_empty()
            || server.authorization.is_some()
            || server.system_account != SystemAccount::Default;
        if !configured {
            server.accounts = embedded_accounts().into();
            server.system_account = SystemAccount::Named("SYS".to_owned());
        }
    }
}

/// Whether what the accounts of two servers share and map is certainly the same.
fn shares_alike(one: &ServerSpec, other: &ServerSpec) -> bool {
    one.accounts.is_same(&other.accounts)
        && one.global_mappings == other.global_mappings
        && one.system_account == other.system_account
        && one.version == other.version
}

/// Whether the accounts of a server can share what they are to share, and map what they are to map.
fn sharing_works(spec: &ServerSpec) -> Result<(), StartError> {
    if let Some((mapping, error)) = spec.wrong_mapping() {
        return Err(StartError::Mapping {
            server: spec.name.clone().unwrap_or_default(),
            mapping: mapping.to_owned(),
            error: Box::new(error),
        });
    }
    let (_, errors) = spec.sharing();
    errors.into_iter().next().map_or(Ok(()), |error| {
        Err(StartError::Sharing {
            server: spec.name.clone().unwrap_or_default(),
            error: Box::new(error),
        })
    })
}

fn since_epoch(time: SystemTime) -> Time {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    Time::default() + since_epoch.unwrap_or(Duration::ZERO)
}

fn named<'a>(servers: &'a mut [Planned], name: &str) -> Result<&'a mut Planned, StartError> {
    let found = servers
        .iter_mut()
        .find(|server| server.spec.name.as_deref() == Some(name));
    found.ok_or_else(|| StartError::NoSuchServer {
        name: name.to_owned(),
    })
}

/// The accounts of the embedded default deployment.
fn embedded_accounts() -> Vec<AccountOptions> {
    [("USERS", ("a", "a")), ("SYS", ("admin", "changeit"))]
        .into_iter()
        .map(|(name, user)| AccountOptions {
            users: vec![plain_user(user)],
            ..AccountOptions::new(name)
        })
        .collect()
}

fn plain_user((name, password): (&str, &str)) -> UserOptions {
    UserOptions::new(name, password)
}
