//! The `remotes` of the `leafnodes` block.

use nats_mock_protocol::conf::{Kind, Map, Value, fold};

use super::{
    links::without_place_of,
    problem::Problem,
    read::{
        Reader, boolean, invalid, needs_identity, non_empty, string, unsupported, unsupported_type,
    },
    start::GLOBAL_ACCOUNT,
    tls::Side,
    words::{plain, quote},
};
use crate::{
    identity,
    topology::links::{LeafCredentials, LeafRemote},
    version::Feature,
};

impl Reader<'_> {
    /// The servers to join. A value of the wrong type drops them all.
    pub(super) fn leaf_remotes(&mut self, value: &Value) -> Result<Vec<LeafRemote>, Problem> {
        let array = value
            .as_array()
            .ok_or_else(|| unsupported_type(value, "Expected remotes field to be an array, got"))?;
        let mut remotes: Vec<LeafRemote> = Vec::new();
        for entry in array {
            let Some(map) = entry.as_map() else {
                let found = plain(&entry.kind);
                let reason =
                    format!("Expected remote leafnode entry to be a map/struct, got {found}");
                self.problems.push(invalid(entry, reason));
                continue;
            };
            let remote = match self.leaf_remote(map) {
                Ok(remote) => remote,
                Err(problem) => {
                    self.problems.push(problem);
                    return Ok(Vec::new());
                }
            };
            if self.has(Feature::UniqueLeafRemotes) && is_known(&remote, &remotes) {
                // The server names the place of the key that it happened to read last.
                let last = map.iter().last().map_or(entry, |(_, value)| value);
                let reason = format!("duplicate remote {}", name(&remote));
                self.problems.push(invalid(last, reason));
                continue;
            }
            remotes.push(remote);
        }
        Ok(remotes)
    }

    fn leaf_remote(&mut self, map: &Map) -> Result<LeafRemote, Problem> {
        let mut remote = LeafRemote::default();
        for (key, value) in map.iter() {
            let folded = fold(key);
            if !self.knows(&format!("remotes.{folded}")) {
                self.stranger(key, value);
                continue;
            }
            match folded.as_str() {
                "no_randomize" | "dont_randomize" => remote.no_randomize = boolean(value)?,
                "url" | "urls" => self.leaf_urls(value, &mut remote),
                "account" | "local" => remote.account = non_empty(string(value)?),
                "creds" | "credentials" | "nkey" | "seed" => {
                    needs_identity(key, value)?;
                    let is_nkey = matches!(folded.as_str(), "nkey" | "seed");
                    let text = string(value)?;
                    if is_nkey && !identity::is_user_seed(&text) {
                        let text = quote(&text);
                        let reason = format!("Remote leafnode nkey is not a valid seed: {text}");
                        self.problems.push(invalid(value, reason));
                    } else if remote
                        .credentials
                        .as_ref()
                        .is_some_and(|other| matches!(other, LeafCredentials::Nkey(_)) != is_nkey)
                    {
                        let reason = "Remote leafnode can not have both creds and nkey defined";
                        self.problems.push(invalid(value, reason));
                    } else {
                        remote.credentials = Some(match is_nkey {
                            true => LeafCredentials::Nkey(text),
                            // A server reads the file when it connects, and logs that it cannot.
                            false => LeafCredentials::Creds(
                                std::fs::read_to_string(&text).unwrap_or_default(),
                            ),
                        });
                    }
                }
                "tls" => remote.tls = Some(self.tls(value, Side::Clients)?),
                "hub" => remote.hub = boolean(value)?,
                "deny_imports" | "deny_import" => match self.denied_subjects(value) {
                    Ok(subjects) => remote.deny_imports = subjects,
                    Err(problem) => self.problems.push(problem),
                },
                "deny_exports" | "deny_export" => match self.denied_subjects(value) {
                    Ok(subjects) => remote.deny_exports = subjects,
                    Err(problem) => self.problems.push(problem),
                },
                "ws_compress"
                | "ws_compression"
                | "websocket_compress"
                | "websocket_compression"
                | "ws_no_masking"
                | "websocket_no_masking" => {
                    if boolean(value)? {
                        self.ignore(key, value);
                    }
                }
                "jetstream_cluster_migrate" | "js_cluster_migrate" => {
                    self.cluster_migrate(key, value)?;
                }
                "isolate_leafnode_interest" | "isolate" => {
                    remote.isolate_leafnode_interest = boolean(value)?;
                }
                "request_isolation" => remote.request_isolation = boolean(value)?,
                "compression" => {
                    if let Some(read) = self.compression(key, value, "s2_auto") {
                        remote.compression = Some(read);
                    }
                }
                "first_info_timeout" => {
                    remote.first_info_timeout = self.link_duration(key, key, value)?;
                }
                "dial_timeout" => remote.dial_timeout = self.link_duration(key, key, value)?,
                "disabled" => remote.disabled = boolean(value)?,
                "proxy" => match &value.kind {
                    Kind::Map(map) if map.is_empty() => {}
                    Kind::Map(_) => self.problems.push(unsupported(key, value)),
                    _ => {
                        let problem = unsupported_type(value, "Expected proxy to be a map, got");
                        self.problems.push(problem);
                    }
                },
                "ignore_discovered_servers" => remote.ignore_discovered_servers = boolean(value)?,
                _ => self.stranger(key, value),
            }
        }
        Ok(remote)
    }

    fn leaf_urls(&mut self, value: &Value, remote: &mut LeafRemote) {
        match &value.kind {
            Kind::Array(array) => {
                if let Some(urls) = self.urls("leafnode", array) {
                    remote.urls = urls;
                }
            }
            Kind::String(text) => {
                let url = self.url("leafnode", text, value);
                remote.urls.extend(url);
            }
            other => {
                let found = plain(other);
                let reason =
                    format!("Expected remote leafnode url to be an array or string, got {found}");
                self.problems.push(invalid(value, reason));
            }
        }
    }

    /// What JetStream does when the link breaks. There is none.
    fn cluster_migrate(&mut self, key: &str, value: &Value) -> Result<(), Problem> {
        if !self.has(Feature::ClusterMigrateDelay) {
            self.ignore(key, value);
            return Ok(());
        }
        match &value.kind {
            Kind::Bool(false) => {}
            Kind::Bool(true) => self.ignore(key, value),
            Kind::Map(map) => {
                const DELAY: &str = "leader_migrate_delay";
                if let Some(delay) = map.get(DELAY) {
                    self.link_duration(DELAY, DELAY, delay)?;
                }
                self.ignore(key, value);
            }
            _ => {
                let start = "Expected boolean or map for jetstream_cluster_migrate, got";
                let problem = unsupported_type(value, start);
                self.problems.push(without_place_of(value, problem));
            }
        }
        Ok(())
    }
}

/// Whether a remote is among others: the same URLs for the same account.
pub(super) fn is_known(remote: &LeafRemote, others: &[LeafRemote]) -> bool {
    others
        .iter()
        .any(|other| other.urls == remote.urls && account(other) == account(remote))
}

/// What the server calls a remote.
pub(super) fn name(remote: &LeafRemote) -> String {
    let urls: Vec<_> = remote
        .urls
        .iter()
        .map(|url| quote(&url.to_string()))
        .collect();
    let account = quote(account(remote));
    format!("urls=[{}], account={account}", urls.join(" "))
}

fn account(remote: &LeafRemote) -> &str {
    remote.account.as_deref().unwrap_or(GLOBAL_ACCOUNT)
}
