//! Connections of which nothing passes.

use std::fmt;
use std::sync::Arc;

use crate::core::ConnId;
use crate::net::Hub;
use crate::services::Act;

/// Connections that are [stalled](super::Connections::stall) until this is dropped.
#[must_use = "the connections go on when this is dropped"]
pub struct Stall {
    hub: Arc<Hub>,
    stalled: Vec<ConnId>,
}

impl Stall {
    pub(super) fn of(hub: &Arc<Hub>, ids: impl IntoIterator<Item = ConnId>) -> Self {
        let stalled = hub.input(|state, now| {
            let mut ids: Vec<ConnId> = ids.into_iter().collect();
            state.deployment.act(now, &Act::Stall, &mut ids);
            ids
        });
        Self {
            hub: Arc::clone(hub),
            stalled,
        }
    }

    /// How many connections it has stalled.
    pub fn len(&self) -> usize {
        self.stalled.len()
    }

    /// Whether there was nothing to be stalled.
    pub fn is_empty(&self) -> bool {
        self.stalled.is_empty()
    }

    /// Lets the connections go on: what was sent on them meanwhile arrives.
    pub fn end(self) {}
}

impl Drop for Stall {
    fn drop(&mut self) {
        self.hub
            .input(|state, now| state.deployment.act(now, &Act::Resume, &mut self.stalled));
    }
}

impl fmt::Debug for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stall")
            .field("connections", &self.stalled.len())
            .finish_non_exhaustive()
    }
}
