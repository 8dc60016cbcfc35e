//! The names that stand beside those of accounts, which in operator mode are keys.

use super::system::Context;
use crate::core::{AccountId, ClientSnapshot, Core, Identity, Server};
use crate::version::Feature;

impl Context<'_> {
    /// The name that stands beside that of a client's account: what the account calls itself, or before
    /// that was shown, what the token of the client calls the client.
    pub fn name_tag(&self, client: &ClientSnapshot) -> String {
        name_tag(
            self.core,
            self.server(),
            client.account,
            client.identity.as_deref(),
        )
    }

    /// The name that stands beside that of an account.
    pub fn account_tag(&self, account: AccountId) -> String {
        let label = self.core.account_label(account);
        self.server().profile.account_tag(label)
    }
}

/// The name that stands beside that of a client's account.
pub(super) fn name_tag(
    core: &Core,
    server: &Server,
    account: AccountId,
    identity: Option<&Identity>,
) -> String {
    if server.profile.has(Feature::AccountNames) {
        core.account_label(account).to_owned()
    } else {
        identity
            .map(|identity| identity.name.to_string())
            .unwrap_or_default()
    }
}
