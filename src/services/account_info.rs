//! `$SYS.REQ.ACCOUNT.<account>.INFO`: what a server knows about an account.

use std::collections::BTreeMap;

use nats_mock_protocol::monitor::{
    AccountExport, AccountImport, AccountInfo, AccountInfoOptions, ClaimIssue, MapDest,
    ServiceLatencyConfig,
};
use serde_json::Value;

use nats_mock_protocol::time::Timestamp;

use super::registry::{Endpoint, Scope};
use super::requests::Refusal;
use super::subsz::{list_stats, text};
use super::system::Context;
use crate::core::{Account, Shared};
use crate::topology::{LatencyOptions, Mapping, Sampling, Share};

pub(super) const ENDPOINT: Endpoint = Endpoint::new("INFO", Scope::Account, |context, call| {
    call.answer(context, |context, _: AccountInfoOptions| {
        account_info(context, call.token(3))
    })
});

/// What is known of an account; also part of ACCOUNTZ.
pub(super) fn account_info(context: &mut Context<'_>, name: &str) -> Result<AccountInfo, Refusal> {
    let core = &*context.core;
    let Some(id) = context.account_named(name) else {
        return Err(format!("Account {name} does not exist").into());
    };
    let account = core.account(id);
    let is_system = id == context.system;
    let mut info = AccountInfo {
        account_name: account.name.to_string(),
        update_time: context
            .server()
            .wall_clock
            .utc(context.server().config_load_time),
        is_system,
        complete: true,
        client_connections: account.on_server(context.server).clients.len() as i64,
        leafnode_connections: account.on_server(context.server).leafs.len() as i64,
        subscriptions: core.known_subscriptions(id, context.server).len(),
        mappings: mappings(account),
        exports: exports(&account.shared),
        imports: imports(context, &account.shared),
        responses: responses(context, account),
        name_tag: context.account_tag(id),
        sublist_stats: Some(list_stats(core, context.server, &account.name)),
        ..AccountInfo::default()
    };
    let mode = context.server().operator.as_deref();
    if let Some(claimed) = mode.and_then(|mode| mode.claimed(id)) {
        let claims = &claimed.token.claims;
        info.update_time = context.server().wall_clock.utc(claimed.updated);
        info.expired = claimed.is_expired;
        info.complete = claimed.is_complete;
        info.issuer_key.clone_from(&claims.iss);
    }
    let claimed = mode.and_then(|mode| mode.claimed(id));
    if let Some(claimed) = claimed.filter(|claimed| claimed.token.is_signed()) {
        let claims = &claimed.token.claims;
        let nats = &claims.nats;
        info.jwt = claimed.token.text.to_string();
        info.name_tag.clone_from(&claims.name);
        info.tags.clone_from(&nats.generic.tags);
        info.decoded_jwt = serde_json::to_value(claims).ok();
        info.revoked_user = revoked(&nats.revocations);
        let issues = core.claims_issues(context.server, &claimed.token).0;
        info.validation_result_jwt = issues
            .into_iter()
            .map(|issue| ClaimIssue {
                description: issue.description,
                blocking: issue.is_blocking,
                time_check: issue.is_about_time,
                ..ClaimIssue::default()
            })
            .collect();
    }
    context.state.lists.shuffle(&mut info.exports);
    context.state.lists.shuffle(&mut info.imports);
    Ok(info)
}

/// What was taken back, and since when.
fn revoked(revocations: &BTreeMap<String, i64>) -> BTreeMap<String, Timestamp> {
    let since = |at: i64| Timestamp::from_unix_nanos(at.saturating_mul(1_000_000_000));
    let revocations = revocations.iter();
    revocations
        .map(|(key, &at)| (key.clone(), since(at)))
        .collect()
}

fn mappings(account: &Account) -> BTreeMap<String, Vec<MapDest>> {
    let destination = |share: &Share, cluster: &str| MapDest {
        subject: share.transform.destination().to_owned(),
        // The server shows up to where a share reaches.
        weight: share.up_to,
        cluster: cluster.to_owned(),
        ..MapDest::default()
    };
    let of = |mapping: &Mapping| {
        let main = mapping.main.iter().map(|share| destination(share, ""));
        let clusters = mapping
            .clusters
            .iter()
            .flat_map(|(cluster, shares)| shares.iter().map(|share| destination(share, cluster)));
        main.chain(clusters).collect()
    };
    let mappings = account.mappings.iter();
    mappings
        .map(|mapping| (mapping.source.clone(), of(mapping)))
        .collect()
}

fn exports(shared: &Shared) -> Vec<AccountExport> {
    let services = shared.services.iter().filter(|service| !service.is_gone);
    let services = services.map(|service| AccountExport {
        subject: service.subject.to_string(),
        export_type: "service".to_owned(),
        response_type: service.plan.response_type.name().to_owned(),
        service_latency: service.plan.latency.as_ref().map(latency),
        approved_accounts: service.plan.approval.accounts.clone(),
        token_req: service.plan.approval.token_required,
        revoked_activations: revoked(&service.plan.approval.revocations),
        ..AccountExport::default()
    });
    let streams = shared
        .streams
        .iter()
        .map(|(subject, approval)| AccountExport {
            subject: subject.to_string(),
            export_type: "stream".to_owned(),
            approved_accounts: approval.accounts.clone(),
            token_req: approval.token_required,
            revoked_activations: revoked(&approval.revocations),
            ..AccountExport::default()
        });
    services.chain(streams).collect()
}

fn imports(context: &Context<'_>, shared: &Shared) -> Vec<AccountImport> {
    let streams = shared.stream_imports.iter().map(|import| AccountImport {
        subject: import.from.to_string(),
        account: context.account_name(import.account),
        local_subject: import.to.to_string(),
        import_type: "stream".to_owned(),
        invalid: import.is_invalid,
        ..AccountImport::default()
    });
    let services = shared.imports.iter().map(|(_, import)| AccountImport {
        subject: import.to_subject.to_string(),
        account: context.account_name(import.to_account),
        to: import.subject.to_string(),
        local_subject: import.subject.to_string(),
        import_type: "service".to_owned(),
        invalid: import.is_invalid,
        share: import.shares_client,
        latency: import.latency.as_ref().map(latency),
        ..AccountImport::default()
    });
    streams.chain(services).collect()
}

/// The answers that other accounts wait for.
fn responses(context: &Context<'_>, account: &Account) -> BTreeMap<String, Value> {
    let awaited = account.replies.awaited();
    let awaited = awaited.filter(|(_, awaited)| awaited.server == context.server);
    awaited
        .map(|(subject, awaited)| {
            let import = AccountImport {
                subject: text(&awaited.reply),
                account: context.account_name(awaited.account),
                to: text(subject),
                local_subject: text(subject),
                import_type: "service".to_owned(),
                share: awaited.shares,
                ..AccountImport::default()
            };
            let mut value = serde_json::to_value(import).unwrap_or_default();
            // The server does not spell the type out here.
            value["type"] = Value::from(2);
            (text(subject), value)
        })
        .collect()
}

fn latency(latency: &LatencyOptions) -> ServiceLatencyConfig {
    ServiceLatencyConfig {
        sampling: match latency.sampling {
            Sampling::Percent(percent) => Value::from(percent),
            Sampling::Headers => Value::from("headers"),
        },
        results: latency.subject.clone(),
        ..ServiceLatencyConfig::default()
    }
}
