//! The keys of operator mode: `operator`, `trusted_keys`, `resolver` and `resolver_preload`.

use std::{fs, io};

use nats_mock_protocol::conf::{Kind, Value};

use super::{
    ServerOptions,
    problem::Problem,
    read::{Reader, invalid, needs_identity, non_empty, unsupported_type},
    resolver::account_server,
    start::StartError,
    words::quote,
};
use crate::{
    Version,
    identity::{self, Role},
    topology::operator::{OperatorOptions, Resolver},
};

/// How a JWT begins, by which it is told from the name of a file.
const JWT_START: &str = "eyJ";

impl Reader<'_> {
    pub(super) fn operator_options(&mut self) -> &mut OperatorOptions {
        self.options.operator.get_or_insert_default()
    }

    /// `operator`: the JWT of one, or a list of them.
    pub(super) fn operators(&mut self, key: &str, value: &Value) -> Result<(), Problem> {
        needs_identity(key, value)?;
        const START: &str = "error parsing operators: unsupported type";
        let texts: Vec<&str> = match &value.kind {
            Kind::String(text) => vec![text],
            Kind::Array(array) => {
                let texts: Vec<&str> = array.iter().map_while(Value::as_str).collect();
                if texts.len() < array.len() {
                    let reason = format!("{START} *conf.token where string is expected");
                    self.problems.push(invalid(value, reason));
                }
                texts
            }
            _ => return Err(unsupported_type(value, START)),
        };
        for text in texts {
            let read = operator_jwt(text)
                .and_then(|jwt| identity::operator(&jwt).map_err(|error| error.to_string()));
            match read {
                Ok(token) => {
                    let claims = &token.claims.nats;
                    if self.options.system_account.is_none() && self.first_operator() {
                        self.options.system_account = non_empty(claims.system_account.clone());
                    }
                    self.operator_options()
                        .operators
                        .push(token.text.to_string());
                }
                Err(error) => {
                    let reason = format!("error parsing operator JWT: {error}");
                    self.problems.push(invalid(value, reason));
                }
            }
        }
        self.operator_options();
        self.account_server_of_operator();
        Ok(())
    }

    /// The only operator may say where the JWTs of accounts are, if nothing else does.
    fn account_server_of_operator(&mut self) {
        let version = self.version;
        let options = self.operator_options();
        let [operator] = &options.operators[..] else {
            return;
        };
        let Ok(token) = identity::operator(operator) else {
            return;
        };
        if options.resolver.is_none() {
            let url = &token.claims.nats.account_server_url;
            // An address that is none is passed over, as tools check what they put there.
            let server = account_server(url, version).ok();
            let server =
                server.and_then(|_| account_server(&format!("{url}/accounts"), version).ok());
            options.resolver = server.map(Resolver::Url);
        }
    }

    fn first_operator(&self) -> bool {
        let operator = self.options.operator.as_ref();
        operator.is_none_or(|operator| operator.operators.is_empty())
    }

    /// `trusted_keys`: a public key, or a list of them.
    pub(super) fn trusted_keys(&mut self, key: &str, value: &Value) -> Result<(), Problem> {
        needs_identity(key, value)?;
        const START: &str = "error parsing trusted: unsupported type";
        let keys: Vec<String> = match &value.kind {
            Kind::String(key) => vec![key.clone()],
            Kind::Array(array) => {
                let mut keys = Vec::new();
                for entry in array {
                    match entry.as_str() {
                        Some(key) => keys.push(key.to_owned()),
                        None => {
                            let start = format!("{START} in array");
                            self.problems.push(unsupported_type(entry, &start));
                        }
                    }
                }
                keys
            }
            _ => return Err(unsupported_type(value, START)),
        };
        // The server names the place of the last of them.
        let place = value.as_array().and_then(<[Value]>::last).unwrap_or(value);
        for key in &keys {
            if !identity::is_public_key(Role::Operator, key) {
                let key = quote(key);
                let reason = format!("trust key {key} required to be a valid public operator nkey");
                self.problems.push(invalid(place, reason));
            }
        }
        self.operator_options().trusted_keys = keys;
        Ok(())
    }

    /// `resolver_preload`: JWTs by the public keys of their accounts.
    pub(super) fn resolver_preload(&mut self, key: &str, value: &Value) -> Result<(), Problem> {
        needs_identity(key, value)?;
        let Some(map) = value.as_map() else {
            let reason = "preload should be a map of account_public_key:account_jwt";
            return Err(invalid(value, reason));
        };
        for (account, value) in map.iter() {
            let Some(text) = value.as_str() else {
                let reason = "preload map value should be a string JWT";
                self.problems.push(invalid(value, reason));
                continue;
            };
            match identity::account(text) {
                Ok(_) => {
                    let preload = &mut self.operator_options().preload;
                    preload.insert(account.to_owned(), text.to_owned());
                }
                Err(_) => self.problems.push(invalid(value, "invalid account JWT")),
            }
        }
        self.operator_options();
        Ok(())
    }
}

/// What is wrong with the version that an operator wants of servers, or with a server of this one.
fn mismatch(wanted: &str, version: Version) -> Option<String> {
    if wanted.is_empty() {
        return None;
    }
    let parts = match parts_of(wanted) {
        Ok(parts) => parts,
        Err(why) => {
            return Some(format!("expects version {wanted} got error instead: {why}"));
        }
    };
    let own = parts_of(&version.to_string()).unwrap_or_default();
    let names = ["major", "minor", "update"];
    let mut pairs = std::iter::zip(names, std::iter::zip(parts, own));
    let (name, (wanted, own)) = pairs.find(|(_, (wanted, own))| wanted != own)?;
    (wanted > own)
        .then(|| format!("expected {name} version {wanted} > server {name} version {own}"))
}

fn parts_of(version: &str) -> Result<[i64; 3], String> {
    let parts: Vec<&str> = version.split('.').collect();
    let [major, minor, update] = parts[..] else {
        return Err(
            "asserted server version must be of the form <major>.<minor>.<update>".to_owned(),
        );
    };
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip([major, minor, update]) {
        *number = part
            .parse()
            .map_err(|_| format!("asserted server version cant parse {part} to int"))?;
    }
    if numbers.iter().any(|&number| number < 0) {
        return Err(format!(
            "asserted server version can'b contain negative values: {version}"
        ));
    }
    Ok(numbers)
}

/// The JWT of an operator: the text itself, or what is in the file that it names.
fn operator_jwt(text: &str) -> Result<String, String> {
    let contents = match fs::read_to_string(text) {
        Ok(contents) => contents,
        Err(_) if text.starts_with(JWT_START) => text.to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!("open {text}: no such file or directory"));
        }
        Err(error) => return Err(format!("open {text}: {error}")),
    };
    // Tools put it between two lines of dashes.
    let mut lines = contents.lines();
    let is_dashed = |line: &str| line.starts_with("---") && line.ends_with("---");
    let decorated = lines
        .find(|line| is_dashed(line))
        .and_then(|_| lines.next())
        .filter(|_| lines.next().is_some_and(is_dashed));
    Ok(decorated.unwrap_or(&contents).trim().to_owned())
}

impl ServerOptions {
    /// What goes together in operator mode.
    pub(super) fn validate_operator(&self, version: Version) -> Result<(), StartError> {
        let Some(operator) = &self.operator else {
            return Ok(());
        };
        let has_operators = !operator.operators.is_empty();
        if !has_operators {
            return Ok(());
        }
        let auth = self.authorization.as_ref();
        let has_users = auth.is_some_and(|auth| !auth.users.is_empty());
        let problem = if operator.resolver.is_none() {
            "operators require an account resolver to be configured"
        } else if !self.accounts.is_empty() {
            "operators do not allow Accounts to be configured directly"
        } else if has_users {
            "operators do not allow users to be configured directly"
        } else if !operator.trusted_keys.is_empty() {
            "conflicting options for 'TrustedKeys' and 'TrustedOperators'"
        } else if self.is_other_system_account(operator) {
            "system_account in config and operator JWT must be identical"
        } else if self.system_account.is_none()
            && matches!(
                operator.resolver,
                Some(Resolver::Full(_) | Resolver::Cache(_))
            )
        {
            "using nats based account resolver - the system account needs to be specified in configuration or the \
             operator jwt"
        } else if self.no_auth_user.is_some() {
            "no_auth_user not compatible with Trusted Operator"
        } else {
            return self.validate_claims_of_operators(operator, version);
        };
        Err(StartError::Operator(problem.to_owned()))
    }

    fn validate_claims_of_operators(
        &self,
        options: &OperatorOptions,
        version: Version,
    ) -> Result<(), StartError> {
        let tokens = options.operators.iter();
        let operators: Vec<_> = tokens
            .filter_map(|text| identity::operator(text).ok())
            .map(|token| token.claims)
            .collect();
        for claims in &operators {
            let wanted = &claims.nats.assert_server_version;
            if let Some(problem) = mismatch(wanted, version) {
                let operator = &claims.sub;
                return Err(StartError::Operator(format!(
                    "operator {operator} {problem}"
                )));
            }
        }
        match &options.resolver {
            Some(Resolver::Url(server)) if server.is_encrypted() && !cfg!(feature = "tls") => {
                let problem = "a resolver with a URL of https takes the feature `tls` of nats-mock";
                Err(StartError::Operator(problem.to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn is_other_system_account(&self, operator: &OperatorOptions) -> bool {
        let Some(configured) = &self.system_account else {
            return false;
        };
        let claimed: Vec<String> = operator
            .operators
            .iter()
            .filter_map(|text| identity::operator(text).ok())
            .map(|token| token.claims.nats.system_account)
            .filter(|account| !account.is_empty())
            .collect();
        !claimed.is_empty() && !claimed.contains(configured)
    }
}
