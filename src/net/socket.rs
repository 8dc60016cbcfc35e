//! A client connection over TCP.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use nats_mock_protocol::wire::{ClientBatch, ClientDecoder, Progress};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::door::Door;
use super::hub::{Exchange, Flush, Hub, Transport, locked};
use super::tls::{self, Secure};
use crate::core::{Accepted, AfterOutput, CloseReason, ConnId, Peer, ServerId};

/// How much is read at once: as much as stays in the processor's cache until it is parsed.
const READ_SIZE: usize = 64 * 1024;
/// How long a publisher pauses when a receiver is far behind.
const STALL: Duration = Duration::from_millis(5);
/// How long a peer may take to read the last bytes of a connection that is being closed.
const LINGER: Duration = Duration::from_secs(10);
/// Buffers kept for the next output, and the largest that is kept.
const SPARE_BUFFERS: usize = 128;
const SPARE_CAPACITY: usize = 1024 * 1024;

/// A TCP connection, written to by the I/O thread only.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(super) stream: TcpStream,
    pub(super) secure: Secure,
    blocked: Mutex<Blocked>,
    reader: OnceLock<AbortHandle>,
}

/// What a socket would not take yet.
#[derive(Debug, Default)]
struct Blocked {
    chunks: VecDeque<Chunk>,
    /// How much of the first chunk is written.
    written: usize,
    /// Waits for the socket to take more.
    drainer: Option<AbortHandle>,
    /// When all is written, the sending side is to be ended.
    finish: bool,
    close: bool,
}

/// Bytes on their way, and how many of them are more than what the core has given.
#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    overhead: usize,
}

impl Chunk {
    /// How much of what the core has given counts as written when so many bytes are.
    fn counted(&self, written: usize) -> usize {
        written.saturating_sub(self.overhead)
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
                greet(&hub, &scratch, stream, peer, door.server);
            }
            // Out of descriptors, most likely: others may be closed meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

fn greet(
    hub: &Arc<Hub>,
    scratch: &Arc<Mutex<Scratch>>,
    stream: TcpStream,
    peer: Peer,
    server: ServerId,
) {
    // Failing to switch Nagle's algorithm off costs latency only.
    let _ = stream.set_nodelay(true);
    let socket = Arc::new(Socket {
        stream,
        secure: Secure::default(),
        blocked: Mutex::default(),
        reader: OnceLock::new(),
    });
    let accepted = with_flushes(hub, scratch, |state, now| {
        let accepted = state.deployment.accept(now, server, peer)?;
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
    let begun = begun.unwrap_or_default();
    let read = if begun.is_empty() {
        socket.secure.read(&socket.stream, buffer)
    } else {
        buffer.extend_from_slice(&begun);
        Ok(begun.len())
    };
    if socket.secure.wants_to_say() {
        say(hub, socket, id, exchange);
    }
    let read = match read {
        Ok(0) => Err(Next::End(CloseReason::ClientClosed)),
        Ok(read) => Ok(read),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Next::Continue),
        Err(_) => Err(Next::End(CloseReason::ReadError)),
    };
    let read = match read {
        Ok(read) => read,
        Err(next) => {
            if shares {
                keep(input, rest);
            }
            return next;
        }
    };
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
    if stall {
        Next::Pause
    } else if read == room {
        Next::Yield
    } else {
        Next::Continue
    }
}

/// Says what TLS itself has to say.
fn say(hub: &Arc<Hub>, socket: &Arc<Socket>, id: ConnId, exchange: &mut Exchange) {
    exchange.flushes.push(Flush {
        socket: Arc::clone(socket),
        id,
        bytes: Vec::new(),
        after: AfterOutput::KeepOpen,
    });
    write_all(hub, exchange);
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

/// Writes as much as the sockets take.
fn write_all(hub: &Arc<Hub>, exchange: &mut Exchange) {
    while !exchange.flushes.is_empty() {
        for flush in std::mem::take(&mut exchange.flushes) {
            let id = flush.id;
            let (len, emptied) = write(hub, flush);
            if len > 0 {
                exchange.wrote.push((id, len));
            }
            if let Some(buffer) = emptied
                && exchange.spare.len() < SPARE_BUFFERS
                && buffer.capacity() <= SPARE_CAPACITY
            {
                exchange.spare.push(buffer);
            }
        }
        // The core must not take for waiting what is written.
        if !exchange.wrote.is_empty() {
            hub.io_input(exchange, |_, _| ());
        }
    }
}

/// Writes one connection's output. Tells how much was written, and gives the buffer back if it is
/// done with.
fn write(hub: &Arc<Hub>, flush: Flush) -> (usize, Option<Vec<u8>>) {
    let Flush {
        socket,
        id,
        bytes,
        after,
    } = flush;
    socket.secure.look_again();
    let mut blocked = locked(&socket.blocked);
    blocked.finish |= after == AfterOutput::Finish;
    blocked.close |= !matches!(after, AfterOutput::KeepOpen | AfterOutput::Finish);
    if after == AfterOutput::Reset {
        if blocked.drainer.is_none() {
            // What the system does not take at once is lost.
            let sealed = socket.secure.seal(&bytes, false);
            let _ = socket.stream.try_write(sealed.as_ref().unwrap_or(&bytes));
        }
        drop(blocked);
        break_off(&socket.stream);
        end(hub, &socket, id);
        return (0, None);
    }
    if matches!(after, AfterOutput::Abort | AfterOutput::Unblock) {
        blocked.chunks.clear();
        blocked.written = 0;
        let waits = after == AfterOutput::Unblock && blocked.drainer.is_some();
        drop(blocked);
        if waits {
            tokio::spawn(linger(Arc::clone(hub), socket, id));
        } else {
            end(hub, &socket, id);
        }
        return (0, None);
    }
    let ends = blocked.close || blocked.finish;
    let (chunk, spare) = match socket.secure.seal(&bytes, ends) {
        None => (Chunk { bytes, overhead: 0 }, None),
        Some(sealed) => {
            let overhead = sealed.len().saturating_sub(bytes.len());
            let sealed = Chunk {
                bytes: sealed,
                overhead,
            };
            (sealed, Some(bytes))
        }
    };
    if blocked.drainer.is_some() {
        blocked.chunks.push_back(chunk);
        if blocked.close {
            tokio::spawn(linger(Arc::clone(hub), Arc::clone(&socket), id));
        }
        return (0, None);
    }
    let mut written = 0;
    while written < chunk.bytes.len() {
        match socket.stream.try_write(&chunk.bytes[written..]) {
            Ok(len) => written += len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let counted = chunk.counted(written);
                blocked.chunks.push_back(chunk);
                blocked.written = written;
                let drain = drain(Arc::clone(hub), Arc::clone(&socket), id);
                blocked.drainer = Some(tokio::spawn(drain).abort_handle());
                if blocked.close {
                    tokio::spawn(linger(Arc::clone(hub), Arc::clone(&socket), id));
                }
                drop(blocked);
                hub.input(|state, now| state.deployment.write_blocked(now, id));
                return (counted, None);
            }
            Err(_) => {
                drop(blocked);
                fail(hub, &socket, id);
                return (chunk.counted(written), None);
            }
        }
    }
    let written = chunk.counted(written);
    let (close, finish) = (blocked.close, blocked.finish);
    drop(blocked);
    if close {
        end(hub, &socket, id);
    } else if finish {
        finish_sending(&socket.stream);
    }
    let mut emptied = spare.unwrap_or(chunk.bytes);
    emptied.clear();
    (written, Some(emptied))
}

/// Has the other side find the connection reset as soon as it is closed.
fn break_off(stream: &TcpStream) {
    // A connection that is broken already cannot be told.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Has the other side read to the end of what it was sent.
fn finish_sending(stream: &TcpStream) {
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
}

/// The connection is over: drops what holds the socket open.
fn end(hub: &Hub, socket: &Socket, id: ConnId) {
    let drainer = {
        let mut blocked = locked(&socket.blocked);
        blocked.close = true;
        blocked.drainer.take()
    };
    if let Some(drainer) = drainer {
        drainer.abort();
    }
    hub.input(|state, _| state.release(id));
    if let Some(reader) = socket.reader.get() {
        reader.abort();
    }
}

/// Gives the last bytes of a closing connection a while to be taken.
async fn linger(hub: Arc<Hub>, socket: Arc<Socket>, id: ConnId) {
    tokio::time::sleep(LINGER).await;
    end(&hub, &socket, id);
}

/// The other side does not read any more.
fn fail(hub: &Hub, socket: &Socket, id: ConnId) {
    hub.input(|state, now| {
        state
            .deployment
            .peer_closed(now, id, CloseReason::WriteError);
    });
    end(hub, socket, id);
}

/// Waits for a socket to take more, until it has taken everything.
async fn drain(hub: Arc<Hub>, socket: Arc<Socket>, id: ConnId) {
    loop {
        let writable = socket.stream.writable().await.is_ok();
        let (written, state) = if writable {
            socket.write_blocked()
        } else {
            (0, Drain::Failed)
        };
        if written > 0 {
            hub.input(|state, now| state.deployment.wrote(now, id, written));
        }
        match state {
            Drain::Blocked => {}
            Drain::Done => return,
            Drain::Close => return end(&hub, &socket, id),
            Drain::Failed => return fail(&hub, &socket, id),
        }
    }
}

enum Drain {
    Blocked,
    Done,
    Close,
    Failed,
}

impl Socket {
    fn write_blocked(&self) -> (usize, Drain) {
        let mut blocked = locked(&self.blocked);
        let mut total = 0;
        loop {
            let start = blocked.written;
            let Some(chunk) = blocked.chunks.front() else {
                blocked.drainer = None;
                if blocked.finish {
                    finish_sending(&self.stream);
                }
                let state = if blocked.close {
                    Drain::Close
                } else {
                    Drain::Done
                };
                return (total, state);
            };
            match self.stream.try_write(&chunk.bytes[start..]) {
                Ok(len) => {
                    total += chunk.counted(start + len) - chunk.counted(start);
                    if start + len == chunk.bytes.len() {
                        blocked.chunks.pop_front();
                        blocked.written = 0;
                    } else {
                        blocked.written = start + len;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return (total, Drain::Blocked);
                }
                Err(_) => return (total, Drain::Failed),
            }
        }
    }
}
