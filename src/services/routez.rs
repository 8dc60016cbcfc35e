//! `$SYS.REQ.SERVER.PING.ROUTEZ` and `$SYS.REQ.SERVER.<id>.ROUTEZ`: routes to the other servers of
//! the cluster.

use nats_mock_protocol::monitor::{Routez, RoutezOptions};

use super::registry::{Endpoint, Scope};
use super::system::Context;
use crate::version::Feature;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("ROUTEZ", Scope::Server, |context, call| {
    call.answer(context, |context, _: RoutezOptions| Ok(routez(context)))
});

/// A server on its own has no routes.
fn routez(context: &Context<'_>) -> Routez {
    let server = context.server();
    let names_itself = server.profile.has(Feature::RoutezOfUnnamedServers);
    Routez {
        server_id: server.id.to_string(),
        server_name: match &server.spec.name {
            None if names_itself => server.name.to_string(),
            configured => configured.clone().unwrap_or_default(),
        },
        now: context.core.utc(context.core.now()),
        ..Routez::default()
    }
}
