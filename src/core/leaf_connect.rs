//! How a leaf node and its hub agree on a connection: who the leaf node is, what it may do, and why it
//! is refused.

use std::sync::Arc;

use super::callout::SUBJECT;
use super::conn::{ConnId, Peer};
use super::leaf::{Leaf, NewEnd, rights_of_end};
use super::leaf_dial::{AFTER_LOSS, AFTER_VIOLATION, Refused};
use super::leaf_login::LeafAdmission;
use super::leaf_users::LeafUser;
use super::notice::Notice;
use super::permissions::UserRights;
use super::server::ServerId;
use super::{AccountId, CloseReason, Core};
use crate::topology::{
    Compression, CompressionError, DEFAULT_LEAFNODE_PORT, GLOBAL_ACCOUNT, LeafRemote, Permissions,
    RemoteUrl, is_older_release,
};
use crate::version::Feature;

/// The version of the protocol that a leaf node says it speaks.
const LEAF_PROTOCOL: i64 = 3;

/// What a side wants; no server starts with a wish that is none.
fn wish(configured: Result<Compression, CompressionError>) -> Compression {
    configured.unwrap_or_else(|_| Compression::default_auto())
}

impl Core {
    /// Makes a connection, if both sides agree.
    pub(super) fn connect_leaf(
        &mut self,
        server: ServerId,
        place: usize,
        configured: &LeafRemote,
        url: &RemoteUrl,
        hub: ServerId,
    ) -> Result<(), Refused> {
        let name = configured.account.as_deref().unwrap_or(GLOBAL_ACCOUNT);
        let is_of_operator = self.server(server).operator.is_some();
        if is_of_operator && self.waits_for_account(server, place, name) {
            return Ok(());
        }
        let account = match self.server(server).operator {
            Some(_) => self.account_of_operator(server, name),
            None => self.account_named(server, name),
        };
        let Some(account) = account else {
            return Err(Refused(AFTER_LOSS));
        };
        let (spoke, accepted) = self.make_pair(server, place, configured, url, hub, account);
        if !self.sign_leaf(accepted, configured) {
            for end in [spoke, accepted] {
                self.discard(end, CloseReason::ClientClosed);
            }
            return Err(Refused(AFTER_LOSS));
        }
        match self.log_in_leaf(accepted) {
            LeafAdmission::In(login) => self.settle_leaf(spoke, accepted, configured, &login),
            // It tries again when its connection ends.
            LeafAdmission::Out => Ok(()),
            LeafAdmission::Asked => {
                self.limit_wait(accepted, &wish(configured.compression_in_force()));
                Ok(())
            }
        }
    }

    /// Makes a connection of two ends, the hub's of which was let in.
    pub(super) fn settle_leaf(
        &mut self,
        spoke: ConnId,
        accepted: ConnId,
        configured: &LeafRemote,
        login: &LeafUser,
    ) -> Result<(), Refused> {
        let [Some((server, account, place)), Some((hub, _, _))] = [spoke, accepted].map(|end| {
            let conn = self.conn(end)?;
            let place = conn.leaf.as_ref().and_then(|leaf| leaf.remote);
            Some((conn.server, conn.account, place))
        }) else {
            return Ok(());
        };
        if !self.is_counted(accepted) && self.has_all_leafs(self.account_of(accepted), hub) {
            self.refuse_one_too_many(accepted);
            self.discard(spoke, CloseReason::ClientClosed);
            return Err(Refused(AFTER_LOSS));
        }
        self.grant(spoke, accepted, login, configured);
        if let Some(leaf) = self.leaf(spoke)
            && !leaf.cluster.is_empty()
            && self.has_leaf_of_cluster(account, server, &leaf.cluster.clone())
        {
            // The remote already is a leaf node of this server.
            self.register_end(accepted, login.is_told);
            self.discard(spoke, CloseReason::ProtocolViolation);
            self.close(accepted, CloseReason::ProtocolViolation);
            return Err(Refused(AFTER_VIOLATION));
        }
        let names = [hub, server].map(|id| self.server(id).cluster_name.clone());
        if self.server(server).system == Some(account)
            && self.server(hub).system == Some(self.account_of(accepted))
        {
            self.join_systems(server, hub);
        }
        self.register_end(accepted, login.is_told);
        if self.is_too_old(server, hub) {
            self.discard(spoke, CloseReason::ClientClosed);
            self.close(accepted, CloseReason::MinimumVersionRequired);
            return Err(Refused(AFTER_LOSS));
        }
        if let [Some(hub), Some(leaf)] = names
            && hub == leaf
        {
            self.register_end(spoke, true);
            let reason = CloseReason::ClusterNamesIdentical;
            self.break_leaf(accepted, reason, CloseReason::ClientClosed, AFTER_VIOLATION);
            return Ok(());
        }
        self.replace_twin(accepted);
        self.register_end(spoke, true);
        if let Some(place) = place {
            self.learn_urls(server, place, configured, hub);
        }
        self.tell_everything(accepted);
        self.tell_everything(spoke);
        self.close_at_subscription_limit(accepted);
        Ok(())
    }

    fn is_too_old(&self, server: ServerId, hub: ServerId) -> bool {
        let options = self.server(hub).spec.leafnodes.as_ref();
        let minimum = options.and_then(|options| options.min_version.as_deref());
        let release = self.server(server).profile.version;
        minimum.is_some_and(|minimum| is_older_release(release, minimum))
    }

    /// Gives up a connection of what seems to be the same server, for the same accounts: it is taken for
    /// one of which the end was not noticed.
    fn replace_twin(&mut self, new: ConnId) {
        let Some((conn, leaf)) = self
            .conn(new)
            .and_then(|it| Some((it, it.leaf.as_deref()?)))
        else {
            return;
        };
        let name = |leaf: &Leaf| &*self.server(leaf.peer).name;
        let account_there = |leaf: &Leaf| {
            let account = self.conn(leaf.other).map(|conn| conn.account);
            account.map(|account| &*self.account(account).name)
        };
        let ends = self.server(conn.server).leafs.values().copied();
        let twin = ends.filter(|&end| end != new).find(|&end| {
            let old = self.conn(end).filter(|old| old.account == conn.account);
            old.and_then(|old| old.leaf.as_deref()).is_some_and(|old| {
                old.remote.is_none()
                    && name(old) == name(leaf)
                    && old.cluster == leaf.cluster
                    && account_there(old) == account_there(leaf)
            })
        });
        if let Some(twin) = twin {
            self.close(twin, CloseReason::DuplicateRemoteLeafnodeConnection);
        }
    }

    /// Ends an end that nobody has heard of, but for its end.
    pub(super) fn discard(&mut self, id: ConnId, reason: CloseReason) {
        if let Some(leaf) = self.leaf_mut(id) {
            (leaf.other, leaf.remote) = (id, None);
        }
        self.close(id, reason);
    }

    fn account_of(&self, id: ConnId) -> AccountId {
        self.conn(id).map_or(AccountId(0), |conn| conn.account)
    }

    /// Makes both ends. The first is that of the server that connects.
    fn make_pair(
        &mut self,
        server: ServerId,
        place: usize,
        configured: &LeafRemote,
        url: &RemoteUrl,
        hub: ServerId,
        account: AccountId,
    ) -> (ConnId, ConnId) {
        let cluster = |core: &Self, id: ServerId| {
            let name = core.server(id).cluster_name.as_deref();
            Box::<str>::from(name.unwrap_or_default())
        };
        let isolates = self.server(server).profile.has(Feature::IsolatedLeafs);
        let hub_isolates = self.server(hub).profile.has(Feature::IsolatedLeafs);
        let hub_options = self.server(hub).spec.leafnodes.as_ref();
        let isolated_there = hub_options.is_some_and(|it| it.isolate_leafnode_interest)
            || (isolates && configured.request_isolation);
        let own = wish(configured.compression_in_force());
        let there = wish(hub_options.map_or_else(
            || Ok(Compression::default_auto()),
            |options| options.compression_in_force(),
        ));
        let cids = [server, hub].map(|id| self.server_mut(id).next_cid());
        let host = |host: &str| {
            Box::<str>::from(if host == "localhost" {
                "127.0.0.1"
            } else {
                host
            })
        };
        let nobody = ConnId {
            slot: u32::MAX,
            generation: 0,
        };
        let leaf = |core: &Self,
                    peer: ServerId,
                    is_spoke,
                    is_isolated,
                    compression,
                    remote: Option<usize>| Leaf {
            other: nobody,
            peer,
            cluster: cluster(core, peer),
            is_stranger: remote.is_none(),
            is_spoke,
            is_isolated,
            compression,
            remote,
            is_over: false,
            gateway: None,
            told: Default::default(),
            accepts: None,
            broken: None,
        };
        let global_there = self.server(hub).global;
        let spoke = NewEnd {
            server,
            account,
            cid: cids[0],
            peer: Peer {
                host: host(&url.host),
                port: url.port.unwrap_or(DEFAULT_LEAFNODE_PORT),
                stand_in: None,
                in_process: true,
                websocket: None,
            },
            user: String::new(),
            password: String::new(),
            name: String::new(),
            version: String::new(),
            protocol: 0,
            leaf: leaf(
                self,
                hub,
                !configured.hub,
                isolates && configured.isolate_leafnode_interest,
                own.agreed(&there),
                Some(place),
            ),
        };
        let from = self.server(server);
        let accepted = NewEnd {
            server: hub,
            account: global_there,
            cid: cids[1],
            peer: Peer {
                host: host(from.address()),
                port: self.port_of(server, cids[0]),
                stand_in: None,
                in_process: true,
                websocket: None,
            },
            user: url.user.clone().unwrap_or_default(),
            password: url.password.clone().unwrap_or_default(),
            name: from.name.to_string(),
            version: from.profile.version.to_owned(),
            protocol: match from.profile.has(Feature::LeafProtocol) {
                true => LEAF_PROTOCOL,
                false => 0,
            },
            leaf: leaf(
                self,
                server,
                configured.hub,
                hub_isolates && isolated_there,
                there.agreed(&own),
                None,
            ),
        };
        let (spoke, accepted) = (self.make_end(spoke), self.make_end(accepted));
        for (end, other) in [(spoke, accepted), (accepted, spoke)] {
            if let Some(leaf) = self.leaf_mut(end) {
                leaf.other = other;
            }
        }
        (spoke, accepted)
    }

    /// Gives both ends the rights that the hub's user and the leaf's denials leave them.
    fn grant(
        &mut self,
        spoke: ConnId,
        accepted: ConnId,
        login: &LeafUser,
        configured: &LeafRemote,
    ) {
        let now = self.now;
        let unlimited = Permissions::default();
        let user = login.user.permissions.as_deref().unwrap_or(&unlimited);
        // Who is of the account of a service is not told that it listens for questions.
        let questions = login.is_of_service.then(|| SUBJECT.to_owned());
        let questions: Vec<String> = questions.into_iter().collect();
        let (publish, subscribe) = (user.publish.as_ref(), user.subscribe.as_ref());
        for (id, send, tell, denies) in [
            (
                spoke,
                publish,
                subscribe,
                [&configured.deny_exports, &configured.deny_imports],
            ),
            // What the leaf may not take, the hub does not send.
            (
                accepted,
                subscribe,
                publish,
                [&configured.deny_imports, &questions],
            ),
        ] {
            let Some(conn) = self.conn(id) else { continue };
            let srv = self.server(conn.server);
            let is_system = srv.system == Some(conn.account);
            let checks = id == accepted
                && (publish.is_some() && srv.profile.has(Feature::LeafMessagesChecked));
            let granted = rights_of_end(send, tell, denies[0], denies[1], is_system);
            let rights = UserRights::new(Arc::new(granted), now);
            let accepts = checks.then(|| {
                let publish = Permissions {
                    publish: publish.cloned(),
                    ..Permissions::default()
                };
                Box::new(UserRights::new(Arc::new(publish), now))
            });
            if let Some(conn) = self.conn_mut(id) {
                conn.rights = Some(Box::new(rights));
                if let Some(leaf) = &mut conn.leaf {
                    leaf.accepts = accepts;
                }
            }
        }
    }

    /// Whether leaf nodes of a cluster are connected to `server` for an account.
    fn has_leaf_of_cluster(&self, account: AccountId, server: ServerId, cluster: &str) -> bool {
        let ends = self.account(account).on_server(server).leafs.iter();
        ends.filter_map(|&end| self.leaf(end))
            .any(|leaf| !leaf.is_spoke && *leaf.cluster == *cluster)
    }

    /// Whether an account has as many leaf nodes as it may.
    pub(super) fn has_all_leafs(&self, account: AccountId, server: ServerId) -> bool {
        let account = self.account(account);
        let max = account.limits.max_leafnodes;
        let max = max.and_then(|max| usize::try_from(max).ok());
        max.is_some_and(|max| account.on_server(server).leafs.len() >= max)
    }

    /// Does without a leaf node for which its account has no room. Older releases forget to take it out
    /// of their list again.
    fn refuse_one_too_many(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let (server, cid) = (conn.server, conn.cid);
        let reason = CloseReason::MaxAccountConnectionsExceeded;
        if self.server(server).profile.has(Feature::LeafLimitHeeded) {
            self.discard(id, reason);
            return;
        }
        let client = Box::new(self.snapshot(conn));
        let at = self.now;
        self.notices.push_back(Notice::Connected {
            server,
            client: client.clone(),
            at,
        });
        self.notices.push_back(Notice::Disconnected {
            server,
            client,
            reason,
            at,
        });
        if let Some(leaf) = self.leaf_mut(id) {
            leaf.other = id;
        }
        self.server_mut(server).leafs.insert(cid, id);
    }
}
