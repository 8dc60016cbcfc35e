//! What servers ask their account servers before they start.

use std::thread;

use tokio::sync::oneshot;

use super::StartError;
use super::plan::Planned;
use crate::core::{first_claims_of, is_bootstrapped};
use crate::net::http;
use crate::topology::{Resolver, ServerSpec, SystemAccount};

/// Whether a server asks somebody who may take a while to answer.
fn asks_far_away(spec: &ServerSpec) -> bool {
    let resolver = spec.operator.as_ref().map(|options| &options.resolver);
    matches!(resolver, Some(Some(Resolver::Url(server))) if server.url().is_some())
}

/// Asks for all servers; returns when they have their answers.
pub(super) fn ask(servers: &mut [Planned]) -> Result<(), StartError> {
    servers
        .iter_mut()
        .try_for_each(|planned| ask_for(&mut planned.spec))
}

/// The same without keeping the thread of the caller.
pub(super) async fn ask_aside(mut servers: Vec<Planned>) -> Result<Vec<Planned>, StartError> {
    if !servers.iter().any(|planned| asks_far_away(&planned.spec)) {
        ask(&mut servers)?;
        return Ok(servers);
    }
    let (done, answer) = oneshot::channel();
    thread::Builder::new()
        .name("nats-mock start".to_owned())
        .spawn(move || {
            let asked = ask(&mut servers).map(|()| servers);
            // Whoever has stopped waiting does not want to know.
            let _ = done.send(asked);
        })
        .map_err(StartError::Thread)?;
    let gone = |_| StartError::Thread(std::io::Error::other("the thread that asks has ended"));
    answer.await.map_err(gone)?
}

/// Sees whether the account server of one server is there, and gets the JWT of the system account.
pub(super) fn ask_for(spec: &mut ServerSpec) -> Result<(), StartError> {
    let server = spec.name.clone().unwrap_or_default();
    let refused = |reason: String| StartError::Accounts { server, reason };
    let Some(options) = &mut spec.operator else {
        return Ok(());
    };
    let Some(Resolver::Url(server)) = &options.resolver else {
        return Ok(());
    };
    if !options.preload.is_empty() {
        let reason =
            "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR";
        return Err(refused(reason.to_owned()));
    }
    if let Err(error) = http::get(server, "") {
        return Err(refused(server.complaint("", &error)));
    }
    let SystemAccount::Named(system) = &spec.system_account else {
        return Ok(());
    };
    let mut answer = http::get(server, system);
    let may_come_later = is_bootstrapped(options);
    if may_come_later && answer.is_ok() {
        // It is looked at first, and got then.
        answer = http::get(server, system);
    }
    let claims = answer.map_err(|error| server.complaint(system, &error));
    let claims = claims.and_then(|text| first_claims_of(options, system, text));
    let known = match claims {
        Ok(text) => Some((system.clone(), text)),
        Err(_) if may_come_later => None,
        Err(why) => return Err(refused(format!("error resolving system account: {why}"))),
    };
    if let Some(Resolver::Url(server)) = &mut options.resolver {
        server.known = known.into_iter().collect();
    }
    Ok(())
}
