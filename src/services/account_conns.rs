//! `$SYS.ACCOUNT.<account>.SERVER.CONNS` and the older `$SYS.SERVER.ACCOUNT.<account>.CONNS`: how
//! many connections an account has on a server, on every change and as a heartbeat.
//!
//! The two copies of one event share id and timestamp. The global account has none.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_mock_protocol::events::{
    AccountConns, AccountConnsRequest, AccountStat, DataStats, MsgBytes,
};
use nats_mock_protocol::json;
use serde_json::Value;

use super::registry::{Endpoint, Scope};
use super::requests::Answer;
use super::system::Context;
use crate::core::{AccountId, AccountTally, ServiceTimer, Time, Traffic};
use crate::version::{Feature, Profile};

/// `$SYS.REQ.ACCOUNT.<account>.CONNS`, which servers ask each other: the event as an answer. Nothing is
/// said of accounts without connections.
pub(super) const ENDPOINT: Endpoint = Endpoint::new("CONNS", Scope::Account, |context, call| {
    let name = call.token(3);
    if !call.payload.is_empty() && !is_about(call.payload, name) {
        return Answer::Silence;
    }
    let Some(account) = context.account_named(name) else {
        return Answer::Silence;
    };
    let tally = context.core.tally(account, context.server);
    if tally.connections > 0 {
        let mut event = event(context, account, tally, context.core.now());
        event.server = context.envelope();
        let reply = call.reply.unwrap_or_default();
        context.respond(call.request, reply, &json::to_vec(&event), false);
    }
    Answer::Silence
})
.also_without_reply();

/// Whether the body of a request is meant for the account of its subject: it names no other.
fn is_about(body: &[u8], account: &str) -> bool {
    match serde_json::from_slice(body) {
        Ok(Value::Null) => true,
        Ok(Value::Object(body)) => match body.get("acc") {
            None | Some(Value::Null) => true,
            Some(named) => named == account,
        },
        _ => false,
    }
}

const HEARTBEAT: Duration = Duration::from_secs(30);

/// Marks the timers of this file; the account stands in the lower half.
const TAG: u64 = 1 << 32;

/// The heartbeats that are running.
#[derive(Debug, Default)]
pub(super) struct Heartbeats(BTreeMap<AccountId, ServiceTimer>);

/// The account whose heartbeat a timer is.
pub(super) fn account_of(tag: u64) -> Option<AccountId> {
    (tag & TAG != 0).then_some(AccountId((tag & 0xffff_ffff) as u32))
}

pub(super) fn changed(
    context: &mut Context<'_>,
    account: AccountId,
    tally: AccountTally,
    at: Time,
) {
    if context.state.silent || account == context.server().global {
        return;
    }
    let name = context.account_name(account);
    let subjects = [
        format!("$SYS.SERVER.ACCOUNT.{name}.CONNS"),
        format!("$SYS.ACCOUNT.{name}.SERVER.CONNS"),
    ];
    let mut event = event(context, account, tally, at);
    for subject in subjects {
        event.server = context.envelope();
        context.publish(&subject, &event);
    }
}

/// The event without its envelope. The heartbeat is put off.
fn event(
    context: &mut Context<'_>,
    account: AccountId,
    tally: AccountTally,
    at: Time,
) -> AccountConns {
    if let Some(running) = context.state.heartbeats.0.remove(&account) {
        context.core.cancel_service_timer(running);
    }
    // What is told may be of a moment ago, but the heartbeat is for what is there now.
    let here = context.core.tally(account, context.server);
    if here.total() > 0 {
        let tag = TAG | u64::from(account.0);
        let due = context.core.now() + HEARTBEAT;
        let timer = context.core.set_service_timer(context.server, due, tag);
        context.state.heartbeats.0.insert(account, timer);
    }
    AccountConns {
        id: context.next_event_id(),
        timestamp: context.server().wall_clock.utc(at),
        ..account_stat(context, account, tally).into()
    }
}

pub(super) fn heartbeat(context: &mut Context<'_>, account: AccountId) {
    let tally = context.core.tally(account, context.server);
    changed(context, account, tally, context.core.now());
}

/// Asks the other servers how many connections they have for an account: every server does when it
/// comes to know one.
pub(super) fn ask_others(context: &mut Context<'_>, account: AccountId) {
    let name = context.account_name(account);
    let subject = format!("$SYS.REQ.ACCOUNT.{name}.CONNS");
    if !context.is_heard(&subject) {
        context.skip_envelope();
        return;
    }
    let request = AccountConnsRequest {
        server: context.envelope(),
        acc: name.clone(),
        ..AccountConnsRequest::default()
    };
    let reply = format!("$SYS._INBOX_.{}", context.server_id());
    context.publish_in(context.system, &subject, &reply, &request);
}

/// An account's standing, as events and STATZ show it.
pub(super) fn account_stat(
    context: &Context<'_>,
    account: AccountId,
    tally: AccountTally,
) -> AccountStat {
    let name = context.account_name(account);
    let label = context.core.account_label(account);
    let profile = context.server().profile;
    let mut subscriptions = tally.subscriptions;
    if context.server().operator.is_some() {
        // An account that was looked up for its first client has the imports that all have.
        let imports = context.core.account(account).shared.imports.len() as u64;
        subscriptions = subscriptions.max(imports);
    }
    AccountStat {
        name: profile.since(Feature::AccountNames, label.to_owned()),
        acc: name,
        conns: i64::from(tally.connections),
        leafnodes: i64::from(tally.leafnodes),
        total_conns: i64::from(tally.total()),
        num_subscriptions: subscriptions,
        sent: stats(profile, tally.sent, tally.links_sent()),
        received: stats(profile, tally.received, tally.links_received()),
        slow_consumers: tally.slow_consumers as i64,
        ..AccountStat::default()
    }
}

/// The traffic of an account, with the parts that went by routes, gateways and leaf nodes.
fn stats(profile: &Profile, traffic: Traffic, parts: [Traffic; 3]) -> DataStats {
    let [routes, gateways, leafs] = parts.map(|part| {
        let part = MsgBytes::new(part.msgs as i64, part.bytes as i64);
        profile.since(Feature::TrafficOfLinks, part)
    });
    DataStats {
        gateways,
        routes,
        leafs,
        ..DataStats::new(traffic.msgs as i64, traffic.bytes as i64)
    }
}
