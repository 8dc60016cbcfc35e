//! `$SYS.DEBUG.SUBSCRIBERS` and `$SYS.REQ.ACCOUNT.NSUBS`: how many clients' subscriptions there are
//! to a subject, as a bare number. The first is asked by people and the second by other servers.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_mock_protocol::events::ClientInfo;
use nats_mock_protocol::json::Base64;
use nats_mock_protocol::monitor::NumSubsRequest;
use nats_mock_protocol::{headers, json, subject};

use super::registry::{Endpoint, Scope};
use super::requests::{Answer, Call};
use super::system::Context;
use crate::core::{AccountId, Core, Receiver, Request, ServiceTimer, Sub, SubId};

/// How long other servers may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Marks the timers of this file; the number of the count stands in the lower half.
const TAG: u64 = 1 << 33;

/// What is being counted with the help of other servers.
#[derive(Debug, Default)]
pub(super) struct Counts {
    last: u32,
    waiting: BTreeMap<u32, Count>,
}

#[derive(Debug)]
struct Count {
    /// The last token of the subject that answers come to.
    token: String,
    request: Request,
    reply: Vec<u8>,
    sum: i64,
    missing: usize,
    timer: ServiceTimer,
}

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
        let queue = words.next().map(str::as_bytes);
        let here = count(context, account, subject, queue);
        let others = context.core.peers_with_clients(account, context.server);
        match call.reply {
            Some(reply) if others > 0 => {
                let request = NumSubsRequest {
                    acc: context.account_name(account),
                    subject: subject.to_owned(),
                    queue: queue.map(|queue| Base64(queue.to_vec())),
                    ..NumSubsRequest::default()
                };
                ask_others(context, call, &request, reply, here, others);
                Answer::Silence
            }
            _ => Answer::raw(&here),
        }
    },
);

/// Where the answers of other servers come to.
pub(super) const INBOX: Endpoint = Endpoint::new(
    "INBOX",
    Scope::At("$SYS._INBOX.<hash>.*"),
    |context, call| {
        let token = call.token(3);
        let mut waiting = context.state.counts.waiting.iter_mut();
        let Some((&number, count)) = waiting.find(|(_, count)| count.token == token) else {
            return Answer::Silence;
        };
        let answer = std::str::from_utf8(call.payload).ok();
        count.sum += answer
            .and_then(|answer| answer.parse::<i64>().ok())
            .unwrap_or(0);
        count.missing -= 1;
        if count.missing == 0 {
            give_up(context, number);
        }
        Answer::Silence
    },
)
.also_without_reply();

fn ask_others(
    context: &mut Context<'_>,
    call: &Call<'_>,
    request: &NumSubsRequest,
    reply: &[u8],
    here: i64,
    others: usize,
) {
    let token = context.next_inbox_token();
    let inbox = format!("$SYS._INBOX.{}.{token}", context.server().hash());
    let due = context.core.now() + PATIENCE;
    let number = context.state.counts.last.wrapping_add(1);
    let tag = TAG | u64::from(number);
    let timer = context.core.set_service_timer(context.server, due, tag);
    context.state.counts.last = number;
    let count = Count {
        token,
        request: call.request.clone(),
        reply: reply.to_vec(),
        sum: here,
        missing: others,
        timer,
    };
    context.state.counts.waiting.insert(number, count);
    let request = json::to_vec(request);
    context.ask("$SYS.REQ.ACCOUNT.NSUBS", &inbox, &request);
}

/// The count whose time a timer is.
pub(super) fn count_of(tag: u64) -> Option<u32> {
    (tag & TAG != 0).then_some((tag & 0xffff_ffff) as u32)
}

/// Answers with what has been counted so far.
pub(super) fn give_up(context: &mut Context<'_>, number: u32) {
    if let Some(count) = context.state.counts.waiting.remove(&number) {
        context.core.cancel_service_timer(count.timer);
        let answer = count.sum.to_string();
        context.respond(&count.request, &count.reply, answer.as_bytes(), false);
    }
}

pub(super) const ENDPOINT: Endpoint = Endpoint::new(
    "NSUBS",
    Scope::At("$SYS.REQ.ACCOUNT.NSUBS"),
    |context, call| {
        let Some(request) = call.body::<NumSubsRequest>(context) else {
            return Answer::Silence;
        };
        let account = context.account_named(&request.acc);
        let Some(account) =
            account.filter(|&id| context.core.tally(id, context.server).total() > 0)
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
    // Those behind a leaf node connection have a server of their own to ask.
    if context.core.conn(asking)?.leaf.is_some() {
        return None;
    }
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

/// Clients count, and leaf nodes of the server.
fn is_counted(core: &Core, sub: &Sub) -> bool {
    match sub.receiver {
        Receiver::Client(_) => true,
        Receiver::Shadow { of, .. } => is_counted(core, core.sub(of)),
        Receiver::Leaf { end, .. } => core
            .conn(end)
            .and_then(|conn| conn.leaf.as_deref())
            .is_some_and(|leaf| !leaf.is_spoke),
        _ => false,
    }
}

/// Subscriptions of clients that get messages of a literal subject, or that lie within a wildcard
/// subject.
fn count(context: &mut Context<'_>, account: AccountId, wanted: &str, queue: Option<&[u8]>) -> i64 {
    let wanted = wanted.as_bytes();
    let server = context.server;
    if !subject::has_wildcard(wanted) {
        let found = context.core.look_up(server, account, wanted);
        let groups = found.queues.iter().flat_map(|group| &group.members);
        let subs: Vec<SubId> = match queue {
            None => found.plain.iter().chain(groups).copied().collect(),
            Some(_) => groups.copied().collect(),
        };
        let core = &*context.core;
        let subs = subs.into_iter().map(|id| core.sub(id));
        return subs
            .filter(|sub| sub.server == server && is_counted(context.core, sub))
            .filter(|sub| queue.is_none_or(|queue| sub.queue() == Some(queue)))
            .count() as i64;
    }
    let subs = context.core.subs_of(server).map(|(_, sub)| sub);
    subs.filter(|sub| sub.account == account)
        .filter(|sub| is_counted(context.core, sub))
        .filter(|sub| queue.is_none_or(|queue| sub.queue().unwrap_or_default() == queue))
        .filter(|sub| subject::is_subset(sub.subject(), wanted))
        .count() as i64
}
