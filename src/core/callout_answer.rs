//! What a service has answered that was asked who a client is.

use std::sync::Arc;
use std::time::Duration;

use super::Core;
use super::callout::{Callout, Refused};
use super::conn::ConnId;
use super::server::{Proof, ServerId, User};
use crate::identity::{self, Claims, UserClaims};
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
}

impl Core {
    /// The user that an answer makes of a client.
    pub(super) fn read_answer(
        &mut self,
        server: ServerId,
        callout: &Callout,
        payload: &[u8],
    ) -> Result<Answered, String> {
        let options = self.callout_of(server).cloned().unwrap_or_default();
        let asked = &*self.account(callout.account).name;
        let now = self.seconds_shown(server);
        if payload.is_empty() {
            let text =
                format!("auth callout violation: \"no reason supplied\" on account {asked:?}");
            return Err(text);
        }
        let srv = self.server(server);
        let opened = match (&options.xkey, &srv.keys) {
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
            return Err(format!(
                "authorization response had validation errors: {issue}"
            ));
        }
        let violation = |what| {
            Err(format!(
                "auth callout violation: auth callout response is not for {what}"
            ))
        };
        if answer.sub != callout.user {
            return violation("expected user");
        }
        if answer.aud != *srv.id {
            return violation("server");
        }
        if !answer.nats.error.is_empty() {
            let error = &answer.nats.error;
            return Err(format!("auth callout service returned an error: {error}"));
        }
        let checks_issuer = srv.profile.has(Feature::CalloutAnswerIssuer);
        if checks_issuer && opened.is_none() && answer.iss != options.issuer {
            return Err("auth callout signing key is unknown".to_owned());
        }
        let token = identity::user(&answer.nats.jwt).map_err(|error| error.to_string())?;
        let claims = token.claims;
        let limits = &claims.nats.limits;
        if let Some(issue) = claims.issue(now) {
            return Err(format!("Error validating user JWT: {issue}"));
        }
        if claims.sub != callout.user {
            let (wanted, found) = (&callout.user, &claims.sub);
            let text = format!(
                "Expected authorized user of {wanted:?} but got {found:?} on account {asked:?}"
            );
            return Err(text);
        }
        let Some(stays) = self.stays(server, &claims, limits) else {
            let text =
                format!("authorized user on account {asked:?} outside of valid connect times");
            return Err(text);
        };
        let types = identity::connection_types(&limits.allowed_connection_types);
        let Some(connection_types) = types else {
            let text =
                format!("authorized user on account {asked:?} using invalid connection type");
            return Err(text);
        };
        if !claims.nats.issuer_account.is_empty() {
            let text = format!(
                "error non operator mode account {asked:?}: attempted to use issuer_account"
            );
            return Err(text);
        }
        if claims.iss != options.issuer {
            let (wanted, found) = (&options.issuer, &claims.iss);
            let text = format!(
                "wrong issuer for auth callout response on account {asked:?}, expected {wanted:?} got {found:?}"
            );
            return Err(text);
        }
        let Some(account) = self.account_named(server, &claims.aud) else {
            let placement = &claims.aud;
            let text = format!(
                "no valid account {placement:?} for auth callout response on account {asked:?}: account missing"
            );
            return Err(text);
        };
        let responses = limits.resp.as_ref();
        let granted = identity::permissions(&limits.publish, &limits.subscribe, responses);
        let user = User {
            account,
            proof: Proof::Nkey,
            permissions: granted.map(Arc::new),
            connection_types,
        };
        Ok(Answered {
            user,
            name: claims.name,
            stays,
        })
    }

    /// Registers a client as the user that it was found to be.
    pub(super) fn admit_answered(
        &mut self,
        id: ConnId,
        callout: &Callout,
        answered: Answered,
    ) -> Result<(), Refused> {
        if self.register(id, &answered.user).is_err() {
            return Err(Refused::Full);
        }
        if let Some(conn) = self.conn_mut(id)
            && !answered.name.is_empty()
        {
            conn.options.user = answered.name;
            conn.options.nkey.clear();
            conn.options.auth_token.clear();
        }
        self.let_stay(id, answered.stays);
        if answered.user.account == callout.account {
            self.deny_questions(id);
        }
        Ok(())
    }
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
