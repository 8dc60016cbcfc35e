//! The blocks about links between servers.

use std::time::Duration;

use nats_mock_protocol::conf::{self, MemorySource};

use super::{check, options, read};
use crate::{
    Version,
    topology::{
        ServerSpec,
        accounts::SubjectPermission,
        links::{
            ClusterOptions, Compression, CompressionOptions, GatewayOptions, LeafAuth,
            LeafNodeOptions, LeafRemote, LeafUser, LinkAuth, RemoteGateway, RoutePermissions,
        },
        options::{ServerOptions, Warning, WriteTimeout},
    },
};

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn seconds(n: u64) -> Option<Duration> {
    Some(Duration::from_secs(n))
}

fn compression(mode: &str, rtt_thresholds: &[i64]) -> Option<CompressionOptions> {
    Some(CompressionOptions {
        mode: mode.to_owned(),
        rtt_thresholds: rtt_thresholds.to_vec(),
    })
}

#[test]
fn every_key_of_a_cluster_is_read() {
    let read = options(
        "cluster {
           name: A, listen: \"h:6222\", cluster_advertise: \"a:1\", no_advertise: true
           routes: [\"nats://u:p@h:1\", \"nats://i:2\"], pool_size: 5, accounts: [X, Y]
           compression {mode: auto, rtts: [\"10ms\", \"-1ms\"]}
           authorization {user: u, password: p, timeout: 0.5}
           permissions {import {allow: a, deny: [b, c]}, export: d}
           connect_retries: 3, connect_backoff: true, ping_interval: 10s, ping_max: 4
           write_deadline: 2s, write_timeout: close
         }",
    );
    let permission = |allow: &str, deny: &[&str]| SubjectPermission {
        allow: Some(vec![allow.to_owned()]),
        deny: deny.iter().map(|&deny| deny.to_owned()).collect(),
    };
    let expected = ClusterOptions {
        tls: None,
        name: text("A"),
        host: text("h"),
        port: Some(6222),
        advertise: text("a:1"),
        no_advertise: true,
        routes: ["nats://u:p@h:1", "nats://i:2"]
            .map(|url| url.parse().unwrap())
            .to_vec(),
        pool_size: Some(5),
        accounts: vec!["X".to_owned(), "Y".to_owned()],
        compression: compression("auto", &[10_000_000, -1_000_000]),
        authorization: Some(LinkAuth {
            user: text("u"),
            password: text("p"),
            timeout: Some(0.5),
        }),
        permissions: Some(RoutePermissions {
            import: Some(permission("a", &["b", "c"])),
            export: Some(permission("d", &[])),
        }),
        connect_retries: Some(3),
        connect_backoff: true,
        ping_interval: seconds(10),
        ping_max: Some(4),
        write_deadline: seconds(2),
        write_timeout: Some(WriteTimeout::Close),
    };
    assert_eq!(read.cluster, Some(expected));
}

#[test]
fn every_key_of_a_gateway_is_read() {
    let read = options(
        "gateway {
           name: A, host: h, port: -1, advertise: \"a:1\", authorization {user: u, pass: p}
           connect_retries: 3, connect_backoff: true, reject_unknown: true
           gateways: [{name: A, url: \"nats://h:1\"}, {name: B, urls: [\"nats://i:2\", \"nats://j:3\"]}]
           write_deadline: 2s, write_timeout: retry
         }",
    );
    let remote = |name: &str, urls: &[&str]| RemoteGateway {
        tls: None,
        name: name.to_owned(),
        urls: urls.iter().map(|url| url.parse().unwrap()).collect(),
    };
    let expected = GatewayOptions {
        tls: None,
        name: text("A"),
        host: text("h"),
        port: Some(-1),
        advertise: text("a:1"),
        authorization: Some(LinkAuth {
            user: text("u"),
            password: text("p"),
            timeout: None,
        }),
        connect_retries: Some(3),
        connect_backoff: true,
        gateways: vec![
            remote("A", &["nats://h:1"]),
            remote("B", &["nats://i:2", "nats://j:3"]),
        ]
        .into(),
        reject_unknown_cluster: true,
        write_deadline: seconds(2),
        write_timeout: Some(WriteTimeout::Retry),
    };
    assert_eq!(read.gateway, Some(expected));
}

#[test]
fn every_key_of_leaf_nodes_is_read() {
    let read = options(
        "leaf {
           net: h, port: 7422, leafnode_advertise: \"a:1\", no_advertise: true
           authorization {account: X, timeout: 3, users: [{user: u, password: p, account: Y}, {user: v}]}
           reconnect_delay: 2s, dial_timeout: 3s, compression: false, minimum_version: 2.9.0, isolate: true
           write_deadline: 4s, write_timeout: default
           remotes: [
             {
               urls: [\"nats://u:p@h\"], local: X, dont_randomize: true, hub: true
               deny_import: a, deny_exports: [b, c], compression: true, isolate: true, request_isolation: true
               first_info_timeout: 5s, dial_timeout: 6s, disabled: true, ignore_discovered_servers: true
             }
           ]
         }",
    );
    let user = |user: &str, password: &str, account| LeafUser {
        user: user.to_owned(),
        password: password.to_owned(),
        account,
    };
    let expected = LeafNodeOptions {
        tls: None,
        host: text("h"),
        port: Some(7422),
        advertise: text("a:1"),
        no_advertise: true,
        authorization: Some(LeafAuth {
            user: None,
            password: None,
            nkey: None,
            account: text("X"),
            timeout: Some(3.0),
            users: Some(vec![user("u", "p", text("Y")), user("v", "", None)]),
        }),
        reconnect: seconds(2),
        dial_timeout: seconds(3),
        compression: compression("off", &[]),
        min_version: text("2.9.0"),
        isolate_leafnode_interest: true,
        write_deadline: seconds(4),
        write_timeout: Some(WriteTimeout::Default),
        remotes: vec![LeafRemote {
            tls: None,
            urls: vec!["nats://u:p@h".parse().unwrap()],
            account: text("X"),
            credentials: None,
            no_randomize: true,
            hub: true,
            deny_imports: vec!["a".to_owned()],
            deny_exports: vec!["b".to_owned(), "c".to_owned()],
            compression: compression("s2_auto", &[]),
            isolate_leafnode_interest: true,
            request_isolation: true,
            first_info_timeout: seconds(5),
            dial_timeout: seconds(6),
            disabled: true,
            ignore_discovered_servers: true,
        }],
    };
    assert_eq!(read.leafnodes, Some(expected));
}

#[test]
fn blocks_that_are_there_twice_add_up() {
    let read = options("leaf {port: 1}, leafnodes {host: h}, cluster {port: 0}, Cluster {name: A}");
    let leafnodes = read.leafnodes.unwrap();
    assert_eq!(
        (leafnodes.host.as_deref(), leafnodes.port),
        (Some("h"), Some(1))
    );
    let cluster = read.cluster.unwrap();
    assert_eq!(
        (cluster.name.as_deref(), cluster.is_listening()),
        (Some("A"), false)
    );
}

#[test]
fn defaults_are_those_of_the_server() {
    let cluster = options("cluster {port: -1}").cluster.unwrap();
    assert_eq!(cluster.compression_in_force(), Ok(Compression::Accept));
    assert_eq!(cluster.pool_size_in_force(), 3);
    let two_minutes = Duration::from_secs(120);
    assert_eq!(
        cluster.ping_interval_in_force(two_minutes),
        Duration::from_secs(30)
    );
    let leafnodes = options("leafnodes {remotes: [{}]}").leafnodes.unwrap();
    let auto = Compression::Auto([10, 50, 100].map(Duration::from_millis).to_vec());
    assert_eq!(leafnodes.compression_in_force(), Ok(auto.clone()));
    assert_eq!(leafnodes.remotes[0].compression_in_force(), Ok(auto));
    assert_eq!(leafnodes.reconnect_in_force(), Duration::from_secs(1));
}

#[test]
fn compression_is_what_the_server_makes_of_it() {
    let auto = |millis: &[u64]| {
        let times = millis.iter().map(|&millis| Duration::from_millis(millis));
        Compression::Auto(times.collect())
    };
    for (text, chosen) in [
        ("on", Compression::Fast),
        ("yes", Compression::Fast),
        ("disabled", Compression::Off),
        ("\"not supported\"", Compression::NotSupported),
        ("ACCEPT", Compression::Accept),
        ("best", Compression::Best),
        ("s2_better", Compression::Better),
        ("{}", Compression::Accept),
        ("{mode: fast, rtts: [\"5ms\"]}", Compression::Fast),
        ("auto", auto(&[10, 50, 100])),
        (
            "{mode: auto, rtts: [\"0s\", \"5ms\", \"0s\"]}",
            auto(&[0, 5]),
        ),
        (
            "{mode: auto, rtts: [\"1ms\", \"0s\", \"2ms\", \"3ms\"]}",
            auto(&[1, 0, 2, 3]),
        ),
    ] {
        let read = options(&format!("cluster {{compression: {text}}}"));
        let cluster = read.cluster.unwrap();
        assert_eq!(cluster.compression_in_force(), Ok(chosen), "{text}");
    }
}

#[test]
fn permissions_of_the_cluster_count_before_those_in_its_authorization() {
    let both = "authorization {user: a, password: b, permissions {import: x}}";
    for text in [
        format!("cluster {{permissions {{import: y}}, {both}}}"),
        format!("cluster {{{both}, permissions {{import: y}}}}"),
    ] {
        let (read, warnings) = read(&text);
        let permissions = read.cluster.unwrap().permissions.unwrap();
        assert_eq!(permissions.import.unwrap().allow.unwrap(), ["y"], "{text}");
        assert!(warnings[0].is_server());
    }
}

#[test]
fn a_value_of_the_wrong_type_ends_its_block_and_no_more() {
    assert_eq!(
        check("cluster {name: 1, host: 2}\ngateway {nome: x, name: 3}\nleaf {prot: 1}"),
        "c.conf:1:9: interface conversion: interface {} is int64, not string\n\
         c.conf:2:10: unknown field \"nome\"\n\
         c.conf:2:19: interface conversion: interface {} is int64, not string\n\
         c.conf:3:7: unknown field \"prot\"\n"
    );
}

#[test]
fn what_is_not_simulated_is_refused() {
    for (key, text) in [
        ("proxy", "leafnodes {remotes: [{proxy {url: x}}]}"),
        (
            "ws://u:xxxxx@h",
            "leafnodes {remotes: [{url: \"ws://u:p@h\"}]}",
        ),
        (
            "wss://h:1",
            "leafnodes {remotes: [{urls: [\"wss://h:1\"]}]}",
        ),
        (
            "proxy_required",
            "leafnodes {authorization {proxy_required: true}}",
        ),
        ("reconnect", "leafnodes {reconnect: \"-1s\"}"),
    ] {
        let document = conf::parse(text, "c.conf", &MemorySource::new()).unwrap();
        let error = ServerOptions::from_conf(&document).unwrap_err();
        let keys: Vec<_> = error.unsupported().map(|(key, _)| key).collect();
        assert_eq!((keys, error.problems.len()), (vec![key], 1), "{error}");
    }
}

#[test]
fn what_has_no_effect_is_said() {
    let (_, warnings) = read(
        "leafnodes {remotes: [{
           ws_compression: true, websocket_no_masking: false
           jetstream_cluster_migrate: {leader_migrate_delay: 2s}
         }]}",
    );
    let keys: Vec<_> = warnings
        .iter()
        .filter_map(|warning| match warning {
            Warning::Ignored { key, .. } => Some(key.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, ["ws_compression", "jetstream_cluster_migrate"]);
}

#[test]
fn names_depend_on_the_release() {
    for (text, refused_since) in [
        ("cluster {name: \"a b\"}", Version::V2_11),
        ("gateway {name: \"a b\", port: -1}", Version::V2_11),
        ("server_name: \"a b\"", Version::V2_11),
        ("cluster {name: _}", Version::V2_15),
    ] {
        let document = conf::parse(text, "c.conf", &MemorySource::new()).unwrap();
        for version in Version::ALL {
            let read = ServerOptions::from_conf_for(&document, version);
            assert_eq!(read.is_err(), version >= refused_since, "{text} {version}");
            if let Ok((options, _)) = read {
                assert_eq!(options.validate_for(version), Ok(()), "{text} {version}");
            }
        }
    }
}

#[test]
fn a_builder_is_checked_like_a_configuration() {
    let permission = SubjectPermission {
        allow: None,
        deny: vec!["a q".to_owned()],
    };
    let cluster = ClusterOptions {
        permissions: Some(RoutePermissions {
            import: None,
            export: Some(permission),
        }),
        ..ClusterOptions::default()
    };
    let remote = LeafRemote {
        urls: vec!["nats://u:hush@h".parse().unwrap()],
        deny_exports: vec!["a..b".to_owned()],
        ..LeafRemote::default()
    };
    let leafnodes = |remotes, port| LeafNodeOptions {
        port,
        min_version: text("1.0.0"),
        remotes,
        ..LeafNodeOptions::default()
    };
    let same = LeafRemote::default();
    for (options, words) in [
        (
            ServerOptions {
                cluster: Some(cluster),
                ..ServerOptions::default()
            },
            "cluster export deny: subject \"a q\" is not a valid subject",
        ),
        (
            ServerOptions {
                leafnodes: Some(leafnodes(vec![remote], None)),
                ..ServerOptions::default()
            },
            "invalid deny_exports for remote urls=[\"nats://u:xxxxx@h\"], account=\"$G\": \
             subject \"a..b\" is not a valid subject",
        ),
        (
            ServerOptions {
                leafnodes: Some(leafnodes(vec![same.clone(), same], None)),
                ..ServerOptions::default()
            },
            "duplicate remote urls=[], account=\"$G\"",
        ),
        (
            ServerOptions {
                leafnodes: Some(leafnodes(Vec::new(), Some(-1))),
                ..ServerOptions::default()
            },
            "the minimum version should be at least 2.8.0",
        ),
    ] {
        assert_eq!(options.validate().unwrap_err().to_string(), words);
    }
}

#[test]
fn a_cluster_has_a_name_from_somewhere() {
    for (text, name) in [
        ("server_name: n", None),
        ("server_name: n, cluster {name: A}", Some("A")),
        ("server_name: n, gateway {name: G, port: -1}", Some("G")),
        ("server_name: n, cluster {port: -1}", None),
        ("server_name: n, leafnodes {remotes: [{}]}", Some("n")),
        (
            "server_name: n, leafnodes {remotes: [{}]}, cluster {port: -1}",
            None,
        ),
        ("server_name: n, leafnodes {port: -1}", None),
    ] {
        let spec = ServerSpec::from_options(options(text));
        assert_eq!(spec.cluster_name(), name, "{text}");
    }
}

#[test]
fn passwords_are_not_printed() {
    let read = options(
        "cluster {authorization {user: a, password: hush}, routes: [\"nats://u:hush@h:1\"]}
         gateway {authorization {user: a, password: hush}, gateways: [{url: \"nats://u:hush@h:1\"}]}
         leafnodes {
           authorization {user: a, password: hush}
           remotes: [{url: \"nats://u:hush@h:1\"}]
         }",
    );
    let users = options("leafnodes {authorization {users: [{user: a, password: hush}]}}");
    assert!(!format!("{read:?}{users:?}").contains("hush"));
}
