//! Who the configuration says a leaf node is.

use super::authenticate::{Login, Verdict, authenticate};
use super::server::{Proof, Server, User};
use super::{Conn, password};
use crate::identity;
use crate::topology::LeafAuth;

/// What becomes of a leaf node that wants in.
pub(super) struct LeafLogin {
    /// As whom it is let in, if it is.
    pub user: Option<LeafUser>,
    /// It was judged as a client is: where a service has the say of clients, that is not the last word.
    pub as_client: bool,
}

/// The user that a leaf node is taken for.
pub(super) struct LeafUser {
    pub user: User,
    /// The account, where the `leafnodes` block names it.
    pub named: Option<String>,
    /// It is one of the users that clients log in as; no other is told of.
    pub is_told: bool,
    /// It is in the account of the service that is asked about others, and may not ask itself.
    pub is_of_service: bool,
}

impl LeafUser {
    /// One of those that clients log in as.
    pub fn of_client(user: User, is_of_service: bool) -> Self {
        Self {
            user,
            named: None,
            is_told: true,
            is_of_service,
        }
    }
}

/// Checks the credentials of a leaf node: against the `leafnodes` block if that has any, and else as
/// those of a client.
pub(super) fn authenticate_leaf(server: &Server, conn: &mut Conn) -> LeafLogin {
    let anybody = |named: Option<&String>| LeafUser {
        user: User {
            account: server.global,
            proof: Proof::Password(Box::default()),
            permissions: None,
            connection_types: Vec::new(),
        },
        named: named.cloned(),
        is_told: false,
        is_of_service: false,
    };
    let leafnodes = server.spec.leafnodes.as_ref();
    let auth = leafnodes.and_then(|leafnodes| leafnodes.authorization.as_ref());
    if let Some(auth) = auth.filter(|auth| auth.names_users()) {
        let known = known_leaf(auth, conn);
        return LeafLogin {
            user: known.map(anybody),
            as_client: false,
        };
    }
    let user = match authenticate(server, conn, Login::Explicit) {
        Verdict::Refused | Verdict::Unknown => None,
        Verdict::Accepted => Some(anybody(None)),
        Verdict::User(user) => Some(LeafUser::of_client(user, false)),
    };
    LeafLogin {
        user,
        as_client: true,
    }
}

/// The account of a leaf node that the `leafnodes` block knows: the outer `Option` says whether it does.
fn known_leaf<'a>(auth: &'a LeafAuth, conn: &Conn) -> Option<Option<&'a String>> {
    let (user, pass) = (&conn.options.user, &conn.options.pass);
    let account = auth.account.as_ref();
    if let Some(name) = &auth.user {
        let password = auth.password.as_deref().unwrap_or_default();
        return (name == user && password::is_same(password, pass)).then_some(account);
    }
    if let Some(nkey) = &auth.nkey {
        let nonce = conn.nonce.as_deref().unwrap_or_default();
        let signature = &conn.options.sig;
        let is_it =
            *nkey == conn.options.nkey && identity::signs(nkey, nonce.as_bytes(), signature);
        return is_it.then_some(account);
    }
    let users = auth.users.as_deref().unwrap_or_default();
    let known = users
        .iter()
        .find(|known| known.user == *user && password::is_same(&known.password, pass))?;
    Some(known.account.as_ref())
}
