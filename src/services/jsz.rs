//! `$SYS.REQ.SERVER.PING.JSZ`, `$SYS.REQ.SERVER.<id>.JSZ` and `$SYS.REQ.ACCOUNT.<account>.JSZ`:
//! JetStream.

use nats_mock_protocol::monitor::{
    JetStreamApiStats, JetStreamConfig, Jsz, JszAccount, JszOptions,
};

use super::registry::{Endpoint, Scope};
use super::requests::Refusal;
use super::system::Context;
use crate::version::Feature;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("JSZ", Scope::Server, |context, call| {
    call.answer(context, |context, options: JszOptions| {
        // Whoever has no JetStream leads nothing.
        if options.leader_only {
            return Err(Refusal::Silence);
        }
        Ok(disabled(context))
    })
});

pub(super) const ACCOUNT_ENDPOINT: Endpoint =
    Endpoint::new("JSZ", Scope::Account, |context, call| {
        call.answer(context, |_, _: JszOptions| -> Result<JszAccount, Refusal> {
            Err("jetstream not enabled".to_owned().into())
        })
    });

fn disabled(context: &Context<'_>) -> Jsz {
    let server = context.server();
    let profile = server.profile;
    Jsz {
        api: JetStreamApiStats {
            level: profile.since(Feature::JetStreamApiLevel, 0),
            ..JetStreamApiStats::default()
        },
        server_id: server.id.to_string(),
        now: context.utc_now(),
        disabled: true,
        config: JetStreamConfig::default(),
        total: profile.since(Feature::JszTotal, 0),
        ..Jsz::default()
    }
}
