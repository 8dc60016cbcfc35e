//! `$SYS.REQ.ACCOUNT.<account>.STATZ` and `$SYS.REQ.ACCOUNT.PING.STATZ`: connections and traffic of
//! one account, of some, or of all.
//!
//! A server without anything to tell keeps silent.

use nats_mock_protocol::monitor::{AccountStatz, AccountStatzOptions};

use super::account_conns::account_stat;
use super::registry::{Endpoint, Scope};
use super::requests::Refusal;
use super::system::Context;
use crate::core::AccountId;
use crate::version::Feature;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("STATZ", Scope::Account, |context, call| {
    call.answer(context, |context, mut options: AccountStatzOptions| {
        let account = call.token(3);
        // That one is answered under a subscription of its own.
        if account == "PING" {
            return Err(Refusal::Silence);
        }
        options.accounts = Some(vec![account.to_owned()]);
        statz(context, &options)
    })
});

pub(super) const PING_ENDPOINT: Endpoint = Endpoint::new(
    "STATZ",
    Scope::At("$SYS.REQ.ACCOUNT.PING.STATZ"),
    |context, call| {
        call.answer(context, |context, options: AccountStatzOptions| {
            statz(context, &options)
        })
    },
);

fn statz(
    context: &mut Context<'_>,
    options: &AccountStatzOptions,
) -> Result<AccountStatz, Refusal> {
    let core = &*context.core;
    let counts_leafs = core
        .server(context.server)
        .profile
        .has(Feature::StatzOfLeafsAlone);
    let named = options.accounts.as_deref().unwrap_or_default();
    let mut asked: Vec<AccountId> = if named.is_empty() {
        let mut all: Vec<_> = core.accounts_of(context.server).map(|(id, _)| id).collect();
        context.state.lists.shuffle(&mut all);
        all
    } else {
        let named = named.iter();
        named
            .filter_map(|name| context.account_named(name))
            .collect()
    };
    asked.retain(|&id| {
        let tally = core.tally(id, context.server);
        let used = if counts_leafs {
            tally.total()
        } else {
            tally.connections
        };
        options.include_unused || used > 0
    });
    if asked.is_empty() && !options.include_unused {
        return Err(Refusal::Silence);
    }
    let stats = asked
        .into_iter()
        .map(|id| account_stat(context, id, core.tally(id, context.server)));
    Ok(AccountStatz {
        account_statz: stats.collect(),
        server_id: context.server_id(),
        now: context.utc_now(),
        ..AccountStatz::default()
    })
}
