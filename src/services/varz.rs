//! `$SYS.REQ.SERVER.PING.VARZ` and `$SYS.REQ.SERVER.<id>.VARZ`: configuration and counters of a
//! server.

use nats_mock_protocol::events::SlowConsumersStats;
use nats_mock_protocol::monitor::{
    ClusterVarz, DenyRules, DiskIoWaitStats, GatewayVarz, LeafNodeVarz, RemoteGatewayVarz,
    RemoteLeafVarz, Varz, VarzOptions, WebsocketVarz,
};
use nats_mock_protocol::time::{Nanos, Timestamp, Uptime};

use super::registry::{Endpoint, Scope};
use super::statsz::{all_stale, stale_stats, total_subscriptions};
use super::system::Context;
use crate::core::Server;
use crate::topology::tls::DEFAULT_TIMEOUT;
use crate::topology::{
    DEFAULT_LEAFNODE_PORT, GLOBAL_ACCOUNT, LeafRemote, RemoteGateway, RemoteUrl, TlsOptions,
    default_auth_timeout,
};
use crate::version::Feature;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("VARZ", Scope::Server, |context, call| {
    call.answer(context, |context, _: VarzOptions| Ok(varz(context)))
});

fn varz(context: &Context<'_>) -> Varz {
    let core = &*context.core;
    let server = context.server();
    let mode = server.operator.as_deref();
    let operators = || mode.into_iter().flat_map(|mode| &mode.operators);
    let (spec, profile) = (&server.spec, server.profile);
    let (limits, timing, machine) = (&spec.limits, &spec.timing, &spec.machine);
    let now = core.now();
    Varz {
        server_id: server.id.to_string(),
        server_name: server.name.to_string(),
        version: profile.version.to_owned(),
        proto: 1,
        git_commit: profile.git_commit.to_owned(),
        go: server.go().to_owned(),
        host: server.shown_host().to_owned(),
        port: i64::from(server.shown_port()),
        auth_required: server.requires_auth(),
        tls_required: server.offer.required,
        tls_verify: server.offer.verify,
        max_connections: limits.max_connections,
        max_subscriptions: i64::from(limits.max_subscriptions),
        ping_interval: Nanos(timing.ping_interval.as_nanos() as i64),
        ping_max: i64::from(timing.ping_max),
        http_host: spec.host.clone(),
        http_base_path: spec.http_base_path.clone(),
        auth_timeout: timing.auth_timeout.as_secs_f64(),
        max_control_line: i64::from(limits.max_control_line),
        max_payload: i64::from(limits.max_payload),
        max_pending: limits.max_pending as i64,
        tls_timeout: timeout_of(spec.tls.as_ref()),
        tls_cert_not_after: not_after(server, spec.tls.as_ref()),
        write_deadline: Nanos(timing.write_deadline.as_nanos() as i64),
        start: server.wall_clock.utc(server.start),
        now: server.wall_clock.utc(now),
        uptime: Uptime::from_nanos(now.nanos_since(server.start)),
        mem: machine.mem,
        cores: machine.cores,
        gomaxprocs: machine.max_procs(),
        gomemlimit: machine.mem_limit,
        cpu: machine.cpu,
        connections: server.clients.len() as i64,
        total_connections: server.total_connections,
        in_msgs: server.received.msgs as i64,
        in_bytes: server.received.bytes as i64,
        in_client_msgs: profile.since(
            Feature::ClientTraffic,
            server.received_from_clients.msgs as i64,
        ),
        in_client_bytes: profile.since(
            Feature::ClientTraffic,
            server.received_from_clients.bytes as i64,
        ),
        out_msgs: server.sent.msgs as i64,
        out_bytes: server.sent.bytes as i64,
        out_client_msgs: profile.since(Feature::ClientTraffic, server.sent_to_clients.msgs as i64),
        out_client_bytes: profile
            .since(Feature::ClientTraffic, server.sent_to_clients.bytes as i64),
        slow_consumers: server.slow_consumers as i64,
        stale_connections: profile.since(Feature::StaleConnections, all_stale(server) as i64),
        stalled_clients: profile.since(Feature::StaleConnections, server.stalled_clients as i64),
        connect_urls: core.connect_urls(context.server),
        ws_connect_urls: core.ws_connect_urls(context.server),
        cluster: cluster(context),
        gateway: gateway(context),
        leaf: leaf(context),
        websocket: websocket(server),
        leafnodes: server.leafs.len() as i64,
        routes: core.routed_peers(context.server).count() as i64
            * core.routes_per_peer(context.server) as i64,
        remotes: core.routed_peers(context.server).count() as i64,
        subscriptions: total_subscriptions(core, context.server),
        config_load_time: server.wall_clock.utc(server.config_load_time),
        config_digest: profile.since(
            Feature::ConfigDigest,
            spec.config_digest.clone().unwrap_or_default(),
        ),
        tags: spec.tags.clone(),
        metadata: spec.metadata.clone(),
        feature_flags: profile.feature_flags(),
        trusted_operators_jwt: operators().map(|token| token.text.to_string()).collect(),
        trusted_operators_claim: operators()
            .filter_map(|token| serde_json::to_value(&token.claims).ok())
            .collect(),
        system_account: context.account_name(context.system),
        slow_consumer_stats: SlowConsumersStats {
            clients: server.slow_consumers,
            ..SlowConsumersStats::default()
        },
        stale_connection_stats: profile.since(Feature::StaleConnections, stale_stats(server)),
        disk_io_wait_stats: profile.since(Feature::DiskWaits, DiskIoWaitStats::default()),
        ..Varz::default()
    }
}

/// How long a handshake may take, in seconds.
fn timeout_of(tls: Option<&TlsOptions>) -> f64 {
    tls.map_or(DEFAULT_TIMEOUT, |tls| tls.timeout).as_secs_f64()
}

/// Until when the certificate of a `tls` block is valid, for releases that show it.
fn not_after(server: &Server, tls: Option<&TlsOptions>) -> Timestamp {
    let seconds = tls.and_then(|tls| tls.not_after);
    let shown = seconds.filter(|_| server.profile.has(Feature::CertificatesExpire));
    shown.map_or(Timestamp::ZERO, |seconds| {
        Timestamp::from_unix_nanos(seconds.saturating_mul(1_000_000_000))
    })
}

/// How long whoever connects may take to log in where there is something to say about TLS, in seconds.
fn auth_timeout(configured: Option<f64>, tls: Option<&TlsOptions>) -> f64 {
    configured.unwrap_or_else(|| default_auth_timeout(tls).as_secs_f64())
}

fn cluster(context: &Context<'_>) -> ClusterVarz {
    let server = context.server();
    let name = server
        .cluster_name
        .as_deref()
        .unwrap_or_default()
        .to_owned();
    let Some(cluster) = server.spec.cluster.as_ref().filter(|it| it.is_listening()) else {
        let is_hidden = server.spec.is_lone_leaf() && server.profile.has(Feature::LoneLeafUnnamed);
        let name = if is_hidden { String::new() } else { name };
        return ClusterVarz {
            name,
            ..ClusterVarz::default()
        };
    };
    let profile = server.profile;
    let tls = cluster.tls.as_ref();
    ClusterVarz {
        name,
        addr: cluster.host.clone().unwrap_or_else(|| "0.0.0.0".to_owned()),
        cluster_port: cluster.port.unwrap_or_default(),
        auth_timeout: auth_timeout(
            cluster.authorization.as_ref().and_then(|auth| auth.timeout),
            tls,
        ),
        urls: cluster
            .routes
            .iter()
            .map(|url| shown_url(url, None))
            .collect(),
        tls_timeout: timeout_of(tls),
        tls_required: tls.is_some(),
        tls_verify: tls.is_some(),
        tls_cert_not_after: not_after(server, tls),
        pool_size: cluster.pool_size.unwrap_or(DEFAULT_POOL_SIZE),
        write_deadline: profile
            .since(
                Feature::WriteDeadlinesOfLinks,
                Nanos(cluster.write_deadline.map_or(0, |it| it.as_nanos() as i64)),
            )
            .unwrap_or_default(),
        ..ClusterVarz::default()
    }
}

/// Connections to each peer unless the configuration says otherwise.
const DEFAULT_POOL_SIZE: i64 = 3;

fn gateway(context: &Context<'_>) -> GatewayVarz {
    let server = context.server();
    let Some(gateway) = server.spec.gateway.as_ref().filter(|it| it.is_listening()) else {
        return GatewayVarz::default();
    };
    let auth = gateway.authorization.as_ref();
    let tls = gateway.tls.as_ref();
    let remote = |remote: &RemoteGateway| RemoteGatewayVarz {
        name: remote.name.clone(),
        urls: remote.urls.iter().map(|url| shown_url(url, None)).collect(),
        tls_timeout: remote.tls.as_ref().map_or(0.0, |tls| timeout_of(Some(tls))),
        ..RemoteGatewayVarz::default()
    };
    GatewayVarz {
        name: gateway.name.clone().unwrap_or_default(),
        host: gateway.host.clone().unwrap_or_else(|| "0.0.0.0".to_owned()),
        port: gateway.port.unwrap_or_default(),
        auth_timeout: auth_timeout(auth.and_then(|auth| auth.timeout), tls),
        tls_timeout: timeout_of(tls),
        tls_required: tls.is_some(),
        tls_verify: tls.is_some(),
        tls_cert_not_after: not_after(server, tls),
        advertise: gateway.advertise.clone().unwrap_or_default(),
        connect_retries: gateway.connect_retries.unwrap_or_default(),
        gateways: gateway.gateways.iter().map(remote).collect(),
        reject_unknown: gateway.reject_unknown_cluster,
        ..GatewayVarz::default()
    }
}

fn shown_url(url: &RemoteUrl, default_port: Option<u16>) -> String {
    match url.port.or(default_port) {
        Some(port) => format!("{}:{port}", url.host),
        None => url.host.clone(),
    }
}

fn leaf(context: &Context<'_>) -> LeafNodeVarz {
    let server = context.server();
    let Some(options) = &server.spec.leafnodes else {
        return LeafNodeVarz::default();
    };
    let remotes = options.remotes.iter().map(remote).collect();
    if !options.is_listening() {
        return LeafNodeVarz {
            remotes,
            ..LeafNodeVarz::default()
        };
    }
    let tls = options.tls.as_ref();
    let timeout = options.authorization.as_ref().and_then(|auth| auth.timeout);
    LeafNodeVarz {
        host: options.host.clone().unwrap_or_else(|| "0.0.0.0".to_owned()),
        port: options.port.unwrap_or_default(),
        auth_timeout: auth_timeout(timeout, tls),
        tls_timeout: timeout_of(tls),
        tls_required: tls.is_some(),
        tls_verify: tls.is_some_and(|tls| tls.verify),
        tls_cert_not_after: not_after(server, tls),
        write_deadline: server
            .profile
            .since(
                Feature::WriteDeadlinesOfLinks,
                Nanos(options.write_deadline.map_or(0, |it| it.as_nanos() as i64)),
            )
            .unwrap_or_default(),
        remotes,
        ..LeafNodeVarz::default()
    }
}

fn websocket(server: &Server) -> WebsocketVarz {
    let Some(options) = &server.spec.websocket else {
        return WebsocketVarz::default();
    };
    let tls = options.tls.as_ref();
    let pinned = tls.and_then(|tls| tls.pinned.as_ref());
    WebsocketVarz {
        host: match options.is_listening() {
            true => options.shown_host().to_owned(),
            false => options.host.clone().unwrap_or_default(),
        },
        port: options.port.unwrap_or_default(),
        advertise: options.advertise.clone().unwrap_or_default(),
        no_auth_user: options.no_auth_user.clone().unwrap_or_default(),
        jwt_cookie: options.jwt_cookie.clone().unwrap_or_default(),
        handshake_timeout: Nanos(
            options
                .handshake_timeout
                .map_or(0, |timeout| timeout.as_nanos() as i64),
        ),
        auth_timeout: options.auth_timeout.unwrap_or_default(),
        no_tls: options.no_tls,
        tls_map: tls.is_some_and(|tls| tls.map),
        tls_pinned_certs: pinned.into_iter().flatten().cloned().collect(),
        tls_cert_not_after: not_after(server, tls),
        same_origin: options.same_origin,
        allowed_origins: options.allowed_origins.clone(),
        compression: options.compression,
        ..WebsocketVarz::default()
    }
}

fn remote(remote: &LeafRemote) -> RemoteLeafVarz {
    let (exports, imports) = (&remote.deny_exports, &remote.deny_imports);
    let denies = !exports.is_empty() || !imports.is_empty();
    RemoteLeafVarz {
        tls_timeout: remote.tls.as_ref().map_or(0.0, |tls| timeout_of(Some(tls))),
        local_account: remote
            .account
            .clone()
            .unwrap_or_else(|| GLOBAL_ACCOUNT.to_owned()),
        urls: remote
            .urls
            .iter()
            .map(|url| shown_url(url, Some(DEFAULT_LEAFNODE_PORT)))
            .collect(),
        deny: denies.then(|| DenyRules {
            exports: exports.clone(),
            imports: imports.clone(),
            ..DenyRules::default()
        }),
        ..RemoteLeafVarz::default()
    }
}
