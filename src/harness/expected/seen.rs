//! What clients have done, as conditions look at it.

use std::sync::Arc;

use bytes::Bytes;
use nats_mock_protocol::headers::Headers;

use crate::services::{ConnectionRecord, MessageRecord, Requester, SubscriptionRecord};

/// A message as a client has published it.
#[derive(Clone, Debug)]
pub struct Published(pub(super) Arc<MessageRecord>);

/// A client that has logged in.
#[derive(Clone, Debug)]
pub struct Arrival(pub(super) Arc<ConnectionRecord>);

/// A subscription that a client has made.
#[derive(Clone, Debug)]
pub struct Subscribed(pub(super) Arc<SubscriptionRecord>);

impl Published {
    /// Who has published it.
    pub fn by(&self) -> &Requester {
        &self.0.by
    }

    /// The name of the server that it was published at.
    pub fn server_name(&self) -> &str {
        &self.0.server.name
    }

    /// What it was published to.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Where answers are expected.
    pub fn reply(&self) -> Option<&str> {
        self.0.reply.as_deref()
    }

    /// The headers, if there are any that can be read.
    pub fn headers(&self) -> Option<Headers> {
        let header = Some(&self.0.header).filter(|header| !header.is_empty())?;
        Headers::parse_lenient(header).ok()
    }

    /// The payload, without headers.
    pub fn payload(&self) -> &Bytes {
        &self.0.payload
    }

    /// The payload as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.payload).into_owned()
    }
}

impl Arrival {
    /// Who it is.
    pub fn by(&self) -> &Requester {
        &self.0.by
    }

    /// The name of the server that it has connected to.
    pub fn server_name(&self) -> &str {
        &self.0.server.name
    }

    /// The language of the client library, as it says; may be empty.
    pub fn lang(&self) -> &str {
        &self.0.lang
    }

    /// The version of the client library, as it says; may be empty.
    pub fn version(&self) -> &str {
        &self.0.version
    }
}

impl Subscribed {
    /// Who has subscribed.
    pub fn by(&self) -> &Requester {
        &self.0.by
    }

    /// The name of the server that it has subscribed at.
    pub fn server_name(&self) -> &str {
        &self.0.server.name
    }

    /// What it listens to.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The queue group.
    pub fn queue(&self) -> Option<&str> {
        self.0.queue.as_deref()
    }
}
