//! The `leafnodes` block, without its remotes.

use std::collections::HashSet;

use nats_mock_protocol::conf::{Kind, Map, Value, fold};

use super::{
    auth::missing_authorization,
    durations::write_timeout,
    min_version,
    problem::{Problem, ProblemKind},
    read::{
        Reader, boolean, invalid, needs_identity, non_empty, string, unsupported, unsupported_type,
        wrong_type,
    },
    start::StartError,
    tls::Side,
    words::plain,
};
use crate::{
    identity::{self, Role},
    topology::links::{LeafAuth, LeafNodeOptions, LeafUser},
    version::Feature,
};

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
                "tls" => leafnodes.tls = Some(self.tls(value, Side::Clients)?),
                "leafnode_advertise" | "advertise" => {
                    leafnodes.advertise = non_empty(string(value)?);
                }
                "no_advertise" => leafnodes.no_advertise = boolean(value)?,
                "min_version" | "minimum_version" => {
                    let version = string(value)?;
                    match min_version::check(&version, self.has(Feature::SemanticVersions)) {
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
                    let nkey = string(value)?;
                    match needs_identity(key, value) {
                        Err(problem) => self.problems.push(problem),
                        Ok(()) if !identity::is_public_key(Role::User, &nkey) => {
                            let reason = "Not a valid public nkey for leafnode authorization";
                            self.problems.push(invalid(value, reason));
                        }
                        Ok(()) => {}
                    }
                    auth.nkey = non_empty(nkey);
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

/// Whether the single user, or its nkey, and the others go together.
pub(super) fn check_users(auth: &LeafAuth) -> Result<(), StartError> {
    let users = auth.users.as_deref().unwrap_or_default();
    if !users.is_empty() && auth.user.is_some() {
        return Err(StartError::LeafUserAndUsers);
    }
    if !users.is_empty() && auth.nkey.is_some() {
        return Err(StartError::LeafNkeyAndUsers);
    }
    let mut names = HashSet::new();
    match users.iter().find(|user| !names.insert(&user.user)) {
        None => Ok(()),
        Some(twice) => Err(StartError::LeafUserTwice(twice.user.clone())),
    }
}
