//! What the system account says, as JSON.

use nats_mock::{Client, Message, MockNats, Subscription};
use serde_json::Value;

use super::PATIENCE;

/// The payload of a message as JSON.
pub fn json(message: &Message) -> Value {
    serde_json::from_slice(&message.payload)
        .unwrap_or_else(|error| panic!("{error} in {}", message.text()))
}

/// Everything that waits on a subscription.
pub fn drain(subscription: &mut Subscription) -> Vec<Message> {
    std::iter::from_fn(|| subscription.try_next()).collect()
}

/// The answer to a request.
pub fn ask(client: &mut Client, subject: &str, body: &str) -> Value {
    let answer = client
        .request(subject, body)
        .expect("the request is sent")
        .wait(PATIENCE)
        .unwrap_or_else(|| panic!("no answer to {subject}"));
    assert_eq!(answer.status(), None, "nobody answers {subject}");
    json(&answer)
}

/// The server's statistics.
pub fn statsz(ops: &mut Client) -> Value {
    ask(ops, "$SYS.REQ.SERVER.PING.STATSZ", "")["statsz"].take()
}

/// Open and closed connections, subscriptions in detail.
pub fn connz(ops: &mut Client, nats: &MockNats, options: &str) -> Value {
    let subject = format!("$SYS.REQ.SERVER.{}.CONNZ", nats.server_id());
    ask(ops, &subject, options)["data"].take()
}
