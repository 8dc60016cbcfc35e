//! HTTP requests without a body, such as a client over WebSocket begins with.
//!
//! ```
//! use nats_mock_protocol::http::RequestReader;
//!
//! let mut reader = RequestReader::default();
//! reader.input().extend_from_slice(b"GET /path HTTP/1.1\r\nHost: here\r\n");
//! assert_eq!(reader.next(), Ok(None));
//! reader.input().extend_from_slice(b"Cookie: a=1\r\n\r\n");
//! let request = reader.next()?.expect("is whole");
//! assert_eq!((request.path.as_str(), request.cookie("a")), ("/path", Some("1")));
//! # Ok::<(), nats_mock_protocol::http::RequestError>(())
//! ```

use std::fmt;

use bytes::{Buf, BytesMut};

/// As much of a request as Go's HTTP server takes before it refuses it, in bytes.
pub const MAX_REQUEST: usize = 1024 * 1024 + 4096;

/// Takes requests from a stream.
#[derive(Default)]
pub struct RequestReader {
    input: BytesMut,
    /// How much was looked through for the end of a request.
    searched: usize,
    /// The first line has been looked at.
    has_begun: bool,
}

impl fmt::Debug for RequestReader {
    /// Of what has come only the length: there may be secrets in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestReader")
            .field("waiting", &self.input.len())
            .finish_non_exhaustive()
    }
}

impl RequestReader {
    /// Where what comes next is to be appended.
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Whether more has come than the requests taken so far.
    pub fn has_more(&self) -> bool {
        !self.input.is_empty()
    }

    /// The next request, once it is whole.
    ///
    /// However small the pieces are that it comes in, it is parsed twice at most: when there is a line,
    /// which may show that it is none, and when it is whole.
    ///
    /// # Errors
    ///
    /// When what has come is no request. Nothing more is to be read then.
    #[expect(
        clippy::should_implement_trait,
        reason = "there may be more after nothing"
    )]
    pub fn next(&mut self) -> Result<Option<Request>, RequestError> {
        let new = &self.input[self.searched..];
        let has_line = !self.has_begun && memchr::memchr(b'\n', new).is_some();
        // An end may begin in what was looked through.
        let from = self.searched.saturating_sub(3);
        let is_whole = ends_head(&self.input[from..]);
        self.searched = self.input.len();
        if !has_line && !is_whole && self.input.len() <= MAX_REQUEST {
            return Ok(None);
        }
        self.has_begun = true;
        let Some((request, length)) = Request::parse(&self.input)? else {
            return Ok(None);
        };
        self.input.advance(length);
        (self.searched, self.has_begun) = (0, false);
        Ok(Some(request))
    }
}

/// Whether there is an empty line.
fn ends_head(bytes: &[u8]) -> bool {
    let mut lines = memchr::memchr_iter(b'\n', bytes);
    lines.any(|end| matches!(bytes[end + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

/// A request, without a body.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// What is asked for, as it came.
    pub path: String,
    /// It speaks HTTP/1.0.
    pub is_old: bool,
    /// The client would say more on the same connection.
    pub keeps_alive: bool,
    headers: Vec<(String, String)>,
}

impl fmt::Debug for Request {
    /// Of headers only the names: cookies are passwords and tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// What is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Its head is longer than what is taken.
    #[error("a request of more than {MAX_REQUEST} bytes")]
    TooLong,
    /// It has not the form of one.
    #[error("a malformed request: {0}")]
    Malformed(String),
    /// HTTP/1.1 wants to know the host.
    #[error("a request without a host")]
    NoHost,
    /// A version that is not HTTP/1.
    #[error("an unsupported version of HTTP")]
    Version,
}

impl Request {
    /// The request that `bytes` begin with, and its length; nothing as long as it is not whole.
    ///
    /// # Errors
    ///
    /// When they begin with something else, or with more than one may take.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, RequestError> {
        // The parser would skip empty lines in front, and never see the end of many of them.
        if matches!(bytes.first(), Some(b'\r' | b'\n')) {
            return Err(RequestError::Malformed("an empty line".to_owned()));
        }
        // Every header takes a line.
        let lines = memchr::memchr_iter(b'\n', bytes).count();
        let mut headers = vec![httparse::EMPTY_HEADER; lines + 1];
        let mut parsed = httparse::Request::new(&mut headers);
        let length = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() > MAX_REQUEST => {
                return Err(RequestError::TooLong);
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::Version) => return Err(RequestError::Version),
            Err(error) => return Err(RequestError::Malformed(error.to_string())),
        };
        let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        let request = Self {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: parsed.path.unwrap_or_default().to_owned(),
            is_old: parsed.version == Some(0),
            keeps_alive: parsed.version == Some(1),
            headers: parsed
                .headers
                .iter()
                .map(|header| (header.name.to_owned(), text(header.value)))
                .collect(),
        };
        if !request.is_old && request.header("host").is_none() {
            return Err(RequestError::NoHost);
        }
        let keeps_alive = request.keeps_alive && !request.has_token("connection", "close");
        Ok(Some((
            Self {
                keeps_alive,
                ..request
            },
            length,
        )))
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter();
        let (_, value) = named.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(named)
            .map(|(_, value)| value.as_str())
    }

    /// Whether one of the words of a header is this one, whatever its case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(','))
            .any(|word| word.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
    }

    /// Whether an extension is among those that the client offers.
    pub fn offers(&self, extension: &str) -> bool {
        self.values("sec-websocket-extensions")
            .flat_map(|value| value.split([',', ';']))
            .any(|word| {
                word.trim_matches([' ', '\t'])
                    .eq_ignore_ascii_case(extension)
            })
    }

    /// The value of a cookie; the last one of several.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.values("cookie")
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(known, _)| known.trim() == name)
            .map(|(_, value)| value.trim_matches('"'))
            .last()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(text: &str) -> Request {
        let parsed = Request::parse(text.as_bytes()).expect("is well-formed");
        parsed.expect("is whole").0
    }

    #[test]
    fn empty_lines_in_front_are_no_request() {
        for text in ["\n", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let parsed = Request::parse(text.as_bytes());
            assert!(
                matches!(parsed, Err(RequestError::Malformed(_))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_request_is_taken_apart() {
        let text = "GET /a HTTP/1.1\r\nHost: h:1\r\nConnection: keep-alive, Upgrade\r\n\
                    Cookie: a=1; b=\"2\"\r\nCookie: a=3\r\n\
                    Sec-WebSocket-Extensions: x, permessage-deflate; y\r\n\r\n";
        let read = request(text);
        assert_eq!((read.method.as_str(), read.path.as_str()), ("GET", "/a"));
        assert!(read.has_token("CONNECTION", "upgrade") && !read.has_token("connection", "up"));
        assert_eq!((read.cookie("a"), read.cookie("b")), (Some("3"), Some("2")));
        assert!(read.offers("permessage-deflate") && !read.offers("deflate"));
        assert!(read.keeps_alive);
    }

    #[test]
    fn what_is_no_request_is_told() {
        assert_eq!(Request::parse(b"GET / HTTP/1.1\r\n"), Ok(None));
        assert_eq!(
            Request::parse(b"GET / HTTP/1.1\r\n\r\n"),
            Err(RequestError::NoHost)
        );
        assert!(matches!(
            Request::parse(b"\x16\x03\x01"),
            Err(RequestError::Malformed(_))
        ));
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_REQUEST));
        assert_eq!(Request::parse(long.as_bytes()), Err(RequestError::TooLong));
        assert!(!request("GET / HTTP/1.0\r\n\r\n").keeps_alive);
    }

    proptest! {
        #[test]
        fn requests_are_taken_from_pieces_of_any_size(cuts in proptest::collection::vec(1..9usize, 1..20)) {
            let text = "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\nHost: h\n\n";
            let mut reader = RequestReader::default();
            let (mut rest, mut paths) = (text.as_bytes(), Vec::new());
            for &cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                rest = left;
                reader.input().extend_from_slice(piece);
                while let Some(request) = reader.next().expect("is well-formed") {
                    paths.push(request.path);
                }
            }
            prop_assert_eq!(paths, ["/a", "/b"]);
            prop_assert!(!reader.has_more());
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::parse(&bytes);
        }
    }
}
