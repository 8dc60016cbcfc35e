//! What all requests have in common: options, the filter by which a server keeps silent, and the
//! envelope of the answer.

use nats_mock_protocol::json::{self, RequestOptions, decode_request};
use nats_mock_protocol::monitor::{
    AccountInfoOptions, AccountStatzOptions, AccountzOptions, ApiError, ConnzOptions,
    EventFilterOptions, ExpvarzOptions, GatewayzOptions, HealthzOptions, IpqueueszOptions,
    JszOptions, LeafzOptions, ProfilezOptions, RaftzOptions, Reply, RoutezOptions, StatszOptions,
    SubszOptions, VarzOptions,
};
use serde::Serialize;

use super::registry::Endpoint;
use super::system::Context;
use crate::core::{ConnId, Request, Server};
use crate::version::Profile;

/// A request as an endpoint sees it.
pub(super) struct Call<'a> {
    /// The name of the endpoint.
    pub endpoint: &'static str,
    pub subject: &'a str,
    pub request: &'a Request,
    /// `None` when the requester did not say where to answer.
    pub reply: Option<&'a [u8]>,
    pub header: &'a [u8],
    pub payload: &'a [u8],
    pub from: Option<ConnId>,
}

/// What an endpoint has to say.
pub(super) enum Answer {
    /// Nothing: the requester waits in vain, or hears of it in another way.
    Silence,
    /// A complete message.
    Message {
        payload: Vec<u8>,
        /// The requester may choose an encoding for it.
        encodable: bool,
    },
    /// What came of a command. It is told when all that the command caused has been.
    Outcome(Result<(), Refusal>),
    /// The same in words of its own, made when it is told.
    Told(fn(&mut Context<'_>, Told) -> Vec<u8>, Told),
}

/// What a command says in words of its own: what was done, or why it was not.
#[derive(Debug)]
pub(super) struct Told {
    /// The account that it is about, if it is about one.
    pub account: String,
    pub outcome: Result<String, String>,
}

/// Why a request is not answered with what it asks for.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It does not concern this server.
    Silence,
    /// It was not understood.
    Unclear(String),
    /// It was understood and cannot be answered.
    Failed(String),
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

/// Options that say which servers are meant.
pub(super) trait Filtered: RequestOptions {
    fn filter(&self) -> &EventFilterOptions;
}

impl Filtered for EventFilterOptions {
    fn filter(&self) -> &EventFilterOptions {
        self
    }
}

macro_rules! filtered {
    ($($options:ident,)+) => {
        $(impl Filtered for $options {
            fn filter(&self) -> &EventFilterOptions {
                &self.filter
            }
        })+
    };
}

filtered! {
    AccountInfoOptions,
    AccountStatzOptions,
    AccountzOptions,
    ConnzOptions,
    ExpvarzOptions,
    GatewayzOptions,
    HealthzOptions,
    IpqueueszOptions,
    JszOptions,
    LeafzOptions,
    ProfilezOptions,
    RaftzOptions,
    RoutezOptions,
    StatszOptions,
    SubszOptions,
    VarzOptions,
}

impl Answer {
    /// An answer without the usual envelope.
    pub fn raw(message: &impl Serialize) -> Self {
        Self::Message {
            payload: json::to_vec(message),
            encodable: false,
        }
    }
}

impl Call<'_> {
    /// The options of the request, unless they cannot be read or leave this server out.
    pub fn options<T: Filtered>(&self, context: &Context<'_>) -> Result<T, Refusal> {
        let options: T = decode_request(self.payload, context.server().profile.requests)
            .map_err(|error| Refusal::Unclear(error.to_string()))?;
        if is_meant(context.server(), options.filter()) {
            Ok(options)
        } else {
            Err(Refusal::Silence)
        }
    }

    /// Answers with data: `{"server":…,"data":…}`.
    pub fn answer<O: Filtered, T: Serialize>(
        &self,
        context: &mut Context<'_>,
        data: impl FnOnce(&mut Context<'_>, O) -> Result<T, Refusal>,
    ) -> Answer {
        let found = self
            .options(context)
            .and_then(|options| data(context, options));
        match found {
            Ok(data) => {
                let reply = Reply::ok(context.envelope(), data);
                self.reply(context.server().profile, &reply)
            }
            Err(refusal) => refusal.with_empty_data(context),
        }
    }

    /// Answers with a reply that is complete.
    pub fn reply<T: Serialize>(&self, profile: &Profile, reply: &Reply<T>) -> Answer {
        Answer::Message {
            payload: self.written(profile, reply),
            encodable: true,
        }
    }

    /// Answers with data, whatever the payload and the encoding that is asked for.
    pub fn data<T: Serialize>(&self, context: &mut Context<'_>, data: T) -> Answer {
        let reply = Reply::ok(context.envelope(), data);
        Answer::Message {
            payload: self.written(context.server().profile, &reply),
            encodable: false,
        }
    }

    fn written<T: Serialize>(&self, profile: &Profile, reply: &Reply<T>) -> Vec<u8> {
        json::to_vec_ordered(reply, profile.key_orders(self.endpoint))
    }

    /// Carries a command out.
    pub fn command(
        &self,
        context: &mut Context<'_>,
        act: impl FnOnce(&mut Context<'_>) -> Result<(), String>,
    ) -> Answer {
        let done = self
            .options::<EventFilterOptions>(context)
            .and_then(|_| act(context).map_err(Refusal::Failed));
        Answer::Outcome(done)
    }

    /// The payload of a request to which nothing is said when it cannot be read.
    pub fn body<T: RequestOptions>(&self, context: &Context<'_>) -> Option<T> {
        let body = Some(self.payload).filter(|payload| !payload.is_empty())?;
        decode_request(body, context.server().profile.requests).ok()
    }

    /// The subject's token at `index`, counted from 0.
    pub fn token(&self, index: usize) -> &str {
        self.subject.split('.').nth(index).unwrap_or_default()
    }
}

impl Refusal {
    /// What endpoints say that have data otherwise.
    pub fn with_empty_data(self, context: &mut Context<'_>) -> Answer {
        match self {
            Refusal::Failed(text) => {
                let error = ApiError::new(500, text);
                Answer::raw(&Reply::<()>::failed(context.envelope(), error))
            }
            other => other.without_data(context),
        }
    }

    pub fn without_data(self, context: &mut Context<'_>) -> Answer {
        let error = match self {
            Refusal::Silence => return Answer::Silence,
            Refusal::Unclear(text) => ApiError::new(400, text),
            Refusal::Failed(text) => ApiError::new(500, text),
        };
        Answer::raw(&Reply::<()>::rejected(context.envelope(), error))
    }
}

/// Lets an endpoint answer, and sends what it says. The outcome of a command is given back, to be
/// [sent](send) when all that it caused has been told.
pub(super) fn answer(
    context: &mut Context<'_>,
    endpoint: &Endpoint,
    request: &Request,
) -> Option<Answer> {
    let subject = String::from_utf8_lossy(&request.subject);
    let call = Call {
        endpoint: endpoint.name,
        subject: &subject,
        request,
        reply: request.reply.as_deref().filter(|reply| !reply.is_empty()),
        header: &request.header,
        payload: &request.payload,
        from: request.from,
    };
    if call.reply.is_none() && !endpoint.answers_without_reply {
        return None;
    }
    match (endpoint.answer)(context, &call) {
        outcome @ (Answer::Outcome(_) | Answer::Told(..)) => Some(outcome),
        answer => {
            send(context, request, answer);
            None
        }
    }
}

/// Sends an answer to where it is awaited, encoded as the request asks.
pub(super) fn send(context: &mut Context<'_>, request: &Request, answer: Answer) {
    let answer = match answer {
        Answer::Outcome(Ok(())) => Answer::Message {
            payload: json::to_vec(&Reply::<()>::done(context.envelope())),
            encodable: true,
        },
        Answer::Outcome(Err(refusal)) => refusal.without_data(context),
        Answer::Told(write, told) => Answer::Message {
            payload: write(context, told),
            encodable: false,
        },
        answer => answer,
    };
    let (Answer::Message { payload, encodable }, Some(reply)) = (answer, &request.reply) else {
        return;
    };
    context.respond(request, reply, &payload, encodable);
}

fn is_meant(server: &Server, filter: &EventFilterOptions) -> bool {
    let fits = |asked: &str, own: &str| {
        asked.is_empty()
            || if filter.exact_match {
                own == asked
            } else {
                own.contains(asked)
            }
    };
    let tags = &server.spec.tags;
    fits(&filter.server_name, &server.name)
        && fits(&filter.host, server.shown_host())
        && fits(&filter.cluster, server.cluster_name.as_deref().unwrap_or_default())
        // Only JetStream has domains.
        && filter.domain.is_empty()
        && filter
            .tags
            .iter()
            .all(|tag| tags.iter().any(|own| own.eq_ignore_ascii_case(tag)))
}
