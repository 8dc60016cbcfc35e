//! One connection as CONNZ shows it.

use std::collections::BTreeSet;

use nats_mock_protocol::monitor::{ConnInfo, ConnzOptions, SubDetail, TlsPeerCert};
use nats_mock_protocol::time::{GoDuration, Uptime};

use super::connections::shown_rtt;
use super::labels::name_tag;
use super::subsz::{sub_detail, text};
use crate::core::{
    ClosedConn, Conn, ConnKind, Core, Identity, Server, SubId, Time, TlsSession, Traffic,
};
use crate::version::Feature;

/// A connection that may be listed.
#[derive(Clone, Copy)]
pub(super) enum Listed<'a> {
    Open(&'a Conn),
    Closed(&'a ClosedConn),
}

impl<'a> Listed<'a> {
    pub fn cid(self) -> u64 {
        match self {
            Listed::Open(conn) => conn.cid,
            Listed::Closed(conn) => conn.client.cid,
        }
    }

    pub fn kind(self) -> ConnKind {
        match self {
            Listed::Open(conn) if conn.leaf.is_some() => ConnKind::LeafOfHub,
            Listed::Open(conn) if conn.peer.websocket.is_some() => ConnKind::Websocket,
            Listed::Open(_) => ConnKind::Client,
            Listed::Closed(conn) => conn.client.kind,
        }
    }

    /// The user it gave, as `server` shows it.
    pub fn user(self, server: &Server) -> &'a str {
        match self {
            Listed::Open(conn) => server.user_of(conn),
            Listed::Closed(conn) => conn.client.user.as_deref(),
        }
        .unwrap_or_default()
    }

    pub fn identity(self) -> Option<&'a Identity> {
        match self {
            Listed::Open(conn) => conn.identity.as_deref(),
            Listed::Closed(conn) => conn.client.identity.as_deref(),
        }
    }

    pub fn jwt(self) -> &'a str {
        match self {
            Listed::Open(conn) => &conn.options.jwt,
            Listed::Closed(conn) => &conn.client.jwt,
        }
    }

    pub fn start(self) -> Time {
        match self {
            Listed::Open(conn) => conn.start,
            Listed::Closed(conn) => conn.client.start,
        }
    }

    pub fn last(self) -> Time {
        match self {
            Listed::Open(conn) => conn.last,
            Listed::Closed(conn) => conn.last,
        }
    }

    /// When it was closed; now, if it is open.
    pub fn end(self, core: &Core) -> Time {
        match self {
            Listed::Open(_) => core.now(),
            Listed::Closed(conn) => conn.stop,
        }
    }

    pub fn reason(self) -> &'static str {
        match self {
            Listed::Open(_) => "",
            Listed::Closed(conn) => conn.reason.as_str(),
        }
    }

    pub fn rtt(self) -> i64 {
        match self {
            Listed::Open(conn) => conn.rtt,
            Listed::Closed(conn) => conn.client.rtt,
        }
    }

    pub fn pending(self) -> usize {
        match self {
            Listed::Open(conn) => conn.pending(),
            Listed::Closed(conn) => conn.pending,
        }
    }

    pub fn subscriptions(self) -> usize {
        match self {
            Listed::Open(conn) => conn.subs.len(),
            Listed::Closed(conn) => conn.subscriptions.len(),
        }
    }

    pub fn tls(self) -> Option<&'a TlsSession> {
        match self {
            Listed::Open(conn) => conn.tls_session(),
            Listed::Closed(conn) => conn.tls.as_deref(),
        }
    }

    pub fn sent_by_client(self) -> Traffic {
        match self {
            Listed::Open(conn) => conn.received,
            Listed::Closed(conn) => conn.client.sent,
        }
    }

    pub fn sent_to_client(self) -> Traffic {
        match self {
            Listed::Open(conn) => conn.sent,
            Listed::Closed(conn) => conn.client.received,
        }
    }
}

/// Closed connections whose subscriptions have been shown in detail. Releases before 2.14 forget to
/// take the details out again, so that they are part of every later reply.
#[derive(Debug, Default)]
pub(super) struct ClosedDetails(BTreeSet<u64>);

impl ClosedDetails {
    pub fn show(&mut self, server: &Server, closed: &[&ClosedConn]) {
        if server.profile.has(Feature::ClosedDetailsNotKept) {
            return;
        }
        let remembered: BTreeSet<u64> = server.closed.iter().map(|conn| conn.client.cid).collect();
        self.0.retain(|cid| remembered.contains(cid));
        self.0.extend(closed.iter().map(|conn| conn.client.cid));
    }

    fn contains(&self, cid: u64) -> bool {
        self.0.contains(&cid)
    }
}

pub(super) fn conn_info(
    core: &Core,
    server: &Server,
    entry: Listed<'_>,
    options: &ConnzOptions,
    closed_details: &ClosedDetails,
) -> ConnInfo {
    let profile = server.profile;
    let (name, lang, version, host, port, last_in_utc, stalls) = match entry {
        Listed::Open(conn) => (
            conn.options.name.as_str(),
            conn.options.lang.as_str(),
            conn.options.version.as_str(),
            &conn.peer.host,
            conn.peer.port,
            conn.last_in_utc(),
            conn.stalls,
        ),
        Listed::Closed(conn) => (
            &*conn.client.name,
            &*conn.client.lang,
            &*conn.client.version,
            &conn.client.host,
            conn.port,
            conn.last_in_utc,
            conn.stalls,
        ),
    };
    let end = entry.end(core);
    let kind = entry.kind();
    let shown = |time| {
        if kind.is_leaf() {
            server.wall_clock.utc(time)
        } else {
            server.wall_clock.local(time)
        }
    };
    let mut info = ConnInfo {
        cid: entry.cid(),
        kind: kind.name().to_owned(),
        client_type: kind.client_type().to_owned(),
        ip: host.to_string(),
        port,
        start: shown(entry.start()),
        last_activity: if last_in_utc {
            server.wall_clock.utc(entry.last())
        } else {
            server.wall_clock.local(entry.last())
        },
        rtt: Some(GoDuration(shown_rtt(entry.rtt()))),
        uptime: Uptime::from_nanos(end.nanos_since(entry.start())),
        idle: Uptime::from_nanos(end.nanos_since(entry.last())),
        pending_bytes: entry.pending() as i64,
        in_msgs: entry.sent_by_client().msgs as i64,
        out_msgs: entry.sent_to_client().msgs as i64,
        in_bytes: entry.sent_by_client().bytes as i64,
        out_bytes: entry.sent_to_client().bytes as i64,
        stalls: profile
            .since(Feature::StaleConnections, stalls as i64)
            .unwrap_or_default(),
        subscriptions: entry.subscriptions() as u64,
        name: name.to_owned(),
        lang: lang.to_owned(),
        version: version.to_owned(),
        ..ConnInfo::default()
    };
    if let Some(session) = entry.tls() {
        info.tls_version = session.version.to_owned();
        info.tls_cipher_suite.clone_from(&session.suite);
        info.tls_first = session.came_first;
        if options.auth && matches!(entry, Listed::Open(_)) {
            info.tls_peer_certs = peer_certificates(server, session);
        }
    }
    if let Listed::Closed(conn) = entry {
        info.stop = Some(server.wall_clock.local(conn.stop));
        info.reason = conn.reason.as_str().to_owned();
    }
    let account_id = match entry {
        Listed::Open(conn) => conn.account,
        Listed::Closed(conn) => conn.client.account,
    };
    let account = &*core.account(account_id).name;
    if options.auth {
        info.authorized_user = entry.user(server).to_owned();
        let identity = entry.identity();
        let is_bearer = identity.is_some_and(|identity| identity.is_bearer);
        if !(is_bearer && profile.has(Feature::BearerTokensHidden)) {
            info.jwt = entry.jwt().to_owned();
        }
        info.tags = entry
            .identity()
            .map(|identity| identity.tags.clone())
            .unwrap_or_default();
        info.issuer_key = entry
            .identity()
            .map(|identity| identity.issuer_key.to_string())
            .unwrap_or_default();
        let shows_account = account_id != server.global;
        if shows_account {
            info.account = account.to_owned();
        }
        // An open connection's tag is shown in the global account as well.
        if shows_account || info.stop.is_none() {
            info.name_tag = name_tag(core, server, account_id, entry.identity());
        }
    }
    let keeps_details = closed_details.contains(entry.cid());
    if options.subscriptions_detail || keeps_details {
        info.subscriptions_list_detail = details(core, server, entry, account);
    }
    if options.subscriptions && !options.subscriptions_detail {
        info.subscriptions_list = match entry {
            Listed::Open(conn) => sorted(conn)
                .map(|id| text(core.sub(id).subject()))
                .collect(),
            Listed::Closed(conn) => conn
                .subscriptions
                .iter()
                .map(|sub| text(&sub.subject))
                .collect(),
        };
    }
    info
}

fn peer_certificates(server: &Server, session: &TlsSession) -> Vec<TlsPeerCert> {
    let in_text = server.profile.has(Feature::SubjectsInText);
    let shown = session.certificates.iter().map(|certificate| TlsPeerCert {
        subject: certificate.subject.shown(in_text),
        spki_sha256: certificate.key_digest.clone(),
        cert_sha256: certificate.digest.clone(),
        ..TlsPeerCert::default()
    });
    shown.collect()
}

/// A connection's subscriptions in the order in which they were made.
fn sorted(conn: &Conn) -> impl Iterator<Item = SubId> {
    let mut subs: Vec<SubId> = conn.subs.iter().copied().collect();
    subs.sort_unstable();
    subs.into_iter()
}

/// The subscriptions of a connection. Those of closed ones tell their account.
fn details(core: &Core, server: &Server, entry: Listed<'_>, account: &str) -> Vec<SubDetail> {
    let cid = entry.cid();
    match entry {
        Listed::Open(conn) => sorted(conn)
            .map(|id| core.sub(id))
            .map(|sub| SubDetail {
                cid,
                ..sub_detail(sub.subject(), sub.queue(), sub.sid(), sub.matched, sub.max)
            })
            .collect(),
        Listed::Closed(conn) => conn
            .subscriptions
            .iter()
            .map(|sub| SubDetail {
                cid,
                account: account.to_owned(),
                account_tag: server
                    .profile
                    .account_tag(core.account_label(conn.client.account)),
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
