//! The way out of everything that servers say, past the rules that a test has armed, and what is said
//! later because of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::encoding::Encoding;
use super::happening::Manner;
use super::system::Context;
use super::trace;
use crate::core::{AccountId, Outgoing, Request};
use crate::faults::{Message, Remains, Saying};

/// Marks the timers of this file; the number of the message stands in the lower half.
const TAG: u64 = 1 << 34;

/// What is said later.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    last: u32,
    waiting: BTreeMap<u32, Message>,
}

/// The message whose time a timer is.
pub(super) fn message_of(tag: u64) -> Option<u32> {
    (tag & TAG != 0).then_some((tag & 0xffff_ffff) as u32)
}

/// Something that is to be said.
pub(super) struct Draft<'a> {
    pub account: AccountId,
    pub subject: &'a [u8],
    /// Where an event expects answers, if it does.
    pub reply: &'a [u8],
    /// What is answered, unless it is an event.
    pub request: Option<&'a Request>,
    /// It tells the way of a message.
    pub is_trace: bool,
    /// The encodings that whoever hears it takes, if it may choose one.
    pub accept: Option<&'a [u8]>,
    /// Headers in front of the payload; empty if there are none.
    pub header: &'a [u8],
    pub payload: &'a [u8],
}

impl Context<'_> {
    /// Says something, unless a rule has it otherwise.
    pub fn say(&mut self, draft: &Draft<'_>) {
        let asked = draft.request.map(|request| &*request.subject);
        let saying =
            Saying::new(self.core, self.server, draft.subject, asked).tracing(draft.is_trace);
        // Who wants an answer is not telling, but asking.
        if !draft.reply.is_empty() || !self.rules.concern(&saying) {
            self.utter(draft, &[]);
            return;
        }
        let message = Message {
            server: self.server,
            account: draft.account,
            subject: draft.subject.into(),
            request: draft.request.cloned().map(Box::new),
            is_trace: draft.is_trace,
            accept: draft.accept.map(Into::into),
            header: draft.header.to_vec(),
            payload: draft.payload.to_vec(),
            delay: std::time::Duration::ZERO,
            faults: Vec::new(),
        };
        let Remains { messages, hits } = self.rules.pass(&saying, message);
        trace::hits(self.core, self.server, draft, &hits);
        let is_said = messages.iter().any(|message| message.delay.is_zero());
        if !hits.is_empty() && !is_said {
            let manner = Manner {
                is_said,
                faults: &hits,
            };
            self.tell(draft, manner);
        }
        for message in messages {
            self.say_in_time(message);
        }
    }

    /// Says what has passed the rules, at its time.
    pub fn say_in_time(&mut self, message: Message) {
        if message.delay.is_zero() {
            self.say_now(&message);
            return;
        }
        let outbox = &mut self.state.outbox;
        outbox.last = outbox.last.wrapping_add(1);
        let (number, due) = (outbox.last, self.core.now() + message.delay);
        outbox.waiting.insert(number, message);
        let tag = TAG | u64::from(number);
        self.core.set_service_timer(self.server, due, tag);
    }

    /// Says what has waited for its time.
    pub fn say_delayed(&mut self, number: u32) {
        if let Some(message) = self.state.outbox.waiting.remove(&number) {
            self.say_now(&message);
        }
    }

    /// A server that has gone says nothing any more of what it was to say.
    fn say_now(&mut self, message: &Message) {
        if self.core.server(self.server).phase == crate::core::Phase::Stopped {
            return;
        }
        let draft = Draft {
            account: message.account,
            subject: &message.subject,
            reply: b"",
            request: message.request.as_deref(),
            is_trace: message.is_trace,
            accept: message.accept.as_deref(),
            header: &message.header,
            payload: &message.payload,
        };
        self.utter(&draft, &message.faults);
    }

    fn utter(&mut self, draft: &Draft<'_>, faults: &[Arc<str>]) {
        let manner = Manner {
            is_said: true,
            faults,
        };
        self.tell(draft, manner);
        if !draft.header.is_empty() {
            let message = [draft.header, draft.payload].concat();
            self.publish_message(draft, Some(draft.header.len()), &message);
            return;
        }
        if let Some(encoding) = draft.accept.and_then(Encoding::among) {
            let (header_len, payload) = encoding.message(draft.payload);
            self.publish_message(draft, Some(header_len), &payload);
            return;
        }
        self.publish_message(draft, None, draft.payload);
    }

    /// Lets those know who follow what servers say.
    fn tell(&mut self, draft: &Draft<'_>, manner: Manner<'_>) {
        trace::said(self.core, self.server, draft, manner);
        self.journal.said(self.core, self.server, draft, manner);
    }

    fn publish_message(&mut self, draft: &Draft<'_>, header_len: Option<usize>, payload: &[u8]) {
        let message = Outgoing {
            subject: draft.subject,
            reply: Some(draft.reply),
            header_len,
            payload,
            digits: None,
        };
        self.core
            .publish_internal(self.server, draft.account, &message);
    }
}
