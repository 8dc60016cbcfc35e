//! The deterministic core: a whole deployment as one synchronous state machine.
//!
//! # Calling contract
//!
//! The core never opens a socket, spawns a task, reads a clock or asks for randomness. Whoever
//! owns it calls, in this order and under one lock:
//!
//! 1. one *input*, with the time at which it happened: [`Core::accept`], [`Core::receive`],
//!    [`Core::peer_closed`], [`Core::wrote`], [`Core::write_blocked`], [`Core::advance`], or one of
//!    the harness commands ([`Core::reload`], [`Core::begin_lame_duck`], [`Core::begin_shutdown`],
//!    …). Time never goes backwards; an earlier time than before counts as the time before.
//! 2. [`Core::next_notice`] until it is empty, handing each notice to the system services, which
//!    may call [`Core::publish_internal`] and the getters meanwhile.
//! 3. [`Core::take_woken`]: every connection that has output or must be closed. For each one, now
//!    or later, [`Core::take_output`] until it says there is no more.
//! 4. [`Core::next_deadline`]: when [`Core::advance`] is to be called at the latest.
//!
//! The caller owes the core, for every connection that it got from [`Core::accept`]: the bytes it
//! took with `take_output` are written in order and reported with [`Core::wrote`]; when
//! `take_output` says to close, or after `peer_closed`, [`Core::release`] is called once, and the
//! id means nothing after that. A call with an id that means nothing does nothing. A caller that
//! [detaches](Core::detach) a connection owes it nothing any more.
//!
//! What is to be fetched for resolvers is asked for with [`Core::take_fetch_orders`] after each input, and the outcome
//! is an input too: [`Core::fetched`]. A file that somebody waits for is written by what was given to
//! [`Core::write_files_with`].
//!
//! The same seed, the same inputs and the same times give the same bytes out, always.

mod account;
mod asked;
mod authenticate;
mod callout;
mod callout_answer;
mod callout_question;
mod certified;
mod claimed_sharing;
mod close;
mod conn;
mod connect;
mod deliver;
mod deliver_client;
mod end;
mod fetch;
mod frame;
mod freeze;
mod gateway;
mod identity;
mod ids;
mod imports;
mod info;
mod interest;
mod jwt_store;
mod latency;
mod latency_apart;
mod leaf;
mod leaf_connect;
mod leaf_deliver;
mod leaf_dial;
mod leaf_interest;
mod leaf_login;
mod leaf_port;
mod leaf_systems;
mod lifecycle;
mod links;
mod list_changes;
mod lookup;
mod lookups;
mod mappings;
mod mesh;
mod msg_trace;
mod nonce;
mod notice;
mod operator;
mod output;
mod password;
mod permissions;
mod receive;
mod reload;
mod reload_refused;
mod reload_remotes;
mod reload_resolver;
mod reload_shown;
mod reload_trust;
mod reload_websocket;
mod remembered;
mod replies;
mod request_info;
mod resolver;
mod results;
mod route;
mod route_rights;
mod routes;
mod server;
mod shadows;
mod sharing;
mod short_lived;
mod simulate;
mod speak;
mod stall;
mod sublist;
mod subs;
mod subscribe;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod timers;
mod tls;
mod token_login;
mod told;
mod trace_answers;
mod trace_begin;
mod trace_links;
mod trace_request;
mod transit;
mod wall_clock;
mod watch;
mod websocket;

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use rand_chacha::ChaCha8Rng;
use slab::Slab;

pub(crate) use account::{Account, AccountId, AccountTally};
pub(crate) use conn::{Conn, ConnId, Peer, Traffic};
pub(crate) use connect::Accepted;
pub(crate) use deliver::{Outgoing, no_responders_status};
pub(crate) use end::Ending;
pub(crate) use fetch::{FetchId, FetchOrder};
pub(crate) use gateway::{InboundGateway, OutboundGateway};
pub(crate) use identity::Identity;
pub(crate) use ids::{Nuid, base62, below, stream};
pub(crate) use jwt_store::{FileChange, ResolverKind};
pub(crate) use leaf::Leaf;
pub(crate) use lifecycle::{LeaveRefused, SYSTEM_CLIENT_CID};
pub(crate) use links::{Flapping, Latency};
pub(crate) use mesh::ClusterId;
pub(crate) use nats_mock_protocol::events::CloseReason;
pub(crate) use notice::{
    AuthAudience, ClientSnapshot, ConnKind, Fate, LinkChange, Measured, MeasuredApart, Notice,
    Published, Request, Subscribed, Traced, Watched,
};
pub(crate) use operator::{first_claims_of, is_bootstrapped};
pub(crate) use receive::Received;
pub use reload::ReloadError;
pub(crate) use routes::{RouteView, compression};
pub(crate) use server::{ClosedConn, Phase, Server, ServerId};
pub(crate) use sharing::Shared;
pub(crate) use simulate::Standing;
pub(crate) use speak::Then;
pub(crate) use subs::{Receiver, Sub, SubId};
pub(crate) use subscribe::Told;
pub(crate) use text::quoted;
pub(crate) use time::Time;
#[cfg(feature = "tls")]
pub(crate) use tls::FirstBytes;
pub(crate) use tls::TlsSession;
#[cfg(feature = "websocket")]
pub(crate) use websocket::{Cookies, Upgraded};

use links::Links;
use lookups::Lookups;
use mesh::{Cluster, Mesh};
use sublist::MatchResult;
use timers::{Timer, TimerKey, Timers};
use transit::Transit;

/// A whole deployment. See the [module](self) for how it is to be called.
#[derive(Debug)]
pub(crate) struct Core {
    now: Time,
    seed: u64,
    /// The local time zone's offset from UTC, in seconds.
    utc_offset: i32,
    servers: Vec<Server>,
    clusters: Vec<Cluster>,
    meshes: Vec<Mesh>,
    links: Links,
    accounts: Vec<Account>,
    lookups: Lookups,
    conns: Slab<Conn>,
    next_generation: u32,
    subs: Slab<Sub>,
    /// What subscriptions listen to in other accounts, by these subscriptions.
    shadows: HashMap<SubId, Vec<SubId>, foldhash::fast::FixedState>,
    timers: Timers,
    woken: Vec<ConnId>,
    notices: VecDeque<Notice>,
    /// Reused for the constant part of the lines in front of messages.
    frame: frame::Frame,
    /// How many times a message was handed to receivers.
    deliveries: u64,
    queue_picks: ChaCha8Rng,
    latencies: ChaCha8Rng,
    mapping_picks: ChaCha8Rng,
    latency_picks: ChaCha8Rng,
    trace_picks: ChaCha8Rng,
    jitter: ChaCha8Rng,
    nonces: ChaCha8Rng,
    phase_changes: u64,
    /// How often it may have changed which servers reach each other, links aside.
    reach_changes: u64,
    watched: Watched,
    frozen: usize,
    /// Some account has mappings, or had.
    has_mappings: bool,
    /// The routes of some server have permissions, or had.
    has_route_rights: bool,
    /// Connections that are stalled.
    stalled: usize,
    /// Connections of which a service is being asked who they are.
    asked_about: usize,
    freezes: u64,
    limit_changes: u64,
    /// A receiver of the batch being processed is far behind.
    stall: bool,
    /// Some server takes clients over WebSocket.
    takes_websockets: bool,
    /// What ends of leaf node connections have yet to tell.
    leaf_news: VecDeque<leaf_interest::News>,
    /// They are being told.
    is_spreading: bool,
    /// How far what is being told has come.
    leaf_hops: u16,
    /// Messages that are to be handed on over leaf node connections, or are traced elsewhere.
    leaf_crossings: VecDeque<Transit>,
    /// What servers wait for that others have to get for them.
    fetches: fetch::Fetches,
    /// What writes a file that somebody is to be told of.
    write_file: jwt_store::WriteFile,
    /// What is to become of the files of resolvers.
    file_changes: Vec<FileChange>,
    /// Deliveries within deliveries, those being handed on included.
    open_deliveries: u32,
    /// The message at hand, if its way is to be told.
    trace: Option<Box<msg_trace::MsgTrace>>,
    /// The headers of the message at hand may ask for that, here or elsewhere.
    asks_for_trace: bool,
    /// Traces that lead through other accounts.
    trace_answers: trace_answers::TraceAnswers,
}

/// What [`Core::take_output`] leaves the caller to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterOutput {
    /// Write, and come back when woken.
    KeepOpen,
    /// Write, end this side's sending, and come back when woken.
    Finish,
    /// Write, close, and release the connection.
    Close,
    /// Drop what is still unwritten. If a write is blocked, wait for the peer or for a write deadline;
    /// then close, and release the connection.
    Unblock,
    /// Close at once, dropping what is still unwritten, and release the connection.
    Abort,
    /// Write what can be written at once. Then break the connection, so that the other side finds it reset,
    /// and release it.
    Reset,
}

impl Core {
    /// The time of the latest input.
    pub fn now(&self) -> Time {
        self.now
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn next_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Takes all notices that wait, so that what is raised next can be told apart. They are to be
    /// [put back](Self::put_notices_back).
    pub fn set_notices_aside(&mut self) -> VecDeque<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Puts notices back in front of those raised since.
    pub fn put_notices_back(&mut self, mut aside: VecDeque<Notice>) {
        aside.append(&mut self.notices);
        self.notices = aside;
    }

    /// Moves the connections that have something to be taken into `into`.
    pub fn take_woken(&mut self, into: &mut Vec<ConnId>) {
        for id in self.woken.drain(..) {
            let Some(conn) = conn_mut(&mut self.conns, id) else {
                continue;
            };
            conn.flags.woken = false;
            if conn.flags.detached {
                // Only its end wakes it.
                let ended = self.conns.remove(id.slot as usize);
                self.stalled -= usize::from(ended.stalled.is_some());
            } else {
                into.push(id);
            }
        }
    }

    /// Takes the connection's waiting output. The buffer is replaced with what `lend` gives for its
    /// length, an empty one that may have capacity to spare.
    pub fn take_output(
        &mut self,
        id: ConnId,
        lend: impl FnOnce(usize) -> Vec<u8>,
    ) -> (Vec<u8>, AfterOutput) {
        let Some(conn) = conn_mut(&mut self.conns, id) else {
            return (Vec::new(), AfterOutput::Abort);
        };
        if conn.stalled.is_some() && !conn.flags.reset {
            return (Vec::new(), AfterOutput::KeepOpen);
        }
        let after = match conn.closing {
            _ if conn.flags.reset => AfterOutput::Reset,
            Some(CloseReason::SlowConsumerPendingBytes) => {
                return (Vec::new(), AfterOutput::Unblock);
            }
            Some(reason) if close::drops_output(reason) => return (Vec::new(), AfterOutput::Abort),
            // The end comes behind what is late.
            _ if conn.late.is_some() => AfterOutput::KeepOpen,
            Some(_) => AfterOutput::Close,
            None if std::mem::take(&mut conn.flags.finish_due) => AfterOutput::Finish,
            None => AfterOutput::KeepOpen,
        };
        let mut rest = lend(conn.output.len());
        if conn.late.is_some() {
            // What is behind something late has to wait for it.
            rest.extend(conn.output.drain(conn.passed..));
        }
        let taken = std::mem::replace(&mut conn.output, rest);
        conn.in_flight += taken.len();
        conn.passed = 0;
        (taken, after)
    }

    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next_deadline()
    }

    /// Forgets a connection that is closed.
    pub fn release(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else {
            return;
        };
        if !conn.is_closing() && self.is_unread(id) {
            // What is known of its end has to wait.
            if let Some(conn) = self.conn_mut(id) {
                conn.flags.detached = true;
                conn.flags.mute = true;
            }
        } else {
            self.close(id, CloseReason::ClientClosed);
            self.take_away(id);
            self.forget_stall(id);
            self.conns.remove(id.slot as usize);
        }
    }

    pub fn server(&self, id: ServerId) -> &Server {
        &self.servers[id.0 as usize]
    }

    pub fn servers(&self) -> impl Iterator<Item = (ServerId, &Server)> {
        (0..).map(ServerId).zip(&self.servers)
    }

    pub fn account(&self, id: AccountId) -> &Account {
        &self.accounts[id.0 as usize]
    }

    /// The accounts that a server knows.
    pub fn accounts_of(
        &self,
        server: ServerId,
    ) -> impl Iterator<Item = (AccountId, &Account)> + Clone {
        let known = self.server(server).accounts().iter();
        known.map(|&id| (id, self.account(id)))
    }

    /// An account's standing on a server.
    pub fn tally(&self, account: AccountId, server: ServerId) -> AccountTally {
        let here = self.account(account).on_server(server);
        AccountTally {
            connections: here.clients.len() as u32,
            leafnodes: here.leafs.len() as u32,
            subscriptions: self.known_subscriptions(account, server).len(),
            sent: here.sent,
            received: here.received,
            routes: here.routes,
            gateways: here.gateways,
            leaf_links: here.leaf_links,
            slow_consumers: here.slow_consumers,
        }
    }

    pub fn conn(&self, id: ConnId) -> Option<&Conn> {
        self.conns
            .get(id.slot as usize)
            .filter(|conn| conn.generation == id.generation)
    }

    /// Whether there is any connection to any server.
    pub fn has_connections(&self) -> bool {
        !self.conns.is_empty()
    }

    pub fn sub(&self, id: SubId) -> &Sub {
        &self.subs[id.index()]
    }

    /// How many messages a subscription has matched on a server.
    pub fn matched(&self, id: SubId, server: ServerId) -> u64 {
        if id.is_of_every_server() {
            self.server(server).matched.get(&id).copied().unwrap_or(0)
        } else {
            self.sub(id).matched
        }
    }

    /// Whether a subscription is one of `server`.
    fn is_on(&self, id: SubId, server: ServerId) -> bool {
        self.subs
            .get(id.index())
            .is_some_and(|sub| sub.server == server)
    }

    /// How often a server has entered another phase.
    pub fn phase_changes(&self) -> u64 {
        self.phase_changes
    }

    /// How often limits of connections have changed by themselves. When it grows, decoders are to go
    /// on with [`decoder_limits`](Self::decoder_limits).
    pub fn limit_changes(&self) -> u64 {
        self.limit_changes
    }

    /// Every subscription of a server itself, in the order of their places.
    pub fn subs_of(&self, server: ServerId) -> impl Iterator<Item = (SubId, &Sub)> {
        let mesh = self.cluster(self.server(server).cluster).mesh;
        let subs = self.subs.iter();
        subs.filter(move |(_, sub)| {
            sub.server == server
                || (sub.server == ServerId::EVERY && self.account(sub.account).mesh == mesh)
        })
        .map(|(index, sub)| (SubId::new(index, sub.server), sub))
    }

    /// Who listens to a subject in an account, on whatever server.
    pub fn matches(&mut self, account: AccountId, subject: &[u8]) -> Arc<MatchResult> {
        self.account_mut(account).subs.matches(subject)
    }

    /// Sets a timer of a system service.
    pub fn set_service_timer(&mut self, server: ServerId, at: Time, tag: u64) -> ServiceTimer {
        ServiceTimer(self.timers.set(at, Timer::Service(server, tag)))
    }

    pub fn cancel_service_timer(&mut self, timer: ServiceTimer) {
        self.timers.cancel(timer.0);
    }

    pub fn set_now(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    fn conn_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        conn_mut(&mut self.conns, id)
    }

    fn server_mut(&mut self, id: ServerId) -> &mut Server {
        &mut self.servers[id.0 as usize]
    }

    fn account_mut(&mut self, id: AccountId) -> &mut Account {
        &mut self.accounts[id.0 as usize]
    }

    /// Appends output to a connection, for its shell to fetch.
    fn send(&mut self, id: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(conn) = conn_mut(&mut self.conns, id) else {
            return;
        };
        if conn.is_closing() || conn.flags.mute {
            return;
        }
        if let Some(held) = conn.held_for_tls() {
            write(held);
            return;
        }
        write(&mut conn.output);
        wake(&mut self.woken, conn, id);
        let max_pending = self.servers[conn.server.0 as usize].spec.limits.max_pending;
        if conn.pending() as u64 > max_pending {
            self.cut_off_slow_consumer(id);
        }
    }

    fn send_err(&mut self, id: ConnId, text: &str) {
        self.send(id, |out| {
            nats_mock_protocol::wire::encode::err(out, text.as_bytes())
        });
    }
}

/// A handle on a timer of a system service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServiceTimer(TimerKey);

fn conn_mut(conns: &mut Slab<Conn>, id: ConnId) -> Option<&mut Conn> {
    conns
        .get_mut(id.slot as usize)
        .filter(|conn| conn.generation == id.generation)
}

fn wake(woken: &mut Vec<ConnId>, conn: &mut Conn, id: ConnId) {
    if !conn.flags.woken {
        conn.flags.woken = true;
        woken.push(id);
    }
}
