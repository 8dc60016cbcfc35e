//! `$SYS.REQ.USER.<account>.INFO`, which clients reach as `$SYS.REQ.USER.INFO`: who the asking user
//! is, and what it may do.
//!
//! Who asks stands in the `Nats-Request-Info` header that the import of the service adds; without
//! one the answer names nobody. The payload is not looked at.

use nats_mock_protocol::events::ClientInfo;
use nats_mock_protocol::headers;
use nats_mock_protocol::monitor::{Permissions, ResponsePermission, SubjectPermission, UserInfo};
use nats_mock_protocol::time::Nanos;

use super::registry::{Endpoint, Scope};
use super::requests::Answer;
use super::system::Context;
use crate::core::{ConnId, Time};
use crate::topology;
use crate::version::Feature;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("INFO", Scope::User, |context, call| {
    // Another server looks after its own users.
    let asks_here = |id| {
        let conn = context.core.conn(id);
        conn.is_some_and(|conn| conn.server == context.server)
    };
    if !call.from.is_some_and(asks_here) {
        return Answer::Silence;
    }
    let asking = headers::get(call.header, "Nats-Request-Info")
        .and_then(|json| serde_json::from_slice::<ClientInfo>(json).ok())
        .unwrap_or_default();
    let names = context.server().profile.has(Feature::UserInfoNames);
    let conn = call.from.and_then(|id| context.core.conn(id));
    let identity = conn.and_then(|conn| conn.identity.clone());
    let label = conn.map(|conn| context.core.account_label(conn.account).to_owned());
    let left = |until: Time| until.nanos_since(context.core.now()).max(0);
    let info = UserInfo {
        account_name: label
            .filter(|_| names && !asking.acc.is_empty())
            .unwrap_or_default(),
        user_name: identity
            .as_ref()
            .filter(|_| names)
            .map(|identity| identity.name.to_string())
            .unwrap_or_default(),
        expires: Nanos(
            identity
                .and_then(|identity| identity.expires)
                .map_or(0, left),
        ),
        user: asking.user,
        account: asking.acc,
        permissions: call.from.and_then(|id| permissions(context, id)),
        ..UserInfo::default()
    };
    call.data(context, info)
});

fn permissions(context: &mut Context<'_>, id: ConnId) -> Option<Permissions> {
    let granted = context.core.conn(id)?.rights.as_ref()?.granted();
    let names_queues = context.server().profile.has(Feature::QueuesOfPermissions);
    let mut permissions = Permissions {
        publish: Some(listed(granted.publish.as_ref(), true)),
        subscribe: Some(listed(granted.subscribe.as_ref(), names_queues)),
        responses: granted
            .allow_responses
            .as_ref()
            .map(|responses| ResponsePermission {
                max: responses.max_msgs,
                ttl: Nanos(responses.expires.map_or(-1, |ttl| ttl.as_nanos() as i64)),
                ..ResponsePermission::default()
            }),
        ..Permissions::default()
    };
    let lists = &mut context.state.lists;
    for side in [&mut permissions.publish, &mut permissions.subscribe] {
        let side = side.as_mut()?;
        lists.shuffle(&mut side.allow);
        lists.shuffle(&mut side.deny);
    }
    Some(permissions)
}

fn listed(
    permission: Option<&topology::SubjectPermission>,
    names_queues: bool,
) -> SubjectPermission {
    let Some(permission) = permission else {
        return SubjectPermission::default();
    };
    let shown = |entries: &[String]| {
        let subject = |entry: &String| match entry.split_once(' ') {
            Some((subject, _)) if !names_queues => subject.to_owned(),
            _ => entry.clone(),
        };
        entries.iter().map(subject).collect()
    };
    SubjectPermission {
        allow: shown(permission.allow.as_deref().unwrap_or_default()),
        deny: shown(&permission.deny),
        ..SubjectPermission::default()
    }
}
