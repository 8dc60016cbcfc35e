//! Who the clients of a scenario are: nkeys known to everybody, and JWTs signed with them.
//!
//! A scenario states a JWT as its claims, so that it can be read; it is signed when it is first needed.
//! Signatures of ed25519 depend on nothing but key and text: a token without a time of the run is the same
//! in every play.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use data_encoding::{BASE32_NOPAD, BASE64, BASE64URL_NOPAD};
use nkeys::{KeyPair, XKey};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The name and the key pair of each line of `fixtures/keys/seeds.txt` that signs.
static KEYS: LazyLock<BTreeMap<&str, KeyPair>> = LazyLock::new(|| {
    let key = |(name, seed)| Some((name, KeyPair::from_seed(seed).ok()?));
    seeds().filter_map(key).collect()
});

/// The same of each that seals.
static CURVES: LazyLock<BTreeMap<&str, XKey>> = LazyLock::new(|| {
    let key = |(name, seed)| Some((name, XKey::from_seed(seed).ok()?));
    seeds().filter_map(key).collect()
});

/// The seeds of the test keys with their names.
pub fn secrets() -> impl Iterator<Item = (&'static str, &'static str)> {
    seeds()
}

fn seeds() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("../../fixtures/keys/seeds.txt").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, seed)| (name, seed.trim()))
}

/// When every token says that it was issued, unless its claims say another time.
const ISSUED: i64 = 1_600_000_000;

/// The public keys of the test keys with their names.
pub fn keys() -> impl Iterator<Item = (&'static str, String)> {
    let signers = KEYS.iter().map(|(name, key)| (*name, key.public_key()));
    signers.chain(CURVES.iter().map(|(name, key)| (*name, key.public_key())))
}

/// What `sender`, a public curve key, has sealed for one of the test keys.
pub fn open(sealed: &[u8], sender: &str) -> Option<Vec<u8>> {
    let sender = XKey::from_public_key(sender).ok()?;
    CURVES
        .values()
        .find_map(|key| key.open(sealed, &sender).ok())
}

/// Seals a text for the holder of the public curve key `receiver`.
///
/// # Errors
///
/// Names a key that is none.
pub fn seal(text: &[u8], by: &str, receiver: &str) -> Result<Vec<u8>, String> {
    let sender = CURVES
        .get(by)
        .ok_or_else(|| format!("no test key that seals is named `{by}`"))?;
    let receiver = XKey::from_public_key(receiver).map_err(|e| e.to_string())?;
    sender.seal(text, &receiver).map_err(|e| e.to_string())
}

/// A JWT as a scenario states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSpec {
    /// What the script calls it.
    pub name: String,
    kind: Kind,
    subject: String,
    issuer: String,
    claims: Map<String, Value>,
}

/// What a JWT is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An operator.
    Operator,
    /// An account.
    Account,
    /// A user.
    User,
    /// The answer to a server that asks who a client is.
    Answer,
    /// What lets an account import something.
    Activation,
    /// Of no kind that servers know, as requests to delete accounts are.
    Generic,
}

impl TokenSpec {
    /// Reads `KIND [of KEY] by KEY [{claims}]`; without `of`, the token's name is that of the key.
    ///
    /// # Errors
    ///
    /// Says what is not understood.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let (words, json) = match text.find('{') {
            Some(at) => text.split_at(at),
            None => (text, "{}"),
        };
        let words: Vec<&str> = words.split_whitespace().collect();
        let (kind, subject, issuer) = match words[..] {
            [kind, "by", issuer] => (kind, name, issuer),
            [kind, "of", subject, "by", issuer] => (kind, subject, issuer),
            _ => return Err("a token is written `KIND [of KEY] by KEY {claims}`".to_owned()),
        };
        let kind = match kind {
            "operator" => Kind::Operator,
            "account" => Kind::Account,
            "user" => Kind::User,
            "activation" => Kind::Activation,
            "generic" => Kind::Generic,
            _ => return Err(format!("`{kind}` is no kind of token")),
        };
        for key in [subject, issuer] {
            if !KEYS.contains_key(key) {
                return Err(format!("no test key is named `{key}`"));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            kind,
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
            claims: serde_json::from_str(json).map_err(|e| format!("claims: {e}"))?,
        })
    }

    /// Whether its claims hold this text.
    pub fn names(&self, text: &str) -> bool {
        serde_json::to_string(&self.claims).is_ok_and(|claims| claims.contains(text))
    }

    /// The token with what `fill` makes of the text of its claims.
    ///
    /// # Errors
    ///
    /// What `fill` says, or why what it makes is no JSON.
    pub fn filled(
        &self,
        fill: impl FnOnce(&str) -> Result<String, String>,
    ) -> Result<Self, String> {
        let claims = serde_json::to_string(&self.claims).map_err(|e| e.to_string())?;
        Ok(Self {
            claims: serde_json::from_str(&fill(&claims)?).map_err(|e| e.to_string())?,
            ..self.clone()
        })
    }

    /// Signs the token; `now` is what times such as `"+2s"` are counted from, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// Names what the claims refer to and is not there.
    pub fn sign(&self, now: i64) -> Result<String, String> {
        let claims = Value::Object(self.claims.clone());
        let subject = public(&self.subject);
        sign(
            self.kind,
            &subject,
            Some(&self.name),
            &self.issuer,
            claims,
            now,
        )
    }
}

/// A JWT of a kind with these claims on top of what every one has, signed by the key named `issuer`.
///
/// # Errors
///
/// Names what the claims refer to and is not there.
pub fn sign(
    kind: Kind,
    subject: &str,
    name: Option<&str>,
    issuer: &str,
    mut claims: Value,
    now: i64,
) -> Result<String, String> {
    let key = KEYS
        .get(issuer)
        .ok_or_else(|| format!("no test key is named `{issuer}`"))?;
    fill(&mut claims, now)?;
    let claims = claims.as_object().cloned().unwrap_or_default();
    let is_old = claims.get("version") == Some(&json!(1));
    let mut nats = kind.defaults();
    let mut payload = Map::new();
    payload.insert("iat".to_owned(), json!(ISSUED));
    payload.insert("iss".to_owned(), json!(key.public_key()));
    if let Some(name) = name {
        payload.insert("name".to_owned(), json!(name));
    }
    payload.insert("sub".to_owned(), json!(subject));
    for (key, value) in claims {
        match key.as_str() {
            "nats" => merge(&mut nats, value),
            "version" => {}
            _ => {
                payload.insert(key, value);
            }
        }
    }
    if is_old {
        // The first version says its kind beside the claims, and no version.
        if let Some(nats) = nats.as_object_mut() {
            let kind = nats.remove("type");
            nats.remove("version");
            payload.insert("type".to_owned(), kind.unwrap_or_default());
        }
    }
    payload.insert("nats".to_owned(), nats);
    let id = Sha256::digest(Value::Object(payload.clone()).to_string());
    payload.insert("jti".to_owned(), json!(BASE32_NOPAD.encode(&id)));
    let algorithm = if is_old { "ed25519" } else { "ed25519-nkey" };
    let header = json!({"typ": "JWT", "alg": algorithm}).to_string();
    let body = Value::Object(payload).to_string();
    let [header, body] = [header, body].map(|part| BASE64URL_NOPAD.encode(part.as_bytes()));
    // The signature of the first version leaves the header out.
    let signed = match is_old {
        true => body.clone(),
        false => format!("{header}.{body}"),
    };
    let signature = key.sign(signed.as_bytes()).map_err(|e| e.to_string())?;
    Ok(format!(
        "{header}.{body}.{}",
        BASE64URL_NOPAD.encode(&signature)
    ))
}

/// Header and claims of a JWT of the second version, as they are written in it, if its issuer has signed it.
pub fn read(token: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let token = std::str::from_utf8(token).ok()?;
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let part = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let (header, claims, signature) = (part(header)?, part(claims)?, part(signature)?);
    let said: Value = serde_json::from_slice(&claims).ok()?;
    let issuer = KeyPair::from_public_key(said.get("iss")?.as_str()?).ok()?;
    issuer.verify(signed.as_bytes(), &signature).ok()?;
    Some((header, claims))
}

impl Kind {
    /// What a token says that a tool has made without being told anything.
    fn defaults(self) -> Value {
        match self {
            Self::Operator => json!({"type": "operator", "version": 2}),
            Self::Account => json!({
                "limits": {
                    "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                    "wildcards": true, "conn": -1, "leaf": -1,
                },
                "default_permissions": {"pub": {}, "sub": {}},
                "authorization": {},
                "type": "account",
                "version": 2,
            }),
            Self::User => json!({
                "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
                "type": "user", "version": 2,
            }),
            Self::Answer => json!({"type": "authorization_response", "version": 2}),
            Self::Activation => json!({"type": "activation", "version": 2}),
            Self::Generic => json!({"type": "generic", "version": 2}),
        }
    }
}

fn public(name: &str) -> String {
    let curve = || CURVES.get(name).map(XKey::public_key);
    let signer = KEYS.get(name).map(KeyPair::public_key);
    signer.or_else(curve).unwrap_or_default()
}

/// Puts `over` into `base`, object by object; `null` takes a member out.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(&key);
                } else {
                    merge(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, over) => *base = over,
    }
}

/// Replaces `{{key.NAME}}` in texts, as a member's name too, and times from now such as `"+2s"`.
fn fill(value: &mut Value, now: i64) -> Result<(), String> {
    match value {
        Value::Object(members) => {
            let old = std::mem::take(members);
            for (key, mut member) in old {
                fill(&mut member, now)?;
                members.insert(fill_keys(&key)?, member);
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, now)),
        Value::String(text) => {
            let seconds = text
                .strip_suffix('s')
                .filter(|text| text.starts_with(['+', '-']))
                .and_then(|text| text.parse::<i64>().ok());
            *value = match seconds {
                Some(seconds) => json!(now + seconds),
                None => json!(fill_keys(text)?),
            };
            Ok(())
        }
        _ => Ok(()),
    }
}

fn fill_keys(text: &str) -> Result<String, String> {
    substitute(text, |name| {
        let key = public(name.strip_prefix("key.")?);
        (!key.is_empty()).then_some(key)
    })
}

/// Replaces each `{{name}}` for which `find` has something; others stay.
///
/// # Errors
///
/// Names a key or a token that is not there.
pub fn substitute(
    text: &str,
    mut find: impl FnMut(&str) -> Option<String>,
) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, after) = rest.split_at(at);
        filled.push_str(before);
        let name = after[2..].split_once("}}").map(|(name, _)| name);
        match name.and_then(|name| Some((name, find(name)?))) {
            Some((name, value)) => {
                filled.push_str(&value);
                rest = &after[name.len() + 4..];
            }
            None => {
                if let Some(name) = name.filter(|name| is_identity(name)) {
                    return Err(format!("`{{{{{name}}}}}` means nothing"));
                }
                filled.push_str("{{");
                rest = &after[2..];
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Whether a placeholder stands for a key, its seed or a token.
pub fn is_identity(name: &str) -> bool {
    ["key.", "jwt.", "seed."]
        .iter()
        .any(|kind| name.starts_with(kind))
}

/// What `a.sig.KEY` stands for, and `a.sig_std.KEY` in the other alphabet in which servers take it: the nonce
/// that `nonce` has for the connection `a`, signed.
pub fn signature(name: &str, nonce: impl FnOnce(&str) -> Option<String>) -> Option<String> {
    let mut parts = name.split('.');
    let (conn, form, key) = (parts.next()?, parts.next()?, parts.next()?);
    let encoding = match form {
        "sig" => BASE64URL_NOPAD,
        "sig_std" => BASE64,
        _ => return None,
    };
    let signature = KEYS.get(key)?.sign(nonce(conn)?.as_bytes()).ok()?;
    Some(encoding.encode(&signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_times_of_the_run_is_always_the_same() {
        let spec =
            TokenSpec::parse("alice", r#"user by orders {"name":"Alice"}"#).expect("a token");
        assert_eq!(spec.sign(1), spec.sign(2));
        let spec = TokenSpec::parse("alice", r#"user by orders {"exp":"+2s"}"#).expect("a token");
        assert_ne!(spec.sign(1), spec.sign(2));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(TokenSpec::parse("alice", "user").is_err());
        assert!(TokenSpec::parse("alice", "cat by orders").is_err());
        assert_eq!(
            TokenSpec::parse("alice", "user by nobody"),
            Err("no test key is named `nobody`".to_owned())
        );
        let spec =
            TokenSpec::parse("alice", r#"user by orders {"sub":"{{key.x}}"}"#).expect("read");
        assert_eq!(spec.sign(1), Err("`{{key.x}}` means nothing".to_owned()));
    }

    #[test]
    fn what_is_no_identity_stays() {
        let found = substitute("{{self}} {{key.a}} {{", |name| {
            (name == "key.a").then(|| "K".into())
        });
        assert_eq!(found, Ok("{{self}} K {{".to_owned()));
    }
}
