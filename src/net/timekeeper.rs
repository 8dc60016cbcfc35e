//! Firing what is due as the clock of the caller's runtime has it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout_at};

use super::clock::RuntimeClock;
use super::hub::Hub;

/// A task on the caller's runtime: only there a paused clock moves on when nothing is left to do.
/// Dropping it ends the task.
#[derive(Debug)]
pub(crate) struct Timekeeper(AbortHandle);

impl Timekeeper {
    /// `None` if the deployment has a clock that needs no task.
    ///
    /// # Panics
    ///
    /// When the runtime has no timers.
    pub fn start(hub: &Arc<Hub>) -> Option<Self> {
        let clock = hub.clock.of_runtime()?;
        let task = {
            let _on_it = clock.runtime.enter();
            // A runtime without timers says so here, and not in a task that nobody looks at.
            drop(sleep(Duration::ZERO));
            tokio::spawn(keep_time(Arc::clone(hub), clock.clone()))
        };
        Some(Self(task.abort_handle()))
    }
}

impl Drop for Timekeeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep_time(hub: Arc<Hub>, clock: RuntimeClock) {
    loop {
        let next = hub.fire_due();
        let moved = hub.deadline_moved.notified();
        match next {
            Some(next) => {
                let _ = timeout_at(clock.instant_of(next), moved).await;
            }
            None => moved.await,
        }
    }
}
