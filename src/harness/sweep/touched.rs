//! What a test comes to see: a sample of each kind of answer and event.

use std::sync::{Arc, Mutex};

use nats_mock_protocol::subject;
use nats_mock_protocol::sys::{EventSubject, RequestSubject};
use serde_json::Value;

use crate::MockNats;
use crate::core::Receiver;
use crate::faults::{Effect, Occasion};
use crate::harness::programmed::{Events, On, Pattern, Replies};
use crate::net::locked;
use crate::recorded::EventKind;

/// Each kind with the first of it, in the order in which they came.
pub(super) type Samples = Vec<(Pattern, Value)>;

/// Collects samples during a run.
#[derive(Clone, Default)]
pub(super) struct Touched(Arc<Mutex<Samples>>);

impl Touched {
    /// Collects what is said in a deployment from now on.
    pub fn tap(&self, nats: &MockNats) {
        let replies: On<Replies> = nats.on_pattern(Pattern::AnyReply);
        let events: On<Events> = nats.on_pattern(Pattern::AnyEvent);
        replies.arm(self.effect(), "look").stay();
        events.arm(self.effect(), "look").stay();
    }

    fn effect(&self) -> Effect {
        let samples = Arc::clone(&self.0);
        Effect::Rewrite(Box::new(move |occasion, payload| {
            let mut samples = locked(&samples);
            if let Some(kind) = kind(occasion)
                && !samples.iter().any(|(known, _)| *known == kind)
                && let Ok(sample) = serde_json::from_slice(payload)
            {
                samples.push((kind, sample));
            }
            Ok(())
        }))
    }

    pub fn into_samples(self) -> Samples {
        std::mem::take(&mut locked(&self.0))
    }
}

/// What kind of answer a client gets, or what kind of event a client listens to.
fn kind(occasion: &Occasion<'_>) -> Option<Pattern> {
    let message = occasion.message;
    if let Some(request) = &message.request {
        let asked = std::str::from_utf8(&request.subject).ok()?;
        return Some(match RequestSubject::parse(asked) {
            Ok(RequestSubject::Server { endpoint, .. }) => Pattern::Endpoint(endpoint),
            Ok(RequestSubject::Account { endpoint, .. }) => Pattern::Account(endpoint),
            Ok(RequestSubject::Command { command, .. }) => Pattern::Command(command),
            _ => Pattern::Asked(asked.to_owned()),
        });
    }
    let subject = std::str::from_utf8(&message.subject).ok()?;
    let is_heard = occasion.core.subs_of(message.server).any(|(_, sub)| {
        matches!(sub.receiver, Receiver::Client(_))
            && sub.account == message.account
            && subject::matches(sub.subject(), &message.subject)
    });
    let kind = if message.is_trace {
        EventKind::MessageTrace
    } else {
        EventKind::of(EventSubject::parse(subject).ok()?)
    };
    is_heard.then_some(Pattern::Event(kind))
}
