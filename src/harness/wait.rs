//! Waiting without polling: in a thread, and on any runtime.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::MockNats;
use crate::net::{Alarm, Hub, RuntimeClock};
use crate::services::Deployment;

/// What `poll` comes to, waiting for it in this thread; `None` when the time is up.
pub(super) fn block_on<T>(
    timeout: Duration,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    let deadline = Instant::now().checked_add(timeout);
    let waker = THREAD_WAKER.with(Waker::clone);
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(result) = poll(&mut context) {
            return Some(result);
        }
        match deadline {
            Some(deadline) => {
                let left = deadline.checked_duration_since(Instant::now())?;
                std::thread::park_timeout(left);
            }
            None => std::thread::park(),
        }
    }
}

/// Whether something has been hit so often, or never will be; `hits` is what there is so far.
pub(super) fn poll_hits(
    hub: &Hub,
    wanted: u64,
    context: &mut Context<'_>,
    hits: impl FnOnce(&Deployment) -> Option<u64>,
) -> Poll<bool> {
    hub.poll_record(context.waker(), |deployment| {
        if hits(deployment).unwrap_or(0) >= wanted {
            Poll::Ready(true)
        } else if deployment.is_over() {
            Poll::Ready(false)
        } else {
            Poll::Pending
        }
    })
}

thread_local! {
    /// One for each thread, so that whoever keeps wakers knows it again.
    static THREAD_WAKER: Waker = Waker::from(Arc::new(ThreadWaker(std::thread::current())));
}

struct ThreadWaker(Thread);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The end of a wait on a runtime that may have no timers, or has stopped its clock: the
/// deployment's own thread looks at the time. If the deployment has the clock of a runtime, that counts.
#[derive(Debug)]
pub(super) struct Deadline<'a> {
    nats: &'a MockNats,
    /// `None` never comes.
    at: Option<Moment>,
    alarm: Option<(Waker, Alarm)>,
}

#[derive(Debug)]
enum Moment {
    System(Instant),
    Runtime(RuntimeClock, tokio::time::Instant),
}

impl<'a> Deadline<'a> {
    pub fn after(timeout: Duration, nats: &'a MockNats) -> Self {
        let at = match nats.hub.clock.of_runtime() {
            Some(clock) => {
                let at = clock.now().checked_add(timeout);
                at.map(|at| Moment::Runtime(clock.clone(), at))
            }
            None => return Self::by_the_system(timeout, nats),
        };
        Self {
            nats,
            at,
            alarm: None,
        }
    }

    /// As [`after`](Self::after), whatever clock the deployment has.
    pub fn by_the_system(timeout: Duration, nats: &'a MockNats) -> Self {
        Self {
            nats,
            at: Instant::now().checked_add(timeout).map(Moment::System),
            alarm: None,
        }
    }

    /// Whether the time is up; if not, wakes the caller when it is.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = &self.at else {
            return Poll::Pending;
        };
        let is_up = match at {
            Moment::System(at) => *at <= Instant::now(),
            Moment::Runtime(clock, at) => *at <= clock.now(),
        };
        if is_up {
            return Poll::Ready(());
        }
        let waker = context.waker();
        if self
            .alarm
            .as_ref()
            .is_none_or(|(known, _)| !known.will_wake(waker))
        {
            let alarm = match at {
                Moment::System(at) => self.nats.io.wake_at(*at, waker.clone()),
                Moment::Runtime(clock, at) => clock.wake_at(*at, waker.clone()),
            };
            self.alarm = Some((waker.clone(), alarm));
        }
        Poll::Pending
    }
}
