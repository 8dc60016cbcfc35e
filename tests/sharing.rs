//! What accounts share reaches exactly those whom a few lines of a model name, once.

use nats_mock::topology::{AccountOptions, Export, Import, SubjectMapping, UserOptions};
use nats_mock::{Client, MockNats, StartError, Subscription};
use proptest::prelude::*;

const ACCOUNTS: [&str; 3] = ["a", "b", "c"];

/// What subscriptions listen to.
const PATTERNS: [&str; 10] = [
    "s.x",
    "s.*",
    ">",
    "from.>",
    "from.*.s.x",
    "from.a.s.*",
    "from.b.>",
    "from.*.*.y",
    "q.x",
    "*.a.x",
];

/// Who exports to whom, and who imports from whom: by the exporting account, then by the importing one.
#[derive(Clone, Debug)]
struct Shares {
    streams: [[bool; 3]; 3],
    services: [[bool; 3]; 3],
    is_private: bool,
}

fn shares() -> impl Strategy<Value = Shares> {
    let table = || proptest::array::uniform3(proptest::array::uniform3(any::<bool>()));
    (table(), table(), any::<bool>()).prop_map(|(streams, services, is_private)| Shares {
        streams,
        services,
        is_private,
    })
}

impl Shares {
    fn accounts(&self) -> Vec<AccountOptions> {
        let mut accounts: Vec<AccountOptions> = ACCOUNTS
            .iter()
            .map(|&name| AccountOptions {
                users: vec![UserOptions::new(name, name)],
                ..AccountOptions::new(name)
            })
            .collect();
        for exporter in 0..3 {
            let allowed = |table: &[[bool; 3]; 3]| -> Vec<&str> {
                let takes = |&to: &usize| table[exporter][to];
                (0..3).filter(takes).map(|to| ACCOUNTS[to]).collect()
            };
            let name = ACCOUNTS[exporter];
            let export = |export: Export, table| {
                let allowed = allowed(table);
                if self.is_private && !allowed.is_empty() {
                    export.only_for(allowed)
                } else {
                    export
                }
            };
            accounts[exporter].exports = vec![
                export(Export::stream("s.>"), &self.streams),
                export(Export::service("q.*"), &self.services),
            ];
            for (importer, account) in accounts.iter_mut().enumerate() {
                let imports = &mut account.imports;
                if self.streams[exporter][importer] {
                    let prefix = format!("from.{name}");
                    imports.push(Import::stream(name, "s.>").prefix(prefix));
                }
                if self.services[exporter][importer] {
                    imports.push(Import::service(name, "q.*").to(format!("ask.{name}.*")));
                }
            }
        }
        accounts
    }

    /// Under which subjects a message of `exporter` arrives in `account`.
    fn arrivals(&self, exporter: usize, account: usize, subject: &str) -> Vec<String> {
        let own = (exporter == account).then(|| subject.to_owned());
        let imported = (self.streams[exporter][account] && subject.starts_with("s."))
            .then(|| format!("from.{}.{subject}", ACCOUNTS[exporter]));
        own.into_iter().chain(imported).collect()
    }
}

fn matches(pattern: &str, subject: &str) -> bool {
    let (mut pattern, mut subject) = (pattern.split('.'), subject.split('.'));
    loop {
        match (pattern.next(), subject.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some(want), Some(token)) if want == "*" || want == token => {}
            _ => return false,
        }
    }
}

fn start(accounts: Vec<AccountOptions>) -> Result<MockNats, StartError> {
    let builder = accounts
        .into_iter()
        .fold(MockNats::builder(), |builder, account| {
            builder.account_with(account)
        });
    builder.start_blocking()
}

fn subjects(subscription: &mut Subscription) -> Vec<String> {
    let mut all: Vec<String> =
        std::iter::from_fn(|| Some(subscription.try_next()?.subject)).collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Streams.
    #[test]
    fn streams_reach_whom_they_should(
        shares in shares(),
        listeners in proptest::collection::vec((0..3_usize, 0..PATTERNS.len()), 1..8),
        gone in 0..8_usize,
        published in proptest::collection::vec(
            (0..3_usize, proptest::sample::select(vec!["s.x", "s.y", "s.x.y", "q.x", "from.a.s.x"])),
            1..8,
        ),
    ) {
        let nats = start(shares.accounts()).unwrap();
        let mut clients: Vec<Client> =
            ACCOUNTS.iter().map(|user| nats.client(user).unwrap()).collect();
        let mut subscriptions: Vec<(usize, &str, Subscription)> = listeners
            .iter()
            .map(|&(account, pattern)| {
                let pattern = PATTERNS[pattern];
                (account, pattern, clients[account].subscribe(pattern).unwrap())
            })
            .collect();
        if gone < subscriptions.len() {
            drop(subscriptions.remove(gone));
        }
        for &(account, subject) in &published {
            clients[account].publish(subject, "").unwrap();
        }
        for (account, pattern, subscription) in &mut subscriptions {
            let mut expected: Vec<String> = published
                .iter()
                .flat_map(|&(from, subject)| shares.arrivals(from, *account, subject))
                .filter(|subject| matches(pattern, subject))
                .collect();
            expected.sort();
            prop_assert_eq!(subjects(subscription), expected, "{} in {}", pattern, account);
        }
    }

    /// Services.
    #[test]
    fn services_are_asked_and_answer_once(
        shares in shares(),
        responders in proptest::collection::vec(0..3_usize, 0..4),
        asked in proptest::collection::vec((0..3_usize, 0..3_usize), 1..6),
    ) {
        let nats = start(shares.accounts()).unwrap();
        let mut clients: Vec<Client> =
            ACCOUNTS.iter().map(|user| nats.client(user).unwrap()).collect();
        let mut services: Vec<(usize, Subscription)> = responders
            .iter()
            .map(|&account| (account, clients[account].subscribe("q.x").unwrap()))
            .collect();
        for (asking, exporter) in asked {
            let subject = format!("ask.{}.x", ACCOUNTS[exporter]);
            let pending = clients[asking].request(subject, "?").unwrap();
            let is_imported = shares.services[exporter][asking];
            let mut answered = false;
            for (account, service) in &mut services {
                let request = service.try_next();
                prop_assert_eq!(request.is_some(), is_imported && *account == exporter);
                prop_assert!(service.try_next().is_none());
                if let Some(reply) = request.and_then(|request| request.reply) {
                    prop_assert!(reply.starts_with("_R_."));
                    clients[*account].publish(reply, "!").unwrap();
                    answered = true;
                }
            }
            let answer = pending.wait(std::time::Duration::from_secs(5)).unwrap();
            if answered {
                prop_assert_eq!(answer.text(), "!");
            } else {
                prop_assert_eq!(answer.status(), Some(503));
            }
        }
    }
}

#[test]
fn what_accounts_cannot_share_is_said_at_the_start() {
    let account = |name: &str, other: &str| AccountOptions {
        exports: vec![Export::stream("s")],
        imports: vec![Import::stream(other, "s")],
        ..AccountOptions::new(name)
    };
    let error = start(vec![account("A", "B"), account("B", "A")]).unwrap_err();
    assert!(matches!(error, StartError::Sharing { .. }));
    assert!(
        error.to_string().ends_with("import forms a cycle"),
        "{error}"
    );
    let mapped = AccountOptions {
        mappings: vec![SubjectMapping::new("a", "b.$1")],
        ..AccountOptions::new("A")
    };
    let error = start(vec![mapped]).unwrap_err();
    assert!(matches!(error, StartError::Mapping { .. }), "{error}");
}

#[test]
fn mappings_take_their_shares() {
    use nats_mock::topology::MappingDestination;
    let to = |subject: &str, weight| MappingDestination {
        subject: subject.to_owned(),
        weight,
        cluster: None,
    };
    let account = AccountOptions {
        users: vec![UserOptions::new("a", "a")],
        mappings: vec![SubjectMapping {
            source: "in".to_owned(),
            destinations: vec![to("one", 20), to("two", 50)],
        }],
        ..AccountOptions::new("A")
    };
    let nats = start(vec![account]).unwrap();
    let mut client = nats.client("a").unwrap();
    let mut all = client.subscribe(">").unwrap();
    for _ in 0..1000 {
        client.publish("in", "").unwrap();
    }
    let got = subjects(&mut all);
    let count = |wanted: &str| got.iter().filter(|subject| *subject == wanted).count();
    assert_eq!(got.len(), 1000);
    assert!((120..280).contains(&count("one")), "{}", count("one"));
    assert!((420..580).contains(&count("two")), "{}", count("two"));
    assert_eq!(count("in"), 1000 - count("one") - count("two"));
}
