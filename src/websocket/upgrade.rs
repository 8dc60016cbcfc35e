//! Whether a client is let in, and what it is told.

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use super::origin;
use super::session::Terms;
use crate::Version;
use crate::core::Cookies;
use crate::topology::WebsocketOptions;
use crate::version::Feature;
use nats_mock_protocol::http::{Request, RequestError};

/// What every server of the protocol adds to the client's key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const DEFLATE: &str = "permessage-deflate";

/// At which server, when and how a client asks to be let in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit<'a> {
    pub options: &'a WebsocketOptions,
    pub version: Version,
    /// It asks over TLS.
    pub is_secure: bool,
    /// The time as HTTP writes it.
    pub date: &'a str,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Admission {
    /// The client is told so, and may ask again if it keeps the connection.
    Refused { answer: Vec<u8>, keeps_alive: bool },
    /// From now on there are frames.
    Granted { answer: Vec<u8>, admitted: Admitted },
}

/// What a client has brought along that was let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub terms: Terms,
    /// It wants the leaf node protocol.
    pub is_leaf: bool,
    pub cookies: Cookies,
}

struct Status(u16, &'static str);

const BAD_REQUEST: Status = Status(400, "Bad Request");
const FORBIDDEN: Status = Status(403, "Forbidden");
const NOT_FOUND: Status = Status(404, "Not Found");
const NOT_ALLOWED: Status = Status(405, "Method Not Allowed");

/// Answers a request; `rest` is whether there is more behind it already.
pub(crate) fn answer(visit: Visit<'_>, request: &Request, rest: bool) -> Admission {
    if let Err(status) = check(visit, request) {
        return Admission::Refused {
            answer: refusal(&status, visit.date, request),
            keeps_alive: request.keeps_alive,
        };
    }
    if rest || wants_mqtt(request) {
        // It is not told why. MQTT is not simulated.
        return Admission::Refused {
            answer: Vec::new(),
            keeps_alive: false,
        };
    }
    let deflates = visit.options.compression && request.offers(DEFLATE);
    let is_unmasked = request.header("nats-no-masking") == Some("true");
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        accepted(request.header("sec-websocket-key").unwrap_or_default())
    );
    if deflates {
        answer.push_str(
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
             client_no_context_takeover\r\n",
        );
    }
    if is_unmasked {
        answer.push_str("Nats-No-Masking: true\r\n");
    }
    for (name, value) in &visit.options.headers {
        answer.push_str(&format!("{name}: {value}\r\n"));
    }
    answer.push_str("\r\n");
    let browser = request.header("user-agent").unwrap_or_default();
    let is_browser = browser.starts_with("Mozilla/");
    let cookie = |name: &Option<String>| {
        let value = name.as_deref().and_then(|name| request.cookie(name));
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let options = visit.options;
    Admission::Granted {
        answer: answer.into_bytes(),
        admitted: Admitted {
            terms: Terms {
                deflates,
                is_unmasked,
                is_browser,
                is_safari: browser.contains("Version/") && browser.contains("Safari/"),
            },
            is_leaf: path(request).ends_with("/leafnode"),
            cookies: Cookies {
                user: cookie(&options.user_cookie),
                password: cookie(&options.pass_cookie),
                token: cookie(&options.token_cookie),
                jwt: cookie(&options.jwt_cookie),
            },
        },
    }
}

fn check(visit: Visit<'_>, request: &Request) -> Result<(), Status> {
    let profile = visit.version.profile();
    if profile.has(Feature::NoMqttPath) && wants_mqtt(request) {
        return Err(NOT_FOUND);
    }
    if request.method != "GET" {
        return Err(NOT_ALLOWED);
    }
    let key = request.header("sec-websocket-key").unwrap_or_default();
    let is_sound = request.header("host").is_some_and(|host| !host.is_empty())
        && request.has_token("upgrade", "websocket")
        && request.has_token("connection", "upgrade")
        && !key.is_empty()
        && (!profile.has(Feature::StrictUpgrades) || is_key(key))
        && request.has_token("sec-websocket-version", "13");
    if !is_sound {
        return Err(BAD_REQUEST);
    }
    if !origin::is_allowed(request, visit.options, visit.is_secure, visit.version) {
        return Err(FORBIDDEN);
    }
    Ok(())
}

fn wants_mqtt(request: &Request) -> bool {
    path(request).ends_with("/mqtt")
}

/// What was asked for, without what follows a question mark.
fn path(request: &Request) -> &str {
    request.path.split('?').next().unwrap_or_default()
}

fn is_key(key: &str) -> bool {
    let decoded = BASE64.decode(key.as_bytes());
    decoded.is_ok_and(|key| key.len() == 16)
}

/// What a client's key is answered with.
fn accepted(key: &str) -> String {
    BASE64.encode(&Sha1::digest(format!("{key}{GUID}")))
}

fn refusal(&Status(code, text): &Status, date: &str, request: &Request) -> Vec<u8> {
    let minor = if request.is_old { 0 } else { 1 };
    // Who speaks HTTP/1.0 expects nothing else.
    let connection = if request.keeps_alive || request.is_old {
        ""
    } else {
        "Connection: close\r\n"
    };
    let length = text.len() + 1;
    format!(
        "HTTP/1.{minor} {code} {text}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Sec-Websocket-Version: 13\r\nX-Content-Type-Options: nosniff\r\nDate: {date}\r\n\
         Content-Length: {length}\r\n{connection}\r\n{text}\n"
    )
    .into_bytes()
}

/// What whoever sends no request is told before the connection is closed.
pub(crate) fn refuse(error: &RequestError) -> Vec<u8> {
    let status = match error {
        RequestError::TooLong => "431 Request Header Fields Too Large",
        RequestError::Malformed(_) => "400 Bad Request",
        RequestError::NoHost => "400 Bad Request: missing required Host header",
        RequestError::Version => "505 HTTP Version Not Supported: unsupported protocol version",
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{status}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_answered_as_in_the_standard() {
        assert_eq!(
            accepted("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
