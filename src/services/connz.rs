//! `$SYS.REQ.SERVER.PING.CONNZ`, `$SYS.REQ.SERVER.<id>.CONNZ` and
//! `$SYS.REQ.ACCOUNT.<account>.CONNZ`: open and closed connections.

use std::cmp::Reverse;

use nats_mock_protocol::monitor::{ConnState, Connz, ConnzOptions, Reply};
use nats_mock_protocol::subject;
use serde::{Serialize, Serializer};

use super::conn_info::{ClosedDetails, Listed, conn_info};
use super::registry::{Endpoint, Scope};
use super::requests::{Answer, Call, Refusal};
use super::subsz::{DEFAULT_LIMIT, page};
use super::system::Context;
use crate::core::{AccountId, ClosedConn, Conn, Core, Server};
use crate::version::Feature;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("CONNZ", Scope::Server, |context, call| {
    answer(context, call, call.options(context))
});

/// The account of the subject takes the place of the one in the options.
pub(super) const ACCOUNT_ENDPOINT: Endpoint =
    Endpoint::new("CONNZ", Scope::Account, |context, call| {
        let acc = call.token(3).to_owned();
        let options = call.options(context);
        answer(context, call, options.map(|it| ConnzOptions { acc, ..it }))
    });

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

fn check(options: &ConnzOptions) -> Result<(), String> {
    let sort = sort(options);
    if !SORTS.contains(&sort) {
        return Err(format!("invalid sorting option: {sort}"));
    }
    if matches!(sort, "stop" | "reason") && options.state != ConnState::CLOSED {
        return Err(format!("sort by {sort} only valid on closed connections"));
    }
    if filter(options).is_some() && options.acc.is_empty() {
        return Err("filter by subject only valid with account filtering".to_owned());
    }
    Ok(())
}

/// The order that is asked for.
fn sort(options: &ConnzOptions) -> &str {
    match options.sort.as_str() {
        "" => "cid",
        sort => sort,
    }
}

/// The subject that is filtered by.
fn filter(options: &ConnzOptions) -> Option<&[u8]> {
    let filter = options.filter_subject.as_str();
    (!matches!(filter, "" | ">")).then_some(filter.as_bytes())
}

fn answer(
    context: &mut Context<'_>,
    call: &Call<'_>,
    options: Result<ConnzOptions, Refusal>,
) -> Answer {
    let options = options.and_then(|options| check(&options).map(|()| options).map_err(Into::into));
    let options = match options {
        Ok(options) => options,
        Err(refusal) => return refusal.with_empty_data(context),
    };
    let profile = context.server().profile;
    let envelope = context.envelope();
    call.reply(profile, &Reply::ok(envelope, connz(context, &options)))
}

fn connz<'a>(context: &'a mut Context<'_>, options: &'a ConnzOptions) -> Connz<Page<'a>> {
    let core = &*context.core;
    let server = core.server(context.server);
    let mut connz = Connz {
        now: server.wall_clock.utc(core.now()),
        offset: options.offset.max(0),
        limit: match options.limit {
            _ if options.cid > 0 => 1,
            given if given > 0 => given,
            _ => DEFAULT_LIMIT,
        },
        ..Connz::default()
    };
    let account = match context.account_named(&options.acc) {
        None if !options.acc.is_empty() => return connz,
        found => found,
    };
    connz.server_id = server.id.to_string();
    let all = Candidates::of(core, server, account, options.state);
    connz.total = (all.open.len() + all.closed.len()) as i64;
    let Candidates { mut open, closed } = if options.cid > 0 {
        all.with_cid(core, server, options)
    } else {
        all.with_user(server, options)
    };
    if let Some(filter) = filter(options) {
        open.retain(|conn| listens_to(core, conn, filter));
    }
    if options.subscriptions_detail && !options.subscriptions && !options.auth {
        context.state.closed_details.show(server, &closed);
    }
    let open = open.into_iter().map(Listed::Open);
    let mut listed: Vec<Listed<'_>> = open.chain(closed.into_iter().map(Listed::Closed)).collect();
    let sort = sort(options);
    if sort != "cid" && sort != "start" {
        context.state.lists.shuffle(&mut listed);
    }
    sort_by(core, &mut listed, sort);
    let listed = page(listed, connz.offset, connz.limit);
    connz.num_connections = listed.len() as i64;
    connz.connections = Some(Page {
        core,
        server,
        options,
        closed_details: &context.state.closed_details,
        listed,
    });
    connz
}

/// The connections of a page. What is shown of each is gathered when it is written and forgotten
/// before the next: that of thousands at once does not fit into the processor's caches.
struct Page<'a> {
    core: &'a Core,
    server: &'a Server,
    options: &'a ConnzOptions,
    closed_details: &'a ClosedDetails,
    listed: Vec<Listed<'a>>,
}

impl Serialize for Page<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Page {
            core,
            server,
            options,
            closed_details,
            ..
        } = *self;
        let show = |&entry| conn_info(core, server, entry, options, closed_details);
        serializer.collect_seq(self.listed.iter().map(show))
    }
}

/// Connections that may be listed.
struct Candidates<'a> {
    open: Vec<&'a Conn>,
    closed: Vec<&'a ClosedConn>,
}

impl<'a> Candidates<'a> {
    /// The connections of an account, or all, in a state.
    fn of(
        core: &'a Core,
        server: &'a Server,
        account: Option<AccountId>,
        state: ConnState,
    ) -> Self {
        let of_account = |id: AccountId| account.is_none_or(|account| account == id);
        let wants_open = state == ConnState::OPEN || state == ConnState::ALL;
        let wants_closed = state == ConnState::CLOSED || state == ConnState::ALL;
        let lists_leafs = account.is_some() || server.profile.has(Feature::LeafsInConnz);
        let leafs = server.leafs.values().filter(|_| lists_leafs);
        let open = server.clients.values().chain(leafs).filter(|_| wants_open);
        let closed = server.closed.iter().filter(|_| wants_closed);
        Self {
            open: open
                .filter_map(|&id| core.conn(id))
                .filter(|conn| of_account(conn.account))
                .collect(),
            // Connections of the global account have no account once they are closed.
            closed: closed
                .filter(|conn| {
                    of_account(conn.client.account)
                        && (account.is_none() || conn.client.account != server.global)
                })
                .collect(),
        }
    }

    /// The one connection with the cid that is asked for. What else the options ask of it, older
    /// releases do not look at.
    fn with_cid(self, core: &'a Core, server: &'a Server, options: &ConnzOptions) -> Self {
        let profile = server.profile;
        let looks_among_open = options.state == ConnState::OPEN
            || (options.state == ConnState::ALL && profile.has(Feature::CidOfAnyState));
        let open = if profile.has(Feature::CidHeedsFilters) {
            let mut open = self.open.iter();
            open.find(|conn| {
                conn.cid == options.cid && is_meant(server, Listed::Open(conn), options)
            })
            .copied()
        } else {
            let clients = &server.clients;
            let id = clients
                .get(&options.cid)
                .or_else(|| server.leafs.get(&options.cid));
            id.and_then(|&id| core.conn(id))
        };
        let open: Vec<_> = open.filter(|_| looks_among_open).into_iter().collect();
        let closed = self
            .closed
            .into_iter()
            .find(|conn| conn.client.cid == options.cid)
            .filter(|conn| open.is_empty() && is_meant(server, Listed::Closed(conn), options));
        Self {
            open,
            closed: closed.into_iter().collect(),
        }
    }

    fn with_user(mut self, server: &Server, options: &ConnzOptions) -> Self {
        self.open
            .retain(|&conn| is_meant(server, Listed::Open(conn), options));
        self.closed
            .retain(|&conn| is_meant(server, Listed::Closed(conn), options));
        self
    }
}

/// Whether a connection has the user and the MQTT client that are asked for.
fn is_meant(server: &Server, entry: Listed<'_>, options: &ConnzOptions) -> bool {
    // Nothing here speaks MQTT.
    options.mqtt_client.is_empty()
        && (options.user.is_empty() || entry.user(server) == options.user)
}

fn listens_to(core: &Core, conn: &Conn, filter: &[u8]) -> bool {
    conn.subs
        .iter()
        .any(|&sub| subject::collides(filter, core.sub(sub).subject()))
}

fn sort_by(core: &Core, listed: &mut [Listed<'_>], sort: &str) {
    match sort {
        "subs" => listed.sort_by_key(|entry| Reverse(entry.subscriptions())),
        "pending" => listed.sort_by_key(|entry| Reverse(entry.pending())),
        "msgs_to" => listed.sort_by_key(|entry| Reverse(entry.sent_to_client().msgs)),
        "msgs_from" => listed.sort_by_key(|entry| Reverse(entry.sent_by_client().msgs)),
        "bytes_to" => listed.sort_by_key(|entry| Reverse(entry.sent_to_client().bytes)),
        "bytes_from" => listed.sort_by_key(|entry| Reverse(entry.sent_by_client().bytes)),
        "last" => listed.sort_by_key(|entry| Reverse(entry.last())),
        // The longest idle comes first, and the youngest.
        "idle" => listed.sort_by_key(|entry| entry.last()),
        "uptime" => listed.sort_by_key(|entry| entry.end(core).nanos_since(entry.start())),
        "stop" => listed.sort_by_key(|entry| Reverse(entry.end(core))),
        "reason" => listed.sort_by_key(|entry| entry.reason()),
        "rtt" => listed.sort_by_key(|entry| Reverse(entry.rtt())),
        _ => listed.sort_by_key(|entry| entry.cid()),
    }
}
