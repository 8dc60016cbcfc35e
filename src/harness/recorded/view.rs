//! Views of what was recorded, and streams of what is.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Event, EventKind, Request, event, request};
use crate::harness::wait::block_on;
use crate::net::Hub;
use crate::services::{EventRecord, Journal, Log, RequestRecord, ServerName};

/// What is recorded: [`Event`] and [`Request`].
pub trait Recorded: sealed::Recorded {}

impl Recorded for Event {}
impl Recorded for Request {}

mod sealed {
    use std::fmt::Debug;
    use std::sync::Arc;

    use crate::services::{Journal, Log, ServerName, Size};

    pub trait Recorded: Sized {
        type Record: Size;
        /// What is asked of the subject: the kinds of an event, the endpoint of a request.
        type SubjectFilter: Clone + Debug + Default;

        fn log(journal: &Journal) -> &Log<Self::Record>;
        fn fits(record: &Self::Record, subject: &Self::SubjectFilter) -> bool;
        fn account(record: &Self::Record) -> Option<&str>;
        fn server(record: &Self::Record) -> &ServerName;
        fn new(record: Arc<Self::Record>) -> Self;
    }
}

/// Part of what was recorded, by [`MockNats::events`](crate::MockNats::events) or
/// [`MockNats::requests`](crate::MockNats::requests). A new view is of everything; each condition
/// narrows it.
///
/// It keeps what was recorded alive, but not the deployment running.
#[derive(Clone)]
#[must_use = "a view does nothing before it is looked at"]
pub struct View<T: Recorded> {
    hub: Arc<Hub>,
    filter: Filter<T::SubjectFilter>,
}

#[derive(Clone, Debug, Default)]
struct Filter<S> {
    subject: S,
    account: Option<String>,
    server: Option<String>,
}

/// What is recorded from the [start of the stream](View::stream) on, one after the other.
///
/// What it has not been asked for yet waits in the history. What has left that meanwhile is skipped;
/// [`missed`](Self::missed) tells how much.
pub struct Stream<T: Recorded> {
    view: View<T>,
    next: u64,
    missed: u64,
}

impl<T: Recorded> View<T> {
    pub(in crate::harness) fn new(hub: &Arc<Hub>) -> Self {
        Self {
            hub: Arc::clone(hub),
            filter: Filter::default(),
        }
    }

    /// Only what has to do with the account of this name: events [about](Event::account) it, requests
    /// that its clients have made.
    pub fn account(mut self, name: impl Into<String>) -> Self {
        self.filter.account = Some(name.into());
        self
    }

    /// Only what the server of this name or id has said, or was asked.
    pub fn server(mut self, name_or_id: impl Into<String>) -> Self {
        self.filter.server = Some(name_or_id.into());
        self
    }

    /// Everything that has been recorded and is still kept, the oldest first.
    pub fn history(&self) -> Vec<T> {
        self.hub.look(|deployment| {
            T::log(deployment.journal())
                .since(0)
                .filter(|(_, record)| self.shows(record))
                .map(|(_, record)| T::new(Arc::clone(record)))
                .collect()
        })
    }

    /// Everything that will be recorded from now on.
    pub fn stream(&self) -> Stream<T> {
        let next = self
            .hub
            .look(|deployment| T::log(deployment.journal()).next());
        self.stream_from(next)
    }

    pub(super) fn stream_from(&self, next: u64) -> Stream<T> {
        Stream {
            view: Self {
                hub: Arc::clone(&self.hub),
                filter: self.filter.clone(),
            },
            next,
            missed: 0,
        }
    }

    fn shows(&self, record: &T::Record) -> bool {
        let Filter {
            subject,
            account,
            server,
        } = &self.filter;
        let is_server = |wanted: &str| {
            let server = T::server(record);
            *wanted == *server.name || *wanted == *server.id
        };
        T::fits(record, subject)
            && account
                .as_deref()
                .is_none_or(|wanted| T::account(record) == Some(wanted))
            && server.as_deref().is_none_or(is_server)
    }
}

impl View<Event> {
    /// Only events of this kind. If said again, events of any of the kinds.
    pub fn kind(mut self, kind: EventKind) -> Self {
        self.filter.subject.push(kind);
        self
    }
}

impl View<Request> {
    /// Only requests to this [endpoint](Request::endpoint), such as `CONNZ`.
    pub fn endpoint(mut self, name: impl Into<String>) -> Self {
        self.filter.subject = Some(name.into());
        self
    }
}

impl<T: Recorded> Stream<T> {
    /// The next one. `None` when none can come any more: every server has stopped, or the
    /// [history](crate::Builder::history) is switched off.
    ///
    /// It works on any runtime. A call that is dropped before it is ready takes nothing.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The next one, if there is one already.
    pub fn try_next(&mut self) -> Option<T> {
        let Self { view, next, missed } = self;
        view.hub
            .look(|deployment| take(view, deployment.journal(), next, missed))
    }

    /// The next one, waiting for it in this thread; `None` when the time is up or none can come. The
    /// time is that of the system, with a manual clock as well.
    pub fn wait_next(&mut self, timeout: Duration) -> Option<T> {
        block_on(timeout, |context| self.poll_next(context))?
    }

    /// How many records, of any sort, had left the history before the stream came to them.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Self { view, next, missed } = self;
        view.hub.poll_record(context.waker(), |deployment| {
            let journal = deployment.journal();
            let found = take(view, journal, next, missed);
            if found.is_some() || !T::log(journal).is_on() || deployment.is_over() {
                Poll::Ready(found)
            } else {
                Poll::Pending
            }
        })
    }
}

/// The first record from `next` on that fits, with `next` moved behind it.
fn take<T: Recorded>(
    view: &View<T>,
    journal: &Journal,
    next: &mut u64,
    missed: &mut u64,
) -> Option<T> {
    let log = T::log(journal);
    *missed += log.first().saturating_sub(*next);
    let found = log.since(*next).find(|(_, record)| view.shows(record));
    *next = found.map_or(log.next(), |(number, _)| number + 1);
    found.map(|(_, record)| T::new(Arc::clone(record)))
}

impl<T: Recorded> fmt::Debug for View<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("View").field(&self.filter).finish()
    }
}

impl<T: Recorded> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("filter", &self.view.filter)
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}

impl sealed::Recorded for Event {
    type Record = EventRecord;
    type SubjectFilter = Vec<EventKind>;

    fn log(journal: &Journal) -> &Log<EventRecord> {
        &journal.events
    }

    fn fits(record: &EventRecord, kinds: &Vec<EventKind>) -> bool {
        kinds.is_empty() || kinds.contains(&event::kind(record))
    }

    fn account(record: &EventRecord) -> Option<&str> {
        event::account(record)
    }

    fn server(record: &EventRecord) -> &ServerName {
        &record.server
    }

    fn new(record: Arc<EventRecord>) -> Self {
        Self(record)
    }
}

impl sealed::Recorded for Request {
    type Record = RequestRecord;
    type SubjectFilter = Option<String>;

    fn log(journal: &Journal) -> &Log<RequestRecord> {
        &journal.requests
    }

    fn fits(record: &RequestRecord, wanted: &Option<String>) -> bool {
        wanted
            .as_deref()
            .is_none_or(|wanted| request::endpoint(&record.subject) == wanted)
    }

    fn account(record: &RequestRecord) -> Option<&str> {
        Some(record.from.as_ref()?.account())
    }

    fn server(record: &RequestRecord) -> &ServerName {
        &record.server
    }

    fn new(record: Arc<RequestRecord>) -> Self {
        Self(record)
    }
}
