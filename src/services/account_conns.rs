//! `$SYS.ACCOUNT.<account>.SERVER.CONNS` and the older `$SYS.SERVER.ACCOUNT.<account>.CONNS`: how
//! many connections an account has on a server, on every change and as a heartbeat.
//!
//! The two copies of one event share id and timestamp. The global account has none.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_mock_protocol::events::{AccountConns, AccountConnsRequest, DataStats, MsgBytes};

use super::system::Context;
use crate::core::{AccountId, AccountTally, ServiceTimer, Time, Traffic};

const HEARTBEAT: Duration = Duration::from_secs(30);

/// Marks the timers of this file; the account stands in the lower half.
const TAG: u64 = 1 << 32;

/// The heartbeats that are running.
#[derive(Debug, Default)]
pub(super) struct Heartbeats(BTreeMap<AccountId, ServiceTimer>);

/// The account whose heartbeat a timer is.
pub(super) fn account_of(tag: u64) -> Option<AccountId> {
    (tag & TAG != 0).then_some(AccountId((tag & 0xffff) as u16))
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
    if let Some(running) = context.state.heartbeats.0.remove(&account) {
        context.core.cancel_service_timer(running);
    }
    if tally.connections > 0 {
        let tag = TAG | u64::from(account.0);
        let due = context.core.now() + HEARTBEAT;
        let timer = context.core.set_service_timer(context.server, due, tag);
        context.state.heartbeats.0.insert(account, timer);
    }
    let name = context.account_name(account);
    let detailed = context.server().profile.detailed_account_stats;
    let mut event = AccountConns {
        id: context.next_event_id(),
        timestamp: context.core.utc(at),
        name: detailed.then(|| name.clone()),
        conns: i64::from(tally.connections),
        total_conns: i64::from(tally.connections),
        num_subscriptions: u64::from(tally.subscriptions),
        sent: stats(tally.sent, detailed),
        received: stats(tally.received, detailed),
        slow_consumers: tally.slow_consumers as i64,
        acc: name.clone(),
        ..AccountConns::default()
    };
    for subject in [
        format!("$SYS.SERVER.ACCOUNT.{name}.CONNS"),
        format!("$SYS.ACCOUNT.{name}.SERVER.CONNS"),
    ] {
        event.server = context.envelope();
        context.publish(&subject, &event);
    }
}

pub(super) fn heartbeat(context: &mut Context<'_>, account: AccountId) {
    let tally = context.core.account(account).tally(context.server);
    changed(context, account, tally, context.core.now());
}

/// Asks the other servers how many connections they have for an account: every server does when it
/// comes to know one.
pub(super) fn ask_others(context: &mut Context<'_>, account: AccountId) {
    let name = context.account_name(account);
    let request = AccountConnsRequest {
        server: context.envelope(),
        acc: name.clone(),
        ..AccountConnsRequest::default()
    };
    let reply = format!("$SYS._INBOX_.{}", context.server_id());
    let subject = format!("$SYS.REQ.ACCOUNT.{name}.CONNS");
    context.publish_in(context.system, &subject, &reply, &request);
}

fn stats(traffic: Traffic, detailed: bool) -> DataStats {
    let links = || detailed.then(MsgBytes::default);
    DataStats {
        gateways: links(),
        routes: links(),
        leafs: links(),
        ..DataStats::new(traffic.msgs as i64, traffic.bytes as i64)
    }
}
