//! Asking a service who a client is: `auth_callout`.
//!
//! A client that the configuration does not settle waits. What it sends meanwhile is kept, until the service has
//! answered, or has not for too long.

use std::sync::Arc;

use rand::Rng;

use super::account::AccountId;
use super::authenticate::{Admission, Login};
use super::callout_answer::Unsettled;
use super::conn::ConnId;
use super::fetch::{Hand, Purpose};
use super::freeze::Waiting;
use super::leaf_users::LeafUser;
use super::notice::{AuthAudience, Notice};
use super::permissions::UserRights;
use super::server::{ServerId, User};
use super::subs::{Receiver, Sub, SubId};
use super::timers::{Timer, TimerKey};
use super::{CloseReason, Conn, Core, Outgoing, ids};
use crate::identity::{self, Authorization};
use crate::topology::{CalloutOptions, Permissions};
use crate::version::Feature;

/// Where a server asks.
pub(super) const SUBJECT: &str = "$SYS.REQ.USER.AUTH";

/// Who has left it to a service to say who a client is, and by what its answer is judged.
#[derive(Debug)]
pub(super) enum Mandate {
    /// The server's configuration.
    Configured(CalloutOptions),
    /// What the account of the client's token claims.
    Claimed {
        /// That account.
        by: AccountId,
        /// A key for which the question is sealed, and with which the answer may be.
        xkey: Option<String>,
    },
}

impl Mandate {
    pub fn xkey(&self) -> Option<&str> {
        let (Self::Configured(CalloutOptions { xkey, .. }) | Self::Claimed { xkey, .. }) = self;
        xkey.as_deref()
    }
}

/// A client of whom a service is being asked who it is.
#[derive(Debug)]
pub(super) struct Callout {
    how: Login,
    /// The account in which it is asked.
    pub account: AccountId,
    pub mandate: Mandate,
    /// The key that stands for the client.
    pub user: String,
    answers: Option<SubId>,
    /// What the service has answered, while the account is fetched where that puts the client.
    answer: Option<Arc<[u8]>>,
    timer: TimerKey,
    /// What the client has done since.
    pub waiting: Vec<Waiting>,
}

impl Callout {
    /// The account of the service that is asked.
    pub fn asker(&self) -> AccountId {
        match self.mandate {
            Mandate::Configured(_) => self.account,
            Mandate::Claimed { by, .. } => by,
        }
    }
}

/// Why a client is not let in after all.
pub(super) enum Refused {
    /// The service, or what it says, is why.
    Answer(String),
    /// Its account is full.
    Full,
    /// There was no answer.
    Silence,
}

impl Core {
    /// Whether a service has to be asked who a client is, going by what the configuration made of it. One whom
    /// its certificate should have named and has not `is_known` to nobody.
    pub(super) fn is_to_be_asked_about(&self, id: ConnId, is_known: bool) -> bool {
        let Some((conn, callout)) = self
            .conn(id)
            .and_then(|conn| Some((conn, self.callout_of(conn.server)?)))
        else {
            return false;
        };
        let server = self.server(conn.server);
        let user = conn.shown_user(true).unwrap_or_default();
        let single = server.spec.authorization.as_ref();
        let single = single.and_then(|auth| auth.user.as_deref());
        let is_matched = is_known && (server.users.contains_key(user) || single == Some(user));
        let counts = is_matched || !server.profile.has(Feature::CalloutUsersMatched);
        let is_exempt = counts && callout.auth_users.iter().any(|known| known == user);
        // All leaf nodes that log in as clients do are left to the service.
        (conn.leaf.is_some() || self.is_delegated(conn)) && !is_exempt
    }

    /// Whether a client is a user about whom an account asks nobody: that of its token, or, in older releases, whom
    /// it says that it is.
    pub(super) fn is_of_service(&self, id: ConnId, account: AccountId, subject: &str) -> bool {
        let claims = self
            .conn(id)
            .and_then(|conn| Some((conn, self.authorization_claims(conn.server, account)?)));
        claims.is_some_and(|(conn, claims)| {
            let profile = self.server(conn.server).profile;
            let user = match profile.has(Feature::CalloutUsersMatched) {
                true => subject,
                false => conn.shown_user(true).unwrap_or_default(),
            };
            claims.auth_users.iter().any(|known| known == user)
        })
    }

    /// Whether the service has the say of a client in its account.
    pub(super) fn is_delegated(&self, conn: &Conn) -> bool {
        let callout = self.callout_of(conn.server);
        let allowed = callout.map(|callout| &*callout.allowed_accounts);
        let name = &*self.account(conn.account).name;
        allowed.is_some_and(|allowed| {
            conn.account == self.server(conn.server).global
                || allowed.is_empty()
                || allowed.iter().any(|allowed| allowed == name)
        })
    }

    pub(super) fn callout_of(&self, server: ServerId) -> Option<&CalloutOptions> {
        let auth = self.server(server).spec.authorization.as_ref();
        auth?.callout.as_ref()
    }

    /// What an account claims of a service that has the say of its users.
    pub(super) fn authorization_claims(
        &self,
        server: ServerId,
        account: AccountId,
    ) -> Option<&Authorization> {
        let mode = self.server(server).operator.as_deref()?;
        mode.claimed(account)?.authorization.as_ref()
    }

    /// The account of the service that is asked.
    pub(super) fn callout_account(&self, server: ServerId) -> Option<AccountId> {
        self.account_named(server, &self.callout_of(server)?.account)
    }

    pub(super) fn is_asked_about(&self, id: ConnId) -> bool {
        // Most of the time it is about nobody, and this is looked at after every operation.
        self.asked_about > 0 && self.conn(id).is_some_and(Conn::is_asked_about)
    }

    /// Asks who a client is, as the configuration wants it.
    pub(super) fn ask_about(&mut self, id: ConnId, how: Login) -> Admission {
        let Some((server, own)) = self.conn(id).map(|conn| (conn.server, conn.account)) else {
            return Admission::Out;
        };
        let options = self.callout_of(server).cloned().unwrap_or_default();
        let Some(account) = self.callout_account(server) else {
            let name = &options.account;
            let text =
                format!("No valid account {name:?} for auth callout request: account missing");
            self.tell_service_of_refusal(id, own, Some(text));
            self.auth_violation(id);
            return Admission::Out;
        };
        self.ask(id, how, account, Mandate::Configured(options))
    }

    /// Asks who a client is in the account where it is now, since the account `by` of its token claims that.
    pub(super) fn ask_as_claimed(&mut self, id: ConnId, how: Login, by: AccountId) -> Admission {
        let Some((server, account)) = self.conn(id).map(|conn| (conn.server, conn.account)) else {
            return Admission::Out;
        };
        if self.leaf(id).is_some_and(|leaf| leaf.is_stranger) {
            let text = "Leafnode not mapped to a callout account".to_owned();
            self.tell_service_of_refusal(id, by, Some(text));
            self.auth_violation(id);
            return Admission::Out;
        }
        let claims = self.authorization_claims(server, account);
        let xkey = claims.map(|claims| claims.xkey.clone());
        let xkey = xkey.filter(|xkey| !xkey.is_empty());
        self.ask(id, how, account, Mandate::Claimed { by, xkey })
    }

    fn ask(&mut self, id: ConnId, how: Login, account: AccountId, mandate: Mandate) -> Admission {
        let open = self.conn(id).filter(|conn| !conn.is_closing());
        let Some(server) = open.map(|conn| conn.server) else {
            return Admission::Out;
        };
        let rng = &mut self.servers[usize::from(server.0)].rng;
        let mut random = [0; 32];
        rng.fill_bytes(&mut random);
        let user = identity::user_key(random);
        let inbox = ids::base62(8, rng);
        let reply = format!("$SYS._INBOX.{}.{inbox}", self.server(server).hash());
        let Some((header_len, payload)) = self.question(id, &user, account, &mandate) else {
            self.auth_violation(id);
            return Admission::Out;
        };
        let answers = self.add_sub(Sub::new(
            Receiver::Callout(id),
            server,
            account,
            reply.as_bytes(),
            None,
            b"",
        ));
        let timeout = self.server(server).spec.timing.auth_timeout;
        let timer = self.timers.set(self.now + timeout, Timer::Callout(id));
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return Admission::Out;
        };
        conn.callout = Some(Box::new(Callout {
            how,
            account,
            mandate,
            user,
            answers,
            answer: None,
            timer,
            waiting: Vec::new(),
        }));
        self.asked_about += 1;
        self.freezes += 1;
        let question = Outgoing {
            subject: SUBJECT.as_bytes(),
            reply: Some(reply.as_bytes()),
            header_len,
            payload: &payload,
            digits: None,
        };
        self.publish_internal(server, account, &question);
        Admission::Asked
    }

    /// A service has answered. It counts if that is what is asked now.
    pub fn hear_answer(&mut self, id: ConnId, answers: SubId, payload: &[u8], counted: u64) {
        let Some(conn) = self.conn(id) else { return };
        let asked = conn.callout.as_ref().and_then(|callout| callout.answers);
        let has_answer = conn.callout.as_ref().is_some_and(|at| at.answer.is_some());
        if asked != Some(answers) || has_answer {
            return;
        }
        self.weigh_answer(id, payload, counted);
    }

    /// Goes on with an answer when the account is there, or is not to be had, where it puts a client.
    pub(super) fn go_on_with_answer(&mut self, id: ConnId) {
        let callout = self.conn_mut(id).and_then(|conn| conn.callout.as_mut());
        if let Some(answer) = callout.and_then(|callout| callout.answer.take()) {
            self.weigh_answer(id, &answer, 0);
        }
    }

    fn weigh_answer(&mut self, id: ConnId, payload: &[u8], counted: u64) {
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        let server = conn.server;
        let Some(mut callout) = conn.callout.take() else {
            return;
        };
        self.being_answered = (counted > 0).then_some((server, callout.account, counted));
        let outcome = match self.read_answer(server, &callout, payload) {
            Err(Unsettled::Waits { account, next }) => {
                self.being_answered = None;
                callout.answer = Some(payload.into());
                if let Some(conn) = self.conn_mut(id) {
                    conn.callout = Some(callout);
                }
                self.order(server, next, Purpose::Answer(id, account), Hand::default());
                return;
            }
            Err(Unsettled::Refused(text)) => Err(Refused::Answer(text)),
            Ok(answered) => Ok(answered),
        };
        self.end_question(id, &callout);
        let outcome = outcome.and_then(|answered| self.admit_answered(id, &callout, answered));
        // Until then it counts, and those who hear of a client in this account are told so.
        if let Some(answers) = callout.answers {
            self.remove_sub(answers);
        }
        self.being_answered = None;
        self.conclude(id, *callout, outcome);
    }

    /// The service has taken too long to answer.
    pub(super) fn callout_timed_out(&mut self, id: ConnId) {
        if let Some(callout) = self.end_callout(id) {
            self.conclude(id, *callout, Err(Refused::Silence));
        }
    }

    /// Nobody waits any more for an answer about a client.
    pub(super) fn end_callout(&mut self, id: ConnId) -> Option<Box<Callout>> {
        let callout = self.conn_mut(id)?.callout.take()?;
        self.end_question(id, &callout);
        if let Some(answers) = callout.answers {
            self.remove_sub(answers);
        }
        Some(callout)
    }

    /// What a client has sent meanwhile is no longer held back.
    pub(super) fn is_asked_about_no_more(&mut self, id: ConnId) {
        if let Some(conn) = super::conn_mut(&mut self.conns, id)
            && !conn.flags.detached
        {
            super::wake(&mut self.woken, conn, id);
        }
        self.asked_about -= 1;
        self.freezes += 1;
        self.limit_changes += 1;
    }

    fn end_question(&mut self, id: ConnId, callout: &Callout) {
        self.is_asked_about_no_more(id);
        self.timers.cancel(callout.timer);
        self.end_limit(id);
    }

    /// Keeps a client in the account of the service from asking what only servers may.
    pub(super) fn deny_questions(&mut self, id: ConnId) {
        let now = self.now;
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        let granted = conn
            .rights
            .as_ref()
            .map(|rights| Permissions::clone(rights.granted()));
        let mut granted = granted.unwrap_or_default();
        let denied = &mut granted.publish.get_or_insert_default().deny;
        if denied.iter().all(|subject| subject != SUBJECT) {
            denied.push(SUBJECT.to_owned());
        }
        conn.rights = Some(Box::new(UserRights::new(Arc::new(granted), now)));
    }

    /// Lets a client in or not, and goes on with what it has done meanwhile.
    fn conclude(&mut self, id: ConnId, callout: Callout, outcome: Result<User, Refused>) {
        let Some(server) = self.conn(id).map(|conn| conn.server) else {
            return;
        };
        match outcome {
            Ok(user) if self.leaf(id).is_some() => {
                let is_of_service = user.account == callout.asker();
                self.admit_leaf(id, &LeafUser::of_client(user, is_of_service));
            }
            Ok(_) => {
                if self.tells_log_in(server, callout.how) {
                    self.notice_connected(id);
                }
                match callout.how {
                    Login::Explicit => self.connected(id),
                    Login::Again => self.recheck_subscriptions(id),
                    Login::Implicit => {}
                }
            }
            Err(refused) => self.refuse_after_callout(id, &callout, refused),
        }
        for event in callout.waiting {
            self.happen(server, event);
        }
    }

    fn refuse_after_callout(&mut self, id: ConnId, callout: &Callout, refused: Refused) {
        let Some(conn) = self.conn(id) else { return };
        let (server, own) = (self.server(conn.server), conn.account);
        let profile = server.profile;
        let told = callout.asker();
        let by_claims = matches!(callout.mandate, Mandate::Claimed { .. });
        // A server that has already moved the client to an account of a token takes it for one too many there.
        let is_mistaken =
            by_claims && own != server.global && !profile.has(Feature::CalloutOfClaimsRefusalTold);
        let is_told_once = is_mistaken || profile.has(Feature::OneAuthErrorAfterCallout);
        let text = match refused {
            Refused::Silence => {
                self.tell_service_of_refusal(id, told, Some(String::new()));
                match is_mistaken {
                    true => self.close(id, CloseReason::ProtocolViolation),
                    false => self.auth_violation(id),
                }
                return;
            }
            Refused::Full => {
                self.close_above_limit(id);
                self.tell_system_of_refusal(id, CloseReason::AuthenticationViolation);
                "Could not register auth callout user: maximum account active connections exceeded"
                    .to_owned()
            }
            Refused::Answer(text) => {
                self.auth_violation(id);
                title_case(&text)
            }
        };
        self.tell_service_of_refusal(id, told, Some(text));
        if !is_told_once {
            self.tell_system_of_refusal(id, CloseReason::AuthenticationViolation);
        }
    }

    /// Tells the account of the service that a client was refused, and in what words.
    pub(super) fn tell_service_of_refusal(
        &mut self,
        id: ConnId,
        account: AccountId,
        words: Option<String>,
    ) {
        let Some(conn) = self.conn(id) else { return };
        self.notices.push_back(Notice::AuthFailed {
            server: conn.server,
            client: Box::new(self.snapshot(conn)),
            audience: AuthAudience::Account(account),
            reason: CloseReason::AuthenticationViolation,
            words: words.map(Into::into),
            at: self.now,
        });
    }
}

fn title_case(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(chars).collect()
}
