//! Events that a test makes up, in the name of a server.

use nats_mock_protocol::json;
use serde_json::Value;

use super::outbox::Draft;
use super::system::Context;

/// Publishes an event. If it is to be completed, what is empty of its envelope is filled in.
pub(super) fn emit(context: &mut Context<'_>, subject: &str, payload: &[u8], completes: bool) {
    let completed = completes.then(|| complete(context, payload)).flatten();
    context.say(&Draft {
        account: context.system,
        subject: subject.as_bytes(),
        reply: b"",
        request: None,
        is_trace: false,
        accept: None,
        header: b"",
        payload: completed.as_deref().unwrap_or(payload),
    });
}

/// The event with its envelope, if it is one that has any.
fn complete(context: &mut Context<'_>, payload: &[u8]) -> Option<Vec<u8>> {
    const NO_TIME: &str = "0001-01-01T00:00:00Z";
    let mut event: Value = serde_json::from_slice(payload).ok()?;
    let is_empty = |value: &Value| value.as_str().is_none_or(str::is_empty);
    if event.get("type").is_some() {
        if event.get("id").is_none_or(is_empty) {
            event["id"] = context.next_event_id().into();
        }
        if event.get("timestamp").is_none_or(|time| time == NO_TIME) {
            event["timestamp"] = serde_json::to_value(context.utc_now()).ok()?;
        }
    }
    // LAMEDUCK and SHUTDOWN are nothing but the envelope.
    let envelope = match event.get("server") {
        None if event.get("ver").is_some() => Some(&mut event),
        _ => event.get_mut("server"),
    };
    if let Some(envelope) = envelope
        && envelope.get("id").is_none_or(is_empty)
    {
        *envelope = serde_json::to_value(context.envelope()).ok()?;
    }
    Some(json::to_vec(&event))
}
