//! Clients and gateways at the port for leaf nodes, where they do not belong.
//!
//! Leaf nodes themselves do not come this way: they are servers of the deployment, and nothing is
//! written between them.

use nats_mock_protocol::json;
use nats_mock_protocol::wire::{Limits, ServerInfo};
use serde::Serialize;
use serde_json::{Map, Value};

use super::conn::{ConnId, Peer};
use super::ids;
use super::leaf::{Leaf, NewEnd};
use super::leaf_login::LeafAdmission;
use super::leaf_users::LeafUser;
use super::server::{Phase, ServerId};
use super::{Accepted, CloseReason, Core, Time, quoted};
use crate::topology::LeafNodeOptions;
use crate::version::Feature;

/// INFO as leaf nodes get it.
#[derive(Serialize)]
struct LeafPortInfo {
    #[serde(flatten)]
    info: ServerInfo,
    info_on_connect: bool,
    leafnode_urls: Vec<String>,
}

impl Core {
    /// Somebody has connected to the port for leaf nodes. `None` if nobody listens there.
    pub fn accept_at_leaf_port(
        &mut self,
        now: Time,
        server: ServerId,
        peer: Peer,
    ) -> Option<Accepted> {
        self.set_now(now);
        let srv = self.server_mut(server);
        let options = srv.spec.leafnodes.as_ref();
        let listens = options.is_some_and(LeafNodeOptions::is_listening);
        if srv.phase != Phase::Running || !listens {
            return None;
        }
        let (cid, account) = (srv.next_cid(), srv.global);
        let id = self.make_end(NewEnd {
            server,
            account,
            cid,
            peer,
            user: String::new(),
            password: String::new(),
            name: String::new(),
            version: String::new(),
            protocol: 0,
            leaf: Leaf::stranger(server),
        });
        if let Some(conn) = self.conn_mut(id) {
            conn.flags.detached = false;
            conn.flags.mute = false;
            conn.rtt = 0;
        }
        if let Some(leaf) = self.leaf_mut(id) {
            leaf.other = id;
        }
        let info = self.leaf_port_info(server, cid);
        if let Some(conn) = self.conn_mut(id) {
            conn.nonce = Some(info.info.nonce.as_str().into());
        }
        self.send(id, |out| {
            out.extend_from_slice(b"INFO ");
            out.extend_from_slice(&json::to_vec(&info));
            out.extend_from_slice(b" \r\n");
        });
        Some(Accepted {
            conn: id,
            limits: Limits {
                headers: true,
                ..self.decoder_limits(id)
            },
            expect_connect: true,
            // Leaf nodes of real servers come without.
            may_be_secure: false,
        })
    }

    fn leaf_port_info(&mut self, server: ServerId, cid: u64) -> LeafPortInfo {
        let nonce = ids::base62(15, &mut self.server_mut(server).rng);
        let srv = self.server(server);
        let url = |id: ServerId| {
            let srv = self.server(id);
            let port = srv.spec.leafnodes.as_ref()?.port?;
            Some(format!("{}:{port}", srv.leaf_host()))
        };
        let options = srv.spec.leafnodes.as_ref();
        let port = options.and_then(|options| options.port);
        let is_new = srv.profile.has(Feature::LeafProtocol);
        let compression = options.and_then(|options| options.compression_in_force().ok());
        let peers = std::iter::once(server).chain(self.routed_peers(server));
        LeafPortInfo {
            info: ServerInfo {
                server_id: srv.id.to_string(),
                server_name: srv.name.to_string(),
                version: srv.profile.version.to_owned(),
                proto: if is_new { 3 } else { 1 },
                git_commit: srv.profile.git_commit.to_owned(),
                go: srv.go().to_owned(),
                host: srv.leaf_host().to_owned(),
                port: port.unwrap_or_default(),
                headers: srv.spec.headers,
                auth_required: srv.requires_auth(),
                max_payload: i32::try_from(srv.spec.limits.max_payload).unwrap_or(i32::MAX),
                ip: url(server).unwrap_or_default(),
                client_id: cid,
                nonce,
                cluster: srv.cluster_name.as_deref().unwrap_or_default().to_owned(),
                compression: compression.map_or("", |it| it.name()).to_owned(),
                api_lvl: srv.profile.api_level.map_or(0, i64::from),
                ..ServerInfo::default()
            },
            info_on_connect: true,
            leafnode_urls: peers.filter_map(url).collect(),
        }
    }

    /// Handles CONNECT of a client or gateway that is at the wrong port. It is let in first.
    pub(super) fn connect_at_leaf_port(&mut self, id: ConnId, connect: &[u8]) {
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        if conn.options.apply(connect).is_err() {
            self.discard(id, CloseReason::ProtocolViolation);
            return;
        }
        // Only clients tell their language.
        let gateway = conn.options.lang.is_empty().then(|| gateway_of(connect));
        if let Some(leaf) = self.leaf_mut(id) {
            leaf.gateway = gateway.flatten().map(Into::into);
        }
        if let LeafAdmission::In(login) = self.log_in_leaf(id) {
            self.end_at_leaf_port(id, &login);
        }
    }

    /// Ends the connection of one who was let in and does not belong here.
    pub(super) fn end_at_leaf_port(&mut self, id: ConnId, login: &LeafUser) {
        self.register_end(id, login.is_told);
        let gateway = self.leaf_mut(id).and_then(|leaf| leaf.gateway.take());
        if let Some(gateway) = gateway {
            let text = format!(
                "Rejecting connection from gateway {} on the leafnode port",
                quoted(gateway.as_bytes())
            );
            self.send_err(id, &text);
            self.close(id, CloseReason::WrongGateway);
            return;
        }
        self.send_err(id, "attempted to connect to leaf node port");
        self.close(id, CloseReason::WrongPort);
    }
}

/// The cluster that CONNECT says the gateway of which it is. Keys may be in any case, and the last counts.
fn gateway_of(connect: &[u8]) -> Option<String> {
    let members: Map<String, Value> = serde_json::from_slice(connect).ok()?;
    let mut gateways = members.iter().rev();
    let (_, gateway) = gateways.find(|(key, _)| key.eq_ignore_ascii_case("gateway"))?;
    let gateway = gateway.as_str().filter(|name| !name.is_empty())?;
    Some(gateway.to_owned())
}
