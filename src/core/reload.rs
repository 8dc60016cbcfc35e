//! A changed configuration, applied to a running server.

use std::borrow::Cow;
use std::sync::Arc;

use super::authenticate::{Admission, Login};
use super::conn::ConnId;
use super::reload_refused::refuse_unsupported;
use super::server::ServerId;
use super::subs::{Receiver, SubId};
use super::{CloseReason, Core, Time};
use crate::topology::ServerSpec;

/// A change that a running server does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct ReloadError {
    /// The option, as nats-server names it.
    pub option: Cow<'static, str>,
    /// What is in force.
    pub old: String,
    /// What was asked for.
    pub new: String,
}

/// What a server gets or loses only when it starts.
const RESOLVER: &str = "AccountResolver";

impl ReloadError {
    /// A server is to get a resolver, or to lose the one that it has.
    pub(super) fn resolver(has_one: bool) -> Self {
        Self {
            option: RESOLVER.into(),
            old: has_one.to_string(),
            new: (!has_one).to_string(),
        }
    }

    fn text(&self) -> String {
        let Self { option, old, new } = self;
        match &**option {
            RESOLVER => {
                "config reload does not support moving to or from an account resolver".to_owned()
            }
            _ => format!("config reload not supported for {option}: old={old}, new={new}"),
        }
    }
}

impl Core {
    /// Applies `spec` to a running server, or nothing of it when it holds a change that cannot be
    /// applied. The address, version and seed of the server stay as they are.
    pub fn reload(
        &mut self,
        now: Time,
        server: ServerId,
        mut spec: ServerSpec,
    ) -> Result<(), ReloadError> {
        self.set_now(now);
        let old = Arc::clone(&self.server(server).spec);
        keep_ports(&old, &mut spec);
        refuse_unsupported(&old, &spec, self.server(server).profile, self.seed)?;
        spec.host.clone_from(&old.host);
        spec.port = old.port;
        spec.version = old.version;
        let renamed = spec.cluster_name().filter(|_| spec.cluster.is_some());
        if let Some(name) = renamed.filter(|&name| old.cluster_name() != Some(name)) {
            self.server_mut(server).cluster_name = Some(name.into());
        }
        let reauthorizes = !spec.accounts.is_empty()
            || !old.accounts.is_empty()
            || spec.authorization != old.authorization
            || spec.no_auth_user != old.no_auth_user
            || spec.tls.as_ref().map(|tls| tls.map) != old.tls.as_ref().map(|tls| tls.map);
        let now = self.now;
        let srv = self.server_mut(server);
        srv.spec = Arc::new(spec);
        srv.config_load_time = now;
        let known = self.server(server).accounts.len();
        self.configure(server);
        let added: Vec<super::AccountId> = self.server(server).accounts[known..].into();
        for account in added {
            let srv = self.server_mut(server);
            let cid = srv.next_cid();
            srv.late_accounts.insert(account, cid);
            self.notices
                .push_back(super::Notice::AccountAdded { server, account });
        }
        for account in old.accounts.iter() {
            let spec = &self.server(server).spec;
            let stays = spec.accounts.iter().any(|kept| kept.name == account.name);
            let known = self.account_named(server, &account.name);
            let Some(id) = known.filter(|_| !stays) else {
                continue;
            };
            // These two are there without being listed.
            let srv = self.server(server);
            if id != srv.global && Some(id) != srv.system {
                self.remove_account(server, id);
            }
        }
        let is_renewed = self.renew_resolver(server);
        self.apply_limits(server, &old);
        let srv = self.server_mut(server);
        let (tls, allow_non_tls) = (srv.spec.tls.as_ref(), srv.spec.allow_non_tls);
        srv.offer = srv.offer.reloaded(tls, allow_non_tls);
        if reauthorizes || is_renewed {
            self.reauthorize(server);
        }
        self.change_remotes(server, &old);
        self.recompress_leafs(server, &old);
        self.recheck_pinned(server, old.tls.as_ref());
        Ok(())
    }

    /// Takes an account away from a server. What it imports goes when no other server knows it. Its
    /// clients are still to be closed.
    pub(super) fn remove_account(&mut self, server: ServerId, id: super::AccountId) {
        let account = self.account(id);
        let (mesh, name) = (account.mesh, account.name.clone());
        let srv = self.server_mut(server);
        srv.accounts.retain(|&known| known != id);
        if self
            .servers
            .iter()
            .any(|other| other.accounts.contains(&id))
        {
            return;
        }
        self.meshes[usize::from(mesh.0)].accounts.remove(&*name);
        let imports: Vec<SubId> = self
            .subs
            .iter()
            .filter(|(_, sub)| sub.account == id && matches!(sub.receiver, Receiver::Import(_)))
            .map(|(place, sub)| SubId::new(place, sub.server))
            .collect();
        for import in imports {
            self.remove_sub(import);
        }
    }

    fn apply_limits(&mut self, server: ServerId, old: &ServerSpec) {
        let spec = Arc::clone(&self.server(server).spec);
        let clients = self.clients_of(server);
        if spec.limits != old.limits {
            self.limit_changes += 1;
        }
        if spec.limits.max_payload != old.limits.max_payload {
            for &id in &clients {
                if let Some(conn) = self.conn_mut(id) {
                    conn.max_payload = Some(spec.limits.max_payload);
                }
            }
        }
        let max = usize::try_from(spec.limits.max_connections).unwrap_or(0);
        for &id in clients.iter().skip(max) {
            self.send_err(id, "maximum connections exceeded");
            self.close(id, CloseReason::MaxConnectionsExceeded);
        }
    }

    /// Checks every client against the users there are now. Those whose account has changed are
    /// cut off, so that they come again; the others are registered anew.
    fn reauthorize(&mut self, server: ServerId) {
        let (moved, stay): (Vec<ConnId>, Vec<ConnId>) = self
            .clients_of(server)
            .into_iter()
            .partition(|&id| self.has_moved(id));
        for id in moved {
            self.close(id, CloseReason::ClientClosed);
        }
        for id in stay {
            // Of whom somebody is being asked is not let in yet.
            let logged_in = self
                .conn(id)
                .is_some_and(|conn| conn.flags.connect_received && !conn.is_asked_about());
            if logged_in && self.log_in(id, Login::Again) == Admission::In {
                self.recheck_subscriptions(id);
            }
        }
    }

    fn has_moved(&self, id: ConnId) -> bool {
        self.conn(id).is_some_and(|conn| {
            let options = &conn.options;
            let user = if options.nkey.is_empty() {
                &options.user
            } else {
                &options.nkey
            };
            !user.is_empty()
                && self
                    .server(conn.server)
                    .users
                    .get(user.as_str())
                    .is_none_or(|user| user.account != conn.account)
        })
    }

    pub(super) fn clients_of(&self, server: ServerId) -> Vec<ConnId> {
        let clients = self.server(server).clients.values().copied();
        let is_open = |&id: &ConnId| self.conn(id).is_some_and(|conn| !conn.is_closing());
        clients.filter(is_open).collect()
    }
}

/// Where the configuration leaves the choice of a port, it was made at the start.
fn keep_ports(old: &ServerSpec, new: &mut ServerSpec) {
    const ANY: Option<i64> = Some(-1);
    if let (Some(new), Some(old)) = (&mut new.cluster, &old.cluster)
        && new.port == ANY
    {
        new.port = old.port;
    }
    if let (Some(new), Some(old)) = (&mut new.gateway, &old.gateway)
        && new.port == ANY
    {
        new.port = old.port;
    }
    if let (Some(new), Some(old)) = (&mut new.leafnodes, &old.leafnodes)
        && new.port == ANY
    {
        new.port = old.port;
    }
    if let (Some(new), Some(old)) = (&mut new.websocket, &old.websocket)
        && new.port == ANY
    {
        new.port = old.port;
    }
}
