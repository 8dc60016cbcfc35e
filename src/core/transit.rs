//! Messages that take time from one server to another.

use std::sync::Arc;

use super::account::AccountId;
use super::asked::Crossing;
use super::conn::ConnId;
use super::deliver::{Delivery, Origin};
use super::imports::Course;
use super::links::Passage;
use super::server::{Phase, ServerId};
use super::sublist::QueueGroup;
use super::subs::{Receiver, SubId};
use super::{Core, Outgoing};

/// A server that a message reaches later.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub from: ServerId,
    pub to: ServerId,
    pub by_gateway: bool,
    pub crossing: Crossing,
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
    crossing: Crossing,
    message: Arc<Letter>,
    /// The end where it comes out, if it goes over a leaf node connection.
    over_leaf: Option<ConnId>,
}

impl Transit {
    pub fn outgoing(&self) -> Outgoing<'_> {
        let message = &*self.message;
        Outgoing {
            subject: &message.subject,
            reply: message.reply.as_deref(),
            header_len: message.header_len,
            payload: &message.payload,
            digits: None,
        }
    }

    pub fn groups(&self) -> &[Box<[u8]>] {
        &self.groups
    }

    pub fn depth(&self) -> u8 {
        self.depth
    }

    pub fn way(&self) -> (ServerId, ServerId) {
        (self.from, self.to)
    }

    /// What it takes to keep it, about.
    pub fn size(&self) -> usize {
        let reply = self.message.reply.as_ref().map_or(0, |reply| reply.len());
        size_of::<Self>() + self.message.subject.len() + reply + self.message.payload.len()
    }
}

/// A message that is kept.
#[derive(Debug)]
struct Letter {
    subject: Box<[u8]>,
    reply: Option<Box<[u8]>>,
    header_len: Option<usize>,
    payload: Box<[u8]>,
}

impl Letter {
    fn renamed(&self, subject: Box<[u8]>) -> Self {
        Self {
            subject,
            reply: self.reply.clone(),
            header_len: self.header_len,
            payload: self.payload.clone(),
        }
    }
}

impl Core {
    /// Sends a message on its way to the servers that it reaches later, and over leaf node connections.
    pub(super) fn send_on(&mut self, delivery: &mut Delivery<'_>) {
        if delivery.under_way.is_empty() && delivery.leafs.is_empty() {
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
                depth: delivery.course.depth,
                crossing: way.crossing,
                message: Arc::clone(&message),
                over_leaf: None,
            };
            match way.passage {
                Passage::Later(at) => self.send_later(transit, at),
                Passage::Now => self.arrive(transit),
            }
        }
        for copy in std::mem::take(&mut delivery.leafs) {
            let ends = self.conn(copy.end).and_then(|conn| {
                let leaf = conn.leaf.as_deref()?;
                Some((conn.server, leaf.peer, leaf.other))
            });
            let Some((from, to, other)) = ends else {
                continue;
            };
            let transit = Transit {
                origin: delivery.origin,
                account: delivery.account,
                from,
                to,
                groups: copy.groups,
                depth: delivery.course.depth,
                crossing: Crossing::default(),
                message: match copy.subject {
                    None => Arc::clone(&message),
                    Some(subject) => Arc::new(message.renamed(subject)),
                },
                by_gateway: false,
                over_leaf: Some(other),
            };
            match self.passage(from, to) {
                Passage::Later(at) => self.send_later(transit, at),
                Passage::Now => self.leaf_crossings.push_back(transit),
            }
        }
    }

    /// Hands a message to the receivers of the server that it has come to.
    pub(super) fn arrive(&mut self, transit: Transit) {
        if let Some(end) = transit.over_leaf {
            self.arrive_over_leaf(end, &transit);
            return;
        }
        let (from, to) = transit.way();
        let (account, outgoing) = (transit.account, transit.outgoing());
        if self.server(to).phase == Phase::Stopped || !self.is_linked(from, to) {
            return;
        }
        let found = self.account_mut(account).subs.matches(outgoing.subject);
        let course = Course {
            depth: transit.depth,
            ..Course::default()
        };
        let mut delivery = self.begin_delivery(transit.origin, from, account, &outgoing, course);
        delivery.crossing = transit.crossing;
        let asked = found.queues.iter();
        let asked = asked.filter(|group| group.is_among(&transit.groups));
        if transit.by_gateway {
            self.count_arrived_by_gateway(&delivery, to);
            let here = |&&sub: &&SubId| self.cluster_of(sub) == Some(self.server(to).cluster);
            let plain: Vec<SubId> = found.plain.iter().filter(here).copied().collect();
            let groups: Vec<&QueueGroup> = asked.collect();
            self.serve_cluster(&mut delivery, to, &plain, &found.every, &groups);
            self.end_delivery(delivery);
            return;
        }
        self.count_arrived(&delivery, to);
        (delivery.entry, delivery.at) = (to, to);
        for &sub in found.plain.iter().chain(&found.every) {
            if sub.is_of_every_server() || self.is_on(sub, to) {
                self.deliver_to(&mut delivery, sub);
            }
        }
        for group in asked {
            let here = group.members.iter().filter(|&&sub| self.is_on(sub, to));
            let (leafs, members): (Vec<SubId>, Vec<SubId>) = here
                .copied()
                .partition(|&sub| matches!(self.sub(sub).receiver, Receiver::Leaf { .. }));
            let mut members = members.into_iter().chain(leafs);
            members.any(|sub| self.deliver_where_it_is(&mut delivery, sub, Some(&group.name)));
        }
        self.end_delivery(delivery);
    }
}
