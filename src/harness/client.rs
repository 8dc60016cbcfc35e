//! A client without a socket, for tests that need no client library.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use nats_mock_protocol::headers::Headers;
use nats_mock_protocol::wire::{
    ConnectOptions, Limits, ServerBatch, ServerDecoder, ServerInfo, ServerOp, encode,
};

use super::wait::block_on;
use crate::core::{ConnId, Standing};
use crate::net::MemoryConnection;

/// A client of the deployment that has no socket. It goes through the same code as clients that
/// have one, and every call is handled by the server before it returns.
///
/// ```
/// use nats_mock::MockNats;
///
/// let nats = MockNats::start_blocking()?;
/// let mut service = nats.client("a")?;
/// let mut requests = service.subscribe("time.now")?;
/// let mut app = nats.client("a")?;
///
/// let pending = app.request("time.now", "")?;
/// let request = requests.try_next().unwrap();
/// service.publish(request.reply.unwrap(), "noon")?;
/// assert_eq!(pending.wait(std::time::Duration::from_secs(5)).unwrap().payload, "noon");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    shared: Arc<Mutex<Shared>>,
}

/// A message as a client receives it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// What it was published to.
    pub subject: String,
    /// Where an answer is expected.
    pub reply: Option<String>,
    /// Its headers, if it has any that can be read.
    pub headers: Option<Headers>,
    /// Its payload, without headers.
    pub payload: Bytes,
}

impl Message {
    /// The payload as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    /// The code of a status message, such as 503 when nobody is there to answer.
    pub fn status(&self) -> Option<u16> {
        let headers = self.headers.as_ref()?;
        headers.status().map(|status| status.code)
    }
}

/// What can go wrong with a [`Client`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No such user is configured.
    #[error("no user {user:?} is configured")]
    UnknownUser {
        /// The user that was asked for.
        user: String,
    },
    /// The server has said `-ERR`.
    #[error("the server says: {text}")]
    Server {
        /// The text between the quotes.
        text: String,
    },
    /// The connection is closed or was refused.
    #[error("connection closed: {0}")]
    Closed(#[from] io::Error),
}

/// What a client subscribes to. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Mutex<Shared>>,
    sid: u64,
}

#[derive(Debug)]
struct Shared {
    connection: MemoryConnection,
    decoder: ServerDecoder,
    batch: ServerBatch,
    input: BytesMut,
    info: ServerInfo,
    inboxes: BTreeMap<u64, VecDeque<Message>>,
    errors: VecDeque<String>,
    waiting: Arc<Waiters>,
    next_sid: u64,
    closed: bool,
}

/// Whoever waits for the connection. The connection knows one waker only: this wakes them all.
#[derive(Debug, Default)]
struct Waiters(Mutex<Vec<Waker>>);

impl Waiters {
    fn add(&self, waker: &Waker) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

impl std::task::Wake for Waiters {
    fn wake(self: Arc<Self>) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    pub(super) fn connect(connection: MemoryConnection) -> Result<Self, ClientError> {
        Self::connect_as("", "nats-mock", env!("CARGO_PKG_VERSION"), connection)
    }

    /// Connects under a name, with the library of a language.
    pub(super) fn connect_as(
        name: &str,
        lang: &str,
        version: &str,
        connection: MemoryConnection,
    ) -> Result<Self, ClientError> {
        let mut options = ConnectOptions::default();
        options.verbose = false;
        options.pedantic = false;
        options.headers = true;
        options.no_responders = true;
        options.protocol = 1;
        options.name = name.to_owned();
        options.lang = lang.to_owned();
        options.version = version.to_owned();
        let mut shared = Shared {
            connection,
            decoder: ServerDecoder::new(Limits {
                max_payload: usize::MAX,
                max_control_line: usize::MAX,
                ..Limits::default()
            }),
            batch: ServerBatch::new(),
            input: BytesMut::new(),
            info: ServerInfo::default(),
            inboxes: BTreeMap::new(),
            errors: VecDeque::new(),
            waiting: Arc::default(),
            next_sid: 0,
            closed: false,
        };
        let mut hello = Vec::new();
        encode::connect(&mut hello, &options);
        encode::ping(&mut hello);
        shared.send(&hello)?;
        shared.pump(None);
        shared.check()?;
        Ok(Self {
            shared: Arc::new(Mutex::new(shared)),
        })
    }

    /// The server's latest INFO.
    pub fn info(&self) -> ServerInfo {
        let mut shared = locked(&self.shared);
        shared.pump(None);
        shared.info.clone()
    }

    /// Publishes a message.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or has closed the connection.
    pub fn publish(
        &mut self,
        subject: impl AsRef<[u8]>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), ClientError> {
        self.operate(|out| encode::publish(out, subject.as_ref(), None, payload.as_ref()))
    }

    /// Publishes a message with headers.
    ///
    /// # Errors
    ///
    /// As for [`publish`](Self::publish).
    pub fn publish_with_headers(
        &mut self,
        subject: impl AsRef<[u8]>,
        headers: &Headers,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), ClientError> {
        let mut block = Vec::new();
        headers.encode(&mut block);
        self.operate(|out| {
            encode::publish_with_headers(out, subject.as_ref(), None, &block, payload.as_ref());
        })
    }

    /// Subscribes to a subject, which may have wildcards.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or has closed the connection.
    pub fn subscribe(&mut self, subject: impl AsRef<[u8]>) -> Result<Subscription, ClientError> {
        self.subscribe_as(subject.as_ref(), None)
    }

    /// Subscribes as a member of a queue group.
    ///
    /// # Errors
    ///
    /// As for [`subscribe`](Self::subscribe).
    pub fn queue_subscribe(
        &mut self,
        subject: impl AsRef<[u8]>,
        queue: impl AsRef<[u8]>,
    ) -> Result<Subscription, ClientError> {
        self.subscribe_as(subject.as_ref(), Some(queue.as_ref()))
    }

    fn subscribe_as(
        &mut self,
        subject: &[u8],
        queue: Option<&[u8]>,
    ) -> Result<Subscription, ClientError> {
        let sid = {
            let mut shared = locked(&self.shared);
            shared.next_sid += 1;
            let sid = shared.next_sid;
            shared.inboxes.insert(sid, VecDeque::new());
            sid
        };
        let subscription = Subscription {
            shared: Arc::clone(&self.shared),
            sid,
        };
        self.operate(|out| encode::subscribe(out, subject, queue, sid.to_string().as_bytes()))?;
        Ok(subscription)
    }

    /// Sends a request; the answer comes to the subscription that is returned. When nobody is there
    /// to answer, that is a message with [status](Message::status) 503.
    ///
    /// # Errors
    ///
    /// As for [`publish`](Self::publish).
    pub fn request(
        &mut self,
        subject: impl AsRef<[u8]>,
        payload: impl AsRef<[u8]>,
    ) -> Result<Subscription, ClientError> {
        let inbox = {
            let shared = locked(&self.shared);
            format!("_INBOX.{}.{}", shared.info.client_id, shared.next_sid + 1)
        };
        let answers = self.subscribe(&inbox)?;
        let (subject, payload) = (subject.as_ref(), payload.as_ref());
        self.operate(|out| encode::publish(out, subject, Some(inbox.as_bytes()), payload))?;
        Ok(answers)
    }

    /// Leaves the connection to the deployment; `None` when it has been closed.
    pub(super) fn detach(self, standing: &Standing) -> Option<ConnId> {
        let shared = Arc::into_inner(self.shared)?;
        let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        shared.connection.detach(standing)
    }

    /// Sends operations and waits for the server to have handled them.
    pub(super) fn operate(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), ClientError> {
        let mut out = Vec::new();
        write(&mut out);
        let mut shared = locked(&self.shared);
        shared.send(&out)?;
        shared.pump(None);
        shared.check()
    }
}

impl Subscription {
    /// The next message, or `None` when the connection is closed.
    pub async fn next(&mut self) -> Option<Message> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut shared = locked(&self.shared);
        shared.pump(Some(context.waker()));
        match shared.take(self.sid) {
            Some(message) => Poll::Ready(Some(message)),
            None if shared.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// The next message, if one is there.
    pub fn try_next(&mut self) -> Option<Message> {
        let mut shared = locked(&self.shared);
        shared.pump(None);
        shared.take(self.sid)
    }

    /// The next message, waiting for it in this thread; `None` when the time is up or the
    /// connection is closed.
    pub fn wait(mut self, timeout: Duration) -> Option<Message> {
        self.wait_next(timeout)
    }

    /// As [`wait`](Self::wait), keeping the subscription.
    pub fn wait_next(&mut self, timeout: Duration) -> Option<Message> {
        block_on(timeout, |context| self.poll_next(context))?
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut shared = locked(&self.shared);
        shared.inboxes.remove(&self.sid);
        let mut out = Vec::new();
        encode::unsubscribe(&mut out, self.sid.to_string().as_bytes(), None);
        // A closed connection has no subscriptions.
        let _ = shared.send(&out);
    }
}

impl Shared {
    fn send(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        if let Err(error) = self.connection.send(bytes) {
            self.check()?;
            return Err(error.into());
        }
        Ok(())
    }

    fn take(&mut self, sid: u64) -> Option<Message> {
        self.inboxes.get_mut(&sid)?.pop_front()
    }

    fn check(&mut self) -> Result<(), ClientError> {
        match self.errors.pop_front() {
            Some(text) => Err(ClientError::Server { text }),
            None if self.closed => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
            None => Ok(()),
        }
    }

    /// Handles what the server has sent. With a waker, arranges for it to be woken when there is
    /// more.
    fn pump(&mut self, waker: Option<&Waker>) {
        if let Some(waker) = waker {
            self.waiting.add(waker);
        }
        let everybody = Waker::from(Arc::clone(&self.waiting));
        let mut received = false;
        loop {
            match self.connection.take(Some(&everybody)) {
                None => {
                    self.closed = true;
                    break;
                }
                Some(bytes) if bytes.is_empty() => break,
                Some(bytes) => {
                    received = true;
                    self.add_input(bytes);
                    self.decode();
                }
            }
        }
        // What came may be for somebody else who waits.
        if received || self.closed {
            everybody.wake();
        }
    }

    /// Takes over what has been received, without a copy unless it continues something.
    fn add_input(&mut self, bytes: Vec<u8>) {
        if self.input.is_empty() {
            self.input = BytesMut::from(Bytes::from(bytes));
        } else {
            self.input.extend_from_slice(&bytes);
        }
    }

    fn decode(&mut self) {
        let mut answers = Vec::new();
        let _ = self.decoder.decode(&mut self.input, &mut self.batch);
        for op in self.batch.iter() {
            match op {
                ServerOp::Info(json) => {
                    if let Ok(info) = ServerInfo::parse(json) {
                        self.info = info;
                    }
                }
                ServerOp::Msg(message) => {
                    let Some(inbox) = std::str::from_utf8(message.sid)
                        .ok()
                        .and_then(|sid| sid.parse().ok())
                        .and_then(|sid: u64| self.inboxes.get_mut(&sid))
                    else {
                        continue;
                    };
                    inbox.push_back(Message {
                        subject: String::from_utf8_lossy(message.subject).into_owned(),
                        reply: message
                            .reply
                            .map(|reply| String::from_utf8_lossy(reply).into_owned()),
                        headers: message
                            .headers
                            .and_then(|block| Headers::parse_lenient(block).ok()),
                        payload: Bytes::copy_from_slice(message.payload),
                    });
                }
                ServerOp::Ping => encode::pong(&mut answers),
                ServerOp::Err(text) => {
                    self.errors
                        .push_back(String::from_utf8_lossy(text).into_owned());
                }
                ServerOp::Pong | ServerOp::Ok => {}
            }
        }
        if let Some(fault) = self.batch.fault() {
            self.errors.push_back(fault.to_string());
            self.closed = true;
        }
        self.batch.clear();
        if !answers.is_empty()
            && let Err(error) = self.connection.send(&answers)
        {
            self.closed |= error.kind() != io::ErrorKind::WouldBlock;
        }
    }
}
