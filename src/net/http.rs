//! One request to a web server for the JWT of an account, in the manner of a real server's HTTP client.

use std::io;
use std::sync::LazyLock;

use ureq::{Agent, Error};

use crate::topology::{AccountServer, FETCH_PATIENCE, FetchError};

/// JWTs are shorter.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let config = Agent::config_builder()
        .timeout_global(Some(FETCH_PATIENCE))
        .http_status_as_error(false)
        // Real servers take no notice of the environment here.
        .proxy(None)
        .user_agent("Go-http-client/1.1")
        .accept("")
        .build();
    config.into()
});

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
        let text = "https is not supported by nats-mock yet".to_owned();
        return Err(FetchError::Unreachable(text));
    }
    if !scheme.eq_ignore_ascii_case("http") {
        let text = format!("unsupported protocol scheme \"{scheme}\"");
        return Err(FetchError::Unreachable(text));
    }
    let failed = |error| failure(&url, error);
    let mut response = AGENT.get(&url).call().map_err(failed)?;
    if response.status() != 200 {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let body = response.body_mut().with_config();
    let body = body.limit(LONGEST_ANSWER as u64).read_to_vec();
    let body = body.map_err(failed)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Why there is no answer, as the HTTP client of a real server says it.
fn failure(url: &str, error: Error) -> FetchError {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let is_numbered = host.rsplit_once(':').is_some_and(|(_, port)| {
        !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit())
    });
    let address = match is_numbered {
        true => host.to_owned(),
        false => format!("{host}:80"),
    };
    let text = match error {
        Error::Timeout(_) => return FetchError::Silence,
        Error::BodyExceedsLimit(_) => return FetchError::TooLong(LONGEST_ANSWER),
        Error::HostNotFound => {
            let host = address.rsplit_once(':').map_or("", |(host, _)| host);
            format!("dial tcp: lookup {host}: no such host")
        }
        Error::ConnectionFailed => format!("dial tcp {address}: connect: connection refused"),
        Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                format!("dial tcp {address}: connect: connection refused")
            }
            io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
            io::ErrorKind::ConnectionReset => "read: connection reset by peer".to_owned(),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => return FetchError::Silence,
            _ => error.to_string(),
        },
        other => other.to_string(),
    };
    FetchError::Unreachable(text)
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
        let (answer, _) = said(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(answer, Err(FetchError::Status(503)));
        let (answer, _) = said(b"");
        assert_eq!(answer, unreachable("EOF"));
        let (answer, _) = said(b"\x00\x01 no web server \xff\r\n\r\n");
        assert!(
            matches!(answer, Err(FetchError::Unreachable(_))),
            "{answer:?}"
        );
        let (answer, _) = said(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\neyJ");
        assert!(
            matches!(answer, Err(FetchError::Unreachable(_))),
            "{answer:?}"
        );
        let refused = get(&AccountServer::at("http://127.0.0.1:1"), "KEY");
        assert_eq!(
            refused,
            unreachable("dial tcp 127.0.0.1:1: connect: connection refused")
        );
        let nowhere = get(&AccountServer::at(""), "");
        assert_eq!(nowhere, unreachable("unsupported protocol scheme \"\""));
    }
}
