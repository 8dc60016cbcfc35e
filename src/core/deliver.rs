//! From a published message to its receivers. This is the hot path: in the steady state it
//! allocates nothing per message.

use std::sync::Arc;

use nats_mock_protocol::wire::encode;

use super::Core;
use super::account::AccountId;
use super::asked::Crossing;
use super::conn::{ConnId, MatchCache};
use super::frame::Frame;
use super::ids;
use super::imports::Course;
use super::leaf_deliver::LeafCopy;
use super::notice::{Answer, Notice, Request};
use super::route::Moved;
use super::server::ServerId;
use super::sublist::{MatchResult, QueueGroup};
use super::subs::{Receiver, SubId};
use super::transit::UnderWay;
use crate::version::Feature;

/// A message on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub subject: &'a [u8],
    /// Where answers are expected. The empty subject is written out, as nats-server does with
    /// messages of its own.
    pub reply: Option<&'a [u8]>,
    /// Length of the headers at the front of the payload, if there are any.
    pub header_len: Option<usize>,
    pub payload: &'a [u8],
    /// The sizes in the publisher's own digits, which receivers get as they are.
    pub digits: Option<Digits<'a>>,
}

impl<'a> Outgoing<'a> {
    /// The headers, if there are any.
    pub fn block(&self) -> Option<&'a [u8]> {
        self.payload.get(..self.header_len?)
    }
}

/// Sizes as a publisher has written them: `PUB a 04` is delivered as `MSG a 1 04`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits<'a> {
    pub size: &'a [u8],
    pub header: Option<&'a [u8]>,
}

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Client(ConnId),
    /// The system client of a server.
    System(ServerId),
    /// A leaf node connection; this is the end where it came out.
    Leaf(ConnId),
}

/// One message being handed to its receivers.
pub(super) struct Delivery<'a> {
    pub origin: Origin,
    /// Where it was published.
    pub server: ServerId,
    pub account: AccountId,
    pub message: Outgoing<'a>,
    pub course: Course<'a>,
    /// Tells this delivery from others.
    pub(super) stamp: u64,
    /// Where it has entered the cluster whose servers get it now.
    pub(super) entry: ServerId,
    /// The server whose receivers it is being handed to.
    pub(super) at: ServerId,
    /// It is going to all peers, and so is not counted for each.
    pub(super) to_all: bool,
    /// It goes to no peer.
    pub(super) stays: bool,
    /// Copies for leaf node connections.
    pub(super) leafs: Vec<LeafCopy>,
    /// Servers that it may go to by routes, where those have permissions.
    pub(super) open: Vec<ServerId>,
    /// Servers that it reaches later.
    pub(super) under_way: Vec<UnderWay>,
    /// What it is to the other clusters that it has come to.
    pub(super) crossing: Crossing,
    /// It was published with a reply subject of no length.
    has_empty_reply: bool,
    /// The constant text around a receiver's sid, for receivers with headers and without.
    pub(super) whole: Frame,
    pub(super) stripped: Frame,
    /// Counted for account and server when it goes on to another server.
    pub(super) msgs: u64,
    /// A service of the server has got it.
    requested: bool,
}

impl Delivery<'_> {
    /// Goes on with the receivers of a server. Between servers an empty reply subject is none.
    pub(super) fn go_to(&mut self, server: ServerId) {
        if self.at != server {
            self.requested = false;
        }
        self.at = server;
        if self.has_empty_reply {
            let reply: Option<&[u8]> = (server == self.server).then_some(b"");
            if reply.is_some() != self.message.reply.is_some() {
                self.message.reply = reply;
                self.whole
                    .build(&self.message, self.message.header_len.is_some());
                self.stripped = Frame::default();
            }
        }
    }
}

impl Core {
    /// Publishes in the name of a server's system client. Nobody is told when nobody listens, and
    /// the server's own services do not hear it.
    pub fn publish_internal(
        &mut self,
        server: ServerId,
        account: AccountId,
        message: &Outgoing<'_>,
    ) -> bool {
        let here = self.account_mut(account).on_server_mut(server);
        let mut cache = std::mem::take(&mut here.internal_matches);
        let origin = Origin::System(server);
        let delivered = self.publish_as(origin, server, account, &mut cache, message);
        let here = self.account_mut(account).on_server_mut(server);
        here.internal_matches = cache;
        delivered
    }

    /// Publishes, with what the origin's recent messages matched. Tells whether anybody received it.
    pub(super) fn publish_as(
        &mut self,
        origin: Origin,
        server: ServerId,
        account: AccountId,
        cache: &mut MatchCache,
        message: &Outgoing<'_>,
    ) -> bool {
        let subs = &mut self.accounts[account.0 as usize].subs;
        if let Some(found) = cache.get(message.subject, account, subs.generation()) {
            return self.deliver(origin, server, account, found, message, Course::default());
        }
        let found = self.look_up_published(origin, server, account, message.subject);
        if found.is_remembered {
            cache.put(message.subject, Arc::clone(&found.result));
        }
        if found.result.is_empty() {
            return false;
        }
        self.deliver(
            origin,
            server,
            account,
            &found.result,
            message,
            Course::default(),
        )
    }

    /// Hands a message to all plain subscriptions and to one member of each queue group.
    pub(super) fn deliver(
        &mut self,
        origin: Origin,
        server: ServerId,
        account: AccountId,
        found: &MatchResult,
        message: &Outgoing<'_>,
        course: Course<'_>,
    ) -> bool {
        self.deliver_for(origin, server, account, found, message, course, None)
    }

    /// As [`deliver`](Self::deliver); if there are `groups`, to members of these queue groups only.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn deliver_for(
        &mut self,
        origin: Origin,
        server: ServerId,
        account: AccountId,
        found: &MatchResult,
        message: &Outgoing<'_>,
        course: Course<'_>,
        groups: Option<&[Box<[u8]>]>,
    ) -> bool {
        if found.is_empty() || course.is_too_long() {
            return false;
        }
        let mut delivery = self.begin_delivery(origin, server, account, message, course);
        if self.has_route_rights {
            self.open_routes(&mut delivery, &found.plain, &found.every);
        }
        // First what goes to all, so that it counts as such.
        let mut delivered = self.deliver_to_every_server(&mut delivery, &found.every);
        for &sub in &found.plain {
            delivered |= self.deliver_where_it_is(&mut delivery, sub, None);
        }
        let mut unserved = Vec::new();
        for group in &found.queues {
            if groups.is_some_and(|groups| !group.is_among(groups)) {
                continue;
            }
            if self.deliver_to_group(&mut delivery, group) {
                delivered = true;
            } else {
                unserved.push(group);
            }
        }
        let MatchResult { plain, every, .. } = found;
        delivered |= self.deliver_to_other_clusters(&mut delivery, plain, every, &unserved);
        self.end_delivery(delivery);
        delivered
    }

    pub(super) fn begin_delivery<'m>(
        &mut self,
        origin: Origin,
        server: ServerId,
        account: AccountId,
        message: &Outgoing<'m>,
        course: Course<'m>,
    ) -> Delivery<'m> {
        self.deliveries += 1;
        self.open_deliveries += 1;
        let mut delivery = Delivery {
            origin,
            server,
            account,
            message: *message,
            course,
            stamp: self.deliveries,
            entry: server,
            at: server,
            to_all: false,
            has_empty_reply: message.reply.is_some_and(<[u8]>::is_empty),
            stays: course.stays || self.stays_where_it_came(origin),
            leafs: Vec::new(),
            open: Vec::new(),
            under_way: Vec::new(),
            crossing: Crossing::default(),
            whole: std::mem::take(&mut self.frame),
            stripped: Frame::default(),
            msgs: 0,
            requested: false,
        };
        delivery.whole.build(message, message.header_len.is_some());
        delivery
    }

    pub(super) fn end_delivery(&mut self, mut delivery: Delivery<'_>) {
        self.count_delivered(&mut delivery);
        self.send_on(&mut delivery);
        self.frame = delivery.whole;
        self.open_deliveries -= 1;
        self.hand_on();
    }

    /// Counts what the clients of the server have got that the message is at.
    pub(super) fn count_delivered(&mut self, delivery: &mut Delivery<'_>) {
        let msgs = std::mem::take(&mut delivery.msgs);
        if msgs > 0 {
            let bytes = msgs * delivery.message.payload.len() as u64;
            let srv = &mut self.servers[usize::from(delivery.at.0)];
            srv.sent.add(msgs, bytes);
            srv.sent_to_clients.add(msgs, bytes);
            self.accounts[delivery.account.0 as usize]
                .on_server_mut(delivery.at)
                .sent
                .add(msgs, bytes);
        }
    }

    /// Hands a message to a subscription, on whatever server it is. A `group` is the queue group of
    /// which it is a member.
    pub(super) fn deliver_where_it_is(
        &mut self,
        delivery: &mut Delivery<'_>,
        sub: SubId,
        group: Option<&[u8]>,
    ) -> bool {
        let known = self.subs.get(sub.index());
        let Some((place, receiver)) = known.map(|sub| (sub.server, sub.receiver)) else {
            return false;
        };
        if let Receiver::Leaf { end, .. } = receiver {
            return self.deliver_to_leaf(delivery, sub, end, group, None);
        }
        if let Receiver::Shadow { of, import } = receiver
            && self.is_shadow_of_leaf(receiver)
        {
            return self.deliver_to_shadow(delivery, sub, of, import, group);
        }
        if !self.is_open(delivery, place, sub, group.is_some()) {
            return false;
        }
        if place == delivery.at {
            return self.deliver_to(delivery, sub);
        }
        match self.move_to(delivery, place, sub) {
            Moved::There => self.deliver_to(delivery, sub),
            Moved::UnderWay(index) => {
                delivery.under_way[index]
                    .groups
                    .extend(group.map(Into::into));
                true
            }
            Moved::Not => false,
        }
    }

    /// Hands a message to the subscriptions that every server has alike.
    pub(super) fn deliver_to_every_server(
        &mut self,
        delivery: &mut Delivery<'_>,
        subs: &[SubId],
    ) -> bool {
        if subs.is_empty() {
            return false;
        }
        let entry = delivery.entry;
        let mut delivered = false;
        let is_told = |core: &Self, sub: SubId| core.sub(sub).told;
        for &sub in subs {
            let heard_here = entry == delivery.server || is_told(self, sub);
            if heard_here && matches!(self.move_to(delivery, entry, sub), Moved::There) {
                delivered |= self.deliver_to(delivery, sub);
            }
        }
        let told: Vec<SubId> = subs
            .iter()
            .copied()
            .filter(|&sub| is_told(self, sub))
            .collect();
        if told.is_empty() || (delivery.stays && entry == delivery.server) {
            return delivered;
        }
        let peers: Vec<ServerId> = self.routed_peers(entry).collect();
        let is_single = self.has_link_faults() || self.has_route_rights || self.asks_for_trace;
        delivery.to_all = !(peers.is_empty() || is_single);
        for server in peers {
            if self.has_route_rights && !delivery.open.contains(&server) {
                continue;
            }
            let because = self.first_told(&told, server, entry);
            let arrives = server == delivery.at
                || match self.move_to(delivery, server, because) {
                    Moved::There => true,
                    Moved::UnderWay(_) => {
                        delivered = true;
                        false
                    }
                    Moved::Not => false,
                };
            for &sub in told.iter().filter(|_| arrives) {
                delivered |= self.deliver_to(delivery, sub);
            }
        }
        if std::mem::take(&mut delivery.to_all) {
            self.count_sent_for(told[0], entry, ServerId::EVERY);
            self.count_broadcast(
                delivery.account,
                entry,
                delivery.message.payload.len() as u64,
            );
        }
        delivered
    }

    /// Hands a message to one member of a queue group, whatever server of the cluster it is on.
    pub(super) fn deliver_to_group(
        &mut self,
        delivery: &mut Delivery<'_>,
        group: &QueueGroup,
    ) -> bool {
        if !self.account(delivery.account).leafs.is_empty() {
            return self.deliver_to_group_with_leafs(delivery, group);
        }
        let members = &group.members;
        let start = match members.len() {
            1 => 0,
            len => ids::below(len as u64, &mut self.queue_picks) as usize,
        };
        let mut in_order = members[start..].iter().chain(&members[..start]);
        in_order.any(|&sub| self.deliver_where_it_is(delivery, sub, Some(&group.name)))
    }

    pub(super) fn deliver_to(&mut self, delivery: &mut Delivery<'_>, sub_id: SubId) -> bool {
        let Some(sub) = self.subs.get_mut(sub_id.index()) else {
            return false;
        };
        let at = delivery.at;
        match sub.receiver {
            Receiver::MadeUp(_) if self.trace.as_ref().is_some_and(|it| it.is_only_traced) => true,
            Receiver::Client(id) => self.deliver_to_client(delivery, sub_id, id, None),
            Receiver::Shadow { of, import } => {
                self.deliver_to_shadow(delivery, sub_id, of, import, None)
            }
            Receiver::Service(tag) => {
                // A server with another system account does not listen here.
                let account = sub.account;
                if delivery.origin == Origin::System(at) || self.server(at).system != Some(account)
                {
                    return false;
                }
                self.count_matched(sub_id, at);
                self.note_asked_of_services(delivery);
                if let Some(tag) = tag {
                    self.request(delivery, tag, None);
                }
                true
            }
            Receiver::MadeUp(tag) => {
                self.count_matched(sub_id, at);
                self.request(delivery, tag, None);
                true
            }
            Receiver::Callout(client) => {
                let is_counted = delivery.server == at && delivery.account == sub.account;
                self.count_matched(sub_id, at);
                let message = &delivery.message;
                self.notices.push_back(Notice::Answered {
                    server: at,
                    client,
                    answers: sub_id,
                    payload: Answer(message.payload[message.header_len.unwrap_or(0)..].into()),
                    counted: if is_counted {
                        message.payload.len() as u64
                    } else {
                        0
                    },
                });
                true
            }
            // The server where a message is published looks after what is imported.
            Receiver::Import(_) if at != delivery.server => false,
            Receiver::Import(index) => {
                let importer = sub.account;
                self.count_matched(sub_id, at);
                self.deliver_through_import(delivery, importer, index as usize)
            }
            Receiver::ImportReplies => {
                let exporter = sub.account;
                self.count_matched(sub_id, at);
                self.deliver_import_reply(delivery, exporter)
            }
            Receiver::Leaf { end, .. } => self.deliver_to_leaf(delivery, sub_id, end, None, None),
        }
    }

    fn count_matched(&mut self, id: SubId, at: ServerId) {
        if id.is_of_every_server() {
            *self.server_mut(at).matched.entry(id).or_default() += 1;
        } else {
            self.subs[id.index()].matched += 1;
        }
    }

    /// Hands a message to a service, with another subject if that has become another.
    pub(super) fn request(
        &mut self,
        delivery: &mut Delivery<'_>,
        tag: u32,
        subject: Option<&[u8]>,
    ) {
        let message = &delivery.message;
        let (header, payload) = message
            .payload
            .split_at(message.header_len.unwrap_or_default());
        let request = Request {
            server: delivery.at,
            tag,
            subject: subject.unwrap_or(message.subject).into(),
            reply: message.reply.map(Into::into),
            header: header.into(),
            payload: payload.into(),
            from: match delivery.origin {
                Origin::Client(id) | Origin::Leaf(id) => Some(id),
                Origin::System(_) => None,
            },
            repeated: std::mem::replace(&mut delivery.requested, true),
        };
        self.notices.push_back(Notice::Request(Box::new(request)));
    }

    /// Tells a requester that nobody is there to answer, if it listens for the answer itself.
    pub(super) fn no_responders(&mut self, id: ConnId, subject: &[u8], reply: &[u8]) {
        let Some(conn) = self.conn(id) else { return };
        let profile = self.server(conn.server).profile;
        let names_subject = profile.has(Feature::NoRespondersNamesSubject);
        let (server, account) = (conn.server, conn.account);
        let found = self.look_up(server, account, reply);
        let own = found
            .plain
            .iter()
            .map(|&sub| self.sub(sub))
            .find(|sub| sub.receiver == Receiver::Client(id));
        let Some(own) = own else { return };
        let status = no_responders_status(names_subject, subject);
        let sid = own.sid().to_vec();
        self.send(id, |out| {
            encode::message_with_headers(out, reply, &sid, None, &status, b"");
        });
    }
}

/// The headers that say that nobody is there to answer.
pub(crate) fn no_responders_status(names_subject: bool, subject: &[u8]) -> Vec<u8> {
    let mut status = b"NATS/1.0 503\r\n".to_vec();
    if names_subject {
        status.extend_from_slice(b"Nats-Subject: ");
        status.extend_from_slice(subject);
        status.extend_from_slice(b"\r\n");
    }
    status.extend_from_slice(b"\r\n");
    status
}
