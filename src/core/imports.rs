//! Service imports: how a request reaches another account's service.

use super::account::AccountId;
use super::deliver::Delivery;
use super::latency::Failure;
use super::replies::Awaited;
use super::request_info::with_request_info;
use super::trace_answers::Asking;
use super::trace_begin::with_block;
use super::{Core, Outgoing};
use crate::topology::What;
use crate::version::Feature;

/// Imports that may lead from one to the next before a message is dropped.
const MAX_IMPORT_DEPTH: u8 = 16;

/// How a message has come to the account that it is in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Course<'a> {
    /// How many imports and leaf node connections it has passed.
    pub depth: u8,
    /// The import that it has come by, if it has not been on another server since.
    pub via: Option<&'a Via<'a>>,
    /// It goes to no other server.
    pub stays: bool,
}

/// An import that a message has come by.
#[derive(Debug)]
pub(super) struct Via<'a> {
    pub before: Option<&'a Via<'a>>,
    /// The service that was imported.
    pub service: Option<Service>,
    /// Whether it is told in full who asks.
    pub shares: bool,
}

/// A service: the account that exports it, and its place there.
pub(super) type Service = (AccountId, u32);

impl<'a> Course<'a> {
    /// That of a message that has crossed a leaf node connection.
    pub fn over_leaf(depth: u8) -> Self {
        Self {
            depth: depth.saturating_add(1),
            ..Self::default()
        }
    }

    pub fn is_too_long(self) -> bool {
        self.depth > MAX_IMPORT_DEPTH
    }

    /// Whether a message has come by a service already.
    pub fn passed(self, service: Option<Service>) -> bool {
        let mut via = self.via;
        while let Some(step) = via {
            if step.service == service {
                return true;
            }
            via = step.before;
        }
        false
    }

    fn on(self, via: &'a Via<'a>) -> Self {
        Self {
            depth: self.depth.saturating_add(1),
            via: Some(via),
            stays: false,
        }
    }
}

impl Core {
    pub(super) fn deliver_through_import(
        &mut self,
        delivery: &Delivery<'_>,
        importer: AccountId,
        index: usize,
    ) -> bool {
        let Some(import) = self.account(importer).shared.imports.get(index) else {
            return false;
        };
        let (exporter, shares) = (import.to_account, import.shares_client);
        let service = import.service.map(|place| (exporter, place));
        if import.is_invalid || delivery.course.passed(service) {
            return false;
        }
        let message = &delivery.message;
        let subject = match &import.turn {
            What::Same => message.subject.to_vec(),
            What::Named => import.to_subject.as_bytes().to_vec(),
            What::Turned(transform) => transform.apply(message.subject, &mut || 0),
        };
        let response_type = import.response_type;
        let latency = import.latency.clone();
        let allows_trace = import.allows_trace;
        let mapped = self.mapped(exporter, delivery.server, &subject);
        let subject = mapped.unwrap_or(subject);
        let tracking = self.track(latency.as_ref(), delivery.origin, message);
        let asked = message.reply.filter(|reply| !reply.is_empty());
        if let (None, Some(tracking)) = (asked, &tracking) {
            self.tell_bad_request(delivery.server, exporter, tracking, shares);
        }
        let reply = asked.map(|reply| {
            self.await_reply(
                delivery.server,
                exporter,
                Awaited {
                    account: importer,
                    reply: reply.into(),
                    service,
                    response_type,
                    shares,
                    since: self.now,
                    place: 0,
                    tracking: tracking.clone(),
                    trace: None,
                    server: delivery.server,
                },
            )
        });
        let info = self.request_info(delivery, importer, exporter, shares);
        let told = info.map(|info| with_request_info(message, &info));
        let (header_len, payload) = match &told {
            Some((header_len, payload)) => (Some(*header_len), payload.as_slice()),
            None => (message.header_len, message.payload),
        };
        let request = Outgoing {
            subject: &subject,
            reply: reply.as_deref(),
            header_len,
            payload,
            digits: None,
        };
        let asking = Asking {
            server: delivery.server,
            importer,
            exporter,
            from: message.subject,
            to: &subject,
            service,
            response_type,
            shares,
            allows_trace,
        };
        let mut asked = self.enter_import(&asking, request.block());
        let changed = asked.block.take().map(|block| with_block(&request, &block));
        let request = match &changed {
            Some((header_len, payload)) => Outgoing {
                header_len: Some(*header_len),
                payload,
                ..request
            },
            None => request,
        };
        let found = self.look_up(delivery.server, exporter, request.subject);
        let via = Via {
            before: delivery.course.via,
            service,
            shares,
        };
        let delivered = !asked.ends_here
            && self.deliver(
                delivery.origin,
                delivery.server,
                exporter,
                &found,
                &request,
                delivery.course.on(&via),
            );
        self.leave_import(asked, exporter, delivered);
        match reply {
            Some(reply) if !delivered => {
                self.abandon_reply(exporter, &reply, Failure::Unavailable);
            }
            Some(reply) if self.is_only_traced() => self.forget_reply(exporter, &reply),
            _ => {}
        }
        let profile = self.server(delivery.server).profile;
        delivered && (profile.has(Feature::TraceAnswers) || !self.is_only_traced())
    }

    pub(super) fn deliver_import_reply(
        &mut self,
        delivery: &Delivery<'_>,
        exporter: AccountId,
    ) -> bool {
        let message = &delivery.message;
        let Some(awaited) = self.awaited(exporter, message.subject) else {
            return true;
        };
        if delivery.course.passed(awaited.service) {
            return true;
        }
        self.tell_latency(exporter, &awaited, delivery.origin);
        let asked = message.reply.filter(|reply| !reply.is_empty());
        // An answer may want an answer itself.
        let back = asked.map(|reply| {
            self.await_reply(
                delivery.at,
                awaited.account,
                Awaited {
                    account: exporter,
                    reply: reply.into(),
                    since: self.now,
                    tracking: None,
                    trace: None,
                    ..awaited.clone()
                },
            )
        });
        let answer = Outgoing {
            subject: &awaited.reply,
            reply: back.as_deref(),
            ..*message
        };
        let asking = Asking {
            server: delivery.at,
            importer: exporter,
            exporter: awaited.account,
            from: message.subject,
            to: &awaited.reply,
            service: awaited.service,
            response_type: awaited.response_type,
            shares: awaited.shares,
            allows_trace: false,
        };
        let mut asked = self.enter_import(&asking, answer.block());
        let changed = asked.block.take().map(|block| with_block(&answer, &block));
        let answer = match &changed {
            Some((header_len, payload)) => Outgoing {
                header_len: Some(*header_len),
                payload,
                digits: None,
                ..answer
            },
            None => answer,
        };
        let found = self.look_up(delivery.at, awaited.account, &awaited.reply);
        let via = Via {
            before: delivery.course.via,
            service: awaited.service,
            shares: awaited.shares,
        };
        let profile = self.server(delivery.at).profile;
        let is_routed = delivery.at != delivery.server;
        let course = Course {
            stays: is_routed && !profile.has(Feature::AnswersRoutedOn),
            ..delivery.course.on(&via)
        };
        let delivered = !asked.ends_here
            && self.deliver(
                delivery.origin,
                delivery.at,
                awaited.account,
                &found,
                &answer,
                course,
            );
        self.leave_import(asked, awaited.account, delivered);
        self.answered(exporter, message, delivered);
        true
    }
}
