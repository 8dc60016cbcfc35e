//! Who may import what an account exports.

use std::collections::BTreeMap;

use nats_mock_protocol::subject::is_subset;

use super::SharingProblem;

/// Who may import something.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Approval {
    pub accounts: Vec<String>,
    pub account_token_position: Option<i64>,
    /// Only with a token that says so.
    pub token_required: bool,
    /// Since when the tokens of which accounts are not taken any more.
    pub revocations: BTreeMap<String, i64>,
}

/// What lets an account import something that takes a token.
#[derive(Clone, Copy)]
pub(crate) struct Permit<'a>(pub &'a dyn Fn(&Approval) -> bool);

impl Permit<'_> {
    /// There is no token.
    pub const NONE: Permit<'static> = Permit(&|_| false);
}

impl Approval {
    /// Adds what another export of the same subject says.
    pub fn add(
        &mut self,
        subject: &str,
        accounts: Vec<String>,
        position: Option<i64>,
    ) -> Result<(), SharingProblem> {
        let position = position.filter(|&position| position != 0);
        if accounts.is_empty() && position.is_none() {
            return Ok(());
        }
        if let Some(position) = position {
            let place = token_place(position);
            if place.and_then(|place| subject.split('.').nth(place)) != Some("*") {
                return Err(SharingProblem::InvalidSubject);
            }
        }
        self.account_token_position = position;
        for account in accounts {
            if !self.accounts.contains(&account) {
                self.accounts.push(account);
            }
        }
        Ok(())
    }

    /// Whether an account may import `subject`; `None` if it is the exported one to the letter.
    pub fn allows(&self, account: &str, subject: Option<&str>, permit: Permit<'_>) -> bool {
        if let Some(position) = self.account_token_position {
            let place = token_place(position);
            let token = subject.zip(place);
            return token.and_then(|(subject, place)| subject.split('.').nth(place))
                == Some(account);
        }
        if self.token_required {
            return permit.0(self);
        }
        self.accounts.is_empty() || self.accounts.iter().any(|allowed| allowed == account)
    }
}

/// Where a token is that is counted from 1.
fn token_place(position: i64) -> Option<usize> {
    usize::try_from(position.checked_sub(1)?).ok()
}

/// Who may import `subject`, by the export that is meant; the subject comes along unless it is the
/// exported one to the letter.
pub(super) fn approval<'e, E>(
    exports: &'e BTreeMap<String, E>,
    subject: &'e str,
    approval: impl Fn(&'e E) -> &'e Approval,
) -> Option<(&'e Approval, Option<&'e str>)> {
    if let Some(export) = exports.get(subject) {
        return Some((approval(export), None));
    }
    let mut exports = exports.iter();
    let found = exports.find(|(export, _)| is_subset(subject.as_bytes(), export.as_bytes()));
    found.map(|(_, export)| (approval(export), Some(subject)))
}
