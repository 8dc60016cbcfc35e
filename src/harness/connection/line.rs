//! Lines to clients: which are meant, and what becomes of them.

use std::fmt;
use std::time::Duration;

use nats_mock_protocol::events::CloseReason;
use nats_mock_protocol::subject;
use nats_mock_protocol::wire::ServerOp;

use crate::core::{Conn, Ending, Server};
use crate::faults::{About, LineEffect, LineMatcher, LineRule};
use crate::harness::programmed::sealed;
use crate::programmed::{Armed, On};

/// Marks an [`On`] that is about lines to clients.
#[derive(Debug)]
pub enum Lines {}

/// What servers send to clients, line by line. A message is one line with its headers and its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Line {
    /// INFO: the greeting, and what follows when something has changed.
    Info,
    /// MSG and HMSG.
    Msg,
    /// PING.
    Ping,
    /// PONG.
    Pong,
    /// `+OK`.
    Ok,
    /// `-ERR`.
    Err,
    /// Whatever it is.
    Any,
}

/// Lines to clients, for [`MockNats::on`](crate::MockNats::on).
#[derive(Clone, Copy, Debug)]
pub struct Spoken(Line);

/// Lines that servers send to clients, for [`MockNats::on`](crate::MockNats::on).
///
/// A rule looks at a line at the moment at which the server sends it, and at each by itself: when it is
/// read, and in which pieces, makes no difference. What was sent before the rule was armed is not changed.
///
/// ```
/// use nats_mock::MockNats;
/// use nats_mock::connection::{Line, line};
///
/// let nats = MockNats::start_blocking()?;
/// let mut app = nats.client("a")?;
/// let mut orders = app.subscribe("orders.*")?;
///
/// let lost = nats.on(line(Line::Msg)).to_user("a").subject("orders.>").nth(2).silence();
/// for number in ["1", "2", "3"] {
///     app.publish("orders.new", number)?;
/// }
/// let arrived: Vec<_> = std::iter::from_fn(|| orders.try_next()).map(|order| order.text()).collect();
/// assert_eq!(arrived, ["1", "3"]);
/// assert_eq!(lost.hits(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn line(kind: Line) -> Spoken {
    Spoken(kind)
}

impl Line {
    fn is(self, op: &ServerOp<'_>) -> bool {
        match self {
            Self::Info => matches!(op, ServerOp::Info(_)),
            Self::Msg => matches!(op, ServerOp::Msg(_)),
            Self::Ping => matches!(op, ServerOp::Ping),
            Self::Pong => matches!(op, ServerOp::Pong),
            Self::Ok => matches!(op, ServerOp::Ok),
            Self::Err => matches!(op, ServerOp::Err(_)),
            Self::Any => true,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "INFO",
            Self::Msg => "MSG",
            Self::Ping => "PING",
            Self::Pong => "PONG",
            Self::Ok => "+OK",
            Self::Err => "-ERR",
            Self::Any => "any line",
        })
    }
}

impl sealed::Side for Lines {
    type Matcher = LineMatcher;

    fn at(servers: sealed::Servers) -> LineMatcher {
        LineMatcher::of_conn(move |core, conn| servers.has(core.server(conn.server)))
    }
}

impl sealed::Said for Spoken {
    type Side = Lines;

    fn meant(self) -> (String, LineMatcher) {
        let Self(kind) = self;
        (
            kind.to_string(),
            LineMatcher::of_line(move |line| kind.is(&line.op)),
        )
    }
}

impl On<Lines> {
    /// Only what the server of this name or id sends. If said again, what any of them sends.
    pub fn from(self, server: impl Into<String>) -> Self {
        self.at_server(server)
    }

    /// Only what servers of this cluster send.
    pub fn from_cluster(self, name: impl Into<String>) -> Self {
        self.at_cluster("from", name)
    }

    /// Only to clients that have logged in as this user.
    pub fn to_user(self, user: impl Into<String>) -> Self {
        let user = user.into();
        let text = format!("to {user}");
        self.to(&text, move |server, conn| {
            server.user_of(conn) == Some(&user)
        })
    }

    /// Only to clients that are bound to this account.
    pub fn to_account(self, account: impl Into<String>) -> Self {
        let account = account.into();
        let text = format!("to account {account}");
        let is_bound =
            LineMatcher::of_conn(move |core, conn| *core.account(conn.account).name == *account);
        self.narrowed(&text, is_bound)
    }

    /// Only to clients that give themselves this name.
    pub fn to_client(self, name: impl Into<String>) -> Self {
        let name = name.into();
        let text = format!("to client {name:?}");
        self.to(&text, move |_, conn| conn.options.name == name)
    }

    fn to(self, text: &str, is: impl Fn(&Server, &Conn) -> bool + Send + 'static) -> Self {
        let matcher = LineMatcher::of_conn(move |core, conn| is(core.server(conn.server), conn));
        self.narrowed(text, matcher)
    }

    /// Only messages whose subject matches this one.
    pub fn subject(self, pattern: impl Into<String>) -> Self {
        let pattern = pattern.into();
        let text = format!("of {pattern}");
        self.narrowed(
            &text,
            LineMatcher::of_line(move |line| match line.op {
                ServerOp::Msg(message) => subject::matches(pattern.as_bytes(), message.subject),
                _ => false,
            }),
        )
    }

    /// Only lines of which this is true.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::{Line, line};
    /// use nats_mock::protocol::wire::ServerOp;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let long = |line: &ServerOp| matches!(line, ServerOp::Msg(message) if message.payload.len() > 2);
    /// let armed = nats.on(line(Line::Msg)).when(long).silence();
    /// let mut app = nats.client("a")?;
    /// let mut heard = app.subscribe("x")?;
    /// app.publish("x", "long")?;
    /// app.publish("x", "ok")?;
    /// assert_eq!((heard.try_next().unwrap().text().as_str(), armed.hits()), ("ok", 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn when(self, mut is: impl FnMut(&ServerOp<'_>) -> bool + Send + 'static) -> Self {
        self.with(LineMatcher::of_line(move |line| is(&line.op)))
    }

    /// It is not sent.
    pub fn silence(self) -> Armed {
        self.arm_line(LineEffect::Silence)
    }

    /// One byte of it, drawn from the deployment's seed, is another: of the line, its end, or the payload.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::{Line, line};
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let corrupted = nats.on(line(Line::Pong)).corrupt();
    /// let mut app = nats.connect_in_memory()?;
    /// app.take_received();
    /// app.send(b"CONNECT {\"user\":\"a\",\"pass\":\"a\",\"verbose\":false}\r\nPING\r\n")?;
    /// let pong = app.take_received().unwrap();
    /// assert_eq!(pong.iter().zip(b"PONG\r\n").filter(|(a, b)| a != b).count(), 1);
    /// assert_eq!(corrupted.hits(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn corrupt(self) -> Armed {
        self.arm_line(LineEffect::Corrupt)
    }

    /// Only its first bytes are sent; then the connection ends, for both sides as if the other had closed it.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::{Line, line};
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _armed = nats.on(line(Line::Info)).truncate(7);
    /// let mut app = nats.connect_in_memory()?;
    /// assert_eq!(app.take_received().as_deref(), Some(&b"INFO {\""[..]));
    /// assert_eq!(app.take_received(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn truncate(self, len: usize) -> Armed {
        self.arm_line(LineEffect::Truncate(len))
    }

    /// These bytes are sent instead.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::{Line, line};
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let mut app = nats.client("a")?;
    /// let _heard = app.subscribe("x")?;
    /// let _armed = nats.on(line(Line::Msg)).replace_raw("MSG x 1 18446744073709551615\r\n");
    /// assert!(app.publish("x", "hi").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replace_raw(self, bytes: impl Into<Vec<u8>>) -> Armed {
        let bytes = bytes.into();
        self.edit_bytes(move |line| line.clone_from(&bytes))
    }

    /// Its bytes are changed, line end and payload included.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::{Line, line};
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _armed = nats.on(line(Line::Msg)).edit_bytes(|line| line.make_ascii_uppercase());
    /// let mut app = nats.client("a")?;
    /// let mut heard = app.subscribe("x")?;
    /// app.publish("x", "hi")?;
    /// assert_eq!(heard.try_next().unwrap().text(), "HI");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn edit_bytes(self, mut edit: impl FnMut(&mut Vec<u8>) + Send + 'static) -> Armed {
        self.arm_line(LineEffect::Edit(Box::new(move |line| {
            edit(line);
            Ok(())
        })))
    }

    /// It is sent so many times more. A client to which more is to be sent than may wait is cut off as a slow
    /// consumer.
    pub fn duplicate(self, more: usize) -> Armed {
        self.arm_line(LineEffect::Repeat(more))
    }

    /// It is sent so much later, by the deployment's clock. The order of the connection stays: what comes
    /// behind it waits as well, its end included.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::{Line, line};
    ///
    /// let nats = MockNats::builder().manual_clock(SystemTime::UNIX_EPOCH).start_blocking()?;
    /// let mut app = nats.client("a")?;
    /// let mut heard = app.subscribe("x")?;
    /// let _late = nats.on(line(Line::Msg)).times(1).delay(Duration::from_secs(5));
    /// app.publish("x", "1")?;
    /// app.publish("x", "2")?;
    /// assert!(heard.try_next().is_none());
    /// nats.advance(Duration::from_secs(5));
    /// assert_eq!(heard.try_next().unwrap().text(), "1");
    /// assert_eq!(heard.try_next().unwrap().text(), "2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delay(self, by: Duration) -> Armed {
        self.delay_between(by, by)
    }

    /// As [`delay`](Self::delay), by a time between these two that is drawn from the deployment's seed.
    pub fn delay_between(self, least: Duration, most: Duration) -> Armed {
        self.arm_line(LineEffect::Delay(least, most))
    }

    /// Instead of it the connection breaks: both sides find it reset.
    pub fn reset(self) -> Armed {
        self.arm_line(LineEffect::Reset)
    }

    /// Instead of it the connection ends, for both sides as if the other had closed it.
    pub fn close(self) -> Armed {
        self.close_with(CloseReason::ClientClosed)
    }

    /// Instead of it the server closes the connection for a reason, with what it says and tells then.
    pub fn close_with(self, reason: CloseReason) -> Armed {
        self.arm_line(LineEffect::End(Ending::from(reason)))
    }

    fn arm_line(self, effect: LineEffect) -> Armed {
        let does = format!("{effect:?}");
        self.arm_rule("from", &does, |matches| {
            About::Line(LineRule { matches, effect })
        })
    }
}
