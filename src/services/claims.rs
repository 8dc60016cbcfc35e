//! `$SYS.REQ.ACCOUNT.<account>.CLAIMS.UPDATE`, and as older tools write it `$SYS.ACCOUNT.<account>.CLAIMS.UPDATE`:
//! a new JWT for an account.
//!
//! It is taken by servers that use the account, whatever their resolver, and has its effect at once: clients
//! beyond the new limits go, and revoked ones. Others answer that they have skipped it.

use nats_mock_protocol::json;
use serde::Serialize;

use super::registry::{Endpoint, Scope};
use super::requests::{Answer, Call, Told};
use super::resolver;
use super::system::Context;
use crate::core::ResolverKind;
use crate::identity;
use crate::version::Feature;

pub(super) const ENDPOINT: Endpoint = Endpoint::new(
    "CLAIMS.UPDATE",
    Scope::At("$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE"),
    |context, call| update(context, call, call.token(3)),
)
.also_without_reply();

pub(super) const OLD_ENDPOINT: Endpoint = Endpoint::new(
    "CLAIMS.UPDATE",
    Scope::At("$SYS.ACCOUNT.*.CLAIMS.UPDATE"),
    |context, call| update(context, call, call.token(2)),
)
.also_without_reply();

/// What came of it.
#[derive(Serialize)]
struct Updated<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    account: &'a str,
    code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

fn update(context: &mut Context<'_>, call: &Call<'_>, account: &str) -> Answer {
    if !identity::IS_SUPPORTED {
        return Answer::Silence;
    }
    let kind = context.core.resolver_kind(context.server);
    if matches!(kind, Some(ResolverKind::Full | ResolverKind::Cache)) {
        return resolver::store(context, call, Some(account));
    }
    let text = String::from_utf8_lossy(call.payload);
    let outcome = if text.is_empty() {
        Err("jwt update error - request body is empty".to_owned())
    } else {
        match context.core.update_claims(context.server, account, &text) {
            Ok(true) => Ok("jwt updated".to_owned()),
            Ok(false) => Ok("jwt update skipped".to_owned()),
            Err(why) => Err(format!("jwt update resulted in error - {why}")),
        }
    };
    let account = account.to_owned();
    Answer::Told(answer, Told { account, outcome })
}

/// What is said of it.
pub(super) fn answer(context: &mut Context<'_>, told: Told) -> Vec<u8> {
    let account = &told.account;
    let (member, said) = match &told.outcome {
        Ok(message) => ("data", said(account, 200, Some(message), None)),
        Err(why) => ("error", said(account, 500, None, Some(why))),
    };
    let server = json::to_string(&context.envelope());
    let text = if context
        .server()
        .profile
        .has(Feature::ClaimsRepliesNameServerFirst)
    {
        format!("{{\"server\":{server},\"{member}\":{said}}}")
    } else {
        format!("{{\"{member}\":{said},\"server\":{server}}}")
    };
    text.into_bytes()
}

fn said(account: &str, code: u16, message: Option<&str>, description: Option<&str>) -> String {
    json::to_string(&Updated {
        account,
        code,
        message,
        description,
    })
}
