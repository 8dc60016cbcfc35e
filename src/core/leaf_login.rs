//! Who a leaf node is: what it shows its hub, and what the hub makes of that.

use std::sync::Arc;

use super::account::AccountId;
use super::authenticate::{AccountFull, Admission, Login};
use super::conn::ConnId;
use super::identity::Identity;
use super::leaf_users::LeafUser;
use super::server::{ServerId, User};
use super::{CloseReason, Core};
use crate::identity;
use crate::topology::{LeafAuth, LeafCredentials, LeafRemote};

/// What comes of the log-in of a leaf node.
pub(super) enum LeafAdmission {
    /// It may go on as this user.
    In(LeafUser),
    /// Its connection has been closed.
    Out,
    /// It has to wait until somebody else has said who it is, or its account was looked up.
    Asked,
}

impl From<Admission> for LeafAdmission {
    /// What becomes of one of whom a service was to be asked.
    fn from(admission: Admission) -> Self {
        match admission {
            Admission::Asked => Self::Asked,
            Admission::In | Admission::Out => Self::Out,
        }
    }
}

impl Core {
    /// The account that a remote names by its public key, if it is there and has not expired.
    pub(super) fn account_of_operator(&mut self, server: ServerId, key: &str) -> Option<AccountId> {
        let account = self.look_up_account(server, key)?;
        let mode = self.server(server).operator.as_deref()?;
        let claimed = mode.claimed(account)?;
        (!claimed.is_expired).then_some(account)
    }

    /// Has a leaf node sign what its hub wants to have signed. Tells whether it can.
    pub(super) fn sign_leaf(&mut self, accepted: ConnId, configured: &LeafRemote) -> bool {
        let Some(server) = self.conn(accepted).map(|conn| conn.server) else {
            return false;
        };
        let nonce = match configured.credentials {
            None => self.draw_nonce(server),
            Some(_) => Some(self.draw_nonce_always()),
        };
        let text = nonce.as_deref().unwrap_or_default().as_bytes();
        let (jwt, key, signature) = match &configured.credentials {
            None => Default::default(),
            Some(LeafCredentials::Creds(creds)) => {
                let signed = identity::read_creds(creds)
                    .and_then(|(jwt, seed)| Some((jwt, identity::sign_with_seed(seed, text)?)));
                let Some((jwt, (_, signature))) = signed else {
                    return false;
                };
                (jwt.to_owned(), String::new(), signature)
            }
            Some(LeafCredentials::Nkey(seed)) => {
                let Some((key, signature)) = identity::sign_with_seed(seed, text) else {
                    return false;
                };
                (String::new(), key, signature)
            }
        };
        if let Some(conn) = self.conn_mut(accepted) {
            conn.nonce = nonce;
            conn.options.jwt = jwt;
            conn.options.nkey = key;
            conn.options.sig = signature;
        }
        true
    }

    /// Whether leaf nodes have to show JWTs. Users of the `leafnodes` block come first.
    fn has_leafs_of_operators(&self, server: ServerId) -> bool {
        let srv = self.server(server);
        let options = srv.spec.leafnodes.as_ref();
        let auth = options.and_then(|options| options.authorization.as_ref());
        srv.operator.is_some() && !auth.is_some_and(LeafAuth::names_users)
    }

    /// Checks who the leaf node is. One that is refused is closed, and told of.
    pub(super) fn log_in_leaf(&mut self, id: ConnId) -> LeafAdmission {
        let Some(server) = self.conn(id).map(|conn| conn.server) else {
            return LeafAdmission::Out;
        };
        if self.has_leafs_of_operators(server) {
            return self.log_in_leaf_by_token(id);
        }
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return LeafAdmission::Out;
        };
        let login =
            super::leaf_users::authenticate_leaf(&self.servers[usize::from(server.0)], conn);
        let asker = self.callout_account(server).filter(|_| login.as_client);
        if login.as_client
            && self.callout_of(server).is_some()
            && self.is_to_be_asked_about(id, true)
        {
            // One that may be here is, until the service says otherwise.
            let user = login.user.as_ref().filter(|user| user.is_told);
            if let Some(user) = user.map(|user| user.user.clone()) {
                // What counts is whether there is room where the service puts it.
                let _ = self.register_leaf(id, &user);
            }
            return self.ask_about(id, Login::Explicit).into();
        }
        match login.user {
            Some(mut user) => {
                user.is_of_service = asker == Some(user.user.account);
                self.take_for(id, &user);
                LeafAdmission::In(user)
            }
            None => {
                if let Some(asker) = asker {
                    self.tell_service_of_refusal(id, asker, None);
                }
                self.refuse_leaf(id)
            }
        }
    }

    /// The same where leaf nodes show tokens.
    fn log_in_leaf_by_token(&mut self, id: ConnId) -> LeafAdmission {
        if self.looks_up_elsewhere(id, Login::Explicit) {
            return LeafAdmission::Asked;
        }
        let verdict = self.authenticate_token(id);
        let user = verdict.login.as_ref().map(|login| login.user.clone());
        if let Some(login) = verdict.login {
            self.admit_token(id, login);
        }
        let is_of_service = match verdict.asked {
            Some(account) if !self.is_of_service(id, account, &verdict.subject) => {
                if let Some(user) = &user {
                    let identity = self.conn(id).and_then(|conn| conn.identity.clone());
                    let registered = self.register_leaf(id, user);
                    if let Some(conn) = self.conn_mut(id) {
                        conn.identity = identity;
                    }
                    if registered.is_err() {
                        self.close_above_limit(id);
                        return LeafAdmission::Out;
                    }
                }
                return self.ask_as_claimed(id, Login::Explicit, account).into();
            }
            Some(account) if user.is_none() => {
                self.tell_service_of_refusal(id, account, None);
                false
            }
            asked => asked.is_some(),
        };
        let Some(user) = user else {
            return self.refuse_leaf(id);
        };
        let user = LeafUser::of_client(user, is_of_service);
        self.take_for(id, &user);
        LeafAdmission::In(user)
    }

    /// Takes a leaf node for a user, without counting it yet.
    fn take_for(&mut self, id: ConnId, user: &LeafUser) {
        let Some(server) = self.conn(id).map(|conn| conn.server) else {
            return;
        };
        let account = match user.named.as_deref() {
            Some(name) => self.account_named(server, name),
            None => Some(user.user.account),
        };
        let account = account.unwrap_or(self.server(server).global);
        self.put_leaf(id, account);
        self.apply_token_limits(id);
        if self.conn(id).is_some_and(|conn| conn.identity.is_none()) {
            self.identify_leaf(id, &user.user);
        }
    }

    fn put_leaf(&mut self, id: ConnId, account: AccountId) {
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        conn.account = account;
        conn.counted_in = account;
        if let Some(leaf) = &mut conn.leaf {
            leaf.is_stranger = false;
        }
    }

    /// Notes who vouches for a leaf node with an nkey.
    fn identify_leaf(&mut self, id: ConnId, user: &User) {
        if !user.proof.is_nkey() {
            return;
        }
        let name = Arc::clone(&self.account(user.account).name);
        if let Some(conn) = self.conn_mut(id) {
            conn.identity = Some(Arc::new(Identity {
                issuer_key: name,
                ..Identity::default()
            }));
        }
    }

    /// Counts a leaf node of whom a service has the say in the account of a user, before its connection comes about.
    pub(super) fn register_leaf(&mut self, id: ConnId, user: &User) -> Result<(), AccountFull> {
        let Some(server) = self.conn(id).map(|conn| conn.server) else {
            return Ok(());
        };
        self.leave(id);
        let is_full = self.has_all_leafs(user.account, server);
        self.put_leaf(id, user.account);
        if is_full {
            return Err(AccountFull);
        }
        self.identify_leaf(id, user);
        self.join(id, user.account);
        Ok(())
    }

    fn refuse_leaf(&mut self, id: ConnId) -> LeafAdmission {
        self.tell_system_of_refusal(id, CloseReason::AuthenticationViolation);
        self.send_err(id, "Authorization Violation");
        self.close(id, CloseReason::AuthenticationViolation);
        LeafAdmission::Out
    }
}
