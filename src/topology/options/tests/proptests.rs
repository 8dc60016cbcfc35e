//! Properties of reading options, over generated configurations.

use nats_mock_protocol::conf::{self, MemorySource};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    Version,
    topology::{ServerSpec, options::ServerOptions},
};

const KEYS: &[&str] = &[
    "listen",
    "Port",
    "server_name",
    "server_tags",
    "max_payload",
    "max_sub_tokens",
    "ping_interval",
    "write_timeout",
    "lame_duck_duration",
    "authorization",
    "accounts",
    "no_auth_user",
    "system_account",
    "user",
    "password",
    "token",
    "timeout",
    "users",
    "permissions",
    "publish",
    "sub",
    "allow",
    "deny",
    "allow_responses",
    "ttl",
    "max",
    "limits",
    "clients",
    "default_permissions",
    "imports",
    "jetstream",
    "tls",
    "http",
    "ocsp",
    "cluster",
    "gateway",
    "leafnodes",
    "leaf",
    "name",
    "routes",
    "accounts",
    "compression",
    "mode",
    "rtts",
    "pool_size",
    "write_deadline",
    "gateways",
    "urls",
    "url",
    "remotes",
    "account",
    "deny_imports",
    "min_version",
    "jetstream_cluster_migrate",
    "A",
    "$SYS",
    "unknown",
];

const VALUES: &[&str] = &[
    "1",
    "-1",
    "0",
    "3GB",
    "1.5",
    "true",
    "off",
    "abc",
    "\"2s\"",
    "\"a b\"",
    "\"a..b\"",
    "\"h:1\"",
    "\"nats://u:p@h:1\"",
    "[\"nats://h:1\"]",
    "[]",
    "{}",
    "\"\"",
    "2016-05-04T18:53:41Z",
    "\"\\xff\"",
];

/// A configuration out of real keys with values that may or may not suit them.
fn values() -> impl Strategy<Value = String> {
    select(VALUES)
        .prop_map(str::to_owned)
        .prop_recursive(6, 30, 4, |inner| {
            let entry =
                (select(KEYS), inner.clone()).prop_map(|(key, value)| format!("{key}: {value}\n"));
            prop_oneof![
                vec(entry, 0..4).prop_map(|entries| format!("{{{}}}", entries.concat())),
                vec(inner.prop_map(|value| format!("{value}\n")), 0..4)
                    .prop_map(|values| format!("[{}]", values.concat())),
            ]
        })
}

proptest! {
    #[test]
    fn any_configuration_is_read_or_refused(entries in vec((select(KEYS), values()), 0..6)) {
        let text: String = entries.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        let document = conf::parse(&text, "c.conf", &MemorySource::new())
            .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        for version in Version::ALL {
            match ServerOptions::from_conf_for(&document, version) {
                Ok((options, warnings)) => {
                    let _ = options.validate_for(version);
                    let failing = warnings.iter().any(|warning| warning.is_server());
                    prop_assert_eq!(ServerOptions::check(&document, version).is_err(), failing);
                    let _ = ServerSpec::from_options(options).cluster_name();
                }
                Err(error) => {
                    prop_assert!(!error.problems.is_empty());
                    prop_assert_eq!(ServerOptions::check(&document, version), Err(error));
                }
            }
        }
    }
}
