//! Whether the way of a message is to be told, and what becomes of a message that asks for it in vain.

use nats_mock_protocol::events::{
    ConnectionKind, MessageTrace, TRACE_DEST, TRACE_HOP, TRACE_ONLY, TRACE_ORIGIN_ACCOUNT,
    TraceRequest,
};
use nats_mock_protocol::{headers, subject};

use super::account::AccountId;
use super::conn::ConnId;
use super::msg_trace::{LinkEnd, MsgTrace};
use super::receive::{Inbound, is_reserved};
use super::server::ServerId;
use super::text::quoted;
use super::trace_request::{Asked, crossed_out, disabled, read, with_lower_parent};
use super::{Core, Outgoing, ids};
use crate::version::Feature;

/// How a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    FromClient(ConnId),
    ByRoute(ServerId),
    ByGateway(ServerId),
    /// The end of the connection at which it has come out.
    OverLeaf(ConnId),
}

/// What is to become of a message that asks.
#[derive(Debug)]
pub(super) struct Begun {
    /// It is handed on.
    pub goes_on: bool,
    /// The headers that it goes on with, if these are others.
    pub block: Option<Vec<u8>>,
    pub trace: Option<Box<MsgTrace>>,
    /// The client may not publish where its way is to be told.
    pub denied: Option<Vec<u8>>,
}

impl Begun {
    fn untraced(goes_on: bool) -> Self {
        Self {
            goes_on,
            block: None,
            trace: None,
            denied: None,
        }
    }

    fn changed(block: Vec<u8>) -> Self {
        Self {
            block: Some(block),
            ..Self::untraced(true)
        }
    }
}

/// A message that asks, at one server.
struct Arrival<'a> {
    came: Came,
    server: ServerId,
    account: AccountId,
    message: &'a Outgoing<'a>,
    asked: Asked,
}

/// Where the way of a message is told.
struct Destination {
    account: Option<AccountId>,
    account_name: Box<str>,
    subject: Vec<u8>,
}

impl Core {
    /// Publishes what a client has sent with headers that may ask for its way to be told.
    pub(super) fn publish_asking(&mut self, inbound: &mut Inbound, message: &Outgoing<'_>) {
        let id = inbound.id;
        let Some(conn) = self.conn(id) else { return };
        let (server, account) = (conn.server, conn.account);
        let max = conn.max_payload.unwrap_or(u32::MAX) as usize;
        if message.payload.len() > max {
            self.publish_untraced(inbound, message, None);
            return;
        }
        let begun = self.begin_trace(Came::FromClient(id), server, account, message);
        if !begun.goes_on {
            return;
        }
        let changed = begun.block.map(|block| with_block(message, &block));
        let message = match &changed {
            Some((header_len, payload)) => Outgoing {
                header_len: Some(*header_len),
                payload,
                digits: None,
                ..*message
            },
            None => *message,
        };
        self.trace = begun.trace;
        self.asks_for_trace = true;
        self.open_deliveries += 1;
        self.publish_untraced(inbound, &message, begun.denied.as_deref());
        self.end_trace();
        self.asks_for_trace = false;
        self.open_deliveries -= 1;
        self.hand_on();
    }

    /// Looks at a message with headers that may ask for its way to be told.
    pub(super) fn begin_trace(
        &mut self,
        came: Came,
        server: ServerId,
        account: AccountId,
        message: &Outgoing<'_>,
    ) -> Begun {
        let profile = self.server(server).profile;
        let Some(block) = message
            .block()
            .filter(|_| profile.has(Feature::MessageTraces))
        else {
            return Begun::untraced(true);
        };
        let strictly = profile.has(Feature::TraceAnswers);
        let lowered = if strictly {
            block.into()
        } else {
            with_lower_parent(block)
        };
        let Some(asked) = read(&lowered, strictly) else {
            let mut begun = Begun::untraced(true);
            begun.block = is_other(&lowered, block);
            begun.denied = self.denied_dest(came, server, account, block);
            return begun;
        };
        let arrival = Arrival {
            came,
            server,
            account,
            message,
            asked,
        };
        let mut begun = if strictly {
            self.begin_strictly(arrival, block)
        } else {
            self.begin_leniently(arrival, &lowered)
        };
        if !strictly {
            begun.block = begun.block.or_else(|| is_other(&lowered, block));
            begun.denied = self.denied_dest(came, server, account, block);
        }
        begun
    }

    /// As servers have done since 2.14: whoever asks in vain that a message is only traced is not to have it
    /// delivered.
    fn begin_strictly(&mut self, arrival: Arrival<'_>, block: &[u8]) -> Begun {
        let (came, account) = (arrival.came, arrival.account);
        let is_only_traced = wants_only_trace(&arrival.asked);
        let mut dest = arrival.asked.first(TRACE_DEST).to_owned();
        if !arrival.asked.by_parent && dest.is_empty() {
            return Begun::untraced(!is_only_traced);
        }
        if !arrival.asked.first(TRACE_ORIGIN_ACCOUNT).is_empty() {
            // It comes from an older server.
            return match is_only_traced {
                true => Begun::untraced(false),
                false => Begun::changed(disabled(block)),
            };
        }
        if arrival.asked.by_parent {
            let Some((told, sampling)) = self.account(account).msg_trace.clone() else {
                return Begun::untraced(true);
            };
            if matches!(came, Came::FromClient(_)) && !self.is_sampled(sampling) {
                return Begun::changed(disabled(block));
            }
            dest = told.into();
        }
        if !subject::is_valid_destination(dest.as_bytes()) {
            return Begun::untraced(!is_only_traced);
        }
        if !self.may_trace_to(came, arrival.server, account, dest.as_bytes()) {
            // A leaf node or hub would be told, too, and take no notice.
            if let Came::FromClient(id) = came {
                let dest = quoted(dest.as_bytes());
                self.send_err(id, &format!("Permissions Violation for Publish to {dest}"));
            }
            return Begun::untraced(false);
        }
        let told = Destination {
            account: Some(account),
            account_name: self.account(account).name.as_ref().into(),
            subject: dest.into_bytes(),
        };
        self.trace_of(arrival, told, is_only_traced)
    }

    /// As servers did before 2.14: a message that is only to be traced is traced, though nobody is told.
    fn begin_leniently(&mut self, arrival: Arrival<'_>, block: &[u8]) -> Begun {
        let (came, server) = (arrival.came, arrival.server);
        let is_only_traced = wants_only_trace(&arrival.asked);
        let is_client = matches!(came, Came::FromClient(_));
        let mut dest = arrival.asked.first(TRACE_DEST).as_bytes().to_vec();
        if !arrival.asked.by_parent {
            let is_checked = self
                .server(server)
                .profile
                .has(Feature::TraceDestinationChecked);
            if is_checked && is_client {
                if self
                    .denied_dest(came, server, arrival.account, block)
                    .is_some()
                {
                    return Begun::untraced(true);
                }
                if let Some(raw) = headers::get(block, TRACE_DEST).filter(|raw| !raw.is_empty()) {
                    dest = raw.to_vec();
                }
            }
            if !subject::is_valid_destination(&dest) && !is_only_traced {
                return Begun::untraced(true);
            }
        }
        let own = self.account(arrival.account).name.as_ref().into();
        let origin = match arrival.asked.first(TRACE_ORIGIN_ACCOUNT) {
            _ if is_client => "",
            origin => origin,
        };
        let (account, account_name) = if origin.is_empty() {
            (Some(arrival.account), own)
        } else {
            (self.account_named(server, origin), origin.into())
        };
        if account.is_none() && !is_only_traced {
            return Begun::untraced(true);
        }
        if arrival.asked.by_parent {
            let told = account.and_then(|account| self.account(account).msg_trace.clone());
            let Some((told, sampling)) = told else {
                return Begun::untraced(true);
            };
            if is_client && !self.is_sampled(sampling) {
                return Begun::changed(crossed_out(block));
            }
            dest = told.as_bytes().to_vec();
        }
        let told = Destination {
            account,
            account_name,
            subject: dest,
        };
        self.trace_of(arrival, told, is_only_traced)
    }

    fn trace_of(&mut self, arrival: Arrival<'_>, told: Destination, is_only_traced: bool) -> Begun {
        let Arrival {
            came,
            server,
            account,
            message,
            asked,
        } = arrival;
        let Some(link) = self.link_in(came, server, account) else {
            return Begun::untraced(!is_only_traced);
        };
        let is_from_client = matches!(came, Came::FromClient(_));
        let hop = if is_from_client {
            ""
        } else {
            asked.first(TRACE_HOP)
        };
        let trace = MsgTrace {
            server,
            account: told.account,
            account_name: told.account_name,
            came_in: account,
            dest: told.subject.into(),
            encoding: asked.first("Accept-Encoding").into(),
            hop: hop.into(),
            is_only_traced,
            is_from_client,
            answers: None,
            event: MessageTrace {
                events: vec![self.traced_ingress(server, link, account, message.subject)],
                request: TraceRequest {
                    msgsize: message.payload.len() as i64,
                    header: asked.headers,
                    ..TraceRequest::default()
                },
                ..MessageTrace::default()
            },
        };
        Begun {
            trace: Some(Box::new(trace)),
            ..Begun::untraced(true)
        }
    }

    /// The connection that a message has come by.
    fn link_in(&mut self, came: Came, server: ServerId, account: AccountId) -> Option<LinkEnd> {
        match came {
            Came::FromClient(id) => {
                let conn = self.conn(id)?;
                Some(LinkEnd {
                    kind: ConnectionKind::CLIENT,
                    cid: conn.cid,
                    name: conn.options.name.to_string(),
                    account: None,
                })
            }
            Came::ByRoute(from) => Some(self.route_end(server, from, account)),
            Came::ByGateway(from) => Some(self.inbound_gateway_end(server, from)),
            Came::OverLeaf(end) => self.leaf_end(end),
        }
    }

    /// Whether a message is among those of which an account wants so many percent.
    fn is_sampled(&mut self, percent: u8) -> bool {
        percent >= 100 || ids::below(100, &mut self.trace_picks) <= u64::from(percent)
    }

    /// Whether whoever sends a message may have its way told on a subject.
    fn may_trace_to(
        &mut self,
        came: Came,
        server: ServerId,
        account: AccountId,
        dest: &[u8],
    ) -> bool {
        let is_system = self.server(server).system == Some(account);
        if is_reserved(dest, is_system) {
            return false;
        }
        match came {
            Came::FromClient(id) => self
                .conn_mut(id)
                .and_then(|conn| conn.rights.as_mut())
                .is_none_or(|rights| rights.may_publish_always(dest)),
            Came::OverLeaf(end) => {
                let Some(conn) = self.conn_mut(end) else {
                    return false;
                };
                match conn.leaf.as_deref_mut() {
                    // What the hub may not send, it may not have told here either.
                    Some(leaf) if leaf.is_spoke => conn
                        .rights
                        .as_mut()
                        .is_none_or(|rights| rights.may_subscribe(dest, None)),
                    Some(leaf) => leaf
                        .accepts
                        .as_mut()
                        .is_none_or(|rights| rights.may_publish_always(dest)),
                    None => true,
                }
            }
            Came::ByRoute(_) | Came::ByGateway(_) => true,
        }
    }

    /// Where the way of a client's message is to be told, if servers between 2.12 and 2.14 refuse the
    /// message for it.
    fn denied_dest(
        &mut self,
        came: Came,
        server: ServerId,
        account: AccountId,
        block: &[u8],
    ) -> Option<Vec<u8>> {
        let profile = self.server(server).profile;
        let is_checked = profile.has(Feature::TraceDestinationChecked)
            && !profile.has(Feature::TraceAnswers)
            && matches!(came, Came::FromClient(_));
        let dest = headers::get(block, TRACE_DEST).filter(|dest| is_checked && !dest.is_empty())?;
        let allowed = self.may_trace_to(came, server, account, dest);
        (!allowed).then(|| dest.to_vec())
    }
}

fn wants_only_trace(asked: &Asked) -> bool {
    let only = asked.first(TRACE_ONLY).to_lowercase();
    !asked.by_parent && matches!(only.as_str(), "1" | "true" | "on")
}

fn is_other(new: &[u8], old: &[u8]) -> Option<Vec<u8>> {
    (new != old).then(|| new.to_vec())
}

/// A message's payload with other headers, and their length.
pub(super) fn with_block(message: &Outgoing<'_>, block: &[u8]) -> (usize, Vec<u8>) {
    let body = &message.payload[message.header_len.unwrap_or_default()..];
    (block.len(), [block, body].concat())
}
