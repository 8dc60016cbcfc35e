//! The handle on what is armed.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::faults::RuleId;
use crate::harness::wait::{block_on, poll_hits};
use crate::net::Hub;
use crate::services::Deployment;

/// Something that is armed. It ends when this is dropped, unless it is told to [stay](Self::stay).
#[must_use = "what is armed ends when its handle is dropped"]
pub struct Armed {
    hub: Arc<Hub>,
    id: RuleId,
    stays: bool,
}

/// Something armed was not hit as often as somebody waited for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hit {hits} times instead of {wanted}: {armed}")]
pub struct Unhit {
    /// What is armed.
    pub armed: String,
    /// The hits that were waited for.
    pub wanted: u64,
    /// The hits that there were.
    pub hits: u64,
}

impl Armed {
    pub(in crate::harness) fn new(hub: Arc<Hub>, id: RuleId) -> Self {
        Self {
            hub,
            id,
            stays: false,
        }
    }

    /// How often it has acted.
    pub fn hits(&self) -> u64 {
        self.hub
            .look(|deployment| deployment.rules().hits(self.id).unwrap_or(0))
    }

    /// How many messages it holds back at the moment, or clients that it keeps waiting.
    pub fn held(&self) -> usize {
        self.hub.look(|deployment| deployment.rules().held(self.id))
    }

    /// What has gone wrong with it, the last time that anything did: a panic in a closure, or an edit
    /// that does not fit.
    pub fn mistake(&self) -> Option<String> {
        self.hub.look(|deployment| {
            let mistake = deployment.rules().mistake(self.id);
            mistake.map(str::to_owned)
        })
    }

    /// Lets go of what it holds back, in the order in which it came. What comes later is held again.
    pub fn release(&self) {
        self.hub
            .input(|state, now| state.deployment.release_held(now, self.id));
    }

    /// Ends it. What it holds back is let go.
    pub fn end(self) {}

    /// Leaves it armed for as long as the deployment lives.
    pub fn stay(mut self) {
        self.stays = true;
    }

    /// Waits until it has been hit so often. It works on any runtime.
    ///
    /// # Errors
    ///
    /// When every server has stopped before.
    pub async fn wait(&self, hits: u64) -> Result<(), Unhit> {
        poll_fn(|context| self.poll_hits(hits, context)).await
    }

    /// As [`wait`](Self::wait), in this thread and at most so long. The time is that of the system, with a
    /// manual clock as well.
    ///
    /// # Errors
    ///
    /// When the time is up before, or every server has stopped.
    pub fn wait_blocking(&self, hits: u64, timeout: Duration) -> Result<(), Unhit> {
        let hit = block_on(timeout, |context| self.poll_hits(hits, context));
        hit.unwrap_or_else(|| Err(self.unhit(hits)))
    }

    fn poll_hits(&self, wanted: u64, context: &mut Context<'_>) -> Poll<Result<(), Unhit>> {
        let hits = |deployment: &Deployment| deployment.rules().hits(self.id);
        poll_hits(&self.hub, wanted, context, hits)
            .map(|hit| if hit { Ok(()) } else { Err(self.unhit(wanted)) })
    }

    fn unhit(&self, wanted: u64) -> Unhit {
        self.hub.look(|deployment| Unhit {
            armed: deployment.rules().description(self.id).to_owned(),
            wanted,
            hits: deployment.rules().hits(self.id).unwrap_or(0),
        })
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        if !self.stays {
            self.hub
                .input(|state, now| state.deployment.end_rule(now, self.id));
        }
    }
}

impl fmt::Debug for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hub.look(|deployment| {
            f.debug_struct("Armed")
                .field("what", &deployment.rules().description(self.id))
                .field("hits", &deployment.rules().hits(self.id))
                .finish_non_exhaustive()
        })
    }
}
