//! An expectation in force.

use std::fmt;
use std::future::poll_fn;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeToInclusive};
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Expected, Failure};
use crate::MockNats;
use crate::harness::wait::{Deadline, block_on};
use crate::services::{self, ExpectationId, Times};

/// Something that is expected of clients, from now on. It stays in force when this is dropped.
#[derive(Clone, Copy)]
pub struct Expectation<'n> {
    nats: &'n MockNats,
    id: ExpectationId,
}

/// How often: a number, or a range such as `1..`, `..=3` or `2..=5`.
pub trait IntoTimes: sealed::IntoTimes {}

impl<T: sealed::IntoTimes> IntoTimes for T {}

mod sealed {
    pub trait IntoTimes {
        /// At least, and at most.
        fn into_times(self) -> (u64, Option<u64>);
    }
}

macro_rules! times {
    ($($type:ty: $range:pat => $least:expr, $most:expr;)+) => {
        $(impl sealed::IntoTimes for $type {
            fn into_times(self) -> (u64, Option<u64>) {
                let $range = self;
                ($least, $most)
            }
        })+
    };
}

times! {
    u64: times => times, Some(times);
    Range<u64>: range => range.start, Some(range.end.saturating_sub(1));
    RangeInclusive<u64>: range => *range.start(), Some(*range.end());
    RangeFrom<u64>: range => range.start, None;
    RangeToInclusive<u64>: range => 0, Some(range.end);
    RangeFull: _ => 0, None;
}

impl MockNats {
    /// Expects something of clients, at least once from now on. See [`expected`](crate::expected).
    pub fn expect<Kind>(&self, expected: Expected<Kind>) -> Expectation<'_> {
        let Expected {
            kind, conditions, ..
        } = expected;
        let expectation = services::Expectation { kind, conditions };
        let id = self.change(|all| all.expect(expectation));
        Expectation { nats: self, id }
    }

    /// Expects these one after the other: each only after the one before has come as often as it must.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::expected::{connections, messages, subscriptions};
    ///
    /// let nats = MockNats::start_blocking()?;
    /// nats.in_sequence([
    ///     nats.expect(connections().by_user("a")),
    ///     nats.expect(subscriptions("orders.*")),
    ///     nats.expect(messages("ready")),
    /// ]);
    /// let mut app = nats.client("a")?;
    /// let orders = app.subscribe("orders.*")?;
    /// app.publish("ready", "")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn in_sequence<'n>(&'n self, expectations: impl IntoIterator<Item = Expectation<'n>>) {
        let mut before: Option<Expectation<'_>> = None;
        for expectation in expectations {
            if let Some(before) = before {
                expectation.after(&before);
            }
            before = Some(expectation);
        }
    }

    /// From now on, whatever is not expected is a failure: every request to the system services, and
    /// every message, connection or subscription, if any of its kind is expected.
    pub fn strict(&self) {
        self.change(|all| all.be_strict());
    }

    fn change<T>(&self, change: impl FnOnce(&mut services::Expectations) -> T) -> T {
        self.hub
            .input(|state, _| state.deployment.change_expectations(change))
    }
}

impl<'n> Expectation<'n> {
    /// How often it is expected.
    pub fn times(self, times: impl IntoTimes) -> Self {
        let (at_least, at_most) = times.into_times();
        let times = Times { at_least, at_most };
        self.nats.change(|all| all.set_times(self.id, times));
        self
    }

    /// What it is called in reports.
    pub fn named(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.nats.change(|all| all.set_name(self.id, name));
        self
    }

    /// It is expected only when the other one has come as often as it must. What comes before does not
    /// count, and is a failure.
    pub fn after(self, other: &Expectation<'_>) -> Self {
        self.nats.change(|all| all.set_after(self.id, other.id));
        self
    }

    /// How often it has come so far.
    pub fn count(&self) -> u64 {
        self.nats
            .hub
            .look(|deployment| deployment.expectations().count(self.id))
    }

    /// Whether it has come as often as it must.
    pub fn is_satisfied(&self) -> bool {
        self.nats
            .hub
            .look(|deployment| deployment.expectations().is_satisfied(self.id))
    }

    /// Waits until it has come as often as it must, at most so long. It works on any runtime; the
    /// timeout is time of the system, with a manual clock as well, unless the deployment has
    /// [that of the runtime](crate::Builder::tokio_clock).
    ///
    /// # Errors
    ///
    /// When the time is up, or every server has stopped.
    pub async fn satisfied(&self, timeout: Duration) -> Result<(), Failure> {
        let mut deadline = Deadline::after(timeout, self.nats);
        let satisfied = poll_fn(|context| match self.poll(context) {
            Poll::Pending => deadline.poll(context).map(|()| false),
            ready => ready,
        });
        self.outcome(satisfied.await)
    }

    /// As [`satisfied`](Self::satisfied), waiting in this thread.
    ///
    /// # Errors
    ///
    /// As for [`satisfied`](Self::satisfied).
    pub fn wait_satisfied(&self, timeout: Duration) -> Result<(), Failure> {
        let satisfied = block_on(timeout, |context| self.poll(context));
        self.outcome(satisfied.unwrap_or(false))
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<bool> {
        self.nats.hub.poll_record(context.waker(), |deployment| {
            if deployment.expectations().is_satisfied(self.id) {
                Poll::Ready(true)
            } else if deployment.is_over() {
                Poll::Ready(false)
            } else {
                Poll::Pending
            }
        })
    }

    fn outcome(&self, satisfied: bool) -> Result<(), Failure> {
        if satisfied {
            return Ok(());
        }
        let hub = &self.nats.hub;
        let failed = hub.look(|deployment| deployment.expectations().failure(self.id));
        match failed {
            Some(failed) => Err(Failure::of(self.nats, vec![failed], Vec::new())),
            // It has come true in the very moment.
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Expectation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expectation")
            .field("count", &self.count())
            .field("is_satisfied", &self.is_satisfied())
            .finish_non_exhaustive()
    }
}
