//! What the log says of a start.

use std::net::Ipv6Addr;

use nats_mock::topology::{GatewayOptions, LeafNodeOptions, ServerSpec, Unreached};
use nats_mock::{MockNats, Server, StartError};

use super::flags::Flags;
use super::log::Log;
use super::member::{Member, in_brackets};

/// The log of one server's start, in the order of a nats-server's.
pub fn announce(
    flags: &Flags,
    member: &Member,
    server: &Server<'_>,
    unreached: &[Unreached],
    log: &Log,
) {
    let spec = server.spec();
    let version = spec.version;
    let cluster = cluster_name(server, &spec);
    let id = server.id();
    log.info("Starting nats-server");
    log.info(format!("  Version:  {version}"));
    log.info(format!("  Git:      [{}]", version.git_commit()));
    if let Some(cluster) = &cluster {
        log.info(format!("  Cluster:  {cluster}"));
    }
    log.info(format!("  Name:     {}", server.name()));
    log.info(format!("  ID:       {id}"));
    if member.has_plain_passwords() {
        log.warn("Plaintext passwords detected, use nkeys or bcrypt");
    }
    for warning in &member.warnings {
        log.warn(warning.to_string());
    }
    if !flags.ignored.is_empty() {
        let flags = flags.ignored.iter().map(|flag| format!("-{flag}"));
        let flags = flags.collect::<Vec<_>>().join(", ");
        log.warn(format!("Flags without effect in a simulation: {flags}"));
    }
    for Unreached { block, url, .. } in unreached {
        log.warn(format!(
            "{block}: no server of this simulation listens on {url}"
        ));
    }
    if let Some(path) = &member.conf {
        let digest = in_brackets(member.options.config_digest.as_deref());
        log.info(format!("Using configuration file: {path}{digest}"));
    }
    if let Some(gateway) = &spec.gateway {
        announce_gateway(gateway, log);
    }
    if let Some(leafnodes) = &spec.leafnodes {
        announce_leafnodes(leafnodes, log);
    }
    if let Some(websocket) = &spec.websocket
        && let Some(port) = websocket.port
    {
        let listening = address(websocket.host.as_deref(), port);
        log.info(format!(
            "Listening for websocket clients on {}://{listening}",
            websocket.scheme()
        ));
        if websocket.tls.is_none() {
            log.warn("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!");
        }
    }
    log.info(format!(
        "Listening for client connections on {}",
        server.address()
    ));
    announce_tls(&spec, log);
    log.info("Server is ready");
    let listening = spec.cluster.as_ref();
    let listening = listening.and_then(|it| Some(address(it.host.as_deref(), it.port?)));
    if let (Some(name), Some(listening)) = (cluster, listening) {
        log.info(format!("Cluster name is {name}"));
        if spec.cluster_name().is_none() {
            log.warn("Cluster name was dynamically generated, consider setting one");
        }
        log.info(format!("Listening for route connections on {listening}"));
    }
}

/// The cluster's name, unless it is nothing but that of a leaf node.
fn cluster_name(server: &Server<'_>, spec: &ServerSpec) -> Option<String> {
    let cluster = spec.cluster.as_ref();
    let has_cluster = cluster.is_some_and(|it| it.is_listening() || it.name.is_some());
    let has_gateway = spec.gateway.as_ref().is_some_and(|it| it.name.is_some());
    server.cluster_name().filter(|_| has_cluster || has_gateway)
}

fn announce_gateway(gateway: &GatewayOptions, log: &Log) {
    let (Some(name), Some(port)) = (&gateway.name, gateway.port) else {
        return;
    };
    let listening = address(gateway.host.as_deref(), port);
    log.info(format!("Gateway name is {name}"));
    log.info(format!("Listening for gateways connections on {listening}"));
    match &gateway.advertise {
        Some(told) => log.info(format!(
            "Advertise address for gateway {name:?} is set to {}",
            with_port(told, port)
        )),
        None => {
            let reachable = match gateway.host.as_deref() {
                None | Some("" | "0.0.0.0" | "::") => address(Some("127.0.0.1"), port),
                Some(_) => listening,
            };
            log.info(format!("Address for gateway {name:?} is {reachable}"));
        }
    }
}

fn announce_leafnodes(leafnodes: &LeafNodeOptions, log: &Log) {
    let Some(port) = leafnodes.port else {
        return;
    };
    log.info(format!(
        "Listening for leafnode connections on {}",
        address(leafnodes.host.as_deref(), port)
    ));
    if let Some(told) = &leafnodes.advertise {
        log.info(format!(
            "Advertise address for leafnode is set to {}",
            with_port(told, port)
        ));
    }
}

/// Host and port as one word; without a host, all addresses.
pub fn address(host: Option<&str>, port: i64) -> String {
    let host = host.filter(|host| !host.is_empty()).unwrap_or("0.0.0.0");
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// An address that others are told, with the port that it may lack.
fn with_port(told: &str, port: i64) -> String {
    let lacks = !told.contains(':') || told.ends_with(']') || told.parse::<Ipv6Addr>().is_ok();
    if lacks {
        let host = told.trim_start_matches('[').trim_end_matches(']');
        address(Some(host), port)
    } else {
        told.to_owned()
    }
}

/// Why nothing was started, said by the server at fault.
pub fn announce_failure(members: &[Member], logs: &[Log], error: &StartError) {
    let websocket_port = |member: &Member| member.options.websocket.as_ref()?.port;
    let listens_there = |member: &Member, port: u16| {
        let port = Some(port.into());
        member.options.port == port || websocket_port(member) == port
    };
    let place = match error {
        // Of several that want the port, the first has it.
        StartError::Listen { address, .. } => members
            .iter()
            .rposition(|member| listens_there(member, address.port())),
        _ => None,
    };
    let Some(log) = logs.get(place.unwrap_or_default()) else {
        return;
    };
    log.info("Starting nats-server");
    match error {
        StartError::Listen { address, source } => {
            let why = match source.kind() {
                std::io::ErrorKind::AddrInUse => "address already in use".to_owned(),
                _ => source.to_string(),
            };
            let why = format!("listen tcp {address}: bind: {why}");
            let member = place.and_then(|place| members.get(place));
            let is_for_clients =
                member.is_none_or(|member| websocket_port(member) != Some(address.port().into()));
            log.fatal(match is_for_clients {
                true => format!("Error listening on port: {address}, \"{why}\""),
                false => format!("Unable to listen for websocket connections: {why}"),
            });
        }
        other => log.fatal(other.to_string()),
    }
}

/// What a person needs who has started the program to try it.
fn announce_tls(spec: &ServerSpec, log: &Log) {
    let Some(tls) = &spec.tls else { return };
    let is_always_first = tls.handshake_first && tls.fallback.is_none();
    let is_required = !spec.allow_non_tls || is_always_first;
    let what = if is_required { "required" } else { "available" };
    log.info(format!("TLS {what} for client connections"));
    if is_always_first {
        log.warn("Clients that are not using \"TLS Handshake First\" option will fail to connect");
    }
}

pub fn say_how_to_connect(nats: &MockNats) {
    let port = nats.address().port();
    println!("Application account USERS, no credentials needed: nats://127.0.0.1:{port}");
    println!("System account SYS:  nats://admin:changeit@127.0.0.1:{port}");
    println!("Try:  nats --server nats://admin:changeit@127.0.0.1:{port} server list");
}
