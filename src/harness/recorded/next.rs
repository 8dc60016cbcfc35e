//! Waiting for the next event of a kind.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Event, EventKind, ParseEventError, Request, Stream, SystemEvent, View};
use crate::MockNats;
use crate::harness::wait::{Deadline, block_on};

/// Where the search for the next event of each kind goes on.
#[derive(Debug, Default)]
pub(in crate::harness) struct EventCursors(Mutex<BTreeMap<EventKind, Stream<Event>>>);

/// There is no next event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NextEventError {
    /// None came in time.
    #[error("no {kind} within {timeout:?}")]
    TimedOut {
        /// What was waited for.
        kind: EventKind,
        /// How long.
        timeout: Duration,
    },
    /// Every server has stopped, and nothing is left to be returned.
    #[error("no {kind}, and the servers have stopped")]
    Stopped {
        /// What was asked for.
        kind: EventKind,
    },
    /// The [history](crate::Builder::history) has length 0.
    #[error("no {kind}, because events are not recorded")]
    NotRecorded {
        /// What was asked for.
        kind: EventKind,
    },
    /// The event has come, and its body does not fit the type.
    #[error(transparent)]
    Body(#[from] ParseEventError),
}

impl MockNats {
    /// What the servers say of themselves.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::recorded::EventKind;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let nats = MockNats::start().await?;
    /// let mut refused = nats.events().kind(EventKind::AuthError).stream();
    ///
    /// let mut stranger = nats.connect_in_memory()?;
    /// stranger.send(b"CONNECT {\"user\":\"a\",\"pass\":\"guessed\"}\r\n")?;
    ///
    /// let event = refused.next().await.ok_or("the server has stopped")?;
    /// assert_eq!(event.subject(), format!("$SYS.SERVER.{}.CLIENT.AUTH.ERR", nats.server_id()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events(&self) -> View<Event> {
        View::new(&self.hub)
    }

    /// What the system services of the servers are asked.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::sys::RequestSubject;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let mut app = nats.client("a")?;
    /// app.request("$SYS.REQ.USER.INFO", "")?;
    ///
    /// let asked = nats.requests().account("USERS").history();
    /// assert_eq!(asked[0].parsed_subject()?, RequestSubject::AccountUserInfo { account: "USERS" });
    /// assert_eq!(asked[0].requester().map(|app| app.cid()), Some(app.info().client_id));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn requests(&self) -> View<Request> {
        View::new(&self.hub)
    }

    /// The next event of one kind, waiting for it at most so long.
    ///
    /// The first call for a kind begins with the start of the servers, and each further one goes on
    /// after the event that the one before has returned: nothing that happens between two calls is
    /// missed, as long as it is in the [history](crate::Builder::history). Each kind goes its own
    /// way, so the order of calls for different kinds does not matter. Calls for one kind that wait at
    /// the same time get an event each.
    ///
    /// It works on any runtime; the timeout is time of the system, also where the deployment has a
    /// manual clock or the runtime's time is paused, unless it is to have
    /// [that time](crate::Builder::tokio_clock). A call that is dropped before it is ready takes
    /// nothing.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::events::{AccountConns, Connect};
    /// use nats_mock::recorded::kind;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let nats = MockNats::start().await?;
    /// let _app = nats.client("a")?;
    /// nats.lame_duck();
    ///
    /// let timeout = Duration::from_secs(5);
    /// let connect = nats.next_event::<Connect>(timeout).await?;
    /// assert_eq!((connect.client.user.as_str(), connect.client.acc.as_str()), ("a", "USERS"));
    /// let envelope = nats.next_event::<kind::LameDuck>(timeout).await?;
    /// assert_eq!(envelope.id, nats.server_id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When none comes in time or none can come, or its body does not fit a type of your own.
    pub async fn next_event<T: SystemEvent>(
        &self,
        timeout: Duration,
    ) -> Result<T::Body, NextEventError> {
        let mut deadline = Deadline::after(timeout, self);
        let found = poll_fn(|context| match self.poll_event(T::KIND, context) {
            Poll::Pending => deadline.poll(context).map(|()| None),
            found => found.map(Some),
        });
        self.body_of::<T>(found.await, timeout)
    }

    /// As [`next_event`](Self::next_event), waiting in this thread.
    ///
    /// # Errors
    ///
    /// As for [`next_event`](Self::next_event).
    pub fn wait_next_event<T: SystemEvent>(
        &self,
        timeout: Duration,
    ) -> Result<T::Body, NextEventError> {
        let found = block_on(timeout, |context| self.poll_event(T::KIND, context));
        self.body_of::<T>(found, timeout)
    }

    fn poll_event(&self, kind: EventKind, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let cursors = &self.event_cursors.0;
        cursors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(kind)
            .or_insert_with(|| self.events().kind(kind).stream_from(0))
            .poll_next(context)
    }

    /// What was found: nothing in time, or nothing at all, or an event.
    fn body_of<T: SystemEvent>(
        &self,
        found: Option<Option<Event>>,
        timeout: Duration,
    ) -> Result<T::Body, NextEventError> {
        let kind = T::KIND;
        match found {
            Some(Some(event)) => Ok(event.read()?),
            Some(None) if self.is_stopped() => Err(NextEventError::Stopped { kind }),
            Some(None) => Err(NextEventError::NotRecorded { kind }),
            None => Err(NextEventError::TimedOut { kind, timeout }),
        }
    }
}
