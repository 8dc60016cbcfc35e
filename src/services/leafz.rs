//! `$SYS.REQ.SERVER.PING.LEAFZ`, `$SYS.REQ.SERVER.<id>.LEAFZ` and
//! `$SYS.REQ.ACCOUNT.<account>.LEAFZ`: leaf node connections.

use nats_mock_protocol::monitor::{Leafz, LeafzOptions};

use super::registry::{Endpoint, Scope};
use super::requests::{Answer, Call};
use super::system::Context;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("LEAFZ", Scope::Server, answer);

pub(super) const ACCOUNT_ENDPOINT: Endpoint = Endpoint::new("LEAFZ", Scope::Account, answer);

/// A server on its own has no leaf nodes, of any account.
fn answer(context: &mut Context<'_>, call: &Call<'_>) -> Answer {
    call.answer(context, |context, _: LeafzOptions| {
        Ok(Leafz {
            server_id: context.server_id(),
            now: context.core.utc(context.core.now()),
            ..Leafz::default()
        })
    })
}
