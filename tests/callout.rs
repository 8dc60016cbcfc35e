//! Clients of whom a service is asked who they are, when the service, or somebody else, does what it should
//! not.

mod support;

use std::time::Duration;

use nats_mock::{Builder, Client, MockNats, MockOperator, MockUser, Subscription};
use proptest::prelude::*;
use serde_json::json;
use support::epoch;
use support::raw::{Raw, connect};

/// A deployment in which a service in the account `AUTH` has the say of all clients but itself.
fn server() -> MockNats {
    let issuer = MockOperator::new("acme").account("AUTH").public_key();
    let conf = format!(
        r#"
        accounts {{ AUTH {{ users: [ {{ user: auth, password: auth }} ] }}, APP {{}} }}
        authorization {{ auth_callout {{ issuer: {issuer}, account: AUTH, auth_users: [ auth ] }} }}
        "#
    );
    let builder = Builder::from_conf_str(&conf).unwrap();
    builder.manual_clock(epoch()).start_blocking().unwrap()
}

/// The same where the account of a client's token claims it.
fn server_of_operator() -> (MockNats, MockUser) {
    let acme = MockOperator::new("acme");
    let auth = acme.account("AUTH");
    let service = auth.user("auth");
    let users = json!({"auth_users": [service.public_key()], "allowed_accounts": ["*"]});
    let auth = auth.claim("authorization", users);
    let builder = MockNats::builder().operator(&acme, [&auth]);
    let nats = builder.manual_clock(epoch()).start_blocking().unwrap();
    (nats, service)
}

/// A client that waits for what the service says of it.
struct Asked {
    client: Raw,
    service: Client,
    questions: Subscription,
    reply: String,
    nats: MockNats,
}

impl Asked {
    fn new() -> Self {
        let nats = server();
        let mut service = nats.client("auth").unwrap();
        let mut questions = service.subscribe("$SYS.REQ.USER.AUTH").unwrap();
        let mut client = Raw::open(&nats);
        client.send(format!("{}PING\r\n", connect("eve", "x", "")));
        let question = questions.try_next().unwrap();
        assert_eq!(client.read(), "", "nothing is said before the service has");
        Self {
            client,
            service,
            questions,
            reply: question.reply.unwrap(),
            nats,
        }
    }

    fn is_refused(&mut self) -> bool {
        self.client.read() == "-ERR 'Authorization Violation'\r\n" && self.client.is_closed()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_nonsense_lets_anybody_in(answer in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut asked = Asked::new();
        asked.service.publish(&asked.reply, answer).unwrap();
        prop_assert!(asked.is_refused());
    }

    #[test]
    fn nor_into_an_account_that_claims_a_service(
        answer in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "(xkv1)?eyJ[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}".prop_map(String::into_bytes),
        ],
    ) {
        let (nats, service) = server_of_operator();
        let account = MockOperator::new("acme").account("AUTH");
        let token = |user: MockUser| {
            let token = user.bearer().jwt();
            format!("CONNECT {{\"jwt\":\"{token}\",\"verbose\":false}}\r\n")
        };
        let mut asked = Raw::open(&nats);
        asked.send(format!("{}SUB $SYS.REQ.USER.AUTH 1\r\n", token(service)));
        let mut client = Raw::open(&nats);
        client.send(token(account.user("eve")));
        prop_assert_eq!(client.read(), "");
        let question = asked.read();
        let reply = question.split_whitespace().nth(3).unwrap();
        asked.send([format!("PUB {reply} {}\r\n", answer.len()).as_bytes(), &answer, b"\r\n"].concat());
        prop_assert_eq!(client.read(), "-ERR 'Authorization Violation'\r\n");
        prop_assert!(client.is_closed());
    }

    #[test]
    fn nor_what_looks_like_an_answer(
        chunks in proptest::collection::vec("(eyJ)?[A-Za-z0-9_-]{0,40}", 1..5),
        sealed in any::<bool>(),
    ) {
        let mut asked = Asked::new();
        let answer = format!("{}{}", if sealed { "xkv1" } else { "" }, chunks.join("."));
        asked.service.publish(&asked.reply, answer).unwrap();
        prop_assert!(asked.is_refused());
    }
}

#[test]
fn a_user_of_somebody_else_is_no_answer() {
    let mut asked = Asked::new();
    let eve = MockOperator::new("acme").account("AUTH").user("eve");
    asked.service.publish(&asked.reply, eve.jwt()).unwrap();
    assert!(asked.is_refused());
}

#[test]
fn an_answer_that_does_not_come_is_not_awaited_for_ever() {
    let mut asked = Asked::new();
    asked.nats.advance(Duration::from_secs(1));
    assert_eq!(asked.client.read(), "");
    asked.nats.advance(Duration::from_secs(2));
    assert!(asked.is_refused());
    asked.service.publish(&asked.reply, "late").unwrap();
    let mut other = Raw::open(&asked.nats);
    other.send(connect("joe", "x", ""));
    assert!(asked.questions.try_next().is_some());
}

#[test]
fn a_client_that_goes_meanwhile_is_forgotten() {
    let mut asked = Asked::new();
    drop(asked.client);
    asked.service.publish(&asked.reply, "").unwrap();
    let mut other = Raw::open(&asked.nats);
    other.send(connect("joe", "x", ""));
    assert!(asked.questions.try_next().is_some());
}

#[test]
fn a_server_that_stops_meanwhile_ends_the_client() {
    let mut asked = Asked::new();
    asked.nats.stop();
    assert!(asked.client.is_closed());
}

#[test]
fn what_is_sent_meanwhile_is_never_done_for_a_client_that_is_refused() {
    let mut asked = Asked::new();
    let mut heard = asked.service.subscribe(">").unwrap();
    asked.client.send("SUB > 1\r\nPUB a 2\r\nhi\r\nPING\r\n");
    asked.service.publish(&asked.reply, "no").unwrap();
    assert!(asked.is_refused());
    assert_eq!(heard.try_next().unwrap().payload, "no");
    assert_eq!(
        heard.try_next().unwrap().subject,
        "$SYS.ACCOUNT.CLIENT.AUTH.ERR"
    );
    assert!(heard.try_next().is_none());
}

#[test]
fn a_reload_meanwhile_asks_nobody_again() {
    let mut asked = Asked::new();
    // One with a name would have to come again.
    let mut other = Raw::open(&asked.nats);
    other.send("CONNECT {\"auth_token\":\"t\",\"verbose\":false}\r\nPING\r\n");
    let question = asked.questions.try_next().unwrap();
    let mut spec = asked.nats.server_spec();
    spec.limits.max_payload = 100_000;
    asked.nats.reload(spec).unwrap();
    assert!(asked.questions.try_next().is_none());
    assert_eq!(other.read(), "");
    asked
        .service
        .publish(question.reply.unwrap(), "no")
        .unwrap();
    assert_eq!(other.read(), "-ERR 'Authorization Violation'\r\n");
}

#[test]
fn an_answer_to_another_question_counts_for_nothing() {
    let mut asked = Asked::new();
    let mut other = Raw::open(&asked.nats);
    other.send(connect("joe", "x", ""));
    let question = asked.questions.try_next().unwrap();
    asked
        .service
        .publish(question.reply.unwrap(), "no")
        .unwrap();
    assert_eq!(asked.client.read(), "");
    assert!(other.is_closed());
}

/// A hub whose service has the say, and a leaf node of it: the service, its questions and the deployment.
fn hub_and_leaf() -> (MockNats, Client, Subscription) {
    let issuer = MockOperator::new("acme").account("AUTH").public_key();
    let hub = format!(
        r#"
        server_name: hub
        accounts {{ AUTH {{ users: [ {{ user: auth, password: auth }} ] }}, APP {{}} }}
        authorization {{ auth_callout {{ issuer: {issuer}, account: AUTH, auth_users: [ auth ] }} }}
        leafnodes {{ listen: "127.0.0.1:7422" }}
        "#
    );
    let leaf = r#"
        server_name: leaf
        leafnodes { remotes: [ { url: "nats-leaf://eve:x@127.0.0.1:7422" } ] }
        "#;
    let place = tempfile::tempdir().unwrap();
    let paths = [("hub.conf", hub.as_str()), ("leaf.conf", leaf)].map(|(name, text)| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    let builder = Builder::from_confs(paths).unwrap().unbound();
    let nats = builder.manual_clock(epoch()).start_blocking().unwrap();
    let mut service = nats.server("hub").client("auth").unwrap();
    let questions = service.subscribe("$SYS.REQ.USER.AUTH").unwrap();
    (nats, service, questions)
}

/// How many leaf nodes ask to be let in within so many seconds.
fn asked_within(nats: &MockNats, questions: &mut Subscription, seconds: u64) -> usize {
    nats.advance(Duration::from_secs(seconds));
    std::iter::from_fn(|| questions.try_next()).count()
}

#[test]
fn a_leaf_node_that_nobody_answers_for_tries_again() {
    let (nats, _service, mut questions) = hub_and_leaf();
    // The service was not there at the first time. Two seconds each, and one between.
    assert_eq!(asked_within(&nats, &mut questions, 9), 3);
}

#[test]
fn a_leaf_node_that_waits_survives_what_becomes_of_servers_and_links() {
    let (nats, mut service, mut questions) = hub_and_leaf();
    let question = |questions: &mut Subscription| {
        nats.advance(Duration::from_secs(3));
        questions.try_next().unwrap().reply.unwrap()
    };
    let reply = question(&mut questions);
    nats.link("hub", "leaf").cut();
    // The hub does not know yet, and the answer is not good enough for anybody.
    service.publish(&reply, "no").unwrap();
    assert_eq!(asked_within(&nats, &mut questions, 30), 0);
    nats.link("hub", "leaf").heal();
    question(&mut questions);
    nats.server("leaf").crash();
    assert_eq!(asked_within(&nats, &mut questions, 30), 0);
    nats.server("leaf").restart().unwrap();
    question(&mut questions);
    nats.server("hub").stop();
    nats.advance(Duration::from_secs(30));
    nats.server("hub").restart().unwrap();
    let mut service = nats.server("hub").client("auth").unwrap();
    let mut questions = service.subscribe("$SYS.REQ.USER.AUTH").unwrap();
    assert!(asked_within(&nats, &mut questions, 6) > 0);
}
