//! `$SYS.REQ.SERVER.PING.EXPVARZ` and `$SYS.REQ.SERVER.<id>.EXPVARZ`: variables of the Go runtime.
//!
//! A simulation has no such runtime: the figures follow from what the test says of the machine.

use nats_mock_protocol::monitor::{Expvarz, ExpvarzOptions, MemStats};

use super::registry::{Endpoint, Scope};
use super::system::Context;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("EXPVARZ", Scope::Server, |context, call| {
    call.answer(context, |context, _: ExpvarzOptions| Ok(expvarz(context)))
});

fn expvarz(context: &Context<'_>) -> Expvarz {
    let machine = &context.server().spec.machine;
    let mem = u64::try_from(machine.mem).unwrap_or_default();
    Expvarz {
        memstats: Box::new(MemStats {
            alloc: mem,
            total_alloc: mem,
            sys: mem,
            heap_alloc: mem,
            heap_sys: mem,
            heap_inuse: mem,
            ..MemStats::default()
        }),
        cmdline: machine.command_line.clone(),
        ..Expvarz::default()
    }
}
