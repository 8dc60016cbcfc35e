//! `$SYS.REQ.ACCOUNT.<account>.INFO`: what a server knows about an account.

use nats_mock_protocol::monitor::{AccountExport, AccountImport, AccountInfo, AccountInfoOptions};

use super::registry::{Endpoint, JETSTREAM_API, Scope};
use super::requests::Refusal;
use super::subsz::list_stats;
use super::system::Context;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("INFO", Scope::Account, |context, call| {
    call.answer(context, |context, _: AccountInfoOptions| {
        account_info(context, call.token(3))
    })
});

/// What the system account offers to all others.
const EXPORTS: [(&str, &str); 4] = [
    ("$SYS.REQ.ACCOUNT.*.CONNZ", "Streamed"),
    ("$SYS.REQ.ACCOUNT.*.STATZ", "Streamed"),
    ("$SYS.DEBUG.SUBSCRIBERS", "Singleton"),
    ("$SYS.REQ.USER.*.INFO", "Singleton"),
];

/// What is known of an account; also part of ACCOUNTZ.
pub(super) fn account_info(context: &mut Context<'_>, name: &str) -> Result<AccountInfo, Refusal> {
    let core = &*context.core;
    let Some(id) = context.account_named(name) else {
        return Err(format!("Account {name} does not exist").into());
    };
    let account = core.account(id);
    let is_system = id == context.system;
    let global = core.account(context.server().global);
    let offers_jetstream = global
        .imports
        .iter()
        .any(|import| *import.subject == *JETSTREAM_API);
    let jetstream = [(JETSTREAM_API, "Singleton")];
    let exports = EXPORTS
        .iter()
        .chain(jetstream.iter().filter(|_| offers_jetstream))
        .filter(|_| is_system);
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
        exports: exports
            .map(|(subject, response_type)| AccountExport {
                subject: (*subject).to_owned(),
                export_type: "service".to_owned(),
                response_type: (*response_type).to_owned(),
                ..AccountExport::default()
            })
            .collect(),
        imports: account
            .imports
            .iter()
            .map(|import| AccountImport {
                subject: import.to_subject.to_string(),
                account: context.account_name(import.to_account),
                to: import.subject.to_string(),
                local_subject: import.subject.to_string(),
                import_type: "service".to_owned(),
                share: import.shares_client,
                ..AccountImport::default()
            })
            .collect(),
        name_tag: context.server().profile.account_tag(&account.name),
        sublist_stats: Some(list_stats(core, context.server, &account.name)),
        ..AccountInfo::default()
    };
    context.state.lists.shuffle(&mut info.exports);
    context.state.lists.shuffle(&mut info.imports);
    Ok(info)
}
