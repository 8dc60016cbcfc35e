//! That a running server does not change its `websocket` block, and how it shows it then.

use super::reload::ReloadError;
use super::reload_shown::{Addresses, Block, changed, map, pinned, written};
use crate::topology::{ServerSpec, WebsocketOptions};
use crate::version::Profile;

/// Refuses a changed block. Only the certificates of its `tls` may be others.
pub(super) fn refuse_websocket(
    old: &ServerSpec,
    new: &ServerSpec,
    profile: &Profile,
    addresses: &mut Addresses,
) -> Result<(), ReloadError> {
    let mut block = |spec: &ServerSpec| {
        let options = spec.websocket.clone().unwrap_or_default();
        shown(&options, profile, addresses)
    };
    let (was, is) = (block(old), block(new));
    if was.first_change(&is).is_none() {
        return Ok(());
    }
    Err(changed("Websocket", was.shown(), is.shown()))
}

fn shown(options: &WebsocketOptions, profile: &Profile, addresses: &mut Addresses) -> Block {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let knows = |key| !profile.unknown_conf_keys.contains(&key);
    let host = match options.is_listening() {
        true => options.shown_host().to_owned(),
        false => text(&options.host),
    };
    let tls = options.tls.as_ref();
    let mut pointer = || addresses.to(tls.is_some());
    let (config, config_options) = (pointer(), pointer());
    let mut origins = options.allowed_origins.clone();
    origins.sort_unstable();
    Block::default()
        .with("Host", host)
        .with("Port", options.port.unwrap_or(0))
        .with("Advertise", text(&options.advertise))
        .with("NoAuthUser", text(&options.no_auth_user))
        .with("JWTCookie", text(&options.jwt_cookie))
        .with_if(
            knows("websocket.user_cookie"),
            "UsernameCookie",
            text(&options.user_cookie),
        )
        .with_if(
            knows("websocket.pass_cookie"),
            "PasswordCookie",
            text(&options.pass_cookie),
        )
        .with_if(
            knows("websocket.token_cookie"),
            "TokenCookie",
            text(&options.token_cookie),
        )
        .with("Username", text(&options.user))
        .with("Password", text(&options.password))
        .with("Token", text(&options.token))
        .with("AuthTimeout", options.auth_timeout.unwrap_or_default())
        .with("NoTLS", options.no_tls)
        .with_apart("TLSConfig", config)
        .with("TLSMap", tls.is_some_and(|tls| tls.map))
        .with("TLSPinnedCerts", pinned(tls))
        .with("SameOrigin", options.same_origin)
        .with("AllowedOrigins", format!("[{}]", origins.join(" ")))
        .with("Compression", options.compression)
        .with("HandshakeTimeout", written(options.handshake_timeout))
        .with_if(
            knows("websocket.ping_interval"),
            "PingInterval",
            written(options.ping_interval),
        )
        .with_if(knows("websocket.headers"), "Headers", headers(options))
        .with_apart("tlsConfigOpts", config_options)
}

fn headers(options: &WebsocketOptions) -> String {
    let headers = options.headers.iter();
    map(headers.map(|(name, value)| format!("{name}:{value}")))
}
