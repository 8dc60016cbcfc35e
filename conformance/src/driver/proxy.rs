//! What stands between two servers of a deployment when a scenario cuts links: a TCP proxy in front of
//! every port at which servers dial each other.
//!
//! Whoever dials is known before a byte is exchanged, from the system's tables of sockets. A link that is
//! cut closes its connections; one that is cut silently holds bytes back, as a network does that loses
//! packets, until it is healed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::ports::Ports;
use super::{DriverError, ServerIndex};
use crate::scenario::{LinkChange, PortKind};

/// How often a proxy looks whether it is still needed.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// All proxies of a deployment. Dropping it ends them.
pub(super) struct Proxies {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// How many threads have bytes in hand that are not held back.
    moving: AtomicUsize,
    /// How often bytes were moved.
    moved: AtomicUsize,
}

#[derive(Default)]
struct State {
    ended: bool,
    processes: BTreeMap<ServerIndex, u32>,
    cuts: Vec<(ServerIndex, ServerIndex, LinkChange)>,
    tunnels: Vec<Tunnel>,
}

/// One connection between two servers, as its two halves.
struct Tunnel {
    from: ServerIndex,
    to: ServerIndex,
    halves: [TcpStream; 2],
}

impl Proxies {
    /// Starts a proxy for every port that others dial elsewhere than where it is bound.
    pub(super) fn start(ports: &Ports) -> Result<Self, DriverError> {
        let proxies = Self {
            shared: Arc::default(),
        };
        for (server, kind, port) in ports.all() {
            if kind == PortKind::Client || port.bound == port.dialled {
                continue;
            }
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.dialled))
                .map_err(DriverError::io("listening between servers"))?;
            let shared = Arc::clone(&proxies.shared);
            thread::spawn(move || accept(&shared, &listener, server, port.bound));
        }
        Ok(proxies)
    }

    /// Says which process a server is.
    pub(super) fn set_process(&self, server: ServerIndex, pid: u32) {
        self.shared.state().processes.insert(server, pid);
    }

    /// Changes the link between two servers.
    pub(super) fn change(&self, (one, other): (ServerIndex, ServerIndex), change: LinkChange) {
        let mut state = self.shared.state();
        let is_between =
            |a: ServerIndex, b: ServerIndex| (a, b) == (one, other) || (b, a) == (one, other);
        state.cuts.retain(|(a, b, _)| !is_between(*a, *b));
        if change != LinkChange::Heal {
            state.cuts.push((one, other, change));
        }
        if change == LinkChange::Cut {
            state.tunnels.retain(|tunnel| {
                let stays = !is_between(tunnel.from, tunnel.to);
                if !stays {
                    tunnel.close();
                }
                stays
            });
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// How often bytes were moved, if none are on their way at present.
    pub(super) fn at_rest(&self) -> Option<usize> {
        let state = self.shared.state();
        let waits = |from, to, half: &TcpStream| {
            !state.is_held(from, to) && rustix::io::ioctl_fionread(half).is_ok_and(|n| n > 0)
        };
        let is_busy = state.tunnels.iter().any(|tunnel| {
            let (from, to, [dialler, server]) = (tunnel.from, tunnel.to, &tunnel.halves);
            waits(from, to, dialler) || waits(to, from, server)
        });
        let is_moving = self.shared.moving.load(Ordering::SeqCst) > 0;
        (!is_busy && !is_moving).then(|| self.shared.moved.load(Ordering::SeqCst))
    }

    /// Whether two servers can make connections to each other.
    pub(super) fn reaches(&self, one: ServerIndex, other: ServerIndex) -> bool {
        !self.shared.state().is_closed(one, other)
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.ended = true;
        state.tunnels.iter().for_each(Tunnel::close);
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Tunnel {
    /// Ends both halves. A failure means that a server has ended one already.
    fn close(&self) {
        for half in &self.halves {
            let _ = half.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_closed(&self, one: ServerIndex, other: ServerIndex) -> bool {
        self.cuts.iter().any(|(a, b, change)| {
            *change == LinkChange::Cut && ((*a, *b) == (one, other) || (*b, *a) == (one, other))
        })
    }

    /// Whether what `from` sends to `to` is held back.
    fn is_held(&self, from: ServerIndex, to: ServerIndex) -> bool {
        self.cuts.iter().any(|(a, b, change)| match change {
            LinkChange::CutSilently => (*a, *b) == (from, to) || (*b, *a) == (from, to),
            LinkChange::CutOneWay => (*a, *b) == (from, to),
            LinkChange::Cut | LinkChange::Heal => false,
        })
    }
}

/// Takes connections to the server `to`, which listens on `port`.
fn accept(shared: &Arc<Shared>, listener: &TcpListener, to: ServerIndex, port: u16) {
    while !shared.state().ended {
        match becomes_readable(listener) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(_) => return,
        }
        let Ok((dialler, _)) = listener.accept() else {
            return;
        };
        let processes = shared.state().processes.clone();
        // Who has hung up already needs no server any more.
        if let Ok(Some(from)) = owner(&processes, &dialler) {
            // A server that does not listen is one that the dialler finds closed.
            let _ = join(shared, dialler, from, to, port);
        }
    }
}

fn await_readable(source: &TcpStream) -> rustix::io::Result<usize> {
    let mut polled = [PollFd::from_borrowed_fd(source.as_fd(), PollFlags::IN)];
    rustix::event::poll(&mut polled, None)
}

fn becomes_readable(listener: &TcpListener) -> io::Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
    let timeout = Timespec::try_from(LOOK_AGAIN).map_err(io::Error::other)?;
    match rustix::event::poll(&mut polled, Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Connects `dialler` to the server behind, unless the link is cut.
fn join(
    shared: &Arc<Shared>,
    dialler: TcpStream,
    from: ServerIndex,
    to: ServerIndex,
    port: u16,
) -> io::Result<()> {
    if shared.state().is_closed(from, to) {
        return Ok(());
    }
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    dialler.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let tunnel = Tunnel {
        from,
        to,
        halves: [dialler.try_clone()?, server.try_clone()?],
    };
    let mut state = shared.state();
    if state.ended || state.is_closed(from, to) {
        tunnel.close();
        return Ok(());
    }
    state.tunnels.push(tunnel);
    drop(state);
    let (dialler_too, server_too) = (dialler.try_clone()?, server.try_clone()?);
    let (forth, back) = (Arc::clone(shared), Arc::clone(shared));
    thread::spawn(move || pump(&forth, dialler, server, (from, to)));
    thread::spawn(move || pump(&back, server_too, dialler_too, (to, from)));
    Ok(())
}

/// Moves bytes until one side ends, and then ends the other.
fn pump(
    shared: &Shared,
    mut source: TcpStream,
    mut sink: TcpStream,
    (from, to): (ServerIndex, ServerIndex),
) {
    let mut chunk = [0; 64 * 1024];
    loop {
        // What waits to be read can be seen from outside, and so can who has it in hand.
        let _ = await_readable(&source);
        shared.moving.fetch_add(1, Ordering::SeqCst);
        let length = match source.read(&mut chunk) {
            Ok(length) => length,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {
                shared.moving.fetch_sub(1, Ordering::SeqCst);
                continue;
            }
            Err(_) => 0,
        };
        let mut state = shared.state();
        while !state.ended && state.is_held(from, to) {
            shared.moving.fetch_sub(1, Ordering::SeqCst);
            state = shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            shared.moving.fetch_add(1, Ordering::SeqCst);
        }
        let ended = state.ended;
        drop(state);
        let is_over = ended || length == 0 || sink.write_all(&chunk[..length]).is_err();
        shared.moved.fetch_add(1, Ordering::SeqCst);
        shared.moving.fetch_sub(1, Ordering::SeqCst);
        if is_over {
            // Both may be closed by now, by the servers or with the link.
            let _ = sink.shutdown(Shutdown::Both);
            let _ = source.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// How often the table of sockets is read for one: what is closed while it is read can hide the next.
const LOOKS: usize = 10;

/// The server whose process has the other end of `accepted`.
fn owner(
    processes: &BTreeMap<ServerIndex, u32>,
    accepted: &TcpStream,
) -> io::Result<Option<ServerIndex>> {
    let (peer, local) = (accepted.peer_addr()?, accepted.local_addr()?);
    let (Some(peer), Some(local)) = (in_socket_table(peer), in_socket_table(local)) else {
        return Ok(None);
    };
    for _ in 0..LOOKS {
        let table = fs::read_to_string("/proc/net/tcp")?;
        let inode = table.lines().find_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            // A port is shared by connections to others, of which one may be over and nobody's.
            let is_it = words.next()? == peer && words.next()? == local;
            is_it.then(|| words.nth(6))?
        });
        let found = inode.and_then(|inode| holder(processes, inode));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// An address as the kernel's table of sockets writes it.
fn in_socket_table(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else {
        return None;
    };
    let ip = u32::from_ne_bytes(address.ip().octets());
    Some(format!("{ip:08X}:{:04X}", address.port()))
}

/// The server whose process has the socket with `inode` open.
fn holder(processes: &BTreeMap<ServerIndex, u32>, inode: &str) -> Option<ServerIndex> {
    let socket = format!("socket:[{inode}]");
    processes.iter().find_map(|(server, pid)| {
        let mut files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        files
            .any(|file| {
                file.and_then(|file| fs::read_link(file.path()))
                    .is_ok_and(|target| target.to_string_lossy() == socket)
            })
            .then_some(*server)
    })
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn the_owner_of_a_socket_is_found() {
        let listener = listen();
        let dialler = TcpStream::connect(address(&listener)).expect("a connection");
        let (accepted, _) = listener.accept().expect("its other end");
        assert_eq!(
            owner(&own(), &accepted).expect("a table"),
            Some(ServerIndex(3))
        );
        assert_eq!(owner(&BTreeMap::new(), &accepted).expect("a table"), None);
        drop(dialler);
    }

    #[test]
    fn a_port_shared_with_what_is_over_has_an_owner() {
        let (over, listener) = (listen(), listen());
        // Whoever closes first keeps its port waiting, without an owner.
        let first = dial_from(0, &over);
        let port = first.local_addr().expect("an address").port();
        let (rest, _) = over.accept().expect("its other end");
        drop(first);
        drop(rest);
        let second = dial_from(port, &listener);
        let (accepted, _) = listener.accept().expect("its other end");
        assert_eq!(
            owner(&own(), &accepted).expect("a table"),
            Some(ServerIndex(3))
        );
        drop(second);
    }

    fn own() -> BTreeMap<ServerIndex, u32> {
        BTreeMap::from([(ServerIndex(3), std::process::id())])
    }

    fn listen() -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener")
    }

    fn address(listener: &TcpListener) -> SocketAddr {
        listener.local_addr().expect("an address")
    }

    fn dial_from(port: u16, to: &TcpListener) -> TcpStream {
        let own = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        own.set_reuse_address(true).expect("a port of what is over");
        own.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())
            .expect("a port");
        own.connect(&address(to).into()).expect("a connection");
        own.into()
    }

    #[test]
    fn cuts_have_directions() {
        let (a, b) = (ServerIndex(0), ServerIndex(1));
        let proxies = Proxies {
            shared: Arc::default(),
        };
        let held = || {
            let state = proxies.shared.state();
            (state.is_held(a, b), state.is_held(b, a))
        };
        proxies.change((a, b), LinkChange::CutOneWay);
        assert_eq!((held(), proxies.reaches(a, b)), ((true, false), true));
        proxies.change((b, a), LinkChange::CutSilently);
        assert_eq!((held(), proxies.reaches(a, b)), ((true, true), true));
        proxies.change((a, b), LinkChange::Cut);
        assert_eq!((held(), proxies.reaches(b, a)), ((false, false), false));
        proxies.change((b, a), LinkChange::Heal);
        assert_eq!((held(), proxies.reaches(a, b)), ((false, false), true));
    }
}
