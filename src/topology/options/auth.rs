//! The `authorization` and `accounts` blocks.

use std::collections::HashSet;

use nats_mock_protocol::conf::{Kind, Map, Value, duration, fold};

use super::{
    links::without_place_of,
    problem::{Problem, ProblemKind, Warning},
    read::{
        Reader, boolean, integer, invalid, is_off, needs_identity, non_empty, string, unknown,
        unsupported, wrong_type,
    },
    start::GLOBAL_ACCOUNT,
    words::{plain, quote, quote_list},
};
use crate::{
    identity::{self, Role},
    topology::accounts::{AccountLimits, AccountOptions, AuthOptions, ConnectionType, UserOptions},
    version::Feature,
};

/// Timeouts above this, in seconds, are probably numbers whose unit got lost.
const HIGH_TIMEOUT: f64 = 60.0;

/// An `authorization` block.
#[derive(Default)]
pub(super) struct Block {
    /// The block without its users.
    pub auth: AuthOptions,
    /// Its users: a list without any still excludes a single user.
    pub users: Option<Vec<UserOptions>>,
}

impl Reader<'_> {
    /// The top-level `authorization`.
    pub(super) fn authorization(&mut self, value: &Value) -> Result<(), Problem> {
        let Some(Block { auth, users }) = self.authorization_block(value)? else {
            return Ok(());
        };
        // Kept without users at first, so that `accounts` can tell whether these blocks go together.
        self.options.authorization = Some(auth);
        let auth = self.options.authorization.get_or_insert_default();
        let single = auth.user.is_some();
        if (single || auth.password.is_some()) && auth.token.is_some() {
            return Err(invalid(value, "Cannot have a user/pass and token"));
        }
        if users.is_some() || !self.users.is_empty() {
            if single {
                return Err(invalid(
                    value,
                    "Can not have a single user/pass and a users array",
                ));
            }
            if auth.token.is_some() {
                return Err(invalid(value, "Can not have a token and a users array"));
            }
        }
        let users = users.unwrap_or_default();
        if let Some(twice) = by_kind(&users).find(|user| !self.users.insert(user.id().to_owned())) {
            return Err(invalid(value, duplicate(twice)));
        }
        auth.users = users;
        Ok(())
    }

    /// An `authorization` block of whatever is connected to, or nothing if that is reported already.
    pub(super) fn authorization_block(&mut self, value: &Value) -> Result<Option<Block>, Problem> {
        match self.authorization_keys(value) {
            Ok(block) => Ok(Some(block)),
            Err(problem) if matches!(problem.kind, ProblemKind::WrongType { .. }) => {
                self.problems.push(problem);
                Err(missing_authorization(value))
            }
            Err(problem) => {
                self.problems.push(problem);
                Ok(None)
            }
        }
    }

    fn authorization_keys(&mut self, value: &Value) -> Result<Block, Problem> {
        let map = value
            .as_map()
            .ok_or_else(|| wrong_type(value, "map[string]interface {}"))?;
        let mut block = Block::default();
        let auth = &mut block.auth;
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "user" | "username" => auth.user = non_empty(string(value)?),
                "pass" | "password" => auth.password = non_empty(string(value)?),
                "token" => auth.token = non_empty(string(value)?),
                "timeout" => auth.timeout = self.timeout("authorization", key, value)?,
                "users" => match self.users(value) {
                    Ok(read) => block.users = read,
                    Err(problem) => self.problems.push(problem),
                },
                "default_permission" | "default_permissions" | "permissions" => {
                    match self.permissions(value) {
                        Ok(permissions) => auth.default_permissions = Some(permissions),
                        Err(problem) => self.problems.push(problem),
                    }
                }
                "auth_callout" | "auth_hook" => match self.callout(key, value) {
                    Ok(callout) => auth.callout = Some(callout),
                    Err(problem) => self.problems.push(problem),
                },
                "proxy_required" if self.knows("proxy_required") => {
                    if boolean(value)? {
                        self.problems.push(unsupported(key, value));
                    }
                }
                _ if value.is_used_variable() => {}
                _ => self.problems.push(unknown(key, value)),
            }
        }
        Ok(block)
    }

    /// A time in seconds, or a duration; `block` is what the server calls the block.
    pub(super) fn timeout(
        &mut self,
        block: &str,
        key: &str,
        value: &Value,
    ) -> Result<Option<f64>, Problem> {
        let has_durations = self.has(Feature::AuthTimeoutDurations);
        let seconds = match &value.kind {
            Kind::Integer(n) => *n as f64,
            Kind::Float(n) => *n,
            // These releases take no notice of anything else.
            _ if !has_durations => 1.0,
            Kind::String(text) => {
                let nanos = duration::parse(text).map_err(|error| {
                    invalid(
                        value,
                        format!("error parsing {block} config, 'timeout' {error}"),
                    )
                })?;
                nanos as f64 / 1e9
            }
            _ => {
                return Err(invalid(
                    value,
                    format!("error parsing {block} config, 'timeout' wrong type"),
                ));
            }
        };
        if seconds > HIGH_TIMEOUT && has_durations {
            let text = format!(
                "invalid use of field {}: timeout of {} ({seconds:.6} seconds) is high, consider keeping it under 60 \
                 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example",
                quote(key),
                plain(&value.kind),
            );
            self.warnings.push(Warning::Server {
                at: Some(value.at.clone()),
                text,
            });
        }
        if seconds < 0.0 {
            self.problems.push(unsupported(key, value));
        }
        Ok((seconds != 0.0).then_some(seconds))
    }

    /// A list of users. A value of the wrong type drops the list, which the server reports at once
    /// instead of handing it up.
    fn users(&mut self, value: &Value) -> Result<Option<Vec<UserOptions>>, Problem> {
        let Some(array) = value.as_array() else {
            let found = plain(&value.kind);
            return Err(invalid(
                value,
                format!("Expected users field to be an array, got {found}"),
            ));
        };
        let mut users = Vec::new();
        for entry in array {
            let Some(map) = entry.as_map() else {
                let found = plain(&entry.kind);
                let reason = format!("Expected user entry to be a map/struct, got {found}");
                self.problems.push(invalid(entry, reason));
                continue;
            };
            match self.user(entry, map) {
                Ok(user) => users.push(user),
                Err(problem) if matches!(problem.kind, ProblemKind::WrongType { .. }) => {
                    self.problems.push(problem);
                    return Ok(None);
                }
                Err(problem) => return Err(problem),
            }
        }
        Ok(Some(users))
    }

    /// One user.
    fn user(&mut self, entry: &Value, map: &Map) -> Result<UserOptions, Problem> {
        let mut user = UserOptions::default();
        let mut last = entry;
        for (key, value) in map.iter() {
            last = value;
            match fold(key).as_str() {
                "nkey" => {
                    user.nkey = non_empty(string(value)?);
                    needs_identity(key, value)?;
                }
                "user" | "username" => user.user = string(value)?,
                "pass" | "password" => user.password = string(value)?,
                "permission" | "permissions" | "authorization" => match self.permissions(value) {
                    Ok(permissions) => user.permissions = Some(permissions),
                    Err(problem) => self.problems.push(problem),
                },
                "allowed_connection_types" | "connection_types" | "clients" => {
                    user.allowed_connection_types = self.connection_types(value);
                }
                "proxy_required" if self.knows("proxy_required") => {
                    if boolean(value)? {
                        self.problems.push(unsupported(key, value));
                    }
                }
                _ if value.is_used_variable() => {}
                _ => self.problems.push(unknown(key, value)),
            }
        }
        match &user.nkey {
            None if user.user.is_empty() => Err(invalid(last, "User entry requires a user")),
            Some(nkey) if !identity::is_public_key(Role::User, nkey) => {
                Err(invalid(last, "Not a valid public nkey for a user"))
            }
            Some(_) if !user.user.is_empty() || !user.password.is_empty() => {
                let reason = "Nkey users do not take usernames or passwords";
                Err(invalid(last, reason))
            }
            _ => Ok(user),
        }
    }

    fn connection_types(&mut self, value: &Value) -> Vec<ConnectionType> {
        const FIELD: &str = "error parsing allowed connection types: unsupported type";
        let names: Vec<&str> = match &value.kind {
            Kind::String(name) => vec![name],
            Kind::Array(array) => array
                .iter()
                .filter_map(|element| {
                    let name = element.as_str();
                    if name.is_none() {
                        let found = element.kind.type_name();
                        self.problems
                            .push(invalid(element, format!("{FIELD} in array {found}")));
                    }
                    name
                })
                .collect(),
            other => {
                self.problems
                    .push(invalid(value, format!("{FIELD} {}", other.type_name())));
                return Vec::new();
            }
        };
        let mut types = Vec::new();
        let mut strange = Vec::new();
        for name in names {
            match ConnectionType::from_name(name) {
                Some(known) if types.contains(&known) => {}
                Some(known) => types.push(known),
                None => strange.push(name.to_uppercase()),
            }
        }
        if !strange.is_empty() {
            let reason = format!("invalid connection types {}", quote_list(&strange));
            self.problems.push(invalid(value, reason));
        }
        types
    }

    /// The top-level `accounts`: a list of names, or accounts by name. Anything else is taken without
    /// a word, as the server does.
    pub(super) fn accounts(&mut self, value: &Value) -> Result<(), Problem> {
        match &value.kind {
            Kind::Array(names) => {
                let mut seen = HashSet::new();
                for entry in names {
                    let name = string(entry)?;
                    if name == GLOBAL_ACCOUNT {
                        self.problems.push(reserved(&name, entry));
                    } else if seen.insert(name.clone()) {
                        self.options.accounts.push(AccountOptions::new(name));
                    } else {
                        self.problems
                            .push(invalid(entry, format!("Duplicate Account Entry: {name}")));
                    }
                }
                Ok(())
            }
            Kind::Map(map) => {
                // A key that a variable refers to is that variable, not an account.
                for (name, entry) in map.iter().filter(|(_, entry)| !entry.is_used_variable()) {
                    match entry.as_map() {
                        None => {
                            self.problems
                                .push(invalid(entry, "Expected map entries for accounts"));
                        }
                        Some(_) if name == GLOBAL_ACCOUNT => {
                            self.problems.push(reserved(name, entry))
                        }
                        Some(map) => self.account(name, map)?,
                    }
                }
                self.check_sharing(value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn account(&mut self, name: &str, map: &Map) -> Result<(), Problem> {
        let mut account = AccountOptions::new(name);
        let mut users_at = None;
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "users" => {
                    users_at = Some(value);
                    match self.users(value) {
                        Ok(users) => account.users = users.unwrap_or_default(),
                        Err(problem) => {
                            self.problems.push(without_place_of(value, problem));
                        }
                    }
                }
                "default_permissions" => match self.permissions(value) {
                    Ok(permissions) => account.default_permissions = Some(permissions),
                    Err(problem) => self.problems.push(problem),
                },
                "limits" => match self.limits(value) {
                    Ok(limits) => account.limits = limits,
                    Err(problem) => self.problems.push(problem),
                },
                "nkey" => self.account_nkey(key, value),
                "msg_trace" | "trace_dest" if self.knows("accounts.msg_trace") => {
                    match self.msg_trace(key, value) {
                        Ok(trace) => account.msg_trace = trace,
                        Err(problem) => self.problems.push(problem),
                    }
                }
                "exports" => match self.exports(value) {
                    Ok(exports) => account.exports = exports,
                    Err(problem) => self.problems.push(problem),
                },
                "imports" => match self.imports(value) {
                    Ok(imports) => account.imports = imports,
                    Err(problem) => self.problems.push(problem),
                },
                "mappings" | "maps" => match self.mappings(value) {
                    Ok(mappings) => account.mappings = mappings,
                    Err(problem) => self.problems.push(problem),
                },
                "jetstream" if is_off(&value.kind) => {}
                "jetstream" => {
                    self.problems.push(unsupported(key, value));
                }
                _ if value.is_used_variable() => {}
                _ => self.problems.push(unknown(key, value)),
            }
        }
        if let Some(users_at) = users_at {
            self.check_account_users(&account, users_at);
        }
        self.options.accounts.push(account);
        Ok(())
    }

    fn check_account_users(&mut self, account: &AccountOptions, users_at: &Value) {
        let auth = self.options.authorization.as_ref();
        let clash = match auth {
            _ if account.users.is_empty() => None,
            Some(auth) if auth.user.is_some() => {
                Some("Can not have a single user/pass and accounts")
            }
            Some(auth) if auth.token.is_some() => Some("Can not have a token and accounts"),
            _ => None,
        };
        if let Some(reason) = clash {
            self.problems.push(invalid(users_at, reason));
            return;
        }
        let (nkeys, named): (Vec<_>, Vec<_>) =
            account.users.iter().partition(|user| user.nkey.is_some());
        for user in nkeys.into_iter().chain(named) {
            if !self.users.insert(user.id().to_owned()) {
                self.problems.push(invalid(users_at, duplicate(user)));
            }
        }
    }

    /// The nkey of an account by which no client can see or use anything.
    fn account_nkey(&mut self, key: &str, value: &Value) {
        let is_one = value
            .as_str()
            .is_some_and(|nkey| identity::is_public_key(Role::Account, nkey));
        if let Err(problem) = needs_identity(key, value) {
            self.problems.push(problem);
        } else if !is_one {
            let found = value.as_str().map_or_else(|| plain(&value.kind), quote);
            let reason = format!("Not a valid public nkey for an account: {found}");
            self.problems.push(invalid(value, reason));
        }
    }

    fn limits(&mut self, value: &Value) -> Result<AccountLimits, Problem> {
        let Some(map) = value.as_map() else {
            let found = plain(&value.kind);
            return Err(invalid(
                value,
                format!("Expected account limits to be a map/struct, got {found}"),
            ));
        };
        let mut limits = AccountLimits::default();
        for (key, value) in map.iter() {
            // The server keeps 32 bits of each, whatever is lost.
            let limit = || integer(value).map(|n| Some(n as i32));
            match fold(key).as_str() {
                "max_connections" | "max_conn" => limits.max_connections = limit()?,
                "max_subscriptions" | "max_subs" => limits.max_subscriptions = limit()?,
                "max_payload" | "max_pay" => limits.max_payload = limit()?,
                "max_leafnodes" | "max_leafs" => limits.max_leafnodes = limit()?,
                _ if value.is_used_variable() => {}
                _ => {
                    let reason = format!("Unknown field {} parsing account limits", quote(key));
                    self.problems.push(invalid(value, reason));
                }
            }
        }
        Ok(limits)
    }
}

/// What the server falls over once it has lost a block to a value of the wrong type.
pub(super) fn missing_authorization(value: &Value) -> Problem {
    Problem {
        at: Some(value.at.clone()),
        kind: ProblemKind::MissingAuthorization,
    }
}

/// Users with names before those with nkeys.
fn by_kind(users: &[UserOptions]) -> impl Iterator<Item = &UserOptions> {
    let (named, nkeys): (Vec<_>, Vec<_>) = users.iter().partition(|user| user.nkey.is_none());
    named.into_iter().chain(nkeys)
}

fn duplicate(user: &UserOptions) -> String {
    let kind = match user.nkey {
        Some(_) => "nkey",
        None => "user",
    };
    format!("Duplicate {kind} {} detected", quote(user.id()))
}

fn reserved(name: &str, value: &Value) -> Problem {
    invalid(value, format!("{} is a Reserved Account", quote(name)))
}
