//! What a server checks when it starts, which `-t` does not.

use std::time::Duration;

use nats_mock_protocol::conf::duration;

use super::{
    ServerOptions,
    permissions::{Queues, check_subjects},
    words::{quote, quote_list},
};
use crate::{
    Version,
    topology::{
        accounts::{Permissions, UserOptions},
        links::CompressionError,
    },
    version::Feature,
};

/// The system account of a server that has not been told another.
pub const DEFAULT_SYSTEM_ACCOUNT: &str = "$SYS";

/// The account of users that belong to no other.
pub const GLOBAL_ACCOUNT: &str = "$G";

const DEFAULT_MAX_PAYLOAD: i32 = 1024 * 1024;
const DEFAULT_MAX_PENDING: i64 = 64 * 1024 * 1024;
const DEFAULT_LAME_DUCK_DURATION: Duration = Duration::from_secs(120);
const DEFAULT_LAME_DUCK_GRACE_PERIOD: Duration = Duration::from_secs(10);

/// Why a server with otherwise valid options does not start. `Display` is what nats-server prints behind
/// `nats-server: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// In lame-duck mode, the wait before the first connection is closed would take longer than all.
    #[error(
        "lame duck grace period ({}) should be strictly lower than lame duck duration ({})",
        spelled(.grace),
        spelled(.duration)
    )]
    LameDuckGracePeriod {
        /// `lame_duck_grace_period`.
        grace: Duration,
        /// `lame_duck_duration`.
        duration: Duration,
    },
    /// One message could fill more than what may wait for a client.
    #[error("max_payload ({max_payload}) cannot be higher than max_pending ({max_pending})")]
    PayloadAbovePending {
        /// In bytes.
        max_payload: i32,
        /// In bytes.
        max_pending: i64,
    },
    /// `server_name` has a space.
    #[error("server name cannot contain spaces")]
    ServerNameSpaces,
    /// The `authorization` of `leafnodes` has both a user and a list of users.
    #[error("can not have a single user/pass and a users array")]
    LeafUserAndUsers,
    /// The `authorization` of `leafnodes` has both an nkey and a list of users.
    #[error("can not have a single nkey and a users array")]
    LeafNkeyAndUsers,
    /// The `authorization` of `leafnodes` has the same user twice.
    #[error("duplicate user {} detected in leafnode authorization", quote(.0))]
    LeafUserTwice(String),
    /// A remote of a leaf node denies something that is no subject.
    #[error("invalid {list} for remote {remote}: {reason}")]
    DeniedSubject {
        /// Which list.
        list: &'static str,
        /// The remote.
        remote: String,
        /// What is wrong in it.
        reason: String,
    },
    /// A remote of a leaf node is configured twice; the remote.
    #[error("duplicate remote {0}")]
    RemoteTwice(String),
    /// Leaf nodes are to be bound to an account that does not exist.
    #[error("cannot find local account {} specified in leafnode {place}", quote(.account))]
    LeafAccountUnknown {
        /// The account.
        account: String,
        /// Where it is named.
        place: &'static str,
    },
    /// `min_version` of `leafnodes` is none, or too old.
    #[error("{0}")]
    LeafMinVersion(String),
    /// A server with gateways takes leaf nodes, and has no `system_account`.
    #[error(
        "leaf nodes and gateways (both being defined) require a system account to also be configured"
    )]
    LeafNodesAndGateways,
    /// A `compression` cannot be followed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// A gateway has a port and no name.
    #[error("gateway has no name")]
    GatewayWithoutName,
    /// A gateway's name has a space.
    #[error("gateway name cannot contain spaces")]
    GatewayNameSpaces,
    /// A gateway has a name and no port; the name.
    #[error("gateway {} has no port specified (select -1 for random port)", quote(.0))]
    GatewayWithoutPort(String),
    /// One of `gateways` has no name; its place in the list.
    #[error("gateway in the list {0} has no name")]
    RemoteGatewayWithoutName(usize),
    /// One of `gateways` has no URL; its name.
    #[error("gateway {} has no URL", quote(.0))]
    RemoteGatewayWithoutUrl(String),
    /// A cluster's name has a space.
    #[error("cluster name cannot contain spaces")]
    ClusterNameSpaces,
    /// A cluster's name means something else between servers.
    #[error("cluster name is reserved")]
    ClusterNameReserved,
    /// The cluster has another name than the gateway.
    #[error("cluster name conflicts between cluster and gateway definitions")]
    ClusterNameConflict,
    /// The permissions of a cluster name something that is no subject.
    #[error("{list}: {reason}")]
    ClusterPermissions {
        /// Which list.
        list: &'static str,
        /// What is wrong in it.
        reason: String,
    },
    /// Accounts are to have routes of their own without a pool of routes.
    #[error("pool_size cannot be negative if pinned accounts are specified")]
    PinnedAccountsWithoutPool,
    /// An account is to have routes of its own twice.
    #[error(
        "found duplicate account name {} in pinned accounts list {}",
        quote(.account),
        quote_list(.accounts)
    )]
    PinnedAccountTwice {
        /// The account.
        account: String,
        /// All of them.
        accounts: Vec<String>,
    },
    /// A user's permissions name something that is no subject.
    #[error("invalid permissions for user {}: {list}: {reason}", quote(.user))]
    Permissions {
        /// The user.
        user: String,
        /// Which list.
        list: &'static str,
        /// What is wrong in it.
        reason: String,
    },
    /// Clients are to come over WebSocket, neither with TLS nor with `no_tls`.
    #[error("websocket requires TLS configuration")]
    WebsocketWithoutTls,
    /// One of `allowed_origins` of `websocket` is none.
    #[error("unable to parse allowed origin{reason}")]
    Origin {
        /// Which, and what is wrong with it.
        reason: String,
    },
    /// `websocket` has a login of its own although there are users; which.
    #[error("websocket authentication {0} not compatible with presence of users/nkeys")]
    WebsocketLoginAndUsers(&'static str),
    /// JWTs are to come in a cookie, and nobody is trusted who could have signed them; the cookie.
    #[error(
        "trusted operators or trusted keys configuration is required for JWT authentication via cookie {}",
        quote(.0)
    )]
    JwtCookieWithoutOperator(String),
    /// `headers` of `websocket` has one that the server sends itself.
    #[error("websocket: invalid header {} not allowed", quote(.0))]
    WebsocketHeader(String),
    /// `headers` of `websocket` has one that looks as if the server had sent it itself.
    #[error("websocket: invalid header {}, \"Sec-WebSocket-\" prefix not allowed", quote(.0))]
    WebsocketHeaderPrefix(String),
    /// `no_auth_user` names a user, and there are none.
    #[error("no_auth_user: \"{0}\" present, but users/nkeys are not defined")]
    NoAuthUserWithoutUsers(String),
    /// `no_auth_user` names a user that does not exist.
    #[error(
        "no_auth_user: \"{0}\" not present as user or nkey in authorization block or account configuration"
    )]
    NoAuthUserUnknown(String),
    /// What is configured does not go with operators.
    #[error("{0}")]
    Operator(String),
    /// `system_account` names an account that does not exist; the account.
    #[error("error resolving system account: account missing")]
    SystemAccountMissing(String),
}

fn spelled(time: &Duration) -> String {
    duration::format(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

impl ServerOptions {
    /// Checks what a server checks at its start, in its order, unset options taken at their defaults.
    ///
    /// # Errors
    /// The first thing that would keep a server from starting.
    ///
    /// ```
    /// use nats_mock::topology::ServerOptions;
    ///
    /// let options = ServerOptions { no_auth_user: Some("joe".into()), ..ServerOptions::default() };
    /// assert_eq!(
    ///     options.validate().unwrap_err().to_string(),
    ///     "no_auth_user: \"joe\" present, but users/nkeys are not defined",
    /// );
    /// ```
    pub fn validate(&self) -> Result<(), StartError> {
        self.validate_for(Version::default())
    }

    /// As [`validate`](Self::validate), as a given release checks it.
    ///
    /// # Errors
    ///
    /// As for [`validate`](Self::validate).
    pub fn validate_for(&self, version: Version) -> Result<(), StartError> {
        let duration = self
            .lame_duck_duration
            .unwrap_or(DEFAULT_LAME_DUCK_DURATION);
        let grace = self
            .lame_duck_grace_period
            .unwrap_or(DEFAULT_LAME_DUCK_GRACE_PERIOD);
        if grace >= duration {
            return Err(StartError::LameDuckGracePeriod { grace, duration });
        }
        let max_payload = self.max_payload.unwrap_or(DEFAULT_MAX_PAYLOAD);
        let max_pending = self.max_pending.unwrap_or(DEFAULT_MAX_PENDING);
        if i64::from(max_payload) > max_pending {
            return Err(StartError::PayloadAbovePending {
                max_payload,
                max_pending,
            });
        }
        let has_blank = self
            .server_name
            .as_ref()
            .is_some_and(|name| name.contains(' '));
        if has_blank && version.profile().has(Feature::BlanksInNamesRefused) {
            return Err(StartError::ServerNameSpaces);
        }
        self.validate_operator(version)?;
        self.validate_leafnodes(version)?;
        self.validate_users()?;
        self.validate_gateway(version)?;
        self.validate_cluster(version)?;
        self.validate_websocket(version)?;
        let known = |name: &str| {
            let operator = self.operator.as_ref();
            name == GLOBAL_ACCOUNT
                || self.accounts.iter().any(|account| account.name == name)
                || operator.is_some_and(|operator| operator.may_know(name))
        };
        match &self.system_account {
            Some(name) if !known(name) => Err(StartError::SystemAccountMissing(name.clone())),
            _ => Ok(()),
        }
    }

    fn validate_users(&self) -> Result<(), StartError> {
        let global = self.authorization.iter().flat_map(|auth| {
            auth.users
                .iter()
                .map(|user| (user.id(), auth.permissions_of(user)))
        });
        let others = self.accounts.iter().flat_map(|account| {
            account
                .users
                .iter()
                .map(|user| (user.id(), account.permissions_of(user)))
        });
        for (user, permissions) in global.chain(others) {
            permissions.map_or(Ok(()), |permissions| check_permissions(user, permissions))?;
        }
        match &self.no_auth_user {
            None => Ok(()),
            Some(name) => self.validate_no_auth_user(name),
        }
    }

    pub(super) fn validate_no_auth_user(&self, name: &str) -> Result<(), StartError> {
        if !self.has_users() {
            return Err(StartError::NoAuthUserWithoutUsers(name.to_owned()));
        }
        if self.listed_users().any(|user| user.id() == name) {
            return Ok(());
        }
        Err(StartError::NoAuthUserUnknown(name.to_owned()))
    }

    pub(super) fn has_users(&self) -> bool {
        self.listed_users().next().is_some()
    }

    fn listed_users(&self) -> impl Iterator<Item = &UserOptions> {
        let global = self.authorization.iter().flat_map(|auth| &auth.users);
        let others = self.accounts.iter().flat_map(|account| &account.users);
        global.chain(others)
    }

    /// The system account's name, or nothing where there is none to talk to.
    ///
    /// Without `system_account`, an account that is called `$SYS` is it, else one of that name is made,
    /// unless `no_system_account` forbids.
    pub fn system_account_name(&self) -> Option<&str> {
        if let Some(name) = &self.system_account {
            return Some(name);
        }
        let defined = self
            .accounts
            .iter()
            .any(|account| account.name == DEFAULT_SYSTEM_ACCOUNT);
        let makes_one = !self.no_system_account && self.operator.is_none();
        (defined || makes_one).then_some(DEFAULT_SYSTEM_ACCOUNT)
    }

    /// Whether clients without credentials are let into the global account although users exist.
    ///
    /// That is so where the only account defined is the system account and nothing was said about who
    /// may connect: its users were added for the operators, and applications go on as before.
    pub fn anonymous_is_global(&self) -> bool {
        let [only] = self.accounts.as_slice() else {
            return false;
        };
        let is_system = match &self.system_account {
            Some(name) => *name == only.name || name == GLOBAL_ACCOUNT,
            None => only.name == DEFAULT_SYSTEM_ACCOUNT,
        };
        is_system && self.no_auth_user.is_none() && self.authorization.is_none()
    }
}

fn check_permissions(user: &str, granted: &Permissions) -> Result<(), StartError> {
    let lists = [
        (
            &granted.publish,
            "publish allow",
            "publish deny",
            Queues::Refused,
        ),
        (
            &granted.subscribe,
            "subscribe allow",
            "subscribe deny",
            Queues::Checked,
        ),
    ];
    for (permission, allow, deny, queues) in lists {
        let Some(permission) = permission else {
            continue;
        };
        let allowed = permission.allow.as_deref().unwrap_or_default();
        for (list, subjects) in [(allow, allowed), (deny, permission.deny.as_slice())] {
            check_subjects(subjects, queues).map_err(|reason| StartError::Permissions {
                user: user.to_owned(),
                list,
                reason,
            })?;
        }
    }
    Ok(())
}
