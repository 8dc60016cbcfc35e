//! `$SYS.SERVER.<id>.STATSZ`: a server's statistics as a heartbeat, and as the answer to
//! `$SYS.REQ.SERVER.PING`, `$SYS.REQ.SERVER.PING.STATSZ` and `$SYS.REQ.SERVER.<id>.STATSZ`.
//!
//! The answer, too, is not sent when nobody listens for it.
//!
//! The heartbeat comes a quarter of a second after the start, then at intervals that double up to
//! ten seconds, at most once a second. A server on its own keeps quiet while nobody listens.

use std::time::Duration;

use nats_mock_protocol::events::{
    GatewayStat, RouteStat, ServerStats, ServerStatsMsg, SlowConsumersStats, StaleConnectionStats,
};
use nats_mock_protocol::monitor::StatszOptions;

use super::connections::data_stats;
use super::gatewayz::cluster_name;
use super::peers;
use super::registry::{Endpoint, Scope};
use super::requests::{Answer, Call};
use super::system::Context;
use crate::core::{
    Core, OutboundGateway, Receiver, RouteView, Server, ServerId, ServiceTimer, Time,
};
use crate::version::Feature;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);
const RATE_LIMIT: Duration = Duration::from_secs(1);
const TAG: u64 = 0;

/// With more peers than this, what a heartbeat says of each route is left out as long as only the peers
/// hear it: it would be a million lines for a thousand servers, of which nobody reads one.
const MANY_PEERS: usize = 64;

pub(super) const ENDPOINT: Endpoint =
    Endpoint::new("STATSZ", Scope::Server, answer).also_without_reply();

/// The older subject for all servers.
pub(super) const PING_ENDPOINT: Endpoint =
    Endpoint::new("STATSZ", Scope::At("$SYS.REQ.SERVER.PING"), answer).also_without_reply();

/// The heartbeat's rhythm.
#[derive(Debug, Default)]
pub(super) struct StatszTimer {
    interval: Duration,
    last: Option<Time>,
    timer: Option<ServiceTimer>,
}

pub(super) fn start(context: &mut Context<'_>) {
    context.state.statsz.interval = FIRST;
    schedule(context, context.core.now() + FIRST);
}

fn schedule(context: &mut Context<'_>, at: Time) {
    if let Some(running) = context.state.statsz.timer.take() {
        context.core.cancel_service_timer(running);
    }
    let timer = context.core.set_service_timer(context.server, at, TAG);
    context.state.statsz.timer = Some(timer);
}

pub(super) fn heartbeat(context: &mut Context<'_>) {
    if context.state.silent {
        return;
    }
    let interval = (context.state.statsz.interval * 2).min(LONGEST);
    context.state.statsz.interval = interval;
    schedule(context, context.core.now() + interval);
    broadcast(context);
}

/// Tells how it is out of turn, because a server has been heard of that does not know this one.
pub(super) fn introduce(context: &mut Context<'_>) {
    if !context.state.silent {
        broadcast(context);
    }
}

fn broadcast_subject(context: &Context<'_>) -> String {
    format!("$SYS.SERVER.{}.STATSZ", context.server_id())
}

/// Sends the statistics to whoever listens to them.
fn broadcast(context: &mut Context<'_>) {
    let subject = broadcast_subject(context);
    let has_links = context.server().spec.has_links();
    if is_too_soon(context) || !(has_links || has_listeners(context, subject.as_bytes())) {
        return;
    }
    let peers = context.core.reached_from(context.server).len();
    let lists_links = peers <= MANY_PEERS || has_listeners(context, subject.as_bytes());
    let message = message(context, lists_links);
    context.core.note_heartbeat(context.server);
    context.publish(&subject, &message);
    context.state.peers.introduced = true;
}

/// Whether the latest broadcast was a moment ago; the next one then comes as soon as it may.
fn is_too_soon(context: &mut Context<'_>) -> bool {
    let now = context.core.now();
    let statsz = &mut context.state.statsz;
    let limit = RATE_LIMIT.min(statsz.interval);
    match statsz.last {
        Some(last) if now - last < limit => {
            schedule(context, last + limit);
            true
        }
        _ => {
            statsz.last = Some(now);
            false
        }
    }
}

/// Without a reply subject the answer goes to everybody who listens to the heartbeat.
fn answer(context: &mut Context<'_>, call: &Call<'_>) -> Answer {
    let options = call.options::<StatszOptions>(context);
    let subject = broadcast_subject(context);
    // Whoever wants to be answered there gets a broadcast, too.
    let reply = call.reply.filter(|reply| *reply != subject.as_bytes());
    if call.reply.is_none() && context.server().profile.has(Feature::StatszOnDemand) {
        context.state.statsz.last = None;
    }
    match (options, reply) {
        (Err(refusal), reply) => {
            if let Answer::Message { payload, .. } = refusal.without_data(context) {
                let to = reply.unwrap_or(subject.as_bytes());
                context.respond(call.request, to, &payload, false);
            }
            Answer::Silence
        }
        (Ok(_), None) => {
            broadcast(context);
            Answer::Silence
        }
        (Ok(_), Some(reply)) if has_listeners(context, reply) => {
            Answer::raw(&message(context, true))
        }
        (Ok(_), Some(_)) => Answer::Silence,
    }
}

fn message(context: &mut Context<'_>, lists_links: bool) -> ServerStatsMsg {
    ServerStatsMsg {
        statsz: stats(context, lists_links),
        server: context.envelope(),
        ..ServerStatsMsg::default()
    }
}

fn stats(context: &Context<'_>, lists_links: bool) -> ServerStats {
    let (core, id) = (&*context.core, context.server);
    let routes = if lists_links {
        core.routes(id)
    } else {
        Vec::new()
    };
    let server = core.server(id);
    let machine = &server.spec.machine;
    let profile = server.profile;
    let slow = server.slow_consumers;
    let (stale, stalled) = profile
        .since(
            Feature::StaleConnections,
            (all_stale(server), server.stalled_clients),
        )
        .unwrap_or_default();
    ServerStats {
        start: server.wall_clock.local(server.start),
        mem: machine.mem,
        cores: machine.cores,
        cpu: machine.cpu,
        connections: server.clients.len() as i64,
        total_connections: server.total_connections,
        active_accounts: active_accounts(core, id),
        subscriptions: total_subscriptions(core, id),
        sent: data_stats(server.sent),
        sent_to_clients: profile.since(Feature::ClientTraffic, data_stats(server.sent_to_clients)),
        received: data_stats(server.received),
        received_from_clients: profile.since(
            Feature::ClientTraffic,
            data_stats(server.received_from_clients),
        ),
        slow_consumers: slow as i64,
        slow_consumer_stats: (slow > 0 && profile.has(Feature::SlowConsumerStats)).then(|| {
            SlowConsumersStats {
                clients: slow,
                ..SlowConsumersStats::default()
            }
        }),
        stale_connections: stale as i64,
        stale_connection_stats: (stale > 0).then(|| stale_stats(server)),
        stalled_clients: stalled as i64,
        routes: routes.iter().map(|route| route_stat(core, route)).collect(),
        gateways: if lists_links {
            gateway_stats(core, id)
        } else {
            Vec::new()
        },
        active_servers: peers::active_servers(core, &context.state.peers, id),
        gomemlimit: machine.mem_limit,
        gomaxprocs: profile
            .since(Feature::MaxProcs, machine.max_procs())
            .unwrap_or_default(),
        ..ServerStats::default()
    }
}

/// Connections that did not answer.
pub(super) fn all_stale(server: &Server) -> u64 {
    let links = server.stale_links;
    server.stale_connections + links.routes + links.gateways
}

pub(super) fn stale_stats(server: &Server) -> StaleConnectionStats {
    StaleConnectionStats {
        clients: server.stale_connections,
        routes: server.stale_links.routes,
        gateways: server.stale_links.gateways,
        ..StaleConnectionStats::default()
    }
}

fn route_stat(core: &Core, route: &RouteView) -> RouteStat {
    RouteStat {
        rid: route.rid,
        name: core.server(route.peer).name.to_string(),
        sent: data_stats(route.sent),
        received: data_stats(route.received),
        ..RouteStat::default()
    }
}

fn gateway_stats(core: &Core, id: ServerId) -> Vec<GatewayStat> {
    let outbound = core.outbound_gateways(id);
    if outbound.is_empty() {
        return Vec::new();
    }
    let inbound = core.inbound_peers(id);
    let stat = |gateway: &OutboundGateway| {
        let (received, connections) = core.received_by_gateway(&inbound, id, gateway.cluster);
        GatewayStat {
            gwid: gateway.cid,
            name: cluster_name(core, gateway.cluster),
            sent: data_stats(gateway.sent),
            received: data_stats(received),
            inbound_connections: connections as i64,
            ..GatewayStat::default()
        }
    };
    outbound.iter().map(stat).collect()
}

/// Accounts with a connection. The system account always has one, the server's own.
fn active_accounts(core: &Core, server: ServerId) -> i64 {
    let system = core.server(server).system;
    core.accounts_of(server)
        .filter(|(id, account)| {
            let here = account.on_server(server);
            Some(*id) == system || !here.clients.is_empty() || !here.leafs.is_empty()
        })
        .count() as i64
}

pub(super) fn total_subscriptions(core: &Core, server: ServerId) -> u64 {
    let accounts = core.server(server).accounts().iter().copied();
    core.known_subscriptions_of(accounts, server).len()
}

/// Whether anybody but the services listens to `subject`.
fn has_listeners(context: &mut Context<'_>, subject: &[u8]) -> bool {
    let found = context.core.matches(context.system, subject);
    !found.queues.is_empty()
        || found
            .plain
            .iter()
            .any(|&sub| !matches!(context.core.sub(sub).receiver, Receiver::Service(_)))
}
