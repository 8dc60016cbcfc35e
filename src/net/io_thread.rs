//! The thread that moves the bytes of sockets, and time.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::door::{Door, Way};
use super::hub::{Hub, locked};
use super::socket::{self, Scratch};
use crate::core::ServerId;

/// A thread of its own with its own reactor: the caller's runtime, of whatever kind, is not
/// touched. Dropping it stops the thread and closes every socket.
#[derive(Debug)]
pub(crate) struct IoThread {
    /// Dropping it stops the thread.
    work: Option<mpsc::UnboundedSender<Work>>,
    ended: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<thread::JoinHandle<()>>,
    runtime: Handle,
}

/// Somebody is to be woken; dropping it calls that off.
#[derive(Debug)]
pub(crate) struct Alarm(pub(super) AbortHandle);

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs futures on the thread, for as long as there is one.
#[derive(Clone, Debug)]
pub(crate) struct Spawner(Handle);

impl Spawner {
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(future);
    }
}

/// A bound address, and whose it is.
#[derive(Debug)]
pub(crate) struct Listener {
    pub socket: TcpListener,
    pub server: ServerId,
    /// The user that connections without credentials are taken for.
    pub stand_in: Option<Box<str>>,
    pub way: Way,
}

/// The thread ends within microseconds; a drop waits no longer than this for it.
const JOIN_LIMIT: Duration = Duration::from_secs(1);

impl IoThread {
    /// Starts the thread. It waits for the deployment, so that both are made at the same time, and
    /// then serves what [`listen`](Self::listen) hands it.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let (work, incoming) = mpsc::unbounded_channel();
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let signal = Ended(Arc::clone(&ended));
        let thread = thread::Builder::new()
            .name("nats-mock".to_owned())
            .spawn(move || {
                // Dropped in reverse: the runtime with its sockets is gone when the end is told.
                let _signal = signal;
                let runtime = runtime;
                runtime.block_on(serve(incoming));
            })?;
        Ok(Self {
            work: Some(work),
            ended,
            thread: Some(thread),
            runtime: handle,
        })
    }

    /// Hands the thread its deployment.
    pub fn drive(&self, hub: Arc<Hub>) {
        self.send(Work::Drive(hub));
    }

    /// Serves connections to a bound address from now on.
    pub fn listen(&self, listener: Listener) {
        self.send(Work::Listen(listener));
    }

    /// Wakes somebody at a time of the system's clock, whatever runtime they are on.
    pub fn wake_at(&self, at: Instant, waker: Waker) -> Alarm {
        let waiting = self.runtime.spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            waker.wake();
        });
        Alarm(waiting.abort_handle())
    }

    /// What runs futures on the thread.
    pub fn spawner(&self) -> Spawner {
        Spawner(self.runtime.clone())
    }

    fn send(&self, work: Work) {
        if let Some(sender) = &self.work {
            // Without a thread there is nobody left to be connected to.
            let _ = sender.send(work);
        }
    }
}

#[derive(Debug)]
enum Work {
    Drive(Arc<Hub>),
    Listen(Listener),
}

/// Says that the thread has ended, however it did.
struct Ended(Arc<(Mutex<bool>, Condvar)>);

impl Drop for Ended {
    fn drop(&mut self) {
        *locked(&self.0.0) = true;
        self.0.1.notify_all();
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        drop(self.work.take());
        let Some(thread) = self.thread.take() else {
            return;
        };
        // The thread itself may drop the last handle on its deployment.
        if thread.thread().id() == thread::current().id() {
            return;
        }
        let (ended, changed) = &*self.ended;
        let waited = changed.wait_timeout_while(locked(ended), JOIN_LIMIT, |ended| !*ended);
        if waited.is_ok_and(|(_, timeout)| !timeout.timed_out()) {
            let _ = thread.join();
        }
    }
}

async fn serve(mut incoming: mpsc::UnboundedReceiver<Work>) {
    let scratch = Arc::new(Mutex::new(Scratch::default()));
    let mut driven = None;
    while let Some(work) = incoming.recv().await {
        match (work, &driven) {
            (Work::Drive(hub), _) => {
                let shared = || (Arc::clone(&hub), Arc::clone(&scratch));
                // Another runtime's clock is looked after on that runtime.
                if hub.clock.of_runtime().is_none() {
                    let (timers_hub, timers_scratch) = shared();
                    tokio::spawn(socket::run_timers(timers_hub, timers_scratch));
                }
                let (flush_hub, flush_scratch) = shared();
                tokio::spawn(socket::flush_for_others(flush_hub, flush_scratch));
                driven = Some(hub);
            }
            (Work::Listen(listener), Some(hub)) => serve_listener(listener, hub, &scratch),
            // Nothing listens before there is a deployment.
            (Work::Listen(_), None) => {}
        }
    }
    if let Some(hub) = driven {
        socket::flush_once(&hub, &scratch);
    }
}

fn serve_listener(listener: Listener, hub: &Arc<Hub>, scratch: &Arc<Mutex<Scratch>>) {
    let Listener {
        socket,
        server,
        stand_in,
        way,
    } = listener;
    // A listener that the reactor refuses cannot be served; connections to it fail.
    let Ok(socket) = tokio::net::TcpListener::from_std(socket) else {
        return;
    };
    let door = Door::new(socket, server, stand_in, way);
    hub.open(&door);
    tokio::spawn(socket::listen(Arc::clone(hub), Arc::clone(scratch), door));
}

const BACKLOG: i32 = 4096;

/// Takes an address without listening, so that nobody else gets it.
pub(crate) fn hold(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A restarted server gets its address back at once, as std's listeners do.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Binds the address of a server.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = hold(address)?;
    // std would let 128 connections wait, too few for thousands at once.
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
