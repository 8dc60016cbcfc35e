//! Replacing what varies between two runs of the same server by typed placeholders.
//!
//! Only values that a server draws or measures are replaced: identities, random names, times,
//! ports and machine figures. Everything else, JSON key order and escapes included, stays the bytes
//! that came; what is compressed is shown as it was before, since the compressed bytes are the encoder's
//! choice. Normalising has two stages, because a step may declare the order of its frames free:
//! first each frame is *masked*, which cuts [holes](Hole) that remember what stood there, then the
//! transcript numbers equal holes by first appearance.

mod encoding;
mod json_rules;
mod names;
mod text_rules;

use crate::scenario::JsonPath;
use crate::wire::Frame;

use names::Names;

/// Why a value is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoleKind {
    /// A server's public key, `N` and 55 characters.
    ServerId,
    /// A server's public curve key, `X` and 55 characters.
    Xkey,
    /// The nonce a client is to sign.
    Nonce,
    /// The public key of a test key.
    PublicKey,
    /// A JWT that the scenario states.
    Jwt,
    /// The id of a JWT that a server has made.
    TokenId,
    /// A user key that a server has made up.
    UserKey,
    /// A signature.
    Signature,
    /// A time in seconds since 1970.
    Second,
    /// The id of an event, 22 characters of which the first 12 belong to the server process.
    EventId,
    /// A random part of a subject the server made up.
    Token,
    /// What a server draws to find loops of leaf nodes. It has many of equal rank in one list.
    LoopToken,
    /// A time that says `Z`.
    Time,
    /// A time with a numeric zone offset.
    TimeWithOffset,
    /// A round-trip time in nanoseconds.
    Nanoseconds,
    /// A round-trip time as text with its unit.
    Duration,
    /// A whole-second duration as text, such as an uptime.
    Elapsed,
    /// A port the operating system picked.
    Port,
    /// Bytes of memory in use.
    Memory,
    /// Processor load.
    Cpu,
    /// The number of processors.
    Cores,
    /// The `GOMAXPROCS` of the process.
    GoMaxProcs,
    /// The number of a connection, where it depends on how often servers had to dial each other.
    ConnectionId,
    /// The number of a message of a server, where it depends on how many heartbeats came before.
    Sequence,
    /// A count of messages or bytes that has those in it which servers exchange by themselves.
    Traffic,
    /// The mode of compression that servers choose by the time between them.
    Compression,
    /// The digest of a configuration that names ports.
    Digest,
    /// Where something is in the server's memory.
    Address,
    /// A process id.
    Pid,
    /// A time in the server's log.
    LogTime,
    /// A time as HTTP writes it.
    HttpTime,
    /// The scenario's scratch directory.
    Directory,
    /// The address of the web server for the JWTs of accounts.
    Accounts,
    /// A JSON value that frames share out among themselves in any order.
    Shuffled,
    /// A JSON string the scenario declares free.
    FreeString,
    /// A JSON number the scenario declares free.
    FreeNumber,
    /// Another JSON value the scenario declares free.
    FreeValue,
}

impl HoleKind {
    /// The word in the placeholder.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerId => "server-id",
            Self::Xkey => "xkey",
            Self::Nonce => "nonce",
            Self::PublicKey => "key",
            Self::Jwt => "jwt",
            Self::TokenId => "jti",
            Self::UserKey => "user-key",
            Self::Signature => "sig",
            Self::Second => "second",
            Self::EventId => "event-id",
            Self::Token => "token",
            Self::LoopToken => "loop-token",
            Self::Time => "time",
            Self::TimeWithOffset => "time-with-offset",
            Self::Nanoseconds => "ns",
            Self::Duration => "duration",
            Self::Elapsed => "elapsed",
            Self::Port => "port",
            Self::Memory => "mem",
            Self::Cpu => "cpu",
            Self::Cores => "cores",
            Self::GoMaxProcs => "gomaxprocs",
            Self::ConnectionId => "cid",
            Self::Sequence => "seq",
            Self::Traffic => "traffic",
            Self::Compression => "s2-mode",
            Self::Digest => "digest",
            Self::Address => "address",
            Self::Pid => "pid",
            Self::LogTime => "log-time",
            Self::HttpTime => "http-time",
            Self::Directory => "dir",
            Self::Accounts => "accounts",
            Self::Shuffled => "shuffled",
            Self::FreeString => "free-string",
            Self::FreeNumber => "free-number",
            Self::FreeValue => "free",
        }
    }

    /// Whether equal values get equal numbers, so that a transcript shows which are the same.
    pub fn is_numbered(self) -> bool {
        matches!(
            self,
            Self::ServerId | Self::Xkey | Self::EventId | Self::Token | Self::UserKey
        )
    }

    /// Whether values of this kind differ in length, so that sizes of texts with them vary too.
    pub fn varies_in_length(self) -> bool {
        !matches!(
            self,
            Self::ServerId
                | Self::Xkey
                | Self::Nonce
                | Self::PublicKey
                | Self::Jwt
                | Self::TokenId
                | Self::UserKey
                | Self::Signature
                | Self::Second
                | Self::EventId
                | Self::Token
                | Self::LoopToken
        )
    }
}

/// A value cut out of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// Why it was cut out.
    pub kind: HoleKind,
    /// What stood there.
    pub value: Vec<u8>,
    /// The name to show, when it is known whose value it is.
    pub name: Option<String>,
}

/// A part of a masked text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes as received.
    Bytes(Vec<u8>),
    /// A value cut out.
    Hole(Hole),
}

/// A text with holes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Masked(pub Vec<Piece>);

impl Masked {
    fn bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(Piece::Bytes(last)) => last.extend_from_slice(bytes),
            _ => self.0.push(Piece::Bytes(bytes.to_vec())),
        }
    }

    fn hole(&mut self, kind: HoleKind, value: &[u8]) {
        self.named_hole(kind, value, None);
    }

    fn named_hole(&mut self, kind: HoleKind, value: &[u8], name: Option<String>) {
        self.0.push(Piece::Hole(Hole {
            kind,
            value: value.to_vec(),
            name,
        }));
    }

    fn append(&mut self, other: Masked) {
        for piece in other.0 {
            match piece {
                Piece::Bytes(bytes) => self.bytes(&bytes),
                hole => self.0.push(hole),
            }
        }
    }

    fn varies_in_length(&self) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Hole(hole) if hole.kind.varies_in_length()))
    }

    /// A key that orders masked texts without looking at what was cut out.
    pub fn order_key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Bytes(bytes) => key.extend_from_slice(bytes),
                Piece::Hole(hole) => {
                    key.push(0);
                    key.extend_from_slice(hole.kind.name().as_bytes());
                    key.extend(hole.name.iter().flat_map(|name| name.bytes()));
                }
            }
        }
        key
    }
}

/// A frame with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedFrame {
    /// The protocol line.
    pub line: Masked,
    /// The header block of `HMSG`; empty for `MSG`, absent for other frames.
    pub headers: Option<Masked>,
    /// The payload; absent for frames without one.
    pub payload: Option<Masked>,
}

impl MaskedFrame {
    /// A key that orders frames without looking at what was cut out.
    pub fn order_key(&self) -> Vec<u8> {
        let mut key = self.line.order_key();
        for part in [&self.headers, &self.payload].into_iter().flatten() {
            key.push(b'\n');
            key.extend(part.order_key());
        }
        key
    }
}

impl MaskedFrame {
    /// The values cut out as [`HoleKind::Shuffled`].
    pub fn shuffled(&self) -> impl Iterator<Item = &[u8]> {
        let parts = [Some(&self.line), self.payload.as_ref()];
        parts
            .into_iter()
            .flatten()
            .flat_map(|part| &part.0)
            .filter_map(|piece| match piece {
                Piece::Hole(hole) if hole.kind == HoleKind::Shuffled => Some(&hole.value[..]),
                _ => None,
            })
    }
}

/// What a scenario declares free in a step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Freedom<'a> {
    /// JSON lists whose order is free.
    pub sets: &'a [JsonPath],
    /// JSON values that are free.
    pub free: &'a [JsonPath],
    /// JSON values shown apart from their frames, in order.
    pub shuffled: &'a [JsonPath],
}

/// Masks what one server under test sends and prints.
#[derive(Debug, Clone, Default)]
pub struct Normaliser {
    literals: Vec<(Vec<u8>, HoleKind)>,
    /// Keys and tokens with their names.
    identities: Vec<(Vec<u8>, HoleKind, String)>,
    deployment: Option<Names>,
}

impl Normaliser {
    /// A normaliser that also cuts out these texts wherever they appear, such as the path of a
    /// scratch directory.
    pub fn new(literals: Vec<(Vec<u8>, HoleKind)>) -> Self {
        Self {
            literals,
            identities: Vec::new(),
            deployment: None,
        }
    }

    /// A normaliser for a deployment of several servers, whose ports have these names.
    pub fn of_several(
        literals: Vec<(Vec<u8>, HoleKind)>,
        ports: impl IntoIterator<Item = (u16, String)>,
    ) -> Self {
        Self {
            literals,
            identities: Vec::new(),
            deployment: Some(Names::new(ports)),
        }
    }

    /// Cuts out a text that a server has made up, wherever it appears from now on.
    pub fn hide(&mut self, text: &str, kind: HoleKind) {
        self.literals.push((text.as_bytes().to_vec(), kind));
    }

    /// Shows the server id `id` as that of the server `name` of several.
    pub fn name_server(&mut self, id: &str, name: &str) {
        if let Some(names) = &mut self.deployment {
            names.add_server(id, name);
        }
    }

    /// Shows a public key or a token by its name.
    pub fn name_identity(&mut self, text: &str, kind: HoleKind, name: &str) {
        let entry = (text.as_bytes().to_vec(), kind, name.to_owned());
        if !self.identities.contains(&entry) {
            self.identities.push(entry);
        }
    }

    /// Masks a frame.
    pub fn frame(&self, frame: &Frame, freedom: Freedom<'_>) -> MaskedFrame {
        let Some(body) = &frame.body else {
            return MaskedFrame {
                line: self.info_or_line(&frame.line, freedom),
                headers: None,
                payload: None,
            };
        };
        let headers = self.headers(&body.headers);
        let decoded = encoding::decoded(&body.headers, &body.payload);
        // What is sealed has the same length in every run, unlike what is compressed.
        let opened = crate::callout::opened(&body.headers, &body.payload);
        let shown = decoded.as_ref().or(opened.as_ref());
        let payload = self.payload(shown.unwrap_or(&body.payload), freedom);
        let mut line = self.text(&frame.line);
        if headers.varies_in_length() || payload.varies_in_length() || decoded.is_some() {
            line = hide_sizes(line, headers.varies_in_length());
        }
        MaskedFrame {
            line,
            headers: Some(headers),
            payload: Some(payload),
        }
    }

    /// Masks a header block. What a service import adds about the requester is JSON.
    fn headers(&self, headers: &[u8]) -> Masked {
        const REQUESTER: &[u8] = b"Nats-Request-Info: ";
        let mut masked = Masked::default();
        for line in headers.split_inclusive(|b| *b == b'\n') {
            match line.strip_prefix(REQUESTER) {
                Some(rest) => {
                    let json = rest.trim_ascii_end();
                    masked.bytes(REQUESTER);
                    masked.append(self.payload(json, Freedom::default()));
                    masked.bytes(&rest[json.len()..]);
                }
                None => masked.append(self.text(line)),
            }
        }
        masked
    }

    fn info_or_line(&self, line: &[u8], freedom: Freedom<'_>) -> Masked {
        let json = line
            .strip_prefix(b"INFO ")
            .map(|rest| rest.trim_ascii_end())
            .filter(|json| !json.is_empty());
        match json {
            Some(json) => {
                let mut masked = Masked::default();
                masked.bytes(b"INFO ");
                masked.append(self.payload(json, freedom));
                masked.bytes(&line[5 + json.len()..]);
                masked
            }
            None => self.text(line),
        }
    }

    fn payload(&self, payload: &[u8], freedom: Freedom<'_>) -> Masked {
        if let Some(root) = crate::json::locate(payload) {
            return json_rules::mask(self, payload, &root, freedom);
        }
        match crate::identities::read(payload).filter(|_| !self.is_identity(payload)) {
            Some((header, claims)) => self.token(&header, &claims, freedom),
            None => self.text(payload),
        }
    }

    /// Masks a JWT that a server has made, which is shown as what it says.
    fn token(&self, header: &[u8], claims: &[u8], freedom: Freedom<'_>) -> Masked {
        let mut masked = Masked::default();
        masked.bytes(b"JWT ");
        masked.bytes(header);
        masked.bytes(b" ");
        match crate::json::locate(claims) {
            Some(root) => masked.append(json_rules::mask_claims(self, claims, &root, freedom)),
            None => masked.append(self.text(claims)),
        }
        masked
    }

    /// Whether this is one of the tokens that have names.
    fn is_identity(&self, text: &[u8]) -> bool {
        self.identities.iter().any(|(known, ..)| known == text)
    }

    /// Masks text that is not JSON.
    pub fn text(&self, text: &[u8]) -> Masked {
        text_rules::mask(text, self)
    }

    /// Masks what a program printed, log lines included, line by line.
    pub fn output(&self, text: &[u8]) -> Vec<Masked> {
        text.split_inclusive(|b| *b == b'\n')
            .map(|line| text_rules::mask_log_line(line, self))
            .collect()
    }
}

/// Replaces the sizes at the end of a message line by `<n>`: the total, and before it the size of
/// the headers if those vary.
fn hide_sizes(line: Masked, headers_vary: bool) -> Masked {
    let mut pieces = line.0;
    if let Some(Piece::Bytes(last)) = pieces.last_mut() {
        let mut text = String::from_utf8_lossy(last).into_owned();
        let end = text.trim_end().len();
        let total = text[..end].rfind(' ').map_or(0, |at| at + 1);
        text.replace_range(total..end, "<n>");
        if headers_vary {
            let end = total.saturating_sub(1);
            let size = text[..end].rfind(' ').map_or(0, |at| at + 1);
            text.replace_range(size..end, "<n>");
        }
        *last = text.into_bytes();
    }
    Masked(pieces)
}

#[cfg(test)]
mod tests;
