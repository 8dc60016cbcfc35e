//! `$SYS.REQ.SERVER.PING.HEALTHZ` and `$SYS.REQ.SERVER.<id>.HEALTHZ`: whether the server is ready.

use nats_mock_protocol::monitor::{Healthz, HealthzOptions};

use super::registry::{Endpoint, Scope};
use super::requests::Answer;

pub(super) const ENDPOINT: Endpoint = Endpoint {
    name: "HEALTHZ",
    scope: Scope::Server,
    answers_without_reply: false,
    answer: |context, call| {
        let options = match call.options::<HealthzOptions>(context, |options| &options.filter) {
            Ok(options) => options,
            Err(answer) => return answer,
        };
        Answer::data(context, health(&options))
    },
};

/// Without JetStream a server is well, unless it is asked about a stream or a consumer in a way
/// that names too little.
fn health(options: &HealthzOptions) -> Healthz {
    let complaint = if options.account.is_empty() && !options.stream.is_empty() {
        Some("\"account\" must not be empty when checking stream health")
    } else if options.stream.is_empty() && !options.consumer.is_empty() {
        Some("\"stream\" must not be empty when checking consumer health")
    } else {
        None
    };
    match complaint {
        Some(text) => Healthz {
            status: "error".to_owned(),
            status_code: 400,
            error: text.to_owned(),
            ..Healthz::default()
        },
        None => Healthz {
            status: "ok".to_owned(),
            status_code: 200,
            ..Healthz::default()
        },
    }
}
