//! Answers to requests from other clusters. Whether a subscription that was only just made is known
//! there is uncertain, so a request sent by a gateway says to which server its answers are to go, if
//! somebody of its cluster has only just subscribed to them. Whoever gets such a request answers that
//! server directly, and the answer is not counted for the account where it arrives.

use std::time::Duration;

use super::Core;
use super::account::AccountId;
use super::deliver::{Delivery, Origin};

/// For how long a subscription is new, and for how long an answer goes where the request said.
pub(super) const RECENT: Duration = Duration::from_secs(2);

/// What a message is to those of other clusters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crossing {
    /// It has come by a gateway, and says to which server the answers are to go.
    pub asks: bool,
    /// It is such an answer.
    pub answers: bool,
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
        asked.is_some_and(|asked| asked.get(subject, self.now).is_some())
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
            let asked = &mut account.on_server_mut(delivery.at).asked;
            asked.keep(reply, now, RECENT, ());
        }
    }
}
