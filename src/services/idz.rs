//! `$SYS.REQ.SERVER.PING.IDZ` and `$SYS.REQ.SERVER.<id>.IDZ`: who is there.
//!
//! The payload is not looked at, and the answer has no envelope.

use nats_mock_protocol::monitor::ServerId;

use super::registry::{Endpoint, Scope};
use super::requests::Answer;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("IDZ", Scope::Server, |context, _| {
    let server = context.server();
    Answer::raw(&ServerId {
        name: server.name.to_string(),
        host: server.shown_host().to_owned(),
        id: server.id.to_string(),
        ..ServerId::default()
    })
});
