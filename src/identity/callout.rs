//! What a server asks a service about a client, and what the service answers: JWTs both.

use serde::{Deserialize, Serialize};

use super::claims::{Claims, Generic};
use super::token::{self, Token, TokenError};
use super::{Role, is_public_key};

/// What a server knows of a client that it asks about.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct QuestionClaims {
    pub server_id: ServerInfo,
    /// The key that is to stand for the client in the answer.
    pub user_nkey: String,
    pub client_info: ClientInfo,
    pub connect_opts: ConnectInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_tls: Option<TlsInfo>,
    #[serde(flatten)]
    pub generic: Generic,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ServerInfo {
    pub name: String,
    pub host: String,
    pub id: String,
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ClientInfo {
    pub host: String,
    pub id: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_tag: String,
    pub kind: String,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub client_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
}

/// What of CONNECT matters.
#[derive(Clone, Default, Serialize)]
pub(crate) struct ConnectInfo {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nkey: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sig: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auth_token: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pass: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    pub protocol: i64,
}

impl std::fmt::Debug for ConnectInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // All but the name may be a secret.
        f.debug_struct("ConnectInfo")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct TlsInfo {
    pub version: String,
    pub cipher: String,
    /// Certificates in PEM that nobody has verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certs: Vec<String>,
    /// The chains that were verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verified_chains: Vec<Vec<String>>,
}

/// What a service says of a client: its user as a JWT, or why there is none.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AnswerClaims {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_account: String,
    #[serde(flatten)]
    pub generic: Generic,
}

impl std::fmt::Debug for AnswerClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerClaims")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// The claims of an answer whose signature is right.
pub(crate) fn read_answer(text: &str) -> Result<Claims<AnswerClaims>, TokenError> {
    let token: Token<AnswerClaims> = token::answer(text)?;
    Ok(token.claims)
}

impl Claims<AnswerClaims> {
    /// The first thing that is wrong with it, as servers say it; `now` is in seconds since 1970.
    pub fn issue(&self, now: i64) -> Option<String> {
        let nats = &self.nats;
        let text = match () {
            () if !is_public_key(Role::User, &self.sub) => "Subject must be a user public key",
            () if !is_public_key(Role::Server, &self.aud) => "Audience must be a server public key",
            () if nats.error.is_empty() && nats.jwt.is_empty() => "Error or Jwt is required",
            () if !nats.error.is_empty() && !nats.jwt.is_empty() => "Only Error or Jwt can be set",
            () if !nats.issuer_account.is_empty()
                && !is_public_key(Role::Account, &nats.issuer_account) =>
            {
                "issuer_account is not an account public key"
            }
            () => return self.time_issue(now).map(str::to_owned),
        };
        Some(text.to_owned())
    }
}
