//! Answers on their way back from other accounts' services.
//!
//! A request reaches a service with a reply subject that leads back to the account it has come from.
//! What is known of it is forgotten when it is answered, when nobody waits any more, and when it takes
//! too long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use nats_mock_protocol::events::ServiceLatency;
use nats_mock_protocol::subject;

use super::account::AccountId;
use super::ids;
use super::imports::Service;
use super::latency::{Failure, Tracking};
use super::server::ServerId;
use super::subs::{Receiver, Sub};
use super::time::Time;
use super::timers::Timer;
use super::{Core, Outgoing};
use crate::topology::ResponseType;

/// Requests of an account's services whose answers are awaited by other accounts.
#[derive(Debug, Default)]
pub(crate) struct ReplyRoutes {
    /// `_R_.xxxxxx.` of each server, drawn when the first request comes.
    prefixes: HashMap<ServerId, Box<str>, FixedState>,
    routes: HashMap<Box<[u8]>, Awaited, FixedState>,
    /// The reply subjects in the order of their requests.
    order: BTreeMap<u64, Box<[u8]>>,
    last: u64,
    /// Services of which is looked, on a server, for answers that take too long.
    watched: BTreeSet<(ServerId, u32)>,
    /// The account's own requests to others: where the answers are awaited, and what leads there.
    own: HashMap<Box<[u8]>, Vec<Asked>, FixedState>,
}

/// A request to another account: where it was sent, the account, and the reply subject there.
type Asked = (ServerId, AccountId, Box<[u8]>);

/// An answer that is awaited.
#[derive(Clone, Debug)]
pub(crate) struct Awaited {
    /// By whom.
    pub account: AccountId,
    /// And where.
    pub reply: Box<[u8]>,
    /// Where the request was sent.
    pub server: ServerId,
    /// The service that was asked.
    pub(super) service: Option<Service>,
    pub response_type: ResponseType,
    pub shares: bool,
    /// When it was asked, or has last answered.
    pub(super) since: Time,
    /// If it is measured how long it takes. Of more than one answer nothing is.
    pub(super) tracking: Option<Tracking>,
    /// Its place among all that are awaited.
    pub(super) place: u64,
    /// The trace that is told here, if no answer is.
    pub(super) trace: Option<u64>,
}

/// Requests that may wait for an answer; the oldest is forgotten first.
const MAX_ROUTES: usize = 4096;

impl ReplyRoutes {
    /// All answers that are awaited, and the subjects that lead there.
    pub fn awaited(&self) -> impl Iterator<Item = (&[u8], &Awaited)> {
        let subjects = self.order.values();
        subjects.filter_map(|subject| Some((&**subject, self.routes.get(subject)?)))
    }

    /// Where a request was sent whose answer is awaited at a subject, and which service was asked.
    pub fn asked_at(&self, subject: &[u8]) -> Option<(ServerId, Option<Service>)> {
        let awaited = self.routes.get(subject)?;
        Some((awaited.server, awaited.service))
    }

    /// Another server has measured how long the answer took that is awaited at a subject.
    pub fn measured_apart(&mut self, subject: &[u8], half: ServiceLatency) {
        let awaited = self.routes.get_mut(subject);
        if let Some(tracking) = awaited.and_then(|awaited| awaited.tracking.as_mut()) {
            tracking.apart = Some(Box::new(half));
        }
    }
}

impl Core {
    /// A reply subject in `exporter` that leads back to where an answer is awaited.
    pub(super) fn await_reply(
        &mut self,
        server: ServerId,
        exporter: AccountId,
        mut awaited: Awaited,
    ) -> Box<[u8]> {
        let hash = awaited
            .tracking
            .is_some()
            .then(|| self.server(server).hash());
        if awaited.response_type != ResponseType::Singleton {
            awaited.tracking = None;
        }
        let rng = &mut self.servers[server.0 as usize].rng;
        let replies = &mut self.accounts[exporter.0 as usize].replies;
        let mut is_new = false;
        let prefix = replies
            .prefixes
            .entry(server)
            .or_insert_with(|| {
                is_new = true;
                format!("_R_.{}.", ids::base62(6, rng)).into()
            })
            .clone();
        let mut subject = format!("{prefix}{}", ids::base62(6, rng));
        if let Some(hash) = hash {
            // So the answering server knows whom to tell when it got the request.
            subject.push_str(&format!(".{hash}.T"));
        }
        let subject: Box<[u8]> = subject.into_bytes().into();
        let (account, reply, service) = (awaited.account, awaited.reply.clone(), awaited.service);
        replies.last += 1;
        (awaited.place, awaited.server) = (replies.last, server);
        replies.order.insert(awaited.place, subject.clone());
        replies.routes.insert(subject.clone(), awaited);
        let oldest = replies.order.first_key_value();
        let oldest = oldest.map(|(_, subject)| subject.clone());
        if let Some(oldest) = oldest.filter(|_| replies.order.len() > MAX_ROUTES) {
            self.forget_reply(exporter, &oldest);
        }
        let own = &mut self.account_mut(account).replies.own;
        own.entry(reply)
            .or_default()
            .push((server, exporter, subject.clone()));
        if let Some((owner, place)) = service {
            self.watch_answers(server, owner, place);
        }
        if is_new {
            let wildcard = format!("{prefix}>");
            let account = self.account_mut(exporter);
            account.last_sid += 1;
            let sid = account.last_sid.to_string();
            let sub = Sub::new(
                Receiver::ImportReplies,
                server,
                exporter,
                wildcard.as_bytes(),
                None,
                sid.as_bytes(),
            );
            self.add_sub(sub);
        }
        subject
    }

    pub(super) fn awaited(&self, exporter: AccountId, subject: &[u8]) -> Option<Awaited> {
        let routes = &self.account(exporter).replies.routes;
        routes.get(subject).cloned()
    }

    /// An answer has come.
    pub(super) fn answered(
        &mut self,
        exporter: AccountId,
        message: &Outgoing<'_>,
        delivered: bool,
    ) {
        let now = self.now;
        let routes = &mut self.account_mut(exporter).replies.routes;
        let Some(awaited) = routes.get_mut(message.subject) else {
            return;
        };
        if let Some(trace) = awaited.trace {
            // What is led on is looked at where it arrives.
            if !awaited.reply.starts_with(b"_R_.") {
                self.trace_answered(trace, message.payload);
            }
            return;
        }
        let is_single = awaited.response_type == ResponseType::Singleton;
        if !delivered || is_single || message.payload.is_empty() {
            self.forget_reply(exporter, message.subject);
        } else {
            awaited.since = now;
        }
    }

    /// Forgets a reply subject that there was no answer to.
    pub(super) fn abandon_reply(&mut self, exporter: AccountId, subject: &[u8], why: Failure) {
        if let Some(awaited) = self.awaited(exporter, subject) {
            self.tell_failure(exporter, &awaited, why);
        }
        self.forget_reply(exporter, subject);
    }

    /// Forgets a reply subject.
    pub(super) fn forget_reply(&mut self, exporter: AccountId, subject: &[u8]) {
        let replies = &mut self.account_mut(exporter).replies;
        let Some(awaited) = replies.routes.remove(subject) else {
            return;
        };
        replies.order.remove(&awaited.place);
        if let Some(number) = awaited.trace {
            self.trace_answers.forget(number, subject);
        }
        let own = &mut self.account_mut(awaited.account).replies.own;
        if let Some(list) = own.get_mut(&awaited.reply) {
            list.retain(|(_, account, known)| *account != exporter || **known != *subject);
            if list.is_empty() {
                own.remove(&awaited.reply);
            }
        }
    }

    /// A client of an account listens to `subject` no more: what it has asked for there is forgotten,
    /// unless somebody else listens.
    pub(super) fn note_lost_interest(
        &mut self,
        account: AccountId,
        server: ServerId,
        subject: &[u8],
    ) {
        let own = &self.account(account).replies.own;
        if own.is_empty() || subject.starts_with(b"_R_.") {
            return;
        }
        let mut lost: Vec<Box<[u8]>> = if subject::has_wildcard(subject) {
            let waiting = own.keys();
            waiting
                .filter(|reply| subject::matches(subject, reply))
                .cloned()
                .collect()
        } else {
            own.get_key_value(subject)
                .map(|(reply, _)| reply.clone())
                .into_iter()
                .collect()
        };
        lost.sort_unstable();
        for reply in lost {
            let here = self.account(account);
            if !here.subs.find(&reply).is_empty() {
                continue;
            }
            let asked = here.replies.own.get(&reply).into_iter().flatten();
            let asked: Vec<(AccountId, Box<[u8]>)> = asked
                .filter(|(at, ..)| *at == server)
                .map(|(_, exporter, subject)| (*exporter, subject.clone()))
                .collect();
            for (exporter, subject) in asked {
                self.abandon_reply(exporter, &subject, Failure::Lost);
            }
        }
    }

    /// Looks for answers that take too long as long as there are any to come.
    fn watch_answers(&mut self, server: ServerId, owner: AccountId, place: u32) {
        let now = self.now;
        let account = self.account_mut(owner);
        let is_new = account.replies.watched.insert((server, place));
        let service = account.shared.services.get(place as usize);
        if let Some(service) = service.filter(|_| is_new) {
            let at = now + service.plan.response_threshold;
            self.timers.set(at, Timer::Answers(server, owner, place));
        }
    }

    /// It is time to look for answers that have taken too long.
    pub(super) fn answers_due(&mut self, server: ServerId, owner: AccountId, place: u32) {
        let services = &self.account(owner).shared.services;
        let threshold = services
            .get(place as usize)
            .map_or(Duration::ZERO, |service| service.plan.response_threshold);
        let service = Some((owner, place));
        let latest = self.now - threshold;
        let awaited = self.account(owner).replies.awaited();
        let (mut late, mut left) = (Vec::new(), false);
        for (subject, awaited) in awaited {
            if awaited.service != service || awaited.server != server {
                continue;
            }
            if awaited.since <= latest {
                late.push(Box::<[u8]>::from(subject));
            } else {
                left = true;
            }
        }
        for subject in late {
            self.abandon_reply(owner, &subject, Failure::TooLate);
        }
        if left {
            let at = self.now + threshold;
            self.timers.set(at, Timer::Answers(server, owner, place));
        } else {
            let watched = &mut self.account_mut(owner).replies.watched;
            watched.remove(&(server, place));
        }
    }
}
