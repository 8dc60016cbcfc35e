//! The table of requests that servers listen to.
//!
//! Every server subscribes to the same subjects as a nats-server does, so that counts, wildcards
//! and "no responders" come out right.

#[cfg(test)]
mod page;

use super::account_conns;
use super::requests::{self, Answer, Call};
use super::system::Context;
use super::{account_info, connz, healthz, idz, statsz, subsz, user_info, varz};
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

/// Where an endpoint is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// `$SYS.REQ.SERVER.<id>.<name>` and `$SYS.REQ.SERVER.PING.<name>`.
    Server,
    /// `$SYS.REQ.ACCOUNT.<account>.<name>`.
    Account,
    /// `$SYS.REQ.USER.<account>.<name>`.
    User,
}

/// What is answered. The position of an endpoint is the tag of its subscriptions.
const ENDPOINTS: &[Endpoint] = &[
    idz::ENDPOINT,
    statsz::ENDPOINT,
    varz::ENDPOINT,
    subsz::ENDPOINT,
    connz::ENDPOINT,
    healthz::ENDPOINT,
    connz::ACCOUNT_ENDPOINT,
    account_info::ENDPOINT,
    user_info::ENDPOINT,
];

/// Tag of the subscriptions whose messages concern other servers of a cluster only, or whose
/// endpoints are not simulated: they are counted, and nothing answers.
const LISTEN_ONLY: u32 = u32::MAX;

/// Subjects with [`LISTEN_ONLY`]; `<id>` stands for the server's id and `<hash>` for its hash.
const LISTENED_TO: &[&str] = &[
    "$SYS._INBOX.<hash>.*",
    "$SYS.SERVER.ACCOUNT.*.CONNS",
    "$SYS._INBOX_.<id>",
    "$SYS.REQ.ACCOUNT.NSUBS",
    "$SYS.SERVER.*.STATSZ",
    "$SYS.SERVER.*.SHUTDOWN",
    "$SYS.SERVER.*.LAMEDUCK",
    "$SYS.ACCOUNT.*.CLAIMS.UPDATE",
    "$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE",
    "$SYS.REQ.SERVER.<id>.ROUTEZ",
    "$SYS.REQ.SERVER.PING.ROUTEZ",
    "$SYS.REQ.SERVER.<id>.GATEWAYZ",
    "$SYS.REQ.SERVER.PING.GATEWAYZ",
    "$SYS.REQ.SERVER.<id>.LEAFZ",
    "$SYS.REQ.SERVER.PING.LEAFZ",
    "$SYS.REQ.SERVER.<id>.ACCOUNTZ",
    "$SYS.REQ.SERVER.PING.ACCOUNTZ",
    "$SYS.REQ.SERVER.<id>.JSZ",
    "$SYS.REQ.SERVER.PING.JSZ",
    "$SYS.REQ.SERVER.<id>.PROFILEZ",
    "$SYS.REQ.SERVER.PING.PROFILEZ",
    "$SYS.REQ.SERVER.<id>.EXPVARZ",
    "$SYS.REQ.SERVER.PING.EXPVARZ",
    "$SYS.REQ.SERVER.<id>.IPQUEUESZ",
    "$SYS.REQ.SERVER.PING.IPQUEUESZ",
    "$SYS.REQ.SERVER.<id>.RAFTZ",
    "$SYS.REQ.SERVER.PING.RAFTZ",
    "$SYS.REQ.ACCOUNT.*.SUBSZ",
    "$SYS.REQ.ACCOUNT.*.LEAFZ",
    "$SYS.REQ.ACCOUNT.*.JSZ",
    "$SYS.REQ.ACCOUNT.*.STATZ",
    "$SYS.REQ.ACCOUNT.*.CONNS",
    "$SYS.REQ.ACCOUNT.PING.STATZ",
    "$SYS.ACCOUNT.*.LEAFNODE.CONNECT",
    "$SYS.LATENCY.M2.<hash>",
    "$SYS.DEBUG.SUBSCRIBERS",
    "$SYS.REQ.SERVER.<id>.RELOAD",
    "$SYS.REQ.SERVER.<id>.KICK",
    "$SYS.REQ.SERVER.<id>.LDM",
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
            Scope::Account => subscribe(context, &format!("$SYS.REQ.ACCOUNT.*.{name}"), tag),
            Scope::User => subscribe(context, &format!("$SYS.REQ.USER.*.{name}"), tag),
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

/// Hands a request to the endpoint it was sent to.
pub(super) fn dispatch(context: &mut Context<'_>, request: &Request) {
    if context.state.silent {
        return;
    }
    if let Some(endpoint) = ENDPOINTS.get(request.tag as usize) {
        requests::answer(context, endpoint, request);
    }
}
