//! Who a connection is: credentials, the account they lead to, and what happens when they are
//! refused.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use nats_mock_protocol::wire::ConnectOptions;

use super::account::AccountId;
use super::conn::ConnId;
use super::identity::Identity;
use super::notice::{ClientSnapshot, Notice};
use super::password;
use super::permissions::UserRights;
use super::server::{Proof, Server, ServerId, User};
use super::{CloseReason, Conn, Core};
use crate::identity;
use crate::topology::{ConnectionType, Permissions, ServerSpec, UserOptions};
use crate::version::Feature;

/// How a connection came to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// By CONNECT.
    Explicit,
    /// By sending something else where `no_auth_user` is configured.
    Implicit,
    /// By a reload, which checks everybody again.
    Again,
}

/// What comes of logging in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// The connection may go on.
    In,
    /// It has been closed.
    Out,
    /// It has to wait until a service has said who it is, or its account was looked up elsewhere.
    Asked,
}

/// The account's connection limit is reached.
pub(super) struct AccountFull;

impl Core {
    /// Checks the credentials of a connection and binds it to its account.
    pub(super) fn log_in(&mut self, id: ConnId, how: Login) -> Admission {
        let Some(server) = self.conn(id).map(|conn| conn.server) else {
            return Admission::Out;
        };
        if self.server(server).operator.is_some() {
            return self.log_in_by_token(id, how);
        }
        let profile = self.server(server).profile;
        let tells = self.tells_log_in(server, how);
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return Admission::Out;
        };
        let verdict = authenticate(&self.servers[server.0 as usize], conn, how);
        let registered = match &verdict {
            Verdict::User(user) => self.register(id, user),
            // The connection stays in the global account, where every connection starts.
            Verdict::Refused | Verdict::Unknown | Verdict::Accepted => Ok(()),
        };
        let is_silent = how == Login::Implicit && !profile.has(Feature::CalloutOfSilentClients);
        let is_known = !matches!(verdict, Verdict::Unknown);
        if registered.is_ok() && !is_silent && self.is_to_be_asked_about(id, is_known) {
            return self.ask_about(id, how);
        }
        match verdict {
            Verdict::Refused | Verdict::Unknown => {
                self.refuse_credentials(id);
                return Admission::Out;
            }
            Verdict::User(user) if registered.is_err() => {
                if user.proof.is_nkey() {
                    self.refuse_above_limit(id);
                    return Admission::Out;
                }
                if !profile.has(Feature::NoConnectEventOverAccountLimit) && tells {
                    self.notice_connected(id);
                }
                self.close_above_limit(id);
                return Admission::Out;
            }
            Verdict::User(user) if self.callout_account(server) == Some(user.account) => {
                self.deny_questions(id);
            }
            Verdict::User(_) | Verdict::Accepted => {}
        }
        if tells {
            self.notice_connected(id);
        }
        Admission::In
    }

    /// Whether a log-in is told of.
    pub(super) fn tells_log_in(&self, server: ServerId, how: Login) -> bool {
        let profile = self.server(server).profile;
        how != Login::Implicit || profile.has(Feature::ImplicitConnectEvent)
    }

    /// The same where users show tokens.
    fn log_in_by_token(&mut self, id: ConnId, how: Login) -> Admission {
        if self.looks_up_elsewhere(id, how) {
            return Admission::Asked;
        }
        let verdict = self.authenticate_token(id);
        if let Some(login) = verdict.login {
            if self.register(id, &login.user).is_err() {
                self.refuse_above_limit(id);
                return Admission::Out;
            }
            self.admit_token(id, login);
        } else if verdict.asked.is_none() {
            self.refuse_credentials(id);
            return Admission::Out;
        }
        if let Some(account) = verdict.asked {
            if !self.is_of_service(id, account, &verdict.subject) {
                return self.ask_as_claimed(id, how, account);
            }
            let is_in = self.conn(id).is_some_and(|conn| conn.account == account);
            if !is_in {
                self.tell_service_of_refusal(id, account, None);
                self.auth_violation(id);
                return Admission::Out;
            }
            self.deny_questions(id);
        }
        self.notice_connected(id);
        match self.conn(id).is_some_and(|conn| !conn.is_closing()) {
            true => Admission::In,
            false => Admission::Out,
        }
    }

    /// Closes a connection that would be one too many for its account. To a server that has checked a
    /// signature this is a log-in that has failed.
    fn refuse_above_limit(&mut self, id: ConnId) {
        self.close_above_limit(id);
        self.tell_account_of_refusal(id);
    }

    pub(super) fn close_above_limit(&mut self, id: ConnId) {
        self.send_err(id, "maximum account active connections exceeded");
        self.close(id, CloseReason::MaxAccountConnectionsExceeded);
    }

    /// Moves a connection to the account of its user and gives it the user's permissions.
    pub(super) fn register(&mut self, id: ConnId, user: &User) -> Result<(), AccountFull> {
        if self.leaf(id).is_some() {
            return self.register_leaf(id, user);
        }
        self.leave(id);
        let now = self.now;
        let Some(server) = self.conn(id).map(|conn| conn.server) else {
            return Ok(());
        };
        let limits = self.account(user.account).limits.clone();
        let account_name = Arc::clone(&self.account(user.account).name);
        let leafs = self.account(user.account).on_server(server).leafs.len();
        let connections = self.account_connections(user.account, server) + leafs;
        let full = bound(limits.max_connections).is_some_and(|max| connections >= max as usize);
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return Ok(());
        };
        conn.account = user.account;
        let server = &self.servers[usize::from(server.0)].spec.limits;
        let or_unlimited = |server: u32| (server != 0).then_some(server);
        conn.max_payload = least(or_unlimited(server.max_payload), bound(limits.max_payload));
        conn.max_subscriptions = least(
            or_unlimited(server.max_subscriptions),
            bound(limits.max_subscriptions),
        );
        if full {
            return Err(AccountFull);
        }
        if user.proof.is_nkey() {
            conn.identity = Some(Arc::new(Identity {
                issuer_key: account_name,
                ..Identity::default()
            }));
        }
        conn.rights = user
            .permissions
            .as_ref()
            .map(|granted| Box::new(UserRights::new(Arc::clone(granted), now)));
        self.join(id, user.account);
        Ok(())
    }

    /// Credentials, or what was asked for with them, are not accepted.
    pub(super) fn refuse_credentials(&mut self, id: ConnId) {
        // The account the connection is bound to hears of it first.
        self.tell_account_of_refusal(id);
        self.auth_violation(id);
    }

    fn tell_account_of_refusal(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        // Where a service is asked about clients, it hears of those as well about whom nobody asked it.
        let asked = self.callout_account(conn.server);
        let account = asked
            .filter(|_| self.is_delegated(conn))
            .unwrap_or(conn.account);
        self.tell_service_of_refusal(id, account, None);
    }

    /// Closes a connection that may not be here.
    pub(super) fn auth_violation(&mut self, id: ConnId) {
        self.send_err(id, "Authorization Violation");
        self.close_for_violation(id, CloseReason::AuthenticationViolation);
    }

    pub(super) fn notice_connected(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let notice = Notice::Connected {
            server: conn.server,
            client: Box::new(self.snapshot(conn)),
            at: self.now,
        };
        self.notices.push_back(notice);
    }

    pub(crate) fn snapshot(&self, conn: &Conn) -> ClientSnapshot {
        ClientSnapshot {
            cid: conn.cid,
            kind: conn.kind(),
            account: conn.account,
            host: conn.peer.host.clone(),
            start: conn.start,
            user: self.server(conn.server).user_of(conn).map(Into::into),
            identity: conn.identity.clone(),
            jwt: conn.options.jwt.as_str().into(),
            name: conn.options.name.as_str().into(),
            lang: conn.options.lang.as_str().into(),
            version: conn.options.version.as_str().into(),
            rtt: conn.rtt,
            sent: conn.received,
            received: conn.sent,
        }
    }
}

pub(super) enum Verdict {
    Refused,
    /// The same, and its certificate names no user.
    Unknown,
    Accepted,
    User(User),
}

/// What becomes of a client by what it has shown, as far as the configuration says.
pub(super) fn authenticate(server: &Server, conn: &mut Conn, how: Login) -> Verdict {
    let wanted = conn.connection_type();
    let nonce = conn.nonce.clone().unwrap_or_default();
    if !server.requires_auth_of(&conn.peer) {
        return Verdict::Accepted;
    }
    let own_login = server.websocket_login(&conn.peer);
    let no_auth_user = match own_login {
        _ if how == Login::Implicit => server.silent_user(&conn.peer),
        Some(login) => login.no_auth_user.as_deref(),
        None => server.no_auth_user.as_ref().map(|user| &*user.name),
    };
    let options = &mut *conn.options;
    let auth = server.spec.authorization.as_ref();
    let by_port = conn.peer.stand_in.as_deref();
    let has_secret = !options.pass.is_empty() || !options.auth_token.is_empty();
    if let Some(name) = by_port.filter(|_| !has_secret)
        && (options.user.is_empty() || options.user == name)
    {
        if let Some(user) = server.users.get(name) {
            match user.proof {
                Proof::Password(_) => options.user = name.to_owned(),
                Proof::Nkey => options.nkey = name.to_owned(),
            }
            return Verdict::User(user.clone());
        }
        if auth.is_some_and(|auth| auth.user.as_deref() == Some(name)) {
            options.user = name.to_owned();
            return Verdict::Accepted;
        }
    }
    // Leaf nodes, and clients within the process, come without certificates.
    let may_be_certified = conn.leaf.is_none() && !conn.peer.in_process;
    if may_be_certified && !server.users.is_empty() && server.maps_certificates(wanted) {
        let session = conn.tls.as_deref().and_then(super::tls::Tls::session);
        let name = server.user_certified(session, wanted);
        let known = name.and_then(|name| Some((server.users.get(name.as_str())?.clone(), name)));
        return match known {
            Some((user, name)) => {
                options.user = name;
                if user.proof.is_password(&options.pass) {
                    Verdict::User(user)
                } else {
                    Verdict::Refused
                }
            }
            None => Verdict::Unknown,
        };
    }
    if server.has_nkeys
        && let Some(verdict) = authenticate_nkey(server, options, &nonce, wanted, no_auth_user)
    {
        return verdict;
    }
    if !server.users.is_empty() {
        if let Some(stand_in) = no_auth_user
            && by_port.is_none()
            && options.user.is_empty()
            && !has_secret
            && let Some(user) = server.users.get(stand_in)
        {
            options.user = stand_in.to_owned();
            if let Proof::Password(password) = &user.proof {
                options.pass = password.to_string();
            }
            return Verdict::User(user.clone());
        }
        if !options.user.is_empty() {
            return match server.users.get(options.user.as_str()) {
                Some(user) if user.allows(wanted) && user.proof.is_password(&options.pass) => {
                    Verdict::User(user.clone())
                }
                _ => Verdict::Refused,
            };
        }
    }
    let (token, user, password) = match (own_login, auth) {
        (Some(login), _) => (&login.token, &login.user, &login.password),
        (None, Some(auth)) => (&auth.token, &auth.user, &auth.password),
        (None, None) => return Verdict::Refused,
    };
    let matches = match (token, user) {
        (Some(token), _) => password::is_same(token, &options.auth_token),
        (None, Some(name)) => {
            let password = password.as_deref().unwrap_or_default();
            *name == options.user && password::is_same(password, &options.pass)
        }
        (None, None) => false,
    };
    if matches {
        Verdict::Accepted
    } else {
        Verdict::Refused
    }
}

/// What becomes of a client that gives an nkey, or has nothing to give where an nkey stands in for that.
fn authenticate_nkey(
    server: &Server,
    options: &mut ConnectOptions,
    nonce: &str,
    wanted: ConnectionType,
    stand_in: Option<&str>,
) -> Option<Verdict> {
    let nothing = [
        &options.user,
        &options.pass,
        &options.auth_token,
        &options.nkey,
    ];
    if let Some(stand_in) = stand_in
        && nothing.iter().all(|text| text.is_empty())
        && server
            .users
            .get(stand_in)
            .is_some_and(|user| user.proof.is_nkey())
    {
        options.nkey = stand_in.to_owned();
    }
    if options.nkey.is_empty() {
        return None;
    }
    let user = server.users.get(options.nkey.as_str());
    let known = user.filter(|user| user.proof.is_nkey() && user.allows(wanted));
    let is_stand_in = stand_in == Some(&options.nkey);
    let signed = || identity::signs(&options.nkey, nonce.as_bytes(), &options.sig);
    Some(match known {
        Some(user) if is_stand_in || signed() => Verdict::User(user.clone()),
        _ => Verdict::Refused,
    })
}

impl Proof {
    fn is_password(&self, given: &str) -> bool {
        matches!(self, Self::Password(password) if password::is_same(password, given))
    }
}

/// A limit as it was configured; a negative one is none.
pub(super) fn bound(limit: Option<i32>) -> Option<u32> {
    limit.and_then(|limit| u32::try_from(limit).ok())
}

pub(super) fn least(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

/// Every user by name, with the account that it logs in to.
pub(super) fn users_of(
    spec: &ServerSpec,
    global: AccountId,
    account: impl Fn(&str) -> Option<AccountId>,
) -> HashMap<Box<str>, User, FixedState> {
    let mut users = HashMap::default();
    let mut add = |user: &UserOptions, account, permissions: Option<&Permissions>| {
        let login = User {
            account,
            proof: match user.nkey {
                Some(_) => Proof::Nkey,
                None => Proof::Password(user.password.as_str().into()),
            },
            permissions: permissions.cloned().map(Arc::new),
            connection_types: user.allowed_connection_types.clone(),
        };
        users.insert(Box::from(user.id()), login);
    };
    if let Some(auth) = &spec.authorization {
        for user in &auth.users {
            add(user, global, auth.permissions_of(user));
        }
    }
    let default = spec
        .authorization
        .as_ref()
        .and_then(|auth| auth.default_permissions.as_ref());
    for listed in spec.accounts.iter() {
        let Some(account) = account(&listed.name) else {
            continue;
        };
        for user in &listed.users {
            add(user, account, listed.permissions_of(user).or(default));
        }
    }
    users
}
