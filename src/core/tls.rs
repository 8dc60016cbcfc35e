//! How far a connection is with TLS. The core knows the phases and keeps their times; the bytes are the
//! shell's.

#![cfg_attr(
    not(feature = "tls"),
    allow(dead_code, reason = "without TLS no shell makes handshakes")
)]

use super::conn::ConnId;
use super::timers::{Timer, TimerKey};
use super::{CloseReason, Conn, Core, ServerId, Time};
use crate::topology::TlsOptions;
use crate::topology::tls::PeerCertificate;
use crate::version::Feature;

/// What a shell is to do with what a client sends first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    /// Nothing yet: nobody is there to look at it.
    NotYet,
    /// To take it for the client protocol.
    Plain,
    /// To make a handshake.
    Handshake,
    /// To [tell](Core::first_bytes_came) of the first of them as soon as there are so many, or there will
    /// be no more.
    Look { wanted: usize },
}

/// What was agreed on in a handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsSession {
    /// The version, as CONNZ shows it.
    pub version: &'static str,
    /// The cipher suite by Go's name.
    pub suite: String,
    /// The certificates that the client has shown, its own first.
    pub certificates: Vec<PeerCertificate>,
    /// Whether the handshake came before INFO.
    pub came_first: bool,
}

/// How far a connection is.
#[derive(Debug)]
pub(super) enum Tls {
    /// The client is not done with the handshake yet, or has not said whether it wants one.
    Waiting(Waiting),
    /// What is sent is encrypted.
    Done(TlsSession),
}

/// What is waited for.
#[derive(Debug)]
pub(super) struct Waiting {
    step: Step,
    timer: TimerKey,
    /// What is to be sent as soon as it can be.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The client may begin before INFO is sent.
    MayBegin,
    /// The client's first byte says whether it wants TLS.
    Choosing,
    /// The handshake.
    Shaking { before_info: bool },
}

/// What a client begins a handshake with.
const HANDSHAKE: u8 = 0x16;

/// How many handshakes have begun of late.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    count: u64,
    until: Time,
}

/// What INFO says of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    pub required: bool,
    pub verify: bool,
    pub available: bool,
}

impl Offer {
    /// What a server offers when it starts.
    pub fn at_start(tls: Option<&TlsOptions>, allow_non_tls: bool) -> Self {
        Self {
            required: tls.is_some() && !allow_non_tls,
            verify: tls.is_some_and(|tls| tls.verify),
            available: tls.is_some() && allow_non_tls,
        }
    }

    /// What it offers with another configuration. What is not required any more is not asked about.
    pub fn reloaded(self, tls: Option<&TlsOptions>, allow_non_tls: bool) -> Self {
        Self {
            required: tls.is_some() && !allow_non_tls,
            verify: tls.map_or(self.verify, |tls| tls.verify),
            ..self
        }
    }

    /// What is offered to a connection within the process, which has no need of it.
    pub fn within_process(self) -> Self {
        Self {
            required: false,
            available: self.available || self.required,
            ..self
        }
    }
}

impl Tls {
    pub(super) fn session(&self) -> Option<&TlsSession> {
        match self {
            Self::Done(session) => Some(session),
            Self::Waiting(_) => None,
        }
    }
}

impl Conn {
    /// What was agreed on, if the connection is encrypted.
    pub fn tls_session(&self) -> Option<&TlsSession> {
        self.tls.as_deref().and_then(Tls::session)
    }

    /// Where to put what cannot be sent before the handshake is over.
    pub(super) fn held_for_tls(&mut self) -> Option<&mut Vec<u8>> {
        match self.tls.as_deref_mut() {
            Some(Tls::Waiting(waiting)) => Some(&mut waiting.held),
            _ => None,
        }
    }

    /// Stops waiting for a handshake. Gives the timer.
    pub(super) fn end_tls_wait(&mut self) -> Option<TimerKey> {
        match self.tls.as_deref() {
            Some(Tls::Waiting(waiting)) => {
                let timer = waiting.timer;
                self.tls = None;
                Some(timer)
            }
            _ => None,
        }
    }
}

impl Core {
    /// The TLS of a server, as far as it concerns a connection.
    fn tls_for(&self, id: ConnId) -> Option<&TlsOptions> {
        let conn = self.conn(id)?;
        if conn.peer.in_process || conn.peer.websocket.is_some() {
            return None;
        }
        self.server(conn.server).spec.tls.as_ref()
    }

    /// Whether a connection is to begin TLS, or may.
    pub(super) fn may_be_secure(&self, id: ConnId) -> bool {
        self.tls_for(id).is_some()
    }

    /// Whether a new connection is to make a handshake before it is sent INFO, or may.
    pub(super) fn begins_with_tls(&self, id: ConnId) -> bool {
        self.tls_for(id).is_some_and(|tls| tls.handshake_first)
    }

    /// Waits for a new connection to begin TLS. Tells whether there is anything to wait for.
    pub(super) fn await_tls(&mut self, id: ConnId) -> bool {
        let Some(tls) = self.tls_for(id) else {
            return false;
        };
        match (tls.handshake_first, tls.fallback) {
            (true, Some(_)) => self.wait_for(id, Step::MayBegin),
            (true, None) => self.shake_hands(id, true),
            (false, _) => self.let_choose(id),
        }
        true
    }

    /// Waits for the client to choose, if it may, or else for a handshake.
    fn let_choose(&mut self, id: ConnId) {
        let server = self.conn(id).map(|conn| conn.server);
        if server.is_some_and(|server| self.server(server).spec.allow_non_tls) {
            self.wait_for(id, Step::Choosing);
        } else {
            self.shake_hands(id, false);
        }
    }

    fn shake_hands(&mut self, id: ConnId, before_info: bool) {
        let Some(server) = self.conn(id).map(|conn| conn.server) else {
            return;
        };
        if self.is_too_fast(server) {
            let timer = self.conn_mut(id).and_then(Conn::end_tls_wait);
            timer
                .into_iter()
                .for_each(|timer| self.timers.cancel(timer));
            self.send_err(
                id,
                "Connection throttling is active. Please try again later.",
            );
            self.close(id, CloseReason::MaxConnectionsExceeded);
            return;
        }
        self.wait_for(id, Step::Shaking { before_info });
    }

    /// Counts a handshake. Tells whether there were too many within a second.
    fn is_too_fast(&mut self, server: ServerId) -> bool {
        let now = self.now;
        let server = self.server_mut(server);
        if server.tls_rate_limit == 0 {
            return false;
        }
        let rate = &mut server.tls_rate;
        if now > rate.until {
            rate.count = 0;
            rate.until = now + std::time::Duration::from_secs(1);
        } else {
            rate.count += 1;
        }
        rate.count >= server.tls_rate_limit
    }

    fn wait_for(&mut self, id: ConnId, step: Step) {
        let Some(tls) = self.tls_for(id) else { return };
        let time = match (step, tls.fallback) {
            (Step::MayBegin, Some(fallback)) => fallback,
            _ => tls.timeout,
        };
        let timer = self.timers.set(self.now + time, Timer::Tls(id));
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        let held = conn.held_for_tls().map(std::mem::take).unwrap_or_default();
        if let Some(previous) = conn.end_tls_wait() {
            self.timers.cancel(previous);
        }
        conn.tls = Some(Box::new(Tls::Waiting(Waiting { step, timer, held })));
        // Its shell may wait for something else.
        super::wake(&mut self.woken, conn, id);
    }

    fn step(&self, id: ConnId) -> Option<Step> {
        match self.conn(id)?.tls.as_deref() {
            Some(Tls::Waiting(waiting)) => Some(waiting.step),
            _ => None,
        }
    }

    /// What the shell of a connection is to do with what comes first.
    pub fn first_bytes(&self, id: ConnId) -> FirstBytes {
        if self.is_unread(id) {
            return FirstBytes::NotYet;
        }
        match self.step(id) {
            None => FirstBytes::Plain,
            Some(Step::Shaking { .. }) => FirstBytes::Handshake,
            Some(Step::MayBegin) => FirstBytes::Look { wanted: 1 },
            Some(Step::Choosing) => {
                let server = self.conn(id).map(|conn| self.server(conn.server));
                let looks_at_six =
                    server.is_some_and(|server| server.profile.has(Feature::SixBytesToChooseTls));
                FirstBytes::Look {
                    wanted: if looks_at_six { 6 } else { 4 },
                }
            }
        }
    }

    /// What the shell was told to look at has come, or nothing will.
    pub fn first_bytes_came(&mut self, now: Time, id: ConnId, first: Option<u8>) {
        self.set_now(now);
        match (self.step(id), first) {
            (Some(Step::MayBegin), Some(_)) => self.shake_hands(id, true),
            (Some(Step::MayBegin), None) => self.go_on_with_info(id),
            (Some(Step::Choosing), Some(HANDSHAKE)) => self.shake_hands(id, false),
            (Some(Step::Choosing), _) => self.do_without_tls(id),
            _ => {}
        }
    }

    /// The time for what is waited for is over.
    pub(super) fn tls_timed_out(&mut self, id: ConnId) {
        match self.step(id) {
            Some(Step::MayBegin) => self.go_on_with_info(id),
            Some(Step::Choosing) => self.do_without_tls(id),
            Some(Step::Shaking { .. }) => self.close(id, CloseReason::TlsHandshakeError),
            None => {}
        }
    }

    fn go_on_with_info(&mut self, id: ConnId) {
        let timer = self.conn_mut(id).and_then(Conn::end_tls_wait);
        timer
            .into_iter()
            .for_each(|timer| self.timers.cancel(timer));
        self.send_greeting(id);
        self.let_choose(id);
    }

    fn do_without_tls(&mut self, id: ConnId) {
        self.leave_tls_wait(id, None);
        self.await_login(id);
    }

    /// A connection is secure now, or goes on without it.
    fn leave_tls_wait(&mut self, id: ConnId, session: Option<TlsSession>) {
        let Some(conn) = super::conn_mut(&mut self.conns, id) else {
            return;
        };
        let held = conn.held_for_tls().map(std::mem::take).unwrap_or_default();
        if let Some(timer) = conn.end_tls_wait() {
            self.timers.cancel(timer);
        }
        let comes_first = session.as_ref().is_some_and(|it| it.came_first);
        conn.tls = session.map(|session| Box::new(Tls::Done(session)));
        super::wake(&mut self.woken, conn, id);
        if comes_first {
            self.send_greeting(id);
        }
        if !held.is_empty() {
            self.send(id, |out| out.extend_from_slice(&held));
        }
    }

    /// The shell has made a handshake.
    pub fn handshake_done(&mut self, now: Time, id: ConnId, mut session: TlsSession) {
        self.set_now(now);
        let Some(Step::Shaking { before_info }) = self.step(id) else {
            return;
        };
        if !self.is_good(id, &session) {
            self.close(id, CloseReason::TlsHandshakeError);
            return;
        }
        session.came_first = before_info;
        self.leave_tls_wait(id, Some(session));
        self.await_login(id);
    }

    /// The handshake has failed.
    pub fn handshake_failed(&mut self, now: Time, id: ConnId) {
        self.set_now(now);
        self.close(id, CloseReason::TlsHandshakeError);
    }

    fn is_good(&self, id: ConnId, session: &TlsSession) -> bool {
        let tls = self.tls_for(id);
        tls.is_none_or(|tls| is_pinned(tls, Some(session)))
    }

    /// Closes clients whose certificates are not good any more, now that others are pinned.
    pub(super) fn recheck_pinned(&mut self, server: ServerId, old: Option<&TlsOptions>) {
        let srv = self.server(server);
        let new = srv.spec.tls.as_ref();
        let pinned = |tls: Option<&TlsOptions>| tls.and_then(|tls| tls.pinned.clone());
        if pinned(new) == pinned(old) {
            return;
        }
        let by = match srv.profile.has(Feature::PinnedByReload) {
            true => new,
            false => old,
        };
        let Some(by) = by.cloned() else { return };
        for id in self.clients_of(server) {
            // Those over WebSocket have come by a port that pins others.
            let conn = self.conn(id).filter(|conn| conn.peer.websocket.is_none());
            let good = conn.is_none_or(|conn| is_pinned(&by, conn.tls_session()));
            if !good {
                self.close(id, CloseReason::TlsHandshakeError);
            }
        }
    }
}

fn is_pinned(tls: &TlsOptions, session: Option<&TlsSession>) -> bool {
    let Some(pinned) = &tls.pinned else {
        return true;
    };
    let shown = session.and_then(|session| session.certificates.first());
    shown.is_some_and(|shown| pinned.contains(&shown.key_digest))
}
