//! What a test does to connections at once, and the journal's note of it.

use bytes::Bytes;

use super::happening::What;
use super::journal::{Journal, Requester, ServerName};
use crate::core::{ConnId, Core, Ending, Time};

/// What is done to a connection.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Reset,
    Close(Ending),
    HalfClose,
    Stall,
    /// A stall ends.
    Resume,
    SendRaw(Bytes),
}

impl Act {
    /// Does it. Tells whether there was a connection that it could be done to.
    fn on(&self, core: &mut Core, now: Time, id: ConnId) -> bool {
        let is_open = core.conn(id).is_some_and(|conn| !conn.is_closing());
        match self {
            Self::Reset => core.reset(now, id),
            Self::Close(ending) => core.end(now, id, ending),
            Self::HalfClose => core.finish(now, id),
            Self::Stall => return core.stall(now, id),
            Self::Resume => core.resume(now, id),
            Self::SendRaw(bytes) => core.send_raw(now, id, bytes),
        }
        is_open
    }
}

/// Does it to connections, and leaves only those in the list that it could be done to.
pub(super) fn act(
    core: &mut Core,
    journal: &mut Journal,
    now: Time,
    act: &Act,
    ids: &mut Vec<ConnId>,
) {
    core.set_now(now);
    let mut clients = Vec::new();
    ids.retain(|&id| {
        // Afterwards it may be gone.
        let client = core.conn(id).filter(|_| journal.timeline.is_on());
        let client = client.map(|conn| {
            let by = Requester::new(core, core.snapshot(conn));
            (ServerName::of(core, conn.server), by)
        });
        let is_done = act.on(core, now, id);
        clients.extend(client.filter(|_| is_done));
        is_done
    });
    if !clients.is_empty() {
        let act = act.clone();
        journal.happened(core, What::Act { act, clients }, &[]);
    }
}
