//! In what clients over WebSocket differ from others: how they log in, and what they are told.

use std::time::Duration;

use nats_mock_protocol::wire::{ConnectOptions, ServerInfo};

use super::Peer;
use super::info::split_address;
use super::server::Server;
use super::tls::TlsSession;
use crate::topology::{TlsOptions, WebsocketOptions};

/// What a client has brought along when it was let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upgraded {
    pub cookies: Cookies,
    /// What was agreed on, if it has come over TLS.
    pub tls: Option<TlsSession>,
}

/// Credentials that a browser brings before the first line.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Cookies {
    pub user: Option<String>,
    pub password: Option<String>,
    pub token: Option<String>,
    pub jwt: Option<String>,
}

impl Cookies {
    /// Gives the credentials that CONNECT did not bring.
    pub fn stand_in_for(&self, options: &mut ConnectOptions) {
        let pairs = [
            (&mut options.jwt, &self.jwt),
            (&mut options.user, &self.user),
            (&mut options.pass, &self.password),
            (&mut options.auth_token, &self.token),
        ];
        for (option, cookie) in pairs {
            if let (true, Some(cookie)) = (option.is_empty(), cookie) {
                option.clone_from(cookie);
            }
        }
    }
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}

impl Server {
    /// What is configured for a connection that has come over WebSocket; nothing for others.
    pub(super) fn websocket_of(&self, peer: &Peer) -> Option<&WebsocketOptions> {
        let options = self.spec.websocket.as_ref();
        options.filter(|_| peer.websocket.is_some())
    }

    /// By what the certificates of whoever connects are judged.
    pub(super) fn tls_of(&self, peer: &Peer) -> Option<&TlsOptions> {
        match self.websocket_of(peer) {
            Some(websocket) => websocket.tls.as_ref(),
            None => self.spec.tls.as_ref(),
        }
    }

    /// As [`requires_auth`](Self::requires_auth), for one connection.
    pub fn requires_auth_of(&self, peer: &Peer) -> bool {
        self.requires_auth() || self.websocket_login(peer).is_some()
    }

    /// What a connection over WebSocket logs in with, if that is another than for others.
    pub fn websocket_login(&self, peer: &Peer) -> Option<&WebsocketOptions> {
        let options = self.websocket_of(peer);
        options.filter(|options| options.overrides_auth())
    }

    /// How often a connection that is idle is pinged.
    pub fn ping_interval_of(&self, peer: &Peer) -> Duration {
        self.websocket_of(peer)
            .and_then(|options| options.ping_interval)
            .unwrap_or(self.spec.timing.ping_interval)
    }

    /// How long a connection may take to authenticate.
    pub fn auth_timeout_of(&self, peer: &Peer) -> Duration {
        self.websocket_of(peer)
            .and_then(|options| Duration::try_from_secs_f64(options.auth_timeout?).ok())
            .unwrap_or(self.spec.timing.auth_timeout)
    }

    /// What is different in INFO for a client over WebSocket.
    pub(super) fn info_over_websocket(
        &self,
        peer: &Peer,
        urls: Vec<String>,
        info: ServerInfo,
    ) -> ServerInfo {
        let Some(options) = self.spec.websocket.as_ref() else {
            return info;
        };
        let is_secure = options.tls.is_some();
        ServerInfo {
            tls_required: is_secure,
            tls_available: is_secure,
            host: options.shown_host().to_owned(),
            port: options.port.unwrap_or_default(),
            auth_required: self.requires_auth_of(peer),
            connect_urls: urls,
            ..info
        }
    }

    /// Where clients over WebSocket are told to connect to, if the server takes any.
    pub(super) fn websocket_url(&self) -> Option<String> {
        let options = self.spec.websocket.as_ref()?;
        let port = u16::try_from(options.port?).ok()?;
        let told = options.advertise.as_deref().map(split_address);
        let (host, told_port) = told.unwrap_or((options.shown_host(), None));
        Some(super::info::url(host, told_port.unwrap_or(port)))
    }
}
