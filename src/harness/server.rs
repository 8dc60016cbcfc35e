//! One server of a running deployment: reaching it, and what happens to it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::account_servers;
use super::listening::Closed;
use super::plan::Planned;
use super::{Client, ClientError, MockNats, StartError};
use crate::Version;
use crate::core::{ReloadError, ServerId};
use crate::net::{Hub, MemoryConnection, Origin, locked};
use crate::services::{Configuration, Deployment};
use crate::topology::{ServerSpec, SystemAccount};

/// What the harness keeps of a server, through all its restarts.
#[derive(Debug)]
pub(super) struct Node {
    pub name: String,
    /// The server as it is running now, or did last.
    pub id: ServerId,
    pub(super) address: SocketAddr,
    /// Where it takes clients over WebSocket.
    pub(super) websocket: Option<SocketAddr>,
    /// It has no sockets.
    pub(super) unbound: bool,
    configuration: Configuration,
    /// Addresses at which a user needs no credentials.
    pub(super) user_ports: BTreeMap<String, SocketAddr>,
    pub(super) closed: Closed,
}

impl Node {
    pub fn new(planned: &Planned, id: ServerId) -> Result<Self, StartError> {
        Ok(Self {
            name: planned.spec.name.clone().unwrap_or_default(),
            id,
            address: planned.address()?,
            websocket: planned.websocket_address()?,
            unbound: planned.unbound,
            configuration: planned.configuration.clone(),
            user_ports: BTreeMap::new(),
            closed: Closed::default(),
        })
    }
}

/// One server of a deployment; see [`MockNats::server`].
///
/// ```
/// use nats_mock::MockNats;
///
/// let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
/// let mut ops = nats.client("admin")?;
/// let mut goodbyes = ops.subscribe("$SYS.SERVER.*.SHUTDOWN")?;
/// let mut app = nats.server("east-2").client("a")?;
///
/// nats.server("east-2").stop();
///
/// assert!(goodbyes.try_next().unwrap().text().contains(r#""name":"east-2""#));
/// assert!(app.publish("orders", "lost").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    pub(super) nats: &'a MockNats,
    place: usize,
}

/// Text as it stands among the credentials of a URL.
fn in_url(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte as char);
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

impl<'a> Server<'a> {
    pub(super) fn new(nats: &'a MockNats, place: usize) -> Self {
        Self { nats, place }
    }

    pub(super) fn node<T>(&self, look: impl FnOnce(&mut Node) -> T) -> T {
        look(&mut locked(&self.nats.nodes)[self.place])
    }

    pub(super) fn hub(&self) -> &'a Arc<Hub> {
        &self.nats.hub
    }

    pub(super) fn current(&self) -> ServerId {
        self.node(|node| node.id)
    }

    /// What it takes to start a server like this one.
    pub(super) fn planned(&self) -> Planned {
        let (configuration, unbound) = self.node(|node| (node.configuration.clone(), node.unbound));
        Planned {
            spec: self.spec(),
            configuration,
            unbound,
        }
    }

    /// The name, which is the id where none was configured.
    pub fn name(&self) -> String {
        self.node(|node| node.name.clone())
    }

    /// The id, as it stands in the subjects of its events. A restart gives it another.
    pub fn id(&self) -> String {
        let id = self.current();
        let hub = &self.nats.hub;
        hub.look(|deployment| deployment.core().server(id).id.to_string())
    }

    /// The name of the cluster that the server belongs to: its own, its gateway's, that of the servers it
    /// has routes to, or one that was drawn.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
    /// assert_eq!(nats.server("east-2").cluster_name().as_deref(), Some("east"));
    /// assert_eq!(MockNats::start_blocking()?.first_server().cluster_name(), None);
    /// # Ok::<(), nats_mock::StartError>(())
    /// ```
    pub fn cluster_name(&self) -> Option<String> {
        let id = self.current();
        let hub = &self.nats.hub;
        hub.look(|deployment| {
            deployment
                .core()
                .server(id)
                .cluster_name
                .as_deref()
                .map(str::to_owned)
        })
    }

    /// The address clients connect to. Nobody listens there if the server is
    /// [unbound](super::Builder::unbound).
    pub fn address(&self) -> SocketAddr {
        self.node(|node| node.address)
    }

    /// `nats://host:port`, without credentials.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme(), self.address())
    }

    /// What its URLs begin with.
    fn scheme(&self) -> &'static str {
        let needs_tls = self.look_at_spec(|spec| spec.tls.is_some() && !spec.allow_non_tls);
        if needs_tls { "tls" } else { "nats" }
    }

    /// `ws://host:port`, or `wss://host:port` where TLS is required, without credentials, if the server
    /// takes clients over WebSocket.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().websocket().start_blocking()?;
    /// assert!(nats.first_server().websocket_url().unwrap().starts_with("ws://127.0.0.1:"));
    /// # Ok::<(), nats_mock::StartError>(())
    /// ```
    #[cfg(feature = "websocket")]
    pub fn websocket_url(&self) -> Option<String> {
        let address = self.node(|node| node.websocket)?;
        let scheme = self.look_at_spec(|spec| Some(spec.websocket.as_ref()?.scheme()));
        Some(format!("{}://{address}", scheme?))
    }

    /// The URL by which a configured user connects.
    ///
    /// It holds the user's credentials, and leads to a port of its own where they may be left out:
    /// some client libraries, async-nats among them, do not send the credentials of a URL.
    ///
    /// # Panics
    ///
    /// When there is no such user, no port is to be had, or the server is unbound.
    pub fn url_for(&self, user: &str) -> String {
        let password = self
            .password_of(user)
            .unwrap_or_else(|| panic!("no user {user:?} is configured"));
        let address = self
            .user_port(user)
            .unwrap_or_else(|error| panic!("no port for user {user:?}: {error}"));
        let (scheme, user) = (self.scheme(), in_url(user));
        if password.starts_with("$2") {
            // A hash is not what the user would give; the port needs no password.
            return format!("{scheme}://{user}@{address}");
        }
        format!("{scheme}://{user}:{}@{address}", in_url(&password))
    }

    /// The URL with the credentials of the first user of the system account.
    ///
    /// # Panics
    ///
    /// When the system account has no user.
    pub fn system_url(&self) -> String {
        let user = self
            .look_at_spec(|spec| match &spec.system_account {
                SystemAccount::Named(system) => spec
                    .accounts
                    .iter()
                    .find(|account| account.name == *system)
                    .and_then(|account| account.users.first())
                    .map(|user| user.user.clone()),
                _ => None,
            })
            .unwrap_or_else(|| panic!("the system account has no user"));
        self.url_for(&user)
    }

    /// Connects a client without a socket and logs it in as a configured user.
    ///
    /// # Errors
    ///
    /// When the user is not configured, or the server refuses the connection.
    pub fn client(&self, user: &str) -> Result<Client, ClientError> {
        self.connect_from("127.0.0.1", user, Duration::ZERO)
            .and_then(Client::connect)
    }

    /// A connection in memory for a user, from a host, as if it had been there for a while.
    pub(super) fn connect_from(
        &self,
        host: &str,
        user: &str,
        uptime: Duration,
    ) -> Result<MemoryConnection, ClientError> {
        if self.password_of(user).is_none() {
            return Err(ClientError::UnknownUser {
                user: user.to_owned(),
            });
        }
        let from = Origin {
            host,
            user: Some(user),
            uptime,
            at_leaf_port: false,
        };
        Ok(MemoryConnection::open(
            &self.nats.hub,
            self.current(),
            &from,
        )?)
    }

    /// Opens a connection without a socket. It starts as a TCP connection does, with INFO from the
    /// server; a client library that takes a stream can be given it.
    ///
    /// # Errors
    ///
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when the server takes no connections.
    pub fn connect_in_memory(&self) -> io::Result<MemoryConnection> {
        MemoryConnection::open(&self.nats.hub, self.current(), &Origin::default())
    }

    /// Opens a connection without a socket to the port for leaf nodes, as a client does that was given the
    /// wrong one: it is thrown out.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().name("hub").leaf("edge", 1, "hub").start_blocking()?;
    /// let mut lost = nats.server("hub").connect_to_leaf_port()?;
    /// lost.send(b"CONNECT {\"user\":\"edge-USERS\",\"pass\":\"leaf\",\"lang\":\"rust\"}\r\n")?;
    /// let received = String::from_utf8(lost.take_received().unwrap())?;
    /// assert!(received.ends_with("-ERR 'attempted to connect to leaf node port'\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when the server does not listen for leaf
    /// nodes.
    pub fn connect_to_leaf_port(&self) -> io::Result<MemoryConnection> {
        let from = Origin {
            at_leaf_port: true,
            ..Origin::default()
        };
        MemoryConnection::open(&self.nats.hub, self.current(), &from)
    }

    /// The specification in force, to be changed and given to [`reload`](Self::reload).
    pub fn spec(&self) -> ServerSpec {
        self.look_at_spec(Clone::clone)
    }

    /// Applies a changed configuration to the running server, as a reload of nats-server does.
    ///
    /// # Errors
    ///
    /// When it holds a change that a running server does not take; nothing is applied then.
    pub fn reload(&self, mut spec: ServerSpec) -> Result<(), ReloadError> {
        let id = self.current();
        let hub = &self.nats.hub;
        if let Some(operator) = &mut spec.operator {
            operator.read_jwts_again();
        }
        hub.input(|state, now| state.deployment.reload(now, id, spec))
    }

    /// Puts the server into lame duck mode: it takes no more connections, asks its clients to
    /// leave, closes those that stay after the grace period, and stops.
    pub fn lame_duck(&self) {
        let id = self.current();
        let hub = &self.nats.hub;
        hub.input(|state, now| state.deployment.begin_lame_duck(now, id));
    }

    /// Stops the server as SIGTERM stops nats-server: it says so on the system account and cuts its
    /// clients off.
    pub fn stop(&self) {
        let id = self.current();
        let hub = &self.nats.hub;
        hub.input(|state, now| state.deployment.begin_shutdown(now, id));
    }

    /// Stops the server as SIGKILL stops nats-server: nobody is told. Others see its connections
    /// end, and remember it until it has been silent for two and a half minutes.
    pub fn crash(&self) {
        let id = self.current();
        let hub = &self.nats.hub;
        hub.input(|state, now| state.deployment.crash(now, id));
    }

    /// Sets the server's clock ahead of the deployment's, at once and until it is set again: whatever it
    /// prints from now on, in events and answers, is so much later. What it has noted before stays, and
    /// so do uptimes and timers, which follow a clock that cannot be set. Zero sets it right. A server that
    /// is started again still has it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::events::Connect;
    ///
    /// let nats = MockNats::builder().cluster("east", 2).start_blocking()?;
    /// nats.server("east-1").set_clock_ahead(Duration::from_secs(3600));
    /// let (_first, _second) = (nats.server("east-1").client("a")?, nats.server("east-2").client("a")?);
    ///
    /// let fast = nats.wait_next_event::<Connect>(Duration::from_secs(5))?;
    /// let right = nats.wait_next_event::<Connect>(Duration::from_secs(5))?;
    /// assert!(fast.server.time.unix_nanos() > right.server.time.unix_nanos());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_clock_ahead(&self, by: Duration) {
        self.set_clock(by, true);
    }

    /// As [`set_clock_ahead`](Self::set_clock_ahead), behind the deployment's.
    pub fn set_clock_behind(&self, by: Duration) {
        self.set_clock(by, false);
    }

    fn set_clock(&self, by: Duration, ahead: bool) {
        let id = self.current();
        self.nats.hub.input(|state, now| {
            state
                .deployment
                .change(|core| core.set_wall_clock(now, id, by, ahead));
        });
    }

    /// Lets the server stand still, as SIGSTOP does: its connections stay, and nothing comes of what is
    /// sent to it until it is [thawed](Self::thaw). Nobody can send it more than a socket takes: then
    /// writing blocks, and a [`Client`] has [`WouldBlock`](io::ErrorKind::WouldBlock) for an error.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
    /// let mut ops = nats.client("admin")?;
    /// let ping = |ops: &mut nats_mock::Client| ops.request("$SYS.REQ.SERVER.PING.IDZ", "");
    ///
    /// nats.server("east-2").freeze();
    /// let mut answers = ping(&mut ops)?;
    /// assert_eq!(std::iter::from_fn(|| answers.try_next()).count(), 2);
    ///
    /// nats.server("east-2").thaw();
    /// assert!(answers.try_next().unwrap().text().contains("east-2"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn freeze(&self) {
        let id = self.current();
        let hub = &self.nats.hub;
        hub.input(|state, now| state.deployment.change(|core| core.freeze(now, id)));
    }

    /// Lets a [frozen](Self::freeze) server go on.
    pub fn thaw(&self) {
        let id = self.current();
        let hub = &self.nats.hub;
        hub.input(|state, now| state.deployment.change(|core| core.thaw(now, id)));
    }

    fn is_frozen(&self) -> bool {
        let id = self.current();
        let hub = &self.nats.hub;
        hub.look(|deployment| deployment.core().is_frozen(id))
    }

    /// Whether the server has stopped, in whatever way.
    pub fn is_stopped(&self) -> bool {
        let id = self.current();
        self.nats.hub.look(|deployment| deployment.is_stopped(id))
    }

    /// Waits until the server has stopped, in whatever way.
    pub async fn stopped(&self) {
        poll_fn(|context| {
            let id = self.current();
            let is_stopped = |deployment: &Deployment| deployment.is_stopped(id);
            if self.nats.hub.poll_until(context.waker(), is_stopped) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Starts the server again, under the same name and address and with another id. If it is still
    /// running, it is stopped first; one that stands still is killed.
    ///
    /// A server whose resolver asks a web server asks it now, and this waits for the answer: the web server must not
    /// need this thread.
    ///
    /// # Errors
    ///
    /// When its address cannot be listened on, or [`StartError::Accounts`] when its account server is not there.
    pub fn restart(&self) -> Result<(), StartError> {
        self.restart_with(|_| {})
    }

    /// As [`restart`](Self::restart), as another release.
    ///
    /// ```
    /// use nats_mock::{MockNats, Version};
    ///
    /// let nats = MockNats::builder().version(Version::V2_11).cluster("east", 3).start_blocking()?;
    /// for server in nats.servers() {
    ///     server.upgrade(Version::V2_12)?;
    /// }
    /// let info = nats.client("a")?.info().clone();
    /// assert_eq!(info.version, "2.12.8");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`restart`](Self::restart).
    pub fn upgrade(&self, version: Version) -> Result<(), StartError> {
        self.restart_with(|spec| spec.version = version)
    }

    /// As [`restart`](Self::restart), with a changed configuration. Its address stays.
    ///
    /// # Errors
    ///
    /// As for [`restart`](Self::restart).
    pub fn restart_with(&self, change: impl FnOnce(&mut ServerSpec)) -> Result<(), StartError> {
        if self.is_frozen() {
            self.crash();
        } else {
            self.stop();
        }
        let mut spec = self.spec();
        let (host, port, websocket) = (spec.host.clone(), spec.port, spec.websocket.clone());
        change(&mut spec);
        (spec.host, spec.port) = (host, port);
        if let (Some(new), Some(old)) = (&mut spec.websocket, websocket) {
            (new.host, new.port) = (old.host, old.port);
        }
        let (configuration, unbound) = self.node(|node| (node.configuration.clone(), node.unbound));
        account_servers::ask_for(&mut spec)?;
        let previous = self.current();
        let id = self.nats.hub.input(|state, now| {
            let deployment = &mut state.deployment;
            deployment.start_again(now, previous, spec, configuration)
        });
        self.node(|node| node.id = id);
        if unbound {
            return Ok(());
        }
        self.listen_again()
    }

    fn look_at_spec<T>(&self, look: impl FnOnce(&ServerSpec) -> T) -> T {
        let id = self.current();
        let hub = &self.nats.hub;
        hub.look(|deployment| look(&deployment.core().server(id).spec))
    }

    fn password_of(&self, user: &str) -> Option<String> {
        self.look_at_spec(|spec| {
            spec.users()
                .find(|(name, _)| *name == user)
                .map(|(_, password)| password.to_owned())
        })
    }
}
