//! Tokens of accounts that somebody else has to get, because a resolver asks a web server for them.
//!
//! Whoever needs an account waits until all tokens that this takes are in a [hand](Hand): its own, and those of the
//! accounts that it imports from. Then it is looked up as with any other resolver. Clients wait in the same way for
//! other resolvers of a deployment that have not answered ([`lookup`](super::lookup)).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::conn::ConnId;
use super::freeze::Waiting;
use super::jwt_store::ResolverKind;
use super::server::{Phase, ServerId};
use super::timers::{Timer, TimerKey};
use super::{Core, Time};
use crate::identity::{self, Role};
use crate::topology::{AccountServer, FETCH_PATIENCE, FetchError};

/// How often it looks for the token of a system account that it has not got yet.
const SYSTEM_INTERVAL: Duration = Duration::from_secs(1);

/// What has expired is not asked for again this soon after it was got.
const TOO_SOON: Duration = Duration::from_secs(1);

/// How many accounts are fetched because of one. What lies beyond counts as not found.
const MOST_ACCOUNTS: usize = 1024;

/// What is being fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FetchId(u64);

/// What somebody else is to get: the answer goes to [`Core::fetched`].
#[derive(Debug)]
pub(crate) struct FetchOrder {
    pub id: FetchId,
    /// The public key of the account.
    pub account: Box<str>,
    pub from: AccountServer,
}

/// All that is being fetched.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    last: u64,
    pub open: BTreeMap<FetchId, Fetch>,
    orders: Vec<FetchOrder>,
}

#[derive(Debug)]
pub(super) struct Fetch {
    pub server: ServerId,
    pub account: Box<str>,
    purpose: Purpose,
    /// What was fetched before for the same purpose.
    hand: Hand,
    pub timer: TimerKey,
    /// Whether a web server is asked, and not other resolvers.
    pub is_order: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    LogIn(ConnId),
    /// The server's system account, which it has begun without.
    System,
    /// An account that another imports from.
    Import(Box<str>),
    /// The account of a leaf node's remote.
    Remote(usize, Box<str>),
    /// The account where the answer of a service puts a client.
    Answer(ConnId, Box<str>),
}

/// Tokens by the keys of their accounts, as they were fetched; nothing where there is none.
#[derive(Debug, Default)]
pub(super) struct Hand(BTreeMap<Box<str>, Held>);

#[derive(Default)]
struct Held {
    text: Option<Arc<str>>,
    /// Why there is none.
    failure: Option<FetchError>,
    /// The accounts that it imports from, if it is a token that the server takes.
    imports: Option<Vec<Box<str>>>,
    times: u32,
}

/// What was handed out is nobody's business.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Held");
        shown.field("times", &self.times).finish_non_exhaustive()
    }
}

impl Hand {
    /// The token of an account.
    pub fn get(&self, key: &str) -> Option<Arc<str>> {
        self.0.get(key)?.text.clone()
    }

    /// Why there is none.
    pub fn failure(&self, key: &str) -> Option<&FetchError> {
        self.0.get(key)?.failure.as_ref()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often it was asked for.
    pub fn times(&self, key: &str) -> u32 {
        self.0.get(key).map_or(0, |held| held.times)
    }

    fn take_up(
        &mut self,
        key: Box<str>,
        answer: Result<String, FetchError>,
        imports: Option<Vec<Box<str>>>,
    ) {
        let held = self.0.entry(key).or_default();
        (held.text, held.failure) = match answer {
            Ok(text) => (Some(text.into()), None),
            Err(error) => (None, Some(error)),
        };
        held.imports = imports;
        held.times += 1;
    }
}

impl Core {
    /// What is to be fetched since it was last asked for.
    pub fn take_fetch_orders(&mut self) -> Vec<FetchOrder> {
        std::mem::take(&mut self.fetches.orders)
    }

    /// What was to be fetched is there, or is not to be had.
    pub fn fetched(&mut self, now: Time, id: FetchId, answer: Result<String, FetchError>) {
        self.set_now(now);
        let Some(server) = self.fetches.open.get(&id).map(|fetch| fetch.server) else {
            return;
        };
        if self.is_frozen(server) {
            self.wait_if_frozen(server, || Waiting::Fetched(id, answer));
            return;
        }
        // The server goes on waiting: it has a timer of its own.
        if answer != Err(FetchError::Silence) {
            self.go_on(id, answer);
        }
    }

    /// Whether anybody still waits for something.
    pub fn awaits(&self, id: FetchId) -> bool {
        self.fetches.open.contains_key(&id)
    }

    /// When a server first loses patience with a web server.
    pub fn next_fetch_deadline(&self) -> Option<Time> {
        let open = self.fetches.open.values();
        let open = open.filter(|fetch| fetch.is_order && !self.is_frozen(fetch.server));
        open.map(|fetch| fetch.timer.due()).min()
    }

    pub(super) fn fetch_timed_out(&mut self, id: FetchId) {
        self.go_on(id, Err(FetchError::Silence));
    }

    /// Gets the token of an account that another imports from and that is not there. The import is tried again
    /// when it has come.
    pub(super) fn fetch_exporter(&mut self, server: ServerId, key: &str) {
        let Some(mode) = self.server(server).operator.as_deref() else {
            return;
        };
        let is_elsewhere = mode.resolver().kind() == ResolverKind::Url;
        if !is_elsewhere || mode.hand.times(key) > 0 || !self.is_to_be_fetched(server, key) {
            return;
        }
        let purpose = Purpose::Import(key.into());
        let mut open = self.fetches.open.values();
        if !open.any(|fetch| fetch.server == server && fetch.purpose == purpose) {
            self.order(server, key.into(), purpose, Hand::default());
        }
    }

    /// Looks for the token of the system account from time to time.
    pub(super) fn await_system_account(&mut self, server: ServerId) {
        let due = self.now + SYSTEM_INTERVAL;
        let timer = self.timers.set(due, Timer::SystemAccount(server));
        self.operator_mode(server).system_timer = Some(timer);
    }

    pub(super) fn fetch_system_account(&mut self, server: ServerId) {
        if self.server(server).phase == Phase::Stopped {
            return;
        }
        self.await_system_account(server);
        let is_open = |fetch: &Fetch| fetch.server == server && fetch.purpose == Purpose::System;
        let Some(system) = self.server(server).system else {
            return;
        };
        if !self.fetches.open.values().any(is_open) {
            let key = self.account(system).name.as_ref().into();
            self.order(server, key, Purpose::System, Hand::default());
        }
    }

    /// A server that is gone waits for nothing.
    pub(super) fn forget_fetches(&mut self, server: ServerId) {
        let Fetches { open, orders, .. } = &mut self.fetches;
        let gone: Vec<FetchId> = open
            .iter()
            .filter(|(_, fetch)| fetch.server == server)
            .map(|(id, _)| *id)
            .collect();
        orders.retain(|order| !gone.contains(&order.id));
        for id in gone {
            if let Some(fetch) = self.fetches.open.remove(&id) {
                self.timers.cancel(fetch.timer);
            }
        }
        let mode = self.server_mut(server).operator.as_deref_mut();
        if let Some(timer) = mode.and_then(|mode| mode.system_timer.take()) {
            self.timers.cancel(timer);
        }
    }

    /// Has somebody get a token.
    pub(super) fn order(
        &mut self,
        server: ServerId,
        account: Box<str>,
        purpose: Purpose,
        hand: Hand,
    ) -> Option<FetchId> {
        let from = self.operator_mode(server).resolver().server.clone()?;
        let id = self.await_token(server, account.clone(), purpose, (hand, FETCH_PATIENCE));
        if let Some(fetch) = self.fetches.open.get_mut(&id) {
            fetch.is_order = true;
        }
        self.fetches.orders.push(FetchOrder { id, account, from });
        Some(id)
    }

    /// Waits for a token that somebody may come up with.
    pub(super) fn await_token(
        &mut self,
        server: ServerId,
        account: Box<str>,
        purpose: Purpose,
        (hand, patience): (Hand, Duration),
    ) -> FetchId {
        self.fetches.last += 1;
        let id = FetchId(self.fetches.last);
        let due = self.now + patience;
        let timer = self.timers.set(due, Timer::Fetch(server, id));
        let fetch = Fetch {
            server,
            account,
            purpose,
            hand,
            timer,
            is_order: false,
        };
        self.fetches.open.insert(id, fetch);
        id
    }

    /// Goes on with what has waited.
    pub(super) fn go_on(&mut self, id: FetchId, answer: Result<String, FetchError>) {
        let Some(fetch) = self.fetches.open.remove(&id) else {
            return;
        };
        self.timers.cancel(fetch.timer);
        let Fetch {
            server,
            account,
            purpose,
            mut hand,
            ..
        } = fetch;
        let text = answer.as_deref().ok();
        let imports = text.and_then(|text| self.imports_of(server, &account, text));
        hand.take_up(account.clone(), answer, imports);
        let root = match &purpose {
            Purpose::LogIn(conn) => self.shown_token(*conn).map(|(_, root)| root),
            Purpose::System => None,
            Purpose::Import(key) | Purpose::Remote(_, key) | Purpose::Answer(_, key) => {
                Some(key.to_string())
            }
        };
        let next = root.and_then(|root| self.next_to_fetch(server, &root, &hand));
        // Whoever imports from it and waits for it would be the one to ask again.
        let is_import = matches!(purpose, Purpose::Import(_));
        let next = next.filter(|next| !is_import || hand.times(next) == 0);
        let asks = self.operator_mode(server).resolver().server.is_some();
        let next = next.filter(|_| asks);
        if let Some(next) = next {
            let (at, next) = (purpose.clone(), self.order(server, next, purpose, hand));
            if let Purpose::LogIn(conn) = at
                && let Some(lookup) = self.conn_mut(conn).and_then(|conn| conn.lookup.as_mut())
                && let Some(next) = next
            {
                lookup.fetch = next;
            }
            return;
        }
        match purpose {
            Purpose::LogIn(conn) => self.go_on_with_log_in(server, conn, hand),
            Purpose::System => {
                if let Some(text) = hand.get(&account) {
                    self.take_system_account(server, &account, &text);
                }
            }
            Purpose::Import(key) => {
                self.with_hand(server, hand, |core| core.look_up_account(server, &key));
            }
            Purpose::Answer(conn, _) => {
                self.with_hand(server, hand, |core| core.go_on_with_answer(conn));
            }
            Purpose::Remote(place, key) => {
                self.with_hand(server, hand, |core| core.look_up_account(server, &key));
                self.dial_with_account(server, place, &key);
            }
        }
    }

    /// Has a server do something with what was fetched for it.
    pub(super) fn with_hand<T>(
        &mut self,
        server: ServerId,
        hand: Hand,
        act: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.operator_mode(server).hand = hand;
        let done = act(self);
        self.operator_mode(server).hand = Hand::default();
        done
    }

    /// Has somebody get the token of the account that a server is to be a leaf node for. Tells whether it has to.
    pub(super) fn fetch_for_remote(&mut self, server: ServerId, place: usize, key: &str) -> bool {
        if self.operator_mode(server).resolver().kind() != ResolverKind::Url {
            return false;
        }
        let next = self.next_to_fetch(server, key, &Hand::default());
        let purpose = Purpose::Remote(place, key.into());
        next.and_then(|next| self.order(server, next, purpose, Hand::default()))
            .is_some()
    }

    fn take_system_account(&mut self, server: ServerId, key: &str, text: &str) {
        let now = self.now;
        if self.update_claims(server, key, text).is_err() {
            return;
        }
        let mode = self.operator_mode(server);
        mode.resolver_mut().remember(key, text, now);
        if let Some(timer) = mode.system_timer.take() {
            self.timers.cancel(timer);
        }
    }

    /// The first account whose token is still to be fetched so that `root` can be looked up, in the order in which
    /// servers come to need them.
    pub(super) fn next_to_fetch(
        &self,
        server: ServerId,
        root: &str,
        hand: &Hand,
    ) -> Option<Box<str>> {
        let mut seen: BTreeSet<Box<str>> = BTreeSet::new();
        let mut stack: Vec<Box<str>> = vec![root.into()];
        let mut again = None;
        while let Some(key) = stack.pop() {
            if seen.len() >= MOST_ACCOUNTS || !seen.insert(key.clone()) {
                continue;
            }
            if !self.is_to_be_fetched(server, &key) {
                continue;
            }
            if hand.times(&key) == 0 {
                return Some(key);
            }
            let Some(imports) = hand.0.get(&key).and_then(|held| held.imports.as_ref()) else {
                continue;
            };
            // Accounts that could not import from this one try again before it is registered, and so ask for it.
            let mode = self.server(server).operator.as_deref();
            if hand.times(&key) == 1 && mode.is_some_and(|mode| mode.sharing.misses(&key)) {
                again.get_or_insert(key);
            }
            stack.extend(imports.iter().rev().cloned());
        }
        again
    }

    /// The accounts that one imports from by a token, if that is one for it that the server takes.
    fn imports_of(&self, server: ServerId, key: &str, text: &str) -> Option<Vec<Box<str>>> {
        let token = self.verify_claims(server, text).ok()?;
        let imports = token.claims.nats.imports.iter();
        let imports = imports.map(|import| import.account.as_str().into());
        (token.claims.sub == key).then(|| imports.collect())
    }

    /// Whether a server does not know an account, or only what has expired.
    pub(super) fn is_to_be_fetched(&self, server: ServerId, key: &str) -> bool {
        let mode = self.server(server).operator.as_deref();
        let known = self.account_named(server, key);
        let claimed = known.and_then(|known| mode?.claimed(known));
        match claimed {
            Some(claimed) => {
                let is_new = self.now - claimed.updated < TOO_SOON;
                claimed.is_expired && !(claimed.is_complete && is_new)
            }
            None => identity::is_public_key(Role::Account, key),
        }
    }
}
