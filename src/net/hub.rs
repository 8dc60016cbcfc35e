//! The one lock around a deployment, and the way from its outputs to the shells.

use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use nats_mock_protocol::wire::Limits;
use tokio::sync::Notify;

use super::clock::Clock;
use super::door::Door;
use super::fetch::Fetcher;
use super::files;
use super::socket::Socket;
use crate::core::{AfterOutput, CloseReason, ConnId, ServerId, Time};
use crate::services::Deployment;

/// A deployment shared by its shells.
pub(crate) struct Hub {
    state: Mutex<State>,
    pub clock: Clock,
    /// What gets JWTs of accounts from far away.
    pub fetcher: Fetcher,
    /// How often limits have changed under the decoders.
    limit_changes: AtomicU64,
    /// Servers that stand still.
    frozen: AtomicUsize,
    memory_ports: AtomicU16,
    /// Told when another thread has left work for the I/O thread.
    pub io_work: Notify,
    /// Told when the next deadline has become an earlier one.
    pub deadline_moved: Notify,
}

/// A deployment knows passwords, and what its clients have sent.
impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub deployment: Deployment,
    transports: HashMap<ConnId, Transport, FixedState>,
    woken: Vec<ConnId>,
    /// Sockets with output, for the I/O thread to write.
    sockets_to_flush: Vec<ConnId>,
    /// The deadline that the timer waits for.
    armed: Option<Time>,
    /// The bound addresses of servers that accept connections.
    doors: Vec<Arc<Door>>,
    /// Servers whose doors are closed although they take connections.
    shut: Vec<ServerId>,
    /// Whoever waits for a server to enter another phase.
    phase_waiters: Waiters,
    /// Whoever waits for a server to go on that stands still.
    thaw_waiters: Waiters,
    /// Whoever waits for an event, a request, or another phase.
    record_waiters: Waiters,
    /// Whoever is to be woken when the lock is given back: what a waker does is its owner's business.
    to_wake: Vec<Waker>,
}

/// Whoever waits for a number to grow.
#[derive(Debug, Default)]
struct Waiters {
    reached: u64,
    waiting: Vec<Waker>,
}

/// What carries a connection's bytes.
#[derive(Debug)]
pub(crate) enum Transport {
    Socket(Arc<Socket>),
    /// In memory: the reader fetches the bytes itself, and is woken when there are some.
    Memory(Option<Waker>),
}

/// One connection's output on its way to a socket.
#[derive(Debug)]
pub(crate) struct Flush {
    pub socket: Arc<Socket>,
    pub id: ConnId,
    pub bytes: Vec<u8>,
    pub after: AfterOutput,
    /// Why the connection ends with this output.
    pub end: Option<CloseReason>,
}

/// What passes between the hub and the I/O thread around one input.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// To be written.
    pub flushes: Vec<Flush>,
    /// Written since the input before.
    pub wrote: Vec<(ConnId, usize)>,
    /// Empty buffers to be used again.
    pub spare: Vec<Vec<u8>>,
}

/// Below the ports that systems give to connections, so that the two are never mistaken for each
/// other.
const MEMORY_PORTS: std::ops::Range<u16> = 10_000..32_000;

/// What a connection in memory takes before a write would block: about what the system keeps for a
/// socket.
pub(crate) const MEMORY_PIPE: usize = 4 * 1024 * 1024;

/// Connections whose output is smaller than this start over with no buffer, so that many idle
/// connections cost little.
const LENT_FROM: usize = 1024;

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked has failed its test already; the others may go on.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the lock back, and wakes whoever has something to look at.
fn unlock_and_wake(mut state: MutexGuard<'_, State>) {
    let to_wake = std::mem::take(&mut state.to_wake);
    drop(state);
    to_wake.into_iter().for_each(Waker::wake);
}

impl Hub {
    pub fn shared(mut deployment: Deployment, clock: Clock) -> Arc<Self> {
        let changes = deployment.take_file_changes();
        changes.into_iter().for_each(files::carry_out);
        deployment.change(|core| core.write_files_with(files::write));
        Arc::new_cyclic(|hub| Self {
            fetcher: Fetcher::new(hub.clone()),
            state: Mutex::new(State {
                deployment,
                transports: HashMap::default(),
                woken: Vec::new(),
                sockets_to_flush: Vec::new(),
                armed: None,
                doors: Vec::new(),
                shut: Vec::new(),
                phase_waiters: Waiters::default(),
                thaw_waiters: Waiters::default(),
                record_waiters: Waiters::default(),
                to_wake: Vec::new(),
            }),
            clock,
            limit_changes: AtomicU64::new(0),
            frozen: AtomicUsize::new(0),
            memory_ports: AtomicU16::new(0),
            io_work: Notify::new(),
            deadline_moved: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = locked(&self.state);
        if self.clock.of_runtime().is_none() {
            return state;
        }
        // The clock of a runtime may have been moved before the task was run that fires what is due. Nobody
        // is to see that.
        let now = self.clock.now();
        let next = state.deployment.next_deadline();
        if next.is_none_or(|next| now < next) {
            return state;
        }
        state.deployment.advance(now);
        self.hand_out(&mut state);
        unlock_and_wake(state);
        locked(&self.state)
    }

    /// Hands the deployment an input, with the time of it, and its outputs to the shells.
    pub fn input<T>(&self, act: impl FnOnce(&mut State, Time) -> T) -> T {
        let mut state = self.lock();
        let now = self.clock.now();
        let result = act(&mut state, now);
        self.fire_what_is_due(&mut state, now);
        self.hand_out(&mut state);
        unlock_and_wake(state);
        result
    }

    /// On a clock that stands still, what is due at this very moment happens with the input that has
    /// led to it: no timer will come later, and nobody shall see when a thread gets round to it.
    fn fire_what_is_due(&self, state: &mut State, now: Time) {
        let is_due = |state: &State| {
            let next = state.deployment.next_deadline();
            next.is_some_and(|next| next <= now)
        };
        loop {
            while self.clock.may_stand_still() && is_due(state) {
                state.deployment.advance(now);
            }
            if !self.place_orders(state).was_answered {
                return;
            }
        }
    }

    /// The limits that a connection's decoder is to go on with, if they have changed since `seen`.
    pub fn changed_limits(&self, id: ConnId, seen: &mut u64) -> Option<Limits> {
        let changes = self.limit_changes.load(Ordering::Acquire);
        if std::mem::replace(seen, changes) == changes {
            return None;
        }
        Some(self.look(|deployment| deployment.core().decoder_limits(id)))
    }

    /// A port number for a connection that has none.
    pub fn next_memory_port(&self) -> u16 {
        let count = self.memory_ports.fetch_add(1, Ordering::Relaxed);
        MEMORY_PORTS.start + count % (MEMORY_PORTS.end - MEMORY_PORTS.start)
    }

    /// Looks at the deployment.
    pub fn look<T>(&self, at: impl FnOnce(&Deployment) -> T) -> T {
        at(&self.lock().deployment)
    }

    /// As [`input`](Self::input), from the I/O thread: what sockets are to write comes back in
    /// `exchange`.
    pub fn io_input<T>(
        &self,
        exchange: &mut Exchange,
        act: impl FnOnce(&mut State, Time) -> T,
    ) -> T {
        let mut state = self.lock();
        let now = self.clock.now();
        for (id, len) in exchange.wrote.drain(..) {
            state.deployment.wrote(now, id, len);
        }
        let result = act(&mut state, now);
        self.fire_what_is_due(&mut state, now);
        self.wake(&mut state);
        state.collect_flushes(exchange);
        unlock_and_wake(state);
        result
    }

    fn hand_out(&self, state: &mut State) {
        self.wake(state);
        if !state.sockets_to_flush.is_empty() {
            self.io_work.notify_one();
        }
    }

    fn wake(&self, state: &mut State) {
        self.place_orders(state);
        let changes = state.deployment.take_file_changes();
        changes.into_iter().for_each(files::carry_out);
        state.deployment.take_woken(&mut state.woken);
        for id in state.woken.drain(..) {
            match state.transports.get_mut(&id) {
                Some(Transport::Socket(_)) => state.sockets_to_flush.push(id),
                Some(Transport::Memory(waker)) => {
                    state.to_wake.extend(waker.take());
                    let core = state.deployment.core();
                    let now = core.now();
                    if core
                        .conn(id)
                        .is_some_and(|conn| conn.pending() > MEMORY_PIPE)
                    {
                        state.deployment.write_blocked(now, id);
                    }
                }
                None => {}
            }
        }
        let next = state.deployment.next_deadline();
        if next.is_some() && state.armed.is_none_or(|armed| next < Some(armed)) {
            state.armed = next;
            self.deadline_moved.notify_one();
        }
        let limit_changes = state.deployment.core().limit_changes();
        self.limit_changes.store(limit_changes, Ordering::Release);
        let core = state.deployment.core();
        self.frozen.store(core.frozen(), Ordering::Release);
        let freezes = core.freezes();
        state.thaw_waiters.reach(freezes, &mut state.to_wake);
        let phase_changes = state.deployment.phase_changes();
        if state.phase_waiters.reach(phase_changes, &mut state.to_wake) {
            state.close_doors();
        }
        let deployment = &state.deployment;
        let recorded = deployment.journal().recorded()
            + deployment.rules().changes()
            + deployment.expectations().changes()
            + deployment.custom().changes();
        state
            .record_waiters
            .reach(recorded + phase_changes, &mut state.to_wake);
    }

    /// Fires what is due, and tells when the next thing will be. On a manual clock inputs do that.
    pub fn fire_timers(&self, exchange: &mut Exchange) -> Option<Time> {
        if self.clock.is_manual() {
            return None;
        }
        self.io_input(exchange, |state, now| {
            state.deployment.advance(now);
            state.armed = state.deployment.next_deadline();
            state.armed
        })
    }

    /// As [`fire_timers`](Self::fire_timers), from outside of the I/O thread.
    pub fn fire_due(&self) -> Option<Time> {
        self.input(|state, now| {
            state.deployment.advance(now);
            state.armed = state.deployment.next_deadline();
            state.armed
        })
    }

    /// Whether nobody reads what a connection sends, because its server stands still.
    pub fn is_unread(&self, id: ConnId) -> bool {
        self.frozen.load(Ordering::Acquire) > 0
            && self.look(|deployment| deployment.core().is_unread(id))
    }

    /// Whether somebody reads what a connection sends; if not, wakes the caller when that may have
    /// changed.
    pub fn poll_read_by_server(&self, id: ConnId, waker: &Waker) -> Poll<()> {
        if self.frozen.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        let mut state = self.lock();
        if !state.deployment.core().is_unread(id) {
            return Poll::Ready(());
        }
        state.thaw_waiters.add(waker);
        Poll::Pending
    }

    /// Whether a server does not stand still; if it does, wakes the caller when that may have changed.
    #[cfg(feature = "websocket")]
    pub fn poll_runs(&self, server: ServerId, waker: &Waker) -> Poll<()> {
        if self.frozen.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        let mut state = self.lock();
        if !state.deployment.core().is_frozen(server) {
            return Poll::Ready(());
        }
        state.thaw_waiters.add(waker);
        Poll::Pending
    }

    /// Accepts connections at a bound address as long as its server does.
    pub fn open(&self, door: &Arc<Door>) {
        let mut state = self.lock();
        state.doors.push(Arc::clone(door));
        state.close_doors();
        unlock_and_wake(state);
    }

    /// Closes the bound addresses of a server.
    pub fn shut(&self, server: ServerId) {
        let mut state = locked(&self.state);
        state.shut.push(server);
        state.close_doors();
        unlock_and_wake(state);
    }

    /// Lets addresses of a server be opened again.
    pub fn end_shut(&self, server: ServerId) {
        let mut state = locked(&self.state);
        state.shut.retain(|&shut| shut != server);
    }

    /// Whether something is true of the deployment; if not, wakes the caller when a server has
    /// entered another phase of its life.
    pub fn poll_until(&self, waker: &Waker, is: impl FnOnce(&Deployment) -> bool) -> bool {
        let mut state = self.lock();
        let is = is(&state.deployment);
        if !is {
            state.phase_waiters.add(waker);
        }
        is
    }

    /// What is found in the deployment; as long as it is nothing, wakes the caller when something has
    /// been recorded or a server has entered another phase.
    pub fn poll_record<T>(
        &self,
        waker: &Waker,
        find: impl FnOnce(&Deployment) -> Poll<T>,
    ) -> Poll<T> {
        let mut state = self.lock();
        let found = find(&state.deployment);
        if found.is_pending() {
            state.record_waiters.add(waker);
        }
        found
    }
}

impl Waiters {
    fn add(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|known| known.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    /// Tells whether the number has grown.
    fn reach(&mut self, number: u64, to_wake: &mut Vec<Waker>) -> bool {
        let has_grown = number != self.reached;
        if has_grown {
            self.reached = number;
            to_wake.append(&mut self.waiting);
        }
        has_grown
    }
}

impl State {
    fn close_doors(&mut self) {
        let Self {
            doors,
            shut,
            deployment,
            to_wake,
            ..
        } = self;
        doors.retain(|door| {
            let stays = deployment.is_accepting(door.server) && !shut.contains(&door.server);
            if !stays {
                to_wake.extend(door.close());
            }
            stays
        });
    }

    pub fn attach(&mut self, id: ConnId, transport: Transport) {
        self.transports.insert(id, transport);
    }

    /// Forgets a connection in the shell.
    pub fn forget(&mut self, id: ConnId) {
        self.transports.remove(&id);
    }

    /// Forgets a connection in the shell and in the core.
    pub fn release(&mut self, id: ConnId) {
        self.forget(id);
        self.deployment.release(id);
    }

    /// Remembers whom to wake when a connection in memory has something to read.
    pub fn wait_for_output(&mut self, id: ConnId, waker: &Waker) {
        if let Some(Transport::Memory(slot)) = self.transports.get_mut(&id) {
            *slot = Some(waker.clone());
        }
    }

    /// Takes the output of every connection that waits for its socket to be written to.
    fn collect_flushes(&mut self, exchange: &mut Exchange) {
        let Exchange { flushes, spare, .. } = exchange;
        for id in self.sockets_to_flush.drain(..) {
            let Some(Transport::Socket(socket)) = self.transports.get(&id) else {
                continue;
            };
            let (bytes, after) = self.deployment.take_output(id, |len| {
                if len < LENT_FROM {
                    Vec::new()
                } else {
                    spare.pop().unwrap_or_default()
                }
            });
            let end = (after == AfterOutput::Close)
                .then(|| self.deployment.core().conn(id)?.close_reason())
                .flatten();
            flushes.push(Flush {
                socket: Arc::clone(socket),
                id,
                bytes,
                after,
                end,
            });
        }
    }
}
