//! The life of servers: start, timers, lame duck mode, stop.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use nats_mock_protocol::wire::encode;
use slab::Slab;

use super::account::{Account, AccountId};
use super::authenticate::users_of;
use super::conn::ConnId;
use super::freeze::Waiting;
use super::ids::{self, Nuid};
use super::jwt_store::ResolverKind;
use super::links::Links;
use super::mesh::ClusterId;
use super::notice::{Fate, Notice, Watched};
use super::server::{NoAuthUser, Phase, Proof, Server, ServerId, Users};
use super::timers::{Timer, Timers};
use super::wall_clock::WallClock;
use super::{CloseReason, Core, Time};
use crate::topology::{
    DEFAULT_SYSTEM_ACCOUNT, GLOBAL_ACCOUNT, ServerSpec, SystemAccount, Topology, WebsocketOptions,
};

/// The cid of the client in whose name a server's services speak.
pub(crate) const SYSTEM_CLIENT_CID: u64 = 1;

/// Clients are closed at least this fast in lame duck mode, however long it may last.
const MAX_LEAVE_INTERVAL: Duration = Duration::from_secs(1);

/// Why a client is not told to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaveRefused {
    /// There is no such client.
    Unknown,
    /// It does not understand an INFO that comes unasked, or not yet.
    NotReady,
}

impl Core {
    /// A deployment whose servers start at `now`. Each start is told by a notice. When these have been
    /// handled, the servers are to be [connected](Self::form).
    pub fn new(topology: &Topology, now: Time) -> Self {
        let seed = topology.seed;
        let mut core = Self {
            now,
            seed,
            utc_offset: topology.utc_offset,
            servers: Vec::new(),
            clusters: Vec::new(),
            meshes: Vec::new(),
            links: Links::default(),
            accounts: Vec::new(),
            conns: Slab::new(),
            next_generation: 0,
            subs: Slab::new(),
            shadows: hashbrown::HashMap::default(),
            timers: Timers::default(),
            woken: Vec::new(),
            notices: VecDeque::new(),
            frame: super::frame::Frame::default(),
            deliveries: 0,
            queue_picks: ids::stream(seed, "queue picks"),
            latencies: ids::stream(seed, "latencies"),
            mapping_picks: ids::stream(seed, "mapping picks"),
            latency_picks: ids::stream(seed, "latency samples"),
            trace_picks: ids::stream(seed, "trace samples"),
            jitter: ids::stream(seed, "jitter"),
            nonces: ids::stream(seed, "nonces"),
            phase_changes: 0,
            reach_changes: 0,
            watched: Watched::default(),
            frozen: 0,
            has_mappings: false,
            has_route_rights: false,
            stalled: 0,
            asked_about: 0,
            being_answered: None,
            freezes: 0,
            limit_changes: 0,
            takes_websockets: false,
            stall: false,
            lookups: super::lookups::Lookups::default(),
            leaf_news: VecDeque::new(),
            is_spreading: false,
            leaf_hops: 0,
            leaf_crossings: VecDeque::new(),
            open_deliveries: 0,
            fetches: super::fetch::Fetches::default(),
            // Nobody looks after files of a core that stands alone.
            write_file: |_| Ok(()),
            trace: None,
            asks_for_trace: false,
            trace_answers: super::trace_answers::TraceAnswers::default(),
            file_changes: Vec::new(),
        };
        for (spec, cluster) in std::iter::zip(&topology.servers, core.make_clusters(topology)) {
            core.start_server(Arc::new(spec.clone()), cluster, None);
        }
        core
    }

    /// Starts another server in a cluster, or one again that was `previous` before. When its start has been told, it is
    /// to [join](Self::join_cluster).
    pub fn add_server(
        &mut self,
        now: Time,
        spec: ServerSpec,
        cluster: ClusterId,
        previous: Option<ServerId>,
    ) -> ServerId {
        self.set_now(now);
        self.start_server(Arc::new(spec), cluster, previous)
    }

    fn start_server(
        &mut self,
        spec: Arc<ServerSpec>,
        cluster: ClusterId,
        previous: Option<ServerId>,
    ) -> ServerId {
        let id = ServerId(self.servers.len() as u16);
        let mut server = Server::new(id, spec, cluster, self.seed);
        server.start = self.now;
        server.wall_clock = WallClock::new(self.utc_offset);
        server.config_load_time = self.now;
        let cluster = &mut self.clusters[usize::from(cluster.0)];
        if cluster.name.is_none() && server.spec.has_routes() {
            cluster.name = Some(Nuid::new(&mut server.rng).next(&mut server.rng).into());
        } else if cluster.name.is_none() && server.spec.is_lone_leaf() {
            cluster.name = Some((*server.name).into());
        }
        server.cluster_name = cluster.name.clone();
        cluster.servers.push(id);
        let mesh = cluster.mesh;
        // What is in a directory stays there when a server goes.
        let before = previous.and_then(|previous| self.server(previous).operator.as_deref());
        let spec = Arc::clone(&server.spec);
        if let (Some(options), Some(mode)) = (&spec.operator, server.operator.as_deref_mut()) {
            let before = before.map(|before| &before.store);
            // What a web server has is asked for anew by whoever starts.
            let before = before.filter(|before| before.kind() != ResolverKind::Url);
            mode.store.open(&options.preload, before, self.now);
        }
        self.servers.push(server);
        self.collect_file_changes(id);
        self.enter_mesh(id, mesh);
        self.configure(id);
        self.number_internal_clients(id);
        self.notices.push_back(Notice::Started { server: id });
        id
    }

    /// Applies the accounts and users of a server's specification.
    pub(super) fn configure(&mut self, id: ServerId) {
        let spec = Arc::clone(&self.server(id).spec);
        let websocket = spec.websocket.as_ref();
        self.takes_websockets |= websocket.is_some_and(WebsocketOptions::is_listening);
        let global = self.ensure_account(id, GLOBAL_ACCOUNT);
        self.server_mut(id).global = global;
        let shares_as_others = self.know_accounts(id, &spec);
        let system = match &spec.system_account {
            SystemAccount::Disabled => None,
            SystemAccount::Default => Some(self.ensure_account(id, DEFAULT_SYSTEM_ACCOUNT)),
            SystemAccount::Named(name) => Some(self.ensure_account(id, name)),
        };
        if !shares_as_others {
            self.map_subjects(id, &spec);
            self.share(id);
        }
        let mut users = self.users_of(id);
        let mut no_auth_user = spec.no_auth_user.as_deref().map(|name| NoAuthUser {
            name: name.into(),
            implicit: false,
        });
        let system_alone = matches!(spec.system_account, SystemAccount::Named(_))
            && spec.accounts.len() == 1
            && no_auth_user.is_none()
            && spec.authorization.is_none();
        let server = self.server_mut(id);
        if system_alone {
            // With users in the system account only, everybody else is let into `$G` under a name
            // that the server makes up and keeps over reloads.
            let name: Box<str> = match server.no_auth_user.take() {
                Some(kept) if kept.implicit => kept.name,
                _ => format!("nats-{}", ids::base62(8, &mut server.rng)).into(),
            };
            let stand_in = super::server::User {
                account: global,
                proof: Proof::Password(name[5..].into()),
                permissions: None,
                connection_types: Vec::new(),
            };
            Arc::make_mut(&mut users).insert(name.clone(), stand_in);
            no_auth_user = Some(NoAuthUser {
                name,
                implicit: true,
            });
        }
        server.has_nkeys = users.values().any(|user| user.proof.is_nkey());
        server.users = users;
        server.no_auth_user = no_auth_user;
        server.system = system;
        self.configure_routes(id);
        self.claim_system_account(id);
    }

    /// Everybody who can log in to a server. Servers that are configured alike share the table.
    fn users_of(&self, id: ServerId) -> Arc<Users> {
        let server = self.server(id);
        let (spec, cluster) = (&server.spec, self.cluster(server.cluster));
        let mut others = cluster.servers.iter().map(|&other| self.server(other));
        let alike = others
            .rfind(|other| !std::ptr::eq(*other, server))
            .filter(|other| {
                other.spec.accounts.is_same(&spec.accounts)
                    && other.spec.authorization == spec.authorization
                    && other
                        .no_auth_user
                        .as_ref()
                        .is_none_or(|user| !user.implicit)
            });
        alike.map_or_else(
            || {
                let account = |name: &str| self.account_named(id, name);
                Arc::new(users_of(spec, server.global, account))
            },
            |other| Arc::clone(&other.users),
        )
    }

    /// The first cids go to internal clients: the system client, one client for each account, the
    /// system account's first, and the sender of internal messages.
    fn number_internal_clients(&mut self, id: ServerId) {
        let server = self.server_mut(id);
        let Some(system) = server.system else {
            return;
        };
        server.accounts.sort_by_key(|&account| account != system);
        server.last_cid = SYSTEM_CLIENT_CID + server.accounts.len() as u64 + 1;
    }

    /// Lets a server know the accounts of its specification. Tells whether they are those of the server
    /// before.
    fn know_accounts(&mut self, id: ServerId, spec: &ServerSpec) -> bool {
        // Servers that are started one after the other mostly have their accounts in common.
        let before = usize::from(id.0)
            .checked_sub(1)
            .map(|place| &self.servers[place]);
        let mesh = |server: &Server| self.cluster(server.cluster).mesh;
        let alike = before.filter(|before| {
            self.server(id).accounts.len() == 1
                && before.late_accounts.is_empty()
                && before.spec.accounts.is_same(&spec.accounts)
                && before.spec.system_account == spec.system_account
                && mesh(before) == mesh(self.server(id))
        });
        if let Some(known) = alike.map(|before| before.accounts.clone()) {
            self.server_mut(id).accounts = known;
            return true;
        }
        for listed in spec.accounts.iter() {
            let account = self.ensure_account(id, &listed.name);
            self.account_mut(account).limits = listed.limits.clone();
        }
        false
    }

    pub(super) fn ensure_account(&mut self, id: ServerId, name: &str) -> AccountId {
        let cluster = self.server(id).cluster;
        let mesh = self.cluster(cluster).mesh;
        let account = match self.mesh(mesh).accounts.get(name) {
            Some(&known) => known,
            None => {
                let cached = self.server(id).spec.sublist_cache;
                self.accounts.push(Account::new(name, mesh, cached));
                let account = AccountId((self.accounts.len() - 1) as u32);
                let accounts = &mut self.meshes[usize::from(mesh.0)].accounts;
                accounts.insert(name.into(), account);
                account
            }
        };
        let known = &mut self.server_mut(id).accounts;
        if !known.contains(&account) {
            known.push(account);
        }
        account
    }

    /// Time has passed: fires the first timer that is due. Tells whether one was; the caller
    /// handles the notices and calls again until none is.
    pub fn advance(&mut self, now: Time) -> bool {
        let Some((due, timer)) = self.timers.pop_due(now) else {
            self.set_now(now);
            return false;
        };
        self.set_now(due);
        if !self.keep_timer(timer) {
            self.fire(timer);
        }
        true
    }

    pub(super) fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::StaleLink(a, b) => self.link_is_stale(a, b),
            Timer::Flap(a, b) => self.flap(a, b),
            Timer::Auth(id) => self.auth_timed_out(id),
            Timer::Callout(id) => self.callout_timed_out(id),
            Timer::Fetch(_, id) => self.fetch_timed_out(id),
            Timer::SystemAccount(server) => self.fetch_system_account(server),
            Timer::Tls(id) => self.tls_timed_out(id),
            Timer::Ping(id) => self.ping_due(id),
            Timer::Late(id) => self.late_is_due(id),
            Timer::Resume(id) => self.resume(self.now, id),
            Timer::WriteDeadline(id) => self.write_timed_out(id),
            Timer::LameDuck(server) => self.leave_next(server),
            Timer::Answers(server, owner, place) => self.answers_due(server, owner, place),
            Timer::Dial(server, place) => self.dial(server, usize::from(place)),
            Timer::Arrival(from, to) => self.arrivals_due(from, to),
            Timer::TokenExpires(id) => self.token_expired(id),
            Timer::AccountExpires(server, account) => self.account_expired(server, account),
            Timer::ActivationExpires(server, account) => self.activation_expired(server, account),
            Timer::Service(server, tag) => self.notices.push_back(Notice::Timer { server, tag }),
        }
    }

    /// Notes that a server tells its peers how it is.
    pub fn note_heartbeat(&mut self, server: ServerId) {
        let now = self.now;
        self.server_mut(server).last_heartbeat = now;
    }

    /// Notes that a server tells its peers that it goes.
    pub fn note_goodbye(&mut self, server: ServerId) {
        self.server_mut(server).said_goodbye = true;
    }

    /// Puts a server into lame duck mode. The notice that this raises is to be answered with
    /// [`Core::ask_clients_to_leave`].
    pub fn begin_lame_duck(&mut self, now: Time, server: ServerId) {
        self.set_now(now);
        if self.wait_if_frozen(server, || Waiting::LameDuck(server)) {
            return;
        }
        let srv = self.server_mut(server);
        if srv.phase == Phase::Running {
            srv.phase = Phase::LameDuck;
            let cluster = srv.cluster;
            self.phase_changes += 1;
            self.clusters[usize::from(cluster.0)].changes += 1;
            self.notices.push_back(Notice::LameDuck { server });
        }
    }

    pub fn ask_clients_to_leave(&mut self, server: ServerId) {
        let now = self.now;
        let srv = self.server_mut(server);
        srv.leaving = srv
            .clients
            .values()
            .chain(srv.leafs.values())
            .copied()
            .collect();
        let timing = &srv.spec.timing;
        let grace = timing.lame_duck_grace_period;
        let window = timing
            .lame_duck_duration
            .checked_sub(grace)
            .filter(|window| !window.is_zero())
            .unwrap_or(Duration::from_secs(1));
        let clients = srv.leaving.len() as u32;
        if clients == 0 {
            self.stop(server);
            return;
        }
        srv.leave_interval = (window / clients).min(MAX_LEAVE_INTERVAL);
        for id in srv.leaving.clone() {
            // Those that cannot be told will notice when they are closed.
            let _ = self.tell_to_leave(id);
        }
        self.timers.set(now + grace, Timer::LameDuck(server));
        self.server_mut(server).leave_is_told = true;
        for peer in self.routed_peers(server).collect::<Vec<_>>() {
            self.tell_connect_urls(peer, server);
        }
    }

    /// Tells one client of a server to go elsewhere, as in lame duck mode; it may stay nevertheless.
    pub fn ask_client_to_leave(&mut self, server: ServerId, cid: u64) -> Result<(), LeaveRefused> {
        let id = self.server(server).clients.get(&cid).copied();
        self.tell_to_leave(id.ok_or(LeaveRefused::Unknown)?)
    }

    fn tell_to_leave(&mut self, id: ConnId) -> Result<(), LeaveRefused> {
        let conn = self.conn(id).ok_or(LeaveRefused::Unknown)?;
        if conn.options.protocol < 1 || !conn.flags.first_pong_sent {
            return Err(LeaveRefused::NotReady);
        }
        let info = self.lame_duck_info(conn);
        self.send(id, |out| encode::info(out, &info));
        Ok(())
    }

    /// Closes the next client of a server in lame duck mode, and stops the server after the last.
    fn leave_next(&mut self, server: ServerId) {
        let now = self.now;
        let srv = self.server_mut(server);
        if srv.phase != Phase::LameDuck {
            return;
        }
        let next: Option<ConnId> = srv.leaving.pop_front();
        let interval = srv.leave_interval;
        let last = srv.leaving.is_empty();
        if let Some(id) = next {
            self.close(id, CloseReason::ServerShutdown);
        }
        if last {
            self.stop(server);
            return;
        }
        // A random part of the interval, but at least half of it.
        let nanos = interval.as_nanos() as u64;
        let pause = ids::below(nanos, &mut self.jitter).max(nanos / 2);
        self.timers
            .set(now + Duration::from_nanos(pause), Timer::LameDuck(server));
    }

    /// Begins to stop a server. The notice that this raises is to be answered with [`Core::stop`].
    pub fn begin_shutdown(&mut self, now: Time, server: ServerId) {
        self.set_now(now);
        if self.wait_if_frozen(server, || Waiting::Stop(server)) {
            return;
        }
        match self.server(server).phase {
            Phase::Running => self.notices.push_back(Notice::Shutdown { server }),
            Phase::LameDuck => self.stop(server),
            Phase::Stopped => {}
        }
    }

    /// Ends all servers at once. Nobody is left to tell anything.
    pub fn end_all(&mut self) {
        for place in 0..self.servers.len() {
            let new = self.end_stalls(ServerId(place as u16));
            let srv = &mut self.servers[place];
            srv.phase = Phase::Stopped;
            let known = srv.clients.values().copied().collect::<Vec<_>>();
            self.reach_changes += 1;
            for id in known.into_iter().chain(new) {
                self.close(id, CloseReason::ServerShutdown);
            }
        }
        self.phase_changes += 1;
        self.notices.clear();
    }

    /// Ends a server as it is.
    pub fn crash(&mut self, now: Time, server: ServerId) {
        self.set_now(now);
        self.end_server(server, Fate::Crashed);
    }

    /// Stops a server: its clients are cut off without a word.
    pub fn stop(&mut self, server: ServerId) {
        self.end_server(server, Fate::Stopped);
    }

    fn end_server(&mut self, server: ServerId, fate: Fate) {
        let srv = self.server_mut(server);
        if srv.phase == Phase::Stopped {
            return;
        }
        srv.phase = Phase::Stopped;
        self.notices.push_back(Notice::Fate { server, fate });
        let srv = self.server_mut(server);
        srv.leaving.clear();
        // What clients listened to is not taken back from leaf nodes and hubs.
        let connections = srv.leafs.values().chain(srv.clients.values());
        let mut clients: Vec<ConnId> = connections.copied().collect();
        clients.extend(self.waiting_ends(server));
        let waiting = self.end_standstill(server).into_iter().flatten();
        clients.extend(waiting.filter_map(|event| match event {
            Waiting::Accepted(conn) | Waiting::Closed(conn, _) => Some(conn),
            _ => None,
        }));
        clients.extend(self.end_stalls(server));
        self.phase_changes += 1;
        self.reach_changes += 1;
        let peers: Vec<ServerId> = self.routed_peers(server).collect();
        self.forget_results_of_peer(&peers, server);
        for id in clients {
            self.close(id, CloseReason::ServerShutdown);
        }
        self.forget_fetches(server);
        self.leave_cluster(server);
    }
}
