//! One request to a web server for the JWT of an account, in the manner of a real server's HTTP client.

use std::io;
use std::net::ToSocketAddrs;

use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Error};

use super::first_line::{self, Noting};
#[cfg(feature = "tls")]
use super::https::Securing;
#[cfg(feature = "tls")]
use crate::topology::TlsError;
use crate::topology::{AccountServer, ClientTls, FETCH_PATIENCE, FetchError, quote_bytes};

/// JWTs are shorter.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

fn config() -> Config {
    Agent::config_builder()
        .timeout_global(Some(FETCH_PATIENCE))
        .http_status_as_error(false)
        // Real servers take no notice of the environment here.
        .proxy(None)
        .user_agent("Go-http-client/1.1")
        .accept("")
        .build()
}

/// Who asks for servers that connect by TLS like this, or as the machine would.
#[cfg(feature = "tls")]
fn agent(tls: Option<&ClientTls>) -> Result<Agent, FetchError> {
    use std::sync::{Mutex, PoisonError};

    /// So many are kept with their connections, of which each server has its own.
    const MOST_AGENTS: usize = 16;

    static AGENTS: Mutex<Vec<(Option<ClientTls>, Agent)>> = Mutex::new(Vec::new());

    let mut agents = AGENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, agent)) = agents.iter().find(|(known, _)| known.as_ref() == tls) {
        return Ok(agent.clone());
    }
    let unmade = |error: TlsError| FetchError::Unreachable(error.to_string());
    let used = tls.cloned().map_or_else(ClientTls::of_the_machine, Ok);
    let connector = TcpConnector::default()
        .chain(Securing(used.map_err(unmade)?))
        .chain(Noting);
    let agent = Agent::with_parts(config(), connector, DefaultResolver::default());
    if agents.len() >= MOST_AGENTS {
        agents.remove(0);
    }
    agents.push((tls.cloned(), agent.clone()));
    Ok(agent)
}

/// Who asks; there is no TLS.
#[cfg(not(feature = "tls"))]
fn agent(_: Option<&ClientTls>) -> Result<Agent, FetchError> {
    use std::sync::LazyLock;

    static AGENT: LazyLock<Agent> = LazyLock::new(|| {
        let connector = TcpConnector::default().chain(Noting);
        Agent::with_parts(config(), connector, DefaultResolver::default())
    });
    Ok(AGENT.clone())
}

/// Asks for the JWT of the account with this public key, or, without one, whether anybody is there. This waits for
/// the answer.
pub(crate) fn get(server: &AccountServer, key: &str) -> Result<String, FetchError> {
    if let Some(answer) = server.answer(key) {
        return answer;
    }
    let base = server.url().map_or("", |url| url);
    let url = format!("{base}{key}");
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if server.is_encrypted() {
        if !cfg!(feature = "tls") {
            return Err(FetchError::NeedsFeature("tls"));
        }
    } else if !scheme.eq_ignore_ascii_case("http") {
        let text = format!("unsupported protocol scheme \"{scheme}\"");
        return Err(FetchError::Unreachable(text));
    }
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    if rest.starts_with('/') {
        let text = "http: no Host in request URL".to_owned();
        return Err(FetchError::Unreachable(text));
    }
    let agent = agent(server.tls.as_ref())?;
    let failed = |error| failure(&url, error);
    first_line::forget();
    let mut response = agent.get(&url).call().map_err(failed)?;
    if response.status() != 200 {
        let line = first_line::last();
        let line = String::from_utf8_lossy(&line);
        let told = line.split_once(' ').map_or("", |(_, told)| told);
        let status = response.status().as_u16();
        return Err(FetchError::of_status(status, told.trim_start_matches(' ')));
    }
    let body = response.body_mut().with_config();
    let body = body.limit(LONGEST_ANSWER as u64).read_to_vec();
    let body = body.map_err(|error| match failed(error) {
        FetchError::Unreachable(text) if text == "EOF" => FetchError::CutShort,
        other => other,
    })?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// What is said of an answer that is none, if it is one.
fn malformed() -> Option<String> {
    let line = first_line::last();
    let mut words = line.splitn(2, |&byte| byte == b' ');
    let is_http = words.next().is_some_and(|word| word.starts_with(b"HTTP/"));
    let told = words.next().unwrap_or_default().trim_ascii_start();
    let status = told.split(|&byte| byte == b' ').next().unwrap_or_default();
    let is_status =
        matches!(status, [a, b, c] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()));
    let what = match (is_http, is_status) {
        _ if line.is_empty() => return None,
        (true, true) => return None,
        (true, false) => format!("status code {}", quote_bytes(status)),
        (false, _) => format!("response {}", quote_bytes(&line)),
    };
    Some(format!(
        "net/http: HTTP/1.x transport connection broken: malformed HTTP {what}"
    ))
}

/// What a real server says that was told of a failure of TLS.
#[cfg(feature = "tls")]
use super::https::failure as tls_failure;

#[cfg(not(feature = "tls"))]
fn tls_failure(_: &Error) -> Option<String> {
    None
}

/// Why there is no answer, as the HTTP client of a real server says it.
fn failure(url: &str, error: Error) -> FetchError {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let default_port = match url
        .get(..6)
        .is_some_and(|it| it.eq_ignore_ascii_case("https:"))
    {
        true => 443,
        false => 80,
    };
    let is_numbered = host.rsplit_once(':').is_some_and(|(_, port)| {
        !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit())
    });
    let address = match is_numbered {
        true => host.to_owned(),
        false => format!("{host}:{default_port}"),
    };
    if let Some(text) = tls_failure(&error) {
        return FetchError::Unreachable(text);
    }
    let refused = || {
        // What is tried first is told of.
        let found = address.to_socket_addrs().ok();
        let first = found.and_then(|mut found| found.next());
        let address = first.map_or_else(|| address.clone(), |first| first.to_string());
        format!("dial tcp {address}: connect: connection refused")
    };
    let text = match error {
        Error::Timeout(_) => return FetchError::Silence,
        Error::BodyExceedsLimit(_) => return FetchError::TooLong(LONGEST_ANSWER),
        Error::HostNotFound => {
            let host = address.rsplit_once(':').map_or("", |(host, _)| host);
            format!("dial tcp: lookup {host}: no such host")
        }
        Error::ConnectionFailed => refused(),
        Error::TooManyRedirects => "stopped after 10 redirects".to_owned(),
        Error::Io(error) => match error.kind() {
            // A connection that goes through TLS wraps what is told of the one below.
            _ if is_timeout(&error) => return FetchError::Silence,
            io::ErrorKind::ConnectionRefused => refused(),
            io::ErrorKind::UnexpectedEof => malformed().unwrap_or_else(|| "EOF".to_owned()),
            io::ErrorKind::ConnectionReset => "read: connection reset by peer".to_owned(),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => return FetchError::Silence,
            _ => error.to_string(),
        },
        other => malformed().unwrap_or_else(|| other.to_string()),
    };
    FetchError::Unreachable(text)
}

fn is_timeout(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    matches!(inner, Some(Error::Timeout(_)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// What comes of asking somebody who says this, and what was asked.
    fn said(answer: &'static [u8]) -> (Result<String, FetchError>, String) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let answer = get(&AccountServer::at(url), "KEY");
        (answer, asked.join().unwrap())
    }

    fn unreachable(text: &str) -> Result<String, FetchError> {
        Err(FetchError::Unreachable(text.to_owned()))
    }

    #[test]
    fn a_token_is_asked_for() {
        let (answer, asked) = said(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\neyJ");
        assert_eq!(answer, Ok("eyJ".to_owned()));
        assert!(asked.starts_with("GET /x/KEY HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("Go-http-client/1.1"), "{asked}");
    }

    #[test]
    fn what_is_no_answer_is_said_so() {
        let (answer, _) = said(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(answer, Err(FetchError::Status(503)));
        let (answer, _) = said(b"HTTP/1.1 503  Come Back \xff\r\nContent-Length: 0\r\n\r\n");
        let line = "503  Come Back \u{fffd}".to_owned();
        assert_eq!(answer, Err(FetchError::StatusLine { status: 503, line }));
        let (answer, _) = said(b"HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(answer.unwrap_err().to_string(), "503");
        let (answer, _) = said(b"");
        assert_eq!(answer, unreachable("EOF"));
        let strange = |line| {
            let start = "net/http: HTTP/1.x transport connection broken: malformed HTTP response";
            unreachable(&format!("{start} {line}"))
        };
        let (answer, _) = said(b"\x00\x01 no web server \xff\r\n\r\n");
        assert_eq!(answer, strange("\"\\x00\\x01 no web server \\xff\""));
        let (answer, _) = said(b"\x15\x03");
        assert_eq!(answer, strange("\"\\x15\\x03\""));
        let (answer, _) = said(b"HTTP/1.1 abc OK\r\n\r\n");
        let answer = answer.unwrap_err().to_string();
        assert!(
            answer.ends_with("malformed HTTP status code \"abc\""),
            "{answer}"
        );
        let (answer, _) = said(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\neyJ");
        assert_eq!(answer, Err(FetchError::CutShort));
        let refused = get(&AccountServer::at("http://127.0.0.1:1"), "KEY");
        assert_eq!(
            refused,
            unreachable("dial tcp 127.0.0.1:1: connect: connection refused")
        );
        let named = get(&AccountServer::at("http://localhost:1"), "KEY");
        let named = named.unwrap_err().to_string();
        assert!(
            named.ends_with("1:1: connect: connection refused"),
            "{named}"
        );
        let nowhere = get(&AccountServer::at(""), "");
        assert_eq!(nowhere, unreachable("unsupported protocol scheme \"\""));
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn without_the_feature_nobody_is_asked_by_tls() {
        let answer = get(&AccountServer::at("https://127.0.0.1:1"), "KEY");
        assert_eq!(answer, Err(FetchError::NeedsFeature("tls")));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn somebody_who_speaks_something_else_is_told_from_nobody() {
        let said = |answer: &'static [u8]| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let url = format!("https://{}", listener.local_addr().unwrap());
            let listening = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut hello = vec![0; 4096];
                let _ = stream.read(&mut hello).unwrap();
                stream.write_all(answer).unwrap();
            });
            let answer = get(&AccountServer::at(url), "");
            listening.join().unwrap();
            answer
        };
        assert_eq!(said(b""), unreachable("EOF"));
        let plain = "http: server gave HTTP response to HTTPS client";
        assert_eq!(
            said(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            unreachable(plain)
        );
        let strange = "tls: first record does not look like a TLS handshake";
        assert_eq!(said(b"INFO {} \r\n"), unreachable(strange));
        // A fatal alert: unrecognized name.
        let alert = "remote error: tls: unrecognized name";
        assert_eq!(said(b"\x15\x03\x03\x00\x02\x02\x70"), unreachable(alert));
    }
}
