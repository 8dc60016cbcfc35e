//! Which pages a browser may connect from.

use crate::Version;
use crate::topology::{RemoteUrl, WebsocketOptions, parse_origin};
use crate::version::Feature;
use nats_mock_protocol::http::Request;

/// Whether a client may connect, as far as the page counts that it has come from. Only browsers tell
/// of one, and who tells of none is let in.
pub(super) fn is_allowed(
    request: &Request,
    options: &WebsocketOptions,
    is_secure: bool,
    version: Version,
) -> bool {
    if !options.same_origin && options.allowed_origins.is_empty() {
        return true;
    }
    let is_strict = version.profile().has(Feature::StrictUpgrades);
    let told = [
        request.header("origin"),
        request.header("sec-websocket-origin"),
    ];
    let Some(told) = told.into_iter().flatten().find(|told| !told.is_empty()) else {
        return true;
    };
    let Ok(url) = parse_origin(told, version) else {
        return false;
    };
    let Some(page) = Origin::of(&url) else {
        return false;
    };
    if options.same_origin {
        let scheme = if is_secure { "https" } else { "http" };
        let host = request.header("host").unwrap_or_default();
        let own = RemoteUrl::parse_for(&format!("{scheme}://{host}"), version);
        let own = own.ok().and_then(|own| Origin::of(&own));
        let is_same = own.is_some_and(|own| {
            let scheme = if is_strict { &own.scheme } else { &page.scheme };
            page == Origin {
                scheme: scheme.clone(),
                ..own
            }
        });
        if !is_same {
            return false;
        }
    }
    let listed = options.allowed_origins.iter();
    let listed = listed.map(|allowed| Origin::of(&parse_origin(allowed, version).ok()?));
    let mut listed = listed.flatten();
    if options.allowed_origins.is_empty() {
        true
    } else if is_strict {
        listed.any(|allowed| allowed == page)
    } else {
        // The last one of a host counts.
        listed.rfind(|allowed| allowed.host == page.host) == Some(page)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    fn of(url: &RemoteUrl) -> Option<Self> {
        let default = if url.scheme == "https" { 443 } else { 80 };
        // What is left of a port here leads nowhere.
        if url.host.contains(':') && url.host.parse::<std::net::Ipv6Addr>().is_err() {
            return None;
        }
        Some(Self {
            scheme: url.scheme.clone(),
            host: url.host.to_lowercase(),
            port: url.port.unwrap_or(default),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origin: &str, options: &WebsocketOptions) -> bool {
        let text = format!("GET / HTTP/1.1\r\nHost: Here:8080\r\n{origin}\r\n\r\n");
        let (request, _) = Request::parse(text.as_bytes()).unwrap().unwrap();
        is_allowed(&request, options, false, Version::default())
    }

    #[test]
    fn the_same_origin_is_scheme_host_and_port() {
        let same = WebsocketOptions {
            same_origin: true,
            ..WebsocketOptions::default()
        };
        assert!(allowed("A: b", &same));
        assert!(allowed("Origin: http://here:8080", &same));
        assert!(allowed("Sec-WebSocket-Origin: http://HERE:8080", &same));
        for other in [
            "http://here",
            "https://here:8080",
            "http://there:8080",
            "null",
            "here:8080",
        ] {
            assert!(!allowed(&format!("Origin: {other}"), &same), "{other}");
            assert!(allowed(
                &format!("Origin: {other}"),
                &WebsocketOptions::default()
            ));
        }
    }

    #[test]
    fn listed_origins_have_default_ports() {
        let listed = WebsocketOptions {
            allowed_origins: vec!["https://a.com".into(), "http://b.com:81".into()],
            ..WebsocketOptions::default()
        };
        assert!(allowed("Origin: https://A.com:443", &listed));
        assert!(allowed("Origin: http://b.com:81", &listed));
        assert!(!allowed("Origin: http://b.com", &listed));
        assert!(!allowed("Origin: http://a.com:443", &listed));
    }
}
