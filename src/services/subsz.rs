//! `$SYS.REQ.SERVER.PING.SUBSZ`, `$SYS.REQ.SERVER.<id>.SUBSZ` and
//! `$SYS.REQ.ACCOUNT.<account>.SUBSZ`: subscriptions and the figures of their lists.

use nats_mock_protocol::monitor::{SubDetail, SublistStats, Subsz, SubszOptions};
use nats_mock_protocol::subject;

use super::registry::{Endpoint, Scope};
use super::requests::Refusal;
use super::system::Context;
use crate::core::{Core, Receiver, ServerId, Sub, SubId};
use crate::version::Feature;

/// Entries on a page when the request does not say.
pub(super) const DEFAULT_LIMIT: i64 = 1024;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("SUBSZ", Scope::Server, |context, call| {
    call.answer(context, |context, options: SubszOptions| {
        subsz(context, &options)
    })
});

/// Subscriptions of one account; they are always listed.
pub(super) const ACCOUNT_ENDPOINT: Endpoint =
    Endpoint::new("SUBSZ", Scope::Account, |context, call| {
        call.answer(context, |context, mut options: SubszOptions| {
            options.subscriptions = true;
            options.account = call.token(3).to_owned();
            subsz(context, &options)
        })
    });

fn subsz(context: &mut Context<'_>, options: &SubszOptions) -> Result<Subsz, Refusal> {
    let core = &*context.core;
    let server = context.server;
    let profile = core.server(server).profile;
    if !options.test.is_empty() && !is_literal(&options.test) {
        return Err(format!(
            "invalid test subject, must be valid publish subject: {}",
            options.test
        )
        .into());
    }
    let mut subsz = Subsz {
        server_id: core.server(server).id.to_string(),
        now: core.server(server).wall_clock.utc(core.now()),
        offset: options.offset.max(0),
        limit: if options.limit > 0 {
            options.limit
        } else {
            DEFAULT_LIMIT
        },
        ..Subsz::default()
    };
    subsz.set_stats(&list_stats(core, server, &options.account));
    if options.subscriptions {
        let mut found: Vec<(SubId, &Sub)> = core
            .subs_of(server)
            .filter(|(_, sub)| !matches!(sub.receiver, Receiver::Leaf { .. }))
            .filter(|(_, sub)| {
                options.account.is_empty() || *core.account(sub.account).name == options.account
            })
            .filter(|(_, sub)| {
                options.test.is_empty() || subject::matches(sub.subject(), options.test.as_bytes())
            })
            .collect();
        context.state.lists.shuffle(&mut found);
        let all = found.len();
        let shown = page(found, subsz.offset, subsz.limit);
        let counts_all = profile.has(Feature::AllSubszCounted);
        subsz.total = if counts_all { all } else { shown.len() } as i64;
        subsz.subscriptions_list = shown
            .into_iter()
            .map(|(id, sub)| detail(core, server, id, sub))
            .collect();
    }
    Ok(subsz)
}

fn is_literal(text: &str) -> bool {
    subject::is_valid(text.as_bytes()) && subject::is_valid_publish(text.as_bytes())
}

/// One page of a list.
pub(super) fn page<T>(list: Vec<T>, offset: i64, limit: i64) -> Vec<T> {
    let skipped = usize::try_from(offset).unwrap_or(0);
    let taken = usize::try_from(limit).unwrap_or(0);
    list.into_iter().skip(skipped).take(taken).collect()
}

/// The figures of one account's list, or of all lists together.
pub(super) fn list_stats(core: &Core, server: ServerId, account: &str) -> SublistStats {
    let lists = core
        .accounts_of(server)
        .filter(|(_, listed)| account.is_empty() || *listed.name == *account);
    let known = core.known_subscriptions_of(lists.clone().map(|(id, _)| id), server);
    let mut total = SublistStats {
        num_subscriptions: known.len(),
        num_inserts: known.inserts,
        num_removes: known.removes,
        ..SublistStats::default()
    };
    let (mut hits, mut fanout) = (0, 0);
    for list in lists.map(|(id, _)| core.list_stats(id, server)) {
        total.num_cache += u64::from(list.cached);
        total.num_matches += list.matches;
        total.max_fanout = total.max_fanout.max(u64::from(list.max_fanout));
        hits += list.cache_hits;
        fanout += list.total_fanout;
    }
    total.cache_hit_rate = ratio(hits, total.num_matches);
    total.avg_fanout = ratio(fanout, total.num_cache);
    total
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// A subscription as SUBSZ shows it, with its account.
fn detail(core: &Core, server: ServerId, id: SubId, sub: &Sub) -> SubDetail {
    // Who listens by way of an import is shown with the account that imports.
    let owner_of = match sub.receiver {
        Receiver::Shadow { of, .. } => core.sub(of),
        _ => sub,
    };
    let account = core.account(owner_of.account);
    let matched = core.matched(id, server);
    SubDetail {
        account: account.name.to_string(),
        account_tag: core
            .server(server)
            .profile
            .account_tag(account.tag.as_deref().unwrap_or(&account.name)),
        cid: owner(core, server, sub),
        ..sub_detail(sub.subject(), sub.queue(), sub.sid(), matched, sub.max)
    }
}

pub(super) fn sub_detail(
    subject: &[u8],
    queue: Option<&[u8]>,
    sid: &[u8],
    matched: u64,
    max: u64,
) -> SubDetail {
    SubDetail {
        subject: text(subject),
        qgroup: queue.map(text).unwrap_or_default(),
        sid: text(sid),
        msgs: matched as i64,
        max: max as i64,
        ..SubDetail::default()
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The cid of the client, or internal client, that a subscription belongs to.
fn owner(core: &Core, server: ServerId, sub: &Sub) -> u64 {
    match sub.receiver {
        Receiver::Client(id) => core.conn(id).map_or(0, |conn| conn.cid),
        Receiver::Shadow { of, .. } => owner(core, server, core.sub(of)),
        Receiver::Service(_) => crate::core::SYSTEM_CLIENT_CID,
        Receiver::MadeUp(_)
        | Receiver::Import(_)
        | Receiver::ImportReplies
        | Receiver::Callout(_) => core.server(server).internal_cid(sub.account),
        Receiver::Leaf { end, .. } => core.conn(end).map_or(0, |conn| conn.cid),
    }
}
