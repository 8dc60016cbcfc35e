//! `$SYS.DEBUG.SUBSCRIBERS` and `$SYS.REQ.ACCOUNT.NSUBS`: how many clients' subscriptions there are
//! to a subject, as a bare number. The first is asked by people and the second by other servers.

use nats_mock_protocol::events::ClientInfo;
use nats_mock_protocol::monitor::NumSubsRequest;
use nats_mock_protocol::{headers, subject};

use super::registry::{Endpoint, Scope};
use super::requests::{Answer, Call};
use super::system::Context;
use crate::core::{AccountId, Receiver, SubId};

pub(super) const DEBUG_ENDPOINT: Endpoint = Endpoint::new(
    "SUBSCRIBERS",
    Scope::At("$SYS.DEBUG.SUBSCRIBERS"),
    |context, call| {
        let Some(account) = asked_account(context, call) else {
            return Answer::Silence;
        };
        let text = String::from_utf8_lossy(call.payload);
        let mut words = text.trim().split(' ');
        let subject = words.next().unwrap_or_default();
        Answer::raw(&count(
            context,
            account,
            subject,
            words.next().map(str::as_bytes),
        ))
    },
);

pub(super) const ENDPOINT: Endpoint = Endpoint::new(
    "NSUBS",
    Scope::At("$SYS.REQ.ACCOUNT.NSUBS"),
    |context, call| {
        let Some(request) = call.body::<NumSubsRequest>(context) else {
            return Answer::Silence;
        };
        let account = context.account_named(&request.acc);
        let Some(account) =
            account.filter(|&id| context.core.tally(id, context.server).connections > 0)
        else {
            return Answer::Silence;
        };
        let queue = request.queue.as_ref().map(|queue| &queue.0[..]);
        Answer::raw(&count(context, account, &request.subject, queue))
    },
);

/// The account that the subject is meant in: the one that asks, or that offers the service.
fn asked_account(context: &Context<'_>, call: &Call<'_>) -> Option<AccountId> {
    let asking = call.from?;
    if call.header.is_empty() {
        return context.core.conn(asking).map(|conn| conn.account);
    }
    let info = headers::get(call.header, "Nats-Request-Info")?;
    let info: ClientInfo = serde_json::from_slice(info).ok()?;
    match (info.svc.as_str(), info.acc.as_str()) {
        ("", "") => context.core.conn(asking).map(|conn| conn.account),
        ("", account) | (account, _) => context.account_named(account),
    }
}

/// Subscriptions of clients that get messages of a literal subject, or that lie within a wildcard
/// subject.
fn count(context: &mut Context<'_>, account: AccountId, wanted: &str, queue: Option<&[u8]>) -> i64 {
    let wanted = wanted.as_bytes();
    let server = context.server;
    if !subject::has_wildcard(wanted) {
        let found = context.core.matches(account, wanted);
        let groups = found.queues.iter().flat_map(|group| &group.members);
        let subs: Vec<SubId> = match queue {
            None => found.plain.iter().chain(groups).copied().collect(),
            Some(_) => groups.copied().collect(),
        };
        let core = &*context.core;
        let subs = subs.into_iter().map(|id| core.sub(id));
        return subs
            .filter(|sub| sub.server == server && matches!(sub.receiver, Receiver::Client(_)))
            .filter(|sub| queue.is_none_or(|queue| sub.queue() == Some(queue)))
            .count() as i64;
    }
    let subs = context.core.subs_of(server).map(|(_, sub)| sub);
    subs.filter(|sub| sub.account == account)
        .filter(|sub| matches!(sub.receiver, Receiver::Client(_)))
        .filter(|sub| queue.is_none_or(|queue| sub.queue().unwrap_or_default() == queue))
        .filter(|sub| subject::is_subset(sub.subject(), wanted))
        .count() as i64
}
