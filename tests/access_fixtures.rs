//! `fixtures/access`: the ways in which clients log in, and how each ends, for real clients in four languages. They
//! are written here, because keys and tokens follow from names; a test compares them with what is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use nats_mock::{MockAccount, MockOperator, MockUser};
use serde_json::{Value, json};

/// Seconds since 1970 that have passed.
const PAST: i64 = 1_600_000_000;

/// What a client is told that is not let in, in lower case.
const REFUSED: &str = "authorization violation";

/// What becomes of a client that cannot agree with the server on TLS: it gets nowhere, in words of its own.
const NO_TLS: &str = "tls";

/// What is written, by the names of files.
#[derive(Default)]
struct Fixtures {
    servers: BTreeMap<&'static str, String>,
    variants: Vec<Value>,
    files: BTreeMap<String, String>,
}

impl Fixtures {
    fn server(&mut self, name: &'static str, conf: impl Into<String>) {
        self.servers.insert(name, conf.into());
    }

    /// A client that is let in, and who it is then.
    fn enters(&mut self, server: &str, name: &str, client: Value, user: &str, account: &str) {
        self.variant(
            server,
            name,
            client,
            json!({"user": user, "account": account}),
        );
    }

    fn fails(&mut self, server: &str, name: &str, client: Value, error: &str) {
        self.variant(server, name, client, json!({ "error": error }));
    }

    fn variant(&mut self, server: &str, name: &str, client: Value, outcome: Value) {
        self.variants.push(json!({
            "name": format!("{server}: {name}"), "server": server, "client": client, "outcome": outcome,
        }));
    }

    fn file(&mut self, name: &str, text: impl Into<String>) -> String {
        self.files.insert(name.to_owned(), text.into());
        name.to_owned()
    }
}

fn user(name: &str, password: &str) -> Value {
    json!({"user": name, "password": password})
}

/// The same client with something more.
fn with(mut client: Value, key: &str, value: impl Into<Value>) -> Value {
    client[key] = value.into();
    client
}

const USERS: &str = "accounts {
  USERS { users: [
    { user: a, password: a }
    # The password is `s3cret`.
    { user: hashed, password: \"$2a$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG\" }
  ] }
  SYS { users: [ { user: admin, password: changeit } ] }
}
system_account: SYS
";

fn passwords(fixtures: &mut Fixtures) {
    fixtures.server("passwords", USERS);
    let server = "passwords";
    fixtures.enters(server, "a password", user("a", "a"), "a", "USERS");
    fixtures.enters(
        server,
        "a hashed password",
        user("hashed", "s3cret"),
        "hashed",
        "USERS",
    );
    fixtures.enters(
        server,
        "the system account",
        user("admin", "changeit"),
        "admin",
        "SYS",
    );
    fixtures.fails(server, "a wrong password", user("a", "b"), REFUSED);
    fixtures.fails(
        server,
        "a wrong hashed password",
        user("hashed", "S3cret"),
        REFUSED,
    );
    fixtures.fails(server, "an unknown user", user("b", "a"), REFUSED);
    fixtures.fails(server, "a token instead", json!({"token": "a"}), REFUSED);
    fixtures.fails(server, "nobody", json!({}), REFUSED);

    fixtures.server("token", "authorization { token: s3cret }\n");
    let server = "token";
    fixtures.enters(
        server,
        "a token",
        json!({"token": "s3cret"}),
        "[REDACTED]",
        "$G",
    );
    fixtures.fails(server, "a wrong token", json!({"token": "S3cret"}), REFUSED);
    fixtures.fails(server, "nobody", json!({}), REFUSED);
}

fn nkeys(fixtures: &mut Fixtures) {
    let keys = MockOperator::new("nkeys").account("KEYS");
    let (known, unknown) = (keys.user("known"), keys.user("unknown"));
    let mut file = |who: &MockUser, name: &str| fixtures.file(name, who.seed() + "\n");
    let (good, bad) = (file(&known, "known.nk"), file(&unknown, "unknown.nk"));
    let key = known.public_key();
    fixtures.server(
        "nkeys",
        format!("accounts {{ USERS {{ users: [ {{ nkey: {key} }} ] }} }}\n"),
    );
    fixtures.enters("nkeys", "an nkey", json!({"nkey": good}), &key, "USERS");
    fixtures.fails("nkeys", "an unknown nkey", json!({"nkey": bad}), REFUSED);
    fixtures.fails("nkeys", "a password instead", user("a", "a"), REFUSED);
}

/// An operator, accounts and users with credentials of every kind.
fn tokens(fixtures: &mut Fixtures) {
    let acme = MockOperator::new("acme");
    let revoked = acme.account("SHOP").user("revoked");
    let shop = acme.account("SHOP").revoke(&revoked);
    let late = acme.account("LATE").expires(PAST);
    let conf = operator(&acme, &[&shop, &late]);
    fixtures.server("operator", &*conf);
    fixtures.server("operator over TLS", format!("{}{conf}", tls("")));

    let (alice, bob) = (shop.user("alice"), shop.user("bob"));
    let bearer = shop.user("bearer").bearer();
    let mut creds = |name: &str, text: String| {
        let file = fixtures.file(&format!("{name}.creds"), text);
        json!({ "creds": file })
    };
    let good = creds("alice", alice.creds());
    let system = creds("system", acme.system_account().user("root").creds());
    let stranger = MockOperator::new("other").account("SHOP").user("alice");
    let refused = [
        (
            "the seed of another",
            creds("forged", alice.creds().replace(&alice.seed(), &bob.seed())),
        ),
        ("a changed token", creds("changed", changed(&alice))),
        (
            "an expired user",
            creds("expired", shop.user("late").expires(PAST).creds()),
        ),
        ("a revoked user", creds("revoked", revoked.creds())),
        (
            "an expired account",
            creds("late", late.user("carol").creds()),
        ),
        ("another operator", creds("stranger", stranger.creds())),
        (
            "an unknown account",
            creds("unknown", acme.account("NONE").user("dave").creds()),
        ),
    ];
    let mut token = |name: &str, jwt: String| {
        let file = fixtures.file(&format!("{name}.jwt"), jwt + "\n");
        json!({ "jwt": file })
    };
    let (free, unsigned) = (
        token("bearer", bearer.jwt()),
        token("unsigned", alice.jwt()),
    );

    let server = "operator";
    let (account, key) = (shop.public_key(), alice.public_key());
    fixtures.enters(server, "credentials", good.clone(), &key, &account);
    fixtures.enters(
        server,
        "a bearer token",
        free,
        &bearer.public_key(),
        &account,
    );
    let system_account = acme.system_account();
    let root = system_account.user("root").public_key();
    fixtures.enters(
        server,
        "the system account",
        system,
        &root,
        &system_account.public_key(),
    );
    for (name, client) in refused {
        fixtures.fails(server, name, client, REFUSED);
    }
    fixtures.fails(server, "a token without a signature", unsigned, REFUSED);
    fixtures.fails(server, "a password instead", user("a", "a"), REFUSED);

    let server = "operator over TLS";
    let trusting = with(good.clone(), "ca", "ca");
    fixtures.enters(server, "credentials", trusting, &key, &account);
    fixtures.fails(
        server,
        "another authority",
        with(good, "ca", "other-ca"),
        NO_TLS,
    );
}

fn operator(acme: &MockOperator, accounts: &[&MockAccount]) -> String {
    let system = acme.system_account();
    let known = accounts.iter().copied().chain([&system]);
    let known: Vec<String> = known
        .map(|account| format!("  {}: {}", account.public_key(), account.jwt()))
        .collect();
    format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{}\n}}\n",
        acme.jwt(),
        system.public_key(),
        known.join("\n"),
    )
}

/// Credentials whose token somebody has given more rights.
fn changed(user: &MockUser) -> String {
    let more = user.clone().allow_publish([">"]);
    let (jwt, other) = (user.jwt(), more.jwt());
    let signature = jwt.rsplit('.').next().unwrap();
    let (signed, _) = other.rsplit_once('.').unwrap();
    user.creds().replace(&jwt, &format!("{signed}.{signature}"))
}

fn tls(more: &str) -> String {
    format!(
        "tls {{\n  cert_file: \"{{{{tls}}}}/server.pem\", key_file: \"{{{{tls}}}}/server-key.pem\", ca_file: \
         \"{{{{tls}}}}/ca.pem\"\n  {more}\n}}\n"
    )
}

fn certificates(fixtures: &mut Fixtures) {
    let secure = |client: Value| with(client, "ca", "ca");
    let as_a = || user("a", "a");
    let certified = |client: Value, name: &str| with(with(client, "ca", "ca"), "certificate", name);
    let first = |client: Value| with(client, "first", true);

    fixtures.server("TLS", tls("") + USERS);
    let server = "TLS";
    fixtures.enters(server, "an authority", secure(as_a()), "a", "USERS");
    fixtures.fails(
        server,
        "another authority",
        with(as_a(), "ca", "other-ca"),
        NO_TLS,
    );
    fixtures.fails(server, "a wrong password", secure(user("a", "b")), REFUSED);
    fixtures.fails(server, "nobody", secure(json!({})), REFUSED);

    fixtures.server("mutual TLS", tls("verify: true") + USERS);
    let server = "mutual TLS";
    fixtures.enters(
        server,
        "a certificate",
        certified(as_a(), "client"),
        "a",
        "USERS",
    );
    fixtures.fails(server, "no certificate", secure(as_a()), NO_TLS);
    fixtures.fails(server, "a stranger", certified(as_a(), "stranger"), NO_TLS);
    fixtures.fails(
        server,
        "a wrong password",
        certified(user("a", "b"), "client"),
        REFUSED,
    );

    let users = "accounts {
  USERS { users: [ { user: \"ann@test.example\" }, { user: \"CN=client,O=nats-mock tests\" }, { user: a, password: a } ] }
  HOSTS { users: [ { user: \"app.test.example\" } ] }
}
";
    fixtures.server("mapped TLS", tls("verify_and_map: true") + users);
    let server = "mapped TLS";
    let nobody = |name: &str| certified(json!({}), name);
    fixtures.enters(
        server,
        "an address",
        nobody("email"),
        "ann@test.example",
        "USERS",
    );
    fixtures.enters(server, "a host", nobody("dns"), "app.test.example", "HOSTS");
    let subject = "CN=client,O=nats-mock tests";
    fixtures.enters(server, "a subject", nobody("client"), subject, "USERS");
    fixtures.fails(server, "an unknown name", nobody("uri"), REFUSED);
    fixtures.fails(
        server,
        "a password instead",
        certified(as_a(), "uri"),
        REFUSED,
    );
    fixtures.fails(server, "no certificate", secure(as_a()), NO_TLS);

    fixtures.server("TLS first", tls("handshake_first: true") + USERS);
    let server = "TLS first";
    fixtures.enters(server, "first", first(secure(as_a())), "a", "USERS");
    fixtures.fails(server, "not first", secure(as_a()), NO_TLS);
    fixtures.fails(
        server,
        "a wrong password",
        first(secure(user("a", "b"))),
        REFUSED,
    );

    fixtures.server("TLS first or not", tls("handshake_first: auto") + USERS);
    let server = "TLS first or not";
    fixtures.enters(server, "first", first(secure(as_a())), "a", "USERS");
    fixtures.enters(server, "not first", secure(as_a()), "a", "USERS");

    fixtures.server(
        "TLS or not",
        format!("allow_non_tls: true\n{}{USERS}", tls("")),
    );
    let server = "TLS or not";
    fixtures.enters(server, "TLS", secure(as_a()), "a", "USERS");
    fixtures.enters(server, "none", as_a(), "a", "USERS");
    fixtures.fails(server, "a wrong password", user("a", "b"), REFUSED);
}

#[test]
fn the_fixtures_are_what_is_written_here() {
    let mut fixtures = Fixtures::default();
    passwords(&mut fixtures);
    nkeys(&mut fixtures);
    tokens(&mut fixtures);
    certificates(&mut fixtures);
    let table = json!({"servers": fixtures.servers, "variants": fixtures.variants});
    let table = serde_json::to_string_pretty(&table).unwrap() + "\n";
    fixtures.file("variants.json", table);

    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/access");
    for (name, text) in &fixtures.files {
        let file = folder.join(name);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&file, text).unwrap();
        }
        let there = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            there == *text,
            "{name} is another; UPDATE_FIXTURES=1 writes it"
        );
    }
    let there = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().file_name());
    let mut unknown = there.map(|name| name.into_string().unwrap());
    assert_eq!(
        unknown.find(|name| name != "README.md" && !fixtures.files.contains_key(name)),
        None
    );
}
