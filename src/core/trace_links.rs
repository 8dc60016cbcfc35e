//! Messages whose way is told, on their way between servers.
//!
//! Each server that such a message goes to gets a copy of its own, which says how it has come there. So
//! nothing of it is counted before the copies are made, and they are handed on when the server is done
//! with the message itself.

use std::sync::Arc;

use nats_mock_protocol::events::{ConnectionKind, TRACE_HOP, TRACE_ORIGIN_ACCOUNT};
use nats_mock_protocol::headers;

use super::account::AccountId;
use super::conn::ConnId;
use super::deliver::Delivery;
use super::leaf_deliver::LeafCopy;
use super::mesh::ClusterId;
use super::msg_trace::{LinkEnd, Outcome, Undelivered};
use super::route::Moved;
use super::server::{Phase, ServerId};
use super::subs::SubId;
use super::trace_begin::{Came, with_block};
use super::transit::{Letter, Transit, UnderWay};
use super::{Core, Outgoing};
use crate::version::Feature;

/// What is still to be counted of a copy when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owed {
    /// It goes because of a subscription there.
    ToRoute(SubId),
    ToGateway(ClusterId),
}

impl Core {
    /// What becomes of a message at another server.
    fn outcome_at(&self, peer: ServerId) -> Outcome {
        if self.server(peer).profile.has(Feature::MessageTraces) {
            Outcome::Delivered
        } else if self.is_only_traced() {
            Outcome::Not(Undelivered::NotTracedThere)
        } else {
            Outcome::DeliveredUntraced
        }
    }

    /// Whether a message that goes to `peer` gets there.
    pub(super) fn is_taken_by(&self, peer: ServerId) -> bool {
        self.trace.is_none() || !matches!(self.outcome_at(peer), Outcome::Not(_))
    }

    /// Puts another server of the cluster on the list of those that a message goes to.
    pub(super) fn move_asking(
        &mut self,
        delivery: &mut Delivery<'_>,
        to: ServerId,
        sub: SubId,
    ) -> Moved {
        let from = delivery.entry;
        let passage = self.passage(from, to);
        delivery.under_way.push(UnderWay {
            from,
            to,
            by_gateway: false,
            crossing: delivery.crossing,
            passage,
            groups: Vec::new(),
            owed: Some(Owed::ToRoute(sub)),
        });
        self.moved_asking(delivery.under_way.len() - 1, to)
    }

    /// What has become of a message that is on the list for a server.
    pub(super) fn moved_asking(&self, place: usize, to: ServerId) -> Moved {
        if self.is_taken_by(to) {
            Moved::UnderWay(place)
        } else {
            Moved::Not
        }
    }

    /// Sends the copies of a message on: by routes and leaf node connections, and then by gateways.
    pub(super) fn send_on_asking(&mut self, delivery: &mut Delivery<'_>) {
        let under_way = std::mem::take(&mut delivery.under_way);
        let (routes, gateways): (Vec<UnderWay>, Vec<UnderWay>) =
            under_way.into_iter().partition(|way| !way.by_gateway);
        for way in routes {
            self.send_copy(delivery, way);
        }
        for copy in std::mem::take(&mut delivery.leafs) {
            self.send_leaf_copy(delivery, copy);
        }
        for way in gateways {
            self.send_copy(delivery, way);
        }
    }

    fn send_copy(&mut self, delivery: &Delivery<'_>, way: UnderWay) {
        let link = if way.by_gateway {
            self.outbound_gateway_end(way.from, way.to)
        } else {
            self.route_end(way.from, way.to, delivery.account)
        };
        let outcome = self.outcome_at(way.to);
        let copy = self.copy_for(delivery, link, outcome);
        let Some(letter) = copy else { return };
        let size = letter.size() as u64;
        match way.owed {
            Some(Owed::ToRoute(sub)) => {
                self.count_sent(delivery.account, way.from, Some(way.to), size);
                self.count_sent_for(sub, way.from, way.to);
            }
            Some(Owed::ToGateway(cluster)) => {
                self.count_sent_by_gateway(delivery.account, way.from, Some(cluster), size);
            }
            None => {}
        }
        let passage = way.passage;
        self.dispatch(Transit::of(delivery, way, Arc::new(letter)), passage);
    }

    fn send_leaf_copy(&mut self, delivery: &Delivery<'_>, copy: LeafCopy) {
        let ends = self.conn(copy.end).and_then(|conn| {
            let leaf = conn.leaf.as_deref()?;
            Some((conn.server, leaf.peer, leaf.other))
        });
        let Some(((from, to, other), link)) = ends.zip(self.leaf_end(copy.end)) else {
            return;
        };
        let outcome = match copy.refused {
            Some(why) => Outcome::Not(why),
            None => self.outcome_at(to),
        };
        let Some(letter) = self.copy_for(delivery, link, outcome) else {
            return;
        };
        self.count_sent_over_leaf(copy.end, delivery.account, from, letter.size() as u64);
        let letter = match copy.subject {
            Some(subject) => letter.renamed(subject),
            None => letter,
        };
        let passage = self.passage(from, to);
        let ends = (from, to, other);
        let transit = Transit::over_leaf(delivery, ends, copy.groups, Arc::new(letter), true);
        self.dispatch(transit, passage);
    }

    /// The copy of a message for another server, unless it does not go there.
    fn copy_for(
        &mut self,
        delivery: &Delivery<'_>,
        link: LinkEnd,
        outcome: Outcome,
    ) -> Option<Letter> {
        let message = &delivery.message;
        let Some(trace) = self.trace.as_deref_mut() else {
            return (!matches!(outcome, Outcome::Not(_))).then(|| Letter::of(message));
        };
        let hop = trace.next_hop();
        let origin = (trace.account != Some(delivery.account)).then(|| trace.account_name.clone());
        let server = trace.server;
        self.note_hop_of_answers();
        self.trace_link(link, hop.clone(), outcome);
        if matches!(outcome, Outcome::Not(_)) {
            return None;
        }
        let names_origin = !self.server(server).profile.has(Feature::TraceAnswers);
        let mut block = message.block()?.to_vec();
        if let Some(origin) = origin.filter(|_| names_origin) {
            block = headers::with(Some(&block), TRACE_ORIGIN_ACCOUNT, &origin);
        }
        let block = headers::with(Some(&block), TRACE_HOP, &hop);
        let (header_len, payload) = with_block(message, &block);
        Some(Letter::of(&Outgoing {
            header_len: Some(header_len),
            payload: &payload,
            ..*message
        }))
    }

    /// Takes in a message that has come from another server, and tells its way from here.
    pub(super) fn arrive_asking(&mut self, transit: &Transit) {
        let (from, to) = transit.way();
        let message = transit.outgoing();
        let (came, server, account) = match transit.end() {
            Some(end) => match self.conn(end).filter(|conn| !conn.is_closing()) {
                Some(conn) => (Came::OverLeaf(end), conn.server, conn.account),
                None => return,
            },
            None if !self.is_linked(from, to) => return,
            None if transit.is_by_gateway() => (Came::ByGateway(from), to, transit.account()),
            None => (Came::ByRoute(from), to, transit.account()),
        };
        if self.server(server).phase == Phase::Stopped {
            return;
        }
        let begun = self.begin_trace(came, server, account, &message);
        if !begun.goes_on {
            return;
        }
        let changed = begun.block.map(|block| with_block(&message, &block));
        let message = match &changed {
            Some((header_len, payload)) => Outgoing {
                header_len: Some(*header_len),
                payload,
                ..message
            },
            None => message,
        };
        let outer = std::mem::replace(&mut self.trace, begun.trace);
        let asked = std::mem::replace(&mut self.asks_for_trace, true);
        self.open_deliveries += 1;
        self.take_in(transit, &message);
        self.end_trace();
        self.open_deliveries -= 1;
        self.asks_for_trace = asked;
        self.trace = outer;
        self.hand_on();
    }

    /// A server's end of the route to another that carries an account.
    pub(super) fn route_end(
        &self,
        server: ServerId,
        peer: ServerId,
        account: AccountId,
    ) -> LinkEnd {
        let routes = self.routes(server);
        let mut routes = routes.iter().filter(|route| route.peer == peer);
        let first = routes.clone().next();
        let route = routes.find(|route| route.carries.contains(&account));
        LinkEnd {
            kind: ConnectionKind::ROUTER,
            cid: route.or(first).map_or(0, |route| route.rid),
            name: self.server(peer).name.to_string(),
            account: None,
        }
    }

    fn gateway_end(&self, cid: Option<u64>, peer: ServerId) -> LinkEnd {
        LinkEnd {
            kind: ConnectionKind::GATEWAY,
            cid: cid.unwrap_or(0),
            name: self.server(peer).name.to_string(),
            account: None,
        }
    }

    fn outbound_gateway_end(&self, server: ServerId, peer: ServerId) -> LinkEnd {
        let gateways = self.outbound_gateways(server);
        let gateway = gateways.iter().find(|gateway| gateway.peer == peer);
        self.gateway_end(gateway.map(|gateway| gateway.cid), peer)
    }

    pub(super) fn inbound_gateway_end(&mut self, server: ServerId, peer: ServerId) -> LinkEnd {
        let gateways = self.inbound_gateways(server);
        let gateway = gateways.iter().find(|gateway| gateway.peer == peer);
        self.gateway_end(gateway.map(|gateway| gateway.cid), peer)
    }

    pub(super) fn leaf_end(&self, end: ConnId) -> Option<LinkEnd> {
        let conn = self.conn(end)?;
        let leaf = conn.leaf.as_deref()?;
        Some(LinkEnd {
            kind: ConnectionKind::LEAF,
            cid: conn.cid,
            name: self.server(leaf.peer).name.to_string(),
            account: Some(conn.account),
        })
    }
}
