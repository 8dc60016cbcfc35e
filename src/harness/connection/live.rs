//! The clients that are connected: choosing among them, and what is done to them at once.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use nats_mock_protocol::events::CloseReason;

use super::Stall;
use crate::MockNats;
use crate::core::{Conn, ConnId, Core, Ending, Server};
use crate::net::Hub;
use crate::services::Act;

/// Clients that are connected, for a test to act on; see [`MockNats::connections`].
///
/// Conditions add up. Those are meant that fit when something is done to them.
#[derive(Clone)]
#[must_use = "nothing happens to connections before it is said what"]
pub struct Connections {
    hub: Arc<Hub>,
    server: Option<String>,
    user: Option<String>,
    account: Option<String>,
    name: Option<String>,
    cid: Option<u64>,
}

/// A client's connection as it was when it was [looked up](Connections::list), and what can be done to it.
#[derive(Clone)]
pub struct Connection {
    hub: Arc<Hub>,
    id: ConnId,
    cid: u64,
    server: String,
    user: Option<String>,
    account: String,
    name: String,
    host: String,
    port: u16,
}

impl MockNats {
    /// The clients that are connected, over TCP or in memory, simulated ones included.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
    /// let _apps = [nats.server("east-1").client("a")?, nats.server("east-2").client("a")?];
    ///
    /// let live = nats.connections().in_account("USERS").list();
    /// let servers: Vec<_> = live.iter().map(|connection| connection.server()).collect();
    /// assert_eq!(servers, ["east-1", "east-2"]);
    ///
    /// assert_eq!(nats.connections().at("east-2").reset(), 1);
    /// assert_eq!(nats.connections().of_user("a").list().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connections(&self) -> Connections {
        Connections {
            hub: Arc::clone(&self.hub),
            server: None,
            user: None,
            account: None,
            name: None,
            cid: None,
        }
    }
}

impl Connections {
    /// Only those to the server of this name or id.
    pub fn at(mut self, server: impl Into<String>) -> Self {
        self.server = Some(server.into());
        self
    }

    /// Only those that have logged in as this user.
    pub fn of_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Only those that are bound to this account.
    pub fn in_account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Only those whose client gives itself this name.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only those with this client id, which is unique to a server.
    pub fn with_cid(mut self, cid: u64) -> Self {
        self.cid = Some(cid);
        self
    }

    /// Each of them as it is now: server by server in the order in which they came, and then in the order
    /// of the client ids.
    pub fn list(&self) -> Vec<Connection> {
        self.hub.look(|deployment| {
            let core = deployment.core();
            let ids = self.ids(core).into_iter();
            ids.filter_map(|id| Connection::of(&self.hub, core, id))
                .collect()
        })
    }

    /// The only one.
    ///
    /// # Panics
    ///
    /// When there is none, or more than one.
    pub fn one(&self) -> Connection {
        let mut all = self.list();
        match (all.pop(), all.len()) {
            (Some(one), 0) => one,
            (None, _) => panic!("{self:?}: there is no such connection"),
            (Some(_), others) => panic!("{self:?}: there are {} of them", others + 1),
        }
    }

    /// Breaks the connections: both sides find them reset. Gives how many there were.
    ///
    /// The server notes a read error, as a real one does.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let mut app = nats.connect_in_memory()?;
    /// assert_eq!(nats.connections().reset(), 1);
    /// assert!(app.take_received().unwrap().starts_with(b"INFO "));
    /// assert_eq!(app.take_received(), None);
    /// assert!(app.was_reset());
    /// # Ok::<(), std::boxed::Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset(&self) -> usize {
        self.act(&Act::Reset)
    }

    /// Has the servers close the connections for a reason, as if it had come about: with the `-ERR`, the
    /// counters and the events that a real server has for it. Gives how many there were.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::events::CloseReason;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let mut app = nats.client("a")?;
    /// nats.connections().of_user("a").close(CloseReason::StaleConnection);
    /// let error = app.publish("x", "").unwrap_err();
    /// assert_eq!(error.to_string(), "the server says: Stale Connection");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self, reason: CloseReason) -> usize {
        self.act(&Act::Close(reason.into()))
    }

    /// As [`close`](Self::close), with another text of `-ERR`: an account that has expired, say, and not the
    /// user, is `Account Authentication Expired`. Reasons for which a server does not send what is left have
    /// none.
    pub fn close_saying(&self, reason: CloseReason, text: impl Into<String>) -> usize {
        self.act(&saying(reason, text))
    }

    /// Ends what the servers send: the clients read to the end of the stream, and what they send is still
    /// read and handled. Gives how many connections there were.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let mut listener = nats.client("a")?;
    /// let mut heard = listener.subscribe("x")?;
    /// let mut half = nats.connect_in_memory()?;
    /// half.send(b"CONNECT {\"user\":\"a\",\"pass\":\"a\",\"name\":\"half\"}\r\n")?;
    ///
    /// nats.connections().named("half").half_close();
    /// assert!(half.take_received().is_some_and(|info| info.starts_with(b"INFO ")));
    /// assert_eq!(half.take_received(), None);
    /// half.send(b"PUB x 2\r\nhi\r\n")?;
    /// assert_eq!(heard.try_next().unwrap().text(), "hi");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn half_close(&self) -> usize {
        self.act(&Act::HalfClose)
    }

    /// Lets nothing of the connections pass in either direction, without a word, as when the network loses
    /// everything: until what this gives back is dropped, the servers do not get what the clients send, nor
    /// the end of a connection, and what the servers send waits.
    ///
    /// Time goes on: a server that gets no answers to its PINGs gives a connection up as stale, and one to
    /// which more is to be sent than may wait is a slow consumer. The client hears of it afterwards.
    ///
    /// Nobody can send more than a socket takes: then writing blocks, and a [`Client`](crate::Client) has
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) for an error.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let mut app = nats.client("a")?;
    /// let mut heard = app.subscribe("x")?;
    ///
    /// let stall = nats.connections().of_user("a").stall();
    /// app.publish("x", "hi")?;
    /// assert!(heard.try_next().is_none());
    /// stall.end();
    /// assert_eq!(heard.try_next().unwrap().text(), "hi");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stall(&self) -> Stall {
        let ids = self.hub.look(|deployment| self.ids(deployment.core()));
        Stall::of(&self.hub, ids)
    }

    /// Sends bytes as they are, behind the line that was sent last. Gives how many connections there were.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let mut app = nats.client("a")?;
    /// nats.connections().of_user("a").send_raw("MSG a 1 18446744073709551615\r\n");
    /// assert!(app.publish("x", "").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_raw(&self, bytes: impl AsRef<[u8]>) -> usize {
        self.act(&raw(bytes))
    }

    fn act(&self, act: &Act) -> usize {
        self.hub.input(|state, now| {
            let mut ids = self.ids(state.deployment.core());
            state.deployment.act(now, act, &mut ids);
            ids.len()
        })
    }

    fn ids(&self, core: &Core) -> Vec<ConnId> {
        let mut ids = Vec::new();
        for (_, server) in core.servers() {
            let name = self.server.as_deref();
            if name.is_some_and(|name| *name != *server.name && *name != *server.id) {
                continue;
            }
            let clients = server.clients.values().copied();
            ids.extend(clients.filter(|&id| {
                core.conn(id)
                    .is_some_and(|conn| self.is_meant(core, server, conn))
            }));
        }
        ids
    }

    fn is_meant(&self, core: &Core, server: &Server, conn: &Conn) -> bool {
        let Self {
            user,
            account,
            name,
            cid,
            ..
        } = self;
        let account_name = || &*core.account(conn.account).name;
        let is_wanted =
            |wanted: &Option<String>, is: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(is);
        !conn.is_closing()
            && cid.is_none_or(|cid| cid == conn.cid)
            && is_wanted(name, &|wanted| wanted == conn.options.name)
            && is_wanted(account, &|wanted| wanted == account_name())
            && is_wanted(user, &|wanted| server.user_of(conn) == Some(wanted))
    }
}

impl Connection {
    fn of(hub: &Arc<Hub>, core: &Core, id: ConnId) -> Option<Self> {
        let conn = core.conn(id)?;
        let server = core.server(conn.server);
        Some(Self {
            hub: Arc::clone(hub),
            id,
            cid: conn.cid,
            server: server.name.to_string(),
            user: server.user_of(conn).map(str::to_owned),
            account: core.account(conn.account).name.to_string(),
            name: conn.options.name.clone(),
            host: conn.peer.host.to_string(),
            port: conn.peer.port,
        })
    }

    /// The client's id, as INFO, CONNZ and events show it.
    pub fn cid(&self) -> u64 {
        self.cid
    }

    /// The name of the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The user that it has logged in as, if it has.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The account that it is bound to.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The name that the client gives itself; empty if it has none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address that it comes from.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that it comes from.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is still open.
    pub fn is_open(&self) -> bool {
        self.hub.look(|deployment| {
            let conn = deployment.core().conn(self.id);
            conn.is_some_and(|conn| !conn.is_closing())
        })
    }

    /// As [`Connections::reset`].
    pub fn reset(&self) {
        self.act(&Act::Reset);
    }

    /// As [`Connections::close`].
    pub fn close(&self, reason: CloseReason) {
        self.act(&Act::Close(reason.into()));
    }

    /// As [`Connections::close_saying`].
    pub fn close_saying(&self, reason: CloseReason, text: impl Into<String>) {
        self.act(&saying(reason, text));
    }

    /// As [`Connections::half_close`].
    pub fn half_close(&self) {
        self.act(&Act::HalfClose);
    }

    /// As [`Connections::stall`].
    pub fn stall(&self) -> Stall {
        Stall::of(&self.hub, [self.id])
    }

    /// As [`Connections::send_raw`].
    pub fn send_raw(&self, bytes: impl AsRef<[u8]>) {
        self.act(&raw(bytes));
    }

    fn act(&self, act: &Act) {
        self.hub
            .input(|state, now| state.deployment.act(now, act, &mut vec![self.id]));
    }
}

fn saying(reason: CloseReason, text: impl Into<String>) -> Act {
    Act::Close(Ending {
        reason,
        text: Some(text.into().into()),
    })
}

fn raw(bytes: impl AsRef<[u8]>) -> Act {
    Act::SendRaw(Bytes::copy_from_slice(bytes.as_ref()))
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Connections");
        let texts = [
            ("server", &self.server),
            ("user", &self.user),
            ("account", &self.account),
            ("name", &self.name),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                shown.field(field, text);
            }
        }
        if let Some(cid) = self.cid {
            shown.field("cid", &cid);
        }
        shown.finish()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.server)
            .field("cid", &self.cid)
            .field("user", &self.user)
            .field("account", &self.account)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
