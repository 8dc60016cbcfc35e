//! What is expected: kinds of things that clients do, and conditions.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use nats_mock_protocol::json::RequestOptions;
use nats_mock_protocol::subject;

use super::{Arrival, Published, Subscribed};
use crate::harness::programmed::sealed;
use crate::programmed::{Replies, Said};
use crate::recorded::Request;
use crate::services::{Condition, Seen, SeenKind};

/// Marks [`requests`].
#[derive(Debug)]
pub enum Requests {}

/// Marks [`messages`].
#[derive(Debug)]
pub enum Messages {}

/// Marks [`connections`].
#[derive(Debug)]
pub enum Connections {}

/// Marks [`subscriptions`].
#[derive(Debug)]
pub enum Subscriptions {}

/// Something that is expected, by [`MockNats::expect`](crate::MockNats::expect). Conditions add up.
#[must_use = "nothing is expected before MockNats::expect is told"]
pub struct Expected<Kind> {
    pub(super) kind: SeenKind,
    pub(super) conditions: Vec<Condition>,
    of: PhantomData<fn() -> Kind>,
}

/// Requests that reach the system services. One to all servers counts once for each of them, as
/// [`MockNats::requests`](crate::MockNats::requests) shows them.
pub fn requests() -> Expected<Requests> {
    Expected::new(SeenKind::Request)
}

/// Messages that clients publish to subjects which match this one, whether or not anybody gets them.
/// Requests to the system account are messages as well.
pub fn messages(subject: impl Into<String>) -> Expected<Messages> {
    let pattern = subject.into();
    Expected::new(SeenKind::Message).and(
        format!("to {pattern}"),
        move |seen| matches!(seen, Seen::Message(it) if matches(&pattern, &it.subject)),
    )
}

/// Clients and leaf nodes that log in.
pub fn connections() -> Expected<Connections> {
    Expected::new(SeenKind::Connection)
}

/// Subscriptions of clients to exactly this subject.
pub fn subscriptions(subject: impl Into<String>) -> Expected<Subscriptions> {
    let wanted = subject.into();
    Expected::new(SeenKind::Subscription).and(
        format!("to {wanted}"),
        move |seen| matches!(seen, Seen::Subscription(it) if *it.subject == *wanted),
    )
}

fn matches(pattern: &str, literal: &str) -> bool {
    subject::matches(pattern.as_bytes(), literal.as_bytes())
}

impl<Kind> Expected<Kind> {
    fn new(kind: SeenKind) -> Self {
        Self {
            kind,
            conditions: Vec::new(),
            of: PhantomData,
        }
    }

    fn and(
        mut self,
        text: impl Into<String>,
        is: impl FnMut(&Seen) -> bool + Send + 'static,
    ) -> Self {
        self.conditions.push(Condition {
            text: text.into(),
            is: Box::new(is),
        });
        self
    }

    /// At the server of this name or id.
    pub fn to(self, server: impl Into<String>) -> Self {
        let wanted = server.into();
        self.and(format!("at {wanted}"), move |seen| {
            let server = seen.server();
            *wanted == *server.name || *wanted == *server.id
        })
    }

    /// By a client that has logged in as this user.
    pub fn by_user(self, user: impl Into<String>) -> Self {
        let wanted = user.into();
        self.and(format!("by {wanted}"), move |seen| {
            seen.by().and_then(|by| by.user()) == Some(&wanted)
        })
    }

    /// By a client that is bound to this account.
    pub fn in_account(self, account: impl Into<String>) -> Self {
        let wanted = account.into();
        self.and(format!("in account {wanted}"), move |seen| {
            seen.by().is_some_and(|by| by.account() == wanted)
        })
    }

    /// By a client that gives itself this name.
    pub fn by_client(self, name: impl Into<String>) -> Self {
        let wanted = name.into();
        self.and(format!("by client {wanted:?}"), move |seen| {
            seen.by().is_some_and(|by| by.name() == wanted)
        })
    }
}

impl Expected<Requests> {
    /// To an endpoint, as [`Endpoint::Varz`](crate::protocol::sys::Endpoint::Varz), or to subjects that
    /// match a text.
    pub fn endpoint<S>(self, endpoint: S) -> Self
    where
        S: Said + sealed::Said<Side = Replies> + sealed::Message,
    {
        let pattern = endpoint.pattern();
        self.and(
            format!("to {}", pattern.describe()),
            move |seen| matches!(seen, Seen::Request(it) if pattern.is_asked_by(&it.subject)),
        )
    }

    /// Of which this is true; the text says what, as in `"with a limit"`.
    pub fn when(
        self,
        text: impl Into<String>,
        mut is: impl FnMut(&Request) -> bool + Send + 'static,
    ) -> Self {
        self.and(
            text,
            move |seen| matches!(seen, Seen::Request(it) if is(&Request(Arc::clone(it)))),
        )
    }

    /// With options of which this is true.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::expected::requests;
    /// use nats_mock::protocol::monitor::ConnzOptions;
    /// use nats_mock::protocol::sys::Endpoint;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// nats.expect(
    ///     requests()
    ///         .endpoint(Endpoint::Connz)
    ///         .options("for ten at most", |connz: &ConnzOptions| connz.limit == 10),
    /// );
    /// nats.client("admin")?.request("$SYS.REQ.SERVER.PING.CONNZ", r#"{"limit":10}"#)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn options<T: RequestOptions>(
        self,
        text: impl Into<String>,
        mut is: impl FnMut(&T) -> bool + Send + 'static,
    ) -> Self {
        self.when(text, move |request| {
            request.options().is_ok_and(|options| is(&options))
        })
    }
}

impl Expected<Messages> {
    /// Of which this is true; the text says what, as in `"with a price"`.
    pub fn when(
        self,
        text: impl Into<String>,
        mut is: impl FnMut(&Published) -> bool + Send + 'static,
    ) -> Self {
        self.and(
            text,
            move |seen| matches!(seen, Seen::Message(it) if is(&Published(Arc::clone(it)))),
        )
    }
}

impl Expected<Connections> {
    /// Of which this is true; the text says what, as in `"with the new library"`.
    pub fn when(
        self,
        text: impl Into<String>,
        mut is: impl FnMut(&Arrival) -> bool + Send + 'static,
    ) -> Self {
        self.and(
            text,
            move |seen| matches!(seen, Seen::Connection(it) if is(&Arrival(Arc::clone(it)))),
        )
    }
}

impl Expected<Subscriptions> {
    /// In this queue group.
    pub fn in_queue_group(self, name: impl Into<String>) -> Self {
        let wanted = name.into();
        self.when(format!("in queue group {wanted}"), move |subscribed| {
            subscribed.queue() == Some(&wanted)
        })
    }

    /// Of which this is true; the text says what, as in `"without a queue group"`.
    pub fn when(
        self,
        text: impl Into<String>,
        mut is: impl FnMut(&Subscribed) -> bool + Send + 'static,
    ) -> Self {
        self.and(
            text,
            move |seen| matches!(seen, Seen::Subscription(it) if is(&Subscribed(Arc::clone(it)))),
        )
    }
}

impl<Kind> fmt::Debug for Expected<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conditions = self.conditions.iter().map(|condition| &condition.text);
        f.debug_tuple("Expected")
            .field(&self.kind)
            .field(&conditions.collect::<Vec<_>>())
            .finish()
    }
}
