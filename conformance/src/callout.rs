//! Playing the service that a server asks who its clients are: reading what it asks, and answering.

use serde_json::{Map, Value, json};

use crate::identities::{self, Kind};
use crate::wire::Frame;

/// Where servers ask.
const SUBJECT: &[u8] = b"MSG $SYS.REQ.USER.AUTH ";

/// The header in which a server says with which key it has sealed what it asks.
const KEY_HEADER: &[u8] = b"Nats-Server-Xkey: ";

/// The test key with which answers are sealed, unless they name another.
const SEALED_BY: &str = "callout_x";

/// What a server has asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    user: String,
    server: String,
    reply: String,
    /// The key of the server, if it has sealed the question.
    curve: Option<String>,
}

/// An answer as a script states it: `by KEY {claims of the user} {claims of the answer}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name of the test key that signs both.
    pub issuer: String,
    /// What the JWT of the user has besides what every one has; without it there is none in the answer.
    pub user: Option<Map<String, Value>>,
    /// The same of the answer itself. `"seal"` names the key that seals it; with `false` it stays open. `"by"`
    /// names the key that signs it, if that is another.
    pub answer: Map<String, Value>,
}

impl Question {
    /// What `frame` asks, if it asks anything.
    pub fn read(frame: &Frame) -> Option<Self> {
        let body = frame.body.as_ref()?;
        let line = frame.line.strip_prefix(b"H").unwrap_or(&frame.line);
        if !line.starts_with(SUBJECT) {
            return None;
        }
        let reply = String::from_utf8(frame.reply()?.to_vec()).ok()?;
        let curve = sealer(&body.headers);
        let opened = opened(&body.headers, &body.payload);
        let (_, claims) = identities::read(opened.as_ref().unwrap_or(&body.payload))?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            user: text(&claims["nats"]["user_nkey"])?,
            server: text(&claims["nats"]["server_id"]["id"])?,
            reply,
            curve,
        })
    }

    /// The key that stands for the client.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Where the answer is awaited.
    pub fn reply(&self) -> &str {
        &self.reply
    }

    /// The bytes of an answer.
    ///
    /// # Errors
    ///
    /// Names what the claims refer to and is not there.
    pub fn answer(&self, answer: &Answer, now: i64) -> Result<Vec<u8>, String> {
        let issuer = &answer.issuer;
        let mut claims = answer.answer.clone();
        let seal = claims.remove("seal").unwrap_or_else(|| json!(SEALED_BY));
        let by = claims.remove("by");
        claims.entry("aud").or_insert_with(|| json!(self.server));
        if let Some(user) = &answer.user {
            let user = Value::Object(user.clone());
            let token = identities::sign(Kind::User, &self.user, None, issuer, user, now)?;
            let nats = claims.entry("nats").or_insert_with(|| json!({}));
            nats["jwt"] = json!(token);
        }
        let claims = Value::Object(claims);
        let by = by.as_ref().and_then(Value::as_str).unwrap_or(issuer);
        let token = identities::sign(Kind::Answer, &self.user, None, by, claims, now)?;
        match (&self.curve, seal.as_str()) {
            (Some(curve), Some(key)) => identities::seal(token.as_bytes(), key, curve),
            _ => Ok(token.into_bytes()),
        }
    }
}

/// What stands in a payload that a server has sealed for one of the test keys.
pub fn opened(headers: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    identities::open(payload, &sealer(headers)?)
}

fn sealer(headers: &[u8]) -> Option<String> {
    let mut lines = headers.split(|b| *b == b'\n');
    let key = lines.find_map(|line| line.strip_prefix(KEY_HEADER))?;
    String::from_utf8(key.trim_ascii_end().to_vec()).ok()
}
