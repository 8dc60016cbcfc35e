//! What a client says about itself in CONNECT.

use super::gojson::{JsonError, members, selects};
use crate::json;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use thiserror::Error;

/// The options that nobody but the server may see.
const SECRETS: [&str; 5] = ["jwt", "sig", "auth_token", "pass", "proxy_sig"];
const REDACTED: &str = "[REDACTED]";

/// Why the text behind CONNECT is refused. The real server closes the connection without `-ERR`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Not JSON: empty, cut short, or with something behind the object.
    #[error("CONNECT: invalid JSON at byte {at}")]
    Syntax {
        /// Offset of the first byte that does not fit.
        at: usize,
    },
    /// More than 10,000 levels of nesting.
    #[error("CONNECT: JSON nested too deeply")]
    Depth,
    /// JSON, but neither an object nor `null`.
    #[error("CONNECT: expected a JSON object, found {found}")]
    NotAnObject {
        /// The kind of value found.
        found: &'static str,
    },
    /// A known option with a value of the wrong type, or a whole number that does not fit.
    #[error("CONNECT: option \"{option}\" must be {expected}, found {found}")]
    Type {
        /// The option.
        option: &'static str,
        /// What it takes.
        expected: &'static str,
        /// The value found, as JSON; of an option that is a secret only its kind.
        found: String,
    },
}

impl From<JsonError> for ConnectError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Syntax { at } => Self::Syntax { at },
            JsonError::Depth => Self::Depth,
            JsonError::NotAnObject { found } => Self::NotAnObject { found },
        }
    }
}

/// The options of CONNECT.
///
/// [`Default`] is what holds for a connection that has not sent CONNECT: verbose, pedantic and
/// echo on, everything else off or empty. An option that CONNECT does not mention keeps its
/// value, so these are also the defaults of CONNECT itself, and a second CONNECT starts from the
/// first one's values.
///
/// [`Debug`](fmt::Debug) shows no password, token or JWT, and nothing that was signed.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Whether the connection gets its own messages.
    pub echo: bool,
    /// Whether the server acknowledges with `+OK`.
    pub verbose: bool,
    /// Whether the server checks subjects of publishes.
    pub pedantic: bool,
    /// Whether the client insists on TLS.
    pub tls_required: bool,
    /// Public nkey of the user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nkey: String,
    /// User JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    /// The server's nonce, signed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sig: String,
    /// Token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auth_token: String,
    /// User name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Password.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pass: String,
    /// The connection's name.
    pub name: String,
    /// The client library's language.
    pub lang: String,
    /// The client library's version.
    pub version: String,
    /// The protocol version: 0, or 1 for a client that takes INFO at any time.
    pub protocol: i64,
    /// The account wanted; the real server refuses any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Whether that account is to be created; the real server refuses this.
    #[serde(skip_serializing_if = "is_false")]
    pub new_account: bool,
    /// Whether the client understands headers.
    #[serde(skip_serializing_if = "is_false")]
    pub headers: bool,
    /// Whether the client wants to be told that nobody is there to answer.
    #[serde(skip_serializing_if = "is_false")]
    pub no_responders: bool,
    /// The remote account of a leaf node; read for its type's sake.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_account: String,
    /// A proxy's signature of the nonce.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub proxy_sig: String,
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.clone();
        for option in SECRETS {
            if let Some((_, Slot::Text(secret))) = shown.slot(option)
                && !secret.is_empty()
            {
                REDACTED.clone_into(secret);
            }
        }
        f.debug_tuple("ConnectOptions")
            .field(&shown.to_json())
            .finish()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            echo: true,
            verbose: true,
            pedantic: true,
            tls_required: false,
            nkey: String::new(),
            jwt: String::new(),
            sig: String::new(),
            auth_token: String::new(),
            user: String::new(),
            pass: String::new(),
            name: String::new(),
            lang: String::new(),
            version: String::new(),
            protocol: 0,
            account: String::new(),
            new_account: false,
            headers: false,
            no_responders: false,
            remote_account: String::new(),
            proxy_sig: String::new(),
        }
    }
}

/// The slot that an option is stored in.
enum Slot<'a> {
    Flag(&'a mut bool),
    Text(&'a mut String),
    Number(&'a mut i64),
    /// Permissions, which only routes and leaf nodes send: checked, not kept.
    Permissions,
}

impl ConnectOptions {
    /// Reads the text behind the first CONNECT of a connection.
    ///
    /// # Errors
    /// As for [`apply`](Self::apply).
    ///
    /// ```
    /// use nats_mock_protocol::wire::ConnectOptions;
    /// let options = ConnectOptions::parse(br#"{"Verbose":false,"name":"a","name":"b"}"#)?;
    /// assert!(!options.verbose && options.pedantic && options.echo);
    /// assert_eq!(options.name, "b");
    /// # Ok::<(), nats_mock_protocol::wire::ConnectError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ConnectError> {
        let mut options = Self::default();
        options.apply(text)?;
        Ok(options)
    }

    /// Overwrites the options that the JSON mentions.
    ///
    /// Keys may be in any case, the last of several wins, `null` changes nothing, unknown keys
    /// are skipped, and bytes that are not UTF-8 become replacement characters.
    ///
    /// # Errors
    /// On anything but one JSON object (or `null`) nothing is changed. If some options have values
    /// of the wrong type, the error names the first of them, and the other options are nevertheless
    /// set, as in the real server, where they show in the disconnect event.
    pub fn apply(&mut self, text: &[u8]) -> Result<(), ConnectError> {
        let mut first_error = None;
        for (key, value) in members(text)? {
            if value.is_null() {
                continue;
            }
            let Some((option, slot)) = self.slot(&key) else {
                continue;
            };
            if let Err(error) = store(option, slot, value) {
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// The options as JSON, in the order and with the omissions of the real server's own struct.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::to_string(self)
    }

    fn slot(&mut self, key: &str) -> Option<(&'static str, Slot<'_>)> {
        let slots = [
            ("echo", Slot::Flag(&mut self.echo)),
            ("verbose", Slot::Flag(&mut self.verbose)),
            ("pedantic", Slot::Flag(&mut self.pedantic)),
            ("tls_required", Slot::Flag(&mut self.tls_required)),
            ("nkey", Slot::Text(&mut self.nkey)),
            ("jwt", Slot::Text(&mut self.jwt)),
            ("sig", Slot::Text(&mut self.sig)),
            ("auth_token", Slot::Text(&mut self.auth_token)),
            ("user", Slot::Text(&mut self.user)),
            ("pass", Slot::Text(&mut self.pass)),
            ("name", Slot::Text(&mut self.name)),
            ("lang", Slot::Text(&mut self.lang)),
            ("version", Slot::Text(&mut self.version)),
            ("protocol", Slot::Number(&mut self.protocol)),
            ("account", Slot::Text(&mut self.account)),
            ("new_account", Slot::Flag(&mut self.new_account)),
            ("headers", Slot::Flag(&mut self.headers)),
            ("no_responders", Slot::Flag(&mut self.no_responders)),
            ("import", Slot::Permissions),
            ("export", Slot::Permissions),
            ("remote_account", Slot::Text(&mut self.remote_account)),
            ("proxy_sig", Slot::Text(&mut self.proxy_sig)),
        ];
        slots.into_iter().find(|(name, _)| selects(key, name))
    }
}

fn store(option: &'static str, slot: Slot<'_>, value: Value) -> Result<(), ConnectError> {
    let expected = match (slot, value) {
        (Slot::Flag(slot), Value::Bool(flag)) => {
            *slot = flag;
            return Ok(());
        }
        (Slot::Text(slot), Value::String(text)) => {
            *slot = text;
            return Ok(());
        }
        (Slot::Number(slot), Value::Number(number)) if number.is_i64() => {
            *slot = number.as_i64().unwrap_or_default();
            return Ok(());
        }
        (Slot::Permissions, value) if permissions(&value) => return Ok(()),
        (Slot::Flag(_), value) => ("a bool", value),
        (Slot::Text(_), value) => ("a string", value),
        (Slot::Number(_), value) => ("a whole number", value),
        (Slot::Permissions, value) => ("permissions", value),
    };
    let (expected, value) = expected;
    let found = if SECRETS.contains(&option) {
        kind(&value).to_owned()
    } else {
        value.to_string()
    };
    Err(ConnectError::Type {
        option,
        expected,
        found,
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Whether the value is of the form `{"allow":["…"],"deny":["…"]}`, either part optional.
fn permissions(value: &Value) -> bool {
    let Value::Object(members) = value else {
        return false;
    };
    members.iter().all(|(key, list)| {
        let known = selects(key, "allow") || selects(key, "deny");
        let fits = match list {
            Value::Array(items) => items.iter().all(|i| i.is_string() || i.is_null()),
            other => other.is_null(),
        };
        !known || fits
    })
}
