//! A leaf node that waits until somebody has told its hub who it is.
//!
//! Both ends of its connection are there meanwhile, but in no list of their servers. The hub does not look at what
//! comes from the leaf node before it has an answer, and so does not find out that it is gone.

use std::sync::Arc;
use std::time::Duration;

use super::conn::ConnId;
use super::leaf::ROUND_TRIP;
use super::leaf_dial::Refused;
use super::leaf_login::LeafAdmission;
use super::leaf_users::LeafUser;
use super::notice::Notice;
use super::server::ServerId;
use super::timers::Timer;
use super::{CloseReason, Core};
use crate::topology::Compression;
use crate::version::Feature;

/// How long a leaf node may take to log in, in seconds, unless something else is configured.
const LOG_IN_TIMEOUT: f64 = 2.0;

impl Core {
    /// Whether an end counts in its account, though its connection may not have come about yet.
    pub(super) fn is_counted(&self, id: ConnId) -> bool {
        self.conn(id).is_some_and(|conn| {
            let here = self.account(conn.account).on_server(conn.server);
            here.leafs.contains(&id)
        })
    }

    /// Whether the connection of an end has come about.
    pub(super) fn is_settled(&self, id: ConnId) -> bool {
        self.conn(id)
            .is_some_and(|conn| self.server(conn.server).leafs.get(&conn.cid) == Some(&id))
    }

    /// Goes on with a leaf node whose account was looked up.
    pub(super) fn go_on_with_leaf(&mut self, accepted: ConnId) {
        if self.is_over_and_forgotten(accepted) {
            self.close(accepted, CloseReason::ClientClosed);
            return;
        }
        if let LeafAdmission::In(user) = self.log_in_leaf(accepted) {
            self.admit_leaf(accepted, &user);
        }
    }

    /// Has a leaf node wait no longer than leaf nodes may take to log in. Where servers do not go on to agree on a
    /// compression, they stop counting when they know whom they have to ask about.
    pub(super) fn limit_wait(&mut self, accepted: ConnId, theirs: &Compression) {
        let Some(conn) = self.conn(accepted) else {
            return;
        };
        let options = self.server(conn.server).spec.leafnodes.as_ref();
        let own = options.and_then(|options| options.compression_in_force().ok());
        let is_agreed = match own {
            None | Some(Compression::NotSupported | Compression::Off) => true,
            Some(Compression::Accept) => *theirs == Compression::Accept,
            Some(_) => false,
        };
        if is_agreed {
            return;
        }
        let auth = options.and_then(|options| options.authorization.as_ref());
        let timeout = auth.and_then(|auth| auth.timeout).unwrap_or(LOG_IN_TIMEOUT);
        // It is counted from before the leaf node has answered what it was greeted with.
        let timeout = Duration::try_from_secs_f64(timeout).unwrap_or_default();
        let due = self.now + timeout.saturating_sub(ROUND_TRIP);
        let timer = self.timers.set(due, Timer::Auth(accepted));
        if let Some(conn) = self.conn_mut(accepted) {
            conn.auth_timer = Some(timer);
        }
    }

    /// There is no limit any more to how long a connection may wait.
    pub(super) fn end_limit(&mut self, id: ConnId) {
        let leaf = self.conn_mut(id).filter(|conn| conn.leaf.is_some());
        let timer = leaf.and_then(|conn| conn.auth_timer.take());
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
    }

    /// A leaf node has waited for too long. That ends its connection, but not what is being found out about it.
    pub(super) fn leaf_timed_out(&mut self, accepted: ConnId) {
        let reason = CloseReason::AuthenticationTimeout;
        // The limit may have ended while its server stood still.
        let waits = self.conn_mut(accepted);
        if waits.and_then(|conn| conn.auth_timer.take()).is_none() {
            return;
        }
        let Some((conn, leaf)) = self.conn(accepted).zip(self.leaf(accepted)) else {
            return;
        };
        let (server, is_stranger, spoke) = (conn.server, leaf.is_stranger, leaf.other);
        let at = self.now;
        let closed = self.closed_conn(conn, reason);
        let client = Box::new(closed.client.clone());
        self.keep_closed(server, closed);
        if let Some(leaf) = self.leaf_mut(accepted) {
            leaf.is_over = true;
        }
        self.leave(accepted);
        if !is_stranger {
            self.notices.push_back(Notice::Disconnected {
                server,
                client,
                reason,
                at,
            });
        }
        if spoke != accepted {
            self.close(spoke, CloseReason::ClientClosed);
        }
    }

    /// Whether a connection has ended while somebody was asked who it is.
    pub(super) fn is_over(&self, id: ConnId) -> bool {
        self.leaf(id).is_some_and(|leaf| leaf.is_over)
    }

    /// Whether such a connection counts in no account, whoever it turns out to be.
    pub(super) fn is_over_and_forgotten(&self, id: ConnId) -> bool {
        let server = self.conn(id).map(|conn| self.server(conn.server));
        let forgets = server.is_some_and(|it| it.profile.has(Feature::EndedLeafsNotRegistered));
        forgets && self.is_over(id)
    }

    /// Makes a connection with a leaf node that has waited, if it is still there.
    pub(super) fn admit_leaf(&mut self, accepted: ConnId, user: &LeafUser) {
        self.end_limit(accepted);
        let Some(spoke) = self.leaf(accepted).map(|leaf| leaf.other) else {
            return;
        };
        if self.conn(accepted).is_some_and(|conn| !conn.flags.detached) {
            self.end_at_leaf_port(accepted, user);
            return;
        }
        if self.is_over(accepted) {
            // Older releases count it from now on, and for ever.
            self.join(accepted, user.user.account);
            let place = self.conn(accepted).map(|conn| (conn.server, conn.cid));
            if let Some((server, cid)) = place {
                self.server_mut(server).leafs.insert(cid, accepted);
            }
            self.notice_connected(accepted);
            return;
        }
        let found = self.conn(spoke).filter(|_| spoke != accepted);
        let place = found.and_then(|conn| Some((conn.server, conn.leaf.as_ref()?.remote?)));
        let Some((server, place)) = place else {
            self.register_end(accepted, user.is_told);
            self.close(accepted, CloseReason::ClientClosed);
            return;
        };
        let spec = Arc::clone(&self.server(server).spec);
        let options = spec.leafnodes.as_ref();
        let Some(remote) = options.and_then(|options| options.remotes.get(place)) else {
            return;
        };
        if let Err(Refused(wait)) = self.settle_leaf(spoke, accepted, remote, user) {
            self.dial_again(server, place, Some(wait));
        }
    }

    /// The ends on a server of connections that do not come about before there is an answer.
    pub(super) fn waiting_ends(&self, server: ServerId) -> Vec<ConnId> {
        if self.asked_about == 0 {
            return Vec::new();
        }
        let accepted = self.conns.iter().filter_map(|(slot, conn)| {
            let is_asked = conn.leaf.is_some() && conn.is_asked_about();
            is_asked.then_some(ConnId {
                slot: slot as u32,
                generation: conn.generation,
            })
        });
        let ends = accepted.flat_map(|id| {
            let other = self.leaf(id).map(|leaf| leaf.other);
            [Some(id), other.filter(|&other| other != id)]
        });
        ends.flatten()
            .filter(|&end| self.conn(end).is_some_and(|conn| conn.server == server))
            .collect()
    }
}
