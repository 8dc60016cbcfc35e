//! `docs/versions.md`: what differs between the releases, from their profiles.

use nats_mock_protocol::json::GoJson;

use super::{ConfigDigest, Feature, Profile, Version};
use crate::generated;

const INTRODUCTION: &str = "\
# Releases that are simulated

<!-- Made from src/version by `UPDATE_DOCS=1 cargo test -p nats-mock --lib`. -->

One release of each line of nats-server is simulated. A test names the line or the release, as
`Builder::version(Version::V2_12)` or `--simulate-version 2.12`; without that it gets the newest.
What differs between them, beyond their numbers:

";

#[test]
fn the_page_says_how_releases_differ() {
    let columns = Version::ALL.map(|version| cells(version.profile()));
    let head: Vec<&str> = std::iter::once("")
        .chain(Version::ALL.iter().map(|version| version.profile().version))
        .collect();
    let rows = columns[0].iter().enumerate().map(|(row, (what, _))| {
        let values = columns.iter().map(|column| column[row].1.clone());
        std::iter::once((*what).to_owned()).chain(values).collect()
    });
    let text = INTRODUCTION.to_owned() + &generated::table(&head, rows);
    generated::page("versions.md", &text);
}

/// What a profile says, a row each.
fn cells(profile: &Profile) -> Vec<(&'static str, String)> {
    // Without `..`, so that a new difference is not forgotten here.
    let Profile {
        line: _,
        version: _,
        git_commit,
        go,
        api_level,
        feature_flags,
        exit_code_after_term,
        config_digest,
        unknown_conf_keys,
        requests,
        internal_queues,
        key_orders,
    } = *profile;
    let settings = vec![
        ("`git_commit` of INFO and VARZ", code(git_commit)),
        ("`go` of INFO and VARZ", code(go)),
        (
            "`api_lvl` of INFO",
            api_level.map_or_else(none, |level| level.to_string()),
        ),
        (
            "`feature_flags` of the `server` object and of VARZ",
            feature_flags.map_or_else(none, |flags| {
                let flags = flags
                    .iter()
                    .map(|(name, on)| format!("`{name}` {}", on_off(*on)));
                list(flags.collect())
            }),
        ),
        ("exit code after TERM", exit_code_after_term.to_string()),
        (
            "`config_digest` of VARZ, the log and `-t`",
            match config_digest {
                ConfigDigest::None => none(),
                ConfigDigest::WithoutVariables => "leaves out variables that are used".to_owned(),
                ConfigDigest::Whole => "the whole configuration".to_owned(),
            },
        ),
        (
            "configuration keys of the newest release that are unknown",
            list(unknown_conf_keys.iter().map(|key| code(key)).collect()),
        ),
        (
            "fields of request options that are unknown",
            list(
                requests
                    .unknown_fields
                    .iter()
                    .map(|key| code(key))
                    .collect(),
            ),
        ),
        (
            "errors in requests' JSON are worded as by",
            match requests.go {
                GoJson::V1 => "Go before 1.27".to_owned(),
                GoJson::V2 => "Go 1.27".to_owned(),
            },
        ),
        (
            "queues of IPQUEUESZ",
            list(internal_queues.iter().map(|name| code(name)).collect()),
        ),
        (
            "order of keys that is another than the newest release's",
            list(
                key_orders
                    .iter()
                    .map(|(endpoint, orders)| {
                        let keys = orders.iter().flat_map(|order| order.keys);
                        let keys: Vec<_> = keys.map(|key| code(key)).collect();
                        format!("{endpoint}: {}", keys.join(", "))
                    })
                    .collect(),
            ),
        ),
    ];
    let features = Feature::ALL
        .iter()
        .map(|&feature| (feature.what(), yes_no(profile.has(feature))));
    settings.into_iter().chain(features).collect()
}

fn none() -> String {
    "none".to_owned()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn list(items: Vec<String>) -> String {
    if items.is_empty() {
        none()
    } else {
        items.join(", ")
    }
}
