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
use super::trace_links::Owed;
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
    /// What is counted only when it is sent.
    pub owed: Option<Owed>,
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
    /// Its headers may ask for its way to be told.
    asks: bool,
}

impl Transit {
    /// A message on one of the ways that it takes.
    pub(super) fn of(delivery: &Delivery<'_>, way: UnderWay, message: Arc<Letter>) -> Self {
        Self {
            origin: delivery.origin,
            account: delivery.account,
            from: way.from,
            to: way.to,
            by_gateway: way.by_gateway,
            groups: way.groups,
            depth: delivery.course.depth,
            crossing: way.crossing,
            message,
            over_leaf: None,
            asks: way.owed.is_some(),
        }
    }

    /// A message on its way over a leaf node connection.
    pub(super) fn over_leaf(
        delivery: &Delivery<'_>,
        (from, to, other): (ServerId, ServerId, ConnId),
        groups: Vec<Box<[u8]>>,
        message: Arc<Letter>,
        asks: bool,
    ) -> Self {
        Self {
            origin: delivery.origin,
            account: delivery.account,
            from,
            to,
            by_gateway: false,
            groups,
            depth: delivery.course.depth,
            crossing: Crossing::default(),
            message,
            over_leaf: Some(other),
            asks,
        }
    }

    /// The end of the leaf node connection that it comes by.
    pub(super) fn end(&self) -> Option<ConnId> {
        self.over_leaf
    }

    pub(super) fn is_by_gateway(&self) -> bool {
        self.by_gateway
    }

    pub(super) fn account(&self) -> AccountId {
        self.account
    }

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
pub(super) struct Letter {
    subject: Box<[u8]>,
    reply: Option<Box<[u8]>>,
    header_len: Option<usize>,
    payload: Box<[u8]>,
}

impl Letter {
    pub fn of(message: &Outgoing<'_>) -> Self {
        Self {
            subject: message.subject.into(),
            reply: message
                .reply
                .filter(|reply| !reply.is_empty())
                .map(Into::into),
            header_len: message.header_len,
            payload: message.payload.into(),
        }
    }

    /// Bytes of headers and payload.
    pub fn size(&self) -> usize {
        self.payload.len()
    }

    pub fn renamed(&self, subject: Box<[u8]>) -> Self {
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
        if self.asks_for_trace {
            self.send_on_asking(delivery);
            return;
        }
        let message = Arc::new(Letter::of(&delivery.message));
        for way in std::mem::take(&mut delivery.under_way) {
            let passage = way.passage;
            let transit = Transit::of(delivery, way, Arc::clone(&message));
            match passage {
                Passage::Later(at) => self.send_later(transit, at),
                Passage::Now => self.arrive(transit),
            }
        }
        for copy in std::mem::take(&mut delivery.leafs) {
            let ends = self.conn(copy.end).and_then(|conn| {
                let leaf = conn.leaf.as_deref()?;
                Some((conn.server, leaf.peer, leaf.other))
            });
            let Some(ends) = ends else {
                continue;
            };
            let message = match copy.subject {
                None => Arc::clone(&message),
                Some(subject) => Arc::new(message.renamed(subject)),
            };
            let transit = Transit::over_leaf(delivery, ends, copy.groups, message, false);
            let passage = self.passage(ends.0, ends.1);
            self.dispatch(transit, passage);
        }
    }

    /// Lets a message go its way when nothing else is being done.
    pub(super) fn dispatch(&mut self, transit: Transit, passage: Passage) {
        match passage {
            Passage::Later(at) => self.send_later(transit, at),
            Passage::Now => self.leaf_crossings.push_back(transit),
        }
    }

    /// Hands a message to the receivers of the server that it has come to.
    pub(super) fn arrive(&mut self, transit: Transit) {
        if transit.asks {
            self.arrive_asking(&transit);
        } else {
            self.take_in(&transit, &transit.outgoing());
        }
    }

    /// Hands on a message that has come, with what its headers are here.
    pub(super) fn take_in(&mut self, transit: &Transit, outgoing: &Outgoing<'_>) {
        if let Some(end) = transit.over_leaf {
            self.arrive_over_leaf(end, transit, outgoing);
            return;
        }
        let (from, to) = transit.way();
        let account = transit.account;
        if self.server(to).phase == Phase::Stopped || !self.is_linked(from, to) {
            return;
        }
        let found = self.account_mut(account).subs.matches(outgoing.subject);
        let course = Course {
            depth: transit.depth,
            ..Course::default()
        };
        let mut delivery = self.begin_delivery(transit.origin, from, account, outgoing, course);
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
