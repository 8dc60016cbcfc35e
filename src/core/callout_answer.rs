//! What a service has answered that was asked who a client is.

use std::sync::Arc;
use std::time::Duration;

use super::Core;
use super::account::AccountId;
use super::callout::{Callout, Mandate, Refused};
use super::conn::ConnId;
use super::fetch::Hand;
use super::identity::Identity;
use super::jwt_store::ResolverKind;
use super::server::{Proof, ServerId, User};
use super::token_login::{LimitsRefused, user_limits, usual};
use crate::identity::{self, AnswerClaims, Claims, Unfilled, UserClaims, UserLimits};
use crate::topology::{CalloutOptions, Permissions};
use crate::version::Feature;

/// What begins every JWT: `{"`.
const TOKEN_START: &[u8] = b"eyJ";

/// What an answer makes of a client.
pub(super) struct Answered {
    user: User,
    /// The name that it goes by, unless it keeps its own.
    name: String,
    /// How long it may stay.
    stays: Option<Duration>,
    /// The key that has issued its token, where that is a signing key of its account.
    signing_key: Option<String>,
    /// When its token was issued, in seconds since 1970.
    issued: i64,
}

/// Why an answer does not make a user of a client, or not yet.
pub(super) enum Unsettled {
    /// What is wrong with it.
    Refused(String),
    /// The account where it puts the client has to be fetched, `next` first.
    Waits { account: Box<str>, next: Box<str> },
}

impl From<String> for Unsettled {
    fn from(text: String) -> Self {
        Self::Refused(text)
    }
}

/// Where an answer puts a client, and what it may do there.
struct Placement {
    account: AccountId,
    permissions: Option<Permissions>,
}

impl Core {
    /// The user that an answer makes of a client.
    pub(super) fn read_answer(
        &mut self,
        server: ServerId,
        callout: &Callout,
        payload: &[u8],
    ) -> Result<Answered, Unsettled> {
        let asked = &*self.account(callout.account).name;
        let now = self.seconds_shown(server);
        if payload.is_empty() {
            let text =
                format!("auth callout violation: \"no reason supplied\" on account {asked:?}");
            return Err(text.into());
        }
        let srv = self.server(server);
        let opened = match (callout.mandate.xkey(), &srv.keys) {
            (Some(sender), Some(keys)) if !payload.starts_with(TOKEN_START) => {
                let opened = keys.open(payload, sender).map_err(|why| {
                    format!("error decrypting auth callout response on account {asked:?}: {why}")
                })?;
                Some(opened)
            }
            _ => None,
        };
        let text = String::from_utf8_lossy(opened.as_deref().unwrap_or(payload));
        let answer = identity::read_answer(&text).map_err(|error| error.to_string())?;
        if let Some(issue) = answer.issue(now) {
            let text = format!("authorization response had validation errors: {issue}");
            return Err(text.into());
        }
        let violation = |what| {
            let text = format!("auth callout violation: auth callout response is not for {what}");
            Err(text.into())
        };
        if answer.sub != callout.user {
            return violation("expected user");
        }
        if answer.aud != *srv.id {
            return violation("server");
        }
        if !answer.nats.error.is_empty() {
            let error = &answer.nats.error;
            return Err(format!("auth callout service returned an error: {error}").into());
        }
        if opened.is_none() {
            self.check_issuer(server, callout, &answer)?;
        }
        let token = identity::user(&answer.nats.jwt).map_err(|error| error.to_string())?;
        let claims = token.claims;
        let limits = &claims.nats.limits;
        if let Some(issue) = claims.issue(now) {
            return Err(format!("Error validating user JWT: {issue}").into());
        }
        if claims.sub != callout.user {
            let (wanted, found) = (&callout.user, &claims.sub);
            let text = format!(
                "Expected authorized user of {wanted:?} but got {found:?} on account {asked:?}"
            );
            return Err(text.into());
        }
        let Some(stays) = self.stays(server, &claims, limits) else {
            let text =
                format!("authorized user on account {asked:?} outside of valid connect times");
            return Err(text.into());
        };
        let types = identity::connection_types(&limits.allowed_connection_types);
        let Some(connection_types) = types else {
            let text =
                format!("authorized user on account {asked:?} using invalid connection type");
            return Err(text.into());
        };
        let placement = match &callout.mandate {
            Mandate::Configured(options) => {
                self.place_configured(server, callout.account, options, &claims)?
            }
            Mandate::Claimed { .. } => self.place_claimed(server, callout.account, &claims)?,
        };
        let user = User {
            account: placement.account,
            proof: Proof::Nkey,
            permissions: placement.permissions.map(Arc::new),
            connection_types,
        };
        Ok(Answered {
            user,
            signing_key: (!claims.nats.issuer_account.is_empty()).then_some(claims.iss),
            name: claims.name,
            stays,
            issued: claims.iat,
        })
    }

    /// Whether an answer that is not sealed is signed by somebody who may sign it.
    fn check_issuer(
        &self,
        server: ServerId,
        callout: &Callout,
        answer: &Claims<AnswerClaims>,
    ) -> Result<(), String> {
        let checks = self
            .server(server)
            .profile
            .has(Feature::CalloutAnswerIssuer);
        let asked = &*self.account(callout.account).name;
        let claimed = answer.nats.issuer_account.as_str();
        let is_known = match &callout.mandate {
            Mandate::Configured(options) => !checks || answer.iss == options.issuer,
            Mandate::Claimed { .. } if checks && !claimed.is_empty() && claimed != asked => {
                return Err(format!(
                    "auth callout response issuer account {claimed:?} is not the callout account"
                ));
            }
            Mandate::Claimed { .. } => {
                // Older releases take the word of the answer for it.
                let issuer = match claimed {
                    "" => &answer.iss,
                    _ if checks => &answer.iss,
                    claimed => claimed,
                };
                issuer == asked || self.is_signing_key(server, callout.account, issuer)
            }
        };
        match is_known {
            true => Ok(()),
            false => Err("auth callout signing key is unknown".to_owned()),
        }
    }

    /// Where the answer puts a client that the configuration has asked about: the audience names the account.
    fn place_configured(
        &self,
        server: ServerId,
        asked: AccountId,
        options: &CalloutOptions,
        claims: &Claims<UserClaims>,
    ) -> Result<Placement, String> {
        let asked = &*self.account(asked).name;
        if !claims.nats.issuer_account.is_empty() {
            return Err(format!(
                "error non operator mode account {asked:?}: attempted to use issuer_account"
            ));
        }
        if claims.iss != options.issuer {
            let (wanted, found) = (&options.issuer, &claims.iss);
            return Err(format!(
                "wrong issuer for auth callout response on account {asked:?}, expected {wanted:?} got {found:?}"
            ));
        }
        let placement = &claims.aud;
        let account = self
            .account_named(server, placement)
            .ok_or_else(|| no_account(placement, asked, "account missing"))?;
        Ok(Placement {
            account,
            permissions: granted(&claims.nats.limits),
        })
    }

    /// Where it puts a client of an account that claims to have a service: its issuer says that.
    fn place_claimed(
        &mut self,
        server: ServerId,
        asked: AccountId,
        claims: &Claims<UserClaims>,
    ) -> Result<Placement, Unsettled> {
        let name = Arc::clone(&self.account(asked).name);
        let placement = match claims.nats.issuer_account.as_str() {
            "" => claims.iss.as_str(),
            account => account,
        };
        let authorization = self.authorization_claims(server, asked);
        if *placement != *name && !authorization.is_some_and(|claims| claims.allows(placement)) {
            let issuer = &claims.iss;
            let text = format!(
                "account {issuer:?} not permitted as valid account option for auth callout for account {name:?}"
            );
            return Err(text.into());
        }
        // Whoever comes back from waiting has something in hand.
        let mode = self.operator_mode(server);
        let is_elsewhere = mode.resolver().kind() == ResolverKind::Url;
        if is_elsewhere
            && mode.hand.is_empty()
            && let Some(next) = self.next_to_fetch(server, placement, &Hand::default())
        {
            let account = placement.into();
            return Err(Unsettled::Waits { account, next });
        }
        let found = self.look_up_account(server, placement);
        let mode = self.server(server).operator.as_deref();
        let found = found
            .zip(mode)
            .and_then(|(account, mode)| Some((account, mode, mode.claimed(account)?)));
        let Some((account, mode, claimed)) = found else {
            let why = self.why_not_there(server, placement);
            return Err(no_account(placement, &name, &why).into());
        };
        if claimed.is_expired {
            return Err(no_account(placement, &name, "account expired").into());
        }
        let profile = self.server(server).profile;
        let tells_more = profile.has(Feature::TemplatesTellMore);
        let signer = mode.signer(&claimed.token, &claims.iss);
        let signer =
            signer.ok_or_else(|| format!("user JWT issuer {:?} is not known", claims.iss))?;
        let of_account = &claimed.token.claims;
        let limits = user_limits(claims, of_account, signer).map_err(|refused| match refused {
            LimitsRefused::NotScoped => {
                "user JWT is not valid: scoped users require no permissions or limits set"
                    .to_owned()
            }
            LimitsRefused::Template(why) => {
                let why = if tells_more { why } else { Unfilled::NoSubject };
                format!("user JWT generated invalid permissions: {why}")
            }
        })?;
        Ok(Placement {
            account,
            permissions: granted(&limits).or_else(|| usual(of_account)),
        })
    }

    fn is_signing_key(&self, server: ServerId, account: AccountId, key: &str) -> bool {
        let mode = self.server(server).operator.as_deref();
        let claimed = mode.and_then(|mode| Some((mode, mode.claimed(account)?)));
        claimed.is_some_and(|(mode, claimed)| mode.signer(&claimed.token, key).is_some())
    }

    /// Why there is no account of a key.
    fn why_not_there(&mut self, server: ServerId, key: &str) -> String {
        let mode = self.operator_mode(server);
        let text = mode.hand.get(key);
        if let Some(from) = &mode.resolver().server {
            if let Some(error) = mode.hand.failure(key) {
                return from.complaint(key, error);
            }
            if let Some(Err(error)) = text.as_deref().map(identity::account) {
                return error.to_string();
            }
        }
        let is_there = text.is_some() || matches!(self.stored_claims(server, key), Ok(Some(_)));
        match is_there {
            true => "account validation failed".to_owned(),
            false => "account missing".to_owned(),
        }
    }

    /// Registers a client as the user that it was found to be.
    pub(super) fn admit_answered(
        &mut self,
        id: ConnId,
        callout: &Callout,
        answered: Answered,
    ) -> Result<User, Refused> {
        if self.is_over_and_forgotten(id) {
            let text = "Could not register auth callout user: connection closed";
            return Err(Refused::Answer(text.to_owned()));
        }
        let before = self.conn(id).and_then(|conn| conn.identity.clone());
        if let Mandate::Claimed { .. } = callout.mandate
            && let Some(conn) = self.conn_mut(id)
        {
            // Whatever comes of it, the token has done its service.
            conn.options.jwt.clear();
            if let Some(identity) = &mut conn.identity {
                Arc::make_mut(identity).user = Box::default();
            }
        }
        if self.register(id, &answered.user).is_err() {
            return Err(Refused::Full);
        }
        if let Some(conn) = self.conn_mut(id)
            && !answered.name.is_empty()
        {
            conn.options.user.clone_from(&answered.name);
            conn.options.nkey.clear();
            conn.options.auth_token.clear();
        }
        match callout.mandate {
            Mandate::Configured(_) => self.let_stay(id, answered.stays),
            Mandate::Claimed { .. } => {
                self.keep_of_token(id, callout, before.as_deref(), &answered);
            }
        }
        if answered.user.account == callout.asker() {
            self.deny_questions(id);
        }
        Ok(answered.user)
    }

    /// Takes its token from a client that goes by an answer now, but for what is shown of it, and for its end.
    fn keep_of_token(
        &mut self,
        id: ConnId,
        callout: &Callout,
        before: Option<&Identity>,
        answered: &Answered,
    ) {
        let now = self.now;
        let left = before.and_then(|before| before.expires);
        let left = left.map(|until| until - now);
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        let of_account = conn.identity.take().unwrap_or_default();
        let signing_key = answered.signing_key.as_deref();
        conn.identity = Some(Arc::new(Identity {
            issuer_key: signing_key.map_or_else(|| Arc::clone(&of_account.issuer_key), Into::into),
            answered_as: callout.user.as_str().into(),
            name: before.map_or_else(Box::default, |before| before.name.clone()),
            tags: before.map_or_else(Vec::new, |before| before.tags.clone()),
            issued: answered.issued,
            expires: answered.stays.map(|stays| now + stays),
            max_payload: -1,
            max_subscriptions: -1,
            ..Identity::default()
        }));
        self.let_stay(id, [answered.stays, left].into_iter().flatten().min());
    }
}

fn no_account(placement: &str, asked: &str, why: &str) -> String {
    format!("no valid account {placement:?} for auth callout response on account {asked:?}: {why}")
}

fn granted(limits: &UserLimits) -> Option<Permissions> {
    identity::permissions(&limits.publish, &limits.subscribe, limits.resp.as_ref())
}

impl Claims<UserClaims> {
    /// The first thing that is wrong with it, as servers say it; `now` is in seconds since 1970.
    fn issue(&self, now: i64) -> Option<String> {
        let account = &self.nats.issuer_account;
        let is_account =
            account.is_empty() || identity::is_public_key(identity::Role::Account, account);
        self.time_issue(now)
            .map(str::to_owned)
            .or_else(|| identity::issue(&self.nats.limits))
            .or_else(|| (!is_account).then(|| "account_id is not an account public key".to_owned()))
    }
}
