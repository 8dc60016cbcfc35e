//! `$SYS.REQ.SERVER.PING.GATEWAYZ` and `$SYS.REQ.SERVER.<id>.GATEWAYZ`: connections to other
//! clusters.

use nats_mock_protocol::monitor::{Gatewayz, GatewayzOptions};

use super::registry::{Endpoint, Scope};

/// A server on its own has no gateways, and then the options do not matter.
pub(super) const ENDPOINT: Endpoint = Endpoint::new("GATEWAYZ", Scope::Server, |context, call| {
    call.answer(context, |context, _: GatewayzOptions| {
        Ok(Gatewayz {
            server_id: context.server_id(),
            now: context.core.utc(context.core.now()),
            ..Gatewayz::default()
        })
    })
});
