//! `$SYS.REQ.SERVER.<id>.RELOAD`: has the server read its configuration again.

use super::registry::{Endpoint, Scope};

pub(super) const ENDPOINT: Endpoint =
    Endpoint::new("RELOAD", Scope::ServerAlone, |context, call| {
        call.command(context, |context| {
            let spec = context.configuration.read()?;
            let reloaded = context
                .core
                .reload(context.core.now(), context.server, spec);
            reloaded.map_err(|error| error.to_string())
        })
    });
