//! What all requests have in common: options, the filter by which a server keeps silent, and the
//! envelope of the answer.

use nats_mock_protocol::headers;
use nats_mock_protocol::json::{self, Dialect, RequestOptions, decode_request};
use nats_mock_protocol::monitor::{ApiError, EventFilterOptions, Reply};
use serde::Serialize;

use super::registry::Endpoint;
use super::system::Context;
use crate::core::{ConnId, Request, Server};

/// A request as an endpoint sees it.
pub(super) struct Call<'a> {
    pub subject: &'a str,
    /// `None` when the requester did not say where to answer.
    pub reply: Option<&'a [u8]>,
    pub header: &'a [u8],
    pub payload: &'a [u8],
    pub from: Option<ConnId>,
}

/// What an endpoint has to say.
pub(super) enum Answer {
    /// Nothing: the requester waits in vain.
    Silence,
    /// A complete message.
    Message {
        payload: Vec<u8>,
        /// The requester may choose an encoding for it.
        encodable: bool,
    },
}

impl Answer {
    /// An answer without the usual envelope.
    pub fn raw(message: &impl Serialize) -> Self {
        Self::Message {
            payload: json::to_vec(message),
            encodable: false,
        }
    }

    /// `{"server":…,"data":…}`.
    pub fn data<T: Serialize>(context: &mut Context<'_>, data: T) -> Self {
        Self::Message {
            payload: json::to_vec(&Reply::ok(context.envelope(), data)),
            encodable: true,
        }
    }

    /// The request was understood and cannot be answered.
    pub fn failed(context: &mut Context<'_>, text: impl Into<String>) -> Self {
        let error = ApiError::new(500, text);
        Self::raw(&Reply::<()>::failed(context.envelope(), error))
    }

    /// The request was not understood.
    fn rejected(context: &mut Context<'_>, text: String) -> Self {
        let error = ApiError::new(400, text);
        Self::raw(&Reply::<()>::rejected(context.envelope(), error))
    }
}

impl Call<'_> {
    /// The options of the request, or what to say instead of answering it: an error when they
    /// cannot be read, silence when the filter among them leaves this server out.
    pub fn options<T: RequestOptions>(
        &self,
        context: &mut Context<'_>,
        filter: impl FnOnce(&T) -> &EventFilterOptions,
    ) -> Result<T, Answer> {
        let options: T = decode_request(self.payload, Dialect::default())
            .map_err(|error| Answer::rejected(context, error.to_string()))?;
        if is_meant(context.server(), filter(&options)) {
            Ok(options)
        } else {
            Err(Answer::Silence)
        }
    }

    /// The subject's token at `index`, counted from 0.
    pub fn token(&self, index: usize) -> &str {
        self.subject.split('.').nth(index).unwrap_or_default()
    }
}

/// Lets an endpoint answer, and sends what it says.
pub(super) fn answer(context: &mut Context<'_>, endpoint: &Endpoint, request: &Request) {
    let subject = String::from_utf8_lossy(&request.subject);
    let call = Call {
        subject: &subject,
        reply: request.reply.as_deref().filter(|reply| !reply.is_empty()),
        header: &request.header,
        payload: &request.payload,
        from: request.from,
    };
    if call.reply.is_none() && !endpoint.answers_without_reply {
        return;
    }
    let answer = (endpoint.answer)(context, &call);
    if let (Answer::Message { payload, encodable }, Some(reply)) = (answer, call.reply) {
        if encodable && asks_for_unknown_encoding(call.header) {
            let mut message = headers::with(None, "Content-Encoding", "identity");
            let header_len = message.len();
            message.extend_from_slice(&payload);
            context.respond(reply, Some(header_len), &message);
        } else {
            context.respond(reply, None, &payload);
        }
    }
}

/// Whether a requester asks for an encoding that no server knows.
fn asks_for_unknown_encoding(header: &[u8]) -> bool {
    headers::get(header, "Accept-Encoding").is_some_and(|asked| {
        let asked = String::from_utf8_lossy(asked).to_ascii_lowercase();
        !asked.is_empty()
            && !["snappy", "s2", "gzip"]
                .iter()
                .any(|known| asked.contains(known))
    })
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
        // A server on its own has neither a cluster nor a domain.
        && fits(&filter.cluster, "")
        && filter.domain.is_empty()
        && filter
            .tags
            .iter()
            .all(|tag| tags.iter().any(|own| own.eq_ignore_ascii_case(tag)))
}
