//! The table of requests that servers listen to.
//!
//! Every server subscribes to the same subjects as a nats-server does, so that counts, wildcards
//! and "no responders" come out right.

#[cfg(test)]
mod page;

use super::account_conns;
use super::requests::{self, Answer, Call};
use super::system::Context;
use super::{
    account_info, account_statz, accountz, connz, expvarz, gatewayz, healthz, idz, ipqueuesz, jsz,
    kick, ldm, leafz, profilez, raftz, reload, routez, statsz, subscribers, subsz, user_info, varz,
};
use crate::core::{AccountId, Request};

/// A request that is answered.
pub(super) struct Endpoint {
    /// The last token of its subjects.
    pub name: &'static str,
    pub scope: Scope,
    /// Whether a request that does not say where to answer has an effect.
    pub answers_without_reply: bool,
    pub answer: fn(&mut Context<'_>, &Call<'_>) -> Answer,
}

impl Endpoint {
    pub const fn new(
        name: &'static str,
        scope: Scope,
        answer: fn(&mut Context<'_>, &Call<'_>) -> Answer,
    ) -> Self {
        Self {
            name,
            scope,
            answers_without_reply: false,
            answer,
        }
    }

    pub const fn also_without_reply(self) -> Self {
        Self {
            answers_without_reply: true,
            ..self
        }
    }
}

/// Where an endpoint is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// `$SYS.REQ.SERVER.<id>.<name>` and `$SYS.REQ.SERVER.PING.<name>`.
    Server,
    /// `$SYS.REQ.SERVER.<id>.<name>` alone.
    ServerAlone,
    /// `$SYS.REQ.ACCOUNT.<account>.<name>`.
    Account,
    /// `$SYS.REQ.USER.<account>.<name>`.
    User,
    /// One subject.
    At(&'static str),
}

/// What is answered. The position of an endpoint is the tag of its subscriptions.
const ENDPOINTS: &[Endpoint] = &[
    idz::ENDPOINT,
    statsz::ENDPOINT,
    varz::ENDPOINT,
    subsz::ENDPOINT,
    connz::ENDPOINT,
    routez::ENDPOINT,
    gatewayz::ENDPOINT,
    leafz::ENDPOINT,
    accountz::ENDPOINT,
    jsz::ENDPOINT,
    healthz::ENDPOINT,
    profilez::ENDPOINT,
    expvarz::ENDPOINT,
    ipqueuesz::ENDPOINT,
    raftz::ENDPOINT,
    subsz::ACCOUNT_ENDPOINT,
    connz::ACCOUNT_ENDPOINT,
    leafz::ACCOUNT_ENDPOINT,
    jsz::ACCOUNT_ENDPOINT,
    account_info::ENDPOINT,
    account_statz::ENDPOINT,
    account_conns::ENDPOINT,
    account_statz::PING_ENDPOINT,
    subscribers::ENDPOINT,
    user_info::ENDPOINT,
    subscribers::DEBUG_ENDPOINT,
    reload::ENDPOINT,
    kick::ENDPOINT,
    ldm::ENDPOINT,
];

/// Tag of the subscriptions whose messages concern other servers of a cluster, or account JWTs: they
/// are counted, and nothing answers.
const LISTEN_ONLY: u32 = u32::MAX;

/// Subjects with [`LISTEN_ONLY`]; `<id>` stands for the server's id and `<hash>` for its hash.
const LISTENED_TO: &[&str] = &[
    "$SYS._INBOX.<hash>.*",
    "$SYS.SERVER.ACCOUNT.*.CONNS",
    "$SYS._INBOX_.<id>",
    "$SYS.SERVER.*.STATSZ",
    "$SYS.SERVER.*.SHUTDOWN",
    "$SYS.SERVER.*.LAMEDUCK",
    "$SYS.ACCOUNT.*.CLAIMS.UPDATE",
    "$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE",
    "$SYS.ACCOUNT.*.LEAFNODE.CONNECT",
    "$SYS.LATENCY.M2.<hash>",
];

/// Sets a server's services up.
pub(super) fn start(context: &mut Context<'_>) {
    // The system client and the sender of internal messages join the system account.
    for _ in 0..2 {
        account_conns::heartbeat(context, context.system);
    }
    let id = context.server_id();
    let hash = context.server().hash();
    // The first one is taken.
    let mut sid = 1;
    let mut subscribe = |context: &mut Context<'_>, subject: &str, tag| {
        sid += 1;
        let (server, system) = (context.server, context.system);
        context
            .core
            .subscribe_service(server, system, subject, sid, tag);
    };
    for subject in LISTENED_TO {
        let subject = subject.replace("<id>", &id).replace("<hash>", &hash);
        subscribe(context, &subject, LISTEN_ONLY);
    }
    for (tag, endpoint) in (0..).zip(ENDPOINTS) {
        let name = endpoint.name;
        match endpoint.scope {
            Scope::Server => {
                subscribe(context, &format!("$SYS.REQ.SERVER.{id}.{name}"), tag);
                subscribe(context, &format!("$SYS.REQ.SERVER.PING.{name}"), tag);
                if name == statsz::ENDPOINT.name {
                    subscribe(context, "$SYS.REQ.SERVER.PING", tag);
                }
            }
            Scope::ServerAlone => subscribe(context, &format!("$SYS.REQ.SERVER.{id}.{name}"), tag),
            Scope::Account => subscribe(context, &format!("$SYS.REQ.ACCOUNT.*.{name}"), tag),
            Scope::User => subscribe(context, &format!("$SYS.REQ.USER.*.{name}"), tag),
            Scope::At(subject) => subscribe(context, subject, tag),
        }
    }
    let accounts: Vec<AccountId> = context.core.accounts().map(|(id, _)| id).collect();
    for account in accounts {
        add_account(context, account);
    }
}

/// Gives an account its way to the services that are open to it.
pub(super) fn add_account(context: &mut Context<'_>, account: AccountId) {
    let name = context.account_name(account);
    let (server, system) = (context.server, context.system);
    let user_info = format!("$SYS.REQ.USER.{name}.INFO");
    let mut import = |subject: &str, to: &str, shares_client| {
        context.core.add_import(
            server,
            account,
            subject,
            system,
            to.to_owned(),
            shares_client,
        );
    };
    if account != system {
        let connz = format!("$SYS.REQ.ACCOUNT.{name}.CONNZ");
        import("$SYS.REQ.ACCOUNT.PING.CONNZ", &connz, false);
        import("$SYS.REQ.SERVER.PING.CONNZ", &connz, false);
        let statz = format!("$SYS.REQ.ACCOUNT.{name}.STATZ");
        import("$SYS.REQ.ACCOUNT.PING.STATZ", &statz, false);
    }
    import("$SYS.REQ.USER.INFO", &user_info, true);
    account_conns::ask_others(context, account);
}

/// Hands a request to the endpoint it was sent to. What came of a command is given back.
pub(super) fn dispatch(context: &mut Context<'_>, request: &Request) -> Option<Answer> {
    if context.state.silent {
        return None;
    }
    let endpoint = ENDPOINTS.get(request.tag as usize)?;
    requests::answer(context, endpoint, request)
}
