//! Passwords, tokens, seeds and JWTs of clients are in nothing that a deployment tells of itself: not in what it
//! prints, logs and records, and not in what its values show of themselves.
//!
//! What a real server tells anyway is not held back from those whom it tells: the JWT of a user stands in the events
//! about its connection and in CONNZ for who asks with `auth`, before 2.11 a token is the name of its user, a refused
//! reload shows the passwords of gateways and leaf nodes, and a URL of a configuration that cannot be read is shown as it
//! is.

mod support;

use std::fmt::{Debug, Display, Write as _};
use std::sync::{Arc, Mutex};

use nats_mock::expected::connections;
use nats_mock::{Builder, Leaf, MemoryConnection, MockNats, MockOperator, MockUser, Version};
use serde_json::json;
use support::epoch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Everything that is told, with where it was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<String>>);

impl Told {
    fn add(&self, place: &str, text: impl Display) {
        let mut told = self.0.lock().unwrap();
        let _ = write!(told, "\n## {place}\n{text}\n");
    }

    fn debug(&self, place: &str, value: &impl Debug) {
        self.add(place, format_args!("{value:?}\n{value:#?}"));
    }

    fn report(&self, place: &str, error: &(impl Debug + Display)) {
        self.add(place, error);
        self.debug(place, error);
    }

    /// Nothing of it is one of these.
    fn hides(&self, secrets: &[&str]) {
        let told = self.0.lock().unwrap();
        for secret in secrets {
            // Bytes may be printed as numbers.
            let numbers = format!("{:?}", secret.as_bytes());
            let numbers = numbers.trim_matches(['[', ']']);
            for form in [secret, numbers] {
                let Some(at) = told.find(form) else { continue };
                let place = told[..at].rsplit("\n## ").next().unwrap();
                let place = place.lines().next().unwrap_or_default();
                let start = told.floor_char_boundary(at.saturating_sub(200));
                panic!(
                    "{secret} is told in {place}: …{}…",
                    &told[start..at + form.len()]
                );
            }
        }
    }

    /// All that there is to see of a deployment.
    fn look_at(&self, nats: &MockNats) {
        self.debug("the deployment", nats);
        self.debug("the configuration", &nats.server_spec());
        self.debug("events", &nats.events().history());
        self.debug("requests", &nats.requests().history());
        let timeline = nats.timeline();
        self.debug("the timeline", &timeline);
        self.add("the timeline as text", &timeline);
        self.add("the timeline as a page", timeline.html());
        self.add("the topology", nats.topology());
        self.debug("connections", &nats.connections());
    }

    async fn finish(&self, nats: MockNats) {
        nats.expect(connections().by_user("nobody at all"));
        let failure = nats.finish().await.unwrap_err();
        self.add("a failure", &failure);
        self.debug("a failure as a value", &failure);
    }
}

impl Visit for &Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field.name(), format_args!("{value:?}"));
    }
}

impl Subscriber for Told {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut &*self);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut &*self);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut &*self);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What is traced meanwhile belongs to it.
fn traced(told: &Told) -> tracing::subscriber::DefaultGuard {
    tracing::subscriber::set_default(told.clone())
}

/// Logs in with these fields of CONNECT, and looks at the connection at every step.
fn log_in(told: &Told, nats: &MockNats, fields: serde_json::Value) -> MemoryConnection {
    let mut conn = nats.connect_in_memory().unwrap();
    let mut options = json!({"verbose": false, "name": "client"});
    for (key, value) in fields.as_object().unwrap() {
        options[key] = value.clone();
    }
    let line = format!("CONNECT {options}\r\nPING\r\n");
    let (first, second) = line.split_at(line.len() - 9);
    conn.send(first.as_bytes()).unwrap();
    told.debug("half a CONNECT", &conn);
    told.debug("a deployment with half a CONNECT", nats);
    // Whoever is not let in cannot send any more.
    let _ = conn.send(second.as_bytes());
    told.debug("a connection", &conn);
    let said = conn.take_received().unwrap_or_default();
    told.add("what a client is told", String::from_utf8_lossy(&said));
    conn
}

const PASSWORD: &str = "swordfish-one";
const NEW: &str = "swordfish-two";
const WRONG: &str = "swordfish-three";
const OPS: &str = "swordfish-four";
const ROUTE: &str = "swordfish-five";
const LEAF: &str = "swordfish-six";
const HASHED: &str = "$2a$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG";

fn passwords(version: Version, password: &str, more: &str) -> Builder {
    let conf = format!(
        "server_name: n1
        accounts {{
          A {{ users: [ {{ user: a, password: {password} }}, {{ user: hashed, password: \"{HASHED}\" }} ] }}
          SYS {{ users: [ {{ user: ops, password: {OPS} }} ] }}
        }}
        system_account: SYS
        cluster {{ name: c, listen: \"127.0.0.1:4000\", authorization {{ user: r, password: {ROUTE} }} }}
        leafnodes {{
          listen: \"127.0.0.1:4001\", authorization {{ user: l, password: {LEAF}, account: A }}
          remotes: [ {{ url: \"nats://l:{LEAF}@127.0.0.1:4002\", account: A }} ]
        }}
        {more}"
    );
    configured(version, &conf).unbound()
}

fn configured(version: Version, conf: &str) -> Builder {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.conf");
    std::fs::write(&file, conf).unwrap();
    Builder::from_conf_for(&file, version).unwrap()
}

#[tokio::test]
async fn passwords_are_not_told() {
    for version in Version::ALL {
        let told = Told::default();
        let _guard = traced(&told);
        let builder = passwords(version, PASSWORD, "").manual_clock(epoch());
        told.debug("a builder", &builder);
        let changed = passwords(version, NEW, "max_payload: 1000")
            .server_spec()
            .clone();
        told.debug("another configuration", &changed);
        let nats = builder.reload_from(move || Ok(changed.clone()));
        told.debug("a builder that reloads", &nats);
        let nats = nats.start_blocking().unwrap();

        let good = log_in(&told, &nats, json!({"user": "a", "pass": PASSWORD}));
        drop(log_in(&told, &nats, json!({"user": "a", "pass": WRONG})));
        drop(log_in(
            &told,
            &nats,
            json!({"user": "hashed", "pass": WRONG}),
        ));
        drop(log_in(
            &told,
            &nats,
            json!({"user": "nobody", "pass": WRONG}),
        ));
        drop(log_in(&told, &nats, json!({"user": "a", "pass": [WRONG]})));
        told.look_at(&nats);

        let mut ops = nats.client("ops").unwrap();
        told.debug("a client", &ops);
        for (subject, body) in [
            (
                "$SYS.REQ.SERVER.PING.CONNZ",
                r#"{"auth":true,"state":"all"}"#,
            ),
            ("$SYS.REQ.SERVER.PING.VARZ", ""),
            ("$SYS.REQ.SERVER.PING.LEAFZ", ""),
            ("$SYS.REQ.ACCOUNT.A.INFO", ""),
            (&*format!("$SYS.REQ.SERVER.{}.RELOAD", nats.server_id()), ""),
        ] {
            let mut answers = ops.request(subject, body).unwrap();
            while let Some(answer) = answers.try_next() {
                told.add(subject, answer.text());
                told.debug(subject, &answer);
            }
        }
        drop(log_in(&told, &nats, json!({"user": "a", "pass": NEW})));
        drop(log_in(&told, &nats, json!({"user": "a", "pass": PASSWORD})));
        told.look_at(&nats);
        drop(good);
        told.debug("an error of a client", &nats.client("nobody").unwrap_err());
        told.finish(nats).await;
        told.hides(&[PASSWORD, NEW, WRONG, OPS, ROUTE, LEAF, HASHED]);
    }
}

#[tokio::test]
async fn tokens_are_not_told() {
    const TOKEN: &str = "open-sesame-one";
    const WRONG_TOKEN: &str = "open-sesame-two";
    let named_by_tokens = Version::V2_10;
    for version in Version::ALL.into_iter().filter(|&it| it != named_by_tokens) {
        let told = Told::default();
        let _guard = traced(&told);
        let conf = format!("authorization {{ token: {TOKEN} }}");
        let builder = configured(version, &conf).manual_clock(epoch());
        told.debug("a builder", &builder);
        let nats = builder.start_blocking().unwrap();
        drop(log_in(&told, &nats, json!({"auth_token": TOKEN})));
        drop(log_in(&told, &nats, json!({"auth_token": WRONG_TOKEN})));
        drop(log_in(
            &told,
            &nats,
            json!({"auth_token": 1.5, "pass": [WRONG_TOKEN]}),
        ));
        told.look_at(&nats);
        told.finish(nats).await;
        told.hides(&[TOKEN, WRONG_TOKEN]);
    }
}

/// The nonce of a connection in memory is not needed: a bearer signs nothing.
fn token_of(user: &MockUser) -> serde_json::Value {
    json!({"jwt": user.jwt(), "sig": "c2lnbmF0dXJlLW9mLWE"})
}

#[tokio::test]
async fn seeds_and_tokens_of_users_are_not_told() {
    let acme = MockOperator::new("acme");
    let orders = acme.account("ORDERS");
    let alice = orders.user("alice").bearer();
    let late = orders.user("late").bearer().expires(1_600_000_000);
    let unsigned = orders.user("unsigned");
    let stranger = MockOperator::new("other").account("ORDERS").user("eve");
    let edge = orders.user("edge");
    let told = Told::default();
    let _guard = traced(&told);
    let users = [&alice, &late, &unsigned, &stranger, &edge];
    for user in users {
        told.debug("a user", user);
    }
    told.debug("an account", &orders);
    told.debug("an operator", &acme);
    let leaf = Leaf::new("edge", "hub").credentials(orders.public_key(), edge.creds());
    told.debug("a leaf node", &leaf);
    let builder = MockNats::builder().operator(&acme, [&orders]);
    let builder = builder.name("hub").leaf_with(leaf);
    told.debug("a builder", &builder);
    let nats = builder.manual_clock(epoch()).start_blocking().unwrap();
    // Its JWT is told of it by a real server, too.
    let known = log_in(&Told::default(), &nats, token_of(&alice));
    told.debug("a connection", &known);
    for user in [&late, &unsigned, &stranger] {
        drop(log_in(&told, &nats, token_of(user)));
    }
    nats.push_claims(&orders.clone().revoke(&alice)).unwrap();
    told.debug("the deployment", &nats);
    told.debug("requests", &nats.requests().history());
    told.add("the timeline as text", nats.timeline());
    told.finish(nats).await;
    let seeds = users.map(MockUser::seed);
    let tokens = users.map(MockUser::jwt);
    let mut secrets: Vec<&str> = seeds.iter().chain(&tokens).map(String::as_str).collect();
    secrets.push("c2lnbmF0dXJlLW9mLWE");
    told.hides(&secrets);
}

#[test]
fn errors_of_configurations_tell_no_secrets() {
    let told = Told::default();
    for (place, block) in [
        (
            "an unknown key",
            "authorization { user: a, password: P, pasword: P }",
        ),
        (
            "a user and a token",
            "authorization { user: a, password: P, token: P }",
        ),
        (
            "a user twice",
            "authorization { users: [ { user: a, password: P }, { user: a, password: P } ] }",
        ),
        (
            "a nameless user",
            "accounts { A { users: [ { password: P } ] } }",
        ),
        (
            "an nkey with a password",
            "accounts { A { users: [ { nkey: x, password: P } ] } }",
        ),
        ("a bad seed", "accounts { A { users: [ { nkey: SUAP } ] } }"),
        (
            "a leaf node",
            "leafnodes { port: -1, authorization { user: a, password: P, users: [ { user: b, password: P } ] } }",
        ),
        (
            "a route",
            "cluster { port: -1, authorization { user: a, password: P, users: [ ] } }",
        ),
        (
            "a bad key",
            "tls { cert_file: \"fixtures/tls/server.pem\", key_file: \"fixtures/tls/ca.pem\" }",
        ),
    ] {
        let conf = block.replace('P', PASSWORD);
        let built = Builder::from_conf_str(&conf);
        let started = built
            .map_err(|error| told.report(place, &error))
            .and_then(|builder| {
                let started = builder.start_blocking();
                started.map_err(|error| told.report(place, &error))
            });
        assert!(started.is_err(), "{place}");
    }
    told.hides(&[PASSWORD]);
}

/// A process that does not outlive the test.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program's log, as verbose as it gets.
#[test]
fn the_log_tells_no_secrets() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    let acme = MockOperator::new("acme");
    let orders = acme.account("ORDERS");
    let system = acme.system_account();
    let preload = format!(
        "{}: {}\n{}: {}",
        orders.public_key(),
        orders.jwt(),
        system.public_key(),
        system.jwt()
    );
    let folder = tempfile::tempdir().unwrap();
    let (alice, late) = (
        orders.user("alice").bearer(),
        orders.user("late").bearer().expires(1_600_000_000),
    );
    let confs = [
        format!(
            "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload {{ {preload} }}",
            acme.jwt(),
            system.public_key(),
        ),
        format!("authorization {{ user: a, password: {PASSWORD} }}"),
    ];
    let logins = [
        vec![
            token_of(&alice),
            token_of(&late),
            json!({"jwt": late.jwt(), "sig": 1}),
        ],
        vec![
            json!({"user": "a", "pass": PASSWORD}),
            json!({"user": "a", "pass": WRONG}),
            json!({"user": "b", "pass": WRONG}),
        ],
    ];
    let told = Told::default();
    for (conf, logins) in confs.iter().zip(logins) {
        let file = folder.path().join("server.conf");
        std::fs::write(&file, conf).unwrap();
        let started = Command::new(env!("CARGO_BIN_EXE_nats-mock"))
            .args(["-DV", "-a", "127.0.0.1", "-p", "-1", "-c"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut server = Killed(started.unwrap());
        let mut log = BufReader::new(server.0.stderr.take().unwrap());
        let mut port = None;
        while port.is_none() {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it did not start");
            told.add("the log", &line);
            let heard = line.split("client connections on 127.0.0.1:").nth(1);
            port = heard.and_then(|port| port.trim().parse::<u16>().ok());
        }
        for login in logins {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port.unwrap())).unwrap();
            let _ = stream.write_all(format!("CONNECT {login}\r\nPING\r\n").as_bytes());
            let mut said = BufReader::new(stream).lines().map_while(Result::ok);
            // INFO, and then PONG, a refusal, or the end.
            assert!(said.next().is_some());
            let _ = said.next();
        }
        server.0.kill().unwrap();
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut log, &mut rest).unwrap();
        told.add("the log", rest);
    }
    let tokens = [alice.jwt(), late.jwt()];
    told.hides(&[PASSWORD, WRONG, &tokens[0], &tokens[1]]);
}
