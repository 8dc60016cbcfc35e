//! `$SYS.REQ.SERVER.PING.ROUTEZ` and `$SYS.REQ.SERVER.<id>.ROUTEZ`: routes to the other servers of
//! the cluster.

use nats_mock_protocol::monitor::{RouteInfo, Routez, RoutezOptions, SubDetail, SubjectPermission};
use nats_mock_protocol::time::{GoDuration, Uptime};

use super::registry::{Endpoint, Scope};
use super::subsz::text;
use super::system::Context;
use crate::core::{RouteView, compression};
use crate::topology::{self, RoutePermissions, ServerSpec};
use crate::version::Feature;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("ROUTEZ", Scope::Server, |context, call| {
    call.answer(context, |context, options: RoutezOptions| {
        Ok(routez(context, &options))
    })
});

/// What the simulation has for the way to another server and back.
pub(super) const ROUND_TRIP: GoDuration = GoDuration(250_000);

fn routez(context: &Context<'_>, options: &RoutezOptions) -> Routez {
    let server = context.server();
    let names_itself = server.profile.has(Feature::RoutezOfUnnamedServers);
    let routes = context.core.routes(context.server);
    let permissions = permissions(&server.spec);
    Routez {
        server_id: server.id.to_string(),
        server_name: match &server.spec.name {
            None if names_itself => server.name.to_string(),
            configured => configured.clone().unwrap_or_default(),
        },
        now: context.utc_now(),
        import: side(permissions.and_then(|it| it.import.as_ref())),
        export: side(permissions.and_then(|it| it.export.as_ref())),
        num_routes: routes.len() as i64,
        routes: routes
            .iter()
            .map(|route| route_info(context, route, options))
            .collect(),
        ..Routez::default()
    }
}

fn route_info(context: &Context<'_>, route: &RouteView, options: &RoutezOptions) -> RouteInfo {
    let core = &*context.core;
    let peer = core.server(route.peer);
    let now = core.now();
    let wall_clock = &context.server().wall_clock;
    let lists_subjects = options.subscriptions && !options.subscriptions_detail;
    let subscriptions = || subscriptions(context, route);
    let permissions = permissions(&peer.spec);
    RouteInfo {
        rid: route.rid,
        remote_id: peer.id.to_string(),
        remote_name: peer.name.to_string(),
        did_solicit: route.did_solicit,
        is_configured: route.is_configured,
        ip: peer.address().to_owned(),
        port: core.route_port(context.server, route),
        start: wall_clock.local(route.start),
        last_activity: wall_clock.local(route.last),
        rtt: ROUND_TRIP,
        uptime: Uptime::from_nanos(now.nanos_since(route.start)),
        idle: Uptime::from_nanos(now.nanos_since(route.last)),
        import: side(permissions.and_then(|it| it.import.as_ref())),
        export: side(permissions.and_then(|it| it.export.as_ref())),
        in_msgs: route.received.msgs as i64,
        out_msgs: route.sent.msgs as i64,
        in_bytes: route.received.bytes as i64,
        out_bytes: route.sent.bytes as i64,
        subscriptions: route
            .carries
            .iter()
            .map(|&account| core.told_count(account, route.peer, context.server))
            .sum(),
        subscriptions_list: if lists_subjects {
            subscriptions().into_iter().map(|sub| sub.subject).collect()
        } else {
            Vec::new()
        },
        subscriptions_list_detail: if options.subscriptions_detail {
            subscriptions()
        } else {
            Vec::new()
        },
        account: route
            .account
            .map(|account| context.account_name(account))
            .unwrap_or_default(),
        compression: compression(
            &context.server().route_compression(),
            &peer.route_compression(),
        )
        .to_owned(),
        ..RouteInfo::default()
    }
}

/// What the configuration of a server says of what may cross its routes. Its peers are told.
fn permissions(spec: &ServerSpec) -> Option<&RoutePermissions> {
    spec.cluster.as_ref()?.permissions.as_ref()
}

fn side(permission: Option<&topology::SubjectPermission>) -> Option<SubjectPermission> {
    permission.map(|permission| SubjectPermission {
        allow: permission.allow.clone().unwrap_or_default(),
        deny: permission.deny.clone(),
        ..SubjectPermission::default()
    })
}

/// What the other server has subscribed to by a route.
fn subscriptions(context: &Context<'_>, route: &RouteView) -> Vec<SubDetail> {
    let core = &*context.core;
    let mut all = Vec::new();
    for &account in &route.carries {
        let name = context.account_name(account);
        for told in core.told_subjects_to(account, route.peer, context.server) {
            let (subject, queue) = (told.subject, told.queue);
            let mut sid = match told.origin {
                Some(origin) => format!("L {} ", text(origin)),
                None => "R ".to_owned(),
            };
            if route.account.is_none() {
                sid.push_str(&name);
                sid.push(' ');
            }
            sid.push_str(&text(subject));
            if !queue.is_empty() {
                sid.push(' ');
                sid.push_str(&text(queue));
            }
            all.push(SubDetail {
                subject: text(subject),
                qgroup: text(queue),
                sid,
                cid: route.rid,
                msgs: core.sent_for(account, &told, context.server, route.peer) as i64,
                ..SubDetail::default()
            });
        }
    }
    all
}
