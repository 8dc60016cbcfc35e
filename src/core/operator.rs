//! A server in operator mode: whom it trusts, and the accounts as their tokens claim them.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::seq::SliceRandom;

use super::account::AccountId;
use super::claimed_sharing::ClaimedSharing;
use super::conn::ConnId;
use super::fetch::Hand;
use super::ids;
use super::jwt_store::{JwtStore, ResolverKind, StoreError};
use super::server::ServerId;
use super::timers::{Timer, TimerKey};
use super::{CloseReason, Core, Notice, Time};
use crate::identity::{
    self, AccountClaims, Authorization, Issues, OperatorClaims, Signer, Strictness, Token,
    TokenError,
};
use crate::topology::{AccountLimits, OperatorOptions};
use crate::version::Feature;

/// What a server in operator mode has more than others.
#[derive(Debug, Default)]
pub(crate) struct OperatorMode {
    /// The tokens of the operators.
    pub operators: Vec<Token<OperatorClaims>>,
    /// The keys by which accounts' tokens may be signed.
    trusted: Vec<String>,
    /// What the resolver knows with which the server has started.
    pub store: JwtStore,
    /// The one that is asked since, if it keeps its tokens elsewhere.
    pub(super) replaced: Option<Box<JwtStore>>,
    /// It asks no other servers.
    pub(super) is_alone: bool,
    /// What was fetched for the look-up that is going on.
    pub(super) hand: Hand,
    /// When to look again for the token of the system account.
    pub(super) system_timer: Option<TimerKey>,
    /// The accounts that it has looked up.
    accounts: BTreeMap<AccountId, Claimed>,
    /// What they share.
    pub(super) sharing: ClaimedSharing,
}

/// An account as its token claims it.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub token: Arc<Token<AccountClaims>>,
    /// Who has the last word about its users, if not the server.
    pub authorization: Option<Authorization>,
    pub is_expired: bool,
    /// All that it imports is there.
    pub is_complete: bool,
    pub updated: Time,
    timer: Option<TimerKey>,
}

/// Why new claims of an account are not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimsRefused {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("subject does not match jwt content")]
    Subject,
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody who is trusted has signed them, or there is something against them.
    #[error("account validation failed")]
    Invalid,
}

impl OperatorMode {
    pub fn new(options: &OperatorOptions) -> Self {
        let tokens = options.operators.iter();
        let operators: Vec<_> = tokens
            .filter_map(|text| identity::operator(text).ok())
            .collect();
        let mut trusted = options.trusted_keys.clone();
        for operator in &operators {
            let nats = &operator.claims.nats;
            if !nats.strict_signing_key_usage {
                trusted.push(operator.claims.sub.clone());
            }
            trusted.extend(nats.signing_keys.iter().cloned());
        }
        Self {
            operators,
            trusted,
            store: JwtStore::new(options),
            replaced: None,
            is_alone: false,
            hand: Hand::default(),
            system_timer: None,
            accounts: BTreeMap::new(),
            sharing: ClaimedSharing::default(),
        }
    }

    /// Where accounts are looked up.
    pub fn resolver(&self) -> &JwtStore {
        self.replaced.as_deref().unwrap_or(&self.store)
    }

    pub(super) fn resolver_mut(&mut self) -> &mut JwtStore {
        self.replaced.as_deref_mut().unwrap_or(&mut self.store)
    }

    /// The accounts that were looked up.
    pub(super) fn accounts(&self) -> Vec<AccountId> {
        self.accounts.keys().copied().collect()
    }

    /// Forgets an account. Its timer is given back.
    pub(super) fn forget(&mut self, account: AccountId) -> Option<TimerKey> {
        self.accounts.remove(&account)?.timer
    }

    /// Whether a token of an account signed by `key` counts.
    pub fn trusts(&self, key: &str) -> bool {
        self.trusted.iter().any(|trusted| trusted == key)
    }

    /// The key of an account that has signed a token, if it may. Operators can have that left to signing keys.
    pub fn signer<'a>(
        &self,
        account: &'a Token<AccountClaims>,
        issuer: &str,
    ) -> Option<Signer<'a>> {
        let claims = &account.claims;
        let is_strict = self.operators.iter().any(|operator| {
            let nats = &operator.claims.nats;
            nats.strict_signing_key_usage && nats.signing_keys.contains(&claims.iss)
        });
        let signer = claims.nats.signer(&claims.sub, issuer);
        signer.filter(|_| !(is_strict && issuer == claims.sub))
    }

    /// Whether a token that is signed by its own key may have accounts deleted: servers look at the first
    /// operator alone.
    pub fn may_delete(&self, key: &str) -> bool {
        self.operators.first().is_some_and(|operator| {
            let nats = &operator.claims.nats;
            let own = !nats.strict_signing_key_usage && operator.claims.sub == key;
            own || nats.signing_keys.iter().any(|signing| signing == key)
        })
    }

    /// Whether the first operator is to have signed a token with another key than this one.
    pub fn wants_signing_key(&self, key: &str) -> bool {
        self.operators.first().is_some_and(|operator| {
            operator.claims.nats.strict_signing_key_usage && operator.claims.sub == key
        })
    }

    /// What a system account claims whose token a resolver does not have yet, so that somebody can send it.
    fn stand_in(&self, key: &str) -> Option<Token<AccountClaims>> {
        let [operator] = &self.operators[..] else {
            return None;
        };
        let waits = self.resolver().kind() != ResolverKind::Memory;
        waits.then(|| Token::unsigned(identity::unlimited(key, &operator.claims.iss)))
    }

    /// Marks an account as expired. Its timer is given back.
    pub(super) fn end(&mut self, account: AccountId, now: Time) -> Option<TimerKey> {
        let claimed = self.accounts.get_mut(&account)?;
        (claimed.is_expired, claimed.updated) = (true, now);
        claimed.timer.take()
    }

    /// The account as its token claims it, if it was looked up.
    pub fn claimed(&self, account: AccountId) -> Option<&Claimed> {
        self.accounts.get(&account)
    }
}

/// Whether a server may start without the claims of its system account, because they may come later.
pub(crate) fn is_bootstrapped(options: &OperatorOptions) -> bool {
    options.operators.len() == 1
}

/// The token of the system account that a server finds at its start, if that takes it.
pub(crate) fn first_claims_of(
    options: &OperatorOptions,
    key: &str,
    text: String,
) -> Result<String, String> {
    let token = identity::account(&text).map_err(|error| error.to_string())?;
    match OperatorMode::new(options).trusts(&token.claims.iss) && token.claims.sub == key {
        true => Ok(text),
        false => Err(ClaimsRefused::Invalid.to_string()),
    }
}

impl Core {
    /// The account whose public key is `key`, looked up if the server does not know it yet.
    pub(super) fn look_up_account(&mut self, server: ServerId, key: &str) -> Option<AccountId> {
        let mode = self.server(server).operator.as_deref()?;
        if let Some(known) = self.account_named(server, key)
            && let Some(claimed) = mode.accounts.get(&known)
        {
            if claimed.is_expired
                && let Some(text) = mode.hand.get(key)
            {
                // Whatever is wrong with it, the account stays what it was.
                let _ = self.update_claims(server, key, &text);
            }
            return Some(known);
        }
        let text = self.resolve(server, key)?;
        let token = self.verify_claims(server, &text).ok()?;
        if token.claims.sub != key {
            return None;
        }
        let is_new = self.account_named(server, key).is_none();
        let account = self.ensure_account(server, key);
        self.claim(server, account, token);
        self.complete_importers(server, key);
        if is_new {
            let srv = self.server_mut(server);
            let cid = srv.next_cid();
            srv.late_accounts.insert(account, cid);
            self.notices
                .push_back(Notice::AccountAdded { server, account });
        }
        Some(account)
    }

    /// Looks up the system account, which a server knows from its start.
    pub(super) fn claim_system_account(&mut self, server: ServerId) {
        let now = self.now;
        let srv = self.server(server);
        let Some(system) = srv.system.filter(|_| srv.operator.is_some()) else {
            return;
        };
        let name = Arc::clone(&self.account(system).name);
        let mode = self.operator_mode(server);
        let text = mode.resolver_mut().load(&name, now);
        let is_known = mode.accounts.contains_key(&system);
        let is_fetched = mode.resolver().kind() == ResolverKind::Url;
        let token = text.and_then(|text| match is_fetched {
            true => {
                let token = self.verify_claims(server, &text).ok();
                token.filter(|token| token.claims.sub == *name)
            }
            false => identity::account(&text).ok(),
        });
        let token = token.or_else(|| self.operator_mode(server).stand_in(&name));
        if let Some(token) = token.filter(|_| !is_known) {
            let is_there = token.is_signed();
            self.claim(server, system, token);
            if is_fetched && !is_there {
                self.await_system_account(server);
            }
        }
    }

    /// Reads a token for an account, if it is one that a server takes.
    pub(super) fn verify_claims(
        &self,
        server: ServerId,
        text: &str,
    ) -> Result<Token<AccountClaims>, ClaimsRefused> {
        let token = identity::account(text)?;
        let mode = self.server(server).operator.as_deref();
        let is_trusted = mode.is_some_and(|mode| mode.trusts(&token.claims.iss));
        if !is_trusted || self.claims_issues(server, &token).is_blocking(true) {
            return Err(ClaimsRefused::Invalid);
        }
        Ok(token)
    }

    /// What a server has against the claims of an account.
    pub fn claims_issues(&self, server: ServerId, token: &Token<AccountClaims>) -> Issues {
        let profile = self.server(server).profile;
        let strictness = Strictness {
            overlaps_per_account: profile.has(Feature::ImportsOverlapByAccount),
        };
        identity::issues(&token.claims, self.now.unix_seconds(), strictness)
    }

    /// Has accounts import what they could not have of an account before.
    fn complete_importers(&mut self, server: ServerId, exporter: &str) {
        let mode = self.server_mut(server).operator.get_or_insert_default();
        if !mode.sharing.take_missing(exporter) {
            return;
        }
        let incomplete = mode
            .accounts
            .iter()
            .filter(|(_, claimed)| !claimed.is_complete && claimed.token.claims.sub != exporter);
        let incomplete: Vec<(AccountId, Arc<str>)> = incomplete
            .map(|(id, claimed)| (*id, Arc::clone(&claimed.token.text)))
            .collect();
        for (id, text) in incomplete {
            if let Ok(token) = self.verify_claims(server, &text) {
                self.claim(server, id, token);
                self.hold_to_claims(server, id);
            }
        }
    }

    /// Makes an account what a token claims.
    fn claim(&mut self, server: ServerId, account: AccountId, token: Token<AccountClaims>) {
        let now = self.now;
        let limits = &token.claims.nats.limits;
        let clamp = |limit: i64| Some(limit.clamp(-1, i64::from(i32::MAX)) as i32);
        let limits = AccountLimits {
            max_connections: clamp(limits.conn),
            max_subscriptions: clamp(limits.subs),
            max_payload: clamp(limits.payload),
            max_leafnodes: clamp(limits.leaf),
        };
        let expires = token.claims.exp;
        let left = expires.saturating_sub(now.unix_seconds());
        let timer = (expires > 0 && left > 0).then(|| {
            self.timers.set(
                in_seconds(now, left),
                Timer::AccountExpires(server, account),
            )
        });
        if self.listen_for_imports(account) {
            // The client that has listened for the account is gone.
            let srv = self.server_mut(server);
            let cid = srv.next_cid();
            srv.late_accounts.insert(account, cid);
        }
        let state = self.account_mut(account);
        state.limits = limits;
        state.tag = token.is_signed().then(|| token.claims.name.as_str().into());
        let token = Arc::new(token);
        let ends = self
            .server(server)
            .profile
            .has(Feature::CalloutOfClaimsEnds);
        let mode = self.server_mut(server).operator.get_or_insert_default();
        let before = mode.accounts.get(&account).filter(|_| !ends);
        let authorization = Some(token.claims.nats.authorization.clone())
            .filter(Authorization::is_enabled)
            .or_else(|| before?.authorization.clone());
        let claimed = Claimed {
            token: Arc::clone(&token),
            authorization,
            is_expired: expires > 0 && left <= 0,
            is_complete: true,
            updated: now,
            timer,
        };
        let before = mode.accounts.insert(account, claimed);
        if let Some(timer) = before.as_ref().and_then(|before| before.timer) {
            self.timers.cancel(timer);
        }
        let before = before.as_ref().filter(|before| before.token.is_signed());
        let before = before.map(|before| &before.token.claims.nats);
        let is_complete = self.share_claimed(server, account, before, &token);
        let mode = self.server_mut(server).operator.get_or_insert_default();
        if let Some(claimed) = mode.accounts.get_mut(&account) {
            claimed.is_complete = is_complete;
        }
    }

    /// The token of an account has expired: its clients go.
    pub(super) fn account_expired(&mut self, server: ServerId, account: AccountId) {
        let mode = self.server_mut(server).operator.as_deref_mut();
        let Some(claimed) = mode.and_then(|mode| mode.accounts.get_mut(&account)) else {
            return;
        };
        claimed.is_expired = true;
        claimed.timer = None;
        for id in self.connections_in(account, server) {
            self.send_err(id, "Account Authentication Expired");
            self.close(id, CloseReason::AuthenticationExpired);
        }
    }

    pub(super) fn clients_in(&self, account: AccountId, server: ServerId) -> Vec<ConnId> {
        let here = self.account(account).on_server(server);
        here.clients.iter().copied().collect()
    }

    /// Clients and ends of leaf nodes.
    fn connections_in(&self, account: AccountId, server: ServerId) -> Vec<ConnId> {
        let here = self.account(account).on_server(server);
        here.clients.iter().chain(&here.leafs).copied().collect()
    }

    /// Takes a new token for an account. Tells whether the account is in use here, so that it had an
    /// effect.
    pub fn update_claims(
        &mut self,
        server: ServerId,
        key: &str,
        text: &str,
    ) -> Result<bool, ClaimsRefused> {
        let token = identity::account(text)?;
        if token.claims.sub != key {
            return Err(ClaimsRefused::Subject);
        }
        let known = self.account_named(server, key);
        let mode = self.server(server).operator.as_deref();
        let in_use = known.and_then(|id| Some((id, mode?.claimed(id)?)));
        let Some((account, claimed)) = in_use else {
            return Ok(false);
        };
        if claimed.is_complete && *claimed.token.text == *text {
            return Ok(true);
        }
        let token = self.verify_claims(server, text)?;
        self.claim(server, account, token);
        self.hold_to_claims(server, account);
        self.complete_importers(server, key);
        Ok(true)
    }

    fn may_sign(&self, server: ServerId, account: &Token<AccountClaims>, key: &str) -> bool {
        let mode = self.server(server).operator.as_deref();
        mode.is_some_and(|mode| mode.signer(account, key).is_some())
    }

    /// Cuts off those clients of an account that its claims do not let stay.
    fn hold_to_claims(&mut self, server: ServerId, account: AccountId) {
        let now = self.now;
        let mode = self.server(server).operator.as_deref();
        let Some(token) = mode
            .and_then(|mode| mode.claimed(account))
            .map(|it| Arc::clone(&it.token))
        else {
            return;
        };
        let claims = &token.claims.nats;
        let mut clients = self.connections_in(account, server);
        clients.sort_by_key(|&id| self.conn(id).map(|conn| (conn.start, conn.cid)));
        let max = usize::try_from(claims.limits.conn).unwrap_or(usize::MAX);
        let newest_go = self.server(server).profile.has(Feature::NewestOverLimitGo);
        if !newest_go {
            // These releases go through them as they come out of a map.
            let order = format!("claims {}", now.unix_nanos());
            clients.shuffle(&mut ids::stream(self.seed, &order));
        }
        let mut count = 0;
        for id in clients {
            if count >= max {
                self.send_err(id, "maximum account active connections exceeded");
                self.close(id, CloseReason::MaxAccountConnectionsExceeded);
                continue;
            }
            count += 1;
            let Some(identity) = self.conn(id).and_then(|conn| conn.identity.clone()) else {
                continue;
            };
            if identity.is_bearer && claims.limits.disallow_bearer {
                self.auth_violation(id);
            } else if claims.revokes(identity.revocable(), identity.issued) {
                self.send_err(id, "User Authentication Revoked");
                self.close(id, CloseReason::Revocation);
            } else if !self.may_sign(server, &token, &identity.issuer_key) {
                self.close(id, CloseReason::AuthenticationViolation);
            } else {
                self.apply_token_limits(id);
            }
        }
    }
}

/// A time so many seconds after the beginning of 1970.
pub(super) fn at_seconds(seconds: i64) -> Time {
    in_seconds(Time::default(), seconds)
}

/// A time so many seconds later.
pub(super) fn in_seconds(now: Time, seconds: i64) -> Time {
    now + std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}
