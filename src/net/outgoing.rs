//! What goes out to a socket: at once as far as the system takes it, and the rest later.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::hub::{Exchange, Flush, Hub, locked};
use super::socket::Socket;
use crate::core::{AfterOutput, CloseReason, ConnId};

/// How long a peer may take to read the last bytes of a connection that is being closed.
const LINGER: Duration = Duration::from_secs(10);
/// Buffers kept for the next output, and the largest that is kept.
const SPARE_BUFFERS: usize = 128;
const SPARE_CAPACITY: usize = 1024 * 1024;

/// What a socket would not take yet.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    chunks: VecDeque<Chunk>,
    /// How much of the first chunk is written.
    written: usize,
    /// Waits for the socket to take more.
    pub drainer: Option<AbortHandle>,
    /// When all is written, the sending side is to be ended.
    finish: bool,
    pub close: bool,
}

/// Bytes on their way.
#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    /// How many bytes of what the core has given these are.
    said: usize,
}

impl Chunk {
    /// How much of what the core has given counts as written when so many bytes are.
    fn counted(&self, written: usize) -> usize {
        let left = self.bytes.len() - written;
        if left == 0 {
            return self.said;
        }
        // Frames may be shorter than what they hold.
        let overhead = self.bytes.len().saturating_sub(self.said);
        written.saturating_sub(overhead).min(self.said)
    }
}

impl Socket {
    /// What goes over the wire for what the core has given, and, if it is another, the buffer of that.
    /// `ends` tells that nothing more follows.
    fn chunk(
        &self,
        bytes: Vec<u8>,
        end: Option<CloseReason>,
        ends: bool,
    ) -> (Chunk, Option<Vec<u8>>) {
        let said = bytes.len();
        let framed = self.frames.as_ref().map(|it| it.frame(&bytes, end));
        let sealed = self.secure.seal(framed.as_ref().unwrap_or(&bytes), ends);
        match sealed.or(framed) {
            Some(sent) => (Chunk { bytes: sent, said }, Some(bytes)),
            None => (Chunk { bytes, said }, None),
        }
    }
}

/// Says what is no output of the core.
pub(super) fn say(hub: &Arc<Hub>, socket: &Arc<Socket>, id: ConnId, bytes: Vec<u8>) {
    let blocked = locked(&socket.blocked);
    let ends = blocked.close || blocked.finish;
    let sealed = socket.secure.seal(&bytes, ends);
    let chunk = Chunk {
        bytes: sealed.unwrap_or(bytes),
        said: 0,
    };
    send(hub, socket, id, blocked, chunk);
}

/// Writes as much as the sockets take.
pub(super) fn write_all(hub: &Arc<Hub>, exchange: &mut Exchange) {
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
        end: reason,
    } = flush;
    socket.secure.look_again();
    let mut blocked = locked(&socket.blocked);
    blocked.finish |= after == AfterOutput::Finish;
    blocked.close |= !matches!(after, AfterOutput::KeepOpen | AfterOutput::Finish);
    if after == AfterOutput::Reset {
        if blocked.drainer.is_none() {
            // What the system does not take at once is lost.
            let (chunk, _) = socket.chunk(bytes, None, false);
            let _ = socket.stream.try_write(&chunk.bytes);
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
    let (chunk, spare) = socket.chunk(bytes, reason, ends);
    let (said, sent) = send(hub, &socket, id, blocked, chunk);
    let emptied = sent.map(|sent| spare.unwrap_or(sent));
    let emptied = emptied.map(|mut buffer| {
        buffer.clear();
        buffer
    });
    (said, emptied)
}

/// Sends as much as the system takes, and the rest later. Tells how much of what the core has given was
/// written, and gives the buffer back if it is done with.
fn send(
    hub: &Arc<Hub>,
    socket: &Arc<Socket>,
    id: ConnId,
    mut blocked: MutexGuard<'_, Blocked>,
    chunk: Chunk,
) -> (usize, Option<Vec<u8>>) {
    if blocked.drainer.is_some() {
        blocked.chunks.push_back(chunk);
        if blocked.close {
            tokio::spawn(linger(Arc::clone(hub), Arc::clone(socket), id));
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
                let drain = drain(Arc::clone(hub), Arc::clone(socket), id);
                blocked.drainer = Some(tokio::spawn(drain).abort_handle());
                if blocked.close {
                    tokio::spawn(linger(Arc::clone(hub), Arc::clone(socket), id));
                }
                drop(blocked);
                hub.input(|state, now| state.deployment.write_blocked(now, id));
                return (counted, None);
            }
            Err(_) => {
                drop(blocked);
                fail(hub, socket, id);
                return (chunk.counted(written), None);
            }
        }
    }
    let (close, finish) = (blocked.close, blocked.finish);
    drop(blocked);
    if close {
        end(hub, socket, id);
    } else if finish {
        finish_sending(&socket.stream);
    }
    (chunk.said, Some(chunk.bytes))
}

/// Writes all of it, before the core has a say in what is written.
#[cfg(any(feature = "tls", feature = "websocket"))]
pub(super) async fn write_whole(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Has the other side find the connection reset as soon as it is closed.
pub(super) fn break_off(stream: &TcpStream) {
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
pub(super) async fn linger(hub: Arc<Hub>, socket: Arc<Socket>, id: ConnId) {
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
