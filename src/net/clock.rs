//! Where the shells take the time from.

use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use crate::core::Time;

/// The time that is handed to the core.
#[derive(Debug)]
pub(crate) enum Clock {
    /// The system's: started from wall time, carried on by the monotonic clock.
    System { started: Instant, at: Time },
    /// Moved by the test only.
    Manual(Mutex<Time>),
}

impl Clock {
    pub fn system() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Clock::System {
            started: Instant::now(),
            at: Time::default() + since_epoch,
        }
    }

    pub fn manual(start: Time) -> Self {
        Clock::Manual(Mutex::new(start))
    }

    pub fn now(&self) -> Time {
        match self {
            Clock::System { started, at } => *at + started.elapsed(),
            Clock::Manual(now) => *super::hub::locked(now),
        }
    }

    /// The moment at which the system clock reaches `time`; `None` on a manual clock.
    pub fn instant_of(&self, time: Time) -> Option<Instant> {
        match self {
            Clock::System { started, at } => Some(*started + (time - *at)),
            Clock::Manual(_) => None,
        }
    }

    /// Moves a manual clock; a system clock moves by itself.
    pub fn move_to(&self, time: Time) {
        if let Clock::Manual(now) = self {
            let mut now = super::hub::locked(now);
            *now = time.max(*now);
        }
    }

    pub fn is_manual(&self) -> bool {
        matches!(self, Clock::Manual(_))
    }
}
