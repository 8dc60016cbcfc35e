//! Whatever the system account is asked, the server answers in its own form or not at all.

mod support;

use nats_mock::protocol::sys::{AccountEndpoint, Endpoint, RequestSubject, ServerCommand, Target};
use nats_mock::{Client, MockNats, Version};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use support::system::drain;

/// Keys of the options of all requests, and a few that none has.
const KEYS: [&str; 30] = [
    "acc",
    "account",
    "accounts",
    "all",
    "auth",
    "cid",
    "cluster",
    "consumer",
    "debug",
    "details",
    "domain",
    "duration",
    "exact_match",
    "filter",
    "filter_subject",
    "host",
    "include_unused",
    "leader_only",
    "limit",
    "name",
    "nothing",
    "offset",
    "server_name",
    "sort",
    "state",
    "stream",
    "subject",
    "subscriptions",
    "subscriptions_detail",
    "tags",
];

fn value() -> impl Strategy<Value = Value> {
    let text = select(
        &[
            "", "n1", "USERS", "SYS", "cid", "stop", "rtt", "cpu", "heap", ">", "a.*",
        ][..],
    );
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        text.prop_map(Value::from),
        select(&[-1, 0, 1, 2, 3, i64::MAX, i64::MIN][..]).prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!(u64::MAX)),
        Just(json!(["USERS", "x"])),
        Just(json!([1, null])),
        Just(json!({"a": {}})),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let options =
        proptest::collection::vec((select(&KEYS[..]), value()), 0..5).prop_map(|members| {
            let members = members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value));
            Value::Object(members.collect()).to_string().into_bytes()
        });
    prop_oneof![
        8 => options,
        1 => value().prop_map(|value| value.to_string().into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => "[{}\\[\\]\":,a0-9 ]{0,40}".prop_map(String::into_bytes),
    ]
}

/// Everything that can be asked, of the server and account names given.
fn subject() -> impl Strategy<Value = RequestSubject<'static>> {
    let server = prop_oneof![
        Just(Target::Ping),
        Just(Target::Id("<id>")),
        Just(Target::Id("nobody"))
    ];
    let account = select(
        &[
            Target::Ping,
            Target::Id("USERS"),
            Target::Id("SYS"),
            Target::Id("$G"),
            Target::Id("nobody"),
        ][..],
    );
    prop_oneof![
        Just(RequestSubject::Ping),
        (server, select(Endpoint::all()))
            .prop_map(|(target, endpoint)| RequestSubject::Server { target, endpoint }),
        select(ServerCommand::all()).prop_map(|command| RequestSubject::Command {
            server: "<id>",
            command
        }),
        (account, select(AccountEndpoint::all()))
            .prop_map(|(target, endpoint)| RequestSubject::Account { target, endpoint }),
        Just(RequestSubject::AccountNumSubs),
        Just(RequestSubject::UserInfo),
        Just(RequestSubject::AccountUserInfo { account: "USERS" }),
        Just(RequestSubject::DebugSubscribers),
    ]
}

fn deployment(version: Version) -> MockNats {
    MockNats::builder()
        .name("n1")
        .version(version)
        .account("USERS", [("a", "a")])
        .system_account("SYS", [("admin", "changeit")])
        .manual_clock(support::epoch())
        .start_blocking()
        .expect("starts")
}

/// An answer is a number, who the server is, or an envelope with one outcome.
fn check(answer: &[u8], last_seq: &mut u64) -> Result<(), TestCaseError> {
    let answer: Value = serde_json::from_slice(answer).expect("an answer is JSON");
    if answer.is_number() || answer.get("id").is_some() && answer.get("server").is_none() {
        return Ok(());
    }
    let seq = answer["server"]["seq"]
        .as_u64()
        .expect("an envelope has a number");
    prop_assert!(seq > *last_seq, "{} after {}", seq, last_seq);
    *last_seq = seq;
    if let Some(error) = answer.get("error") {
        let code = error["code"].as_i64();
        prop_assert!(matches!(code, Some(400 | 500)), "{}", answer);
        prop_assert!(error["description"].is_string(), "{}", answer);
        prop_assert!(answer.get("data").is_none_or(Value::is_null), "{}", answer);
    }
    Ok(())
}

fn ask(
    ops: &mut Client,
    nats: &MockNats,
    subject: RequestSubject<'_>,
    body: &[u8],
) -> Option<Vec<Vec<u8>>> {
    let subject = subject.to_string().replace("<id>", &nats.server_id());
    // The operator may have closed its own connection.
    let mut answers = ops.request(subject, body).ok()?;
    let answers = drain(&mut answers).into_iter();
    Some(
        answers
            .filter(|answer| answer.status().is_none())
            .map(|answer| answer.payload.to_vec())
            .collect(),
    )
}

proptest! {
    #![proptest_config(support::cases(300))]

    #[test]
    fn any_request_gets_one_answer_or_none(
        version in select(&Version::ALL[..]),
        requests in proptest::collection::vec((subject(), body()), 1..20),
    ) {
        let nats = deployment(version);
        let mut ops = nats.client("admin").unwrap();
        let mut last_seq = 0;
        for (subject, body) in &requests {
            let Some(answers) = ask(&mut ops, &nats, *subject, body) else {
                break;
            };
            // Both subscriptions that match this one refuse what they cannot read.
            let is_heard_twice = matches!(
                subject,
                RequestSubject::Account { target: Target::Ping, endpoint: AccountEndpoint::Statz }
            );
            prop_assert!(answers.len() <= 1 + usize::from(is_heard_twice), "{}", subject);
            for answer in &answers {
                check(answer, &mut last_seq)?;
            }
        }
        // Whatever it was asked, it goes on.
        let mut ops = nats.client("admin").unwrap();
        prop_assert_eq!(ask(&mut ops, &nats, RequestSubject::Ping, b"").unwrap().len(), 1);
    }
}
