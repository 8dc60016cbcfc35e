//! Options as real servers read them.
//!
//! The messages of [`a_start_is_checked_in_the_words_of_the_server`] were recorded from release 2.15.1.

mod identity;
mod links;
mod proptests;
mod recorded;
mod tls;
mod websocket;

use std::time::Duration;

use nats_mock_protocol::conf::{self, MemorySource};

use self::recorded::{ACCEPTED, REFUSED};
use super::{ProblemKind, ServerOptions, Warning, WriteTimeout};
use crate::topology::accounts::{
    AccountLimits, ConnectionType, Permissions, ResponsePermission, SubjectPermission, UserOptions,
};

fn check(text: &str) -> String {
    let document = conf::parse(text, "c.conf", &MemorySource::new()).unwrap();
    ServerOptions::check(&document, crate::Version::default())
        .map_or_else(|error| error.to_string(), |()| String::new())
}

fn read(text: &str) -> (ServerOptions, Vec<Warning>) {
    let document = conf::parse(text, "c.conf", &MemorySource::new()).unwrap();
    ServerOptions::from_conf(&document).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn options(text: &str) -> ServerOptions {
    read(text).0
}

#[test]
fn what_the_server_accepts_is_accepted() {
    for text in ACCEPTED {
        assert_eq!(check(text), "", "{text}");
    }
}

#[test]
fn what_the_server_refuses_is_refused_in_its_words() {
    for (text, words) in REFUSED {
        assert_eq!(check(text), *words, "{text}");
    }
}

#[test]
fn an_empty_file_is_a_warning() {
    assert_eq!(check(""), "c.conf: config has no values or is empty\n");
    let (options, warnings) = read("");
    assert_eq!(warnings.len(), 1);
    assert_eq!(options.config_file.as_deref(), Some("c.conf"));
}

#[test]
fn a_start_is_checked_in_the_words_of_the_server() {
    for (text, words) in [
        (
            "no_auth_user: x",
            "no_auth_user: \"x\" present, but users/nkeys are not defined",
        ),
        (
            "authorization {users: [{user: a}]}\nno_auth_user: b",
            "no_auth_user: \"b\" not present as user or nkey in authorization block or account configuration",
        ),
        (
            "system_account: X",
            "error resolving system account: account missing",
        ),
        (
            "system_account: \"$SYS\"",
            "error resolving system account: account missing",
        ),
        (
            "max_payload: 2MB, max_pending: 1MB",
            "max_payload (2097152) cannot be higher than max_pending (1048576)",
        ),
        (
            "lame_duck_grace_period: 130s",
            "lame duck grace period (2m10s) should be strictly lower than lame duck duration (2m0s)",
        ),
    ] {
        assert_eq!(
            options(text).validate().unwrap_err().to_string(),
            words,
            "{text}"
        );
    }
    for text in [
        "",
        "system_account: \"$G\"",
        "system_account: A, accounts {A {}}",
        "authorization {users: [{user: a}]}, no_auth_user: a",
        "accounts: {A {users: [{user: a, permissions: {subscribe: \"a  q\"}}]}}, no_auth_user: a",
    ] {
        assert_eq!(options(text).validate(), Ok(()), "{text}");
    }
}

#[test]
fn permissions_of_a_builder_are_checked_at_the_start() {
    let permission = SubjectPermission {
        allow: None,
        deny: vec!["a b".to_owned()],
    };
    let mut user = UserOptions::new("joe", "");
    user.permissions = Some(Permissions {
        publish: Some(permission),
        ..Permissions::default()
    });
    let mut options = options("authorization {}");
    options
        .authorization
        .get_or_insert_default()
        .users
        .push(user);
    assert_eq!(
        options.validate().unwrap_err().to_string(),
        "invalid permissions for user \"joe\": publish deny: subject \"a b\" is not a valid subject"
    );
}

#[test]
fn every_option_is_read() {
    let read = options(
        "listen: \"127.0.0.1:-1\", server_name: n1, server_tags: [\"A:b\", \"a:B\", \"\", c], server_metadata {k: v}
         feature_flags {f: true}, client_advertise: \"h:1\"
         max_connections: 10, max_subs: 20, max_sub_tokens: 8, max_payload: 1k, max_control_line: 2kb, max_pending: 3m
         max_closed_clients: 4, max_traced_msg_len: 5, ping_interval: 1s, ping_max: 3, write_deadline: \"2s\"
         write_timeout: retry, lame_duck_duration: 40s, lame_duck_grace_period: 5s
         no_auth_user: a, system: S, accounts [S ], no_sys_acc: off
         debug: true, trace: false, logtime: no, logtime_utc: yes, log_file: l, pid_file: p, ports_file_dir: d
         connect_error_reports: 6, reconnect_error_reports: 7
         no_sublist_cache: true, no_header_support: true, no_fast_producer_stall: true",
    );
    let text = |text: &str| Some(text.to_owned());
    let seconds = |n| Some(Duration::from_secs(n));
    let digest = read.config_digest.clone();
    assert!(
        digest
            .as_ref()
            .is_some_and(|digest| digest.starts_with("sha256:"))
    );
    let expected = ServerOptions {
        tls: None,
        allow_non_tls: false,
        host: text("127.0.0.1"),
        port: Some(-1),
        server_name: text("n1"),
        tags: vec!["a:b".to_owned(), "c".to_owned()],
        metadata: [("k".to_owned(), "v".to_owned())].into(),
        feature_flags: [("f".to_owned(), true)].into(),
        client_advertise: text("h:1"),
        http_base_path: None,
        max_connections: Some(10),
        max_subscriptions: Some(20),
        max_subscription_tokens: Some(8),
        max_payload: Some(1000),
        max_control_line: Some(2048),
        max_pending: Some(3_000_000),
        max_closed_clients: Some(4),
        max_traced_msg_len: Some(5),
        ping_interval: seconds(1),
        ping_max: Some(3),
        write_deadline: seconds(2),
        write_timeout: Some(WriteTimeout::Retry),
        lame_duck_duration: seconds(40),
        lame_duck_grace_period: seconds(5),
        authorization: None,
        accounts: vec![crate::topology::accounts::AccountOptions::new("S")],
        operator: None,
        no_auth_user: text("a"),
        global_mappings: Vec::new(),
        system_account: text("S"),
        no_system_account: false,
        cluster: None,
        gateway: None,
        leafnodes: None,
        websocket: None,
        debug: Some(true),
        trace: Some(false),
        trace_verbose: false,
        trace_headers: false,
        logtime: Some(false),
        logtime_utc: true,
        log_file: text("l"),
        pid_file: text("p"),
        ports_file_dir: text("d"),
        connect_error_reports: Some(6),
        reconnect_error_reports: Some(7),
        no_sublist_cache: true,
        no_header_support: true,
        no_fast_producer_stall: true,
        config_file: text("c.conf"),
        config_digest: digest,
    };
    assert_eq!(read, expected);
}

#[test]
fn zero_means_the_default_except_for_connections() {
    let read =
        options("port: 0, max_payload: 0, ping_interval: \"0s\", max_connections: 0, ping_max: 0");
    assert_eq!(
        (
            read.port,
            read.max_payload,
            read.ping_interval,
            read.ping_max
        ),
        (None, None, None, None)
    );
    assert_eq!(read.max_connections, Some(-1));
}

#[test]
fn old_durations_are_seconds() {
    let (options, warnings) = read("ping_interval: 5");
    assert_eq!(options.ping_interval, Some(Duration::from_secs(5)));
    assert!(warnings[0].is_server());
}

#[test]
fn accounts_and_users_are_read() {
    let read = options(
        "X: xray
         accounts {
           A {
             users: [
               {user: a, password: pa, clients: [standard, STANDARD, mqtt]}
               {user: $X, permissions: {pub: foo}}
             ]
             limits {max_conn: 1, max_subs: -1, max_payload: 3}
             default_permissions {sub {allow: [\"a.>\", \"b q\"], deny: c}}
           }
           B {}
         }
         authorization {timeout: \"1500ms\", users [{user: g}], default_permissions {publish: []}}",
    );
    let [a, b] = read.accounts.as_slice() else {
        panic!("{read:?}")
    };
    assert_eq!((a.name.as_str(), b.name.as_str()), ("A", "B"));
    assert_eq!(
        a.users[0].allowed_connection_types,
        [ConnectionType::Standard, ConnectionType::Mqtt]
    );
    assert_eq!(
        (a.users[0].password.as_str(), a.users[1].user.as_str()),
        ("pa", "xray")
    );
    assert_eq!(
        a.limits,
        AccountLimits {
            max_connections: Some(1),
            max_subscriptions: Some(-1),
            max_payload: Some(3),
            max_leafnodes: None
        }
    );
    let default = a
        .permissions_of(&a.users[0])
        .and_then(|p| p.subscribe.as_ref())
        .unwrap();
    assert_eq!(
        default.allow.as_deref(),
        Some(["a.>".to_owned(), "b q".to_owned()].as_slice())
    );
    assert_eq!(default.deny, ["c"]);
    let own = a.permissions_of(&a.users[1]).unwrap();
    assert_eq!(
        own.publish.as_ref().and_then(|p| p.allow.clone()),
        Some(vec!["foo".to_owned()])
    );
    assert_eq!(own.subscribe, None);
    let auth = read.authorization.unwrap();
    assert_eq!(auth.timeout, Some(1.5));
    // An empty list allows everything.
    let global = auth.permissions_of(&auth.users[0]).unwrap();
    assert_eq!(global.publish, Some(SubjectPermission::default()));
}

#[test]
fn who_may_respond_may_publish_nothing_else() {
    let permissions = |text: &str| {
        let read = options(&format!(
            "authorization {{users [{{user: a, permissions {{{text}}}}}]}}"
        ));
        read.authorization.unwrap().users[0]
            .permissions
            .clone()
            .unwrap()
    };
    let only = permissions("allow_responses: true");
    assert_eq!(only.allow_responses, Some(ResponsePermission::default()));
    assert_eq!(
        only.publish,
        Some(SubjectPermission {
            allow: Some(vec![]),
            deny: vec![]
        })
    );
    let denied = permissions("allow_responses {max: -1, ttl: \"-1s\"}, publish {deny: x}");
    assert_eq!(
        denied.allow_responses,
        Some(ResponsePermission {
            max_msgs: -1,
            expires: None
        })
    );
    assert_eq!(denied.publish.unwrap().allow, Some(vec![]));
    let some = permissions("publish: foo, allow_responses {max: 0, expires: \"5s\"}");
    let expires = Some(Duration::from_secs(5));
    assert_eq!(
        some.allow_responses,
        Some(ResponsePermission {
            max_msgs: 1,
            expires
        })
    );
    assert_eq!(some.publish.unwrap().allow, Some(vec!["foo".to_owned()]));
    assert_eq!(
        permissions("allow_responses: false"),
        Permissions::default()
    );
}

#[test]
fn users_are_unique_across_blocks() {
    let auth = "authorization {users [{user: a}]}";
    let account = "accounts {A {users [{user: a}]}}";
    assert_eq!(
        check(&format!("{auth}\n{account}")),
        "c.conf:2:14: Duplicate user \"a\" detected\n"
    );
    assert_eq!(
        check(&format!("{account}\n{auth}")),
        "c.conf:2:1: Duplicate user \"a\" detected\n"
    );
    let single = "authorization {user: b}";
    assert_eq!(
        check(&format!("{single}\n{account}")),
        "c.conf:2:14: Can not have a single user/pass and accounts\n"
    );
    assert_eq!(
        check(&format!("{account}\n{single}")),
        "c.conf:2:1: Can not have a single user/pass and a users array\n"
    );
}

#[test]
fn what_would_behave_differently_is_refused() {
    for (key, text) in [
        ("jetstream", "jetstream: enabled"),
        ("jetstream", "jetstream {}"),
        ("mqtt", "mqtt {}"),
        ("http", "http: 8222"),
        ("http_port", "http_port: -1"),
        ("proxy_protocol", "proxy_protocol: true"),
        ("default_sentinel", "default_sentinel: x"),
        ("ping_interval", "ping_interval: \"-1s\""),
        ("ocsp", "ocsp {mode: auto}"),
        ("proxy_required", "authorization {proxy_required: true}"),
        ("jetstream", "accounts {A {jetstream: true}}"),
    ] {
        let document = conf::parse(text, "c.conf", &MemorySource::new()).unwrap();
        let error = ServerOptions::from_conf(&document).unwrap_err();
        assert_eq!(
            error.unsupported().map(|(key, _)| key).collect::<Vec<_>>(),
            [key],
            "{text}: {error}"
        );
        assert!(
            error
                .problems
                .iter()
                .all(|p| matches!(p.kind, ProblemKind::Unsupported(_))),
            "{text}: {error}"
        );
    }
}

#[test]
fn what_a_simulation_gives_no_meaning_is_said() {
    let text =
        "syslog: true, store_dir: x, prof_port: 1, Log_Size_Limit: 1k, ocsp: false, http_port: 0";
    let (_, warnings) = read(text);
    let keys: Vec<_> = warnings
        .iter()
        .map(|warning| match warning {
            Warning::Ignored { key, .. } => key.as_str(),
            warning => panic!("{warning}"),
        })
        .collect();
    assert_eq!(keys, ["syslog", "store_dir", "prof_port", "Log_Size_Limit"]);
    assert_eq!(
        warnings[0].to_string(),
        "c.conf:1:0: \"syslog\" has no effect in a simulation and is ignored"
    );
    assert_eq!(check(text), "");
}

#[test]
fn the_system_account_is_found() {
    for (text, name, anonymous) in [
        ("port: 1", Some("$SYS"), false),
        ("no_system_account: true", None, false),
        ("system_account: A, accounts {A {}}", Some("A"), true),
        ("system_account: A, accounts {A {}, B {}}", Some("A"), false),
        (
            "system_account: A, accounts {A {}}, authorization {}",
            Some("A"),
            false,
        ),
        (
            "no_system_account: true, accounts {\"$SYS\" {}}",
            Some("$SYS"),
            true,
        ),
        ("accounts {A {}}", Some("$SYS"), false),
    ] {
        let read = options(text);
        assert_eq!(
            (read.system_account_name(), read.anonymous_is_global()),
            (name, anonymous),
            "{text}"
        );
    }
}

#[test]
fn secrets_are_not_printed() {
    let read = options("authorization {user: u, password: hush}, accounts {A {}}");
    let more = options("authorization {token: hush}, no_auth_user: x");
    let users = options("accounts {A {users [{user: a, password: hush}]}}");
    assert!(!format!("{read:?}{more:?}{users:?}").contains("hush"));
}
