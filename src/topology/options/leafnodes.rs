//! The `leafnodes` block, without its remotes.

use std::collections::HashSet;

use nats_mock_protocol::conf::{Kind, Map, Value, fold};

use super::{
    auth::missing_authorization,
    problem::{Problem, ProblemKind},
    read::{
        Reader, boolean, invalid, non_empty, string, unsupported, unsupported_type, write_timeout,
        wrong_type,
    },
    start::StartError,
    words::{plain, quote},
};
use crate::topology::links::{LeafAuth, LeafNodeOptions, LeafUser};

/// Before this release, leaf nodes did not say which one they are.
const OLDEST_MIN_VERSION: (u64, u64, u64) = (2, 8, 0);

impl Reader<'_> {
    pub(super) fn leafnodes(&mut self, value: &Value) -> Result<(), Problem> {
        let map = value
            .as_map()
            .ok_or_else(|| unsupported_type(value, "Expected map to define a leafnode, got"))?;
        let mut leafnodes = self.options.leafnodes.take().unwrap_or_default();
        let read = self.leafnode_keys(map, &mut leafnodes);
        self.options.leafnodes = Some(leafnodes);
        read
    }

    fn leafnode_keys(&mut self, map: &Map, leafnodes: &mut LeafNodeOptions) -> Result<(), Problem> {
        for (key, value) in map.iter() {
            let folded = fold(key);
            if !self.knows(&format!("leafnodes.{folded}")) {
                self.stranger(key, value);
                continue;
            }
            if self.listener(&folded, value, &mut leafnodes.host, &mut leafnodes.port)? {
                continue;
            }
            match folded.as_str() {
                "authorization" => {
                    if let Some(auth) = self.leaf_authorization(value)? {
                        if let Err(error) = check_users(&auth) {
                            self.problems.push(invalid(value, error.to_string()));
                        }
                        leafnodes.authorization = Some(auth);
                    }
                }
                "remotes" => match self.leaf_remotes(value) {
                    Ok(remotes) => leafnodes.remotes = remotes,
                    Err(problem) => self.problems.push(problem),
                },
                "reconnect" | "reconnect_delay" | "reconnect_interval" => {
                    leafnodes.reconnect = self.link_duration("reconnect", key, value)?;
                }
                "dial_timeout" => {
                    leafnodes.dial_timeout = self.link_duration("dial_timeout", key, value)?;
                }
                "tls" => self.problems.push(unsupported(key, value)),
                "leafnode_advertise" | "advertise" => {
                    leafnodes.advertise = non_empty(string(value)?);
                }
                "no_advertise" => leafnodes.no_advertise = boolean(value)?,
                "min_version" | "minimum_version" => {
                    let version = string(value)?;
                    match check_min_version(&version) {
                        Ok(()) => leafnodes.min_version = Some(version),
                        Err(reason) => self.problems.push(invalid(value, reason)),
                    }
                }
                "compression" => {
                    if let Some(read) = self.compression(key, value, "s2_auto") {
                        leafnodes.compression = Some(read);
                    }
                }
                "isolate_leafnode_interest" | "isolate" => {
                    leafnodes.isolate_leafnode_interest = boolean(value)?;
                }
                "write_deadline" => {
                    leafnodes.write_deadline = self.link_duration("write_deadline", key, value)?;
                }
                "write_timeout" => match write_timeout(value) {
                    Ok(policy) => leafnodes.write_timeout = Some(policy),
                    Err(problem) => self.note(problem)?,
                },
                _ => self.stranger(key, value),
            }
        }
        Ok(())
    }

    fn leaf_authorization(&mut self, value: &Value) -> Result<Option<LeafAuth>, Problem> {
        match self.leaf_authorization_keys(value) {
            Ok(auth) => Ok(Some(auth)),
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

    fn leaf_authorization_keys(&mut self, value: &Value) -> Result<LeafAuth, Problem> {
        let map = value
            .as_map()
            .ok_or_else(|| wrong_type(value, "map[string]interface {}"))?;
        let mut auth = LeafAuth::default();
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "user" | "username" => auth.user = non_empty(string(value)?),
                "pass" | "password" => auth.password = non_empty(string(value)?),
                "nkey" => {
                    string(value)?;
                    self.problems.push(unsupported(key, value));
                }
                "timeout" => {
                    auth.timeout = self.timeout("leafnode authorization", key, value)?;
                }
                "users" => match self.leaf_users(value) {
                    Ok(users) => auth.users = users,
                    Err(problem) => self.problems.push(problem),
                },
                "account" => auth.account = non_empty(string(value)?),
                "proxy_required" if self.knows("proxy_required") => {
                    if boolean(value)? {
                        self.problems.push(unsupported(key, value));
                    }
                }
                _ => self.stranger(key, value),
            }
        }
        Ok(auth)
    }

    /// A list of users. A value of the wrong type drops the list.
    fn leaf_users(&mut self, value: &Value) -> Result<Option<Vec<LeafUser>>, Problem> {
        let Kind::Array(array) = &value.kind else {
            let found = plain(&value.kind);
            let reason = format!("Expected users field to be an array, got {found}");
            return Err(invalid(value, reason));
        };
        let mut users = Vec::new();
        for entry in array {
            let Some(map) = entry.as_map() else {
                let found = plain(&entry.kind);
                let reason = format!("Expected user entry to be a map/struct, got {found}");
                self.problems.push(invalid(entry, reason));
                continue;
            };
            match self.leaf_user(map) {
                Ok(user) => users.push(user),
                Err(problem) => {
                    self.problems.push(problem);
                    return Ok(None);
                }
            }
        }
        Ok(Some(users))
    }

    fn leaf_user(&mut self, map: &Map) -> Result<LeafUser, Problem> {
        let mut user = LeafUser::default();
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "user" | "username" => user.user = string(value)?,
                "pass" | "password" => user.password = string(value)?,
                "account" => user.account = non_empty(string(value)?),
                "proxy_required" if self.knows("proxy_required") => {
                    if boolean(value)? {
                        self.problems.push(unsupported(key, value));
                    }
                }
                _ => self.stranger(key, value),
            }
        }
        Ok(user)
    }
}

/// Whether the single user and the others go together.
pub(super) fn check_users(auth: &LeafAuth) -> Result<(), StartError> {
    let users = auth.users.as_deref().unwrap_or_default();
    if !users.is_empty() && auth.user.is_some() {
        return Err(StartError::LeafUserAndUsers);
    }
    let mut names = HashSet::new();
    match users.iter().find(|user| !names.insert(&user.user)) {
        None => Ok(()),
        Some(twice) => Err(StartError::LeafUserTwice(twice.user.clone())),
    }
}

pub(super) fn check_min_version(text: &str) -> Result<(), String> {
    const START: &str = "invalid leafnode's minimum version";
    let parts = version_parts(text).ok_or_else(|| format!("{START}: invalid semver"))?;
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = part
            .parse::<i64>()
            .map_err(|_| {
                format!(
                    "{START}: strconv.Atoi: parsing {}: value out of range",
                    quote(part)
                )
            })?
            .unsigned_abs();
    }
    let [major, minor, patch] = numbers;
    if (major, minor, patch) < OLDEST_MIN_VERSION {
        return Err("the minimum version should be at least 2.8.0".to_owned());
    }
    Ok(())
}

/// Major, minor and patch of a semantic version.
fn version_parts(text: &str) -> Option<[&str; 3]> {
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    let (core, pre) = match text.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (text, None),
    };
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let number = |part: &str| digits(part) && (part == "0" || !part.starts_with('0'));
    let pre_ok = pre.is_none_or(|pre| {
        pre.split('.')
            .all(|part| word(part) && (!digits(part) || number(part)))
    });
    if !pre_ok || !build.is_none_or(|build| build.split('.').all(word)) {
        return None;
    }
    let mut parts = core.split('.');
    let parts_of = [parts.next()?, parts.next()?, parts.next()?];
    (parts.next().is_none() && parts_of.iter().all(|part| number(part))).then_some(parts_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_releases_are_no_minimum() {
        for (text, refused) in [
            ("2.8.0", None),
            ("2.10.0-RC.1+build.7", None),
            ("3.0.0", None),
            (
                "2.7.9",
                Some("the minimum version should be at least 2.8.0"),
            ),
            (
                "2.8",
                Some("invalid leafnode's minimum version: invalid semver"),
            ),
            (
                "v2.8.0",
                Some("invalid leafnode's minimum version: invalid semver"),
            ),
            (
                "2.08.0",
                Some("invalid leafnode's minimum version: invalid semver"),
            ),
            (
                "2.8.0-01",
                Some("invalid leafnode's minimum version: invalid semver"),
            ),
            (
                "2.8.0-",
                Some("invalid leafnode's minimum version: invalid semver"),
            ),
            (
                "2.8.99999999999999999999",
                Some(
                    "invalid leafnode's minimum version: strconv.Atoi: parsing \"99999999999999999999\": value out of range",
                ),
            ),
        ] {
            assert_eq!(check_min_version(text).err().as_deref(), refused, "{text}");
        }
    }
}
