//! INFO: what a server tells its clients about itself.

use nats_mock_protocol::wire::{ServerInfo, encode};
use rand::seq::SliceRandom;

use super::ids;
use super::server::{Phase, Server, ServerId};
use super::{Conn, Core};

impl Server {
    fn info_for(&self, conn: &Conn) -> ServerInfo {
        let asks_for_credentials =
            self.requires_auth() && self.no_auth_user.as_ref().is_none_or(|user| user.implicit);
        let offer = if conn.peer.in_process {
            self.offer.within_process()
        } else {
            self.offer
        };
        ServerInfo {
            server_id: self.id.to_string(),
            server_name: self.name.to_string(),
            version: self.profile.version.to_owned(),
            proto: 1,
            git_commit: self.profile.git_commit.to_owned(),
            go: self.go().to_owned(),
            host: self.shown_host().to_owned(),
            port: i64::from(self.shown_port()),
            headers: self.spec.headers,
            tls_required: offer.required,
            tls_verify: offer.verify,
            tls_available: offer.available,
            auth_required: asks_for_credentials,
            max_payload: conn
                .max_payload
                .map_or(-1, |max| i32::try_from(max).unwrap_or(i32::MAX)),
            client_id: conn.cid,
            client_ip: conn.peer.host.to_string(),
            api_lvl: self.profile.api_level.map_or(0, i64::from),
            xkey: self.xkey.to_string(),
            ..ServerInfo::default()
        }
    }

    /// Whether clients of other servers are not told of this one, nor its own of others.
    fn keeps_clients_to_itself(&self) -> bool {
        let cluster = self.spec.cluster.as_ref();
        cluster.is_some_and(|cluster| cluster.no_advertise)
    }

    /// Where clients are told to connect to.
    fn client_url(&self) -> String {
        url(self.shown_host(), self.shown_port())
    }

    /// The host that is shown wherever the server tells its address: that of `client_advertise` if
    /// there is one, else the listen host.
    pub fn shown_host(&self) -> &str {
        self.advertised().map_or(&self.spec.host, |(host, _)| host)
    }

    /// The port that goes with [`shown_host`](Self::shown_host).
    pub fn shown_port(&self) -> u16 {
        self.advertised()
            .and_then(|(_, port)| port)
            .unwrap_or(self.spec.port)
    }

    fn advertised(&self) -> Option<(&str, Option<u16>)> {
        self.spec.client_advertise.as_deref().map(split_address)
    }
}

/// Host and port of an address that others are told, which may lack the port.
pub(super) fn split_address(address: &str) -> (&str, Option<u16>) {
    // The colons of an IPv6 address stand between brackets.
    let split = address
        .rsplit_once(':')
        .filter(|(host, port)| !port.contains(']') && (!host.contains(':') || host.ends_with(']')));
    let (host, port) = split.unwrap_or((address, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (host, port.parse().ok().filter(|&port| port != 0))
}

/// Host and port as clients are told them.
pub(super) fn url(host: &str, port: u16) -> String {
    let host = match host {
        // Nobody can connect to all addresses at once.
        "0.0.0.0" | "::" | "" => "127.0.0.1",
        host => host,
    };
    // Every server of a cluster names all others: this is no place for the machinery of formatting.
    let port = port.to_string();
    if host.contains(':') {
        ["[", host, "]:", &port].concat()
    } else {
        [host, ":", &port].concat()
    }
}

impl Core {
    /// The INFO that a connection is greeted with, the only one with something to sign. Where the
    /// handshake has come before it, TLS was required, whatever it is otherwise.
    pub(super) fn first_info(&self, conn: &Conn) -> ServerInfo {
        let info = self.info_for(conn);
        ServerInfo {
            nonce: conn.nonce.as_deref().unwrap_or_default().to_owned(),
            tls_required: info.tls_required || conn.tls_session().is_some_and(|it| it.came_first),
            ..info
        }
    }

    /// What every INFO to a connection says.
    pub(super) fn info_for(&self, conn: &Conn) -> ServerInfo {
        let server = self.server(conn.server);
        let info = ServerInfo {
            cluster: server
                .cluster_name
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
            connect_urls: self.connect_urls(conn.server),
            ..server.info_for(conn)
        };
        if conn.peer.websocket.is_some() {
            let urls = self.ws_connect_urls(conn.server);
            return server.info_over_websocket(&conn.peer, urls, info);
        }
        info
    }

    /// Where clients of a server can connect to: to the server itself first, then, in an order of its
    /// own, to its peers. Nothing, as long as there has never been one.
    pub fn connect_urls(&self, id: ServerId) -> Vec<String> {
        self.urls(id, |server| Some(server.client_url()))
    }

    /// As [`connect_urls`](Self::connect_urls), for clients over WebSocket.
    pub fn ws_connect_urls(&self, id: ServerId) -> Vec<String> {
        // Most deployments have none: their many servers should not look for it.
        if !self.takes_websockets {
            return Vec::new();
        }
        self.urls(id, Server::websocket_url)
    }

    fn urls(&self, id: ServerId, url: impl Fn(&Server) -> Option<String>) -> Vec<String> {
        let server = self.server(id);
        let cluster = self.cluster(server.cluster);
        if !server.has_had_peers || server.keeps_clients_to_itself() {
            return Vec::new();
        }
        let is_open = |server: &&Server| server.phase == Phase::Running;
        let peers = self.routed_peers(id).map(|peer| self.server(peer));
        let mut urls: Vec<String> = peers
            .filter(|peer| is_open(peer) && !peer.keeps_clients_to_itself())
            .filter_map(&url)
            .collect();
        let order = format!("urls {} {}", id.0, cluster.changes);
        urls.shuffle(&mut ids::stream(self.seed, &order));
        if let Some(own) = url(server).filter(|_| is_open(&server)) {
            urls.insert(0, own);
        }
        urls
    }

    /// Tells the clients of a server where else they can connect to, now that it has changed because of
    /// a peer.
    pub(super) fn tell_connect_urls(&mut self, server: ServerId, peer: ServerId) {
        let either = [server, peer].map(|server| self.server(server).keeps_clients_to_itself());
        if !either.contains(&true) && !self.keep_news_of_peers(server) {
            self.send_connect_urls(server);
        }
    }

    /// Tells the clients of a server where else they can connect to.
    pub(super) fn send_connect_urls(&mut self, server: ServerId) {
        for id in self
            .server(server)
            .clients
            .values()
            .copied()
            .collect::<Vec<_>>()
        {
            let Some(conn) = self.conn(id) else { continue };
            if conn.options.protocol >= 1 && conn.flags.first_pong_sent {
                let info = ServerInfo {
                    auth_required: self.server(server).requires_auth_of(&conn.peer),
                    ldm: self.server(server).phase == Phase::LameDuck,
                    ..self.info_for(conn)
                };
                self.send(id, |out| encode::info(out, &info));
            }
        }
    }

    /// An INFO that comes when something in it has changed.
    pub(super) fn later_info(&self, conn: &Conn) -> ServerInfo {
        ServerInfo {
            auth_required: self.server(conn.server).requires_auth(),
            ..self.info_for(conn)
        }
    }

    /// The INFO that follows the answer to a client's first PING (since 2.12).
    pub(super) fn connect_info(&self, conn: &Conn) -> ServerInfo {
        let server = self.server(conn.server);
        ServerInfo {
            // Credentials are needed or not, whatever `no_auth_user` makes of it.
            auth_required: server.requires_auth_of(&conn.peer),
            connect_info: true,
            remote_account: self.account(conn.account).name.to_string(),
            acc_is_sys: server.system == Some(conn.account),
            ..self.info_for(conn)
        }
    }

    /// The INFO that asks a client to leave.
    pub(super) fn lame_duck_info(&self, conn: &Conn) -> ServerInfo {
        let server = self.server(conn.server);
        ServerInfo {
            auth_required: server.requires_auth_of(&conn.peer),
            ldm: true,
            ..self.info_for(conn)
        }
    }
}
