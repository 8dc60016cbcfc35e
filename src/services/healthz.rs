//! `$SYS.REQ.SERVER.PING.HEALTHZ` and `$SYS.REQ.SERVER.<id>.HEALTHZ`: whether the server is ready.

use nats_mock_protocol::monitor::{Healthz, HealthzError, HealthzOptions};

use super::registry::{Endpoint, Scope};

pub(super) const ENDPOINT: Endpoint = Endpoint::new("HEALTHZ", Scope::Server, |context, call| {
    call.answer(context, |_, options: HealthzOptions| Ok(health(&options)))
});

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
    let Some(text) = complaint else {
        return Healthz {
            status: "ok".to_owned(),
            status_code: 200,
            ..Healthz::default()
        };
    };
    let mut health = Healthz {
        status: "error".to_owned(),
        status_code: 400,
        ..Healthz::default()
    };
    if options.details {
        health.errors = vec![HealthzError {
            error_type: "BAD_REQUEST".to_owned(),
            error: text.to_owned(),
            ..HealthzError::default()
        }];
    } else {
        health.error = text.to_owned();
    }
    health
}
