//! What a server tells a service of a client when it asks who that is.

use rand::Rng;

use super::account::AccountId;
use super::callout::Mandate;
use super::conn::ConnId;
use super::{Core, TlsSession, ids};
use crate::identity::{self, Claims, ConnectInfo, Generic, QuestionClaims, TlsInfo};
use crate::topology::{TlsOptions, pem};

impl Core {
    /// What is sent to ask about a client, and how much of it is headers.
    pub(super) fn question(
        &self,
        id: ConnId,
        user: &str,
        account: AccountId,
        mandate: &Mandate,
    ) -> Option<(Option<usize>, Vec<u8>)> {
        let conn = self.conn(id)?;
        let server = self.server(conn.server);
        let keys = server.keys.as_deref()?;
        let options = &conn.options;
        let identity = conn.identity.as_deref();
        let seal_for = mandate.xkey();
        let timeout = server.spec.timing.auth_timeout;
        let issued = self.seconds_shown(conn.server);
        let nonce = conn.nonce.as_deref().filter(|_| !options.sig.is_empty());
        let nats = QuestionClaims {
            server_id: identity::ServerInfo {
                name: server.name.to_string(),
                host: server.shown_host().to_owned(),
                id: server.id.to_string(),
                version: server.profile.version.to_owned(),
                cluster: server
                    .cluster_name
                    .as_deref()
                    .unwrap_or_default()
                    .to_owned(),
                tags: server.spec.tags.clone(),
                xkey: seal_for
                    .map(|_| server.xkey.to_string())
                    .unwrap_or_default(),
            },
            user_nkey: user.to_owned(),
            client_info: identity::ClientInfo {
                host: conn.peer.host.to_string(),
                id: conn.cid,
                user: server.user_of(conn).unwrap_or_default().to_owned(),
                name: options.name.clone(),
                tags: identity.map_or_else(Vec::new, |identity| identity.tags.clone()),
                name_tag: identity.map_or_else(String::new, |identity| identity.name.to_string()),
                kind: conn.kind().name().to_owned(),
                client_type: conn.kind().client_type().to_owned(),
                nonce: nonce.unwrap_or_default().to_owned(),
            },
            connect_opts: ConnectInfo {
                jwt: options.jwt.clone(),
                nkey: options.nkey.clone(),
                sig: options.sig.clone(),
                auth_token: options.auth_token.clone(),
                user: options.user.clone(),
                pass: options.pass.clone(),
                name: options.name.clone(),
                lang: options.lang.clone(),
                version: options.version.clone(),
                protocol: options.protocol,
            },
            client_tls: conn
                .tls_session()
                .map(|session| tls_info(session, server.tls_of(&conn.peer))),
            generic: Generic {
                kind: "authorization_request".to_owned(),
                version: 2,
                ..Generic::default()
            },
        };
        let token = keys.token(Claims {
            aud: "nats-authorization-request".to_owned(),
            exp: self.seconds_shown_at(conn.server, self.now + timeout),
            iat: issued,
            sub: match mandate {
                Mandate::Configured(options) => options.issuer.clone(),
                Mandate::Claimed { .. } => self.account(account).name.to_string(),
            },
            nats,
            ..Claims::default()
        })?;
        let Some(receiver) = seal_for else {
            return Some((None, token.into_bytes()));
        };
        let mut random = [0; 24];
        ids::stream(self.seed, user).fill_bytes(&mut random);
        let mut message =
            format!("NATS/1.0\r\nNats-Server-Xkey: {}\r\n\r\n", server.xkey).into_bytes();
        let header_len = message.len();
        message.extend(keys.seal(token.as_bytes(), receiver, random)?);
        Some((Some(header_len), message))
    }
}

fn tls_info(session: &TlsSession, options: Option<&TlsOptions>) -> TlsInfo {
    let shown = &session.certificates;
    let chain = options.map_or_else(Vec::new, |options| options.verified_chain(shown));
    let mut info = TlsInfo {
        version: session.version.to_owned(),
        cipher: session.suite.clone(),
        ..TlsInfo::default()
    };
    if chain.is_empty() {
        info.certs = shown
            .iter()
            .map(|certificate| pem(&certificate.der))
            .collect();
    } else {
        info.verified_chains
            .push(chain.iter().map(|der| pem(der)).collect());
    }
    info
}
