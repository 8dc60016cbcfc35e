//! What passes the rules.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use nats_mock_protocol::sys::{EventSubject, RequestSubject};

use crate::core::{AccountId, Core, Request, ServerId};

/// What a server is about to say.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub server: ServerId,
    /// The account that it is published in.
    pub account: AccountId,
    pub subject: Box<[u8]>,
    /// What it answers, unless it is an event.
    pub request: Option<Box<Request>>,
    /// It tells the way of a message that a client has sent.
    pub is_trace: bool,
    /// The encodings that the requester takes, if it may choose one.
    pub accept: Option<Box<[u8]>>,
    /// Headers in front of the payload; empty if there are none.
    pub header: Vec<u8>,
    pub payload: Vec<u8>,
    /// How much later it is said.
    pub delay: Duration,
    /// What has been done to it, as people read it.
    pub faults: Vec<Arc<str>>,
}

/// What is known of a message without a look into it. What no rule can be about is told by this, and never
/// made a [`Message`].
#[derive(Debug)]
pub(crate) struct Saying<'a> {
    pub core: &'a Core,
    pub server: ServerId,
    subject: &'a [u8],
    /// The subject of the request that it answers, unless it is an event.
    pub asked: Option<&'a [u8]>,
    request: OnceCell<Option<RequestSubject<'a>>>,
    /// It tells the way of a message that a client has sent.
    pub is_trace: bool,
}

impl<'a> Saying<'a> {
    /// Of a message to a subject, which may be the answer to a request with a subject of its own.
    pub fn new(
        core: &'a Core,
        server: ServerId,
        subject: &'a [u8],
        asked: Option<&'a [u8]>,
    ) -> Self {
        Self {
            core,
            server,
            subject,
            asked,
            request: OnceCell::new(),
            is_trace: false,
        }
    }

    /// The same, of what may tell the way of a message.
    pub fn tracing(mut self, is_trace: bool) -> Self {
        self.is_trace = is_trace;
        self
    }

    /// What it answers, if that is one of the known requests; read once for all rules.
    pub fn request(&self) -> Option<RequestSubject<'a>> {
        let read = || RequestSubject::parse(std::str::from_utf8(self.asked?).ok()?).ok();
        *self.request.get_or_init(read)
    }

    /// Which event it is, if that is one of the known ones.
    pub fn event(&self) -> Option<EventSubject<'a>> {
        EventSubject::parse(std::str::from_utf8(self.subject).ok()?).ok()
    }
}

/// One chance for a rule to act.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion<'a> {
    pub core: &'a Core,
    pub message: &'a Message,
}
