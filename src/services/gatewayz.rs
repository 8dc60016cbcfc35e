//! `$SYS.REQ.SERVER.PING.GATEWAYZ` and `$SYS.REQ.SERVER.<id>.GATEWAYZ`: connections to other
//! clusters.

use std::collections::BTreeMap;

use nats_mock_protocol::monitor::{
    AccountGatewayz, ConnInfo, Gatewayz, GatewayzOptions, RemoteGatewayz, SubDetail,
};
use nats_mock_protocol::time::Uptime;

use super::registry::{Endpoint, Scope};
use super::routez::ROUND_TRIP;
use super::subsz::text;
use super::system::Context;
use crate::core::{
    AccountId, ClusterId, Core, InboundGateway, OutboundGateway, ServerId, Time, Traffic,
};

pub(super) const ENDPOINT: Endpoint = Endpoint::new("GATEWAYZ", Scope::Server, |context, call| {
    call.answer(context, |context, options: GatewayzOptions| {
        Ok(gatewayz(context, &options))
    })
});

/// Subjects without interest after which only interest counts. Servers that know interest at once, as
/// all of these do, show it and have no use for it.
const INTEREST_ONLY_THRESHOLD: i64 = 1000;

fn gatewayz(context: &mut Context<'_>, options: &GatewayzOptions) -> Gatewayz {
    let server = context.server;
    let mut gatewayz = Gatewayz {
        server_id: context.server_id(),
        now: context.utc_now(),
        ..Gatewayz::default()
    };
    let Some(gateway) = context.server().spec.gateway.clone() else {
        return gatewayz;
    };
    if !gateway.is_listening() {
        return gatewayz;
    }
    gatewayz.name = gateway.name.unwrap_or_default();
    gatewayz.host = gateway.host.unwrap_or_else(|| "0.0.0.0".to_owned());
    gatewayz.port = gateway.port.unwrap_or_default();
    let outbound = context.core.outbound_gateways(server);
    let inbound = context.core.inbound_gateways(server);
    let core = &*context.core;
    let is_meant = |cluster| options.name.is_empty() || cluster_name(core, cluster) == options.name;
    let own_accounts = asked(context, options, server);
    let outbound: BTreeMap<String, RemoteGatewayz> = outbound
        .iter()
        .filter(|gateway| is_meant(gateway.cluster))
        .map(|gateway| {
            let name = cluster_name(core, gateway.cluster);
            // The other side tells of its accounts, whether or not they are known here.
            let accounts = asked(context, options, gateway.peer);
            (
                name,
                outbound_entry(core, server, gateway, &accounts, options),
            )
        })
        .collect();
    // A name that leads nowhere gives no list at all.
    gatewayz.outbound_gateways =
        (options.name.is_empty() || !outbound.is_empty()).then_some(outbound);
    for gateway in inbound.iter().filter(|gateway| is_meant(gateway.cluster)) {
        let name = cluster_name(core, gateway.cluster);
        let entries = gatewayz.inbound_gateways.entry(name).or_default();
        entries.push(inbound_entry(core, server, gateway, &own_accounts));
    }
    gatewayz
}

pub(super) fn cluster_name(core: &Core, cluster: ClusterId) -> String {
    let name = core.cluster(cluster).name.as_deref();
    name.unwrap_or_default().to_owned()
}

/// Those of the accounts of a server that are asked for.
fn asked(context: &Context<'_>, options: &GatewayzOptions, server: ServerId) -> Vec<AccountId> {
    let known = context.core.server(server).accounts().iter().copied();
    if options.account_name.is_empty() {
        return known.filter(|_| options.accounts).collect();
    }
    let named = context.account_named(&options.account_name);
    known.filter(|&account| Some(account) == named).collect()
}

fn outbound_entry(
    core: &Core,
    server: ServerId,
    gateway: &OutboundGateway,
    accounts: &[AccountId],
    options: &GatewayzOptions,
) -> RemoteGatewayz {
    let peer = core.server(gateway.peer);
    let known = peer.accounts().iter();
    let connection = ConnInfo {
        cid: gateway.cid,
        port: peer.gateway_port().unwrap_or_default(),
        out_msgs: gateway.sent.msgs as i64,
        out_bytes: gateway.sent.bytes as i64,
        subscriptions: known
            .map(|&account| core.told_by_cluster(account, gateway.cluster).len() as u64)
            .sum(),
        ..connection(core, server, gateway.peer, gateway.start, gateway.last)
    };
    RemoteGatewayz {
        configured: gateway.is_configured,
        connection: Some(Box::new(connection)),
        accounts: accounts
            .iter()
            .map(|&account| {
                let told = core.told_by_cluster(account, gateway.cluster);
                let details = told.iter().map(|&(subject, queue)| SubDetail {
                    subject: text(subject),
                    qgroup: text(queue),
                    cid: gateway.cid,
                    ..SubDetail::default()
                });
                let mut entry = AccountGatewayz {
                    num_subs: told.len() as i64,
                    num_queue_subs: told.iter().filter(|(_, queue)| !queue.is_empty()).count()
                        as i64,
                    ..account_entry(core, account)
                };
                if options.subscriptions {
                    entry.subscriptions_list = details.map(|sub| sub.subject).collect();
                } else if options.subscriptions_detail {
                    entry.subscriptions_list_detail = details.collect();
                }
                entry
            })
            .collect(),
        ..RemoteGatewayz::default()
    }
}

fn inbound_entry(
    core: &Core,
    server: ServerId,
    gateway: &InboundGateway,
    accounts: &[AccountId],
) -> RemoteGatewayz {
    let Traffic { msgs, bytes } = gateway.received;
    let connection = ConnInfo {
        cid: gateway.cid,
        port: core.port_of(gateway.peer, gateway.cid + u64::from(server.0)),
        in_msgs: msgs as i64,
        in_bytes: bytes as i64,
        ..connection(core, server, gateway.peer, gateway.start, gateway.last)
    };
    RemoteGatewayz {
        connection: Some(Box::new(connection)),
        accounts: accounts
            .iter()
            .map(|&account| account_entry(core, account))
            .collect(),
        ..RemoteGatewayz::default()
    }
}

fn connection(core: &Core, server: ServerId, peer: ServerId, start: Time, last: Time) -> ConnInfo {
    let now = core.now();
    let peer = core.server(peer);
    let wall_clock = &core.server(server).wall_clock;
    ConnInfo {
        kind: "Gateway".to_owned(),
        ip: peer.address().to_owned(),
        start: wall_clock.local(start),
        last_activity: wall_clock.local(last),
        rtt: Some(ROUND_TRIP),
        uptime: Uptime::from_nanos(now.nanos_since(start)),
        idle: Uptime::from_nanos(now.nanos_since(last)),
        name: peer.id.to_string(),
        ..ConnInfo::default()
    }
}

fn account_entry(core: &Core, account: AccountId) -> AccountGatewayz {
    AccountGatewayz {
        name: core.account(account).name.to_string(),
        interest_mode: "Interest-Only".to_owned(),
        interest_only_threshold: INTEREST_ONLY_THRESHOLD,
        ..AccountGatewayz::default()
    }
}
