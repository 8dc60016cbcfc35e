//! `$SYS.REQ.SERVER.PING.LEAFZ`, `$SYS.REQ.SERVER.<id>.LEAFZ` and
//! `$SYS.REQ.ACCOUNT.<account>.LEAFZ`: leaf node connections, with leaf nodes and with hubs.

use nats_mock_protocol::monitor::{LeafInfo, Leafz, LeafzOptions};
use nats_mock_protocol::time::GoDuration;

use super::registry::{Endpoint, Scope};
use super::requests::{Answer, Call};
use super::subsz::text;
use super::system::Context;
use crate::core::{Conn, Core, Leaf, Server};
use crate::version::Feature;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("LEAFZ", Scope::Server, |context, call| {
    answer(context, call, None)
});

/// The account of the subject takes the place of the one in the options.
pub(super) const ACCOUNT_ENDPOINT: Endpoint =
    Endpoint::new("LEAFZ", Scope::Account, |context, call| {
        let account = call.token(3).to_owned();
        answer(context, call, Some(account))
    });

fn answer(context: &mut Context<'_>, call: &Call<'_>, account: Option<String>) -> Answer {
    call.answer(context, |context, options: LeafzOptions| {
        let account = account.unwrap_or_else(|| options.account.clone());
        Ok(leafz(context, &options, &account))
    })
}

fn leafz(context: &mut Context<'_>, options: &LeafzOptions, account: &str) -> Leafz {
    let core = &*context.core;
    let mut leafs: Vec<LeafInfo> = core
        .leafs(context.server)
        .filter(|(conn, _)| account.is_empty() || *core.account(conn.account).name == *account)
        .map(|(conn, leaf)| leaf_info(core, context.server(), conn, leaf, options))
        .collect();
    context.state.lists.shuffle(&mut leafs);
    Leafz {
        server_id: context.server_id(),
        now: context.utc_now(),
        leafnodes: leafs.len() as i64,
        leafs,
        ..Leafz::default()
    }
}

fn leaf_info(
    core: &Core,
    server: &Server,
    conn: &Conn,
    leaf: &Leaf,
    options: &LeafzOptions,
) -> LeafInfo {
    let lists = options.subscriptions;
    LeafInfo {
        id: server.profile.since(Feature::LeafIds, conn.cid),
        name: core.server(leaf.peer).name.to_string(),
        is_spoke: leaf.is_spoke,
        is_isolated: leaf.is_isolated,
        account: core.account(conn.account).name.to_string(),
        ip: conn.peer.host.to_string(),
        port: conn.peer.port,
        rtt: GoDuration(conn.rtt),
        in_msgs: conn.received.msgs as i64,
        out_msgs: conn.sent.msgs as i64,
        in_bytes: conn.received.bytes as i64,
        out_bytes: conn.sent.bytes as i64,
        subscriptions: conn.subs.len() as u64,
        subscriptions_list: conn
            .subs
            .iter()
            .filter(|_| lists)
            .map(|&id| text(core.sub(id).subject()))
            .collect(),
        compression: leaf.compression.to_owned(),
        ..LeafInfo::default()
    }
}
