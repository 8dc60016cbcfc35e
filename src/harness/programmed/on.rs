//! What is to be changed, and under which conditions.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Armed;
use super::said::{Events, Pattern, Replies, Said, sealed};
use crate::MockNats;
use crate::faults::{Effect, Matcher, Occasion, Rule, Selection};
use crate::net::Hub;
use crate::recorded::{Event, Request};
use crate::services::{EventRecord, RequestRecord};

/// Something that servers say and a test changes, by [`MockNats::on`].
///
/// Conditions add up. `Side` is [`Replies`] or [`Events`].
#[must_use = "nothing is armed before it is said what happens"]
pub struct On<Side> {
    hub: Arc<Hub>,
    name: Option<String>,
    what: String,
    matches: Vec<Matcher>,
    servers: Vec<String>,
    selection: Selection,
    priority: i32,
    side: PhantomData<fn() -> Side>,
}

impl MockNats {
    /// Changes what servers say: the answers of an endpoint, as
    /// [`Endpoint::Connz`](crate::protocol::sys::Endpoint::Connz), or events, as
    /// [`EventKind::Connect`](crate::recorded::EventKind::Connect).
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::events::Disconnect;
    /// use nats_mock::recorded::EventKind;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let mut ops = nats.client("admin")?;
    /// let mut ends = ops.subscribe("$SYS.ACCOUNT.*.DISCONNECT")?;
    ///
    /// let edited = nats
    ///     .on(EventKind::Disconnect)
    ///     .account("USERS")
    ///     .edit(|event: &mut Disconnect| event.reason = "Gone Fishing".to_owned());
    /// drop(nats.client("a")?);
    /// assert!(ends.try_next().unwrap().text().contains("Gone Fishing"));
    /// assert_eq!(edited.hits(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on<S: Said>(&self, said: S) -> On<<S as sealed::Said>::Side> {
        self.on_pattern(said.pattern())
    }

    pub(in crate::harness) fn on_pattern<Side>(&self, pattern: Pattern) -> On<Side> {
        On {
            hub: Arc::clone(&self.hub),
            name: None,
            what: pattern.describe(),
            matches: vec![Box::new(move |occasion| pattern.is(occasion.message))],
            servers: Vec::new(),
            selection: Selection::default(),
            priority: 0,
            side: PhantomData,
        }
    }
}

impl<Side> On<Side> {
    /// Only what the server of this name or id says. If said again, what any of them says.
    pub fn from(mut self, server: impl Into<String>) -> Self {
        self.servers.push(server.into());
        self
    }

    /// Only what servers of this cluster say.
    pub fn from_cluster(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.what = format!("{} from cluster {name}", self.what);
        self.matching(move |occasion| {
            let server = occasion.core.server(occasion.message.server);
            server.cluster_name.as_deref() == Some(&name)
        })
    }

    /// Only the occasion of this number, counted from 1, of all that fit the other conditions.
    pub fn nth(self, number: u64) -> Self {
        self.after(number.saturating_sub(1)).times(1)
    }

    /// Only after so many occasions that are let by.
    pub fn after(mut self, occasions: u64) -> Self {
        self.selection.skip = occasions;
        self
    }

    /// At most so many times.
    pub fn times(mut self, times: u64) -> Self {
        self.selection.times = Some(times);
        self
    }

    /// Each time with this probability, drawn from the deployment's seed.
    ///
    /// # Panics
    ///
    /// When it is not between 0 and 1.
    pub fn with_probability(mut self, probability: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&probability),
            "a probability is between 0 and 1, not {probability}"
        );
        self.selection.probability = probability;
        self
    }

    /// Its place among others: a higher one acts later, on what is left by then. 0 unless said.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// What it is called in reports.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    fn matching(mut self, matches: impl FnMut(&Occasion<'_>) -> bool + Send + 'static) -> Self {
        self.matches.push(Box::new(matches));
        self
    }

    pub(in crate::harness) fn arm(mut self, effect: Effect, does: &str) -> Armed {
        if !self.servers.is_empty() {
            self.what = format!("{} from {}", self.what, self.servers.join(" or "));
            let servers = std::mem::take(&mut self.servers);
            self = self.matching(move |occasion| {
                let server = occasion.core.server(occasion.message.server);
                let is_meant = |name: &String| **name == *server.name || **name == *server.id;
                servers.iter().any(is_meant)
            });
        }
        let Self {
            hub,
            name,
            what,
            matches,
            selection,
            priority,
            ..
        } = self;
        let description = match name {
            Some(name) => format!("{name} ({what}: {does})"),
            None => format!("{what}: {does}"),
        };
        let rule = Rule {
            description,
            priority,
            matches,
            selection,
            effect,
        };
        let id = hub.input(|state, now| state.deployment.arm(now, rule));
        Armed::new(hub, id)
    }
}

impl On<Replies> {
    /// Only answers to requests of which this is true.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::monitor::ConnzOptions;
    /// use nats_mock::protocol::sys::Endpoint;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let of_closed = |options: ConnzOptions| options.state != Default::default();
    /// let _armed = nats
    ///     .on(Endpoint::Connz)
    ///     .when(move |request| request.options().is_ok_and(of_closed))
    ///     .silence();
    /// let mut tool = nats.client("admin")?;
    /// assert!(tool.request("$SYS.REQ.SERVER.PING.CONNZ", r#"{"state":1}"#)?.try_next().is_none());
    /// assert!(tool.request("$SYS.REQ.SERVER.PING.CONNZ", "")?.try_next().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn when(self, mut is: impl FnMut(&Request) -> bool + Send + 'static) -> Self {
        self.matching(move |occasion| {
            let Some(asked) = occasion.message.request.as_deref() else {
                return false;
            };
            RequestRecord::of(occasion.core, asked)
                .is_some_and(|record| is(&Request(Arc::new(record))))
        })
    }

    /// Only answers to clients that have logged in as this user.
    pub fn to_user(mut self, user: impl Into<String>) -> Self {
        let user = user.into();
        self.what = format!("{} to {user}", self.what);
        self.when(move |request| {
            let requester = request.requester();
            requester.and_then(|requester| requester.user()) == Some(&user)
        })
    }
}

impl On<Events> {
    /// Only events of which this is true.
    pub fn when(self, mut is: impl FnMut(&Event) -> bool + Send + 'static) -> Self {
        self.matching(move |occasion| is(&Event(Arc::new(event_of(occasion)))))
    }

    /// Only events about this account.
    pub fn account(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.what = format!("{} of account {name}", self.what);
        self.when(move |event| event.account() == Some(&name))
    }
}

fn event_of(occasion: &Occasion<'_>) -> EventRecord {
    let message = occasion.message;
    let subject = String::from_utf8_lossy(&message.subject);
    EventRecord::of(
        occasion.core,
        message.server,
        message.account,
        &subject,
        &message.payload,
    )
}

impl<Side> fmt::Debug for On<Side> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("On")
            .field("what", &self.what)
            .field("servers", &self.servers)
            .field("selection", &self.selection)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}
