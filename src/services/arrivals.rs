//! Clients that connect while a test has rules about that.

use super::journal::Journal;
use crate::core::{Accepted, Core, Peer, Phase, ServerId, Time};
use crate::faults::{Arrival, Fate, Rules};

/// Clients that are kept waiting at once; more are not let in.
const MAX_WAITING: usize = 4096;

/// Receives a client as the rules have it. `None` when it is refused.
pub(super) fn receive_client(
    core: &mut Core,
    rules: &mut Rules,
    journal: &mut Journal,
    now: Time,
    server: ServerId,
    peer: Peer,
) -> Option<Accepted> {
    core.set_now(now);
    if core.server(server).phase != Phase::Running {
        return None;
    }
    let arrival = Arrival {
        core,
        server,
        host: &peer.host,
    };
    let reception = rules.receive(&arrival);
    journal.note_arrival(&arrival, &reception.hits);
    let waits = matches!(reception.fate, Fate::Stalled(_)) || !reception.late.is_zero();
    let is_refused = matches!(reception.fate, Fate::Refused);
    if is_refused || (waits && core.stalled() >= MAX_WAITING) {
        return None;
    }
    let accepted = core.admit(now, server, peer)?;
    let id = accepted.conn;
    if !reception.greeted_by.is_empty() {
        let mut greeting = core.greeting(id);
        rules.greet(&reception, &mut greeting);
        core.set_greeting(id, greeting);
    }
    if !reception.late.is_zero() {
        core.stall_for(now, id, reception.late);
    }
    if let Fate::Stalled(rule) = reception.fate
        && core.stall(now, id)
    {
        rules.hold(rule, id, |kept| core.conn(kept).is_some());
    }
    core.welcome(id);
    match reception.fate {
        Fate::Reset => core.reset_at_once(now, id),
        Fate::Ended(ending) => core.end_in_turn(now, id, &ending),
        Fate::Welcome | Fate::Refused | Fate::Stalled(_) => {}
    }
    Some(accepted)
}
