//! Operators, accounts and users with keys and JWTs of their own, made in memory for a test.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use nkeys::{KeyPair, KeyPairType};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Builder, MockNats};
use crate::topology::{OperatorOptions, Resolver, SystemAccount};

/// When every JWT says that it was issued, in seconds since 1970, unless it is told otherwise. That lies
/// in the past of any clock that a test sets, and makes the same JWT of the same claims.
pub(super) const ISSUED: i64 = 1_500_000_000;

/// An operator with its system account: what signs the JWTs of accounts.
///
/// Its keys follow from its name, and those of accounts and users from theirs, so that everything is the
/// same in every run. They protect nothing.
///
/// ```
/// use nats_mock::{MockNats, MockOperator};
///
/// let acme = MockOperator::new("acme");
/// let orders = acme.account("ORDERS").limit("conn", 1);
/// let alice = orders.user("alice").allow_publish(["orders.>"]);
/// let nats = MockNats::builder().operator(&acme, [&orders]).start_blocking()?;
///
/// // What a client library takes as credentials.
/// let creds = alice.creds();
/// assert!(creds.contains("-----BEGIN NATS USER JWT-----"));
/// assert!(!format!("{alice:?}").contains(&alice.seed()));
/// # let _ = nats;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MockOperator {
    name: String,
    key: KeyPair,
    resolver: Resolver,
}

/// An account of a [`MockOperator`].
#[derive(Clone)]
pub struct MockAccount {
    name: String,
    pub(super) key: KeyPair,
    operator: KeyPair,
    issued: i64,
    expires: Option<i64>,
    pub(super) nats: Value,
}

/// A user of a [`MockAccount`].
#[derive(Clone)]
pub struct MockUser {
    name: String,
    key: KeyPair,
    account: KeyPair,
    issued: i64,
    expires: Option<i64>,
    nats: Value,
}

/// A key pair that follows from what it is for.
fn key(kind: KeyPairType, of: &str) -> KeyPair {
    let seed: [u8; 32] = Sha256::digest(format!("nats-mock {kind:?} {of}")).into();
    // Any 32 bytes are a seed.
    KeyPair::new_from_raw(kind, seed).unwrap_or_else(|_| unreachable!("32 bytes are a seed"))
}

pub(super) fn sign(
    by: &KeyPair,
    subject: &KeyPair,
    name: &str,
    times: (i64, Option<i64>),
    nats: &Value,
) -> String {
    let (issued, expires) = times;
    let mut claims = json!({
        "iat": issued,
        "iss": by.public_key(),
        "name": name,
        "sub": subject.public_key(),
        "nats": nats,
    });
    if let Some(expires) = expires {
        claims["exp"] = json!(expires);
    }
    let id = Sha256::digest(claims.to_string());
    claims["jti"] = json!(data_encoding::BASE32_NOPAD.encode(&id));
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"}).to_string();
    let [header, body] =
        [header, claims.to_string()].map(|part| BASE64URL_NOPAD.encode(part.as_bytes()));
    let signed = format!("{header}.{body}");
    let signature = by.sign(signed.as_bytes()).unwrap_or_default();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

impl MockOperator {
    /// An operator called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            key: key(KeyPairType::Operator, &name),
            name,
            resolver: Resolver::Memory,
        }
    }

    /// The public key.
    pub fn public_key(&self) -> String {
        self.key.public_key()
    }

    /// Has servers look JWTs of accounts up there instead of in memory. What is not in a directory is put there. A web
    /// server has to have them itself, that of the system account included.
    ///
    /// ```
    /// use nats_mock::topology::{JwtDirectory, Resolver};
    /// use nats_mock::{MockNats, MockOperator};
    ///
    /// // Without a directory, a full resolver keeps them in memory and answers all the same.
    /// let directory = JwtDirectory { allow_delete: true, ..JwtDirectory::default() };
    /// let acme = MockOperator::new("acme").resolver(Resolver::Full(directory));
    /// let orders = acme.account("ORDERS");
    /// let nats = MockNats::builder().operator(&acme, [&orders]).start_blocking()?;
    /// # let _ = nats;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// ```
    /// use nats_mock::topology::{JwtTable, Resolver};
    /// use nats_mock::{MockNats, MockOperator};
    ///
    /// // What stands for a web server, and can be changed while servers run.
    /// let table = JwtTable::new();
    /// let acme = MockOperator::new("acme").resolver(Resolver::Url(table.server()));
    /// let (system, orders) = (acme.system_account(), acme.account("ORDERS"));
    /// table.serve(system.public_key(), system.jwt());
    /// table.serve(orders.public_key(), orders.jwt());
    /// let nats = MockNats::builder().operator(&acme, []).start_blocking()?;
    /// assert_eq!(table.requests(), ["".to_owned(), system.public_key(), system.public_key()]);
    /// # let _ = nats;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resolver(mut self, resolver: Resolver) -> Self {
        self.resolver = resolver;
        self
    }

    /// What `$SYS.REQ.CLAIMS.DELETE` takes to delete accounts.
    pub fn delete_request<'a>(
        &self,
        accounts: impl IntoIterator<Item = &'a MockAccount>,
    ) -> String {
        let accounts = accounts.into_iter();
        let accounts: Vec<String> = accounts.map(MockAccount::public_key).collect();
        let nats = json!({"accounts": accounts, "type": "generic", "version": 2});
        sign(&self.key, &self.key, &self.name, (ISSUED, None), &nats)
    }

    /// The operator's own JWT.
    pub fn jwt(&self) -> String {
        let system = self.system_account().public_key();
        let nats = json!({"system_account": system, "type": "operator", "version": 2});
        sign(&self.key, &self.key, &self.name, (ISSUED, None), &nats)
    }

    /// An account called `name`, without limits.
    pub fn account(&self, name: impl Into<String>) -> MockAccount {
        let name = name.into();
        MockAccount {
            key: key(KeyPairType::Account, &format!("{} {name}", self.name)),
            operator: self.key.clone(),
            name,
            issued: ISSUED,
            expires: None,
            nats: json!({
                "limits": {
                    "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                    "wildcards": true, "conn": -1, "leaf": -1,
                },
                "default_permissions": {"pub": {}, "sub": {}},
                "authorization": {},
                "type": "account",
                "version": 2,
            }),
        }
    }

    /// The system account, which is called `SYS`.
    pub fn system_account(&self) -> MockAccount {
        self.account("SYS")
    }

    /// What a server is configured with so that it takes the users of the operator's accounts.
    pub fn options<'a>(
        &self,
        accounts: impl IntoIterator<Item = &'a MockAccount>,
    ) -> OperatorOptions {
        let system = self.system_account();
        let known = std::iter::once((system.public_key(), system.jwt()));
        let others = accounts.into_iter();
        let others = others.map(|account| (account.public_key(), account.jwt()));
        // What is asked elsewhere has to be there.
        let is_elsewhere = matches!(self.resolver, Resolver::Url(_));
        let known = known.chain(others).filter(|_| !is_elsewhere);
        OperatorOptions {
            operators: vec![self.jwt()],
            trusted_keys: Vec::new(),
            resolver: Some(self.resolver.clone()),
            preload: known.collect::<BTreeMap<_, _>>(),
        }
    }
}

impl MockAccount {
    /// The public key, which is the account's name on servers.
    pub fn public_key(&self) -> String {
        self.key.public_key()
    }

    /// The account's JWT.
    pub fn jwt(&self) -> String {
        let times = (self.issued, self.expires);
        sign(&self.operator, &self.key, &self.name, times, &self.nats)
    }

    /// Sets a limit by its name in claims, such as `conn`, `subs` or `payload`; -1 is none.
    pub fn limit(mut self, name: &str, limit: i64) -> Self {
        self.nats["limits"][name] = json!(limit);
        self
    }

    /// Sets any claim of the account's own: the member of `nats` called `name`.
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.nats[name] = value;
        self
    }

    /// When the JWT expires, in seconds since 1970.
    pub fn expires(mut self, at: i64) -> Self {
        self.expires = Some(at);
        self
    }

    /// Takes back all JWTs of a user that were issued so far.
    pub fn revoke(mut self, user: &MockUser) -> Self {
        self.nats["revocations"][user.public_key()] = json!(user.issued);
        self
    }

    /// A user called `name`, who may do what the account's users may.
    pub fn user(&self, name: impl Into<String>) -> MockUser {
        let name = name.into();
        MockUser {
            key: key(KeyPairType::User, &format!("{} {name}", self.public_key())),
            account: self.key.clone(),
            name,
            issued: ISSUED,
            expires: None,
            nats: json!({
                "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
                "type": "user", "version": 2,
            }),
        }
    }
}

impl MockUser {
    /// The public key.
    pub fn public_key(&self) -> String {
        self.key.public_key()
    }

    /// The seed, with which the user signs.
    pub fn seed(&self) -> String {
        self.key.seed().unwrap_or_default()
    }

    /// The user's JWT.
    pub fn jwt(&self) -> String {
        let times = (self.issued, self.expires);
        sign(&self.account, &self.key, &self.name, times, &self.nats)
    }

    /// JWT and seed as a credentials file has them.
    pub fn creds(&self) -> String {
        let (jwt, seed) = (self.jwt(), self.seed());
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    }

    /// Lets the user publish to nothing but these subjects.
    pub fn allow_publish<'a>(self, subjects: impl IntoIterator<Item = &'a str>) -> Self {
        let subjects: Vec<&str> = subjects.into_iter().collect();
        self.claim("pub", json!({"allow": subjects}))
    }

    /// Lets the user subscribe to nothing but these subjects.
    pub fn allow_subscribe<'a>(self, subjects: impl IntoIterator<Item = &'a str>) -> Self {
        let subjects: Vec<&str> = subjects.into_iter().collect();
        self.claim("sub", json!({"allow": subjects}))
    }

    /// Makes the JWT a bearer token, for which nothing needs to be signed.
    pub fn bearer(self) -> Self {
        self.claim("bearer_token", json!(true))
    }

    /// Sets any claim of the user's own: the member of `nats` called `name`.
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.nats[name] = value;
        self
    }

    /// When the JWT expires, in seconds since 1970.
    pub fn expires(mut self, at: i64) -> Self {
        self.expires = Some(at);
        self
    }

    /// When the JWT was issued, in seconds since 1970; what was revoked before does not concern it.
    pub fn issued(mut self, at: i64) -> Self {
        self.issued = at;
        self
    }
}

/// Why pushed claims were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("claims of the account {account} are not taken: {reason}")]
pub struct PushError {
    /// The public key of the account.
    pub account: String,
    /// What is wrong with them, as a server would answer.
    pub reason: String,
}

impl Builder {
    /// Puts the server into operator mode: it takes users of these accounts and of the operator's system
    /// account, by their JWTs.
    pub fn operator<'a>(
        mut self,
        operator: &MockOperator,
        accounts: impl IntoIterator<Item = &'a MockAccount>,
    ) -> Self {
        let system = operator.system_account().public_key();
        self.server.operator = Some(operator.options(accounts));
        self.server.system_account = SystemAccount::Named(system);
        self
    }
}

impl MockNats {
    /// Gives all servers new claims of an account, as `CLAIMS.UPDATE` does. They take effect at once where
    /// the account is in use: clients beyond its new limits go, and those whose JWTs it revokes.
    ///
    /// # Errors
    ///
    /// When a server would not take them.
    ///
    /// ```
    /// use nats_mock::{MockNats, MockOperator};
    ///
    /// let acme = MockOperator::new("acme");
    /// let orders = acme.account("ORDERS");
    /// let nats = MockNats::builder().operator(&acme, [&orders]).start_blocking()?;
    /// nats.push_claims(&orders.limit("conn", 1))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push_claims(&self, account: &MockAccount) -> Result<(), PushError> {
        let (key, jwt) = (account.public_key(), account.jwt());
        self.hub.input(|state, now| {
            let mut pushed = Ok(());
            state.deployment.change(|core| {
                core.set_now(now);
                let servers: Vec<_> = core.servers().map(|(id, _)| id).collect();
                for server in servers {
                    if let Err(refused) = core.take_claims(server, &key, &jwt) {
                        pushed = Err(PushError {
                            account: key.clone(),
                            reason: refused.to_string(),
                        });
                    }
                }
            });
            pushed
        })
    }
}

/// Shows name and public key, and no seed.
macro_rules! shown {
    ($($name:ident,)+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("name", &self.name)
                    .field("public_key", &self.public_key())
                    .finish_non_exhaustive()
            }
        })+
    };
}

shown! {
    MockOperator,
    MockAccount,
    MockUser,
}
