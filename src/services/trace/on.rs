//! The spans and events. Their names, levels and fields are described where the crate describes its
//! features.

use std::fmt;
use std::sync::Arc;

use nats_mock_protocol::wire::ClientBatch;
use tracing::span::EnteredSpan;
use tracing::{Level, event, trace_span};

use crate::core::{ClientSnapshot, ConnId, Core, Fate, LinkChange, Notice, ServerId};
use crate::services::happening::Manner;
use crate::services::outbox::Draft;

const TARGET: &str = "nats_mock";

/// Text that a peer may have sent.
struct Lossy<'a>(&'a [u8]);

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0))
    }
}

/// Everything that comes of a batch happens within it.
pub(in crate::services) fn batch(core: &Core, id: ConnId, batch: &ClientBatch) -> EnteredSpan {
    let conn = || core.conn(id);
    trace_span!(
        target: TARGET,
        "batch",
        server = conn().map(|conn| &*core.server(conn.server).name),
        cid = conn().map(|conn| conn.cid),
        ops = batch.len(),
    )
    .entered()
}

/// What became of connections, servers and links.
pub(in crate::services) fn notice(core: &Core, notice: &Notice) {
    match notice {
        Notice::Connected { server, client, .. } => connection(core, *server, client, "connected"),
        Notice::Disconnected {
            server,
            client,
            reason,
            ..
        } => connection(core, *server, client, reason.as_str()),
        Notice::AuthFailed {
            server,
            client,
            reason,
            ..
        } => connection(core, *server, client, reason.as_str()),
        Notice::Started { server } => life(core, *server, "started"),
        Notice::LameDuck { server } => life(core, *server, "lame duck"),
        Notice::Fate { server, fate } => {
            let change = match fate {
                Fate::Stopped => "stopped",
                Fate::Crashed => "crashed",
                Fate::Frozen => "frozen",
                Fate::Thawed => "thawed",
                Fate::ClockSet(_) => "clock set",
            };
            life(core, *server, change);
        }
        Notice::Link { from, to, change } => {
            let change = match change {
                LinkChange::Cut => "cut",
                LinkChange::Blocked => "blocked",
                LinkChange::Slowed(_) => "slowed",
                LinkChange::Healed => "healed",
                LinkChange::GivenUp => "given up",
            };
            event!(
                name: "link",
                target: TARGET,
                Level::INFO,
                from = &*core.server(*from).name,
                to = &*core.server(*to).name,
                change,
            );
        }
        _ => {}
    }
}

fn life(core: &Core, server: ServerId, change: &str) {
    event!(
        name: "server",
        target: TARGET,
        Level::INFO,
        server = &*core.server(server).name,
        change,
    );
}

fn connection(core: &Core, server: ServerId, client: &ClientSnapshot, change: &str) {
    event!(
        name: "connection",
        target: TARGET,
        Level::DEBUG,
        server = &*core.server(server).name,
        cid = client.cid,
        account = &*core.account(client.account).name,
        user = client.user.as_deref(),
        change,
    );
}

/// An answer or an event on its way out, or kept from it.
pub(in crate::services) fn said(
    core: &Core,
    server: ServerId,
    draft: &Draft<'_>,
    Manner { is_said, faults }: Manner<'_>,
) {
    if let Some(request) = draft.request {
        event!(
            name: "answer",
            target: TARGET,
            Level::DEBUG,
            server = &*core.server(server).name,
            request = %Lossy(&request.subject),
            bytes = draft.payload.len(),
            is_said,
            faults = faults.len(),
        );
    } else if draft.reply.is_empty() {
        event!(
            name: "event",
            target: TARGET,
            Level::DEBUG,
            server = &*core.server(server).name,
            subject = %Lossy(draft.subject),
            account = &*core.account(draft.account).name,
            bytes = draft.payload.len(),
            is_said,
            faults = faults.len(),
        );
    }
}

/// What is armed and has acted on something that was to be said.
pub(in crate::services) fn hits(
    core: &Core,
    server: ServerId,
    draft: &Draft<'_>,
    hits: &[Arc<str>],
) {
    let subject = draft
        .request
        .map_or(draft.subject, |request| &*request.subject);
    for fault in hits {
        event!(
            name: "hit",
            target: TARGET,
            Level::INFO,
            server = &*core.server(server).name,
            subject = %Lossy(subject),
            fault = &**fault,
        );
    }
}
