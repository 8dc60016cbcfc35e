//! What goes wrong with connections, over TCP and in memory alike.

mod connecting;
mod lines;
mod live;
#[path = "../support/mod.rs"]
mod support;

use nats_mock::MockNats;
use nats_mock::protocol::events::Disconnect;
use support::PATIENCE;
use support::system::connz;

fn start() -> MockNats {
    MockNats::start_blocking().unwrap()
}

/// The reason that the next DISCONNECT of a client of `USERS` gives.
fn farewell(nats: &MockNats) -> String {
    loop {
        let farewell = nats.wait_next_event::<Disconnect>(PATIENCE).unwrap();
        if farewell.client.acc == "USERS" {
            return farewell.reason.clone();
        }
    }
}

/// The reason that CONNZ gives for the connection that was closed last.
fn reason_in_connz(nats: &MockNats) -> String {
    let mut ops = nats.client("admin").unwrap();
    let closed = connz(&mut ops, nats, r#"{"state":1,"sort":"stop","acc":"USERS"}"#);
    closed["connections"][0]["reason"]
        .as_str()
        .unwrap()
        .to_owned()
}
