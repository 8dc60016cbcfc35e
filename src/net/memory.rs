//! A client connection without a socket.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BytesMut;
use nats_mock_protocol::wire::{ClientBatch, ClientDecoder, Progress};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::hub::{Hub, MEMORY_PIPE, Transport};
use crate::core::{AfterOutput, CloseReason, ConnId, Peer, ServerId, Standing};

/// The client's end of a connection in memory. It behaves as a TCP connection would: first comes
/// INFO, and dropping it closes it.
///
/// Reading and writing work on any runtime. What is written is handled before the write returns.
///
/// [`Debug`](fmt::Debug) shows how much waits in it, and nothing of what it is: that may be a password.
pub struct MemoryConnection {
    hub: Arc<Hub>,
    id: ConnId,
    decoder: ClientDecoder,
    limit_changes: u64,
    batch: ClientBatch,
    /// Written by the client and not a complete operation yet.
    unparsed: BytesMut,
    /// Sent by the server and not read yet.
    unread: Vec<u8>,
    read: usize,
    ended: bool,
    /// The server sends nothing more.
    finished: bool,
    was_reset: bool,
    /// What has been sent since the server stands still, as a system would count it.
    backlog: usize,
}

impl fmt::Debug for MemoryConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryConnection")
            .field("id", &self.id)
            .field("unparsed", &self.unparsed.len())
            .field("unread", &(self.unread.len() - self.read))
            .field("ended", &self.ended)
            .field("finished", &self.finished)
            .field("was_reset", &self.was_reset)
            .finish_non_exhaustive()
    }
}

/// What a system counts for every write, besides its bytes.
const COST_OF_WRITE: usize = 256;

/// Where a connection in memory comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub host: &'a str,
    /// The user it is taken for if no credentials follow.
    pub user: Option<&'a str>,
    /// How long it has been there.
    pub uptime: Duration,
    /// It comes to the port for leaf nodes.
    pub at_leaf_port: bool,
}

impl Default for Origin<'_> {
    fn default() -> Self {
        Self {
            host: "127.0.0.1",
            user: None,
            uptime: Duration::ZERO,
            at_leaf_port: false,
        }
    }
}

impl MemoryConnection {
    /// Connects to a server; fails as a refused TCP connection does when the server takes no
    /// connections.
    pub(crate) fn open(hub: &Arc<Hub>, server: ServerId, from: &Origin<'_>) -> io::Result<Self> {
        let peer = Peer {
            host: from.host.into(),
            port: hub.next_memory_port(),
            stand_in: from.user.map(Into::into),
            in_process: true,
            websocket: None,
        };
        let accepted = hub.input(|state, now| {
            let deployment = &mut state.deployment;
            let accepted = if from.at_leaf_port {
                deployment.accept_at_leaf_port(now, server, peer)?
            } else {
                deployment.accept(now, server, peer)?
            };
            state.attach(accepted.conn, Transport::Memory(None));
            state.deployment.backdate(accepted.conn, from.uptime);
            Some(accepted)
        });
        let accepted = accepted.ok_or(io::ErrorKind::ConnectionRefused)?;
        let mut decoder = ClientDecoder::new(accepted.limits);
        decoder.expect_connect(accepted.expect_connect);
        Ok(Self {
            hub: Arc::clone(hub),
            id: accepted.conn,
            decoder,
            limit_changes: 0,
            batch: ClientBatch::new(),
            unparsed: BytesMut::new(),
            unread: Vec::new(),
            read: 0,
            ended: false,
            finished: false,
            was_reset: false,
            backlog: 0,
        })
    }

    /// Sends bytes to the server.
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the connection is closed,
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset) when it has just been reset, and
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when the server stands still and has left as much unread
    /// as a socket takes; nothing is sent then.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.is_full() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.hub.is_unread(self.id) {
            self.backlog += bytes.len() + COST_OF_WRITE;
        }
        self.unparsed.extend_from_slice(bytes);
        if let Some(limits) = self.hub.changed_limits(self.id, &mut self.limit_changes) {
            self.decoder.set_limits(limits);
        }
        loop {
            let progress = self.decoder.decode(&mut self.unparsed, &mut self.batch);
            if !self.batch.is_empty() || self.batch.fault().is_some() {
                let (id, batch) = (self.id, &self.batch);
                let goes_on = progress == Progress::Paused;
                let received = self
                    .hub
                    .input(|state, now| state.deployment.receive(now, id, batch, goes_on));
                if let Some(limits) = received.limits {
                    self.decoder.set_limits(limits);
                }
                if received.reset {
                    self.batch.clear();
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
            self.batch.clear();
            if progress == Progress::Drained {
                return Ok(());
            }
        }
    }

    /// Whether nothing more can be sent before the server reads.
    fn is_full(&mut self) -> bool {
        if self.backlog > 0 && !self.hub.is_unread(self.id) {
            self.backlog = 0;
        }
        self.backlog >= MEMORY_PIPE
    }

    /// What the server has sent since the last call: empty when it has sent nothing, `None` when
    /// it has closed the connection or its sending side, or the connection is [reset](Self::was_reset).
    pub fn take_received(&mut self) -> Option<Vec<u8>> {
        self.take(None)
    }

    /// As [`take_received`](Self::take_received); remembers the waker when there is nothing.
    pub(crate) fn take(&mut self, waker: Option<&Waker>) -> Option<Vec<u8>> {
        self.fetch(waker);
        if self.unread.is_empty() {
            return (!self.ended && !self.finished).then(Vec::new);
        }
        let mut unread = std::mem::take(&mut self.unread);
        unread.drain(..std::mem::take(&mut self.read));
        Some(unread)
    }

    /// Moves output of the server here; remembers the waker when there is none.
    fn fetch(&mut self, waker: Option<&Waker>) {
        if self.ended || self.finished || self.read < self.unread.len() {
            return;
        }
        self.unread.clear();
        self.read = 0;
        let id = self.id;
        let buffer = std::mem::take(&mut self.unread);
        let (bytes, after) = self.hub.input(|state, now| {
            let (bytes, after) = state.deployment.take_output(id, |_| buffer);
            state.deployment.wrote(now, id, bytes.len());
            match after {
                AfterOutput::KeepOpen => {
                    if let Some(waker) = waker.filter(|_| bytes.is_empty()) {
                        state.wait_for_output(id, waker);
                    }
                }
                AfterOutput::Finish => {}
                _ => state.release(id),
            }
            (bytes, after)
        });
        self.unread = bytes;
        self.finished = after == AfterOutput::Finish;
        self.was_reset = after == AfterOutput::Reset;
        self.ended = !matches!(after, AfterOutput::KeepOpen | AfterOutput::Finish);
    }

    /// Whether the connection was [reset](crate::connection::Connection::reset), as far as the client has
    /// read.
    pub fn was_reset(&self) -> bool {
        self.was_reset
    }

    /// Closes the connection as a client does that goes away, or as one that breaks.
    pub(crate) fn close(&mut self, reset: bool) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let id = self.id;
        let reason = if reset {
            CloseReason::ReadError
        } else {
            CloseReason::ClientClosed
        };
        self.hub.input(|state, now| {
            state.deployment.peer_closed(now, id, reason);
            state.release(id);
        });
    }

    /// Leaves the connection to the deployment, where it goes on as a simulated one. `None` when it has
    /// been closed.
    pub(crate) fn detach(mut self, standing: &Standing) -> Option<ConnId> {
        let id = self.id;
        let detached = !self.ended
            && self.hub.input(|state, now| {
                let detached = state.deployment.detach(now, id, standing);
                if detached {
                    state.forget(id);
                }
                detached
            });
        self.ended |= detached;
        detached.then_some(id)
    }

    /// Ends the client's sending side: the server closes the connection, and what it has sent until
    /// then can still be received.
    pub fn finish(&mut self) {
        if !self.ended {
            let id = self.id;
            self.hub.input(|state, now| {
                state
                    .deployment
                    .peer_closed(now, id, CloseReason::ClientClosed);
            });
        }
    }

    /// Breaks the connection as a TCP reset does.
    pub fn reset(mut self) {
        self.close(true);
    }
}

impl Drop for MemoryConnection {
    fn drop(&mut self) {
        self.close(false);
    }
}

impl AsyncRead for MemoryConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.fetch(Some(context.waker()));
        let available = &self.unread[self.read..];
        if available.is_empty() {
            return if self.was_reset {
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            } else if self.ended || self.finished {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            };
        }
        let len = available.len().min(into.remaining());
        into.put_slice(&available[..len]);
        self.read += len;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MemoryConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_full() {
            ready!(self.hub.poll_read_by_server(self.id, context.waker()));
        }
        Poll::Ready(self.send(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}
