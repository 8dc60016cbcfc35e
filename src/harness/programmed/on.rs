//! What is to be changed, and under which conditions.

use std::fmt;
use std::sync::Arc;

use super::Armed;
use super::said::{Events, Pattern, Replies, Said, sealed};
use crate::MockNats;
use crate::core::Server;
use crate::faults::{About, Effect, Matcher, MessageRule, Occasion, Rule, Selection, Trigger};
use crate::net::Hub;
use crate::recorded::{Event, Request};
use crate::services::{EventRecord, RequestRecord};

/// Something that servers say and a test changes, by [`MockNats::on`].
///
/// Conditions add up. `Side` is [`Replies`] or [`Events`], or one of those in
/// [`connection`](crate::connection).
#[must_use = "nothing is armed before it is said what happens"]
pub struct On<Side: sealed::Side> {
    hub: Arc<Hub>,
    name: Option<String>,
    what: String,
    matches: Vec<Side::Matcher>,
    servers: Vec<String>,
    selection: Selection,
    priority: i32,
}

impl MockNats {
    /// Changes what servers say: the answers of an endpoint, as
    /// [`Endpoint::Connz`](crate::protocol::sys::Endpoint::Connz), or events, as
    /// [`EventKind::Connect`](crate::recorded::EventKind::Connect); or has
    /// [connections](crate::connection) go wrong.
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
        let (what, matcher) = said.meant();
        self.on_meant(what, matcher)
    }

    pub(in crate::harness) fn on_pattern<Side: sealed::Messages>(
        &self,
        pattern: Pattern,
    ) -> On<Side> {
        let (what, matcher) = pattern.meant();
        self.on_meant(what, matcher)
    }

    fn on_meant<Side: sealed::Side>(&self, what: String, matcher: Side::Matcher) -> On<Side> {
        On {
            hub: Arc::clone(&self.hub),
            name: None,
            what,
            matches: vec![matcher],
            servers: Vec::new(),
            selection: Selection::default(),
            priority: 0,
        }
    }
}

impl<Side: sealed::Side> On<Side> {
    /// Only the occasion of this number, counted from 1, of all that fit the other conditions.
    pub fn nth(mut self, number: u64) -> Self {
        self.selection = Selection {
            probability: self.selection.probability,
            ..Selection::nth(number)
        };
        self
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

    /// Narrows it, and says so.
    pub(in crate::harness) fn narrowed(mut self, text: &str, matcher: Side::Matcher) -> Self {
        self.what = format!("{} {text}", self.what);
        self.with(matcher)
    }

    /// Narrows it.
    pub(in crate::harness) fn with(mut self, matcher: Side::Matcher) -> Self {
        self.matches.push(matcher);
        self
    }

    /// Only at the server of this name or id. If said again, at any of them.
    pub(in crate::harness) fn at_server(mut self, server: impl Into<String>) -> Self {
        self.servers.push(server.into());
        self
    }

    /// Only at this server, if one is given, and only these occasions.
    pub(in crate::harness) fn limited_to(
        mut self,
        server: Option<&String>,
        occasions: Selection,
    ) -> Self {
        self.servers.extend(server.cloned());
        self.selection = occasions;
        self
    }

    /// Only at servers of this cluster.
    pub(in crate::harness) fn at_cluster(self, word: &str, name: impl Into<String>) -> Self {
        let name = name.into();
        let text = format!("{word} cluster {name}");
        let is_meant = move |server: &Server| server.cluster_name.as_deref() == Some(&name);
        self.narrowed(&text, Side::at(sealed::Servers::that(is_meant)))
    }

    /// Arms what it does. `word` stands in front of the servers.
    pub(in crate::harness) fn arm_rule(
        mut self,
        word: &str,
        does: &str,
        about: impl FnOnce(Vec<Side::Matcher>) -> About,
    ) -> Armed {
        let servers = std::mem::take(&mut self.servers);
        if !servers.is_empty() {
            let text = format!("{word} {}", servers.join(" or "));
            let is_meant = move |server: &Server| {
                let is_called = |name: &String| **name == *server.name || **name == *server.id;
                servers.iter().any(is_called)
            };
            self = self.narrowed(&text, Side::at(sealed::Servers::that(is_meant)));
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
            trigger: Trigger {
                description,
                priority,
                selection,
            },
            about: about(matches),
        };
        let id = hub.input(|state, now| state.deployment.arm(now, rule));
        Armed::rule(hub, id)
    }
}

impl<Side: sealed::Messages> On<Side> {
    /// Only what the server of this name or id says. If said again, what any of them says.
    pub fn from(self, server: impl Into<String>) -> Self {
        self.at_server(server)
    }

    /// Only what servers of this cluster say.
    pub fn from_cluster(self, name: impl Into<String>) -> Self {
        self.at_cluster("from", name)
    }

    fn matching(self, matches: impl FnMut(&Occasion<'_>) -> bool + Send + 'static) -> Self {
        self.with(Matcher::new(matches))
    }

    pub(in crate::harness) fn arm(self, effect: Effect, does: &str) -> Armed {
        self.arm_rule("from", does, |matches| {
            About::Message(MessageRule {
                matches,
                effect,
                held: Vec::new(),
            })
        })
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
    EventRecord {
        is_trace: message.is_trace,
        ..EventRecord::of(
            occasion.core,
            message.server,
            message.account,
            &subject,
            &message.payload,
        )
    }
}

impl<Side: sealed::Side> fmt::Debug for On<Side> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("On")
            .field("what", &self.what)
            .field("servers", &self.servers)
            .field("selection", &self.selection)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}
