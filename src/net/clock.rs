//! Where the shells take the time from.

use std::sync::Mutex;
use std::task::Waker;
use std::time::{Instant, SystemTime};

use tokio::runtime::{Handle, TryCurrentError};

use super::io_thread::Alarm;
use crate::core::Time;

/// The time that is handed to the core.
#[derive(Debug)]
pub(crate) enum Clock {
    /// The system's: started from wall time, carried on by the monotonic clock.
    System { started: Instant, at: Time },
    /// Moved by the test only.
    Manual(Mutex<Time>),
    /// That of the caller's runtime, which may be paused and moved.
    Tokio(RuntimeClock),
}

/// The clock of a runtime of tokio, whoever looks at it.
#[derive(Clone, Debug)]
pub(crate) struct RuntimeClock {
    pub runtime: Handle,
    started: tokio::time::Instant,
    at: Time,
}

impl Clock {
    pub fn system() -> Self {
        Clock::System {
            started: Instant::now(),
            at: wall_time(),
        }
    }

    pub fn manual(start: Time) -> Self {
        Clock::Manual(Mutex::new(start))
    }

    /// That of the runtime that this is called on; it shows `start` now, or wall time.
    pub fn tokio(start: Option<Time>) -> Result<Self, TryCurrentError> {
        Ok(Clock::Tokio(RuntimeClock {
            runtime: Handle::try_current()?,
            started: tokio::time::Instant::now(),
            at: start.unwrap_or_else(wall_time),
        }))
    }

    pub fn now(&self) -> Time {
        match self {
            Clock::System { started, at } => *at + started.elapsed(),
            Clock::Manual(now) => *super::hub::locked(now),
            Clock::Tokio(clock) => clock.at + (clock.now() - clock.started),
        }
    }

    /// The moment at which the system clock reaches `time`; `None` on another clock.
    pub fn instant_of(&self, time: Time) -> Option<Instant> {
        match self {
            Clock::System { started, at } => Some(*started + (time - *at)),
            Clock::Manual(_) | Clock::Tokio(_) => None,
        }
    }

    /// Moves a manual clock; others move by themselves.
    pub fn move_to(&self, time: Time) {
        if let Clock::Manual(now) = self {
            let mut now = super::hub::locked(now);
            *now = time.max(*now);
        }
    }

    pub fn is_manual(&self) -> bool {
        matches!(self, Clock::Manual(_))
    }

    /// Whether no timer may ever come for what is due at this very moment.
    pub fn may_stand_still(&self) -> bool {
        !matches!(self, Clock::System { .. })
    }

    /// The runtime's clock, if it is one.
    pub fn of_runtime(&self) -> Option<&RuntimeClock> {
        match self {
            Clock::Tokio(clock) => Some(clock),
            _ => None,
        }
    }
}

impl RuntimeClock {
    /// What it shows now, from whatever thread.
    pub fn now(&self) -> tokio::time::Instant {
        // Each runtime has a clock of its own, and its threads alone would find it.
        let _on_it = self.runtime.enter();
        tokio::time::Instant::now()
    }

    /// Wakes somebody when it shows `at`.
    pub fn wake_at(&self, at: tokio::time::Instant, waker: Waker) -> Alarm {
        let waiting = self.runtime.spawn(async move {
            tokio::time::sleep_until(at).await;
            waker.wake();
        });
        Alarm(waiting.abort_handle())
    }

    /// What it shows at `time`.
    pub fn instant_of(&self, time: Time) -> tokio::time::Instant {
        self.started + (time - self.at)
    }
}

fn wall_time() -> Time {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Time::default() + since_epoch
}
