//! Logging in with a JWT.

use std::sync::Arc;
use std::time::Duration;

use super::account::AccountId;
use super::authenticate::{bound, least};
use super::conn::ConnId;
use super::identity::Identity;
use super::server::{Proof, ServerId, User};
use super::time::Time;
use super::timers::Timer;
use super::{CloseReason, Core};
use crate::identity::{
    self, AccountClaims, Claims, Holder, Signer, Token, Unfilled, UserClaims, UserLimits, Zone,
};
use crate::topology::Permissions;

/// What a client's token makes of it.
pub(super) struct TokenLogin {
    pub user: User,
    identity: Identity,
    /// How long it may stay.
    stays: Option<Duration>,
}

/// What comes of a token.
#[derive(Default)]
pub(super) struct TokenVerdict {
    /// As whom the client is let in, if it is.
    pub login: Option<TokenLogin>,
    /// The user of the token, whether the client is that user or not.
    pub subject: String,
    /// The account that leaves the last word to a service.
    pub asked: Option<AccountId>,
}

/// Why what a user may do cannot be made out.
pub(super) enum LimitsRefused {
    /// A scoped key has signed a token with limits of its own.
    NotScoped,
    Template(Unfilled),
}

impl Core {
    /// The token of a client, and the key of the account that it is to be a user of, if that is worth a look.
    pub(super) fn shown_token(&self, id: ConnId) -> Option<(Token<UserClaims>, String)> {
        let conn = self.conn(id)?;
        let token = identity::user(&conn.options.jwt).ok()?;
        let claims = &token.claims;
        let now = self.seconds_shown(conn.server);
        if !claims.is_in_time(now) || !identity::is_valid(&claims.nats.limits) {
            return None;
        }
        let issuer = match claims.nats.issuer_account.as_str() {
            "" => claims.iss.clone(),
            account => account.to_owned(),
        };
        Some((token, issuer))
    }

    /// Checks the token of a client.
    pub(super) fn authenticate_token(&mut self, id: ConnId) -> TokenVerdict {
        let Some((token, account)) = self.account_of_token(id) else {
            return TokenVerdict::default();
        };
        let login = self.check_token(id, &token.claims, account);
        let Some(server) = self.conn(id).map(|conn| conn.server) else {
            return TokenVerdict::default();
        };
        let mode = self.server(server).operator.as_deref();
        let is_expired = mode
            .and_then(|mode| mode.claimed(account))
            .is_none_or(|claimed| claimed.is_expired);
        let asks = !is_expired && self.authorization_claims(server, account).is_some();
        TokenVerdict {
            login,
            subject: token.claims.sub,
            asked: asks.then_some(account),
        }
    }

    /// The token that a client shows, and the account that has issued it, which is looked up.
    fn account_of_token(&mut self, id: ConnId) -> Option<(Token<UserClaims>, AccountId)> {
        let (token, issuer) = self.shown_token(id)?;
        let server = self.conn(id)?.server;
        let account = self.look_up_account(server, &issuer)?;
        Some((token, account))
    }

    /// What its token makes of a client; nothing if it is not let in.
    fn check_token(
        &self,
        id: ConnId,
        claims: &Claims<UserClaims>,
        account: AccountId,
    ) -> Option<TokenLogin> {
        let conn = self.conn(id)?;
        let server = conn.server;
        let host = &conn.peer.host;
        let nonce = conn.nonce.as_deref().unwrap_or_default();
        let signature = &conn.options.sig;
        let wanted = conn.connection_type();
        let mode = self.server(server).operator.as_deref()?;
        let claimed = mode.claimed(account)?;
        if !mode.trusts(&claimed.token.claims.iss) {
            return None;
        }
        let of_account = &claimed.token.claims;
        let signer = mode.signer(&claimed.token, &claims.iss)?;
        let limits = user_limits(claims, of_account, signer).ok()?;
        let refuses_bearer = of_account.nats.limits.disallow_bearer;
        if claimed.is_expired || (limits.bearer_token && refuses_bearer) {
            return None;
        }
        let connection_types = identity::connection_types(&limits.allowed_connection_types)?;
        if !connection_types.is_empty() && !connection_types.contains(&wanted) {
            return None;
        }
        if !limits.bearer_token && !identity::signs(&claims.sub, nonce.as_bytes(), signature) {
            return None;
        }
        if of_account.nats.revokes(&claims.sub, claims.iat)
            || !identity::allows_host(&limits.src, host)
        {
            return None;
        }
        let stays = self.stays(server, claims, &limits)?;
        let permissions =
            identity::permissions(&limits.publish, &limits.subscribe, limits.resp.as_ref())
                .or_else(|| usual(of_account));
        let identity = Identity {
            issuer_key: match claims.nats.issuer_account.as_str() {
                "" => of_account.sub.as_str().into(),
                _ => claims.iss.as_str().into(),
            },
            user: claims.sub.as_str().into(),
            name: claims.name.as_str().into(),
            tags: claims.nats.generic.tags.clone(),
            is_bearer: limits.bearer_token,
            issued: claims.iat,
            max_payload: limits.payload,
            max_subscriptions: limits.subs,
            expires: stays.map(|stays| self.now + stays),
            ..Identity::default()
        };
        Some(TokenLogin {
            user: User {
                account,
                proof: Proof::Nkey,
                permissions: permissions.map(Arc::new),
                connection_types,
            },
            identity,
            stays,
        })
    }

    /// How long a user may stay by its claims and limits, for ever without a bound; nothing if it may not be
    /// here at this time of the day.
    pub(super) fn stays(
        &self,
        server: ServerId,
        claims: &Claims<UserClaims>,
        limits: &identity::UserLimits,
    ) -> Option<Option<Duration>> {
        let shown = self.server(server).wall_clock.local(self.now);
        let zone = Zone::find(&limits.times_location, i64::from(shown.offset()))?;
        let in_range = identity::stays_in_range(&limits.times, &zone, shown.unix_nanos())?;
        let left = claims.exp.saturating_sub(self.seconds_shown(server)).max(0);
        let left = (claims.exp > 0).then(|| Duration::from_secs(left as u64));
        Some([in_range, left].into_iter().flatten().min())
    }

    /// Whole Unix seconds by the clock of a server, which is what it judges tokens of users by.
    pub(super) fn seconds_shown(&self, server: ServerId) -> i64 {
        self.seconds_shown_at(server, self.now)
    }

    /// The same at another time.
    pub(super) fn seconds_shown_at(&self, server: ServerId, at: Time) -> i64 {
        let shown = self.server(server).wall_clock.utc(at);
        shown.unix_nanos().div_euclid(1_000_000_000)
    }

    /// Has a client go when its time is over, and not when another was.
    pub(super) fn let_stay(&mut self, id: ConnId, stays: Option<Duration>) {
        let timer = stays.map(|stays| self.timers.set(self.now + stays, Timer::TokenExpires(id)));
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        let before = std::mem::replace(&mut conn.expiry_timer, timer);
        if let Some(before) = before {
            self.timers.cancel(before);
        }
    }

    /// Lets a client in that was registered with its account.
    pub(super) fn admit_token(&mut self, id: ConnId, login: TokenLogin) {
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        conn.identity = Some(Arc::new(login.identity));
        self.let_stay(id, login.stays);
        self.apply_token_limits(id);
    }

    /// Sets a client's limits to the least of those of its token, its account and its server.
    pub(super) fn apply_token_limits(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let Some(identity) = conn.identity.clone() else {
            return;
        };
        let account = self.account(conn.account).limits.clone();
        let server = &self.server(conn.server).spec.limits;
        let (payload, subscriptions) = (server.max_payload, server.max_subscriptions);
        let some = |limit: u32| (limit != 0).then_some(limit);
        let own = |limit: i64| u32::try_from(limit).ok();
        let max_payload = least(
            own(identity.max_payload),
            least(bound(account.max_payload), some(payload)),
        );
        let max_subscriptions = least(
            own(identity.max_subscriptions),
            least(bound(account.max_subscriptions), some(subscriptions)),
        );
        self.limit_changes += 1;
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        conn.max_payload = max_payload;
        conn.max_subscriptions = max_subscriptions;
        // The connection of a leaf node has to come about first.
        if self.leaf(id).is_none() || self.is_settled(id) {
            self.close_at_subscription_limit(id);
        }
    }

    /// Ends a connection that may not subscribe to anything more, as soon as that is known.
    pub(super) fn close_at_subscription_limit(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let held = u32::try_from(conn.subs.len()).unwrap_or(u32::MAX);
        if conn.max_subscriptions.is_some_and(|max| held >= max) {
            self.send_err(id, "maximum subscriptions exceeded");
            self.close(id, CloseReason::MaxSubscriptionsExceeded);
        }
    }

    /// The token of a client has expired.
    pub(super) fn token_expired(&mut self, id: ConnId) {
        if let Some(conn) = self.conn_mut(id) {
            conn.expiry_timer = None;
        }
        self.send_err(id, "User Authentication Expired");
        self.close(id, CloseReason::AuthenticationExpired);
    }

    /// The name that goes with an account's in events and replies.
    pub fn account_label(&self, account: AccountId) -> &str {
        let account = self.account(account);
        account.tag.as_deref().unwrap_or(&account.name)
    }
}

/// What a user may do by its token, or by the template of the key that has signed it.
pub(super) fn user_limits(
    claims: &Claims<UserClaims>,
    account: &Claims<AccountClaims>,
    signer: Signer<'_>,
) -> Result<UserLimits, LimitsRefused> {
    let Signer::Scoped(scope) = signer else {
        return Ok(claims.nats.limits.clone());
    };
    if claims.nats.limits != UserLimits::default() {
        return Err(LimitsRefused::NotScoped);
    }
    let holder = Holder {
        name: &claims.name,
        subject: &claims.sub,
        tags: &claims.nats.generic.tags,
        account_name: &account.name,
        account_subject: &account.sub,
        account_tags: &account.nats.generic.tags,
    };
    identity::filled(&scope.template, holder).map_err(LimitsRefused::Template)
}

/// What the users of an account may do that have no permissions of their own.
pub(super) fn usual(account: &Claims<AccountClaims>) -> Option<Permissions> {
    let usual = &account.nats.default_permissions;
    identity::permissions(&usual.publish, &usual.subscribe, usual.resp.as_ref())
}
