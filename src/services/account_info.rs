//! `$SYS.REQ.ACCOUNT.<account>.INFO`: what a server knows about an account.

use nats_mock_protocol::monitor::{AccountExport, AccountImport, AccountInfo, AccountInfoOptions};

use super::registry::{Endpoint, Scope};
use super::requests::Answer;
use super::subsz::list_stats;
use super::system::Context;
use crate::core::AccountId;

pub(super) const ENDPOINT: Endpoint = Endpoint {
    name: "INFO",
    scope: Scope::Account,
    answers_without_reply: false,
    answer: |context, call| {
        if let Err(answer) = call.options::<AccountInfoOptions>(context, |options| &options.filter)
        {
            return answer;
        }
        let name = call.token(3);
        match context.core.account_named(name) {
            Some(account) => {
                let info = info(context, account);
                Answer::data(context, info)
            }
            None => Answer::failed(context, format!("Account {name} does not exist")),
        }
    },
};

/// What the system account offers to all others.
const EXPORTS: [(&str, &str); 4] = [
    ("$SYS.REQ.ACCOUNT.*.CONNZ", "Streamed"),
    ("$SYS.REQ.ACCOUNT.*.STATZ", "Streamed"),
    ("$SYS.DEBUG.SUBSCRIBERS", "Singleton"),
    ("$SYS.REQ.USER.*.INFO", "Singleton"),
];

fn info(context: &Context<'_>, id: AccountId) -> AccountInfo {
    let core = &*context.core;
    let account = core.account(id);
    let is_system = id == context.system;
    let exports = EXPORTS.iter().filter(|_| is_system);
    AccountInfo {
        account_name: account.name.to_string(),
        update_time: core.utc(context.server().config_load_time),
        is_system,
        complete: true,
        client_connections: account.on_server[context.server.0 as usize].clients.len() as i64,
        subscriptions: u64::from(account.subs.len()),
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
        name_tag: account.name.to_string(),
        sublist_stats: Some(list_stats(core, &account.name)),
        ..AccountInfo::default()
    }
}
