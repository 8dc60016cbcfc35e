//! Services that whoever asks reaches over another server. That server measures how long the service
//! itself takes, and tells the one where the request was sent, on the system account.

use nats_mock_protocol::events::{RemoteLatency, ServiceLatency};
use nats_mock_protocol::time::{Nanos, Timestamp};

use super::conn::ConnId;
use super::deliver::Delivery;
use super::notice::{MeasuredApart, Notice};
use super::replies::Awaited;
use super::server::ServerId;
use super::time::Time;
use super::{Core, Outgoing};

/// What subjects end with at which answers are awaited that are measured.
const MEASURED: &[u8] = b".T";

/// A request that has come from another server, and is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measuring {
    from: ServerId,
    at: Time,
}

impl Core {
    /// A client is getting a message: remembers when, if that is measured.
    pub(super) fn note_came(&mut self, delivery: &Delivery<'_>, id: ConnId) {
        let measured = |reply: &&[u8]| reply.ends_with(MEASURED);
        let Some(reply) = delivery.message.reply.filter(measured) else {
            return;
        };
        let routes = &self.account(delivery.account).replies;
        let Some((from, service)) = routes.asked_at(reply) else {
            return;
        };
        let Some((owner, place)) = service else {
            return;
        };
        let services = &self.account(owner).shared.services;
        let Some(service) = services.get(place as usize) else {
            return;
        };
        let threshold = service.plan.response_threshold;
        let now = self.now;
        if let Some(conn) = self.conn_mut(id) {
            let came = Measuring { from, at: now };
            conn.measured.keep(reply, now, threshold, came);
        }
    }

    /// A client answers what was measured: tells where it was asked.
    pub(super) fn tell_apart(&mut self, id: ConnId, message: &Outgoing<'_>) {
        let now = self.now;
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        let (server, account) = (conn.server, conn.account);
        let Some(came) = conn.measured.take(message.subject, now) else {
            return;
        };
        let responder = self.client_info(id, true);
        let there = responder.as_ref().map_or(0, |info| info.rtt.0);
        let took = nanos_between(came.at, now);
        let service = (took - there).max(0);
        let half = ServiceLatency {
            event_type: "".into(),
            timestamp: Timestamp::ZERO,
            status: 200,
            responder,
            start: self.server(server).wall_clock.utc(came.at),
            service: Nanos(service),
            total: Nanos(took),
            ..ServiceLatency::default()
        };
        let replies = &mut self.account_mut(account).replies;
        replies.measured_apart(message.subject, half.clone());
        let half = RemoteLatency {
            account: self.account(account).name.to_string(),
            req_id: String::from_utf8_lossy(message.subject).into_owned(),
            m2: half,
            ..RemoteLatency::default()
        };
        let told = MeasuredApart {
            server,
            subject: format!("$SYS.LATENCY.M2.{}", self.server(came.from).hash()).into(),
            half,
        };
        self.notices
            .push_back(Notice::MeasuredApart(Box::new(told)));
    }

    /// Adds what the server of the service has measured; nothing if that has not come.
    pub(super) fn with_other_half(
        &self,
        mut event: ServiceLatency,
        awaited: &Awaited,
    ) -> Option<ServiceLatency> {
        let half = awaited.tracking.as_ref()?.apart.as_deref()?;
        let there = half.responder.as_ref().map_or(0, |info| info.rtt.0);
        event.system =
            Nanos((nanos_between(awaited.since, self.now) - half.service.0 - there).max(0));
        event.service = half.service;
        event.responder = half.responder.clone();
        Some(event)
    }

    /// Whether a service that a client has answered for is on another server than whoever asked.
    pub(super) fn is_apart(&self, awaited: &Awaited, responder: ConnId) -> bool {
        let conn = self.conn(responder);
        conn.is_some_and(|conn| conn.leaf.is_none() && conn.server != awaited.server)
    }
}

impl Delivery<'_> {
    /// Whether it has come from another server, and when may matter.
    #[inline]
    pub(super) fn may_be_measured(&self) -> bool {
        let measured = |reply: &[u8]| reply.ends_with(MEASURED);
        self.at != self.server && self.message.reply.is_some_and(measured)
    }
}

pub(super) fn nanos_between(from: Time, to: Time) -> i64 {
    i64::try_from((to - from).as_nanos()).unwrap_or(i64::MAX)
}
