//! What a server checks of its `websocket` block when it starts.

use super::{ServerOptions, StartError, words::quote};
use crate::{
    Version,
    topology::{links::RemoteUrl, websocket::WebsocketOptions},
    version::Feature,
};

/// Headers of the answer that lets a client in, which belong to the server.
const OWN_HEADERS: [&str; 5] = [
    "host",
    "content-length",
    "connection",
    "upgrade",
    "nats-no-masking",
];
const OWN_PREFIX: &str = "sec-websocket-";

impl ServerOptions {
    pub(super) fn validate_websocket(&self, version: Version) -> Result<(), StartError> {
        let listening = self.websocket.as_ref().filter(|it| it.is_listening());
        let Some(websocket) = listening else {
            return Ok(());
        };
        if websocket.tls.is_none() && !websocket.no_tls {
            return Err(StartError::WebsocketWithoutTls);
        }
        let strict = version.profile().has(Feature::AbsoluteOrigins);
        for origin in &websocket.allowed_origins {
            check_origin(origin, strict, version)?;
        }
        if let Some(user) = &websocket.no_auth_user {
            self.validate_no_auth_user(user)?;
        }
        if self.has_users() {
            if websocket.user.is_some() {
                return Err(StartError::WebsocketLoginAndUsers("username"));
            }
            if websocket.token.is_some() {
                return Err(StartError::WebsocketLoginAndUsers("token"));
            }
        }
        if let Some(cookie) = &websocket.jwt_cookie
            && self.operator.is_none()
        {
            return Err(StartError::JwtCookieWithoutOperator(cookie.clone()));
        }
        check_headers(websocket)
    }
}

fn check_origin(origin: &str, strict: bool, version: Version) -> Result<(), StartError> {
    let refused = |reason: String| StartError::Origin { reason };
    let malformed = |reason: String| refused(format!(": {reason}"));
    if !strict {
        let url = RemoteUrl::parse_for(origin, version);
        return match url {
            Err(error) if !origin.is_empty() => Err(malformed(error.to_string())),
            _ => Ok(()),
        };
    }
    let url = parse_origin(origin, version).map_err(malformed)?;
    let refused = |reason: &str| refused(format!(" {}: {reason}", quote(origin)));
    if !matches!(url.scheme.as_str(), "http" | "https") {
        let reason = "allowed origins must be absolute URLs with http or https scheme";
        return Err(refused(reason));
    }
    if url.host.is_empty() && url.port.is_none() {
        return Err(refused("host is required"));
    }
    Ok(())
}

/// An origin, which must be absolute.
pub(crate) fn parse_origin(text: &str, version: Version) -> Result<RemoteUrl, String> {
    let refused = |reason| format!("parse {}: {reason}", quote(text));
    if text.is_empty() {
        return Err(refused("empty url"));
    }
    let url = RemoteUrl::parse_for(text, version).map_err(|error| error.to_string())?;
    if url.scheme.is_empty() && !text.starts_with('/') {
        return Err(refused("invalid URI for request"));
    }
    Ok(url)
}

fn check_headers(websocket: &WebsocketOptions) -> Result<(), StartError> {
    for name in websocket.headers.keys() {
        let folded = name.to_lowercase();
        if OWN_HEADERS.contains(&folded.as_str()) {
            return Err(StartError::WebsocketHeader(name.clone()));
        }
        if folded.starts_with(OWN_PREFIX) {
            return Err(StartError::WebsocketHeaderPrefix(name.clone()));
        }
    }
    Ok(())
}
