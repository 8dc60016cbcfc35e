//! What is known of a client that has shown who it is with a signature.

use std::sync::Arc;

use super::time::Time;

/// Who vouches for a client, and what events and CONNZ show of it besides its user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The key that has signed its token, or the name of the account of a user with an nkey.
    pub issuer_key: Arc<str>,
    /// The public key of the user of a token; empty for another.
    pub user: Box<str>,
    /// The key that stood for it while a service was asked who it is. It can be revoked, and is shown nowhere.
    pub answered_as: Box<str>,
    /// The name in its token.
    pub name: Box<str>,
    pub tags: Vec<String>,
    /// It needs no signature.
    pub is_bearer: bool,
    /// When its token was issued, in seconds since 1970.
    pub issued: i64,
    /// What its token sets; negative is no limit.
    pub max_payload: i64,
    pub max_subscriptions: i64,
    /// When it has to go.
    pub expires: Option<Time>,
}

impl Identity {
    /// The key by which an account can take back that it is let in.
    pub fn revocable(&self) -> &str {
        if self.user.is_empty() {
            &self.answered_as
        } else {
            &self.user
        }
    }
}
