//! Answers to requests from other clusters. Whether a subscription that was only just made is known
//! there is uncertain, so a request sent by a gateway says to which server its answers are to go, if
//! somebody of its cluster has only just subscribed to them. Whoever gets such a request answers that
//! server directly, and the answer is not counted for the account where it arrives.

use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Core;
use super::account::AccountId;
use super::deliver::{Delivery, Origin};
use super::time::Time;

/// For how long a subscription is new, and for how long an answer goes where the request said.
const RECENT: Duration = Duration::from_secs(2);

/// What a message is to those of other clusters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crossing {
    /// It has come by a gateway, and says to which server the answers are to go.
    pub asks: bool,
    /// It is such an answer.
    pub answers: bool,
}

/// The subjects on which answers are expected, and until when.
#[derive(Debug, Default)]
pub(super) struct Asked(Option<Box<Replies>>);

#[derive(Debug, Default)]
struct Replies {
    until: HashMap<Box<[u8]>, Time, FixedState>,
    /// How many there may be before those that are too old are looked for.
    swept_at: usize,
}

/// So many are kept without a look at their age.
const FEW: usize = 64;

/// No more are kept, though time may stand still: the count of an answer is not worth the memory.
const MOST: usize = 1 << 16;

impl Asked {
    pub fn note(&mut self, reply: &[u8], now: Time) {
        let Replies { until, swept_at } = &mut **self.0.get_or_insert_default();
        if until.len() >= *swept_at {
            until.retain(|_, until| *until > now);
            if until.len() >= MOST {
                until.clear();
            }
            *swept_at = FEW.max(2 * until.len());
        }
        until.insert(reply.into(), now + RECENT);
    }

    fn expects(&self, subject: &[u8], now: Time) -> bool {
        let replies = self.0.as_ref();
        let until = replies.and_then(|replies| replies.until.get(subject));
        until.is_some_and(|until| *until > now)
    }
}

impl Delivery<'_> {
    /// The reply subject, if it comes with the server to which answers are to go.
    pub(super) fn asks_for_answers_at(&self) -> Option<&[u8]> {
        let reply = self.message.reply.filter(|reply| !reply.is_empty());
        reply.filter(|_| self.crossing.asks)
    }
}

impl Core {
    /// What a message is to other clusters, to which it is about to be sent.
    pub(super) fn crossing(&self, delivery: &Delivery<'_>) -> Crossing {
        let subject = delivery.message.subject;
        Crossing {
            asks: self.has_just_subscribed(delivery),
            answers: self.is_awaited_elsewhere(delivery.origin, delivery.account, subject),
        }
    }

    /// Whether a subject is that of an answer which goes where the request said.
    pub(super) fn is_awaited_elsewhere(
        &self,
        origin: Origin,
        account: AccountId,
        subject: &[u8],
    ) -> bool {
        let asked = match origin {
            Origin::Client(id) | Origin::Leaf(id) => self.conn(id).map(|conn| &conn.asked),
            Origin::System(server) => Some(&self.account(account).on_server(server).asked),
        };
        asked.is_some_and(|asked| asked.expects(subject, self.now))
    }

    /// Whether the answers to a message go to a new subscription in its own cluster.
    fn has_just_subscribed(&self, delivery: &Delivery<'_>) -> bool {
        let reply = delivery.message.reply.filter(|reply| !reply.is_empty());
        let Some(reply) = reply else { return false };
        let since = self.now - RECENT;
        let cluster = self.server(delivery.server).cluster;
        self.account(delivery.account)
            .subs
            .listeners(reply)
            .into_iter()
            .map(|id| self.sub(id))
            .any(|sub| sub.since > since && self.server(sub.server).cluster == cluster)
    }

    /// Remembers that services of the server which has just got a message answer to where it came from.
    pub(super) fn note_asked_of_services(&mut self, delivery: &Delivery<'_>) {
        if let Some(reply) = delivery.asks_for_answers_at() {
            let now = self.now;
            let account = self.account_mut(delivery.account);
            account.on_server_mut(delivery.at).asked.note(reply, now);
        }
    }
}
