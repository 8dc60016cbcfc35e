//! Service imports: how a request reaches another account's service, and how the answer finds its
//! way back.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use nats_mock_protocol::events::ClientInfo;
use nats_mock_protocol::time::Nanos;
use nats_mock_protocol::{headers, json};

use super::account::{AccountId, Import};
use super::deliver::{Delivery, Origin};
use super::ids;
use super::server::ServerId;
use super::subs::{Receiver, Sub};
use super::{Core, Outgoing};

/// Requests of an account's services whose answers are awaited by other accounts.
#[derive(Debug, Default)]
pub(crate) struct ReplyRoutes {
    /// `_R_.xxxxxx.` of each server, drawn when the first request comes.
    prefixes: HashMap<ServerId, Box<str>, FixedState>,
    routes: HashMap<Box<[u8]>, ReplyRoute, FixedState>,
    /// The reply subjects in the order of their requests.
    order: VecDeque<Box<[u8]>>,
}

#[derive(Clone, Debug)]
struct ReplyRoute {
    account: AccountId,
    reply: Box<[u8]>,
}

/// Requests that may wait for an answer; the oldest is forgotten first.
const MAX_ROUTES: usize = 4096;

impl Core {
    /// Makes a service of `to_account` reachable in `account` under `subject`.
    pub fn add_import(
        &mut self,
        account: AccountId,
        subject: &str,
        to_account: AccountId,
        to_subject: String,
        shares_client: bool,
    ) {
        let index = self.account(account).imports.len();
        let sub = Sub::new(
            Receiver::Import(index as u32),
            ServerId::EVERY,
            account,
            subject.as_bytes(),
            None,
            (index + 1).to_string().as_bytes(),
        );
        if self.add_sub(sub).is_some() {
            self.account_mut(account).imports.push(Import {
                subject: subject.into(),
                to_account,
                to_subject: to_subject.into(),
                shares_client,
            });
        }
    }

    pub(super) fn deliver_through_import(
        &mut self,
        delivery: &Delivery<'_>,
        importer: AccountId,
        index: usize,
    ) -> bool {
        let import = &self.account(importer).imports[index];
        let (exporter, shares_client) = (import.to_account, import.shares_client);
        let to_subject = import.to_subject.clone();
        let message = &delivery.message;
        let subject = if to_subject.ends_with(">") {
            message.subject
        } else {
            to_subject.as_bytes()
        };
        let reply = message
            .reply
            .filter(|reply| !reply.is_empty())
            .map(|reply| self.route_reply(delivery.server, importer, exporter, reply));
        let info = self.request_info(delivery.origin, shares_client);
        let (header_len, payload) = with_request_info(message, &info);
        let request = Outgoing {
            subject,
            reply: reply.as_deref(),
            header_len: Some(header_len),
            payload: &payload,
            digits: None,
        };
        let found = self.look_up(delivery.server, exporter, request.subject);
        let delivered = self.deliver(
            delivery.origin,
            delivery.server,
            exporter,
            &found,
            &request,
            delivery.depth + 1,
        );
        if let Some(reply) = reply.filter(|_| !delivered) {
            self.account_mut(exporter).replies.routes.remove(&reply);
        }
        delivered
    }

    pub(super) fn deliver_import_reply(
        &mut self,
        delivery: &Delivery<'_>,
        exporter: AccountId,
    ) -> bool {
        let message = &delivery.message;
        let routes = &self.account(exporter).replies.routes;
        let Some(ReplyRoute { account, reply }) = routes.get(message.subject).cloned() else {
            return false;
        };
        let found = self.look_up(delivery.at, account, &reply);
        let answer = Outgoing {
            subject: &reply,
            reply: None,
            ..*message
        };
        let delivered = self.deliver(
            delivery.origin,
            delivery.at,
            account,
            &found,
            &answer,
            delivery.depth + 1,
        );
        if !delivered || message.payload.is_empty() {
            self.account_mut(exporter)
                .replies
                .routes
                .remove(message.subject);
        }
        delivered
    }

    /// A reply subject in the exporting account that leads back to `reply` in the importing one.
    fn route_reply(
        &mut self,
        server: ServerId,
        importer: AccountId,
        exporter: AccountId,
        reply: &[u8],
    ) -> Box<[u8]> {
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
        let subject: Box<[u8]> = format!("{prefix}{}", ids::base62(6, rng))
            .into_bytes()
            .into();
        let route = ReplyRoute {
            account: importer,
            reply: reply.into(),
        };
        replies.routes.insert(subject.clone(), route);
        replies.order.push_back(subject.clone());
        if replies.order.len() > MAX_ROUTES
            && let Some(oldest) = replies.order.pop_front()
        {
            replies.routes.remove(&oldest);
        }
        if is_new {
            let wildcard = format!("{prefix}>");
            let sub = Sub::new(
                Receiver::ImportReplies,
                server,
                exporter,
                wildcard.as_bytes(),
                None,
                b"",
            );
            self.add_sub(sub);
        }
        subject
    }

    /// What the service is told of who asks.
    fn request_info(&self, origin: Origin, shares_client: bool) -> ClientInfo {
        let (Origin::Client(id) | Origin::Leaf(id)) = origin else {
            return ClientInfo::default();
        };
        let Some(conn) = self.conn(id) else {
            return ClientInfo::default();
        };
        let place = conn.leaf.as_deref().map_or(conn.server, |leaf| leaf.peer);
        let server = self.server(place);
        let brief = ClientInfo {
            acc: self.account(conn.account).name.to_string(),
            rtt: Nanos(conn.rtt),
            server: server.name.to_string(),
            ..ClientInfo::default()
        };
        if !shares_client {
            return brief;
        }
        let client = self.snapshot(conn);
        ClientInfo {
            start: Some(self.server(conn.server).wall_clock.local(client.start)),
            host: client.host.into(),
            id: client.cid,
            user: client.user.map(Into::into).unwrap_or_default(),
            name: client.name.into(),
            lang: client.lang.into(),
            ver: client.version.into(),
            kind: client.kind.name().to_owned(),
            client_type: client.kind.client_type().to_owned(),
            ..brief
        }
    }
}

/// The message's payload with the request info as its last header.
fn with_request_info(message: &Outgoing<'_>, info: &ClientInfo) -> (usize, Vec<u8>) {
    let (header, body) = message
        .payload
        .split_at(message.header_len.unwrap_or_default());
    let info = json::to_string(info);
    let block = (!header.is_empty()).then_some(header);
    let mut payload = headers::with(block, "Nats-Request-Info", &info);
    let header_len = payload.len();
    payload.extend_from_slice(body);
    (header_len, payload)
}
