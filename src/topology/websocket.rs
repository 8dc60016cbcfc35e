//! Where and how a server takes clients over WebSocket.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::accounts::redact;
use super::tls::TlsOptions;

/// The `websocket` block.
#[derive(Clone, Default, PartialEq)]
pub struct WebsocketOptions {
    /// The address to listen on. Default: all.
    pub host: Option<String>,
    /// The port to listen on; -1 for any free one. Unset: not to listen.
    pub port: Option<i64>,
    /// The address told to clients instead of the real one, with or without a port.
    pub advertise: Option<String>,
    /// To take clients without TLS, if there is no `tls`.
    pub no_tls: bool,
    /// The `tls` block.
    pub tls: Option<TlsOptions>,
    /// To take browsers only if their page has come from the server itself.
    pub same_origin: bool,
    /// To take browsers only if their page has come from one of these.
    pub allowed_origins: Vec<String>,
    /// How long the HTTP request may take. Unset: any time.
    pub handshake_timeout: Option<Duration>,
    /// To deflate messages, and take deflated ones, if the client asks for it.
    pub compression: bool,
    /// The user instead of those that others log in as.
    pub user: Option<String>,
    /// The password that goes with it.
    pub password: Option<String>,
    /// A token instead.
    pub token: Option<String>,
    /// How long a client may take to authenticate, in seconds. Unset: as others.
    pub auth_timeout: Option<f64>,
    /// The user of clients that bring no credentials.
    pub no_auth_user: Option<String>,
    /// The cookie in which browsers may bring a user JWT.
    pub jwt_cookie: Option<String>,
    /// The cookie in which browsers may bring a user's name (since 2.11).
    pub user_cookie: Option<String>,
    /// The cookie in which browsers may bring a password (since 2.11).
    pub pass_cookie: Option<String>,
    /// The cookie in which browsers may bring a token (since 2.11).
    pub token_cookie: Option<String>,
    /// Headers of the answer that lets a client in (since 2.11).
    pub headers: BTreeMap<String, String>,
    /// How often an idle client is pinged (since 2.12). Unset: as others.
    pub ping_interval: Option<Duration>,
}

impl WebsocketOptions {
    /// Whether the server listens for such clients.
    pub fn is_listening(&self) -> bool {
        self.port.is_some()
    }

    /// The host that is shown wherever the server tells where it listens for such clients.
    pub(crate) fn shown_host(&self) -> &str {
        self.host.as_deref().unwrap_or("0.0.0.0")
    }

    /// The scheme of the URL by which such clients connect.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "wss" } else { "ws" }
    }

    /// Whether these clients log in in a way of their own.
    pub(crate) fn overrides_auth(&self) -> bool {
        self.user.is_some() || self.token.is_some() || self.no_auth_user.is_some()
    }
}

impl fmt::Debug for WebsocketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebsocketOptions")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("advertise", &self.advertise)
            .field("no_tls", &self.no_tls)
            .field("tls", &self.tls)
            .field("same_origin", &self.same_origin)
            .field("allowed_origins", &self.allowed_origins)
            .field("handshake_timeout", &self.handshake_timeout)
            .field("compression", &self.compression)
            .field("user", &self.user)
            .field("password", &self.password.as_deref().map(redact))
            .field("token", &self.token.as_deref().map(redact))
            .field("auth_timeout", &self.auth_timeout)
            .field("no_auth_user", &self.no_auth_user)
            .field("jwt_cookie", &self.jwt_cookie)
            .field("user_cookie", &self.user_cookie)
            .field("pass_cookie", &self.pass_cookie)
            .field("token_cookie", &self.token_cookie)
            .field("headers", &self.headers)
            .field("ping_interval", &self.ping_interval)
            .finish()
    }
}
