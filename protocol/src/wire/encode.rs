//! Writing operations, each appended to a buffer that the caller owns and reuses.
//!
//! Arguments are written as given: a subject with a blank in it gives a line that means something
//! else. Lines end in CRLF.

use super::{ConnectOptions, ServerInfo};

/// `INFO {json} ` and the line end. The blank behind the JSON is the real server's.
///
/// ```
/// use nats_mock_protocol::wire::{ServerInfo, encode};
/// let mut out = Vec::new();
/// encode::info(&mut out, &ServerInfo::default());
/// assert!(out.starts_with(b"INFO {\"server_id\":\"\",") && out.ends_with(b"} \r\n"));
/// ```
pub fn info(out: &mut Vec<u8>, info: &ServerInfo) {
    let json = info.to_json();
    out.reserve(json.len() + 8);
    out.extend_from_slice(b"INFO ");
    out.extend_from_slice(json.as_bytes());
    out.extend_from_slice(b" \r\n");
}

/// `CONNECT {json}`.
pub fn connect(out: &mut Vec<u8>, options: &ConnectOptions) {
    out.extend_from_slice(b"CONNECT ");
    out.extend_from_slice(options.to_json().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `PUB subject [reply] size` and the payload.
///
/// ```
/// use nats_mock_protocol::wire::encode;
/// let mut out = Vec::new();
/// encode::publish(&mut out, b"greet", Some(b"_INBOX.1"), b"hello");
/// assert_eq!(out, b"PUB greet _INBOX.1 5\r\nhello\r\n");
/// ```
pub fn publish(out: &mut Vec<u8>, subject: &[u8], reply: Option<&[u8]>, payload: &[u8]) {
    out.extend_from_slice(b"PUB ");
    word(out, subject);
    optional(out, reply);
    number(out, payload.len() as u64);
    body(out, &[payload]);
}

/// `HPUB subject [reply] header-size total-size`, the header block and the payload.
pub fn publish_with_headers(
    out: &mut Vec<u8>,
    subject: &[u8],
    reply: Option<&[u8]>,
    headers: &[u8],
    payload: &[u8],
) {
    out.extend_from_slice(b"HPUB ");
    word(out, subject);
    optional(out, reply);
    number(out, headers.len() as u64);
    out.push(b' ');
    number(out, headers.len() as u64 + payload.len() as u64);
    body(out, &[headers, payload]);
}

/// `SUB subject [queue] sid`.
pub fn subscribe(out: &mut Vec<u8>, subject: &[u8], queue: Option<&[u8]>, sid: &[u8]) {
    out.extend_from_slice(b"SUB ");
    word(out, subject);
    optional(out, queue);
    out.extend_from_slice(sid);
    out.extend_from_slice(b"\r\n");
}

/// `UNSUB sid [max]`.
pub fn unsubscribe(out: &mut Vec<u8>, sid: &[u8], max: Option<u64>) {
    out.extend_from_slice(b"UNSUB ");
    out.extend_from_slice(sid);
    if let Some(max) = max {
        out.push(b' ');
        number(out, max);
    }
    out.extend_from_slice(b"\r\n");
}

/// `MSG subject sid [reply] size` and the payload.
///
/// ```
/// use nats_mock_protocol::wire::encode;
/// let mut out = Vec::new();
/// encode::message(&mut out, b"greet", b"7", None, b"hello");
/// assert_eq!(out, b"MSG greet 7 5\r\nhello\r\n");
/// ```
#[inline]
pub fn message(
    out: &mut Vec<u8>,
    subject: &[u8],
    sid: &[u8],
    reply: Option<&[u8]>,
    payload: &[u8],
) {
    out.extend_from_slice(b"MSG ");
    word(out, subject);
    word(out, sid);
    optional(out, reply);
    number(out, payload.len() as u64);
    body(out, &[payload]);
}

/// `HMSG subject sid [reply] header-size total-size`, the header block and the payload.
#[inline]
pub fn message_with_headers(
    out: &mut Vec<u8>,
    subject: &[u8],
    sid: &[u8],
    reply: Option<&[u8]>,
    headers: &[u8],
    payload: &[u8],
) {
    out.extend_from_slice(b"HMSG ");
    word(out, subject);
    word(out, sid);
    optional(out, reply);
    number(out, headers.len() as u64);
    out.push(b' ');
    number(out, headers.len() as u64 + payload.len() as u64);
    body(out, &[headers, payload]);
}

/// `PING`.
pub fn ping(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PING\r\n");
}

/// `PONG`.
pub fn pong(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PONG\r\n");
}

/// `+OK`.
pub fn ok(out: &mut Vec<u8>) {
    out.extend_from_slice(b"+OK\r\n");
}

/// `-ERR 'text'`.
///
/// ```
/// use nats_mock_protocol::wire::encode;
/// let mut out = Vec::new();
/// encode::err(&mut out, b"Stale Connection");
/// assert_eq!(out, b"-ERR 'Stale Connection'\r\n");
/// ```
pub fn err(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(b"-ERR '");
    out.extend_from_slice(text);
    out.extend_from_slice(b"'\r\n");
}

/// A number in decimal, without the detour through the formatting machinery.
///
/// ```
/// use nats_mock_protocol::wire::encode;
/// let mut out = Vec::new();
/// encode::number(&mut out, 1024);
/// assert_eq!(out, b"1024");
/// ```
#[inline]
pub fn number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[inline]
fn word(out: &mut Vec<u8>, word: &[u8]) {
    out.extend_from_slice(word);
    out.push(b' ');
}

#[inline]
fn optional(out: &mut Vec<u8>, argument: Option<&[u8]>) {
    if let Some(argument) = argument {
        word(out, argument);
    }
}

#[inline]
fn body(out: &mut Vec<u8>, parts: &[&[u8]]) {
    out.extend_from_slice(b"\r\n");
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}
