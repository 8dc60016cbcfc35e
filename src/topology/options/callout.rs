//! The `auth_callout` of an `authorization` block.

use nats_mock_protocol::conf::{Kind, Value, fold};

use super::problem::{Problem, ProblemKind};
use super::read::{Reader, invalid, needs_identity, string};
use super::start::GLOBAL_ACCOUNT;
use super::words::{plain, quote};
use crate::identity::{self, Role};
use crate::topology::CalloutOptions;
use crate::version::Feature;

impl Reader<'_> {
    pub(super) fn callout(&mut self, key: &str, value: &Value) -> Result<CalloutOptions, Problem> {
        needs_identity(key, value)?;
        let map = value.as_map().ok_or_else(|| {
            let found = plain(&value.kind);
            let reason = format!("Expected authorization callout to be a map/struct, got {found}");
            invalid(value, reason)
        })?;
        let mut callout = CalloutOptions::default();
        let mut last = value;
        for (key, value) in map.iter() {
            last = value;
            match fold(key).as_str() {
                "issuer" => callout.issuer = public_key(value, Role::Account)?,
                "account" | "acc" => callout.account = string(value)?,
                "auth_users" | "users" => callout.auth_users = names(value, "auth_users field")?,
                "xkey" | "key" => callout.xkey = Some(public_key(value, Role::Curve)?),
                "allowed_accounts" if self.has(Feature::CalloutAllowedAccounts) => {
                    callout.allowed_accounts = names(value, "allowed accounts field")?;
                }
                _ if value.is_used_variable() => {}
                _ => {
                    let field = quote(key);
                    let reason = format!("Unknown field {field} parsing authorization callout");
                    self.problems.push(invalid(value, reason));
                }
            }
        }
        if callout.account.is_empty() {
            callout.account = GLOBAL_ACCOUNT.to_owned();
        }
        let missing = match () {
            () if callout.issuer.is_empty() => "an issuer",
            () if callout.auth_users.is_empty() => "authorized users",
            () => return Ok(callout),
        };
        let reason = format!("Authorization callouts require {missing} to be specified");
        Err(invalid(last, reason))
    }

    /// What can be said of the accounts that a callout names when all are known.
    pub(super) fn check_callout(&mut self) {
        let auth = self.options.authorization.as_ref();
        let callout = auth.and_then(|auth| auth.callout.as_ref());
        let allowed = callout.map_or(&[][..], |callout| &callout.allowed_accounts);
        let accounts = &self.options.accounts;
        let unknown = allowed
            .iter()
            .filter(|name| accounts.iter().all(|account| account.name != **name));
        let problems: Vec<Problem> = unknown
            .map(|name| {
                let name = quote(name);
                let text =
                    format!("auth_callout allowed account {name} not found in configured accounts");
                Problem {
                    at: None,
                    kind: ProblemKind::Invalid(text),
                }
            })
            .collect();
        self.problems.extend(problems);
    }
}

fn public_key(value: &Value, role: Role) -> Result<String, Problem> {
    let text = string(value)?;
    if identity::is_public_key(role, &text) {
        return Ok(text);
    }
    let wanted = match role {
        Role::Curve => "callout xkey to be a valid public xkey",
        _ => "callout user to be a valid public account nkey",
    };
    let reason = format!("Expected {wanted}, got {}", quote(&text));
    Err(invalid(value, reason))
}

fn names(value: &Value, what: &str) -> Result<Vec<String>, Problem> {
    let Kind::Array(list) = &value.kind else {
        // The server names the type of what it keeps the value in.
        let reason = format!("Expected {what} to be an array, got *conf.token");
        return Err(invalid(value, reason));
    };
    list.iter().map(string).collect()
}
