//! TLS on a socket: handshakes, and what is encrypted afterwards. When to make one is the core's business.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, BufRead, Read, Write};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;

use bytes::BytesMut;
use rustls::server::Acceptor as Listener;
use rustls::{ProtocolVersion, ServerConnection};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::hub::{Hub, locked};
use super::outgoing::write_whole;
use super::socket::{Scratch, Socket, with_flushes};
use crate::core::{CloseReason, ConnId, FirstBytes, Server, TlsSession};
use crate::topology::TlsOptions;
use crate::topology::tls::{Acceptor, facts, suites};
use crate::version::Feature;

/// How much of a handshake is read at once.
const READ_SIZE: usize = 4096;
/// What a record of a handshake begins with.
const HANDSHAKE: u8 = 0x16;

/// Alerts about a certificate that is missing.
const HANDSHAKE_FAILURE: u8 = 40;
const BAD_CERTIFICATE: u8 = 42;

/// What makes a socket secure, once its handshake is done.
#[derive(Default)]
pub(super) struct Secure {
    conn: OnceLock<Box<Mutex<ServerConnection>>>,
    /// Told when what the core waits for may have changed.
    changed: Notify,
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_on = self.conn.get().is_some();
        f.debug_struct("Secure").field("is_on", &is_on).finish()
    }
}

impl Secure {
    /// Has whoever waits for a handshake look again whether it is still to wait.
    pub fn look_again(&self) {
        if self.conn.get().is_none() {
            self.changed.notify_one();
        }
    }

    /// What is to be written instead of `plain`; nothing if that is to be written as it is. `ends` tells
    /// that nothing more follows.
    pub fn seal(&self, plain: &[u8], ends: bool) -> Option<Vec<u8>> {
        let mut conn = locked(self.conn.get()?);
        let mut sealed = Vec::with_capacity(plain.len() + 64);
        let mut rest = plain;
        while !rest.is_empty() {
            // It takes no more at once than it may keep.
            match conn.writer().write(rest) {
                Ok(taken) if taken > 0 => rest = &rest[taken..],
                _ => break,
            }
            drain(&mut conn, &mut sealed);
        }
        if ends {
            conn.send_close_notify();
        }
        drain(&mut conn, &mut sealed);
        Some(sealed)
    }

    /// Appends what has come, as [`TcpStream::try_read_buf`] does.
    pub fn read(&self, stream: &TcpStream, into: &mut BytesMut) -> io::Result<usize> {
        let Some(conn) = self.conn.get() else {
            return stream.try_read_buf(into);
        };
        let mut conn = locked(conn);
        let before = into.len();
        loop {
            let ended = open(&mut conn, into)?;
            if ended || into.len() > before {
                return Ok(into.len() - before);
            }
            if conn.read_tls(&mut Wire(stream))? == 0 {
                return Ok(0);
            }
            conn.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// What TLS itself has to say.
    pub fn wants_to_say(&self) -> bool {
        let conn = self.conn.get();
        conn.is_some_and(|conn| locked(conn).wants_write())
    }
}

/// Takes what is decrypted. Tells whether it was the last.
fn open(conn: &mut ServerConnection, into: &mut BytesMut) -> io::Result<bool> {
    let mut reader = conn.reader();
    loop {
        let taken = match reader.fill_buf() {
            Ok([]) => return Ok(true),
            Ok(chunk) => {
                into.extend_from_slice(chunk);
                chunk.len()
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            // The other side need not say that it closes the connection.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(true),
            Err(error) => return Err(error),
        };
        reader.consume(taken);
    }
}

fn drain(conn: &mut ServerConnection, into: &mut Vec<u8>) {
    while conn.wants_write() {
        // Writing to memory cannot fail.
        if conn.write_tls(into).is_err() {
            return;
        }
    }
}

/// A socket as `rustls` reads it.
struct Wire<'a>(&'a TcpStream);

impl Read for Wire<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

/// Goes through what comes before the client protocol. Gives what has been read of that already.
pub(super) async fn begin(
    hub: &Arc<Hub>,
    scratch: &Arc<Mutex<Scratch>>,
    socket: &Arc<Socket>,
    id: ConnId,
) -> Result<Vec<u8>, CloseReason> {
    let mut read = Vec::new();
    let mut ended = false;
    loop {
        poll_fn(|context| hub.poll_read_by_server(id, context.waker())).await;
        // What is said before the handshake is written before it.
        with_flushes(hub, scratch, |_, _| ());
        let first = hub.look(|deployment| deployment.core().first_bytes(id));
        match first {
            FirstBytes::NotYet => tokio::task::yield_now().await,
            FirstBytes::Plain => return Ok(read),
            FirstBytes::Handshake => {
                let handshake = hub.look(|deployment| {
                    let core = deployment.core();
                    let server = core.server(core.conn(id)?.server);
                    Some(Handshake::of(server, server.spec.tls.as_ref()?))
                });
                let result = match handshake {
                    Some(handshake) => handshake.make(socket, &read).await,
                    None => Err(Failed),
                };
                return match result {
                    Ok(session) => {
                        with_flushes(hub, scratch, |state, now| {
                            state.deployment.handshake_done(now, id, session);
                        });
                        Ok(Vec::new())
                    }
                    Err(Failed) => {
                        with_flushes(hub, scratch, |state, now| {
                            state.deployment.handshake_failed(now, id);
                        });
                        Err(CloseReason::TlsHandshakeError)
                    }
                };
            }
            FirstBytes::Look { wanted } if ended || read.len() >= wanted => {
                let first = read.first().copied();
                with_flushes(hub, scratch, |state, now| {
                    state.deployment.first_bytes_came(now, id, first);
                });
            }
            FirstBytes::Look { wanted } => {
                wait(socket).await;
                let mut few = [0; 8];
                let wanted = wanted.min(few.len()) - read.len();
                match socket.stream.try_read(&mut few[..wanted]) {
                    Ok(0) => ended = true,
                    Ok(taken) => read.extend_from_slice(&few[..taken]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return Err(CloseReason::ReadError),
                }
            }
        }
    }
}

/// Waits for something to read, or for the core to have something else to wait for.
async fn wait(socket: &Socket) {
    let mut changed = pin!(socket.secure.changed.notified());
    poll_fn(|context| {
        if changed.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        socket.stream.poll_read_ready(context).map(|_| ())
    })
    .await;
}

/// The handshake has failed.
#[derive(Debug)]
pub(super) struct Failed;

impl From<io::Error> for Failed {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// What a handshake is made with.
#[derive(Debug)]
pub(super) struct Handshake {
    acceptor: Acceptor,
    /// The alert about a missing certificate before TLS 1.3.
    alert_before_1_3: u8,
}

impl Handshake {
    /// What a server makes handshakes with at a port that has this TLS.
    pub fn of(server: &Server, tls: &TlsOptions) -> Self {
        Self {
            acceptor: tls.acceptor.clone(),
            alert_before_1_3: match server.profile.has(Feature::HandshakeFailureAlert) {
                true => HANDSHAKE_FAILURE,
                false => BAD_CERTIFICATE,
            },
        }
    }

    /// Makes a handshake; `read` has been read of it already. What is sent from then on is encrypted.
    pub async fn make(&self, socket: &Socket, read: &[u8]) -> Result<TlsSession, Failed> {
        let (conn, session) = shake_hands(socket, self, read).await?;
        let _ = socket.secure.conn.set(Box::new(Mutex::new(conn)));
        Ok(session)
    }
}

async fn shake_hands(
    socket: &Socket,
    handshake: &Handshake,
    read: &[u8],
) -> Result<(ServerConnection, TlsSession), Failed> {
    let mut conn = greet(socket, &handshake.acceptor, read).await?;
    while conn.is_handshaking() {
        if conn.wants_write() {
            say(socket, &mut conn).await?;
            continue;
        }
        if conn.read_tls(&mut next(socket).await?.as_slice())? == 0 {
            return Err(Failed);
        }
        if conn.process_new_packets().is_err() {
            // An alert, which the other side need not take.
            let mut alert = Vec::new();
            drain(&mut conn, &mut alert);
            put_in_old_words(&conn, &mut alert, handshake.alert_before_1_3);
            let _ = write_whole(&socket.stream, &alert).await;
            return Err(Failed);
        }
    }
    say(socket, &mut conn).await?;
    let session = session(&conn);
    Ok((conn, session))
}

/// Before TLS 1.3 no alert says that a certificate is required, and Go does not use it there.
fn put_in_old_words(conn: &ServerConnection, alert: &mut [u8], instead: u8) {
    const REQUIRED: [u8; 7] = [21, 3, 3, 0, 2, 2, 116];
    if conn.protocol_version() == Some(ProtocolVersion::TLSv1_2)
        && alert.ends_with(&REQUIRED)
        && let Some(description) = alert.last_mut()
    {
        *description = instead;
    }
}

/// Reads what the client can do, and chooses.
async fn greet(
    socket: &Socket,
    acceptor: &Acceptor,
    read: &[u8],
) -> Result<ServerConnection, Failed> {
    let mut listener = Listener::default();
    let mut bytes = read.to_vec();
    let mut is_tls = None;
    loop {
        if bytes.is_empty() {
            bytes = next(socket).await?;
        }
        // Whoever speaks something else would not know what to make of an alert.
        let is_tls = *is_tls.get_or_insert(bytes.first() == Some(&HANDSHAKE));
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            if listener.read_tls(&mut rest)? == 0 {
                return Err(Failed);
            }
        }
        bytes.clear();
        let (result, mut alert) = match listener.accept() {
            Ok(None) => continue,
            Ok(Some(accepted)) => {
                let config = acceptor.config_for(&accepted.client_hello());
                match accepted.into_connection(config) {
                    Ok(conn) => return Ok(conn),
                    Err((error, alert)) => (error, alert),
                }
            }
            Err((error, alert)) => (error, alert),
        };
        let _ = result;
        if is_tls {
            let mut bytes = Vec::new();
            alert.write_all(&mut bytes)?;
            let _ = write_whole(&socket.stream, &bytes).await;
        }
        return Err(Failed);
    }
}

/// The next bytes of a handshake; an error at the end.
pub(super) async fn next(socket: &Socket) -> Result<Vec<u8>, Failed> {
    let mut bytes = vec![0; READ_SIZE];
    loop {
        socket.stream.readable().await?;
        match socket.stream.try_read(&mut bytes) {
            Ok(0) => return Err(Failed),
            Ok(length) => {
                bytes.truncate(length);
                return Ok(bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Says what TLS has to say.
async fn say(socket: &Socket, conn: &mut ServerConnection) -> io::Result<()> {
    let mut bytes = Vec::new();
    drain(conn, &mut bytes);
    write_whole(&socket.stream, &bytes).await
}

fn session(conn: &ServerConnection) -> TlsSession {
    let suite = conn.negotiated_cipher_suite();
    let certificates = conn.peer_certificates().unwrap_or_default();
    TlsSession {
        version: match conn.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            _ => "1.3",
        },
        suite: suite.map_or_else(String::new, |suite| suites::name_of(suite.suite())),
        certificates: certificates.iter().filter_map(|der| facts(der)).collect(),
        came_first: false,
    }
}
