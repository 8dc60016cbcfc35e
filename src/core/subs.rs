//! Subscriptions: who asked for what, and how much of it has come.

use super::account::AccountId;
use super::conn::ConnId;
use super::server::ServerId;
use super::time::Time;

/// A subscription's place in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SubId(u32);

impl SubId {
    /// Set for subscriptions that every server of a mesh has alike, which are kept once.
    const EVERY_SERVER: u32 = 1 << 31;

    pub fn new(index: usize, server: ServerId) -> Self {
        let every = if server == ServerId::EVERY {
            Self::EVERY_SERVER
        } else {
            0
        };
        Self(index as u32 | every)
    }

    pub fn index(self) -> usize {
        (self.0 & !Self::EVERY_SERVER) as usize
    }

    pub fn is_of_every_server(self) -> bool {
        self.0 & Self::EVERY_SERVER != 0
    }
}

/// Who receives what a subscription matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// A client connection.
    Client(ConnId),
    /// A system service; the tag is the one it subscribed with. Without one nothing comes of what it
    /// hears.
    Service(Option<u32>),
    /// A service that a test has made up; the tag is its own.
    MadeUp(u32),
    /// A service import of the account: the index in its list.
    Import(u32),
    /// The answers to service imports, on their way back.
    ImportReplies,
    /// The answer of a service that was asked who a client is.
    Callout(ConnId),
    /// Whoever has the subscription `of` another account, which imports what is listened to here: the
    /// place in its list of streams.
    Shadow { of: SubId, import: u32 },
    /// Whoever listens behind a leaf node connection. In a queue group they are as many as `weight`.
    Leaf { end: ConnId, weight: u32 },
}

impl Receiver {
    /// Whether it gets what its account imports.
    pub fn casts_shadows(self) -> bool {
        matches!(self, Self::Client(_) | Self::MadeUp(_) | Self::Leaf { .. })
    }
}

#[derive(Debug)]
pub(crate) struct Sub {
    pub receiver: Receiver,
    pub server: ServerId,
    pub account: AccountId,
    /// When it was entered into the account's list.
    pub since: Time,
    /// Whether other servers are told of it.
    pub told: bool,
    /// Whether only servers of old releases tell others of it; see
    /// [`Feature::UserInfoNotTold`](crate::version::Feature).
    pub told_by_old: bool,
    /// Messages matched since the subscription was made.
    pub matched: u64,
    /// Unsubscribes by itself at this many; 0 never.
    pub max: u64,
    /// Subject, queue and sid in one piece: there may be a million of these.
    text: Box<[u8]>,
    subject_len: u32,
    /// Length of the queue name plus one; 0 is no queue.
    queue_len: u32,
}

impl Sub {
    pub fn new(
        receiver: Receiver,
        server: ServerId,
        account: AccountId,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
    ) -> Self {
        let mut text = Vec::with_capacity(subject.len() + queue.map_or(0, <[u8]>::len) + sid.len());
        text.extend_from_slice(subject);
        text.extend_from_slice(queue.unwrap_or_default());
        text.extend_from_slice(sid);
        Self {
            receiver,
            server,
            account,
            since: Time::default(),
            told: !matches!(receiver, Receiver::Import(_)),
            told_by_old: false,
            matched: 0,
            max: 0,
            text: text.into_boxed_slice(),
            // Both are bounded by the control line, whose limit is a 32-bit number.
            subject_len: subject.len() as u32,
            queue_len: queue.map_or(0, |queue| queue.len() as u32 + 1),
        }
    }

    pub fn subject(&self) -> &[u8] {
        &self.text[..self.subject_len as usize]
    }

    pub fn queue(&self) -> Option<&[u8]> {
        let start = self.subject_len as usize;
        let len = self.queue_len.checked_sub(1)? as usize;
        Some(&self.text[start..start + len])
    }

    pub fn sid(&self) -> &[u8] {
        let start = self.subject_len + self.queue_len.saturating_sub(1);
        &self.text[start as usize..]
    }
}
