//! Requests about the JWTs of accounts that resolvers with a directory answer:
//! `$SYS.REQ.CLAIMS.{UPDATE,LIST,DELETE}`, and full ones also `$SYS.REQ.CLAIMS.PACK` and
//! `$SYS.REQ.ACCOUNT.<account>.CLAIMS.LOOKUP`.
//!
//! Full resolvers ask each other for what they have, one of them for each request, and tell by a hash whether it is
//! the same.

use nats_mock_protocol::json;
use serde_json::Value;

use super::claims;
use super::registry::{Endpoint, Resolvers, Scope};
use super::requests::{Answer, Call, Told};
use super::system::Context;
use crate::core::ResolverKind;
use crate::identity::{self, Role};

/// Marks the timers of this file.
const TAG: u64 = 1 << 35;

/// What is to be done from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Asking others for what they have.
    Pack = 0,
    /// Looking for JWTs that are too old.
    Sweep = 1,
}

/// The task whose time a timer is.
pub(super) fn task_of(tag: u64) -> Option<Task> {
    (tag & TAG != 0).then_some(if tag & 1 == 0 {
        Task::Pack
    } else {
        Task::Sweep
    })
}

/// Begins with what a resolver does from time to time.
pub(super) fn start(context: &mut Context<'_>) {
    let kind = context.core.resolver_kind(context.server);
    if kind == Some(ResolverKind::Full) {
        set(context, Task::Pack);
    }
    if matches!(kind, Some(ResolverKind::Full | ResolverKind::Cache)) {
        set(context, Task::Sweep);
    }
}

fn set(context: &mut Context<'_>, task: Task) {
    let Some(store) = context.core.store(context.server) else {
        return;
    };
    let interval = match task {
        Task::Pack => store.interval(),
        Task::Sweep => store.sweep_interval(),
    };
    let due = context.core.now() + interval;
    context
        .core
        .set_service_timer(context.server, due, TAG | task as u64);
}

/// It is time for something.
pub(super) fn is_due(context: &mut Context<'_>, task: Task) {
    if context.core.server(context.server).phase == crate::core::Phase::Stopped {
        return;
    }
    match task {
        Task::Pack => {
            let inbox = format!(
                "$SYS._INBOX.{}.{}",
                context.server().hash(),
                context.state.pack_inbox
            );
            let hash = context.core.claims_hash(context.server);
            context.ask("$SYS.REQ.CLAIMS.PACK", &inbox, &hash);
        }
        Task::Sweep => context.core.sweep_claims(context.server),
    }
    set(context, task);
}

/// Asks other servers for the JWT of an account.
pub(super) fn ask_others(context: &mut Context<'_>, account: &str) {
    let token = context.next_inbox_token();
    let inbox = format!("$SYS._INBOX.{}.{token}", context.server().hash());
    let subject = format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP");
    context.ask(&subject, &inbox, b"");
}

pub(super) const UPDATE: Endpoint = Endpoint::new(
    "CLAIMS.STORE",
    Scope::At("$SYS.REQ.CLAIMS.UPDATE"),
    |context, call| store(context, call, None),
)
.only_with(Resolvers::Directory)
.also_without_reply();

/// Keeps a JWT; `named` is the account that the subject of the request names.
pub(super) fn store(context: &mut Context<'_>, call: &Call<'_>, named: Option<&str>) -> Answer {
    let is_cache = context.core.resolver_kind(context.server) == Some(ResolverKind::Cache);
    let text = String::from_utf8_lossy(call.payload);
    let (account, outcome) = stored(context, &text, named, is_cache);
    Answer::Told(claims::answer, Told { account, outcome })
}

fn stored(
    context: &mut Context<'_>,
    text: &str,
    named: Option<&str>,
    is_cache: bool,
) -> (String, Result<String, String>) {
    let start = if is_cache {
        "jwt update cache"
    } else {
        "jwt update"
    };
    let refused = |why: String| Err(format!("{start} resulted in error - {why}"));
    let unread = if is_cache { named } else { None };
    let token = match identity::account(text) {
        Ok(token) => token,
        Err(why) => return (unread.unwrap_or("n/a").to_owned(), refused(why.to_string())),
    };
    let subject = token.claims.sub.as_str();
    let account = named.unwrap_or(subject).to_owned();
    let issues = context.core.claims_issues(context.server, &token);
    let invalid = || {
        let start = if is_cache {
            "jwt update cache validation failed"
        } else {
            "jwt validation failed"
        };
        (
            subject.to_owned(),
            Err(format!("{start} - validation errors: {}", issues.errors())),
        )
    };
    let is_invalid = issues.is_blocking(false);
    // A full resolver looks at the claims before it looks whether they are for the account that is named.
    if is_invalid && named.is_some() && !is_cache {
        return invalid();
    }
    if subject != account {
        return (
            account,
            refused("subject does not match jwt content".to_owned()),
        );
    }
    let mode = context.server().operator.as_deref();
    if mode.is_some_and(|mode| mode.wants_signing_key(&token.claims.iss)) {
        let why = "operator requires issuer to be a signing key";
        return (account, refused(why.to_owned()));
    }
    if is_cache && context.account_named(&account).is_none() {
        return (account, Ok("jwt update cache skipped".to_owned()));
    }
    if is_invalid {
        return invalid();
    }
    let outcome = match context.core.store_claims(context.server, &account, text) {
        Ok(()) if is_cache => Ok("jwt updated cache".to_owned()),
        Ok(()) => Ok("jwt updated".to_owned()),
        Err(why) => refused(why.to_string()),
    };
    (account, outcome)
}

pub(super) const LOOKUP: Endpoint = Endpoint::new(
    "CLAIMS.LOOKUP",
    Scope::At("$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP"),
    |context, call| match context.core.stored_claims(context.server, call.token(3)) {
        Ok(Some(text)) => raw(text.as_bytes()),
        // An answer without anything says that there is none.
        Ok(None) => raw(b""),
        Err(_) => Answer::Silence,
    },
)
.only_with(Resolvers::Full);

fn raw(payload: &[u8]) -> Answer {
    Answer::Message {
        payload: payload.to_vec(),
        encodable: false,
    }
}

pub(super) const PACK: Endpoint = Endpoint::new(
    "CLAIMS.PACK",
    Scope::At("$SYS.REQ.CLAIMS.PACK"),
    |context, call| {
        if let Some(reply) = call.reply
            && context.core.claims_hash(context.server) != *call.payload
        {
            for (key, text) in context.core.packed_claims(context.server) {
                let line = format!("{key}|{text}");
                context.respond(call.request, reply, line.as_bytes(), false);
            }
        }
        raw(b"")
    },
)
.only_with(Resolvers::Full)
.in_group("responder");

pub(super) const PACKS: Endpoint = Endpoint::new(
    "PACKS",
    Scope::At("$SYS._INBOX.<hash>.<inbox>"),
    |context, call| {
        let pack = String::from_utf8_lossy(call.payload);
        context.core.merge_claims(context.server, &pack);
        Answer::Silence
    },
)
.only_with(Resolvers::Full)
.also_without_reply();

pub(super) const LIST: Endpoint = Endpoint::new(
    "CLAIMS.LIST",
    Scope::At("$SYS.REQ.CLAIMS.LIST"),
    |context, _| {
        let packed = context.core.packed_claims(context.server);
        let accounts: Vec<String> = packed.into_iter().map(|(key, _)| key).collect();
        let accounts = json::to_string(&accounts);
        let server = json::to_string(&context.envelope());
        raw(format!("{{\"data\":{accounts},\"server\":{server}}}").as_bytes())
    },
)
.only_with(Resolvers::Directory);

pub(super) const DELETE: Endpoint = Endpoint::new(
    "CLAIMS.DELETE",
    Scope::At("$SYS.REQ.CLAIMS.DELETE"),
    |context, call| {
        let text = String::from_utf8_lossy(call.payload);
        let outcome = deleted(context, &text);
        let account = String::new();
        Answer::Told(claims::answer, Told { account, outcome })
    },
)
.only_with(Resolvers::Directory)
.also_without_reply();

fn deleted(context: &mut Context<'_>, text: &str) -> Result<String, String> {
    let failed =
        |by: &str, why: &str| Err(format!("delete accounts request by {by} failed - {why}"));
    let token = match identity::generic(text) {
        Ok(token) => token.claims,
        Err(why) => return failed("", &why.to_string()),
    };
    let by = token.sub.as_str();
    let mode = context.server().operator.as_deref();
    let store = context.core.store(context.server);
    if !store.is_some_and(|store| store.allows_delete()) {
        return failed(by, "delete must be enabled in server config");
    }
    if by != token.iss {
        return failed(by, "not self signed");
    }
    if !mode.is_some_and(|mode| mode.may_delete(by)) {
        return failed(by, "not trusted");
    }
    let system = context.account_name(context.system);
    let mut accounts = Vec::new();
    let Some(list) = token.nats.get("accounts").and_then(Value::as_array) else {
        return failed(by, "malformed request");
    };
    for entry in list {
        match entry.as_str() {
            Some(key) if key == system => {
                return failed(by, "not allowed to delete system account");
            }
            Some(key) if identity::is_public_key(Role::Account, key) => accounts.push(key),
            _ => return failed(by, "malformed request"),
        }
    }
    for account in &accounts {
        context.core.delete_claims(context.server, account);
    }
    Ok(format!("deleted {} accounts", accounts.len()))
}
