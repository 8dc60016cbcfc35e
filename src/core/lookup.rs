//! A client that waits until its account was looked up elsewhere: by a web server, or by other resolvers of the
//! deployment, of which some do not answer.

use super::Core;
use super::authenticate::{Admission, Login};
use super::conn::ConnId;
use super::fetch::{FetchId, Hand, Purpose};
use super::freeze::Waiting;
use super::jwt_store::ResolverKind;
use super::notice::Notice;
use super::server::ServerId;
use crate::topology::{FETCH_PATIENCE, FetchError};

/// A client whose account is being looked up.
#[derive(Debug)]
pub(super) struct Lookup {
    how: Login,
    pub fetch: FetchId,
    /// What the client has done since.
    pub waiting: Vec<Waiting>,
}

impl Core {
    /// Has a client wait whose account has to come from elsewhere. Tells whether it has to.
    pub(super) fn looks_up_elsewhere(&mut self, id: ConnId, how: Login) -> bool {
        let Some(server) = self.conn(id).map(|conn| conn.server) else {
            return false;
        };
        let mode = self.operator_mode(server);
        let (kind, is_alone) = (mode.resolver().kind(), mode.is_alone);
        // Whoever comes back from waiting has something in hand.
        let asks_nobody = kind == ResolverKind::Memory || (kind != ResolverKind::Url && is_alone);
        if asks_nobody || !mode.hand.is_empty() {
            return false;
        }
        let Some((_, key)) = self.shown_token(id) else {
            return false;
        };
        let fetch = match kind {
            ResolverKind::Url => self
                .next_to_fetch(server, &key, &Hand::default())
                .and_then(|next| self.order(server, next, Purpose::LogIn(id), Hand::default())),
            ResolverKind::Full | ResolverKind::Cache => self.await_others(server, &key, id),
            ResolverKind::Memory => None,
        };
        let (Some(fetch), Some(conn)) = (fetch, self.conn_mut(id)) else {
            return false;
        };
        conn.lookup = Some(Box::new(Lookup {
            how,
            fetch,
            waiting: Vec::new(),
        }));
        self.asked_about += 1;
        self.freezes += 1;
        true
    }

    /// Waits for other resolvers, if not all of them can say at once that they do not know an account.
    fn await_others(&mut self, server: ServerId, key: &str, id: ConnId) -> Option<FetchId> {
        let is_known = self.account_named(server, key).is_some();
        let is_wanted = self.is_to_be_fetched(server, key);
        let resolver = self.operator_mode(server).resolver();
        if is_known || resolver.has(key) || !is_wanted {
            return None;
        }
        let patience = resolver.patience().unwrap_or(FETCH_PATIENCE);
        let others = self.known_servers(server);
        if others.iter().any(|&other| self.can_tell(other, key)) {
            return None;
        }
        let all_answer = others.iter().all(|&other| self.answers_lookups(other));
        if all_answer && !others.is_empty() {
            return None;
        }
        self.notices.push_back(Notice::ClaimsWanted {
            server,
            account: key.into(),
        });
        let purpose = Purpose::LogIn(id);
        let hand = (Hand::default(), patience);
        Some(self.await_token(server, key.into(), purpose, hand))
    }

    /// Whether a server answers others that look for an account.
    pub(super) fn answers_lookups(&self, server: ServerId) -> bool {
        let kind = self.store(server).map(super::jwt_store::JwtStore::kind);
        kind == Some(ResolverKind::Full) && !self.is_frozen(server)
    }

    fn can_tell(&self, server: ServerId, key: &str) -> bool {
        self.answers_lookups(server) && self.store(server).is_some_and(|store| store.has(key))
    }

    /// A server answers at last what it was asked when it stood still.
    pub(super) fn answer_late(&mut self, server: ServerId) {
        let now = self.now;
        let open: Vec<(FetchId, ServerId, Box<str>)> = self
            .fetches
            .open
            .iter()
            .filter(|(_, fetch)| !fetch.is_order)
            .map(|(id, fetch)| (*id, fetch.server, fetch.account.clone()))
            .collect();
        for (id, asking, key) in open {
            if self.is_frozen(asking) || !self.can_tell(server, &key) {
                continue;
            }
            if self.known_servers(asking).contains(&server) {
                let text = self.operator_mode(server).store.load(&key, now);
                let text = text.ok_or(FetchError::Silence);
                self.go_on(id, text.map(|text| text.to_string()));
            }
        }
    }

    /// Nobody waits any more for the account of a client.
    pub(super) fn end_lookup(&mut self, id: ConnId) -> Option<Box<Lookup>> {
        let lookup = self.conn_mut(id)?.lookup.take()?;
        self.is_asked_about_no_more(id);
        if let Some(fetch) = self.fetches.open.remove(&lookup.fetch) {
            self.timers.cancel(fetch.timer);
        }
        Some(lookup)
    }

    /// Lets a client log in with what was looked up, and goes on with what it has done meanwhile.
    pub(super) fn go_on_with_log_in(&mut self, server: ServerId, conn: ConnId, hand: Hand) {
        let Some(lookup) = self.end_lookup(conn) else {
            return;
        };
        if self.leaf(conn).is_some() {
            self.with_hand(server, hand, |core| core.go_on_with_leaf(conn));
            return;
        }
        let admission = self.with_hand(server, hand, |core| core.log_in(conn, lookup.how));
        if admission == Admission::In {
            match lookup.how {
                Login::Explicit => self.connected(conn),
                Login::Again => self.recheck_subscriptions(conn),
                Login::Implicit => {}
            }
        }
        for event in lookup.waiting {
            self.happen(server, event);
        }
    }
}
