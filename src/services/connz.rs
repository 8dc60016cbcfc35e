//! `$SYS.REQ.SERVER.PING.CONNZ`, `$SYS.REQ.SERVER.<id>.CONNZ` and
//! `$SYS.REQ.ACCOUNT.<account>.CONNZ`: open and closed connections.

use std::cmp::Reverse;

use nats_mock_protocol::monitor::{ConnInfo, ConnState, Connz, ConnzOptions, SubDetail};
use nats_mock_protocol::subject;
use nats_mock_protocol::time::{GoDuration, Uptime};

use super::connections::shown_rtt;
use super::registry::{Endpoint, Scope};
use super::requests::Answer;
use super::subsz::{DEFAULT_LIMIT, page, sub_detail};
use super::system::Context;
use crate::core::{AccountId, ClientSnapshot, ClosedConn, Conn, Core, SubId, Time};

pub(super) const ENDPOINT: Endpoint = Endpoint {
    name: "CONNZ",
    scope: Scope::Server,
    answers_without_reply: false,
    answer: |context, call| match call.options(context, |options: &ConnzOptions| &options.filter) {
        Ok(options) => answer(context, &options),
        Err(answer) => answer,
    },
};

/// The account of the subject takes the place of the one in the options.
pub(super) const ACCOUNT_ENDPOINT: Endpoint = Endpoint {
    name: "CONNZ",
    scope: Scope::Account,
    answers_without_reply: false,
    answer: |context, call| match call.options(context, |options: &ConnzOptions| &options.filter) {
        Ok(options) => {
            let acc = call.token(3).to_owned();
            answer(context, &ConnzOptions { acc, ..options })
        }
        Err(answer) => answer,
    },
};

fn answer(context: &mut Context<'_>, options: &ConnzOptions) -> Answer {
    match connz(context, options) {
        Ok(connz) => Answer::data(context, connz),
        Err(text) => Answer::failed(context, text),
    }
}

const SORTS: [&str; 14] = [
    "cid",
    "start",
    "subs",
    "pending",
    "msgs_to",
    "msgs_from",
    "bytes_to",
    "bytes_from",
    "last",
    "idle",
    "uptime",
    "stop",
    "reason",
    "rtt",
];

/// An entry before it is shown, with what it may be sorted by.
struct Entry<'a> {
    client: ClientSnapshot,
    last: Time,
    last_in_utc: bool,
    stop: Option<Time>,
    reason: &'static str,
    pending: usize,
    stalls: u64,
    port: u16,
    subscriptions: Subscriptions<'a>,
}

enum Subscriptions<'a> {
    Open(Vec<SubId>),
    Closed(&'a ClosedConn),
}

impl Subscriptions<'_> {
    fn len(&self) -> usize {
        match self {
            Subscriptions::Open(subs) => subs.len(),
            Subscriptions::Closed(conn) => conn.subscriptions.len(),
        }
    }
}

fn connz(context: &Context<'_>, options: &ConnzOptions) -> Result<Connz, String> {
    let sort = if options.sort.is_empty() {
        "cid"
    } else {
        options.sort.as_str()
    };
    let closed_only = options.state == ConnState::CLOSED;
    if !SORTS.contains(&sort) {
        return Err(format!("invalid sorting option: {sort}"));
    }
    if matches!(sort, "stop" | "reason") && !closed_only {
        return Err(format!("sort by {sort} only valid on closed connections"));
    }
    let filter = options.filter_subject.as_str();
    let filters_subject = !filter.is_empty() && filter != ">";
    if filters_subject && options.acc.is_empty() {
        return Err("filter by subject only valid with account filtering".to_owned());
    }
    let core = &*context.core;
    let server = context.server();
    let mut limit = match options.limit {
        given if given > 0 => given,
        _ => DEFAULT_LIMIT,
    };
    if options.cid > 0 {
        limit = 1;
    }
    let mut connz = Connz {
        now: core.utc(core.now()),
        offset: options.offset.max(0),
        limit,
        ..Connz::default()
    };
    let account = match core.account_named(&options.acc) {
        None if !options.acc.is_empty() => return Ok(connz),
        found => found,
    };
    connz.server_id = server.id.to_string();
    let of_account = |id: AccountId| account.is_none_or(|account| account == id);
    let wants_open = options.state == ConnState::OPEN || options.state == ConnState::ALL;
    let wants_closed = closed_only || options.state == ConnState::ALL;
    let open: Vec<&Conn> = server
        .clients
        .values()
        .filter(|_| wants_open)
        .filter_map(|&id| core.conn(id))
        .filter(|conn| of_account(conn.account))
        .collect();
    // Connections of the global account have no account once they are closed.
    let closed: Vec<&ClosedConn> = server
        .closed
        .iter()
        .filter(|_| wants_closed)
        .filter(|conn| {
            of_account(conn.client.account)
                && (account.is_none() || conn.client.account != server.global)
        })
        .collect();
    connz.total = (open.len() + closed.len()) as i64;
    let mut entries: Vec<Entry<'_>> = open
        .into_iter()
        .filter(|conn| {
            !filters_subject
                || options.cid > 0
                || conn
                    .subs
                    .iter()
                    .any(|&sub| subject::collides(filter.as_bytes(), core.sub(sub).subject()))
        })
        .map(|conn| open_entry(core, conn))
        .chain(closed.into_iter().map(closed_entry))
        .filter(|entry| options.cid == 0 || entry.client.cid == options.cid)
        .filter(|entry| {
            options.user.is_empty() || entry.client.user.as_deref() == Some(&options.user)
        })
        .filter(|_| options.mqtt_client.is_empty())
        .collect();
    sort_entries(&mut entries, sort);
    let shown = page(entries, connz.offset, connz.limit);
    connz.num_connections = shown.len() as i64;
    let show = |entry| conn_info(context, entry, options);
    connz.connections = Some(shown.into_iter().map(show).collect());
    Ok(connz)
}

fn open_entry<'a>(core: &Core, conn: &Conn) -> Entry<'a> {
    let mut subs: Vec<SubId> = conn.subs.iter().copied().collect();
    subs.sort_unstable();
    Entry {
        client: core.snapshot(conn),
        last: conn.last,
        last_in_utc: conn.last_in_utc(),
        stop: None,
        reason: "",
        pending: conn.pending(),
        stalls: conn.stalls,
        port: conn.peer.port,
        subscriptions: Subscriptions::Open(subs),
    }
}

fn closed_entry(conn: &ClosedConn) -> Entry<'_> {
    Entry {
        client: conn.client.clone(),
        last: conn.last,
        last_in_utc: conn.last_in_utc,
        stop: Some(conn.stop),
        reason: conn.reason.as_str(),
        pending: conn.pending,
        stalls: conn.stalls,
        port: conn.port,
        subscriptions: Subscriptions::Closed(conn),
    }
}

fn sort_entries(entries: &mut [Entry<'_>], sort: &str) {
    entries.sort_by_key(|entry| entry.client.cid);
    let to = |entry: &Entry<'_>| entry.client.received;
    let from = |entry: &Entry<'_>| entry.client.sent;
    match sort {
        "subs" => entries.sort_by_key(|entry| Reverse(entry.subscriptions.len())),
        "pending" => entries.sort_by_key(|entry| Reverse(entry.pending)),
        "msgs_to" => entries.sort_by_key(|entry| Reverse(to(entry).msgs)),
        "msgs_from" => entries.sort_by_key(|entry| Reverse(from(entry).msgs)),
        "bytes_to" => entries.sort_by_key(|entry| Reverse(to(entry).bytes)),
        "bytes_from" => entries.sort_by_key(|entry| Reverse(from(entry).bytes)),
        "last" => entries.sort_by_key(|entry| Reverse(entry.last)),
        // The longest idle comes first, and the youngest.
        "idle" => entries.sort_by_key(|entry| entry.last),
        "uptime" => entries.sort_by_key(|entry| Reverse(entry.client.start)),
        "stop" => entries.sort_by_key(|entry| Reverse(entry.stop)),
        "reason" => entries.sort_by_key(|entry| entry.reason),
        "rtt" => entries.sort_by_key(|entry| Reverse(entry.client.rtt)),
        _ => {}
    }
}

fn conn_info(context: &Context<'_>, entry: Entry<'_>, options: &ConnzOptions) -> ConnInfo {
    let core = &*context.core;
    let now = core.now();
    let client = &entry.client;
    let account = core.account(client.account).name.to_string();
    let shows_account = options.auth && client.account != context.server().global;
    let mut info = ConnInfo {
        cid: client.cid,
        kind: "Client".to_owned(),
        client_type: "nats".to_owned(),
        ip: client.host.to_string(),
        port: entry.port,
        start: core.local(client.start),
        last_activity: if entry.last_in_utc {
            core.utc(entry.last)
        } else {
            core.local(entry.last)
        },
        stop: entry.stop.map(|stop| core.local(stop)),
        reason: entry.reason.to_owned(),
        rtt: Some(GoDuration(shown_rtt(client.rtt))),
        uptime: Uptime::from_nanos(entry.stop.unwrap_or(now).nanos_since(client.start)),
        idle: Uptime::from_nanos(entry.stop.unwrap_or(now).nanos_since(entry.last)),
        pending_bytes: entry.pending as i64,
        in_msgs: client.sent.msgs as i64,
        out_msgs: client.received.msgs as i64,
        in_bytes: client.sent.bytes as i64,
        out_bytes: client.received.bytes as i64,
        stalls: entry.stalls as i64,
        subscriptions: entry.subscriptions.len() as u64,
        name: client.name.to_string(),
        lang: client.lang.to_string(),
        version: client.version.to_string(),
        ..ConnInfo::default()
    };
    if options.auth {
        info.authorized_user = client.user.as_deref().unwrap_or_default().to_owned();
    }
    if shows_account {
        info.account.clone_from(&account);
    }
    // An open connection's tag is shown in the global account as well.
    if shows_account || (options.auth && entry.stop.is_none()) {
        info.name_tag.clone_from(&account);
    }
    if options.subscriptions || options.subscriptions_detail {
        let details = details(core, &entry, &account);
        if options.subscriptions_detail {
            info.subscriptions_list_detail = details;
        } else {
            info.subscriptions_list = details.into_iter().map(|sub| sub.subject).collect();
        }
    }
    info
}

/// The subscriptions of a connection. Those of closed ones tell their account.
fn details(core: &Core, entry: &Entry<'_>, account: &str) -> Vec<SubDetail> {
    let cid = entry.client.cid;
    match &entry.subscriptions {
        Subscriptions::Open(subs) => subs
            .iter()
            .map(|&sub| core.sub(sub))
            .map(|sub| SubDetail {
                cid,
                ..sub_detail(sub.subject(), sub.queue(), sub.sid(), sub.matched, sub.max)
            })
            .collect(),
        Subscriptions::Closed(conn) => conn
            .subscriptions
            .iter()
            .map(|sub| SubDetail {
                cid,
                account: account.to_owned(),
                account_tag: account.to_owned(),
                ..sub_detail(
                    &sub.subject,
                    sub.queue.as_deref(),
                    &sub.sid,
                    sub.matched,
                    sub.max,
                )
            })
            .collect(),
    }
}
