//! The life of servers: start, timers, lame duck mode, stop.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use nats_mock_protocol::wire::encode;
use slab::Slab;

use super::account::{Account, AccountId, AccountOnServer};
use super::authenticate::users_of;
use super::conn::ConnId;
use super::ids;
use super::imports::ReplyRoutes;
use super::notice::Notice;
use super::server::{NoAuthUser, Phase, Server, ServerId};
use super::sublist::Sublist;
use super::timers::{Timer, Timers};
use super::{CloseReason, Core, Time};
use crate::topology::{
    AccountLimits, DEFAULT_SYSTEM_ACCOUNT, GLOBAL_ACCOUNT, ServerSpec, SystemAccount, Topology,
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
    /// A deployment whose servers start at `now`. Each start is told by a notice.
    pub fn new(topology: &Topology, now: Time) -> Self {
        let seed = topology.seed;
        let mut core = Self {
            now,
            seed,
            utc_offset: topology.utc_offset,
            servers: Vec::new(),
            accounts: Vec::new(),
            conns: Slab::new(),
            next_generation: 0,
            subs: Slab::new(),
            timers: Timers::default(),
            woken: Vec::new(),
            notices: VecDeque::new(),
            frame: super::deliver::Frame::default(),
            queue_picks: ids::stream(seed, "queue picks"),
            jitter: ids::stream(seed, "jitter"),
            phase_changes: 0,
            limit_changes: 0,
            stall: false,
        };
        for (index, spec) in topology.servers.iter().enumerate() {
            core.start_server(ServerId(index as u16), Arc::new(spec.clone()));
        }
        core
    }

    fn start_server(&mut self, id: ServerId, spec: Arc<ServerSpec>) {
        let global = self.ensure_account(GLOBAL_ACCOUNT, &spec);
        let mut server = Server::new(id, Arc::clone(&spec), global, self.seed);
        server.start = self.now;
        server.config_load_time = self.now;
        self.servers.push(server);
        for account in &mut self.accounts {
            account
                .on_server
                .resize_with(self.servers.len(), AccountOnServer::default);
        }
        self.configure(id);
        self.number_internal_clients(id);
        self.notices.push_back(Notice::Started { server: id });
    }

    /// Applies the accounts and users of a server's specification.
    pub(super) fn configure(&mut self, id: ServerId) {
        let spec = Arc::clone(&self.server(id).spec);
        let global = self.server(id).global;
        for account in &spec.accounts {
            let id = self.ensure_account(&account.name, &spec);
            self.account_mut(id).limits = account.limits.clone();
        }
        let system = match &spec.system_account {
            SystemAccount::Disabled => None,
            SystemAccount::Default => Some(self.ensure_account(DEFAULT_SYSTEM_ACCOUNT, &spec)),
            SystemAccount::Named(name) => Some(self.ensure_account(name, &spec)),
        };
        let mut users = users_of(&spec, global, |name| self.account_named(name));
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
                password: name[5..].into(),
                permissions: None,
                connection_types: Vec::new(),
            };
            users.insert(name.clone(), stand_in);
            no_auth_user = Some(NoAuthUser {
                name,
                implicit: true,
            });
        }
        server.users = users;
        server.no_auth_user = no_auth_user;
        server.system = system;
    }

    /// The first cids go to internal clients: the system client, one client for each account, the
    /// system account's first, and the sender of internal messages.
    fn number_internal_clients(&mut self, id: ServerId) {
        let Some(system) = self.server(id).system else {
            return;
        };
        let mut cid = SYSTEM_CLIENT_CID;
        let others = self.accounts().map(|(account, _)| account);
        let order: Vec<_> = [system]
            .into_iter()
            .chain(others.filter(|&account| account != system))
            .collect();
        for account in order {
            cid += 1;
            self.account_mut(account).on_server[id.0 as usize].internal_cid = cid;
        }
        self.server_mut(id).last_cid = cid + 1;
    }

    fn ensure_account(&mut self, name: &str, spec: &ServerSpec) -> AccountId {
        if let Some(id) = self.account_named(name) {
            return id;
        }
        self.accounts.push(Account {
            name: name.into(),
            limits: AccountLimits::default(),
            subs: Sublist::new(spec.sublist_cache),
            on_server: std::iter::repeat_with(AccountOnServer::default)
                .take(self.servers.len())
                .collect(),
            imports: Vec::new(),
            removed: false,
            replies: ReplyRoutes::default(),
        });
        AccountId((self.accounts.len() - 1) as u16)
    }

    /// Time has passed: fires the first timer that is due. Tells whether one was; the caller
    /// handles the notices and calls again until none is.
    pub fn advance(&mut self, now: Time) -> bool {
        let Some((due, timer)) = self.timers.pop_due(now) else {
            self.set_now(now);
            return false;
        };
        self.set_now(due);
        match timer {
            Timer::Auth(id) => self.auth_timed_out(id),
            Timer::Ping(id) => self.ping_due(id),
            Timer::WriteDeadline(id) => self.write_timed_out(id),
            Timer::LameDuck(server) => self.leave_next(server),
            Timer::Service(server, tag) => self.notices.push_back(Notice::Timer { server, tag }),
        }
        true
    }

    /// Puts a server into lame duck mode. The notice that this raises is to be answered with
    /// [`Core::ask_clients_to_leave`].
    pub fn begin_lame_duck(&mut self, now: Time, server: ServerId) {
        self.set_now(now);
        let srv = self.server_mut(server);
        if srv.phase == Phase::Running {
            srv.phase = Phase::LameDuck;
            self.phase_changes += 1;
            self.notices.push_back(Notice::LameDuck { server });
        }
    }

    pub fn ask_clients_to_leave(&mut self, server: ServerId) {
        let now = self.now;
        let srv = self.server_mut(server);
        srv.leaving = srv.clients.values().copied().collect();
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
        match self.server(server).phase {
            Phase::Running => self.notices.push_back(Notice::Shutdown { server }),
            Phase::LameDuck => self.stop(server),
            Phase::Stopped => {}
        }
    }

    /// Stops a server: its clients are cut off without a word.
    pub fn stop(&mut self, server: ServerId) {
        self.phase_changes += 1;
        let srv = self.server_mut(server);
        srv.phase = Phase::Stopped;
        srv.leaving.clear();
        let clients: Vec<ConnId> = srv.clients.values().copied().collect();
        for id in clients {
            self.close(id, CloseReason::ServerShutdown);
        }
    }
}
