//! Messages that take time from one server to another.

use std::sync::Arc;

use super::account::AccountId;
use super::deliver::{Delivery, Origin};
use super::links::{Links, Passage};
use super::server::{Phase, ServerId};
use super::sublist::QueueGroup;
use super::subs::SubId;
use super::timers::Timer;
use super::{Core, Outgoing};

/// A server that a message reaches later.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub from: ServerId,
    pub to: ServerId,
    pub by_gateway: bool,
    pub passage: Passage,
    /// The queue groups of which a member there is to get it.
    pub groups: Vec<Box<[u8]>>,
}

/// A message between two servers.
#[derive(Debug)]
pub(super) struct Transit {
    origin: Origin,
    account: AccountId,
    from: ServerId,
    to: ServerId,
    by_gateway: bool,
    groups: Vec<Box<[u8]>>,
    depth: u8,
    message: Arc<Letter>,
}

/// A message that is kept.
#[derive(Debug)]
struct Letter {
    subject: Box<[u8]>,
    reply: Option<Box<[u8]>>,
    header_len: Option<usize>,
    payload: Box<[u8]>,
}

impl Transit {
    pub fn way(&self) -> (ServerId, ServerId) {
        (self.from, self.to)
    }

    pub fn size(&self) -> usize {
        self.message.payload.len()
    }
}

impl Core {
    /// Sends a message on its way to the servers that it reaches later.
    pub(super) fn send_on(&mut self, delivery: &mut Delivery<'_>) {
        if delivery.under_way.is_empty() {
            return;
        }
        let Outgoing {
            subject,
            reply,
            header_len,
            payload,
            ..
        } = delivery.message;
        let message = Arc::new(Letter {
            subject: subject.into(),
            reply: reply.filter(|reply| !reply.is_empty()).map(Into::into),
            header_len,
            payload: payload.into(),
        });
        for way in std::mem::take(&mut delivery.under_way) {
            let transit = Transit {
                origin: delivery.origin,
                account: delivery.account,
                from: way.from,
                to: way.to,
                by_gateway: way.by_gateway,
                groups: way.groups,
                depth: delivery.depth,
                message: Arc::clone(&message),
            };
            match way.passage {
                Passage::Held => self.hold(transit),
                Passage::Later(time) => self.send_later(transit, time),
                Passage::Now => self.arrive(transit),
            }
        }
    }

    /// What is on a link stays in order.
    fn send_later(&mut self, transit: Transit, time: std::time::Duration) {
        let (from, to) = (transit.from, transit.to);
        let direction = Links::direction(from, to);
        let now = self.now;
        let arrival = &mut self.links.get_mut(from, to).latest_arrival[direction];
        *arrival = (*arrival).max(now + time);
        let at = *arrival;
        let place = self.transits.insert(transit);
        self.timers.set(at, Timer::Arrival(place as u32));
    }

    /// A message whose time has come.
    pub(super) fn arrival_due(&mut self, place: u32) {
        if let Some(transit) = self.transits.try_remove(place as usize) {
            self.arrive(transit);
        }
    }

    /// Hands a message to the receivers of the server that it has come to.
    pub(super) fn arrive(&mut self, transit: Transit) {
        let Transit {
            origin,
            account,
            from,
            to,
            by_gateway,
            groups,
            depth,
            message,
        } = transit;
        if self.server(to).phase == Phase::Stopped || !self.is_linked(from, to) {
            return;
        }
        let outgoing = Outgoing {
            subject: &message.subject,
            reply: message.reply.as_deref(),
            header_len: message.header_len,
            payload: &message.payload,
            digits: None,
        };
        let size = message.payload.len() as u64;
        let found = self.account_mut(account).subs.matches(&message.subject);
        let mut delivery = self.begin_delivery(origin, from, account, &outgoing, depth);
        if by_gateway {
            self.count_arrived_by_gateway(account, to, size);
            let here = |&&sub: &&SubId| self.cluster_of(sub) == Some(self.server(to).cluster);
            let plain: Vec<SubId> = found.plain.iter().filter(here).copied().collect();
            let named = |group: &&QueueGroup| groups.iter().any(|name| **name == *group.name);
            let groups: Vec<&QueueGroup> = found.queues.iter().filter(named).collect();
            self.serve_cluster(&mut delivery, to, &plain, &found.every, &groups);
            self.end_delivery(delivery);
            return;
        }
        self.count_arrived(account, to, size);
        delivery.at = to;
        for &sub in found.plain.iter().chain(&found.every) {
            if sub.is_of_every_server() || self.is_on(sub, to) {
                self.deliver_to(&mut delivery, sub);
            }
        }
        for group in &found.queues {
            let mut members = group.members.iter();
            if groups.iter().any(|name| **name == *group.name) {
                members.any(|&sub| self.is_on(sub, to) && self.deliver_to(&mut delivery, sub));
            }
        }
        self.end_delivery(delivery);
    }
}
