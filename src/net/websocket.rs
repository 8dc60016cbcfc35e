//! Clients over WebSocket: the request that they begin with, and the bytes of their frames.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use nats_mock_protocol::http::{Request, RequestReader};

use super::door::Door;
use super::hub::{Hub, locked};
use super::outgoing::write_whole;
use super::socket::{Read, Scratch, Socket, serve};
#[cfg(feature = "tls")]
use super::tls::Handshake;
use crate::core::{CloseReason, Peer, ServerId, TlsSession, Upgraded};
use crate::topology::ServerSpec;
use crate::version::Feature;
use crate::websocket::{Admission, Admitted, Ended, Session, Visit, answer, refuse};

const READ_SIZE: usize = 16 * 1024;

/// What a socket has more than others if frames go through it.
pub(super) struct Frames {
    session: Mutex<Session>,
    /// What came and makes no whole frame yet.
    input: Mutex<BytesMut>,
}

impl std::fmt::Debug for Frames {
    /// What came may be a CONNECT with its secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frames").finish_non_exhaustive()
    }
}

impl Frames {
    fn new(session: Session) -> Self {
        Self {
            session: Mutex::new(session),
            input: Mutex::default(),
        }
    }

    /// Reads once, and moves what the client says to the end of `data`.
    pub fn read(&self, socket: &Socket, data: &mut BytesMut) -> io::Result<Read> {
        let mut input = locked(&self.input);
        input.reserve(READ_SIZE);
        let read = socket.secure.read(&socket.stream, &mut input);
        if read.is_err() && input.is_empty() {
            // Who says nothing needs no room.
            *input = BytesMut::new();
        }
        let end_of_stream = read? == 0;
        let before = data.len();
        let mut answers = BytesMut::new();
        let received = locked(&self.session).receive(&mut input, data, &mut answers);
        let (end, goodbye) = match received {
            Ok(()) => (
                end_of_stream.then_some(CloseReason::ClientClosed),
                Vec::new(),
            ),
            Err(Ended { is_broken, goodbye }) => {
                let reason = match is_broken {
                    true => CloseReason::ReadError,
                    false => CloseReason::ClientClosed,
                };
                (Some(reason), goodbye.into())
            }
        };
        if input.is_empty() {
            // An idle connection holds no memory.
            *input = BytesMut::new();
        }
        Ok(Read {
            len: data.len() - before,
            answers: answers.into(),
            goodbye,
            end,
        })
    }

    /// The frames of `bytes`, and of the end if there is a reason for it.
    pub fn frame(&self, bytes: &[u8], end: Option<CloseReason>) -> Vec<u8> {
        let mut framed = BytesMut::new();
        let mut session = locked(&self.session);
        session.send(bytes, &mut framed);
        if let Some(reason) = end {
            session.end(reason, &mut framed);
        }
        framed.into()
    }
}

/// Receives whoever has connected, and serves it if it is let in.
pub(super) async fn receive(
    hub: Arc<Hub>,
    scratch: Arc<Mutex<Scratch>>,
    socket: Socket,
    peer: Peer,
    door: Arc<Door>,
) {
    let server = door.server;
    let mut visitor = Visitor { socket, tls: None };
    let entered = door.while_open(visitor.enter(&hub, server)).await;
    let Some((admitted, spec)) = entered.flatten() else {
        return;
    };
    let Visitor { mut socket, tls } = visitor;
    let max_payload = spec.limits.max_payload as usize;
    let is_lenient = !spec.version.profile().has(Feature::StrictFrames);
    socket.frames = Some(Frames::new(Session::new(
        admitted.terms,
        max_payload,
        is_lenient,
    )));
    let peer = Peer {
        websocket: Some(Box::new(Upgraded {
            cookies: admitted.cookies,
            tls,
        })),
        ..peer
    };
    serve(&hub, &scratch, socket, |deployment, now| {
        if admitted.is_leaf {
            deployment.accept_at_leaf_port(now, server, peer)
        } else {
            deployment.accept(now, server, peer)
        }
    });
}

async fn within<T>(limit: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
    match limit {
        None => Some(future.await),
        Some(limit) => tokio::time::timeout(limit, future).await.ok(),
    }
}

/// Somebody who is not let in yet.
struct Visitor {
    socket: Socket,
    tls: Option<TlsSession>,
}

impl Visitor {
    /// Answers requests until the client is let in; nothing if it is not.
    async fn enter(&mut self, hub: &Hub, server: ServerId) -> Option<(Admitted, Arc<ServerSpec>)> {
        let timeout = hub.look(|deployment| {
            let spec = &deployment.core().server(server).spec;
            Some(spec.websocket.as_ref()?.handshake_timeout)
        })?;
        let mut reader = RequestReader::default();
        within(timeout, self.begin(hub, server)).await??;
        loop {
            let next = self.next_request(hub, server, &mut reader);
            let request = within(timeout, next).await??;
            let now = hub.clock.now();
            let (spec, date) = hub.look(|deployment| {
                let server = deployment.core().server(server);
                let date = server.wall_clock.utc(now).to_http();
                (Arc::clone(&server.spec), date)
            });
            let options = spec.websocket.as_ref()?;
            let visit = Visit {
                options,
                version: spec.version,
                is_secure: self.tls.is_some(),
                date: &date,
            };
            match answer(visit, &request, reader.has_more()) {
                Admission::Granted { answer, admitted } => {
                    self.say(&answer, false).await?;
                    return Some((admitted, spec));
                }
                Admission::Refused {
                    answer,
                    keeps_alive,
                } => {
                    self.say(&answer, !keeps_alive).await?;
                    if !keeps_alive {
                        return None;
                    }
                }
            }
        }
    }

    /// Makes a handshake, if the server has TLS for these clients.
    #[cfg(feature = "tls")]
    async fn begin(&mut self, hub: &Hub, server: ServerId) -> Option<()> {
        poll_fn(|context| hub.poll_runs(server, context.waker())).await;
        let handshake = hub.look(|deployment| {
            let server = deployment.core().server(server);
            let options = server.spec.websocket.as_ref()?;
            Some(Handshake::of(server, options.tls.as_ref()?))
        });
        let Some(handshake) = handshake else {
            return Some(());
        };
        let mut read = Vec::new();
        while read.len() < HTTP_START && read.first().is_none_or(|first| *first != HANDSHAKE) {
            read.extend(super::tls::next(&self.socket).await.ok()?);
        }
        if looks_like_http(&read) {
            // Whoever takes the port for another understands this.
            let answer = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
            let _ = write_whole(&self.socket.stream, answer).await;
            return None;
        }
        self.tls = Some(handshake.make(&self.socket, &read).await.ok()?);
        Some(())
    }

    #[cfg(not(feature = "tls"))]
    async fn begin(&mut self, hub: &Hub, server: ServerId) -> Option<()> {
        poll_fn(|context| hub.poll_runs(server, context.waker())).await;
        Some(())
    }

    async fn say(&self, bytes: &[u8], ends: bool) -> Option<()> {
        let sealed = self.socket.secure.seal(bytes, ends);
        let bytes = sealed.as_deref().unwrap_or(bytes);
        write_whole(&self.socket.stream, bytes).await.ok()
    }

    /// The next request; nothing at the end of the stream. What is none is told so.
    async fn next_request(
        &self,
        hub: &Hub,
        server: ServerId,
        reader: &mut RequestReader,
    ) -> Option<Request> {
        loop {
            poll_fn(|context| hub.poll_runs(server, context.waker())).await;
            match reader.next() {
                Ok(Some(request)) => return Some(request),
                Ok(None) => {}
                Err(error) => {
                    self.say(&refuse(&error), true).await;
                    return None;
                }
            }
            self.socket.stream.readable().await.ok()?;
            let input = reader.input();
            input.reserve(READ_SIZE);
            match self.socket.secure.read(&self.socket.stream, input) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
            if self.socket.secure.wants_to_say() {
                self.say(&[], false).await?;
            }
        }
    }
}

/// What a handshake begins with.
#[cfg(feature = "tls")]
const HANDSHAKE: u8 = 0x16;
/// How much is looked at of what may be a request without TLS.
#[cfg(feature = "tls")]
const HTTP_START: usize = 5;

#[cfg(feature = "tls")]
fn looks_like_http(read: &[u8]) -> bool {
    let starts = [&b"GET /"[..], b"HEAD ", b"POST ", b"PUT /", b"OPTIO"];
    starts.iter().any(|start| read.starts_with(start))
}
