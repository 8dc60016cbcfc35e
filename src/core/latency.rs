//! How long services of an account take to answer others, of those requests that are looked at.

use std::collections::BTreeMap;

use nats_mock_protocol::events::ServiceLatency;
use nats_mock_protocol::headers::Headers;
use nats_mock_protocol::time::Nanos;

use super::account::AccountId;
use super::conn::ConnId;
use super::deliver::Origin;
use super::latency_apart::nanos_between;
use super::notice::{Measured, Notice};
use super::replies::Awaited;
use super::server::ServerId;
use super::time::Time;
use super::{Core, Outgoing, ids};
use crate::topology::{LatencyOptions, Sampling};

/// Headers by their names as Go writes them.
type Block = BTreeMap<String, Vec<String>>;

/// A request that is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Tracking {
    /// Where it is told.
    pub subject: Box<str>,
    pub requestor: Option<ConnId>,
    /// The headers that ask for it.
    pub header: Block,
    /// What another server has measured that has the service.
    pub(super) apart: Option<Box<ServiceLatency>>,
}

/// What becomes of a request that is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody is there to answer.
    Unavailable,
    /// It takes too long.
    TooLate,
    /// Nobody waits any more.
    Lost,
}

impl Core {
    /// Whether a request is to be looked at.
    pub(super) fn track(
        &mut self,
        latency: Option<&LatencyOptions>,
        origin: Origin,
        message: &Outgoing<'_>,
    ) -> Option<Tracking> {
        let latency = latency?;
        let drawn = match latency.sampling {
            Sampling::Percent(100) => true,
            Sampling::Percent(percent) => {
                ids::below(100, &mut self.latency_picks) <= u64::from(percent)
            }
            Sampling::Headers => false,
        };
        let header = if drawn {
            Block::new()
        } else {
            asking(&block(message))?
        };
        let requestor = match origin {
            Origin::Client(id) | Origin::Leaf(id) => Some(id),
            Origin::System(_) => None,
        };
        Some(Tracking {
            subject: latency.subject.as_str().into(),
            requestor,
            header,
            apart: None,
        })
    }

    /// Tells how long an answer took.
    pub(super) fn tell_latency(
        &mut self,
        exporter: AccountId,
        awaited: &Awaited,
        responder: Origin,
    ) {
        let Some(tracking) = &awaited.tracking else {
            return;
        };
        let mut event = self.latency_of(awaited.server, tracking, awaited.shares, awaited.since);
        let took = nanos_between(awaited.since, self.now);
        event.status = 200;
        event.total = Nanos(took + event.requestor.as_ref().map_or(0, |info| info.rtt.0));
        let event = match responder {
            // The half of its server does not come.
            Origin::Leaf(_) => return,
            Origin::Client(id) if self.is_apart(awaited, id) => {
                let Some(whole) = self.with_other_half(event, awaited) else {
                    return;
                };
                whole
            }
            Origin::Client(id) => {
                let responder = self.client_info(id, true);
                let there = responder.as_ref().map_or(0, |info| info.rtt.0);
                ServiceLatency {
                    responder,
                    service: Nanos((took - there).max(0)),
                    ..event
                }
            }
            Origin::System(_) => ServiceLatency {
                service: Nanos(took),
                ..event
            },
        };
        self.note_latency(awaited.server, exporter, &tracking.subject.clone(), event);
    }

    /// Tells that a request was not answered.
    pub(super) fn tell_failure(&mut self, exporter: AccountId, awaited: &Awaited, why: Failure) {
        let Some(tracking) = awaited.tracking.as_ref() else {
            return;
        };
        if tracking.requestor.is_none() {
            return;
        }
        let mut event = self.latency_of(awaited.server, tracking, awaited.shares, awaited.since);
        let (status, description) = match why {
            Failure::Unavailable => (503, "Service Unavailable"),
            Failure::TooLate => (504, "Service Timeout"),
            Failure::Lost => (408, "Request Timeout"),
        };
        event.status = status;
        event.description = description.to_owned();
        self.note_latency(awaited.server, exporter, &tracking.subject.clone(), event);
    }

    /// Tells that a request wants no answer, so that nothing can be measured.
    pub(super) fn tell_bad_request(
        &mut self,
        server: ServerId,
        exporter: AccountId,
        tracking: &Tracking,
        shares: bool,
    ) {
        let mut event = self.latency_of(server, tracking, shares, self.now);
        event.status = 400;
        event.description = "Bad Request".to_owned();
        self.note_latency(server, exporter, &tracking.subject, event);
    }

    fn latency_of(
        &self,
        server: ServerId,
        tracking: &Tracking,
        shares: bool,
        since: Time,
    ) -> ServiceLatency {
        let requestor = tracking
            .requestor
            .and_then(|id| self.client_info(id, shares));
        let rtt = requestor.as_ref().map_or(0, |info| info.rtt.0);
        let sent = since - std::time::Duration::from_nanos(u64::try_from(rtt).unwrap_or(0));
        ServiceLatency {
            requestor,
            header: tracking.header.clone(),
            start: self.server(server).wall_clock.utc(sent),
            ..ServiceLatency::default()
        }
    }

    fn note_latency(
        &mut self,
        server: ServerId,
        account: AccountId,
        subject: &str,
        event: ServiceLatency,
    ) {
        self.notices.push_back(Notice::Measured(Box::new(Measured {
            server,
            account,
            subject: subject.into(),
            event,
        })));
    }
}

/// The headers of a message by their names as Go writes them.
fn block(message: &Outgoing<'_>) -> Block {
    let mut headers = Block::new();
    let block = message
        .header_len
        .and_then(|len| message.payload.get(..len));
    let Some(parsed) = block.and_then(|block| Headers::parse(block).ok()) else {
        return headers;
    };
    for (key, value) in parsed.iter() {
        let values = headers.entry(canonical(key)).or_default();
        values.push(value.to_owned());
    }
    headers
}

/// Words begin with a capital, and have no others.
fn canonical(key: &str) -> String {
    let mut starts = true;
    let spell = |c: char| {
        let spelled = if starts {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        };
        starts = c == '-';
        spelled
    };
    key.chars().map(spell).collect()
}

/// The headers by which a request asks to be looked at, in the manner of Jaeger, of Zipkin or of trace
/// contexts.
fn asking(headers: &Block) -> Option<Block> {
    let first = |key: &str| headers.get(key).and_then(|values| values.first());
    let pick = |wanted: &dyn Fn(&str) -> bool| -> Block {
        let picked = headers.iter().filter(|(key, _)| wanted(key));
        picked
            .map(|(key, values)| (key.clone(), values.clone()))
            .collect()
    };
    let zipkin = || {
        pick(&|key| {
            matches!(
                key,
                "X-B3-Sampled" | "X-B3-Traceid" | "X-B3-Parentspanid" | "X-B3-Spanid"
            )
        })
    };
    if let Some(trace) = first("Uber-Trace-Id") {
        let flags = match trace.split(':').collect::<Vec<_>>()[..] {
            [_, _, _, flags] if matches!(flags.len(), 1 | 2) => u8::from_str_radix(flags, 16),
            _ => return None,
        };
        return (flags.ok()? & 1 == 1)
            .then(|| pick(&|key| key == "Uber-Trace-Id" || key.starts_with("Uberctx-")));
    }
    match first("X-B3-Sampled").map(String::as_str) {
        Some("1") => return Some(zipkin()),
        Some("0") => return None,
        _ => {}
    }
    if headers.contains_key("X-B3-Traceid") {
        return Some(zipkin());
    }
    if let Some(single) = first("B3") {
        let parts: Vec<&str> = single.split('-').collect();
        let denied = (parts.len() > 2 && parts[2] == "0") || parts[..] == ["0"];
        return (!denied).then(|| pick(&|key| key == "B3"));
    }
    let context = first("Traceparent")?;
    let parts: Vec<&str> = context.split('-').collect();
    let flags = parts
        .get(3)
        .filter(|flags| parts.len() == 4 && flags.len() == 2)?;
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    sampled.then(|| pick(&|key| matches!(key, "Traceparent" | "Tracestate")))
}
