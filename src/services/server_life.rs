//! `$SYS.SERVER.<id>.LAMEDUCK` and `$SYS.SERVER.<id>.SHUTDOWN`: the last a server says.
//!
//! The body is the bare envelope. Nothing follows: no event, and no answer to any request.

use super::system::Context;
use crate::core::{Core, Notice};

pub(super) fn lame_duck(context: &mut Context<'_>) {
    last_word(context, "LAMEDUCK");
    context.core.ask_clients_to_leave(context.server);
}

pub(super) fn shutdown(context: &mut Context<'_>) {
    last_word(context, "SHUTDOWN");
    context.core.stop(context.server);
}

fn last_word(context: &mut Context<'_>, event: &str) {
    let subject = format!("$SYS.SERVER.{}.{event}", context.server_id());
    let envelope = context.envelope();
    context.publish(&subject, &envelope);
    context.state.silent = true;
    context.core.note_goodbye(context.server);
}

/// A server without a system account leaves and stops all the same.
pub(super) fn stop_without_events(core: &mut Core, notice: &Notice) {
    match notice {
        Notice::LameDuck { server } => core.ask_clients_to_leave(*server),
        Notice::Shutdown { server } => core.stop(*server),
        _ => {}
    }
}
