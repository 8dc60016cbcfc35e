//! `$SYS.REQ.SERVER.PING.ACCOUNTZ` and `$SYS.REQ.SERVER.<id>.ACCOUNTZ`: the accounts of a server,
//! or one of them.

use nats_mock_protocol::monitor::{Accountz, AccountzOptions};

use super::account_info::account_info;
use super::registry::{Endpoint, Scope};
use super::requests::Refusal;
use super::system::Context;

pub(super) const ENDPOINT: Endpoint = Endpoint::new("ACCOUNTZ", Scope::Server, |context, call| {
    call.answer(context, |context, options: AccountzOptions| {
        accountz(context, &options.account)
    })
});

fn accountz(context: &mut Context<'_>, account: &str) -> Result<Accountz, Refusal> {
    let mut accountz = Accountz {
        server_id: context.server_id(),
        now: context.utc_now(),
        system_account: context.account_name(context.system),
        ..Accountz::default()
    };
    if account.is_empty() {
        let accounts = context.core.accounts_of(context.server);
        accountz.accounts = accounts
            .map(|(_, account)| account.name.to_string())
            .collect();
        context.state.lists.shuffle(&mut accountz.accounts);
    } else {
        accountz.account_detail = Some(Box::new(account_info(context, account)?));
    }
    Ok(accountz)
}
