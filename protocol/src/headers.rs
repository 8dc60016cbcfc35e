//! Message headers: the `NATS/1.0` block in front of a payload.
//!
//! The real server passes blocks on without looking at them, and looks up single keys with
//! [`get`]. [`Headers`] is the client's view: parsed, ordered, with repeated keys.

use memchr::memmem;
use nom::Parser;
use nom::bytes::complete::{tag, take_until, take_while_m_n, take_while1};
use nom::combinator::rest;
use nom::error::Error as NomError;
use nom::sequence::preceded;
use std::fmt;
use thiserror::Error;

/// What every block begins with.
pub const VERSION: &str = "NATS/1.0";

/// Why a header block is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The block does not begin with `NATS/1.0`.
    #[error("header block does not begin with NATS/1.0")]
    Version,
    /// What follows `NATS/1.0` on the first line is not a three-digit status and text.
    #[error("bad status line \"{line}\"")]
    Status {
        /// The first line.
        line: String,
    },
    /// A line without a colon, or without CRLF.
    #[error("header line {number} is malformed: \"{line}\"")]
    Line {
        /// The line's number; the status line is 1.
        number: usize,
        /// The line.
        line: String,
    },
    /// A key that is empty or has a character other than printable ASCII without blank and colon.
    #[error("bad header key \"{key}\"")]
    Key {
        /// The key.
        key: String,
    },
    /// A value that is not UTF-8 or has a line break in it.
    #[error("bad value for header key \"{key}\"")]
    Value {
        /// The key.
        key: String,
    },
    /// The block does not end with an empty line, or goes on after it.
    #[error("header block does not end with one empty line")]
    End,
}

/// The status that a server puts on the first line, such as 503 for "no responders".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Three digits.
    pub code: u16,
    /// What follows the code; may be empty.
    pub description: String,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.code)?;
        if !self.description.is_empty() {
            write!(f, " {}", self.description)?;
        }
        Ok(())
    }
}

/// Parsed headers: key and value pairs in the order of the block, keys in their own case and
/// possibly repeated, and an optional status.
///
/// ```
/// use nats_mock_protocol::headers::Headers;
/// let headers = Headers::parse(b"NATS/1.0 503 No Responders\r\nA: 1\r\nA: 2\r\n\r\n")?;
/// assert_eq!(headers.status().map(|s| s.code), Some(503));
/// assert_eq!(headers.get("A"), Some("1"));
/// assert!(headers.get_all("A").eq(["1", "2"]));
/// assert_eq!(headers.get("a"), None);
/// # Ok::<(), nats_mock_protocol::headers::HeaderError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    status: Option<Status>,
    entries: Vec<(String, String)>,
}

impl Headers {
    /// No headers and no status.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The status of the first line, if it has one.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }

    /// Puts a status on the first line. Line breaks in the description become blanks, and a code
    /// above 999 becomes 999.
    pub fn set_status(&mut self, code: u16, description: &str) {
        self.status = Some(Status {
            code: code.min(999),
            description: one_line(description),
        });
    }

    /// Adds a value behind those that are there. Line breaks in the value become blanks, and
    /// blanks at its ends are dropped, as client libraries do.
    ///
    /// # Errors
    /// If the key is empty or has a character other than printable ASCII without blank and colon.
    pub fn append(&mut self, key: &str, value: &str) -> Result<(), HeaderError> {
        if key.is_empty() || !key.bytes().all(is_key_byte) {
            return Err(HeaderError::Key {
                key: key.to_owned(),
            });
        }
        self.entries.push((key.to_owned(), one_line(value)));
        Ok(())
    }

    /// Replaces all values of a key by one, which goes to the end.
    ///
    /// # Errors
    /// As for [`append`](Self::append); nothing is removed then.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), HeaderError> {
        let before = self.entries.len();
        self.append(key, value)?;
        let mut index = 0;
        self.entries.retain(|(k, _)| {
            index += 1;
            index > before || k != key
        });
        Ok(())
    }

    /// Removes all values of a key.
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|(k, _)| k != key);
    }

    /// The first value of a key, which must be in the same case.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.get_all(key).next()
    }

    /// All values of a key, which must be in the same case.
    pub fn get_all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(k, _)| *k == key).map(|(_, v)| v)
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no pairs; there may be a status.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reads a block as it ought to be.
    ///
    /// # Errors
    /// On the first departure from the form that [`encode`](Self::encode) writes, apart from blanks
    /// around values and behind the status.
    pub fn parse(block: &[u8]) -> Result<Self, HeaderError> {
        let (mut input, first) = line(block).map_err(|_| version_or(block, HeaderError::End))?;
        let mut headers = Self {
            status: status_line(first)?,
            entries: Vec::new(),
        };
        for number in 2.. {
            let (after, text) = line(input).map_err(|_| HeaderError::End)?;
            input = after;
            if text.is_empty() {
                break;
            }
            headers.entries.push(pair(number, text)?);
        }
        if input.is_empty() {
            Ok(headers)
        } else {
            Err(HeaderError::End)
        }
    }

    /// Reads what can be read, as client libraries do: lines may end in LF alone, lines without a
    /// colon and what follows `NATS/1.0` without being a status are skipped, a line that begins with
    /// a blank continues the one before, the end may be missing, and bytes that are not UTF-8 become
    /// replacement characters.
    ///
    /// # Errors
    /// Only if the block does not begin with `NATS/1.0`.
    pub fn parse_lenient(block: &[u8]) -> Result<Self, HeaderError> {
        let block = block
            .strip_prefix(VERSION.as_bytes())
            .ok_or(HeaderError::Version)?;
        let mut lines = block
            .split(|&b| b == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut headers = Self {
            status: lines.next().and_then(status),
            entries: Vec::new(),
        };
        for line in lines.take_while(|line| !line.is_empty()) {
            if matches!(line.first(), Some(b' ' | b'\t')) {
                if let Some((_, value)) = headers.entries.last_mut() {
                    value.push(' ');
                    value.push_str(&String::from_utf8_lossy(trimmed(line)));
                }
                continue;
            }
            let Some(colon) = memchr::memchr(b':', line).filter(|&colon| colon > 0) else {
                continue;
            };
            let text = |bytes: &[u8]| String::from_utf8_lossy(trimmed(bytes)).into_owned();
            headers
                .entries
                .push((text(&line[..colon]), text(&line[colon + 1..])));
        }
        Ok(headers)
    }

    /// Appends the block to `out`, with its closing empty line.
    ///
    /// ```
    /// use nats_mock_protocol::headers::Headers;
    /// let mut headers = Headers::new();
    /// headers.append("Trace", "on")?;
    /// let mut out = Vec::new();
    /// headers.encode(&mut out);
    /// assert_eq!(out, b"NATS/1.0\r\nTrace: on\r\n\r\n");
    /// # Ok::<(), nats_mock_protocol::headers::HeaderError>(())
    /// ```
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(VERSION.as_bytes());
        if let Some(status) = &self.status {
            out.extend_from_slice(format!(" {status}").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        for (key, value) in &self.entries {
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The value of a key in a raw block, found as the real server finds it: same case, at the start
/// of a line that follows a CRLF, directly followed by a colon. Blanks in front of the value are
/// skipped, blanks behind it belong to it; the value ends at CRLF or with the block.
///
/// ```
/// use nats_mock_protocol::headers::get;
/// let block = b"NATS/1.0\r\nAccept-Encoding: snappy\r\n\r\n";
/// assert_eq!(get(block, "Accept-Encoding"), Some(&b"snappy"[..]));
/// assert_eq!(get(block, "accept-encoding"), None);
/// ```
#[must_use]
pub fn get<'a>(block: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let start = KeyLines::new(block, key).next()? + key.len() + 1;
    let blanks = block[start..].iter().take_while(|&&b| b == b' ').count();
    let value = &block[start + blanks..];
    let end = memmem::find(value, b"\r\n").unwrap_or(value.len());
    Some(&value[..end])
}

/// A raw block in which `key` has the one value given, placed at the end, as the real server adds
/// headers of its own. `None` stands for a message without headers.
///
/// ```
/// use nats_mock_protocol::headers::with;
/// let block = with(Some(b"NATS/1.0\r\nHop: 1\r\nTo: 2\r\n\r\n"), "Hop", "3");
/// assert_eq!(block, b"NATS/1.0\r\nTo: 2\r\nHop: 3\r\n\r\n");
/// ```
#[must_use]
pub fn with(block: Option<&[u8]>, key: &str, value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(kept) = block.and_then(|block| block.get(..block.len().checked_sub(2)?)) {
        without(kept, key, &mut out);
    }
    if out.is_empty() {
        out.extend_from_slice(VERSION.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(one_line(value).as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out
}

/// Appends the block, which lacks its closing empty line, without the lines of a key; nothing if
/// they were all it had.
fn without(block: &[u8], key: &str, out: &mut Vec<u8>) {
    let mut lines = KeyLines::new(block, key);
    let (mut copied, mut left) = (0, block.len());
    while let Some(start) = lines.next() {
        let Some(len) = memmem::find(&block[start..], b"\r\n") else {
            break;
        };
        out.extend_from_slice(&block[copied..start]);
        copied = start + len + 2;
        left -= len + 2;
        if left <= VERSION.len() + 4 {
            out.clear();
            return;
        }
        lines.cut(copied);
    }
    out.extend_from_slice(&block[copied..]);
}

/// Finds the lines of a key.
struct KeyLines<'a> {
    block: &'a [u8],
    finder: memmem::Finder<'a>,
    from: usize,
    /// Bytes in front of `from` that count as searched in the same go.
    lead: usize,
}

impl<'a> KeyLines<'a> {
    fn new(block: &'a [u8], key: &'a str) -> Self {
        Self {
            block,
            finder: memmem::Finder::new(key),
            from: 0,
            lead: 0,
        }
    }

    /// Where the next line begins.
    fn next(&mut self) -> Option<usize> {
        let block = self.block;
        loop {
            let found = self.finder.find(&block[self.from..])?;
            // The real server gives up on a hit within two bytes of where it searched from.
            if self.lead + found < 2 {
                return None;
            }
            let at = self.from + found;
            let end = at + self.finder.needle().len();
            let starts_line = at >= 2 && &block[at - 2..at] == b"\r\n" && at + 1 < block.len();
            if starts_line {
                match block.get(end) {
                    None => return None,
                    Some(b':') => {
                        self.lead += found;
                        self.from = at;
                        return Some(at);
                    }
                    Some(_) => {}
                }
            }
            (self.from, self.lead) = (end, 0);
        }
    }

    /// Goes on as if the line just found, which ends at `end`, had never been there.
    fn cut(&mut self, end: usize) {
        self.from = end;
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
        .trim_matches([' ', '\t'])
        .to_owned()
}

/// The bytes without the blanks at their ends.
fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn is_key_byte(b: u8) -> bool {
    b.is_ascii_graphic() && b != b':'
}

fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn version_or(block: &[u8], otherwise: HeaderError) -> HeaderError {
    if block.starts_with(VERSION.as_bytes()) {
        otherwise
    } else {
        HeaderError::Version
    }
}

/// The nom error type in use: it borrows, so a failed branch costs no allocation.
type Fail<'a> = nom::Err<NomError<&'a [u8]>>;

/// One line, without its CRLF, and what follows it.
fn line(input: &[u8]) -> Result<(&[u8], &[u8]), Fail<'_>> {
    let (input, text) = take_until("\r\n").parse_complete(input)?;
    let (input, _) = tag("\r\n").parse_complete(input)?;
    Ok((input, text))
}

fn status_line(first: &[u8]) -> Result<Option<Status>, HeaderError> {
    let after: Result<(&[u8], &[u8]), Fail<'_>> =
        preceded(tag(VERSION), rest).parse_complete(first);
    let (_, after) = after.map_err(|_| HeaderError::Version)?;
    if trimmed(after).is_empty() {
        return Ok(None);
    }
    text_of(after)
        .and_then(|_| status(after))
        .map(Some)
        .ok_or_else(|| HeaderError::Status {
            line: printable(first),
        })
}

/// ` 503 No Responders`: a blank, three digits, and perhaps a blank and a description.
fn status(text: &[u8]) -> Option<Status> {
    let digits = take_while_m_n(3, 3, |b: u8| b.is_ascii_digit());
    let parsed: Result<(&[u8], &[u8]), Fail<'_>> =
        preceded(take_while1(|b| b == b' '), digits).parse_complete(text);
    let (description, digits) = parsed.ok()?;
    if !matches!(description.first(), None | Some(b' ')) {
        return None;
    }
    Some(Status {
        code: str::from_utf8(digits).ok()?.parse().ok()?,
        description: one_line(&String::from_utf8_lossy(description)),
    })
}

fn pair(number: usize, text: &[u8]) -> Result<(String, String), HeaderError> {
    let parsed: Result<(&[u8], &[u8]), Fail<'_>> = take_until(":").parse_complete(text);
    let (value, key) = parsed.map_err(|_| HeaderError::Line {
        number,
        line: printable(text),
    })?;
    if key.is_empty() || !key.iter().copied().all(is_key_byte) {
        return Err(HeaderError::Key {
            key: printable(key),
        });
    }
    let key = String::from_utf8_lossy(key).into_owned();
    let value = trimmed(&value[1..]);
    match text_of(value) {
        Some(value) => Ok((key, value.to_owned())),
        None => Err(HeaderError::Value { key }),
    }
}

/// The bytes as text, if that is UTF-8 without line breaks.
fn text_of(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains(['\r', '\n']))
}
