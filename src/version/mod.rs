//! Server version profiles: what each nats-server release line says and does differently.
//!
//! A profile is data. Code asks the profile and never compares version numbers, so a difference
//! between releases is written down once, here, and shows up in the table of the documentation.

#[cfg(test)]
mod page;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use nats_mock_protocol::conf::Document;

/// A nats-server release line that can be simulated.
///
/// ```
/// use nats_mock::Version;
///
/// assert_eq!("2.12".parse::<Version>().unwrap(), Version::V2_12);
/// assert_eq!("v2.12.8".parse::<Version>().unwrap().to_string(), "2.12.8");
/// assert_eq!(Version::default(), Version::V2_15);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// nats-server 2.10.26.
    V2_10,
    /// nats-server 2.11.11.
    V2_11,
    /// nats-server 2.12.8.
    V2_12,
    /// nats-server 2.14.6.
    V2_14,
    /// nats-server 2.15.1, the newest and the default.
    #[default]
    V2_15,
}

/// A version that names no release line this crate knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no profile for nats-server {asked:?}; known are {}", known())]
pub struct UnknownVersion {
    /// What was asked for.
    pub asked: String,
}

fn known() -> String {
    let all: Vec<_> = Version::ALL.iter().map(|v| v.profile().version).collect();
    all.join(", ")
}

impl Version {
    /// Every release line, oldest first.
    pub const ALL: [Version; 5] = [
        Version::V2_10,
        Version::V2_11,
        Version::V2_12,
        Version::V2_14,
        Version::V2_15,
    ];

    /// The exit code of this release after TERM.
    pub fn exit_code_after_term(self) -> u8 {
        self.profile().exit_code_after_term
    }

    /// The digest of a configuration, as this release shows it; `None` before 2.11.
    pub fn config_digest(self, document: &Document) -> Option<String> {
        self.profile().config_digest.of(document)
    }

    /// The commit this release was built from, as its log shows it.
    pub fn git_commit(self) -> &'static str {
        self.profile().git_commit
    }

    pub(crate) fn profile(self) -> &'static Profile {
        match self {
            Version::V2_10 => &PROFILES[0],
            Version::V2_11 => &PROFILES[1],
            Version::V2_12 => &PROFILES[2],
            Version::V2_14 => &PROFILES[3],
            Version::V2_15 => &PROFILES[4],
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.profile().version)
    }
}

impl FromStr for Version {
    type Err = UnknownVersion;

    /// Takes a full version (`2.12.8`) or its line (`2.12`), with or without a leading `v`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = text.strip_prefix('v').unwrap_or(text);
        Version::ALL
            .into_iter()
            .find(|v| {
                let full = v.profile().version;
                wanted == full
                    || full
                        .rsplit_once('.')
                        .is_some_and(|(line, _)| line == wanted)
            })
            .ok_or_else(|| UnknownVersion {
                asked: text.to_owned(),
            })
    }
}

/// What one release line is and does.
#[derive(Debug)]
pub(crate) struct Profile {
    pub version: &'static str,
    pub git_commit: &'static str,
    pub go: &'static str,
    /// `api_lvl` of INFO.
    pub api_level: Option<u32>,
    /// `feature_flags` of the envelope and of VARZ, in order.
    pub feature_flags: Option<&'static [(&'static str, bool)]>,
    /// A second INFO with `connect_info` follows the answer to the first PING.
    pub info_after_first_ping: bool,
    /// The 503 status carries `Nats-Subject`.
    pub no_responders_names_subject: bool,
    /// A second CONNECT drops the subscriptions made so far and goes through `$G`.
    pub reconnect_drops_subscriptions: bool,
    /// A client of `no_auth_user` that never sent CONNECT raises a CONNECT event.
    pub implicit_connect_event: bool,
    /// A client over the account's connection limit raises a CONNECT event before it is refused.
    pub connect_event_over_account_limit: bool,
    /// Clients of `$G` raise CONNECT and DISCONNECT events.
    pub global_account_events: bool,
    /// The user of a token login is shown as `[REDACTED]`.
    pub redacts_tokens: bool,
    /// Account names and per-link traffic are part of account statistics.
    pub detailed_account_stats: bool,
    /// The exit code after TERM.
    pub exit_code_after_term: u8,
    /// The text about a queue subscription that a reload has removed names the queue.
    pub names_queue_of_removed_subscription: bool,
    /// What stands for the configuration in VARZ and in the log.
    pub config_digest: ConfigDigest,
    /// A server name with a blank is refused.
    pub refuses_blanks_in_names: bool,
    /// Keys of the newest release's configuration that this one does not know.
    pub unknown_conf_keys: &'static [&'static str],
}

/// How a release sums up its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigDigest {
    None,
    WithoutVariables,
    Whole,
}

impl ConfigDigest {
    pub fn of(self, document: &Document) -> Option<String> {
        match self {
            ConfigDigest::None => None,
            ConfigDigest::WithoutVariables => Some(document.digest_without_variables()),
            ConfigDigest::Whole => Some(document.digest()),
        }
    }
}

impl Profile {
    /// `feature_flags` as a map.
    pub fn feature_flags(&self) -> BTreeMap<String, bool> {
        self.feature_flags
            .unwrap_or_default()
            .iter()
            .map(|(name, on)| ((*name).to_owned(), *on))
            .collect()
    }
}

static PROFILES: [Profile; 5] = [
    Profile {
        version: "2.10.26",
        git_commit: "2898698",
        go: "go1.24.0",
        api_level: None,
        feature_flags: None,
        info_after_first_ping: false,
        no_responders_names_subject: false,
        reconnect_drops_subscriptions: false,
        implicit_connect_event: false,
        connect_event_over_account_limit: true,
        global_account_events: false,
        redacts_tokens: false,
        detailed_account_stats: false,
        exit_code_after_term: 1,
        names_queue_of_removed_subscription: false,
        config_digest: ConfigDigest::None,
        refuses_blanks_in_names: false,
        unknown_conf_keys: &[
            "server_metadata",
            "proxy_protocol",
            "proxy_required",
            "feature_flags",
            "write_timeout",
        ],
    },
    Profile {
        version: "2.11.11",
        git_commit: "ac1095e",
        go: "go1.25.4",
        api_level: None,
        feature_flags: None,
        info_after_first_ping: false,
        no_responders_names_subject: false,
        reconnect_drops_subscriptions: false,
        implicit_connect_event: false,
        connect_event_over_account_limit: true,
        global_account_events: false,
        redacts_tokens: true,
        detailed_account_stats: true,
        exit_code_after_term: 0,
        names_queue_of_removed_subscription: false,
        config_digest: ConfigDigest::WithoutVariables,
        refuses_blanks_in_names: true,
        unknown_conf_keys: &[
            "server_metadata",
            "proxy_protocol",
            "proxy_required",
            "feature_flags",
        ],
    },
    Profile {
        version: "2.12.8",
        git_commit: "b692325",
        go: "go1.26.2",
        api_level: Some(3),
        feature_flags: None,
        info_after_first_ping: true,
        no_responders_names_subject: true,
        reconnect_drops_subscriptions: true,
        implicit_connect_event: false,
        connect_event_over_account_limit: true,
        global_account_events: true,
        redacts_tokens: true,
        detailed_account_stats: true,
        exit_code_after_term: 0,
        names_queue_of_removed_subscription: false,
        config_digest: ConfigDigest::Whole,
        refuses_blanks_in_names: true,
        unknown_conf_keys: &["feature_flags"],
    },
    Profile {
        version: "2.14.6",
        git_commit: "1aa10f9",
        go: "go1.27.0",
        api_level: Some(4),
        feature_flags: Some(&[("js_ack_fc_v2", false), ("js_raft_delete_range", false)]),
        info_after_first_ping: true,
        no_responders_names_subject: true,
        reconnect_drops_subscriptions: true,
        implicit_connect_event: true,
        connect_event_over_account_limit: true,
        global_account_events: true,
        redacts_tokens: true,
        detailed_account_stats: true,
        exit_code_after_term: 0,
        names_queue_of_removed_subscription: true,
        config_digest: ConfigDigest::Whole,
        refuses_blanks_in_names: true,
        unknown_conf_keys: &[],
    },
    Profile {
        version: "2.15.1",
        git_commit: "b2fd3ef",
        go: "go1.27.2",
        api_level: Some(5),
        feature_flags: Some(&[
            ("js_ack_fc_v2", false),
            ("js_api_reply_v2", false),
            ("js_raft_delete_range", true),
            ("js_snapshot_sources", false),
        ]),
        info_after_first_ping: true,
        no_responders_names_subject: true,
        reconnect_drops_subscriptions: true,
        implicit_connect_event: true,
        connect_event_over_account_limit: false,
        global_account_events: true,
        redacts_tokens: true,
        detailed_account_stats: true,
        exit_code_after_term: 0,
        names_queue_of_removed_subscription: true,
        config_digest: ConfigDigest::Whole,
        refuses_blanks_in_names: true,
        unknown_conf_keys: &[],
    },
];
