//! What a service learns of who asks from another account: the header `Nats-Request-Info`.

use nats_mock_protocol::events::ClientInfo;
use nats_mock_protocol::json::Extra;
use nats_mock_protocol::time::Nanos;
use nats_mock_protocol::{headers, json};

use super::account::AccountId;
use super::conn::ConnId;
use super::deliver::{Delivery, Origin};
use super::{Core, Outgoing};

/// The header's name.
const REQUEST_INFO: &str = "Nats-Request-Info";

impl Core {
    /// What is told of who sends a request that `importer` asks of `exporter`. `shares` is whether the
    /// import tells all.
    pub(super) fn request_info(
        &self,
        delivery: &Delivery<'_>,
        importer: AccountId,
        exporter: AccountId,
        shares: bool,
    ) -> Option<ClientInfo> {
        let (Origin::Client(id) | Origin::Leaf(id)) = delivery.origin else {
            return None;
        };
        let before = delivery.course.via;
        let tells_all = before.map_or(shares, |before| before.shares);
        let conn = self.conn(id)?;
        let is_system = self.server(conn.server).system == Some(exporter);
        let told = told_so_far(&delivery.message);
        let is_leaf = conn.leaf.is_some();
        let mut info = match told {
            Some(told) if before.is_some() && !is_leaf => told,
            _ => self.client_info(id, tells_all)?,
        };
        if before.is_some() {
            info.svc = self.account(importer).name.to_string();
        }
        let place_is_told = is_system || (before.is_some() && shares);
        if !tells_all && place_is_told {
            self.add_place(id, &mut info);
        }
        Some(info)
    }

    /// A connection as it is told of: in full, or no more than is needed.
    pub(super) fn client_info(&self, id: ConnId, in_full: bool) -> Option<ClientInfo> {
        let conn = self.conn(id)?;
        let mut info = ClientInfo {
            acc: self.account(conn.account).name.to_string(),
            rtt: Nanos(conn.rtt),
            ..ClientInfo::default()
        };
        if in_full {
            let client = self.snapshot(conn);
            let identity = client.identity.as_deref();
            info = ClientInfo {
                start: Some(self.server(conn.server).wall_clock.local(client.start)),
                host: client.host.into(),
                id: client.cid,
                user: client.user.map(Into::into).unwrap_or_default(),
                name: client.name.into(),
                lang: client.lang.into(),
                ver: client.version.into(),
                jwt: client.jwt.into(),
                issuer_key: identity
                    .map(|identity| identity.issuer_key.to_string())
                    .unwrap_or_default(),
                name_tag: identity
                    .map(|identity| identity.name.to_string())
                    .unwrap_or_default(),
                tags: identity
                    .map(|identity| identity.tags.clone())
                    .unwrap_or_default(),
                kind: client.kind.name().to_owned(),
                client_type: client.kind.client_type().to_owned(),
                ..info
            };
            self.add_place(id, &mut info);
        }
        Some(info)
    }

    /// Adds where a connection is.
    fn add_place(&self, id: ConnId, info: &mut ClientInfo) {
        let Some(conn) = self.conn(id) else { return };
        let place = conn.leaf.as_deref().map_or(conn.server, |leaf| leaf.peer);
        info.server = self.server(place).name.to_string();
        let here = self.server(conn.server);
        let cluster = here.cluster_name.as_deref();
        info.cluster = cluster.unwrap_or_default().to_owned();
        info.alts = self
            .other_clusters(conn.server)
            .filter(|_| here.has_gateways())
            .filter(|&cluster| self.outbound_peer(conn.server, cluster).is_some())
            .filter_map(|cluster| self.cluster(cluster).name.as_deref().map(str::to_owned))
            .collect();
    }
}

/// What the request says already.
fn told_so_far(message: &Outgoing<'_>) -> Option<ClientInfo> {
    let block = message.payload.get(..message.header_len?)?;
    let info = headers::get(block, REQUEST_INFO)?;
    let mut info: ClientInfo = serde_json::from_slice(info).ok()?;
    info.extra = Extra::new();
    Some(info)
}

/// The message's payload with the request info as its last header.
pub(super) fn with_request_info(message: &Outgoing<'_>, info: &ClientInfo) -> (usize, Vec<u8>) {
    let (header, body) = message
        .payload
        .split_at(message.header_len.unwrap_or_default());
    let info = json::to_string(info);
    let block = (!header.is_empty()).then_some(header);
    let mut payload = headers::with(block, REQUEST_INFO, &info);
    let header_len = payload.len();
    payload.extend_from_slice(body);
    (header_len, payload)
}
