//! Who a leaf node is: what it shows its hub, and what the hub makes of that.

use std::sync::Arc;

use super::account::AccountId;
use super::authenticate::{LeafLogin, LeafUser};
use super::conn::ConnId;
use super::identity::Identity;
use super::server::ServerId;
use super::{CloseReason, Core};
use crate::identity;
use crate::topology::{LeafCredentials, LeafRemote};

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
        let nonce = self.draw_nonce(server);
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

    /// Whether leaf nodes have to show JWTs. A user of the `leafnodes` block comes first.
    fn has_leafs_of_operators(&self, server: ServerId) -> bool {
        let srv = self.server(server);
        let options = srv.spec.leafnodes.as_ref();
        let auth = options.and_then(|options| options.authorization.as_ref());
        srv.operator.is_some() && auth.is_none_or(|auth| auth.user.is_none())
    }

    /// What the JWT of a leaf node makes of it. Nobody is asked about leaf nodes yet: where a service has the
    /// say, only its own users come in.
    fn authenticate_leaf_token(&mut self, id: ConnId) -> LeafLogin {
        let verdict = self.authenticate_token(id);
        let Some(login) = verdict.login else {
            return LeafLogin::Refused;
        };
        let user = login.user.clone();
        self.admit_token(id, login);
        if verdict
            .asked
            .is_some_and(|account| !self.is_of_service(id, account, &verdict.subject))
        {
            return LeafLogin::Refused;
        }
        LeafLogin::Accepted(LeafUser {
            user,
            named: None,
            is_told: true,
        })
    }

    /// Notes who vouches for a leaf node with an nkey.
    fn identify_leaf(&mut self, id: ConnId, user: &LeafUser) {
        if !user.user.proof.is_nkey() {
            return;
        }
        let name = Arc::clone(&self.account(user.user.account).name);
        if let Some(conn) = self.conn_mut(id)
            && conn.identity.is_none()
        {
            conn.identity = Some(Arc::new(Identity {
                issuer_key: name,
                ..Identity::default()
            }));
        }
    }

    /// Checks who the leaf node is. One that is refused is closed, and told of.
    pub(super) fn log_in_leaf(&mut self, id: ConnId) -> Result<LeafUser, ()> {
        let Some(server) = self.conn(id).map(|conn| conn.server) else {
            return Err(());
        };
        let login = match self.has_leafs_of_operators(server) {
            true => self.authenticate_leaf_token(id),
            false => {
                let Some(conn) = super::conn_mut(&mut self.conns, id) else {
                    return Err(());
                };
                let server = &self.servers[usize::from(server.0)];
                super::authenticate::authenticate_leaf(server, conn)
            }
        };
        match login {
            LeafLogin::Accepted(user) => {
                let account = match user.named.as_deref() {
                    Some(name) => self.account_named(server, name),
                    None => Some(user.user.account),
                };
                let account = account.unwrap_or(self.server(server).global);
                if let Some(conn) = self.conn_mut(id) {
                    conn.account = account;
                    conn.counted_in = account;
                }
                self.apply_token_limits(id);
                self.identify_leaf(id, &user);
                Ok(user)
            }
            LeafLogin::Refused => {
                if let Some(leaf) = self.leaf_mut(id) {
                    leaf.is_stranger = true;
                }
                self.tell_system_of_refusal(id, CloseReason::AuthenticationViolation);
                self.send_err(id, "Authorization Violation");
                self.discard(id, CloseReason::AuthenticationViolation);
                Err(())
            }
        }
    }
}
