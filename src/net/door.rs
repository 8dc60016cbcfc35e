//! A bound address, at which a server accepts connections until it takes no more.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::net::{TcpListener, TcpStream};

use super::hub::locked;
use crate::core::ServerId;

/// Shared by the task that accepts, and by the hub, which closes it before anybody is told that the
/// server takes no more connections: who hears of it must not be let in any more.
#[derive(Debug)]
pub(crate) struct Door {
    pub server: ServerId,
    /// Whoever comes without credentials is taken for this user.
    pub stand_in: Option<Box<str>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    socket: Option<TcpListener>,
    accepting: Option<Waker>,
}

impl Door {
    pub fn new(socket: TcpListener, server: ServerId, stand_in: Option<Box<str>>) -> Arc<Self> {
        let state = State {
            socket: Some(socket),
            accepting: None,
        };
        Arc::new(Self {
            server,
            stand_in,
            state: Mutex::new(state),
        })
    }

    /// Closes the socket at once. Whoever waits for a connection is to be woken, to hear of it.
    pub fn close(&self) -> Option<Waker> {
        let mut state = locked(&self.state);
        state.socket = None;
        state.accepting.take()
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
