//! `$SYS.REQ.SERVER.PING.SUBSZ` and `$SYS.REQ.SERVER.<id>.SUBSZ`: subscriptions and the figures of
//! their lists.

use nats_mock_protocol::monitor::{SubDetail, SublistStats, Subsz, SubszOptions};
use nats_mock_protocol::subject;

use super::registry::{Endpoint, Scope};
use super::requests::Answer;
use super::system::Context;
use crate::core::{Core, Receiver, ServerId, Sub};

/// Entries on a page when the request does not say.
pub(super) const DEFAULT_LIMIT: i64 = 1024;

pub(super) const ENDPOINT: Endpoint = Endpoint {
    name: "SUBSZ",
    scope: Scope::Server,
    answers_without_reply: false,
    answer: |context, call| {
        let options = match call.options::<SubszOptions>(context, |options| &options.filter) {
            Ok(options) => options,
            Err(answer) => return answer,
        };
        match subsz(context, &options) {
            Ok(subsz) => Answer::data(context, subsz),
            Err(text) => Answer::failed(context, text),
        }
    },
};

fn subsz(context: &Context<'_>, options: &SubszOptions) -> Result<Subsz, String> {
    let core = &*context.core;
    let server = context.server;
    if !options.test.is_empty() && !is_literal(&options.test) {
        return Err(format!(
            "invalid test subject, must be valid publish subject: {}",
            options.test
        ));
    }
    let mut subsz = Subsz {
        server_id: core.server(server).id.to_string(),
        now: core.utc(core.now()),
        offset: options.offset.max(0),
        limit: if options.limit > 0 {
            options.limit
        } else {
            DEFAULT_LIMIT
        },
        ..Subsz::default()
    };
    subsz.set_stats(&list_stats(core, &options.account));
    if options.subscriptions {
        let details: Vec<SubDetail> = core
            .subs()
            .filter(|sub| sub.server == server)
            .filter(|sub| {
                options.account.is_empty() || *core.account(sub.account).name == options.account
            })
            .filter(|sub| {
                options.test.is_empty() || subject::matches(sub.subject(), options.test.as_bytes())
            })
            .map(|sub| detail(core, sub))
            .collect();
        subsz.total = details.len() as i64;
        subsz.subscriptions_list = page(details, subsz.offset, subsz.limit);
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
pub(super) fn list_stats(core: &Core, account: &str) -> SublistStats {
    let lists = core
        .accounts()
        .filter(|(_, listed)| account.is_empty() || *listed.name == *account)
        .map(|(_, listed)| listed.subs.stats());
    let mut total = SublistStats::default();
    let (mut hits, mut fanout) = (0, 0);
    for list in lists {
        total.num_subscriptions += u64::from(list.subscriptions);
        total.num_cache += u64::from(list.cached);
        total.num_inserts += list.inserts;
        total.num_removes += list.removes;
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
fn detail(core: &Core, sub: &Sub) -> SubDetail {
    let account = core.account(sub.account);
    SubDetail {
        account: account.name.to_string(),
        account_tag: account.name.to_string(),
        cid: owner(core, sub),
        ..sub_detail(sub.subject(), sub.queue(), sub.sid(), sub.matched, sub.max)
    }
}

pub(super) fn sub_detail(
    subject: &[u8],
    queue: Option<&[u8]>,
    sid: &[u8],
    matched: u64,
    max: u64,
) -> SubDetail {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    SubDetail {
        subject: text(subject),
        qgroup: queue.map(text).unwrap_or_default(),
        sid: text(sid),
        msgs: matched as i64,
        max: max as i64,
        ..SubDetail::default()
    }
}

/// The cid of the client, or internal client, that a subscription belongs to.
fn owner(core: &Core, sub: &Sub) -> u64 {
    let internal =
        |server: ServerId| core.account(sub.account).on_server[server.0 as usize].internal_cid;
    match sub.receiver {
        Receiver::Client(id) => core.conn(id).map_or(0, |conn| conn.cid),
        Receiver::Service(_) => crate::core::SYSTEM_CLIENT_CID,
        Receiver::Import(_) | Receiver::ImportReplies => internal(sub.server),
    }
}
