//! What varies in the JSON a server sends, decided by key and by the shape of the value.

use super::{Freedom, HoleKind, Masked, Normaliser, text_rules};
use crate::json::{Kind, Node};
use crate::scenario::{JsonPath, Place};

/// Keys whose value is a time of the run.
const TIME_KEYS: [&str; 10] = [
    "time",
    "timestamp",
    "ts",
    "start",
    "stop",
    "now",
    "last_activity",
    "config_load_time",
    "update_time",
    "last_modified",
];

/// Masks the document `root` of `text`.
pub(super) fn mask(
    normaliser: &Normaliser,
    text: &[u8],
    root: &Node,
    freedom: Freedom<'_>,
) -> Masked {
    walk(normaliser, text, root, freedom, false)
}

/// Masks the claims `root` of a JWT that a server has made.
pub(super) fn mask_claims(
    normaliser: &Normaliser,
    text: &[u8],
    root: &Node,
    freedom: Freedom<'_>,
) -> Masked {
    walk(normaliser, text, root, freedom, true)
}

fn walk(
    normaliser: &Normaliser,
    text: &[u8],
    root: &Node,
    freedom: Freedom<'_>,
    is_token: bool,
) -> Masked {
    Walk {
        normaliser,
        text,
        root,
        freedom,
        is_token,
        place: Vec::new(),
    }
    .node(root)
}

struct Walk<'a> {
    normaliser: &'a Normaliser,
    text: &'a [u8],
    root: &'a Node,
    freedom: Freedom<'a>,
    /// These are the claims of a JWT.
    is_token: bool,
    place: Vec<Place<'a>>,
}

impl<'a> Walk<'a> {
    /// Whether the present place is one of `paths`.
    fn is_in(&self, paths: &[JsonPath]) -> bool {
        paths
            .iter()
            .any(|p| p.matches(self.root, &self.place, self.text))
    }

    fn node(&mut self, node: &'a Node) -> Masked {
        let raw = &self.text[node.span.clone()];
        if self.is_in(self.freedom.free) {
            let mut masked = Masked::default();
            match node.kind {
                Kind::String => quoted(&mut masked, HoleKind::FreeString, raw),
                Kind::Number => masked.hole(HoleKind::FreeNumber, raw),
                _ => masked.hole(HoleKind::FreeValue, raw),
            }
            return masked;
        }
        if self.is_in(self.freedom.shuffled) {
            let mut masked = Masked::default();
            masked.hole(HoleKind::Shuffled, raw);
            return masked;
        }
        match &node.kind {
            Kind::Object(members) => {
                let children = members.iter().map(|(key, child)| (key.clone(), child));
                self.children(node, children.collect(), false)
            }
            Kind::Array(elements) => {
                let is_set = self.is_in(self.freedom.sets) || self.is_unordered();
                let children = elements
                    .iter()
                    .enumerate()
                    .map(|(index, child)| (index.to_string(), child));
                self.children(node, children.collect(), is_set)
            }
            _ => self.scalar(node),
        }
    }

    /// Masks the children and keeps the bytes between them.
    fn children(&mut self, node: &Node, children: Vec<Place<'a>>, is_set: bool) -> Masked {
        let mut parts = Vec::with_capacity(children.len());
        for (key, child) in &children {
            self.place.push((key.clone(), *child));
            parts.push(self.node(child));
            self.place.pop();
        }
        if is_set {
            parts.sort_by_cached_key(Masked::order_key);
        }
        let mut masked = Masked::default();
        let mut at = node.span.start;
        for ((key, child), part) in children.iter().zip(parts) {
            let before = &self.text[at..child.span.start];
            // Account details list answers that are awaited by the random subjects of these.
            if key.starts_with("_R_.") {
                masked.append(self.normaliser.text(before));
            } else {
                masked.bytes(before);
            }
            masked.append(part);
            at = child.span.end;
        }
        masked.bytes(&self.text[at..node.span.end]);
        masked
    }

    /// Whether this is a figure of the runtime that EXPVARZ shows.
    fn is_in_memory_statistics(&self) -> bool {
        self.place.iter().any(|(key, _)| key == "memstats")
    }

    /// Whether this is a list that servers of a deployment make from what they keep in no order.
    fn is_unordered(&self) -> bool {
        if self.normaliser.deployment.is_none() {
            return false;
        }
        match self.key(0) {
            "connect_urls" | "ws_connect_urls" | "routes" | "leafs" => true,
            "gateways" => self.key(1) == "statsz",
            "urls" => self.key(2) == "gateways",
            _ => self.gateway_side().is_some(),
        }
    }

    /// In which of the two lists of GATEWAYZ the present place is.
    fn gateway_side(&self) -> Option<&str> {
        let mut keys = self.place.iter().map(|(key, _)| key.as_str());
        keys.find(|key| matches!(*key, "inbound_gateways" | "outbound_gateways"))
    }

    /// The key of the present place, or that of one further out.
    fn key(&self, outwards: usize) -> &str {
        let mut keys = self.place.iter().rev().map(|(key, _)| key.as_str());
        keys.nth(outwards).unwrap_or_default()
    }

    /// What varies only where servers are connected to each other. Who dialled whom, and how often, is
    /// up to timing, and so are the numbers of connections.
    fn varies_among_several(&self, node: &Node, raw: &[u8]) -> Option<(HoleKind, Option<String>)> {
        let names = self.normaliser.deployment.as_ref()?;
        let is_route = self.key(2) == "routes";
        let is_leaf = self.key(2) == "leafs";
        if matches!(node.kind, Kind::Number) && self.counts_heartbeats() {
            return Some((HoleKind::Traffic, None));
        }
        let kind = match (self.key(0), &node.kind) {
            ("seq", Kind::Number) => HoleKind::Sequence,
            ("client_id" | "cid" | "rid" | "gwid", Kind::Number) => HoleKind::ConnectionId,
            ("id", Kind::Number) if matches!(self.key(1), "client" | "client_info") || is_leaf => {
                HoleKind::ConnectionId
            }
            ("did_solicit", _) if is_route => HoleKind::FreeValue,
            ("port", Kind::Number) if is_route => HoleKind::Port,
            ("config_digest", Kind::String) => HoleKind::Digest,
            ("compression", Kind::String) if is_leaf && raw.starts_with(b"\"s2_") => {
                HoleKind::Compression
            }
            (_, Kind::Number) if self.key(0).ends_with("port") => {
                return names.port(raw).map(|name| (HoleKind::Port, Some(name)));
            }
            _ => return None,
        };
        Some((kind, None))
    }

    /// Whether this counts messages or bytes of a server, or of a route or a gateway that carries the
    /// heartbeats which servers send each other: their number depends on when the servers found each
    /// other. A gateway carries messages one way only.
    fn counts_heartbeats(&self) -> bool {
        match self.key(0) {
            "msgs" | "bytes" => {
                let is_total = matches!(self.key(1), "sent" | "received");
                is_total && (self.key(2) == "statsz" || self.key(4) == "statsz")
            }
            "in_msgs" | "in_bytes" if self.key(1) == "connection" => {
                self.gateway_side() == Some("inbound_gateways")
            }
            "out_msgs" | "out_bytes" if self.key(1) == "connection" => {
                self.gateway_side() == Some("outbound_gateways")
            }
            "in_msgs" | "out_msgs" | "in_bytes" | "out_bytes" | "pending_size" => {
                let is_server = self.key(1) == "data" && self.place.len() == 2;
                is_server || (self.key(2) == "routes" && self.has_sibling("account"))
            }
            "pending_bytes" => self.key(1) == "connection" && self.gateway_side().is_some(),
            "pending" => self.key(2) == "routes" && self.key(3) == "statsz",
            _ => false,
        }
    }

    /// Whether the object that the present value is in has this key.
    fn has_sibling(&self, wanted: &str) -> bool {
        let object = self.place.iter().rev().nth(1).map(|(_, node)| &node.kind);
        matches!(object, Some(Kind::Object(members)) if members.iter().any(|(key, _)| key == wanted))
    }

    fn scalar(&self, node: &Node) -> Masked {
        let raw = &self.text[node.span.clone()];
        let key = self.key(0);
        let mut masked = Masked::default();
        if let Some((kind, name)) = self.varies_among_several(node, raw) {
            match node.kind {
                Kind::String => quoted(&mut masked, kind, raw),
                _ => masked.named_hole(kind, raw, name),
            }
            return masked;
        }
        if let Some(kind) = claim_rule(key).filter(|_| self.is_token) {
            match node.kind {
                Kind::String => quoted(&mut masked, kind, raw),
                _ => masked.hole(kind, raw),
            }
            return masked;
        }
        match node.kind {
            Kind::Number if self.is_in_memory_statistics() => masked.hole(HoleKind::Memory, raw),
            Kind::Number => match number_rule(key, raw) {
                Some(kind) => masked.hole(kind, raw),
                None => masked.bytes(raw),
            },
            Kind::String => {
                let inner = &raw[1..raw.len() - 1];
                match string_rule(key, self.place.len(), inner) {
                    Some(kind) => quoted(&mut masked, kind, raw),
                    None => masked = self.normaliser.text(raw),
                }
            }
            _ => masked.bytes(raw),
        }
        masked
    }
}

fn quoted(masked: &mut Masked, kind: HoleKind, raw: &[u8]) {
    masked.bytes(b"\"");
    masked.hole(kind, &raw[1..raw.len() - 1]);
    masked.bytes(b"\"");
}

/// What varies in the claims of a JWT that a server makes.
fn claim_rule(key: &str) -> Option<HoleKind> {
    match key {
        "iat" | "exp" => Some(HoleKind::Second),
        "jti" => Some(HoleKind::TokenId),
        "sig" => Some(HoleKind::Signature),
        _ => None,
    }
}

fn number_rule(key: &str, raw: &[u8]) -> Option<HoleKind> {
    match key {
        "rtt" if raw != b"0" => Some(HoleKind::Nanoseconds),
        "port" if raw != b"0" => Some(HoleKind::Port),
        "mem" => Some(HoleKind::Memory),
        "cpu" => Some(HoleKind::Cpu),
        "cores" => Some(HoleKind::Cores),
        "gomaxprocs" => Some(HoleKind::GoMaxProcs),
        _ => None,
    }
}

fn string_rule(key: &str, depth: usize, inner: &[u8]) -> Option<HoleKind> {
    match key {
        "xkey" if text_rules::is_public_key(inner, b'X') => Some(HoleKind::Xkey),
        "nonce" => Some(HoleKind::Nonce),
        "id" if depth == 1 && is_event_id(inner) => Some(HoleKind::EventId),
        "rtt" if inner != b"0s" && ends_as_duration(inner) => Some(HoleKind::Duration),
        "uptime" | "idle" if ends_as_duration(inner) => Some(HoleKind::Elapsed),
        _ if TIME_KEYS.contains(&key) => time_of_run(inner),
        _ => None,
    }
}

fn is_event_id(text: &[u8]) -> bool {
    text.len() == 22 && text.iter().all(u8::is_ascii_alphanumeric)
}

fn ends_as_duration(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_digit) && text.last() == Some(&b's')
}

/// A time after the year 2000; Go's zero time is a constant and stays.
fn time_of_run(text: &[u8]) -> Option<HoleKind> {
    const SHAPE: &[u8] = b"2ddd-dd-ddTdd:dd:dd";
    let head = text.get(..SHAPE.len())?;
    let shaped = head.iter().zip(SHAPE).all(|(b, shape)| match shape {
        b'd' => b.is_ascii_digit(),
        other => b == other,
    });
    if !shaped {
        return None;
    }
    let mut rest = &text[SHAPE.len()..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 || fraction[digits - 1] == b'0' {
            return None;
        }
        rest = &fraction[digits..];
    }
    match rest {
        b"Z" => Some(HoleKind::Time),
        [b'+' | b'-', h1, h2, b':', m1, m2]
            if [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()) =>
        {
            Some(HoleKind::TimeWithOffset)
        }
        _ => None,
    }
}
