//! Messages over leaf node connections.
//!
//! One copy goes over a connection, however many listen behind it. It names the queue groups of which
//! a member there is to get it.

use std::sync::Arc;

use nats_mock_protocol::subject;

use super::account::AccountId;
use super::conn::ConnId;
use super::deliver::{Delivery, Origin};
use super::ids;
use super::imports::Course;
use super::leaf_dial::AFTER_VIOLATION;
use super::msg_trace::Undelivered;
use super::route::Moved;
use super::server::{Phase, ServerId};
use super::sublist::QueueGroup;
use super::subs::{Receiver, SubId};
use super::transit::Transit;
use super::{CloseReason, Core, Outgoing};
use crate::version::Feature;

/// A copy that is to go over a leaf node connection.
#[derive(Debug)]
pub(super) struct LeafCopy {
    /// The end that it leaves from.
    pub end: ConnId,
    pub groups: Vec<Box<[u8]>>,
    /// The subject there, if it has become another on the way from another account.
    pub subject: Option<Box<[u8]>>,
    /// Why it does not go, which is only told where its way is.
    pub refused: Option<Undelivered>,
}

impl Core {
    /// Whether what comes from `origin` stays on the server where it came: a leaf node does not put on
    /// routes what its hub sends, because its peers hear it from the hub themselves.
    pub(super) fn stays_where_it_came(&self, origin: Origin) -> bool {
        match origin {
            Origin::Leaf(end) => self.leaf(end).is_some_and(|leaf| leaf.is_spoke),
            Origin::Client(_) | Origin::System(_) => false,
        }
    }

    /// Hands a message to a leaf node connection. A `group` is the queue group for which it has been
    /// chosen, and `renamed` the subject that it has there if that is another.
    pub(super) fn deliver_to_leaf(
        &mut self,
        delivery: &mut Delivery<'_>,
        sub: SubId,
        end: ConnId,
        group: Option<&[u8]>,
        renamed: Option<&[u8]>,
    ) -> bool {
        let Some(place) = self.conn(end).map(|conn| conn.server) else {
            return false;
        };
        if !self.may_cross(delivery, end, place) {
            return false;
        }
        if !self.is_open(delivery, place, sub, group.is_some()) {
            return false;
        }
        if place != delivery.at {
            match self.move_to(delivery, place, sub) {
                Moved::There => {}
                Moved::UnderWay(index) => {
                    let groups = &mut delivery.under_way[index].groups;
                    groups.extend(group.map(Into::into));
                    return true;
                }
                Moved::Not => return false,
            }
        }
        let subject = delivery.message.subject;
        let size = delivery.message.payload.len() as u64;
        let Some(conn) = super::conn_mut(&mut self.conns, end) else {
            return false;
        };
        let profile = self.servers[usize::from(place.0)].profile;
        let is_spoke = conn.leaf.as_deref().is_some_and(|leaf| leaf.is_spoke);
        // A hub that has looked at what a wildcard subscription may get finds that first.
        let looks_first = !is_spoke
            && profile.has(Feature::LeafFiltersByHub)
            && subject::has_wildcard(self.subs[sub.index()].subject());
        let refused = conn.rights.as_mut().and_then(|rights| {
            if !rights.may_receive(subject, None) {
                Some(Undelivered::ReceiverDenied)
            } else if rights.may_publish_always(subject) {
                None
            } else if looks_first && rights.denies_publishing(subject) {
                Some(Undelivered::ReceiverDenied)
            } else {
                Some(Undelivered::SenderDenied)
            }
        });
        if refused.is_some() && !self.asks_for_trace {
            return false;
        }
        if let Some(copy) = delivery.leafs.iter_mut().find(|copy| copy.end == end) {
            copy.groups.extend(group.map(Into::into));
            return copy.refused.is_none();
        }
        if self.asks_for_trace {
            let peer = conn.leaf.as_deref().map(|leaf| leaf.peer);
            self.subs[sub.index()].matched += u64::from(refused.is_none());
            delivery.leafs.push(LeafCopy {
                end,
                groups: group.map(Into::into).into_iter().collect(),
                subject: renamed.map(Into::into),
                refused,
            });
            return refused.is_none() && peer.is_some_and(|peer| self.is_taken_by(peer));
        }
        self.subs[sub.index()].matched += 1;
        self.count_sent_over_leaf(end, delivery.account, place, size);
        delivery.leafs.push(LeafCopy {
            end,
            groups: group.map(Into::into).into_iter().collect(),
            subject: renamed.map(Into::into),
            refused: None,
        });
        true
    }

    /// Counts a message that leaves a server over a leaf node connection.
    pub(super) fn count_sent_over_leaf(
        &mut self,
        end: ConnId,
        account: AccountId,
        server: ServerId,
        size: u64,
    ) {
        let now = self.now;
        if let Some(conn) = super::conn_mut(&mut self.conns, end) {
            conn.sent.add(1, size);
            conn.last = now;
        }
        self.server_mut(server).sent.add(1, size);
        let here = self.account_mut(account).on_server_mut(server);
        here.sent.add(1, size);
        here.leaf_links.sent.add(1, size);
    }

    /// Whether a message may go over a connection that its account has on the server `place`. It does not
    /// go back to where it came from.
    fn may_cross(&self, delivery: &Delivery<'_>, end: ConnId, place: ServerId) -> bool {
        let Some(conn) = self.conn(end).filter(|conn| !conn.is_closing()) else {
            return false;
        };
        let Some(leaf) = conn.leaf.as_deref() else {
            return false;
        };
        if let Origin::Leaf(from) = delivery.origin {
            let Some(origin) = self.leaf(from) else {
                return from != end;
            };
            let same_cluster = !origin.cluster.is_empty() && origin.cluster == leaf.cluster;
            if from == end || same_cluster {
                return false;
            }
        }
        if place != delivery.entry && !self.share_cluster(delivery.entry, place) {
            return false;
        }
        let is_answer = delivery.message.subject.starts_with(b"_R_.");
        !leaf.is_spoke || place == delivery.server || is_answer
    }

    /// Whether a gateway has told of a subscription: not of what comes from a hub.
    pub(super) fn is_told_by_gateways(&self, sub: SubId) -> bool {
        match self.subs.get(sub.index()).map(|sub| sub.receiver) {
            Some(Receiver::Leaf { end, .. }) => self.leaf(end).is_some_and(|leaf| !leaf.is_spoke),
            Some(_) => true,
            None => false,
        }
    }

    /// Hands a message to one member of a queue group, and to a leaf node connection only if no other
    /// gets it.
    pub(super) fn deliver_to_group_with_leafs(
        &mut self,
        delivery: &mut Delivery<'_>,
        group: &QueueGroup,
    ) -> bool {
        let members = &group.members;
        let start = self.pick_weighted(members);
        let mut chosen = None;
        for &sub in members[start..].iter().chain(&members[..start]) {
            let known = self.subs.get(sub.index());
            let Some((receiver, place)) = known.map(|sub| (sub.receiver, sub.server)) else {
                continue;
            };
            if let Receiver::Leaf { end, .. } = receiver {
                if chosen.is_none() && self.may_cross(delivery, end, place) {
                    chosen = Some((sub, end));
                }
            } else if self.deliver_where_it_is(delivery, sub, Some(&group.name)) {
                return true;
            }
        }
        chosen.is_some_and(|(sub, end)| {
            self.deliver_to_leaf(delivery, sub, end, Some(&group.name), None)
        })
    }

    /// Where to begin among the members of a group. Those behind a leaf node connection count one by one.
    fn pick_weighted(&mut self, members: &[SubId]) -> usize {
        let weight = |sub: &SubId| match self.subs.get(sub.index()).map(|sub| sub.receiver) {
            Some(Receiver::Leaf { weight, .. }) => u64::from(weight),
            _ => 1,
        };
        let weights: Vec<u64> = members.iter().map(weight).collect();
        let total: u64 = weights.iter().sum();
        if members.len() < 2 || total == 0 {
            return 0;
        }
        let mut left = ids::below(total, &mut self.queue_picks);
        let mut place = 0;
        while place + 1 < weights.len() && left >= weights[place] {
            left -= weights[place];
            place += 1;
        }
        place
    }

    /// Hands on what has come out of deliveries for the other ends of leaf node connections, when no
    /// delivery is under way any more.
    pub(super) fn hand_on(&mut self) {
        if self.open_deliveries > 0 || self.leaf_crossings.is_empty() {
            return;
        }
        self.open_deliveries += 1;
        while let Some(transit) = self.leaf_crossings.pop_front() {
            self.arrive(transit);
        }
        self.open_deliveries -= 1;
    }

    /// A message has come to the other end of a leaf node connection.
    pub(super) fn arrive_over_leaf(
        &mut self,
        end: ConnId,
        transit: &Transit,
        message: &Outgoing<'_>,
    ) {
        let size = message.payload.len();
        let now = self.now;
        let Some(conn) = self.conn_mut(end).filter(|conn| !conn.is_closing()) else {
            return;
        };
        let (server, account) = (conn.server, conn.account);
        if conn.max_payload.is_some_and(|max| size > max as usize) {
            let reason = CloseReason::MaxPayloadExceeded;
            self.close(end, reason);
            return;
        }
        conn.received.add(1, size as u64);
        conn.last = now;
        conn.last_in = now;
        let mut cache = std::mem::take(&mut conn.matches);
        if self.server(server).phase != Phase::Stopped {
            self.server_mut(server).received.add(1, size as u64);
            let here = self.account_mut(account).on_server_mut(server);
            here.received.add(1, size as u64);
            here.leaf_links.received.add(1, size as u64);
            if self.accepts_from_leaf(end, message.subject) {
                let origin = Origin::Leaf(end);
                let generation = self.account(account).subs.generation();
                let known = cache.get(message.subject, account, generation);
                let found = known.map(Arc::clone).unwrap_or_else(|| {
                    let found = self.look_up_published(origin, server, account, message.subject);
                    if found.is_remembered {
                        cache.put(message.subject, Arc::clone(&found.result));
                    }
                    found.result
                });
                self.deliver_for(
                    origin,
                    server,
                    account,
                    &found,
                    message,
                    Course::over_leaf(transit.depth()),
                    Some(transit.groups()),
                );
            }
        }
        if let Some(conn) = self.conn_mut(end) {
            conn.matches = cache;
        }
    }

    /// Whether the other end may send a message. A hub does without a leaf node that sends others.
    fn accepts_from_leaf(&mut self, end: ConnId, subject: &[u8]) -> bool {
        let now = self.now;
        if subject.starts_with(b"_R_.") {
            return true;
        }
        let Some(leaf) = self.leaf_mut(end) else {
            return false;
        };
        let accepts = match &mut leaf.accepts {
            Some(rights) => rights.may_publish(subject, now),
            None => true,
        };
        if !accepts {
            let reason = CloseReason::ProtocolViolation;
            self.break_leaf(end, reason, CloseReason::ClientClosed, AFTER_VIOLATION);
        }
        accepts
    }
}
