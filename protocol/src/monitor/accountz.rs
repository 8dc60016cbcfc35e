//! ACCOUNTZ: the accounts of a server.

use super::{AccountInfo, EventFilterOptions};
use crate::json::{Extra, Field, RequestOptions, Slot};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Options of an ACCOUNTZ request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountzOptions {
    /// Describe this account instead of listing all.
    pub account: String,
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for AccountzOptions {
    const GO_STRUCT: &'static str = "AccountzEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        let account = Field::new("account", Slot::Text(&mut self.account));
        std::iter::once(account.embedded_in("AccountzOptions"))
            .chain(self.filter.embedded())
            .collect()
    }
}

/// Data of an ACCOUNTZ reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Accountz {
    /// Server id.
    pub server_id: String,
    /// When the figures were taken, in UTC.
    pub now: Timestamp,
    /// Name of the system account. Left out when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_account: String,
    /// Names of all accounts, in an order of the server's making. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// The account that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_detail: Option<Box<AccountInfo>>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
