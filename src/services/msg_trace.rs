//! What is told of the way of messages, in the account that they were published in.

use nats_mock_protocol::json;

use super::outbox::Draft;
use super::system::Context;
use crate::core::Traced;

pub(super) fn traced(context: &mut Context<'_>, traced: Traced) {
    let mut event = traced.event;
    event.server = context.envelope();
    context.say(&Draft {
        account: traced.account,
        subject: &traced.subject,
        reply: b"",
        request: None,
        is_trace: true,
        accept: Some(traced.encoding.as_bytes()),
        header: b"",
        payload: &json::to_vec(&event),
    });
}
