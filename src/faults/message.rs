//! What passes the rules.

use std::sync::Arc;
use std::time::Duration;

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
    /// Whether the requester may choose an encoding.
    pub encodable: bool,
    /// Headers in front of the payload; empty if there are none.
    pub header: Vec<u8>,
    pub payload: Vec<u8>,
    /// How much later it is said.
    pub delay: Duration,
    /// What has been done to it, as people read it.
    pub faults: Vec<Arc<str>>,
}

/// One chance for a rule to act.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion<'a> {
    pub core: &'a Core,
    pub message: &'a Message,
}
