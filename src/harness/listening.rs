//! The ports at which a server is reached over TCP: opened, closed for a while, and opened again.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Server, StartError};
use crate::net::{Listener, Way, bind, hold};

/// The ports of a server while nobody listens at them.
#[derive(Debug, Default)]
pub(super) struct Closed {
    /// How many want them to be closed.
    times: usize,
    /// What keeps others from taking them.
    held: Vec<socket2::Socket>,
}

impl Server<'_> {
    /// The address at which a user needs no credentials.
    pub(super) fn user_port(&self, user: &str) -> io::Result<SocketAddr> {
        let known = self.node(|node| match node.user_ports.get(user) {
            _ if node.unbound => Err(io::ErrorKind::AddrNotAvailable),
            known => Ok(known.copied()),
        })?;
        if let Some(address) = known {
            return Ok(address);
        }
        let any = SocketAddr::new(self.address().ip(), 0);
        let address = self.listen(any, Some(user), Way::Plain)?;
        self.node(|node| node.user_ports.insert(user.to_owned(), address));
        Ok(address)
    }

    fn listen(
        &self,
        address: SocketAddr,
        stand_in: Option<&str>,
        way: Way,
    ) -> io::Result<SocketAddr> {
        let socket = bind(address)?;
        let address = socket.local_addr()?;
        self.nats.io.listen(Listener {
            socket,
            server: self.current(),
            stand_in: stand_in.map(Into::into),
            way,
        });
        Ok(address)
    }

    /// Opens all ports of the server again.
    pub(super) fn listen_again(&self) -> Result<(), StartError> {
        let (server, users) = self.node(|node| {
            node.closed = Closed::default();
            (node.address, node.user_ports.clone())
        });
        let users = users
            .iter()
            .map(|(user, &address)| (address, Some(&**user), Way::Plain));
        let own = std::iter::once((server, None, Way::Plain));
        #[cfg(feature = "websocket")]
        let own = own.chain(self.node(|node| Some((node.websocket?, None, Way::Websocket))));
        for (address, user, way) in own.chain(users) {
            patiently(|| self.listen(address, user, way))
                .map_err(|source| StartError::Listen { address, source })?;
        }
        Ok(())
    }

    /// Closes the ports, and keeps others from taking them.
    pub(super) fn stop_listening(&self) -> io::Result<()> {
        let (closes, is_bound, addresses) = self.node(|node| {
            node.closed.times += 1;
            let users = node.user_ports.values().copied();
            let own = std::iter::once(node.address).chain(node.websocket);
            let addresses: Vec<_> = own.chain(users).collect();
            (node.closed.times == 1, !node.unbound, addresses)
        });
        if closes {
            self.note_port(false);
        }
        if !closes || !is_bound {
            return Ok(());
        }
        self.hub().shut(self.current());
        let held = addresses.iter().map(|&address| patiently(|| hold(address)));
        let held = held.collect::<io::Result<_>>()?;
        self.node(|node| node.closed.held = held);
        Ok(())
    }

    /// Opens the ports, unless they are to be closed for something else, or a restart has opened them.
    pub(super) fn go_on_listening(&self) -> Result<(), StartError> {
        let (opens, is_bound) = self.node(|node| {
            let closed = node.closed.times;
            node.closed.times = closed.saturating_sub(1);
            (closed == 1, !node.unbound)
        });
        if opens {
            self.note_port(true);
        }
        if !opens || !is_bound {
            return Ok(());
        }
        self.hub().end_shut(self.current());
        self.listen_again()
    }

    fn note_port(&self, is_open: bool) {
        let server = self.current();
        self.hub()
            .input(|state, now| state.deployment.note_port(now, server, is_open));
    }
}

/// Tries to bind what the I/O thread may just be giving up.
fn patiently<T>(bind: impl Fn() -> io::Result<T>) -> io::Result<T> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let started = Instant::now();
    loop {
        match bind() {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && started.elapsed() < PATIENCE =>
            {
                std::thread::yield_now();
            }
            done => return done,
        }
    }
}
