//! Services that a test makes up.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use nats_mock_protocol::headers::Headers;
use nats_mock_protocol::json;
use serde::Serialize;

use super::Armed;
use crate::core;
use crate::net::Hub;
use crate::services::{CustomId, Listening, Response};
use crate::{MockNats, Server};

/// A service that is being made up; see [`Server::service`].
#[must_use = "nothing answers before `answer` is called"]
pub struct MakeService<'a> {
    nats: &'a MockNats,
    listening: Listening,
}

impl<'a> Server<'a> {
    /// Makes up a service on this server: code of the test that answers what clients publish to
    /// `subject`, with or without wildcards, in an account. As any service it is reached from
    /// everywhere that the account's messages go, through imports too, and nobody hears "no responders"
    /// while it is there. It is no client: CONNZ does not show it, and only the account's
    /// subscriptions count one more. A server that is started again takes it along.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 2).start_blocking()?;
    /// let stock = nats.server("east-2").service("USERS", "stock.*").answer(|request| {
    ///     let item = request.subject().trim_start_matches("stock.").to_owned();
    ///     request.respond(format!("7 of {item}"));
    /// });
    /// let mut shop = nats.server("east-1").client("a")?;
    /// assert_eq!(shop.request("stock.pears", "")?.try_next().unwrap().payload, "7 of pears");
    /// assert_eq!(stock.hits(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When the server has no account of that name.
    pub fn service(&self, account: &str, subject: impl Into<String>) -> MakeService<'a> {
        let server = self.current();
        let known = self
            .hub()
            .look(|deployment| deployment.core().account_named(server, account));
        let Some(account) = known else {
            panic!("there is no account {account:?} for a service to be in");
        };
        let listening = Listening {
            server,
            account,
            subject: subject.into().into_boxed_str(),
            queue: None,
        };
        MakeService {
            nats: self.nats,
            listening,
        }
    }
}

impl MockNats {
    /// As [`Server::service`], on the first server.
    ///
    /// # Panics
    ///
    /// As [`Server::service`] does.
    pub fn service(&self, account: &str, subject: impl Into<String>) -> MakeService<'_> {
        self.first_server().service(account, subject)
    }
}

impl MakeService<'_> {
    /// It is a member of a queue group: of all members one gets a request.
    pub fn queue(mut self, group: impl Into<String>) -> Self {
        self.listening.queue = Some(group.into().into_boxed_str());
        self
    }

    /// Answers with a closure from now on. It may respond once, several times, or not at all, at once or
    /// later from wherever it has put the request. It runs while the deployment stands still, so it must
    /// not use the deployment. When it panics, nobody is answered; [`Armed::mistake`] tells, and so
    /// does [`MockNats::finish`].
    ///
    /// # Panics
    ///
    /// When the subject or the queue group is not one that can be subscribed to.
    pub fn answer(self, mut answer: impl FnMut(ServiceRequest) + Send + 'static) -> Armed {
        let hub = Arc::clone(&self.nats.hub);
        let weak = Arc::downgrade(&hub);
        let answerer = move |service, request: &core::Request| {
            let responder = Responder {
                hub: Weak::clone(&weak),
                service,
            };
            let request = ServiceRequest::new(request, responder);
            collected(&weak, || answer(request))
        };
        let subject = self.listening.subject.clone();
        let started = hub.input(|state, now| {
            let deployment = &mut state.deployment;
            deployment.start_custom(now, self.listening, Box::new(answerer))
        });
        let Some(id) = started else {
            panic!("a service cannot listen to {subject:?}");
        };
        Armed::service(hub, id)
    }

    /// As [`answer`](Self::answer), with a future that is run by the deployment's own thread. That has a
    /// tokio runtime with I/O and time, and serves all sockets too: the future must not block it. It may
    /// use the deployment. What it has not answered when the deployment is dropped is never answered.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _slow = nats.service("USERS", "slow").answer_async(|request| async move {
    ///     tokio::time::sleep(Duration::from_millis(1)).await;
    ///     request.respond("at last");
    /// });
    /// let pending = nats.client("a")?.request("slow", "")?;
    /// assert_eq!(pending.wait(Duration::from_secs(5)).unwrap().payload, "at last");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// As [`answer`](Self::answer) does.
    pub fn answer_async<F: Future<Output = ()> + Send + 'static>(
        self,
        mut answer: impl FnMut(ServiceRequest) -> F + Send + 'static,
    ) -> Armed {
        let spawner = self.nats.io.spawner();
        self.answer(move |request| spawner.spawn(answer(request)))
    }
}

/// What a made-up service is asked.
#[derive(Clone)]
pub struct ServiceRequest {
    subject: String,
    reply: Option<String>,
    headers: Option<Headers>,
    payload: Bytes,
    responder: Responder,
}

#[derive(Clone)]
struct Responder {
    hub: Weak<Hub>,
    service: CustomId,
}

thread_local! {
    /// What is answered while a closure runs in this thread, and in which deployment it runs: that is
    /// locked meanwhile, so these answers are given back by the closure.
    static COLLECTED: RefCell<Option<(Weak<Hub>, Vec<Response>)>> = const { RefCell::new(None) };
}

/// What `answer` answers.
fn collected(hub: &Weak<Hub>, answer: impl FnOnce()) -> Vec<Response> {
    /// Ends the collection even if the closure panics.
    struct Collecting;
    impl Collecting {
        fn taken(&self) -> Vec<Response> {
            let collected = COLLECTED.take();
            collected
                .map(|(_, responses)| responses)
                .unwrap_or_default()
        }
    }
    impl Drop for Collecting {
        fn drop(&mut self) {
            self.taken();
        }
    }
    COLLECTED.set(Some((Weak::clone(hub), Vec::new())));
    let collecting = Collecting;
    answer();
    collecting.taken()
}

impl ServiceRequest {
    fn new(request: &core::Request, responder: Responder) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            subject: text(&request.subject),
            reply: request.reply.as_deref().map(text),
            headers: Headers::parse_lenient(&request.header).ok(),
            payload: Bytes::copy_from_slice(&request.payload),
            responder,
        }
    }

    /// What it was published to.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Where an answer is expected. Without that, responding does nothing.
    pub fn reply(&self) -> Option<&str> {
        self.reply.as_deref()
    }

    /// Its headers, if it has any that can be read.
    pub fn headers(&self) -> Option<&Headers> {
        self.headers.as_ref()
    }

    /// Its payload, without headers.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The payload as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    /// Answers with these bytes.
    pub fn respond(&self, payload: impl AsRef<[u8]>) {
        self.send(Vec::new(), payload.as_ref());
    }

    /// Answers with a value as JSON.
    pub fn respond_json(&self, value: &impl Serialize) {
        self.send(Vec::new(), &json::to_vec(value));
    }

    /// Answers with headers and these bytes.
    pub fn respond_with_headers(&self, headers: &Headers, payload: impl AsRef<[u8]>) {
        let mut header = Vec::new();
        headers.encode(&mut header);
        self.send(header, payload.as_ref());
    }

    fn send(&self, header: Vec<u8>, payload: &[u8]) {
        let Some(to) = &self.reply else { return };
        let Responder { hub, service } = &self.responder;
        let response = Response {
            service: *service,
            to: to.as_str().into(),
            header,
            payload: payload.to_vec(),
        };
        let late = COLLECTED.with_borrow_mut(|collected| match collected {
            Some((running, responses)) if running.ptr_eq(hub) => {
                responses.push(response);
                None
            }
            _ => Some(response),
        });
        if let Some((hub, response)) = hub.upgrade().zip(late) {
            hub.input(|state, now| state.deployment.respond(now, &response));
        }
    }
}

impl fmt::Debug for ServiceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceRequest")
            .field("subject", &self.subject)
            .field("reply", &self.reply)
            .field("headers", &self.headers)
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}
