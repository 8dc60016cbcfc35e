//! What clients do, as expectations look at it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::RequestRecord;
use super::journal::{Requester, ServerName, Size};
use crate::core::{ClientSnapshot, Core, Published, ServerId, Subscribed};

/// Something that a client has done.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Request(Arc<RequestRecord>),
    Message(Arc<MessageRecord>),
    Connection(Arc<ConnectionRecord>),
    Subscription(Arc<SubscriptionRecord>),
}

/// What sort of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeenKind {
    Request,
    Message,
    Connection,
    Subscription,
}

/// A message as it was published.
#[derive(Debug)]
pub struct MessageRecord {
    pub by: Requester,
    pub server: ServerName,
    pub subject: Box<str>,
    pub reply: Option<Box<str>>,
    pub header: Box<[u8]>,
    pub payload: Bytes,
}

/// A client that has logged in.
#[derive(Debug)]
pub struct ConnectionRecord {
    pub by: Requester,
    pub server: ServerName,
    pub lang: Box<str>,
    pub version: Box<str>,
}

/// A subscription as it was made.
#[derive(Debug)]
pub struct SubscriptionRecord {
    pub by: Requester,
    pub server: ServerName,
    pub subject: Box<str>,
    pub queue: Option<Box<str>>,
}

fn text(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}

impl Seen {
    pub fn published(core: &Core, message: Published) -> Self {
        let Published {
            server,
            client,
            subject,
            reply,
            header,
            payload,
        } = message;
        Self::Message(Arc::new(MessageRecord {
            by: Requester::new(core, client),
            server: ServerName::of(core, server),
            subject: text(&subject),
            reply: reply.map(|reply| text(&reply)),
            header,
            payload: Bytes::from(payload),
        }))
    }

    pub fn connected(core: &Core, server: ServerId, client: &ClientSnapshot) -> Self {
        Self::Connection(Arc::new(ConnectionRecord {
            by: Requester::new(core, client.clone()),
            server: ServerName::of(core, server),
            lang: client.lang.clone(),
            version: client.version.clone(),
        }))
    }

    pub fn subscribed(core: &Core, subscribed: Subscribed) -> Self {
        let Subscribed {
            server,
            client,
            subject,
            queue,
        } = subscribed;
        Self::Subscription(Arc::new(SubscriptionRecord {
            by: Requester::new(core, client),
            server: ServerName::of(core, server),
            subject: text(&subject),
            queue: queue.map(|queue| text(&queue)),
        }))
    }

    pub fn kind(&self) -> SeenKind {
        match self {
            Self::Request(_) => SeenKind::Request,
            Self::Message(_) => SeenKind::Message,
            Self::Connection(_) => SeenKind::Connection,
            Self::Subscription(_) => SeenKind::Subscription,
        }
    }

    /// What it takes, at least.
    pub fn size(&self) -> usize {
        let texts = match self {
            Self::Request(it) => it.size(),
            Self::Message(it) => {
                it.subject.len()
                    + it.reply.as_deref().map_or(0, str::len)
                    + it.header.len()
                    + it.payload.len()
            }
            Self::Connection(it) => it.lang.len() + it.version.len(),
            Self::Subscription(it) => it.subject.len() + it.queue.as_deref().map_or(0, str::len),
        };
        texts + self.by().map_or(0, Requester::size)
    }

    pub fn server(&self) -> &ServerName {
        match self {
            Self::Request(it) => &it.server,
            Self::Message(it) => &it.server,
            Self::Connection(it) => &it.server,
            Self::Subscription(it) => &it.server,
        }
    }

    /// Who has done it, if it was a client of the deployment.
    pub fn by(&self) -> Option<&Requester> {
        match self {
            Self::Request(it) => it.from.as_ref(),
            Self::Message(it) => Some(&it.by),
            Self::Connection(it) => Some(&it.by),
            Self::Subscription(it) => Some(&it.by),
        }
    }
}

impl SeenKind {
    /// Several of them.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Request => "requests",
            Self::Message => "messages",
            Self::Connection => "connections",
            Self::Subscription => "subscriptions",
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(it) => write!(f, "request {}", it.subject)?,
            Self::Message(it) => write!(f, "message {} of {} bytes", it.subject, it.payload.len())?,
            Self::Connection(_) => f.write_str("connection")?,
            Self::Subscription(it) => {
                write!(f, "subscription {}", it.subject)?;
                if let Some(queue) = &it.queue {
                    write!(f, " in queue group {queue}")?;
                }
            }
        }
        write!(f, " at {}", self.server().name)?;
        match self.by() {
            Some(by) => write!(f, " by {by}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Requester {
    /// The user and the account, and the name if there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_deref().unwrap_or("nobody");
        write!(f, "{user} of {}", self.account)?;
        if self.name.is_empty() {
            Ok(())
        } else {
            write!(f, " ({:?})", self.name)
        }
    }
}
