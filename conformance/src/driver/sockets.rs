//! The client side of TCP connections, none of which ever blocks.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::tls::{self, Tls};
use super::{ConnId, DriverError, Interest, Opened, Received, Secured};
use crate::scenario::Handshake;

/// How long a server may take to accept.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one wait for sockets lasts at most, so that the end of a process is seen too.
const LONGEST_POLL: Duration = Duration::from_millis(20);

/// A connection, and what makes it secure if anything does.
struct Socket {
    stream: TcpStream,
    tls: Option<Box<Tls>>,
}

/// All connections of a driver, and its clock.
pub(super) struct Sockets {
    conns: Vec<Option<Socket>>,
    epoch: Instant,
}

impl Sockets {
    pub(super) fn new() -> Self {
        Self {
            conns: Vec::new(),
            epoch: Instant::now(),
        }
    }

    fn socket(&mut self, conn: ConnId) -> Result<&mut Socket, DriverError> {
        self.conns
            .get_mut(conn.0)
            .and_then(Option::as_mut)
            .ok_or_else(|| DriverError::State(format!("connection {} is closed", conn.0)))
    }

    fn take(&mut self, conn: ConnId) -> Option<Socket> {
        self.conns.get_mut(conn.0).and_then(Option::take)
    }

    pub(super) fn open(&mut self, port: u16) -> Result<Opened, DriverError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => stream,
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => return Ok(Opened::Refused),
            Err(e) => return Err(DriverError::io("connecting")(e)),
        };
        stream
            .set_nonblocking(true)
            .and_then(|()| stream.set_nodelay(true))
            .map_err(DriverError::io("setting up a connection"))?;
        self.conns.push(Some(Socket { stream, tls: None }));
        Ok(Opened::Connection(ConnId(self.conns.len() - 1)))
    }

    pub(super) fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Result<usize, DriverError> {
        let Socket { stream, tls } = self.socket(conn)?;
        let sent = match tls {
            Some(tls) => tls.send(stream, bytes),
            None => stream.write(bytes),
        };
        match sent {
            Ok(sent) => Ok(sent),
            Err(e) if is_would_block(&e) => Ok(0),
            Err(e) if is_closed(&e) => Ok(bytes.len()),
            Err(e) => Err(DriverError::io("sending")(e)),
        }
    }

    pub(super) fn receive(
        &mut self,
        conn: ConnId,
        into: &mut Vec<u8>,
    ) -> Result<Received, DriverError> {
        let mut chunk = [0; 64 * 1024];
        let Socket { stream, tls } = self.socket(conn)?;
        let received = match tls {
            Some(tls) => tls.receive(stream, &mut chunk),
            None => stream.read(&mut chunk),
        };
        match received {
            Ok(0) => Ok(Received::Closed),
            Ok(length) => {
                into.extend_from_slice(&chunk[..length]);
                Ok(Received::Bytes)
            }
            Err(e) if is_would_block(&e) => Ok(Received::Nothing),
            Err(e) if is_closed(&e) => Ok(Received::Closed),
            Err(e) => match tls::alert(&e) {
                Some(alert) => Ok(Received::Alert(alert)),
                None => Err(DriverError::io("receiving")(e)),
            },
        }
    }

    pub(super) fn secure(&mut self, conn: ConnId, how: &Handshake) -> Result<Secured, DriverError> {
        let socket = self.socket(conn)?;
        let (tls, secured) = Tls::shake_hands(&mut socket.stream, how)?;
        socket.tls = tls.map(Box::new);
        Ok(secured)
    }

    pub(super) fn half_close(&mut self, conn: ConnId) -> Result<(), DriverError> {
        match self.socket(conn)?.stream.shutdown(Shutdown::Write) {
            Err(e) if !is_closed(&e) => Err(DriverError::io("ending the sending side")(e)),
            _ => Ok(()),
        }
    }

    pub(super) fn close(&mut self, conn: ConnId) {
        drop(self.take(conn));
    }

    pub(super) fn reset(&mut self, conn: ConnId) -> Result<(), DriverError> {
        if let Some(socket) = self.take(conn) {
            socket2::SockRef::from(&socket.stream)
                .set_linger(Some(Duration::ZERO))
                .map_err(DriverError::io("resetting a connection"))?;
        }
        Ok(())
    }

    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(super) fn wait(&self, interests: &[Interest], until: Duration) -> Result<(), DriverError> {
        let patience = until.saturating_sub(self.now()).min(LONGEST_POLL);
        let mut polled: Vec<PollFd<'_>> = interests
            .iter()
            .filter_map(|interest| {
                let stream = &self.conns.get(interest.conn.0)?.as_ref()?.stream;
                let mut flags = PollFlags::empty();
                flags.set(PollFlags::IN, interest.read);
                flags.set(PollFlags::OUT, interest.write);
                (!flags.is_empty()).then(|| PollFd::from_borrowed_fd(stream.as_fd(), flags))
            })
            .collect();
        let timeout = Timespec::try_from(patience)
            .map_err(|_| DriverError::State("a wait too long".to_owned()))?;
        match rustix::event::poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(e) => Err(DriverError::io("waiting")(io::Error::from(e))),
        }
    }
}

fn is_would_block(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
    )
}
