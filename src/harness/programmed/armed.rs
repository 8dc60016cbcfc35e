//! The handle on what is armed.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::faults::RuleId;
use crate::harness::wait::{block_on, poll_hits};
use crate::net::Hub;
use crate::services::{CustomId, Deployment};

/// Something that is armed: a change of what servers say, of how clients are received or of what they are
/// sent, or a [service](crate::Server::service) of the test's own. It ends when this is dropped, unless it is told to [stay](Self::stay).
#[must_use = "what is armed ends when its handle is dropped"]
pub struct Armed {
    hub: Arc<Hub>,
    what: What,
    stays: bool,
}

/// What is armed.
#[derive(Clone, Copy, Debug)]
enum What {
    Rule(RuleId),
    Service(CustomId),
}

impl What {
    /// `None` once it has ended.
    fn hits(self, deployment: &Deployment) -> Option<u64> {
        match self {
            Self::Rule(id) => deployment.rules().hits(id),
            Self::Service(id) => deployment.custom().hits(id),
        }
    }

    fn mistake(self, deployment: &Deployment) -> Option<&str> {
        match self {
            Self::Rule(id) => deployment.rules().mistake(id),
            Self::Service(id) => deployment.custom().mistake(id),
        }
    }

    fn description(self, deployment: &Deployment) -> String {
        match self {
            Self::Rule(id) => deployment.rules().description(id).to_owned(),
            Self::Service(id) => deployment.custom().description(id),
        }
    }
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
    pub(in crate::harness) fn rule(hub: Arc<Hub>, id: RuleId) -> Self {
        let (what, stays) = (What::Rule(id), false);
        Self { hub, what, stays }
    }

    pub(super) fn service(hub: Arc<Hub>, id: CustomId) -> Self {
        let (what, stays) = (What::Service(id), false);
        Self { hub, what, stays }
    }

    /// How often it has acted.
    pub fn hits(&self) -> u64 {
        self.hub.look(|deployment| self.hits_in(deployment))
    }

    /// The same, where the deployment is at hand already.
    pub(in crate::harness) fn hits_in(&self, deployment: &Deployment) -> u64 {
        self.what.hits(deployment).unwrap_or(0)
    }

    /// How many messages it holds back at the moment, or clients that it keeps waiting.
    pub fn held(&self) -> usize {
        match self.what {
            What::Rule(id) => self.hub.look(|deployment| deployment.rules().held(id)),
            What::Service(_) => 0,
        }
    }

    /// What has gone wrong with it, the last time that anything did: a panic in a closure, or an edit
    /// that does not fit.
    pub fn mistake(&self) -> Option<String> {
        self.hub.look(|deployment| {
            let mistake = self.what.mistake(deployment);
            mistake.map(str::to_owned)
        })
    }

    /// Lets go of what it holds back, in the order in which it came. What comes later is held again.
    pub fn release(&self) {
        if let What::Rule(id) = self.what {
            self.hub
                .input(|state, now| state.deployment.release_held(now, id));
        }
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
        let hits = |deployment: &Deployment| self.what.hits(deployment);
        poll_hits(&self.hub, wanted, context, hits)
            .map(|hit| if hit { Ok(()) } else { Err(self.unhit(wanted)) })
    }

    fn unhit(&self, wanted: u64) -> Unhit {
        self.hub.look(|deployment| Unhit {
            armed: self.what.description(deployment),
            wanted,
            hits: self.what.hits(deployment).unwrap_or(0),
        })
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        if !self.stays {
            self.hub.input(|state, now| match self.what {
                What::Rule(id) => state.deployment.end_rule(now, id),
                What::Service(id) => state.deployment.end_custom(now, id),
            });
        }
    }
}

impl fmt::Debug for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hub.look(|deployment| {
            f.debug_struct("Armed")
                .field("what", &self.what.description(deployment))
                .field("hits", &self.what.hits(deployment))
                .finish_non_exhaustive()
        })
    }
}
