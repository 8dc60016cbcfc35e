//! A bound address, at which a server accepts connections until it takes no more.

#[cfg(feature = "websocket")]
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
#[cfg(feature = "websocket")]
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::net::{TcpListener, TcpStream};

use super::hub::locked;
use crate::core::ServerId;

/// What clients speak at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The client protocol.
    Plain,
    /// The client protocol in frames of WebSocket.
    #[cfg(feature = "websocket")]
    Websocket,
}

/// Shared by the task that accepts, and by the hub, which closes it before anybody is told that the
/// server takes no more connections: who hears of it must not be let in any more.
#[derive(Debug)]
pub(crate) struct Door {
    pub server: ServerId,
    /// Whoever comes without credentials is taken for this user.
    pub stand_in: Option<Box<str>>,
    pub way: Way,
    state: Mutex<State>,
    #[cfg(feature = "websocket")]
    closed: tokio::sync::Notify,
}

#[derive(Debug)]
struct State {
    socket: Option<TcpListener>,
    accepting: Option<Waker>,
}

impl Door {
    pub fn new(
        socket: TcpListener,
        server: ServerId,
        stand_in: Option<Box<str>>,
        way: Way,
    ) -> Arc<Self> {
        let state = State {
            socket: Some(socket),
            accepting: None,
        };
        Arc::new(Self {
            server,
            stand_in,
            way,
            state: Mutex::new(state),
            #[cfg(feature = "websocket")]
            closed: tokio::sync::Notify::new(),
        })
    }

    /// Closes the socket at once. Whoever waits for a connection is to be woken, to hear of it.
    pub fn close(&self) -> Option<Waker> {
        let mut state = locked(&self.state);
        state.socket = None;
        #[cfg(feature = "websocket")]
        self.closed.notify_waiters();
        state.accepting.take()
    }

    #[cfg(feature = "websocket")]
    fn is_open(&self) -> bool {
        locked(&self.state).socket.is_some()
    }

    /// What comes of `future`; nothing as soon as the door is closed.
    #[cfg(feature = "websocket")]
    pub async fn while_open<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut closed = pin!(self.closed.notified());
        let mut future = pin!(future);
        // From here on its closing is noticed.
        closed.as_mut().enable();
        if !self.is_open() {
            return None;
        }
        poll_fn(|context| {
            if let Poll::Ready(result) = future.as_mut().poll(context) {
                return Poll::Ready(Some(result));
            }
            closed.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// The next connection; `None` once it is closed.
    pub fn poll_accept(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<(TcpStream, SocketAddr)>>> {
        let mut state = locked(&self.state);
        let Some(socket) = &state.socket else {
            return Poll::Ready(None);
        };
        let accepted = socket.poll_accept(context).map(Some);
        if accepted.is_pending() {
            state.accepting = Some(context.waker().clone());
        }
        accepted
    }
}
