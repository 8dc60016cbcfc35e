//! `$SYS.REQ.SERVER.PING.RAFTZ` and `$SYS.REQ.SERVER.<id>.RAFTZ`: replicated groups.

use nats_mock_protocol::monitor::{Raftz, RaftzOptions};

use super::registry::{Endpoint, Scope};

/// Without JetStream there are no groups, of any account and under any name.
pub(super) const ENDPOINT: Endpoint = Endpoint::new("RAFTZ", Scope::Server, |context, call| {
    call.answer(context, |_, _: RaftzOptions| Ok(Raftz::new()))
});
