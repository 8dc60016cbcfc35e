//! Choosing what to simulate.

use std::time::Duration;

use nats_mock_protocol::events::CloseReason;

/// A number of connections that are much alike, for [`MockNats::simulate`](crate::MockNats::simulate).
///
/// `{n}` in names, hosts, subjects and queue names stands for the number of the connection, from 0 on.
#[derive(Clone, Debug)]
#[must_use = "nobody connects before `MockNats::simulate`"]
pub struct Connections {
    pub(super) user: String,
    pub(super) count: usize,
    pub(super) name: String,
    pub(super) lang: String,
    pub(super) version: String,
    pub(super) host: String,
    /// Subjects, with queue names.
    pub(super) subscriptions: Vec<(String, Option<String>)>,
    pub(super) uptime: Duration,
    pub(super) idle: Duration,
    pub(super) rtt: Duration,
    /// Messages and bytes.
    pub(super) published: (u64, u64),
    pub(super) delivered: (u64, u64),
    pub(super) spread: f64,
    pub(super) closed: Option<CloseReason>,
}

impl Connections {
    /// One connection of a configured user.
    pub fn of(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            count: 1,
            name: String::new(),
            lang: String::new(),
            version: String::new(),
            host: "127.0.0.1".to_owned(),
            subscriptions: Vec::new(),
            uptime: Duration::ZERO,
            idle: Duration::ZERO,
            rtt: Duration::from_micros(500),
            published: (0, 0),
            delivered: (0, 0),
            spread: 0.0,
            closed: None,
        }
    }

    /// How many. Default: 1.
    pub fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// The name that the client gives itself. Default: none.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The language and version of the client library. Default: neither.
    pub fn language(mut self, lang: impl Into<String>, version: impl Into<String>) -> Self {
        self.lang = lang.into();
        self.version = version.into();
        self
    }

    /// The address that the connection comes from. Default: `127.0.0.1`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Subscribes to one more subject, which may have wildcards.
    pub fn subscribe(mut self, subject: impl Into<String>) -> Self {
        self.subscriptions.push((subject.into(), None));
        self
    }

    /// Subscribes to one more subject, as a member of a queue group.
    pub fn queue_subscribe(mut self, subject: impl Into<String>, queue: impl Into<String>) -> Self {
        let queue = Some(queue.into());
        self.subscriptions.push((subject.into(), queue));
        self
    }

    /// How long the connection has been there, as CONNZ shows it: its start is dated back, before the
    /// start of the server if need be. The events that it causes are of now. Default: zero.
    pub fn uptime(mut self, uptime: Duration) -> Self {
        self.uptime = uptime;
        self
    }

    /// The time since the connection was last active, at most its uptime. Default: zero.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// The round-trip time between server and client. Default: 500 µs.
    pub fn rtt(mut self, rtt: Duration) -> Self {
        self.rtt = rtt;
        self
    }

    /// Messages that the client has published, and their bytes in all: `in_msgs` and `in_bytes` of
    /// CONNZ. They count for the server and the account as well, and nobody gets them. Default: none.
    pub fn published(mut self, msgs: u64, bytes: u64) -> Self {
        self.published = (msgs, bytes);
        self
    }

    /// Messages that the client was sent, and their bytes in all: `out_msgs` and `out_bytes` of CONNZ.
    /// They count for the server and the account as well, and in equal parts for the subscriptions of
    /// the connection. Default: none.
    pub fn delivered(mut self, msgs: u64, bytes: u64) -> Self {
        self.delivered = (msgs, bytes);
        self
    }

    /// How different the connections are: with 0.2, the uptime, the idle time, the round-trip time and
    /// the traffic of each are between 80 % and 120 % of what was chosen. The seed of the deployment
    /// decides. Default: 0; it is at most 1.
    pub fn spread(mut self, spread: f64) -> Self {
        self.spread = spread;
        self
    }

    /// Closes each connection for a reason as soon as it stands, as
    /// [`SimulatedConnection::close`](super::SimulatedConnection::close) does.
    pub fn closed(mut self, reason: CloseReason) -> Self {
        self.closed = Some(reason);
        self
    }
}
