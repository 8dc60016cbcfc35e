//! Connections that begin, end and are refused:
//!
//! - `$SYS.ACCOUNT.<account>.CONNECT`
//! - `$SYS.ACCOUNT.<account>.DISCONNECT`
//! - `$SYS.SERVER.<id>.CLIENT.AUTH.ERR`
//! - `$SYS.ACCOUNT.<account>.LEAFNODE.CONNECT`
//! - `$SYS.ACCOUNT.CLIENT.AUTH.ERR`, in the account that the connection was bound to
//!
//! Whether clients of the global account are reported depends on the version.

use nats_mock_protocol::events::{ClientInfo, Connect, DataStats, Disconnect, LeafNodeConnect};
use nats_mock_protocol::time::{Nanos, Timestamp};

use super::system::Context;
use crate::core::{AccountId, AuthAudience, ClientSnapshot, CloseReason, ConnKind, Time, Traffic};
use crate::version::Feature;

pub(super) fn connected(context: &mut Context<'_>, client: &ClientSnapshot, at: Time) {
    let profile = context.server().profile;
    let is_hidden = client.kind == ConnKind::LeafToHub && !profile.has(Feature::LeafConnectEvent);
    if is_hidden || !is_reported(context, client.account) {
        return;
    }
    let account = context.account_name(client.account);
    let event = Connect {
        id: context.next_event_id(),
        timestamp: context.server().wall_clock.utc(at),
        client: client_info(context, client),
        server: context.envelope(),
        ..Connect::default()
    };
    context.publish(&format!("$SYS.ACCOUNT.{account}.CONNECT"), &event);
}

pub(super) fn disconnected(
    context: &mut Context<'_>,
    client: &ClientSnapshot,
    reason: CloseReason,
    at: Time,
) {
    if !is_reported(context, client.account) {
        return;
    }
    let account = context.account_name(client.account);
    let at = context.server().wall_clock.local(at);
    let event = ending(context, client, reason.as_str(), at);
    context.publish(&format!("$SYS.ACCOUNT.{account}.DISCONNECT"), &event);
}

/// Tells the other clusters of a leaf node, so that they begin to tell what they listen to.
pub(super) fn leaf_accepted(context: &mut Context<'_>, account: AccountId) {
    if context.state.silent {
        return;
    }
    let name = context.account_name(account);
    let event = LeafNodeConnect {
        server: context.envelope(),
        acc: name.clone(),
        ..LeafNodeConnect::default()
    };
    context.publish(&format!("$SYS.ACCOUNT.{name}.LEAFNODE.CONNECT"), &event);
}

pub(super) fn refused(
    context: &mut Context<'_>,
    client: &ClientSnapshot,
    audience: AuthAudience,
    words: &str,
    at: Time,
) {
    if context.state.silent {
        return;
    }
    let at = context.server().wall_clock.utc(at);
    let mut event = ending(context, client, words, at);
    match audience {
        AuthAudience::System => {
            let subject = format!("$SYS.SERVER.{}.CLIENT.AUTH.ERR", context.server_id());
            context.publish(&subject, &event);
        }
        AuthAudience::Account(account) => {
            event.client.acc = context.account_name(account);
            context.publish_in(account, "$SYS.ACCOUNT.CLIENT.AUTH.ERR", "", &event);
        }
    }
}

fn is_reported(context: &Context<'_>, account: AccountId) -> bool {
    let server = context.server();
    !context.state.silent
        && (account != server.global || server.profile.has(Feature::GlobalAccountEvents))
}

fn ending(
    context: &mut Context<'_>,
    client: &ClientSnapshot,
    reason: &str,
    at: Timestamp,
) -> Disconnect {
    Disconnect {
        id: context.next_event_id(),
        timestamp: at,
        client: ClientInfo {
            rtt: Nanos(shown_rtt(client.rtt)),
            stop: Some(at),
            ..client_info(context, client)
        },
        sent: data_stats(client.sent),
        received: data_stats(client.received),
        reason: reason.to_owned(),
        server: context.envelope(),
        ..Disconnect::default()
    }
}

fn client_info(context: &Context<'_>, client: &ClientSnapshot) -> ClientInfo {
    let account = match client.kind {
        ConnKind::StrangeLeaf => "N/A".to_owned(),
        _ => context.account_name(client.account),
    };
    ClientInfo {
        start: Some(if client.kind.is_leaf() {
            context.server().wall_clock.utc(client.start)
        } else {
            context.server().wall_clock.local(client.start)
        }),
        host: client.host.to_string(),
        id: client.cid,
        user: client.user.as_deref().unwrap_or_default().to_owned(),
        name: client.name.to_string(),
        lang: client.lang.to_string(),
        ver: client.version.to_string(),
        issuer_key: client
            .identity
            .as_ref()
            .map(|identity| identity.issuer_key.to_string())
            .unwrap_or_default(),
        jwt: client.jwt.to_string(),
        name_tag: match client.kind {
            ConnKind::StrangeLeaf => String::new(),
            _ => context.name_tag(client),
        },
        tags: client
            .identity
            .as_ref()
            .map(|identity| identity.tags.clone())
            .unwrap_or_default(),
        kind: client.kind.name().to_owned(),
        client_type: client.kind.client_type().to_owned(),
        acc: account,
        ..ClientInfo::default()
    }
}

/// Round trips between a microsecond and a millisecond are cut to whole microseconds.
pub(super) fn shown_rtt(nanos: i64) -> i64 {
    if (1_001..1_000_000).contains(&nanos) {
        nanos / 1_000 * 1_000
    } else {
        nanos
    }
}

pub(super) fn data_stats(traffic: Traffic) -> DataStats {
    DataStats::new(traffic.msgs as i64, traffic.bytes as i64)
}
