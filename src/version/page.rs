//! `docs/versions.md`: what differs between the releases, from their profiles.

use super::{ConfigDigest, Profile, Version};
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
        version: _,
        git_commit,
        go,
        api_level,
        feature_flags,
        info_after_first_ping,
        no_responders_names_subject,
        reconnect_drops_subscriptions,
        implicit_connect_event,
        connect_event_over_account_limit,
        global_account_events,
        redacts_tokens,
        detailed_account_stats,
        exit_code_after_term,
        names_queue_of_removed_subscription,
        config_digest,
        refuses_blanks_in_names,
        unknown_conf_keys,
    } = *profile;
    vec![
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
        (
            "a second INFO with `connect_info` follows the first PING's answer",
            yes_no(info_after_first_ping),
        ),
        (
            "the 503 of a request that nobody answers carries `Nats-Subject`",
            yes_no(no_responders_names_subject),
        ),
        (
            "a second CONNECT drops the subscriptions made so far",
            yes_no(reconnect_drops_subscriptions),
        ),
        (
            "a client of `no_auth_user` that never sent CONNECT raises a CONNECT event",
            yes_no(implicit_connect_event),
        ),
        (
            "a client over its account's connection limit raises a CONNECT event before it is refused",
            yes_no(connect_event_over_account_limit),
        ),
        (
            "clients of `$G` raise CONNECT and DISCONNECT events",
            yes_no(global_account_events),
        ),
        (
            "the user of a token login is shown as `[REDACTED]`",
            yes_no(redacts_tokens),
        ),
        (
            "account statistics hold the account's name and the traffic of routes, gateways and leaf nodes",
            yes_no(detailed_account_stats),
        ),
        ("exit code after TERM", exit_code_after_term.to_string()),
        (
            "the text about a queue subscription that a reload removes names the queue",
            yes_no(names_queue_of_removed_subscription),
        ),
        (
            "`config_digest` of VARZ, the log and `-t`",
            match config_digest {
                ConfigDigest::None => none(),
                ConfigDigest::WithoutVariables => "leaves out variables that are used".to_owned(),
                ConfigDigest::Whole => "the whole configuration".to_owned(),
            },
        ),
        (
            "a server name with a blank is refused",
            yes_no(refuses_blanks_in_names),
        ),
        (
            "configuration keys of the newest release that are unknown",
            list(unknown_conf_keys.iter().map(|key| code(key)).collect()),
        ),
    ]
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
