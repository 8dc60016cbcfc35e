//! Laws of the JSON, time and subject notations, on generated values.

use nats_mock_protocol::json::{
    self, Base64, Dialect, GoJson, MAX_DEPTH, RequestOptions, check, decode_request,
};
use nats_mock_protocol::monitor::{
    AccountStatzOptions, ConnState, ConnzOptions, EventFilterOptions, GatewayzOptions,
    HealthzOptions, IpqueueszOptions, JszOptions, KickRequest, NumSubsRequest, ProfilezOptions,
    RaftzOptions, SubszOptions,
};
use nats_mock_protocol::sys::{
    AccountEndpoint, ClaimsEndpoint, Endpoint, EventSubject, InboxSubject, RequestSubject,
    ServerCommand, Target,
};
use nats_mock_protocol::time::{GoDuration, Nanos, Timestamp, Uptime};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Text in which every character that JSON or Go treats specially is likely.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[<>&\u{2028}\u{2029}\u{2027}\"\\\\/\u{0}-\u{1f}\u{7f}é€😀a ]{0,12}",
    ]
}

/// JSON, or something close to it.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        "[\\[\\]{}:,\"\\\\ntrufalse0-9eE+. \t\n]{0,40}".prop_map(String::into_bytes),
        r#"\{("(tags|Limit|cid|acc|x|sort)":(1|-0|1\.5|true|null|"[a-c\\]{0,3}"|\[(1|"a"|null|\{\})?\]|\{"a":1\}),?){0,4}\}"#
            .prop_map(String::into_bytes),
    ]
}

/// A token that can stand for a server or an account.
fn token() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*".to_owned()),
        "[A-Za-z0-9$_-]{1,10}",
        prop::sample::select(vec![
            "ACCOUNT", "CLIENT", "SERVER", "NSUBS", "INFO", "CLAIMS"
        ])
        .prop_map(str::to_owned),
    ]
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    text: String,
    signed: i64,
    unsigned: u64,
    floats: Vec<f64>,
    nested: Option<BTreeMap<String, Vec<String>>>,
    nanos: Nanos,
}

prop_compose! {
    fn everything()(
        text in text(),
        signed in any::<i64>(),
        unsigned in any::<u64>(),
        floats in vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO, 0..4),
        nested in prop::option::of(btree_map(crate::text(), vec(crate::text(), 0..3), 0..3)),
        nanos in any::<i64>(),
    ) -> Everything {
        Everything { text, signed, unsigned, floats, nested, nanos: Nanos(nanos) }
    }
}

prop_compose! {
    fn filter()(
        server_name in text(),
        cluster in text(),
        exact_match in any::<bool>(),
        tags in vec(text(), 0..3),
    ) -> EventFilterOptions {
        EventFilterOptions { server_name, cluster, exact_match, tags, ..Default::default() }
    }
}

fn assert_decodes<T: RequestOptions + Serialize + PartialEq + std::fmt::Debug>(options: &T) {
    for go in [GoJson::V1, GoJson::V2] {
        let dialect = Dialect {
            go,
            ..Dialect::default()
        };
        assert_eq!(
            decode_request::<T>(&json::to_vec(options), dialect).as_ref(),
            Ok(options)
        );
    }
}

proptest! {
    #[test]
    fn values_survive_a_round_trip(value in everything()) {
        let written = json::to_vec(&value);
        prop_assert!(!written.iter().any(|byte| matches!(byte, b'<' | b'>' | b'&' | 0..0x20)));
        let separators = ['\u{2028}', '\u{2029}'];
        prop_assert!(!String::from_utf8_lossy(&written).contains(separators));
        prop_assert_eq!(check(&written, GoJson::V2), Ok(()));
        prop_assert_eq!(serde_json::from_slice::<Everything>(&written).unwrap(), value);
    }

    #[test]
    fn writing_leaves_alone_what_is_there(value in everything()) {
        let mut out = b"MSG foo.> 1 &\r\n".to_vec();
        json::to_writer(&mut out, &value).unwrap();
        prop_assert_eq!(out, [b"MSG foo.> 1 &\r\n".as_slice(), &json::to_vec(&value)].concat());
    }

    #[test]
    fn both_generations_accept_what_is_json(input in nearly_json()) {
        let strict = serde_json::from_slice::<serde::de::IgnoredAny>(&input).is_ok();
        prop_assert_eq!(check(&input, GoJson::V1).is_ok(), strict);
        prop_assert_eq!(check(&input, GoJson::V2).is_ok(), strict);
    }

    #[test]
    fn any_request_body_is_read_or_refused(input in nearly_json()) {
        let read = |go| decode_request::<ConnzOptions>(&input, Dialect { go, unknown_fields: &["exact_match"] });
        match (read(GoJson::V1), read(GoJson::V2)) {
            (Ok(older), Ok(newer)) => prop_assert_eq!(older, newer),
            (Err(_), Err(_)) => {}
            (older, newer) => prop_assert!(false, "{older:?} but {newer:?}"),
        }
    }

    #[test]
    fn syntax_errors_point_into_the_input(input in nearly_json()) {
        for go in [GoJson::V1, GoJson::V2] {
            if let Err(error) = check(&input, go) {
                prop_assert!(error.offset <= input.len());
            }
        }
    }

    #[test]
    fn options_survive_a_round_trip(
        filter in filter(),
        strings in vec(text(), 4),
        numbers in vec(any::<i64>(), 3),
        cid in any::<u64>(),
        flags in vec(any::<bool>(), 3),
        accounts in prop::option::of(vec(text(), 0..3)),
        queue in prop::option::of(vec(any::<u8>(), 0..5)),
    ) {
        assert_decodes(&ConnzOptions {
            sort: strings[0].clone(),
            user: strings[1].clone(),
            offset: numbers[0],
            limit: numbers[1],
            state: ConnState(numbers[2]),
            cid,
            auth: flags[0],
            filter: filter.clone(),
            ..Default::default()
        });
        assert_decodes(&SubszOptions {
            test: strings[2].clone(),
            offset: numbers[0],
            subscriptions: flags[1],
            filter: filter.clone(),
            ..Default::default()
        });
        assert_decodes(&HealthzOptions {
            account: strings[3].clone(),
            js_enabled_only: flags[0],
            details: flags[2],
            filter: filter.clone(),
            ..Default::default()
        });
        assert_decodes(&AccountStatzOptions {
            accounts,
            include_unused: flags[0],
            filter: filter.clone(),
            ..Default::default()
        });
        assert_decodes(&GatewayzOptions {
            name: strings[0].clone(),
            accounts: flags[0],
            account_name: strings[1].clone(),
            subscriptions_detail: flags[1],
            filter: filter.clone(),
            ..Default::default()
        });
        assert_decodes(&JszOptions {
            account: strings[0].clone(),
            consumer: flags[0],
            direct_consumer: flags[1],
            offset: numbers[0],
            limit: numbers[1],
            stream_leader_only: flags[2],
            filter: filter.clone(),
            ..Default::default()
        });
        assert_decodes(&ProfilezOptions {
            name: strings[0].clone(),
            debug: numbers[0],
            duration: Nanos(numbers[1]),
            filter: filter.clone(),
            ..Default::default()
        });
        assert_decodes(&IpqueueszOptions {
            all: flags[0],
            queue: strings[0].clone(),
            filter: filter.clone(),
            ..Default::default()
        });
        assert_decodes(&RaftzOptions {
            account: strings[0].clone(),
            group: strings[1].clone(),
            filter,
            ..Default::default()
        });
        assert_decodes(&NumSubsRequest {
            acc: strings[0].clone(),
            subject: strings[1].clone(),
            queue: queue.map(Base64),
            ..Default::default()
        });
        assert_decodes(&KickRequest { cid, ..Default::default() });
    }

    #[test]
    fn times_survive_a_round_trip(nanos in any::<i64>(), minutes in -1439_i32..1440) {
        let time = Timestamp::from_unix_nanos(nanos).with_offset(minutes * 60);
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        prop_assert_eq!(time.unix_nanos(), nanos);
    }

    #[test]
    fn durations_survive_a_round_trip(value in any::<i64>()) {
        prop_assert_eq!(GoDuration(value).to_string().parse(), Ok(GoDuration(value)));
        prop_assert_eq!(Uptime(value).to_string().parse(), Ok(Uptime(value)));
    }

    #[test]
    fn any_text_is_a_time_or_refused(text in "[0-9TZ:.+µsmhdyn-]{0,40}") {
        let _ = text.parse::<Timestamp>();
        if let Ok(duration) = text.parse::<GoDuration>() {
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }
        if let Ok(uptime) = text.parse::<Uptime>() {
            prop_assert_eq!(uptime.to_string().parse(), Ok(uptime));
        }
    }

    #[test]
    fn event_subjects_are_inverse(account in token(), server in token()) {
        // `$SYS.ACCOUNT.CLIENT.AUTH.ERR` has no token, so any account is unambiguous.
        let (account, server) = (account.as_str(), server.as_str());
        for subject in [
            EventSubject::Connect { account },
            EventSubject::Disconnect { account },
            EventSubject::AccountConns { account },
            EventSubject::ServerAccountConns { account },
            EventSubject::LeafNodeConnect { account },
            EventSubject::LeafNodeDisconnect { account },
            EventSubject::AccountAuthError,
            EventSubject::AuthError { server },
            EventSubject::Statsz { server },
            EventSubject::LameDuck { server },
            EventSubject::Shutdown { server },
            EventSubject::OcspPeerReject { server },
            EventSubject::OcspLinkInvalid { server },
            EventSubject::Latency { hash: server },
        ] {
            let text = subject.to_string();
            prop_assert_eq!(EventSubject::parse(&text), Ok(subject));
            prop_assert!(RequestSubject::parse(&text).is_err());
            prop_assert!(InboxSubject::parse(&text).is_err());
        }
    }

    #[test]
    fn request_subjects_are_inverse(account in token(), server in token()) {
        let (account, server) = (account.as_str(), server.as_str());
        let mut subjects = vec![
            RequestSubject::Ping,
            RequestSubject::AccountNumSubs,
            RequestSubject::AccountClaimsUpdate { account },
            RequestSubject::OldAccountClaimsUpdate { account },
            RequestSubject::AccountClaimsLookup { account },
            RequestSubject::UserInfo,
            RequestSubject::AccountUserInfo { account },
            RequestSubject::AuthCallout,
            RequestSubject::DebugSubscribers,
        ];
        for target in [Target::Ping, Target::Id(server)] {
            subjects.extend(Endpoint::all().iter().map(|&endpoint| RequestSubject::Server { target, endpoint }));
            subjects.extend(AccountEndpoint::all().iter().map(|&endpoint| RequestSubject::Account { target, endpoint }));
        }
        subjects.extend(ServerCommand::all().iter().map(|&command| RequestSubject::Command { server, command }));
        subjects.extend(ClaimsEndpoint::all().iter().map(|&endpoint| RequestSubject::Claims { endpoint }));
        for subject in subjects {
            let text = subject.to_string();
            prop_assert_eq!(RequestSubject::parse(&text), Ok(subject));
            prop_assert!(EventSubject::parse(&text).is_err());
        }
    }

    #[test]
    fn inbox_subjects_are_inverse(hash in token(), token in token()) {
        for subject in [
            InboxSubject::Server { server: &hash },
            InboxSubject::Hashed { hash: &hash, token: &token },
        ] {
            let text = subject.to_string();
            prop_assert_eq!(InboxSubject::parse(&text), Ok(subject));
        }
    }

    #[test]
    fn what_parses_prints_the_same(
        subject in r"\$SYS(\.(REQ|SERVER|ACCOUNT|PING|CONNZ|INFO|\*|>|A|CLAIMS|UPDATE|USER|CONNECT|CONNS|STATSZ|_INBOX_?|)){0,7}",
    ) {
        if let Ok(event) = EventSubject::parse(&subject) {
            prop_assert_eq!(event.to_string(), &*subject);
        }
        if let Ok(request) = RequestSubject::parse(&subject) {
            prop_assert_eq!(request.to_string(), &*subject);
        }
        if let Ok(inbox) = InboxSubject::parse(&subject) {
            prop_assert_eq!(inbox.to_string(), &*subject);
        }
    }
}

#[test]
fn nesting_is_limited() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        for go in [GoJson::V1, GoJson::V2] {
            assert_eq!(check(nested(MAX_DEPTH).as_bytes(), go), Ok(()));
            let error = check(nested(MAX_DEPTH + 1).as_bytes(), go).expect_err("too deep");
            assert!(error.message.ends_with("exceeded max depth"), "{error}");
        }
    }
}

#[test]
fn fields_a_release_lacks_are_ignored() {
    let dialect = Dialect {
        go: GoJson::V1,
        unknown_fields: &["exact_match"],
    };
    let body = br#"{"exact_match":1}"#;
    assert!(decode_request::<ConnzOptions>(body, dialect).is_ok());
    assert!(decode_request::<ConnzOptions>(body, Dialect::default()).is_err());
}

#[test]
fn every_account_and_server_token_position_takes_a_wildcard() {
    for subject in ["$SYS.ACCOUNT.*.CONNECT", "$SYS.SERVER.*.STATSZ"] {
        assert_eq!(
            EventSubject::parse(subject)
                .map(|s| s.to_string())
                .as_deref(),
            Ok(subject)
        );
    }
    for subject in [
        "$SYS.REQ.SERVER.*.VARZ",
        "$SYS.REQ.ACCOUNT.*.INFO",
        "$SYS.REQ.USER.*.INFO",
    ] {
        assert_eq!(
            RequestSubject::parse(subject)
                .map(|s| s.to_string())
                .as_deref(),
            Ok(subject)
        );
    }
}

#[test]
fn commands_have_no_ping_form() {
    for subject in [
        "$SYS.REQ.SERVER.PING.RELOAD",
        "$SYS.REQ.SERVER.PING.KICK",
        "$SYS.REQ.SERVER.PING.varz",
    ] {
        assert!(RequestSubject::parse(subject).is_err(), "{subject}");
    }
}
