//! STATZ: connections and traffic of accounts.

use super::EventFilterOptions;
use crate::events::AccountStat;
use crate::json::{Extra, Field, RequestOptions, Slot};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Options of `$SYS.REQ.ACCOUNT.PING.STATZ` and `$SYS.REQ.ACCOUNT.<account>.STATZ`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountStatzOptions {
    /// Only these accounts; `null` on the wire when `None`.
    pub accounts: Option<Vec<String>>,
    /// Also accounts without connections.
    pub include_unused: bool,
    /// Which servers shall answer.
    #[serde(flatten)]
    pub filter: EventFilterOptions,
    /// Unknown members, which servers ignore.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RequestOptions for AccountStatzOptions {
    const GO_STRUCT: &'static str = "AccountStatzEventOptions";

    fn fields(&mut self) -> Vec<Field<'_>> {
        [
            Field::new("accounts", Slot::NullableList(&mut self.accounts)),
            Field::new("include_unused", Slot::Bool(&mut self.include_unused)),
        ]
        .into_iter()
        .map(|field| field.embedded_in("AccountStatzOptions"))
        .chain(self.filter.embedded())
        .collect()
    }
}

/// Data of a STATZ reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountStatz {
    /// Server id.
    pub server_id: String,
    /// When the figures were taken, in UTC.
    pub now: Timestamp,
    /// The accounts, in an order of the server's making.
    pub account_statz: Vec<AccountStat>,
    /// Unknown members.
    #[serde(flatten)]
    pub extra: Extra,
}
