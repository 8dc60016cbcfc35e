//! A running deployment.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use super::account_servers;
use super::expected::Failure;
use super::plan::{self, Planned};
use super::ports::settle_ports;
use super::recorded::EventCursors;
use super::server::{Node, Server};
use super::{Builder, Client, ClientError, StartError};
use crate::Version;
use crate::core::{ReloadError, ServerId, Time};
use crate::net::{Clock, Hub, IoThread, Listener, MemoryConnection, Timekeeper, locked};
use crate::services::Deployment;
use crate::topology::{ServerSpec, Topology};

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
    pub(super) nodes: Arc<Mutex<Vec<Node>>>,
    /// Where `next_event` goes on, for each kind.
    pub(super) event_cursors: EventCursors,
    /// What was expected has been looked at.
    is_checked: bool,
    _timekeeper: Option<Timekeeper>,
}

pub(super) fn system_time(time: Time) -> SystemTime {
    let nanos = u64::try_from(time.unix_nanos()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)
}

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
        servers: Vec<Planned>,
        seed: u64,
        utc_offset: i32,
        clock: Clock,
        history: usize,
    ) -> Result<Self, StartError> {
        let io = IoThread::start().map_err(StartError::Thread)?;
        let mut topology = Topology {
            servers: Vec::with_capacity(servers.len()),
            seed,
            utc_offset,
        };
        let mut configurations = Vec::with_capacity(servers.len());
        let mut listeners = Vec::new();
        let mut nodes = Vec::with_capacity(servers.len());
        for (place, mut planned) in (0..).zip(servers) {
            let server = ServerId(place);
            let bound = planned.listen()?;
            listeners.extend(bound.into_iter().map(|(socket, way)| Listener {
                socket,
                server,
                stand_in: None,
                way,
            }));
            nodes.push(Node::new(&planned, server)?);
            topology.servers.push(planned.spec);
            configurations.push(planned.configuration);
        }
        let deployment = Deployment::new(&topology, configurations, clock.now(), history);
        for node in &mut nodes {
            node.name = deployment.core().server(node.id).name.to_string();
        }
        let hub = Hub::shared(deployment, clock);
        io.drive(Arc::clone(&hub));
        let timekeeper = Timekeeper::start(&hub);
        for listener in listeners {
            io.listen(listener);
        }
        Ok(Self {
            hub,
            io,
            nodes: Arc::new(Mutex::new(nodes)),
            event_cursors: EventCursors::default(),
            is_checked: false,
            _timekeeper: timekeeper,
        })
    }

    /// The servers, in the order in which they came. One that was restarted is still the same.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
    /// let names: Vec<_> = nats.servers().map(|server| server.name()).collect();
    /// assert_eq!(names, ["east-1", "east-2", "east-3"]);
    /// # Ok::<(), nats_mock::StartError>(())
    /// ```
    pub fn servers(&self) -> impl Iterator<Item = Server<'_>> {
        let count = locked(&self.nodes).len();
        (0..count).map(|place| Server::new(self, place))
    }

    /// The server called `name`, if there is one.
    pub fn find_server(&self, name: &str) -> Option<Server<'_>> {
        let place = locked(&self.nodes)
            .iter()
            .position(|node| node.name == name);
        place.map(|place| Server::new(self, place))
    }

    /// The server called `name`.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn server(&self, name: &str) -> Server<'_> {
        self.find_server(name)
            .unwrap_or_else(|| panic!("there is no server {name:?}"))
    }

    /// Adds a server that a configuration file describes to the running deployment. It joins the
    /// servers that its routes lead to.
    ///
    /// # Errors
    ///
    /// When nats-server would not start with the file, or its address cannot be listened on.
    pub fn add_conf(&self, path: impl AsRef<Path>) -> Result<Server<'_>, StartError> {
        self.add(Builder::from_conf(path)?)
    }

    /// As [`add_conf`](Self::add_conf), for a server of another release.
    ///
    /// # Errors
    ///
    /// As for [`add_conf`](Self::add_conf).
    pub fn add_conf_for(
        &self,
        path: impl AsRef<Path>,
        version: Version,
    ) -> Result<Server<'_>, StartError> {
        self.add(Builder::from_conf_for(path, version)?)
    }

    /// Adds a server to a running cluster: one like the first of it, with the next free name.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 2).start_blocking()?;
    /// let third = nats.add_server("east")?;
    /// assert_eq!(third.name(), "east-3");
    /// assert_eq!(third.client("a")?.info().connect_urls.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When there is no such cluster, or no port is to be had.
    pub fn add_server(&self, cluster: &str) -> Result<Server<'_>, StartError> {
        let of_cluster = |server: &Server<'_>| server.spec().cluster_name() == Some(cluster);
        let first = self.servers().find(of_cluster);
        let first = first.ok_or_else(|| StartError::NoSuchCluster {
            name: cluster.to_owned(),
        })?;
        let mut planned = first.planned();
        let free = (1..).map(|number| format!("{cluster}-{number}"));
        let mut free = free.skip_while(|name| self.find_server(name).is_some());
        planned.spec.name = free.next();
        plan::give_ports(&mut planned, self.servers().count());
        self.start_planned(planned)
    }

    /// Adds the server that a builder is about to the running deployment. It joins the servers that its
    /// routes lead to.
    ///
    /// # Errors
    ///
    /// When its address cannot be listened on.
    pub fn add(&self, server: Builder) -> Result<Server<'_>, StartError> {
        self.start_planned(server.into_first())
    }

    fn start_planned(&self, mut planned: Planned) -> Result<Server<'_>, StartError> {
        let known = self.servers().map(|server| server.spec());
        settle_ports(std::slice::from_mut(&mut planned), known);
        account_servers::ask_for(&mut planned.spec)?;
        let listeners = planned.listen()?;
        let mut node = Node::new(&planned, ServerId(0))?;
        let Planned {
            spec,
            configuration,
            ..
        } = planned;
        (node.id, node.name) = self.hub.input(|state, now| {
            let id = state.deployment.start_another(now, spec, configuration);
            (id, state.deployment.core().server(id).name.to_string())
        });
        for (socket, way) in listeners {
            self.io.listen(Listener {
                socket,
                server: node.id,
                stand_in: None,
                way,
            });
        }
        let mut nodes = locked(&self.nodes);
        nodes.push(node);
        Ok(Server::new(self, nodes.len() - 1))
    }

    /// The server that started first; where a method does not name a server, it is meant.
    pub fn first_server(&self) -> Server<'_> {
        Server::new(self, 0)
    }

    /// The address clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.first_server().address()
    }

    /// `nats://host:port`, without credentials.
    pub fn url(&self) -> String {
        self.first_server().url()
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
        self.first_server().url_for(user)
    }

    /// The URL with the credentials of the first user of the system account.
    ///
    /// # Panics
    ///
    /// When the system account has no user.
    pub fn system_url(&self) -> String {
        self.first_server().system_url()
    }

    /// The server's id, as it stands in the subjects of its events.
    pub fn server_id(&self) -> String {
        self.first_server().id()
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
        self.first_server().client(user)
    }

    /// Opens a connection without a socket. It starts as a TCP connection does, with INFO from the
    /// server; a client library that takes a stream can be given it.
    ///
    /// # Errors
    ///
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when the server takes no connections
    /// any more.
    pub fn connect_in_memory(&self) -> io::Result<MemoryConnection> {
        self.first_server().connect_in_memory()
    }

    /// Puts the server into lame duck mode: it takes no more connections, asks its clients to
    /// leave, closes those that stay after the grace period, and stops.
    pub fn lame_duck(&self) {
        self.first_server().lame_duck();
    }

    /// Applies a changed configuration to the running server, as a reload of nats-server does.
    ///
    /// # Errors
    ///
    /// When it holds a change that a running server does not take; nothing is applied then.
    pub fn reload(&self, server: ServerSpec) -> Result<(), ReloadError> {
        self.first_server().reload(server)
    }

    /// The specification in force, to be changed and given to [`reload`](Self::reload).
    pub fn server_spec(&self) -> ServerSpec {
        self.first_server().spec()
    }

    /// Moves a [manual clock](Builder::manual_clock) by `by`: what falls due on the way happens, in
    /// order, and everything it causes is on its way to the clients when this returns. With another
    /// clock it does nothing.
    ///
    /// A [`Client`] answers PING when it is used. One that is left alone while hours pass is cut off
    /// as stale, as any client would be.
    pub fn advance(&self, by: Duration) {
        if self.hub.clock.is_manual() {
            self.hub.advance_to(self.hub.clock.now() + by);
        }
    }

    /// How many JWTs of accounts are on their way from web servers: see
    /// [`AccountServer`](crate::topology::AccountServer).
    pub fn open_fetches(&self) -> usize {
        self.hub.fetcher.open()
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
        self.hub.look(Deployment::is_over)
    }

    /// Waits until the server has stopped.
    pub async fn stopped(&self) {
        poll_fn(|context| {
            if self.hub.poll_until(context.waker(), Deployment::is_over) {
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
        self.servers().for_each(|server| server.stop());
    }

    /// Stops the servers and everything that belongs to them, and tells whether all went as the test
    /// meant it.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::monitor::Connz;
    /// use nats_mock::protocol::sys::Endpoint;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let nats = MockNats::start().await?;
    /// nats.on(Endpoint::Varz).edit(|connz: &mut Connz| connz.total = 7).stay();
    /// nats.client("admin")?.request("$SYS.REQ.SERVER.PING.VARZ", "")?;
    /// let error = nats.finish().await.unwrap_err();
    /// assert!(error.to_string().contains("VARZ: edit: the answer does not fit the type of the edit"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When something that was [expected](crate::expected) has not come true, or something that was
    /// [armed](crate::programmed) could not do what it was to do.
    pub async fn finish(mut self) -> Result<(), Failure> {
        self.is_checked = true;
        match Failure::of_all(&self) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// As [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish).
    pub async fn shutdown(self) -> Result<(), Failure> {
        self.finish().await
    }
}

impl Drop for MockNats {
    /// Connections in memory have no socket that the end of the I/O thread would close.
    ///
    /// # Panics
    ///
    /// When [`finish`](MockNats::finish) would have given an error and was not called, unless the thread
    /// is panicking already.
    fn drop(&mut self) {
        let is_for_others = self.is_checked || std::thread::panicking();
        let failure = (!is_for_others).then(|| Failure::of_all(self));
        // The goodbye of a server that is alone is the last that its clients hear.
        if locked(&self.nodes).len() == 1 {
            self.stop();
        }
        self.hub.input(|state, _| state.deployment.end_all());
        if let Some(failure) = failure.flatten() {
            panic!("{failure}");
        }
    }
}
