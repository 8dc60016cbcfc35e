//! `$SYS.REQ.SERVER.<id>.LDM`: tells one client to go elsewhere, as in lame duck mode.

use nats_mock_protocol::monitor::LdmRequest;

use super::registry::{Endpoint, Scope};
use super::requests::Answer;
use crate::core::LeaveRefused;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("LDM", Scope::ServerAlone, |context, call| {
    let Some(request) = call.body::<LdmRequest>(context) else {
        return Answer::Silence;
    };
    call.command(context, |context| {
        let asked = context
            .core
            .ask_client_to_leave(context.server, request.cid);
        asked.map_err(|refused| match refused {
            LeaveRefused::Unknown => "no such client id".to_owned(),
            LeaveRefused::NotReady => "client does not support Lame Duck Mode or is not ready to \
                                       receive the notification"
                .to_owned(),
        })
    })
});
