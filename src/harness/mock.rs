//! A running deployment.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use super::recorded::EventCursors;
use super::{Builder, Client, ClientError, ShutdownError, StartError};
use crate::core::{ReloadError, ServerId, Time};
use crate::net::{Clock, Hub, IoThread, Listener, MemoryConnection, Origin, bind};
use crate::services::{Configuration, Deployment};
use crate::topology::{ServerSpec, SystemAccount, Topology};

/// A NATS deployment in this process, for as long as the value lives.
///
/// It runs on a thread of its own and works with every runtime, or without one. Dropping it
/// [stops](Self::stop) the server and closes its port.
///
/// ```
/// use nats_mock::MockNats;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let nats = MockNats::start().await?;
/// let mut ops = nats.client("admin")?;
/// let mut events = ops.subscribe("$SYS.ACCOUNT.USERS.CONNECT")?;
///
/// let _app = nats.client("a")?;
///
/// let event = events.next().await.ok_or("closed")?;
/// assert!(event.text().contains(r#""user":"a""#));
/// nats.shutdown().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MockNats {
    pub(super) hub: Arc<Hub>,
    pub(super) io: IoThread,
    address: SocketAddr,
    /// Addresses at which a user needs no credentials.
    user_ports: Mutex<BTreeMap<String, SocketAddr>>,
    /// Where `next_event` goes on, for each kind.
    pub(super) event_cursors: EventCursors,
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

pub(super) fn system_time(time: Time) -> SystemTime {
    let nanos = u64::try_from(time.unix_nanos()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)
}

/// The only server there is so far.
pub(super) const SERVER: ServerId = ServerId(0);

impl MockNats {
    /// Starts the embedded default deployment on an ephemeral port: account `USERS` with user `a`
    /// (password `a`) and system account `SYS` with user `admin` (password `changeit`).
    ///
    /// # Errors
    ///
    /// When no port or thread is to be had.
    pub async fn start() -> Result<Self, StartError> {
        Builder::new().start().await
    }

    /// As [`start`](Self::start), for callers without a runtime.
    ///
    /// ```
    /// let nats = nats_mock::MockNats::start_blocking()?;
    /// let mut client = nats.client("a")?;
    /// let mut answers = client.subscribe("greet.*")?;
    /// client.publish("greet.joe", "hello")?;
    /// assert_eq!(answers.try_next().unwrap().payload, "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_blocking() -> Result<Self, StartError> {
        Builder::new().start_blocking()
    }

    /// Starts the server that a configuration file of nats-server describes. Where it does not say,
    /// the server listens on an ephemeral port of `127.0.0.1`.
    ///
    /// # Errors
    ///
    /// When nats-server would not start with the file, when it asks for something that is not
    /// simulated, or when the address is taken.
    pub async fn from_conf(path: impl AsRef<Path>) -> Result<Self, StartError> {
        Builder::from_conf(path)?.start().await
    }

    /// As [`from_conf`](Self::from_conf), for a configuration at hand.
    ///
    /// # Errors
    ///
    /// As for [`from_conf`](Self::from_conf).
    pub async fn from_conf_str(text: &str) -> Result<Self, StartError> {
        Builder::from_conf_str(text)?.start().await
    }

    /// Chooses what to start.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) fn launch(
        mut topology: Topology,
        configuration: Configuration,
        address: SocketAddr,
        clock: Clock,
        history: usize,
    ) -> Result<Self, StartError> {
        let io = IoThread::start().map_err(StartError::Thread)?;
        let listener = bind(address).map_err(|source| StartError::Listen { address, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| StartError::Listen { address, source })?;
        for server in &mut topology.servers {
            server.port = address.port();
        }
        let deployment = Deployment::new(&topology, configuration, clock.now(), history);
        let hub = Arc::new(Hub::new(deployment, clock));
        io.drive(Arc::clone(&hub));
        io.listen(Listener {
            socket: listener,
            server: SERVER,
            stand_in: None,
        });
        Ok(Self {
            hub,
            io,
            address,
            user_ports: Mutex::default(),
            event_cursors: EventCursors::default(),
        })
    }

    /// The address clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `nats://host:port`, without credentials.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// The URL by which a configured user connects.
    ///
    /// It holds the user's credentials, and leads to a port of its own where they may be left out:
    /// some client libraries, async-nats among them, do not send the credentials of a URL.
    ///
    /// # Panics
    ///
    /// When there is no such user, or no port is to be had.
    pub fn url_for(&self, user: &str) -> String {
        let password = self
            .password_of(user)
            .unwrap_or_else(|| panic!("no user {user:?} is configured"));
        let address = self
            .user_port(user)
            .unwrap_or_else(|error| panic!("no port for user {user:?}: {error}"));
        let user = in_url(user);
        if password.starts_with("$2") {
            // A hash is not what the user would give; the port needs no password.
            return format!("nats://{user}@{address}");
        }
        format!("nats://{user}:{}@{address}", in_url(&password))
    }

    fn user_port(&self, user: &str) -> io::Result<SocketAddr> {
        let mut ports = self
            .user_ports
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = ports.get(user) {
            return Ok(*address);
        }
        let socket = bind(SocketAddr::new(self.address.ip(), 0))?;
        let address = socket.local_addr()?;
        self.io.listen(Listener {
            socket,
            server: SERVER,
            stand_in: Some(user.into()),
        });
        ports.insert(user.to_owned(), address);
        Ok(address)
    }

    /// The URL with the credentials of the first user of the system account.
    ///
    /// # Panics
    ///
    /// When the system account has no user.
    pub fn system_url(&self) -> String {
        let user = self
            .spec(|spec| match &spec.system_account {
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

    /// The server's id, as it stands in the subjects of its events.
    pub fn server_id(&self) -> String {
        self.hub
            .look(|deployment| deployment.core().server(SERVER).id.to_string())
    }

    /// The seed of all randomness.
    pub fn seed(&self) -> u64 {
        self.hub.look(|deployment| deployment.core().seed())
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
        };
        Ok(MemoryConnection::open(&self.hub, SERVER, &from)?)
    }

    /// Opens a connection without a socket. It starts as a TCP connection does, with INFO from the
    /// server; a client library that takes a stream can be given it.
    ///
    /// # Errors
    ///
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when the server takes no connections
    /// any more.
    pub fn connect_in_memory(&self) -> io::Result<MemoryConnection> {
        MemoryConnection::open(&self.hub, SERVER, &Origin::default())
    }

    /// Puts the server into lame duck mode: it takes no more connections, asks its clients to
    /// leave, closes those that stay after the grace period, and stops.
    pub fn lame_duck(&self) {
        self.hub
            .input(|state, now| state.deployment.begin_lame_duck(now, SERVER));
    }

    /// Applies a changed configuration to the running server, as a reload of nats-server does.
    ///
    /// # Errors
    ///
    /// When it holds a change that a running server does not take; nothing is applied then.
    pub fn reload(&self, server: ServerSpec) -> Result<(), ReloadError> {
        self.hub
            .input(|state, now| state.deployment.reload(now, SERVER, server))
    }

    /// The specification in force, to be changed and given to [`reload`](Self::reload).
    pub fn server_spec(&self) -> ServerSpec {
        self.spec(Clone::clone)
    }

    /// Moves a [manual clock](Builder::manual_clock) by `by`: what falls due on the way happens, in
    /// order, and everything it causes is on its way to the clients when this returns. With the
    /// system's clock it does nothing.
    ///
    /// A [`Client`] answers PING when it is used. One that is left alone while hours pass is cut off
    /// as stale, as any client would be.
    pub fn advance(&self, by: Duration) {
        if self.hub.clock.is_manual() {
            self.hub.advance_to(self.hub.clock.now() + by);
        }
    }

    /// The time as the server sees it.
    pub fn now(&self) -> SystemTime {
        system_time(self.hub.clock.now())
    }

    /// When the next timer is due.
    pub fn next_deadline(&self) -> Option<SystemTime> {
        self.hub.look(Deployment::next_deadline).map(system_time)
    }

    /// Moves a manual clock to the next thing that is due. Tells whether there was one.
    pub fn advance_to_next(&self) -> bool {
        let next = self.hub.look(Deployment::next_deadline);
        match next {
            Some(due) if self.hub.clock.is_manual() => {
                self.hub.advance_to(due);
                true
            }
            _ => false,
        }
    }

    /// Whether the server has stopped, by [`stop`](Self::stop) or at the end of lame duck mode.
    pub fn is_stopped(&self) -> bool {
        self.hub.look(|deployment| deployment.is_stopped(SERVER))
    }

    /// Waits until the server has stopped.
    pub async fn stopped(&self) {
        poll_fn(|context| {
            if self
                .hub
                .poll_until(context.waker(), |deployment| deployment.is_stopped(SERVER))
            {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Stops the server as SIGTERM stops nats-server: it says so on the system account and cuts its
    /// clients off.
    pub fn stop(&self) {
        self.hub
            .input(|state, now| state.deployment.begin_shutdown(now, SERVER));
    }

    /// Stops the server and everything that belongs to it.
    ///
    /// # Errors
    ///
    /// None so far; what a test expected and did not get will be reported here.
    pub async fn shutdown(self) -> Result<(), ShutdownError> {
        drop(self);
        Ok(())
    }

    fn spec<T>(&self, read: impl FnOnce(&ServerSpec) -> T) -> T {
        self.hub
            .look(|deployment| read(&deployment.core().server(SERVER).spec))
    }

    fn password_of(&self, user: &str) -> Option<String> {
        self.spec(|spec| {
            spec.users()
                .find(|(name, _)| *name == user)
                .map(|(_, password)| password.to_owned())
        })
    }
}

impl Drop for MockNats {
    /// Connections in memory have no socket that the end of the I/O thread would close.
    fn drop(&mut self) {
        self.stop();
    }
}
