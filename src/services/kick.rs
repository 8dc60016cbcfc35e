//! `$SYS.REQ.SERVER.<id>.KICK`: closes a client's connection.

use nats_mock_protocol::monitor::KickRequest;

use super::registry::{Endpoint, Scope};
use super::requests::Answer;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("KICK", Scope::ServerAlone, |context, call| {
    let Some(request) = call.body::<KickRequest>(context) else {
        return Answer::Silence;
    };
    call.command(context, |context| {
        if context.core.kick(context.server, request.cid) {
            Ok(())
        } else {
            Err("no such client or leafnode id".to_owned())
        }
    })
});
