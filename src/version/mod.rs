//! Server version profiles: what each nats-server release line says and does differently.
//!
//! A profile is data. Code asks the profile and never compares version numbers, so a difference
//! between releases is written down once, here, and shows up in the table of the documentation.

mod feature;
#[cfg(test)]
mod page;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use nats_mock_protocol::conf::Document;
use nats_mock_protocol::json::{Dialect, GoJson, KeyOrder};
use nats_mock_protocol::transform::Functions;

pub(crate) use feature::Feature;

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

    /// Whether the log of this release says which signals came.
    pub fn logs_signals(self) -> bool {
        self.profile().has(Feature::SignalsLogged)
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
    line: Version,
    pub version: &'static str,
    pub git_commit: &'static str,
    pub go: &'static str,
    /// `api_lvl` of INFO.
    pub api_level: Option<u32>,
    /// `feature_flags` of the envelope and of VARZ, in order.
    pub feature_flags: Option<&'static [(&'static str, bool)]>,
    /// The exit code after TERM.
    pub exit_code_after_term: u8,
    /// What stands for the configuration in VARZ and in the log.
    pub config_digest: ConfigDigest,
    /// Keys of the newest release's configuration that this one does not know, those of a block with its
    /// name in front.
    pub unknown_conf_keys: &'static [&'static str],
    /// How it reads the bodies of requests.
    pub requests: Dialect,
    /// The queues between its parts, as IPQUEUESZ names them.
    pub internal_queues: &'static [&'static str],
    /// Endpoints whose data has its keys in another order than in the newest release.
    key_orders: &'static [(&'static str, &'static [KeyOrder<'static>])],
}

/// The queues of all releases.
const QUEUES: &[&str] = &[
    "SendQ",
    "System recvQ",
    "System recvQ Pings",
    "System sendQ",
];

/// Those of all releases with an API level.
const QUEUES_SINCE_2_11: &[&str] = &[
    "SendQ",
    "System recvQ",
    "System recvQ Pings",
    "System sendQ",
    "delayed API responses",
];

const VARZ_BEFORE_2_14: (&str, &[KeyOrder<'_>]) = (
    "VARZ",
    &[KeyOrder {
        path: &["data"],
        keys: &["in_msgs", "out_msgs", "in_bytes", "out_bytes"],
    }],
);

const JSZ_BEFORE_2_11: (&str, &[KeyOrder<'_>]) = (
    "JSZ",
    &[KeyOrder {
        path: &["data"],
        keys: &[
            "server_id",
            "now",
            "disabled",
            "config",
            "limits",
            "memory",
            "storage",
            "reserved_memory",
            "reserved_storage",
            "accounts",
            "ha_assets",
            "api",
        ],
    }],
);

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
    pub fn has(&self, feature: Feature) -> bool {
        self.line >= feature.since()
    }

    /// What the destinations of imports and mappings may be written with.
    pub fn subject_functions(&self) -> Functions {
        if self.has(Feature::MoreMappingFunctions) {
            Functions::All
        } else {
            Functions::Old
        }
    }

    /// `value` where the release has the feature.
    pub fn since<T>(&self, feature: Feature, value: T) -> Option<T> {
        self.has(feature).then_some(value)
    }

    /// What stands beside the name of `account`: the name again, which in operator mode differs. Empty
    /// where the release does not show it.
    pub fn account_tag(&self, account: &str) -> String {
        self.since(Feature::AccountNames, account)
            .unwrap_or_default()
            .to_owned()
    }

    /// The order of keys in what an endpoint answers, where it is another than the newest release's.
    pub fn key_orders(&self, endpoint: &str) -> &'static [KeyOrder<'static>] {
        let mut orders = self.key_orders.iter();
        orders
            .find(|(name, _)| *name == endpoint)
            .map_or(&[], |(_, orders)| orders)
    }

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
        line: Version::V2_10,
        version: "2.10.26",
        git_commit: "2898698",
        go: "go1.24.0",
        api_level: None,
        feature_flags: None,
        exit_code_after_term: 1,
        config_digest: ConfigDigest::None,
        unknown_conf_keys: &[
            "websocket.user_cookie",
            "websocket.pass_cookie",
            "websocket.token_cookie",
            "websocket.headers",
            "websocket.ping_interval",
            "server_metadata",
            "proxy_protocol",
            "proxy_required",
            "feature_flags",
            "write_timeout",
            "accounts.msg_trace",
            "exports.allow_trace",
            "imports.allow_trace",
            "cluster.write_deadline",
            "cluster.write_timeout",
            "gateway.write_deadline",
            "gateway.write_timeout",
            "leafnodes.write_deadline",
            "leafnodes.write_timeout",
            "cluster.connect_backoff",
            "gateway.connect_backoff",
            "leafnodes.isolate_leafnode_interest",
            "leafnodes.isolate",
            "remotes.isolate_leafnode_interest",
            "remotes.isolate",
            "remotes.request_isolation",
            "remotes.disabled",
            "remotes.proxy",
            "leafnodes.dial_timeout",
            "remotes.dial_timeout",
            "remotes.ignore_discovered_servers",
        ],
        requests: Dialect {
            go: GoJson::V1,
            unknown_fields: &["exact_match", "direct_consumer", "js-meta-only"],
        },
        internal_queues: QUEUES,
        key_orders: &[VARZ_BEFORE_2_14, JSZ_BEFORE_2_11],
    },
    Profile {
        line: Version::V2_11,
        version: "2.11.11",
        git_commit: "ac1095e",
        go: "go1.25.4",
        api_level: None,
        feature_flags: None,
        exit_code_after_term: 0,
        config_digest: ConfigDigest::WithoutVariables,
        unknown_conf_keys: &[
            "websocket.ping_interval",
            "server_metadata",
            "proxy_protocol",
            "proxy_required",
            "feature_flags",
            "cluster.connect_backoff",
            "gateway.connect_backoff",
            "leafnodes.isolate_leafnode_interest",
            "leafnodes.isolate",
            "remotes.isolate_leafnode_interest",
            "remotes.isolate",
            "remotes.request_isolation",
            "remotes.disabled",
            "remotes.proxy",
            "leafnodes.dial_timeout",
            "remotes.dial_timeout",
            "remotes.ignore_discovered_servers",
        ],
        requests: Dialect {
            go: GoJson::V1,
            unknown_fields: &["exact_match"],
        },
        internal_queues: QUEUES_SINCE_2_11,
        key_orders: &[VARZ_BEFORE_2_14],
    },
    Profile {
        line: Version::V2_12,
        version: "2.12.8",
        git_commit: "b692325",
        go: "go1.26.2",
        api_level: Some(3),
        feature_flags: None,
        exit_code_after_term: 0,
        config_digest: ConfigDigest::Whole,
        unknown_conf_keys: &[
            "feature_flags",
            "leafnodes.dial_timeout",
            "remotes.dial_timeout",
            "remotes.ignore_discovered_servers",
        ],
        requests: Dialect {
            go: GoJson::V1,
            unknown_fields: &[],
        },
        internal_queues: QUEUES_SINCE_2_11,
        key_orders: &[VARZ_BEFORE_2_14],
    },
    Profile {
        line: Version::V2_14,
        version: "2.14.6",
        git_commit: "1aa10f9",
        go: "go1.27.0",
        api_level: Some(4),
        feature_flags: Some(&[("js_ack_fc_v2", false), ("js_raft_delete_range", false)]),
        exit_code_after_term: 0,
        config_digest: ConfigDigest::Whole,
        unknown_conf_keys: &[],
        requests: Dialect {
            go: GoJson::V2,
            unknown_fields: &[],
        },
        internal_queues: QUEUES_SINCE_2_11,
        key_orders: &[],
    },
    Profile {
        line: Version::V2_15,
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
        exit_code_after_term: 0,
        config_digest: ConfigDigest::Whole,
        unknown_conf_keys: &[],
        requests: Dialect {
            go: GoJson::V2,
            unknown_fields: &[],
        },
        internal_queues: QUEUES_SINCE_2_11,
        key_orders: &[],
    },
];
