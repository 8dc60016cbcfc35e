//! From one server to another: which way a message goes, and who counts it.

use super::Core;
use super::account::AccountId;
use super::deliver::Delivery;
use super::links::Passage;
use super::server::ServerId;
use super::subs::SubId;
use super::transit::UnderWay;
use crate::version::Feature;

/// Whether a message could go on to another server.
pub(super) enum Moved {
    There,
    /// It arrives later; the place in the list of those that do.
    UnderWay(usize),
    Not,
}

impl Core {
    /// Takes a message to another server of the cluster that it has entered, if there is a way, because of
    /// a subscription there.
    pub(super) fn move_to(
        &mut self,
        delivery: &mut Delivery<'_>,
        to: ServerId,
        sub: SubId,
    ) -> Moved {
        self.count_delivered(delivery);
        let home = delivery.entry;
        if to == home {
            delivery.go_to(to);
            return Moved::There;
        }
        if let Some(later) = delivery.under_way.iter().position(|way| way.to == to) {
            return self.moved_asking(later, to);
        }
        if self.server(to).crossed_by == delivery.stamp {
            delivery.go_to(to);
            return Moved::There;
        }
        let stays = delivery.stays && home == delivery.server;
        if stays || !self.share_cluster(home, to) || !self.is_linked(home, to) {
            return Moved::Not;
        }
        if self.asks_for_trace {
            return self.move_asking(delivery, to, sub);
        }
        self.server_mut(to).crossed_by = delivery.stamp;
        let size = delivery.message.payload.len() as u64;
        let pair = (!delivery.to_all).then_some(to);
        self.count_sent(delivery.account, home, pair, size);
        if !delivery.to_all {
            self.count_sent_for(sub, home, to);
        }
        match self.passage(home, to) {
            Passage::Now => {
                self.count_arrived(delivery, to);
                delivery.go_to(to);
                Moved::There
            }
            passage => {
                delivery.under_way.push(UnderWay {
                    from: home,
                    to,
                    by_gateway: false,
                    crossing: delivery.crossing,
                    passage,
                    groups: Vec::new(),
                    owed: None,
                });
                Moved::UnderWay(delivery.under_way.len() - 1)
            }
        }
    }

    /// Counts a message that leaves a server by a route, for the route too unless it goes to all.
    pub(super) fn count_sent(
        &mut self,
        account: AccountId,
        from: ServerId,
        to: Option<ServerId>,
        size: u64,
    ) {
        self.server_mut(from).sent.add(1, size);
        let here = self.account_mut(account).on_server_mut(from);
        here.sent.add(1, size);
        here.routes.sent.add(1, size);
        if let Some(to) = to {
            let now = self.now;
            let pairs = &mut self.server_mut(from).routed.pairs;
            let accounts = pairs.entry(to).or_default();
            accounts.entry(account).or_default().add(size, now);
        }
    }

    /// Counts a message that has left a server by all its routes.
    pub(super) fn count_broadcast(&mut self, account: AccountId, from: ServerId, size: u64) {
        let now = self.now;
        let to_all = &mut self.server_mut(from).routed.to_all;
        to_all.entry(account).or_default().add(size, now);
    }

    /// Counts a message that has come to a server by a route.
    pub(super) fn count_arrived(&mut self, delivery: &Delivery<'_>, to: ServerId) {
        let (account, size) = (delivery.account, delivery.message.payload.len() as u64);
        self.count_routed_lookup(delivery, delivery.entry, to);
        let profile = self.server(to).profile;
        let counted = if !profile.has(Feature::RoutedMessagesReceived) {
            0
        } else if !profile.has(Feature::PinnedAccountsCountedOnce) && self.is_pinned(account, to) {
            2
        } else {
            1
        };
        self.server_mut(to).received.add(1, size);
        if delivery.crossing.answers {
            return;
        }
        let here = self.account_mut(account).on_server_mut(to);
        here.received.add(counted, counted * size);
        here.routes.received.add(1, size);
    }
}
