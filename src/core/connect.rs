//! A connection from its first moment to the answer to its CONNECT.

use nats_mock_protocol::wire::{Limits, encode};

use super::authenticate::{Admission, Login};
use super::conn::{ConnId, Flags, MatchCache, Peer, Traffic};
use super::freeze::Waiting;
use super::ids;
use super::notice::Notice;
use super::server::{Phase, ServerId};
use super::short_lived::ShortLived;
use super::timers::Timer;
use super::tls::Tls;
use super::{CloseReason, Conn, Core, Time};
use crate::version::Feature;

/// A connection that a server has taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub conn: ConnId,
    pub limits: Limits,
    /// Nothing but CONNECT may come first.
    pub expect_connect: bool,
    /// Something other than the client protocol may come first.
    pub may_be_secure: bool,
}

/// The first PING to a client comes this long after its CONNECT, or after the ping interval if
/// that is shorter.
const FIRST_PING: std::time::Duration = std::time::Duration::from_secs(2);

impl Core {
    /// A client has connected to `server`. `None` when the server takes no connections any more:
    /// the caller closes it.
    pub fn accept(&mut self, now: Time, server: ServerId, peer: Peer) -> Option<Accepted> {
        let accepted = self.admit(now, server, peer)?;
        self.welcome(accepted.conn);
        Some(accepted)
    }

    /// As [`accept`](Self::accept), but the client is not greeted before it is made
    /// [welcome](Self::welcome).
    pub fn admit(&mut self, now: Time, server: ServerId, mut peer: Peer) -> Option<Accepted> {
        self.set_now(now);
        let now = self.now;
        if self.is_frozen(server) && self.is_crowded(server) {
            return None;
        }
        let srv = &mut self.servers[server.0 as usize];
        if srv.phase != Phase::Running {
            return None;
        }
        let cid = srv.next_cid();
        srv.total_connections += 1;
        let account = srv.global;
        let requires_auth = srv.requires_auth_of(&peer);
        let expect_connect = requires_auth && !srv.takes_silent_client(&peer);
        let max_payload = srv.spec.limits.max_payload;
        let max_subscriptions = srv.spec.limits.max_subscriptions;
        let nonce = self.draw_nonce(server);
        let tls = peer.websocket.as_mut().and_then(|it| it.tls.take());
        self.next_generation += 1;
        let generation = self.next_generation;
        let slot = self.conns.insert(Conn {
            generation,
            cid,
            server,
            account,
            counted_in: account,
            peer,
            start: now,
            last: now,
            last_in: now,
            rtt: 0,
            options: Box::default(),
            rights: None,
            nonce,
            identity: None,
            subs: hashbrown::HashTable::new(),
            max_payload: Some(max_payload),
            max_subscriptions: (max_subscriptions > 0).then_some(max_subscriptions),
            received: Traffic::default(),
            sent: Traffic::default(),
            stalls: 0,
            flags: Flags {
                expects_connect: requires_auth,
                ..Flags::default()
            },
            pings_out: 0,
            ping_sent: None,
            auth_timer: None,
            expiry_timer: None,
            ping_timer: None,
            write_timer: None,
            output: Vec::new(),
            in_flight: 0,
            tls: tls.map(|session| Box::new(Tls::Done(session))),
            closing: None,
            matches: MatchCache::default(),
            asked: ShortLived::default(),
            measured: ShortLived::default(),
            leaf: None,
            passed: 0,
            late: None,
            stalled: None,
            callout: None,
            lookup: None,
            greeting: None,
        });
        let id = ConnId {
            slot: slot as u32,
            generation,
        };
        Some(Accepted {
            conn: id,
            limits: self.decoder_limits(id),
            expect_connect,
            may_be_secure: self.may_be_secure(id),
        })
    }

    /// Greets a client, unless that has to wait.
    pub fn welcome(&mut self, id: ConnId) {
        if !self.wait_if_unread(id, || Waiting::Accepted(id)) {
            self.greet(id);
        }
    }

    /// What a client is greeted with.
    pub fn greeting(&self, id: ConnId) -> Vec<u8> {
        let mut greeting = Vec::new();
        if let Some(conn) = self.conn(id) {
            encode::info(&mut greeting, &self.first_info(conn));
        }
        greeting
    }

    /// Has a client that is not greeted yet greeted with something else.
    pub fn set_greeting(&mut self, id: ConnId, greeting: Vec<u8>) {
        if let Some(conn) = self.conn_mut(id) {
            conn.greeting = Some(Box::new(greeting));
        }
    }

    /// Sends a new connection INFO, and expects CONNECT.
    pub(super) fn greet(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let (server, cid, account) = (conn.server, conn.cid, conn.account);
        let srv = self.server(server);
        let full =
            i64::try_from(srv.clients.len()).unwrap_or(i64::MAX) >= srv.spec.limits.max_connections;
        self.join(id, account);
        if !self.begins_with_tls(id) {
            self.send_greeting(id);
        }
        if full {
            self.send_err(id, "maximum connections exceeded");
            self.close(id, CloseReason::MaxConnectionsExceeded);
            return;
        }
        self.server_mut(server).clients.insert(cid, id);
        if !self.await_tls(id) {
            self.await_login(id);
        }
    }

    /// Sends what a new connection is greeted with.
    pub(super) fn send_greeting(&mut self, id: ConnId) {
        match self.conn_mut(id).and_then(|conn| conn.greeting.take()) {
            Some(greeting) => self.send(id, |out| out.extend_from_slice(&greeting)),
            None => self.send_info(id),
        }
    }

    /// Waits for CONNECT, or for a sign of life.
    pub(super) fn await_login(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id).filter(|conn| !conn.is_closing()) else {
            return;
        };
        let srv = self.server(conn.server);
        let requires_auth = srv.requires_auth_of(&conn.peer);
        let (auth_timeout, ping_interval) = (
            srv.auth_timeout_of(&conn.peer),
            srv.ping_interval_of(&conn.peer),
        );
        let now = self.now;
        let auth_timer =
            requires_auth.then(|| self.timers.set(now + auth_timeout, Timer::Auth(id)));
        let ping_timer = self.timers.set(now + ping_interval, Timer::Ping(id));
        if let Some(conn) = self.conn_mut(id) {
            conn.auth_timer = auth_timer;
            conn.ping_timer = Some(ping_timer);
        }
    }

    /// The limits in force for what the connection sends next.
    pub fn decoder_limits(&self, id: ConnId) -> Limits {
        self.conn(id).map_or_else(Limits::default, |conn| Limits {
            max_control_line: self.server(conn.server).spec.limits.max_control_line as usize,
            max_payload: conn.max_payload.map_or(usize::MAX, |max| max as usize),
            headers: conn.flags.headers,
        })
    }

    pub(super) fn send_info(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let info = self.first_info(conn);
        self.send(id, |out| encode::info(out, &info));
    }

    /// Handles CONNECT.
    pub(super) fn connect(&mut self, id: ConnId, json: &[u8]) {
        let now = self.now;
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        let timer = conn.auth_timer.take();
        conn.last = now;
        conn.flags.last_in_utc = true;
        conn.rtt = round_trip(conn.start, now);
        let first = !conn.flags.connect_received;
        let parsed = conn.options.apply(json);
        if let Some(upgraded) = &conn.peer.websocket {
            upgraded.cookies.stand_in_for(&mut conn.options);
        }
        let server = conn.server;
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        self.set_first_ping(id);
        if parsed.is_err() {
            self.close_for_nonsense(id);
            return;
        }
        let supports_headers = self.server(server).spec.headers;
        let has_operator = self.server(server).operator.is_some();
        let drops_subscriptions = self
            .server(server)
            .profile
            .has(Feature::ReconnectDropsSubscriptions);
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        conn.flags.connect_received = true;
        conn.flags.headers = supports_headers && conn.options.headers;
        // Only an operator's users log in with a JWT; it is not shown for others.
        if !has_operator {
            conn.options.jwt = String::new();
        }
        if !first && drops_subscriptions {
            self.drop_subscriptions(id);
        }
        if self.log_in(id, Login::Explicit) == Admission::In {
            self.connected(id);
        }
    }

    /// Goes on with CONNECT when it is known who the client is.
    pub(super) fn connected(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        if conn.options.new_account || !conn.options.account.is_empty() {
            self.auth_violation(id);
            return;
        }
        if !(0..=1).contains(&conn.options.protocol) {
            self.send_err(id, "invalid client protocol");
            self.close(id, CloseReason::BadClientProtocolVersion);
        } else if conn.options.no_responders && !conn.flags.headers {
            self.send_err(id, "no responders requires headers support");
            self.close(id, CloseReason::NoRespondersRequiresHeaders);
        } else if conn.options.verbose {
            self.send(id, encode::ok);
        }
    }

    fn set_first_ping(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let previous = conn.ping_timer;
        let interval = self.server(conn.server).ping_interval_of(&conn.peer);
        let delay = interval.min(FIRST_PING);
        let jitter = ids::below((delay.as_nanos() / 5) as u64, &mut self.jitter);
        let at = self.now + delay + std::time::Duration::from_nanos(jitter);
        if let Some(previous) = previous {
            self.timers.cancel(previous);
        }
        let timer = self.timers.set(at, Timer::Ping(id));
        if let Some(conn) = self.conn_mut(id) {
            conn.ping_timer = Some(timer);
        }
    }

    /// The ping timer has fired: sends a PING, or finds that enough were not answered.
    pub(super) fn ping_due(&mut self, id: ConnId) {
        let now = self.now;
        let Some(conn) = self.conn(id).filter(|conn| !conn.is_closing()) else {
            return;
        };
        let server = self.server(conn.server);
        let (interval, max_out) = (
            server.ping_interval_of(&conn.peer),
            server.spec.timing.ping_max,
        );
        let quiet = now - conn.last_in >= interval;
        let wants_rtt = conn.rtt == 0 || conn.ping_sent.is_none_or(|sent| now - sent > RTT_AGE);
        if quiet || wants_rtt {
            if conn.pings_out + 1 > max_out {
                self.cut_off_stale(id);
                return;
            }
            self.send_ping(id);
        }
        if self.conn(id).is_none_or(super::Conn::is_closing) {
            return;
        }
        let timer = self.timers.set(now + interval, Timer::Ping(id));
        if let Some(conn) = self.conn_mut(id) {
            conn.ping_timer = Some(timer);
        }
    }

    pub(super) fn cut_off_stale(&mut self, id: ConnId) {
        self.send_err(id, "Stale Connection");
        self.close_stale(id);
    }

    pub(super) fn close_stale(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let server = conn.server;
        self.server_mut(server).stale_connections += 1;
        self.close(id, CloseReason::StaleConnection);
    }

    fn send_ping(&mut self, id: ConnId) {
        let now = self.now;
        if let Some(conn) = self.conn_mut(id) {
            conn.pings_out += 1;
            conn.ping_sent = Some(now);
        }
        self.send(id, encode::ping);
    }

    pub(super) fn ping_received(&mut self, id: ConnId) {
        self.send(id, encode::pong);
        let now = self.now;
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        conn.last_in = now;
        let first = conn.flags.connect_received
            && !std::mem::replace(&mut conn.flags.first_pong_sent, true);
        let wants_info = conn.options.protocol >= 1;
        let server = self.conns[id.slot as usize].server;
        if !first || !wants_info {
            return;
        }
        let conn = &self.conns[id.slot as usize];
        let srv = self.server(server);
        let info = if srv.profile.has(Feature::InfoAfterFirstPing) {
            self.connect_info(conn)
        } else if conn.max_payload != Some(srv.spec.limits.max_payload) {
            self.later_info(conn)
        } else {
            return;
        };
        self.send(id, |out| encode::info(out, &info));
    }

    pub(super) fn pong_received(&mut self, id: ConnId) {
        let now = self.now;
        if let Some(conn) = self.conn_mut(id) {
            conn.pings_out = 0;
            // A PONG that nobody asked for says nothing about the way here.
            if let Some(sent) = conn.ping_sent {
                conn.rtt = round_trip(sent, now);
            }
        }
    }

    /// The time for CONNECT is over.
    pub(super) fn auth_timed_out(&mut self, id: ConnId) {
        if self.leaf(id).is_some() {
            self.leaf_timed_out(id);
            return;
        }
        self.send_err(id, "Authentication Timeout");
        self.close(id, CloseReason::AuthenticationTimeout);
    }

    /// Binds a connection to an account, and tells.
    pub(super) fn join(&mut self, id: ConnId, account: super::AccountId) {
        let Some(conn) = self.conn_mut(id) else {
            return;
        };
        conn.account = account;
        let server = conn.server;
        let is_leaf = conn.leaf.is_some();
        let here = self.account_mut(account).on_server_mut(server);
        if here.connections(is_leaf).insert(id) {
            self.notice_connections(server, account);
        }
    }

    /// Takes a connection out of the account it is bound to, and tells.
    pub(super) fn leave(&mut self, id: ConnId) {
        let Some(conn) = self.conn(id) else { return };
        let (server, account, is_leaf) = (conn.server, conn.account, conn.leaf.is_some());
        let here = self.account_mut(account).on_server_mut(server);
        if here.connections(is_leaf).remove(&id) {
            self.notice_connections(server, account);
        }
    }

    fn notice_connections(&mut self, server: ServerId, account: super::AccountId) {
        let tally = self.tally(account, server);
        let at = self.now;
        self.notices.push_back(Notice::AccountConnections {
            server,
            account,
            tally,
            at,
        });
    }
}

/// A measured round trip is asked for again when it is older than this.
const RTT_AGE: std::time::Duration = std::time::Duration::from_secs(3600);

/// Nanoseconds from `sent` to `now`, at least 1: 0 stands for a round trip that is not known.
fn round_trip(sent: Time, now: Time) -> i64 {
    now.nanos_since(sent).max(1)
}
