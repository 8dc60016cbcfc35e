//! Accounts, their users and what each may do: plain data, as a configuration or a builder states it.

use std::{fmt, time::Duration};

use super::mappings::SubjectMapping;
use super::sharing::{Export, Import};

/// How a client reaches the server, where a user is limited to certain ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConnectionType {
    /// The client protocol over TCP or TLS.
    Standard,
    /// The client protocol over WebSocket.
    Websocket,
    /// A leaf node.
    Leafnode,
    /// A leaf node over WebSocket.
    LeafnodeWs,
    /// MQTT.
    Mqtt,
    /// MQTT over WebSocket.
    MqttWs,
    /// A client inside the server's own process.
    InProcess,
}

impl ConnectionType {
    const ALL: [(&'static str, Self); 7] = [
        ("STANDARD", Self::Standard),
        ("WEBSOCKET", Self::Websocket),
        ("LEAFNODE", Self::Leafnode),
        ("LEAFNODE_WS", Self::LeafnodeWs),
        ("MQTT", Self::Mqtt),
        ("MQTT_WS", Self::MqttWs),
        ("IN_PROCESS", Self::InProcess),
    ];

    /// The type called `name`, in any case.
    ///
    /// ```
    /// use nats_mock::topology::ConnectionType;
    /// assert_eq!(ConnectionType::from_name("standard"), Some(ConnectionType::Standard));
    /// assert_eq!(ConnectionType::from_name("pigeon"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, kind)| kind)
    }

    /// The name in a configuration.
    pub fn name(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|&(_, kind)| kind == self)
            .map_or("", |(name, _)| name)
    }
}

/// The `authorization` block: who may connect to the global account `$G`.
///
/// Either one user and password, or a token, or a list of users.
#[derive(Clone, Default, PartialEq)]
pub struct AuthOptions {
    /// The single user.
    pub user: Option<String>,
    /// The single user's password, in clear or as a bcrypt hash.
    pub password: Option<String>,
    /// The token, in clear or as a bcrypt hash.
    pub token: Option<String>,
    /// How long a client may take to authenticate, in seconds. Unset or 0: the server's default, 2.
    pub timeout: Option<f64>,
    /// Several users.
    pub users: Vec<UserOptions>,
    /// What those of `users` without permissions of their own may do. The single user and the holder
    /// of the token may do everything.
    pub default_permissions: Option<Permissions>,
    /// Who is asked about clients, if anybody is. Needs the feature `jwt`.
    pub callout: Option<CalloutOptions>,
}

/// The `auth_callout` block: a service that is asked who clients are, on `$SYS.REQ.USER.AUTH`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CalloutOptions {
    /// The public key of an account, with which answers have to be signed.
    pub issuer: String,
    /// The account in which the service is.
    pub account: String,
    /// The users and nkeys about whom nobody is asked, that of the service above all.
    pub auth_users: Vec<String>,
    /// A public curve key for which questions are sealed, and with which answers may be.
    pub xkey: Option<String>,
    /// The accounts whose users are asked about, besides clients that nobody knows; empty for all. Since
    /// 2.11.
    pub allowed_accounts: Vec<String>,
}

impl AuthOptions {
    /// What `user`, one of `users`, may do; everything if this is nothing.
    pub fn permissions_of<'o>(&'o self, user: &'o UserOptions) -> Option<&'o Permissions> {
        user.permissions
            .as_ref()
            .or(self.default_permissions.as_ref())
    }
}

impl fmt::Debug for AuthOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthOptions")
            .field("user", &self.user)
            .field("password", &self.password.as_deref().map(redact))
            .field("token", &self.token.as_deref().map(redact))
            .field("timeout", &self.timeout)
            .field("users", &self.users)
            .field("default_permissions", &self.default_permissions)
            .field("callout", &self.callout)
            .finish()
    }
}

/// An account of the `accounts` block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccountOptions {
    /// The name.
    pub name: String,
    /// The users that belong to the account.
    pub users: Vec<UserOptions>,
    /// What users without permissions of their own may do.
    pub default_permissions: Option<Permissions>,
    /// What the account may use.
    pub limits: AccountLimits,
    /// What other accounts may have of it.
    pub exports: Vec<Export>,
    /// What it has of other accounts.
    pub imports: Vec<Import>,
    /// Subjects that become others when something is published to them.
    pub mappings: Vec<SubjectMapping>,
    /// Where the way of messages is told that another tracing system traces. Since 2.11.
    pub msg_trace: Option<TraceOptions>,
}

/// Where the way of messages of an account is told that have a `traceparent` header, and of how many.
///
/// What is told is a [`MessageTrace`](nats_mock_protocol::events::MessageTrace).
///
/// ```
/// use nats_mock::topology::{AccountOptions, TraceOptions};
///
/// let mut account = AccountOptions::new("ORDERS");
/// account.msg_trace = Some(TraceOptions::new("traces"));
/// assert_eq!(account.msg_trace.unwrap().sampling, 100);
/// ```
///
/// Any message can ask for the same itself, with the header `Nats-Trace-Dest`:
///
/// ```
/// use std::time::Duration;
///
/// use nats_mock::MockNats;
/// use nats_mock::protocol::events::MessageTrace;
/// use nats_mock::protocol::headers::Headers;
///
/// let nats = MockNats::start_blocking()?;
/// let (mut app, mut worker) = (nats.client("a")?, nats.client("a")?);
/// let _jobs = worker.subscribe("jobs.>")?;
/// let mut headers = Headers::new();
/// headers.append("Nats-Trace-Dest", "traces")?;
/// app.publish_with_headers("jobs.new", &headers, "hi")?;
///
/// let trace = nats.wait_next_event::<MessageTrace>(Duration::from_secs(5))?;
/// assert_eq!(trace.ingress().map(|it| it.subj.as_str()), Some("jobs.new"));
/// assert_eq!(trace.egresses().next().map(|it| it.sub.as_str()), Some("jobs.>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceOptions {
    /// The subject, in this account.
    pub dest: String,
    /// Percent of the messages, from 1 to 100.
    pub sampling: u8,
}

impl TraceOptions {
    /// The way of all such messages.
    pub fn new(dest: impl Into<String>) -> Self {
        Self {
            dest: dest.into(),
            sampling: 100,
        }
    }
}

impl AccountOptions {
    /// An account without users and limits.
    ///
    /// ```
    /// use nats_mock::topology::{AccountOptions, UserOptions};
    ///
    /// let mut account = AccountOptions::new("ORDERS");
    /// account.users.push(UserOptions::new("alice", "s3cr3t"));
    /// assert!(!format!("{account:?}").contains("s3cr3t"));
    /// ```
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// What `user`, one of `users`, may do; everything if this is nothing.
    pub fn permissions_of<'o>(&'o self, user: &'o UserOptions) -> Option<&'o Permissions> {
        user.permissions
            .as_ref()
            .or(self.default_permissions.as_ref())
    }
}

/// What an account may use. Negative values are no limit; so is what is unset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountLimits {
    /// Client connections at a time.
    pub max_connections: Option<i32>,
    /// Subscriptions of each connection.
    pub max_subscriptions: Option<i32>,
    /// Size of a message, in bytes.
    pub max_payload: Option<i32>,
    /// Leaf nodes at a time.
    pub max_leafnodes: Option<i32>,
}

/// A user with a password, or with an nkey.
#[derive(Clone, Default, PartialEq)]
pub struct UserOptions {
    /// The name, unique on the server; empty for a user with an nkey.
    pub user: String,
    /// The public nkey whose holder the user is, instead of name and password. It takes the feature `jwt`.
    pub nkey: Option<String>,
    /// The password, in clear or as a bcrypt hash; empty for none.
    pub password: String,
    /// What the user may do; unset: what the account's or block's default says.
    pub permissions: Option<Permissions>,
    /// How the user may connect; empty: in every way.
    pub allowed_connection_types: Vec<ConnectionType>,
}

impl UserOptions {
    /// A user who may do everything.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            ..Self::default()
        }
    }
}

impl UserOptions {
    /// A user who may do everything, and shows who it is with the seed of a public nkey.
    pub fn with_nkey(nkey: impl Into<String>) -> Self {
        Self {
            nkey: Some(nkey.into()),
            ..Self::default()
        }
    }

    /// What the user is known by: its public nkey, or its name.
    pub fn id(&self) -> &str {
        self.nkey.as_deref().unwrap_or(&self.user)
    }
}

impl fmt::Debug for UserOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserOptions")
            .field("user", &self.user)
            .field("nkey", &self.nkey)
            .field("password", &redact(&self.password))
            .field("permissions", &self.permissions)
            .field("allowed_connection_types", &self.allowed_connection_types)
            .finish()
    }
}

/// Stands in for a secret; whether there is one at all stays visible.
pub(super) fn redact(secret: &str) -> &'static str {
    if secret.is_empty() { "" } else { "[REDACTED]" }
}

/// What a user may publish and subscribe to. Unset: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Publishing.
    pub publish: Option<SubjectPermission>,
    /// Subscribing. An entry may name a queue behind the subject: `orders.> workers`.
    pub subscribe: Option<SubjectPermission>,
    /// Publishing to the reply subjects of received messages.
    pub allow_responses: Option<ResponsePermission>,
}

/// Subjects that are allowed, less those that are denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectPermission {
    /// Only these; unset: all. An empty list allows none, which is what `allow_responses` alone gives;
    /// an empty list in a configuration counts as unset.
    pub allow: Option<Vec<String>>,
    /// None of these.
    pub deny: Vec<String>,
}

/// How long and how often a user may answer to the reply subject of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsePermission {
    /// How many answers per message; negative: any number.
    pub max_msgs: i64,
    /// How long after the message; unset: without end.
    pub expires: Option<Duration>,
}

impl Default for ResponsePermission {
    /// One answer within two minutes.
    fn default() -> Self {
        Self {
            max_msgs: 1,
            expires: Some(Duration::from_secs(120)),
        }
    }
}
