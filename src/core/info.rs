//! INFO: what a server tells its clients about itself.

use nats_mock_protocol::wire::ServerInfo;

use super::server::Server;
use super::{Conn, Core};

impl Server {
    /// The INFO that a connection is greeted with.
    pub(super) fn info_for(&self, conn: &Conn) -> ServerInfo {
        let asks_for_credentials =
            self.requires_auth() && self.no_auth_user.as_ref().is_none_or(|user| user.implicit);
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
        let address = self.spec.client_advertise.as_deref()?;
        // The colons of an IPv6 address stand between brackets.
        let split = address.rsplit_once(':').filter(|(host, port)| {
            !port.contains(']') && (!host.contains(':') || host.ends_with(']'))
        });
        let (host, port) = split.unwrap_or((address, ""));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((host, port.parse().ok().filter(|&port| port != 0)))
    }
}

impl Core {
    /// The INFO that follows the answer to a client's first PING (since 2.12).
    pub(super) fn connect_info(&self, conn: &Conn) -> ServerInfo {
        let server = self.server(conn.server);
        ServerInfo {
            // Credentials are needed or not, whatever `no_auth_user` makes of it.
            auth_required: server.requires_auth(),
            connect_info: true,
            remote_account: self.account(conn.account).name.to_string(),
            acc_is_sys: server.system == Some(conn.account),
            ..server.info_for(conn)
        }
    }

    /// The INFO that asks a client to leave.
    pub(super) fn lame_duck_info(&self, conn: &Conn) -> ServerInfo {
        let server = self.server(conn.server);
        ServerInfo {
            auth_required: server.requires_auth(),
            ldm: true,
            ..server.info_for(conn)
        }
    }
}
