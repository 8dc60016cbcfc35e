//! A client connection over TCP.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use nats_mock_protocol::wire::{ClientBatch, ClientDecoder, Progress};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::door::{Door, Way};
use super::hub::{Exchange, Hub, Transport, locked};
use super::outgoing::{Blocked, break_off, linger, say, write_all};
use super::tls::{self, Secure};
use super::websocket::Frames;
use crate::core::{Accepted, CloseReason, ConnId, Peer};
use crate::services::Deployment;

/// How much is read at once: as much as stays in the processor's cache until it is parsed.
const READ_SIZE: usize = 64 * 1024;
/// How long a publisher pauses when a receiver is far behind.
const STALL: Duration = Duration::from_millis(5);
/// A TCP connection, written to by the I/O thread only.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(super) stream: TcpStream,
    pub(super) secure: Secure,
    /// What makes frames of the bytes, if the client has come over WebSocket.
    pub(super) frames: Option<Frames>,
    pub(super) blocked: Mutex<Blocked>,
    pub(super) reader: OnceLock<AbortHandle>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Failing to switch Nagle's algorithm off costs latency only.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            secure: Secure::default(),
            frames: None,
            blocked: Mutex::default(),
            reader: OnceLock::new(),
        }
    }
}

/// What the connections of one I/O thread share: memory for whoever reads or writes right now.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    input: BytesMut,
    batch: ClientBatch,
    exchange: Exchange,
}

/// Serves connections to a server until its door is closed.
pub(crate) async fn listen(hub: Arc<Hub>, scratch: Arc<Mutex<Scratch>>, door: Arc<Door>) {
    while let Some(accepted) = poll_fn(|context| door.poll_accept(context)).await {
        match accepted {
            Ok((stream, peer)) => {
                let peer = Peer {
                    host: peer.ip().to_canonical().to_string().into(),
                    port: peer.port(),
                    stand_in: door.stand_in.clone(),
                    in_process: false,
                    websocket: None,
                };
                let server = door.server;
                let socket = Socket::new(stream);
                match door.way {
                    Way::Plain => serve(&hub, &scratch, socket, |deployment, now| {
                        deployment.accept(now, server, peer)
                    }),
                    #[cfg(feature = "websocket")]
                    Way::Websocket => {
                        let (hub, scratch) = (Arc::clone(&hub), Arc::clone(&scratch));
                        let door = Arc::clone(&door);
                        tokio::spawn(super::websocket::receive(hub, scratch, socket, peer, door));
                    }
                }
            }
            // Out of descriptors, most likely: others may be closed meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Serves a client, if it is taken.
pub(super) fn serve(
    hub: &Arc<Hub>,
    scratch: &Arc<Mutex<Scratch>>,
    socket: Socket,
    accept: impl FnOnce(&mut Deployment, crate::core::Time) -> Option<Accepted>,
) {
    let socket = Arc::new(socket);
    let accepted = with_flushes(hub, scratch, |state, now| {
        let accepted = accept(&mut state.deployment, now)?;
        state.attach(accepted.conn, Transport::Socket(Arc::clone(&socket)));
        Some(accepted)
    });
    if let Some(accepted) = accepted {
        let task = read_loop(
            Arc::clone(hub),
            Arc::clone(scratch),
            Arc::clone(&socket),
            accepted,
        );
        let handle = tokio::spawn(task).abort_handle();
        if locked(&socket.blocked).close {
            handle.abort();
        }
        let _ = socket.reader.set(handle);
    } else {
        break_off(&socket.stream);
    }
}

/// Gives the deployment an input, and writes what it leads to.
pub(super) fn with_flushes<T>(
    hub: &Arc<Hub>,
    scratch: &Mutex<Scratch>,
    act: impl FnOnce(&mut super::hub::State, crate::core::Time) -> T,
) -> T {
    let exchange = &mut locked(scratch).exchange;
    let result = hub.io_input(exchange, act);
    write_all(hub, exchange);
    result
}

/// Writes what other threads have left for the sockets, whenever there is some.
pub(crate) async fn flush_for_others(hub: Arc<Hub>, scratch: Arc<Mutex<Scratch>>) {
    loop {
        hub.io_work.notified().await;
        flush_once(&hub, &scratch);
    }
}

pub(crate) fn flush_once(hub: &Arc<Hub>, scratch: &Mutex<Scratch>) {
    with_flushes(hub, scratch, |_, _| ());
}

/// Fires the deployment's timers as they fall due.
pub(crate) async fn run_timers(hub: Arc<Hub>, scratch: Arc<Mutex<Scratch>>) {
    loop {
        let next = {
            let exchange = &mut locked(&scratch).exchange;
            let next = hub.fire_timers(exchange);
            write_all(&hub, exchange);
            next
        };
        let moved = hub.deadline_moved.notified();
        match next.and_then(|next| hub.clock.instant_of(next)) {
            Some(at) => {
                let _ = tokio::time::timeout_at(at.into(), moved).await;
            }
            None => moved.await,
        }
    }
}

async fn read_loop(
    hub: Arc<Hub>,
    scratch: Arc<Mutex<Scratch>>,
    socket: Arc<Socket>,
    accepted: Accepted,
) {
    let id = accepted.conn;
    let mut decoder = ClientDecoder::new(accepted.limits);
    decoder.expect_connect(accepted.expect_connect);
    let mut reader = Reader {
        decoder,
        rest: BytesMut::new(),
        limit_changes: 0,
    };
    let mut begun = None;
    if accepted.may_be_secure {
        match tls::begin(&hub, &scratch, &socket, id).await {
            Ok(read) => begun = Some(read),
            Err(reason) => {
                close(&hub, &scratch, &socket, id, reason);
                return;
            }
        }
    }
    loop {
        // Something has been read already.
        if begun.is_none() && socket.stream.readable().await.is_err() {
            break;
        }
        // What nobody reads stays with the system, which lets the other side send no more than so much.
        poll_fn(|context| hub.poll_read_by_server(id, context.waker())).await;
        match read_once(&hub, &scratch, &socket, id, &mut reader, begun.take()) {
            Next::Continue => {}
            Next::Yield => tokio::task::yield_now().await,
            Next::Pause => tokio::time::sleep(STALL).await,
            Next::End(reason) => {
                close(&hub, &scratch, &socket, id, reason);
                return;
            }
        }
    }
    close(&hub, &scratch, &socket, id, CloseReason::ReadError);
}

/// What one connection's reading goes on from.
struct Reader {
    decoder: ClientDecoder,
    /// Holds incomplete operations only, so that an idle connection holds no memory.
    rest: BytesMut,
    limit_changes: u64,
}

enum Next {
    Continue,
    Yield,
    Pause,
    End(CloseReason),
}

fn read_once(
    hub: &Arc<Hub>,
    scratch: &Mutex<Scratch>,
    socket: &Arc<Socket>,
    id: ConnId,
    reader: &mut Reader,
    begun: Option<Vec<u8>>,
) -> Next {
    let Reader {
        decoder,
        rest,
        limit_changes,
    } = reader;
    if let Some(limits) = hub.changed_limits(id, limit_changes) {
        decoder.set_limits(limits);
    }
    let mut scratch = locked(scratch);
    let Scratch {
        input,
        batch,
        exchange,
    } = &mut *scratch;
    // Memory of its own is for operations that do not fit into what all connections share.
    let shares = rest.len() + decoder.needed() <= READ_SIZE;
    let buffer = if shares {
        input.extend_from_slice(rest);
        rest.clear();
        input.reserve(READ_SIZE);
        &mut *input
    } else {
        rest.reserve(decoder.needed());
        &mut *rest
    };
    let room = buffer.capacity() - buffer.len();
    let read = read_into(socket, buffer, begun.unwrap_or_default());
    if socket.secure.wants_to_say() {
        say(hub, socket, id, Vec::new());
    }
    let read = match read {
        Ok(read) => read,
        Err(error) => {
            if shares {
                keep(input, rest);
            }
            return match error.kind() {
                io::ErrorKind::WouldBlock => Next::Continue,
                _ => Next::End(CloseReason::ReadError),
            };
        }
    };
    if !read.answers.is_empty() {
        say(hub, socket, id, read.answers);
    }
    let mut stall = false;
    loop {
        let progress = decoder.decode(buffer, batch);
        if !batch.is_empty() || batch.fault().is_some() {
            let goes_on = progress == Progress::Paused;
            let received = hub.io_input(exchange, |state, now| {
                state.deployment.receive(now, id, batch, goes_on)
            });
            stall |= received.stall;
            if let Some(limits) = received.limits {
                decoder.set_limits(limits);
            }
            write_all(hub, exchange);
        }
        batch.clear();
        if progress == Progress::Drained {
            break;
        }
    }
    if shares {
        keep(input, rest);
    } else if rest.is_empty() {
        *rest = BytesMut::new();
    }
    if !read.goodbye.is_empty() {
        say(hub, socket, id, read.goodbye);
    }
    if let Some(reason) = read.end {
        Next::End(reason)
    } else if stall {
        Next::Pause
    } else if read.len == room {
        Next::Yield
    } else {
        Next::Continue
    }
}

/// What came of reading once.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// So much came.
    pub len: usize,
    /// To be sent past the core: before what comes of it, and after it.
    pub answers: Vec<u8>,
    pub goodbye: Vec<u8>,
    /// Nothing more is read, for this reason.
    pub end: Option<CloseReason>,
}

/// Reads once, to the end of `buffer`, unless something has been read already.
fn read_into(socket: &Socket, buffer: &mut BytesMut, begun: Vec<u8>) -> io::Result<Read> {
    if let Some(frames) = &socket.frames {
        return frames.read(socket, buffer);
    }
    let len = if begun.is_empty() {
        socket.secure.read(&socket.stream, buffer)?
    } else {
        buffer.extend_from_slice(&begun);
        begun.len()
    };
    Ok(Read {
        len,
        end: (len == 0).then_some(CloseReason::ClientClosed),
        ..Read::default()
    })
}

/// Moves what is incomplete out of the shared memory. A connection without any keeps no memory.
fn keep(input: &mut BytesMut, rest: &mut BytesMut) {
    if input.is_empty() {
        *rest = BytesMut::new();
    } else {
        rest.extend_from_slice(input);
        input.clear();
    }
}

fn close(
    hub: &Arc<Hub>,
    scratch: &Mutex<Scratch>,
    socket: &Arc<Socket>,
    id: ConnId,
    reason: CloseReason,
) {
    with_flushes(hub, scratch, |state, now| {
        state.deployment.peer_closed(now, id, reason);
        state.release(id);
    });
    let mut blocked = locked(&socket.blocked);
    blocked.close = true;
    if blocked.drainer.is_some() {
        tokio::spawn(linger(Arc::clone(hub), Arc::clone(socket), id));
    }
}
