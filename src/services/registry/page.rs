//! `docs/subjects.md`: the subjects that are answered and emitted. Requests come from the table of
//! registrations; events from a deployment that has been made to emit them.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use nats_mock_protocol::sys::EventSubject;

use super::{Endpoint, LISTENERS, On, Other, Resolvers, Scope};
use crate::core::{ServerId, Time};
use crate::generated;
use crate::services::{Configuration, Deployment};
use crate::topology::{
    AccountOptions, Export, Import, LatencyOptions, Sampling, ServiceExport, Topology, UserOptions,
};
use crate::{Builder, MockNats, Subscription};

const INTRODUCTION: &str = "\
# Subjects of the system account

<!-- Made from src/services by `UPDATE_DOCS=1 cargo test -p nats-mock --lib`. -->

`<id>` stands for a server's id and `<account>` for an account's name.

## Requests that are answered

To be sent by users of the system account.

";

#[test]
fn the_page_says_what_is_answered_and_emitted() {
    let emitted = emitted();
    let mut text = INTRODUCTION.to_owned();
    text += &generated::table(
        &["Subjects", "Answer"],
        endpoints().map(|endpoint| {
            let subjects = endpoint.subjects("<account>");
            vec![code_list(&subjects), meaning(endpoint).to_owned()]
        }),
    );
    text += "\n## Requests open to other accounts\n\nTo be sent by users of any account, about that account.\n\n";
    text += &generated::table(&["Subject", "Answered as"], open_requests());
    text += "\n## Events that are emitted\n\n";
    text += &generated::table(
        &["Subject", "Heard in", "When"],
        events()
            .iter()
            .filter(|(event, ..)| emitted.contains(&event.to_string()))
            .map(|(event, audience, when)| {
                vec![
                    format!("`{event}`"),
                    (*audience).to_owned(),
                    (*when).to_owned(),
                ]
            }),
    );
    text += "\n## Not yet\n\nEvents that are not emitted:\n\n";
    for (event, ..) in events() {
        if !emitted.contains(&event.to_string()) {
            text += &format!("- `{event}`\n");
        }
    }
    text += "\nSubjects that a server subscribes to, so that counts of subscriptions are right, while nothing \
             answers:\n\n";
    for listener in LISTENERS {
        if let Other(subject) = listener {
            text += &format!("- `{subject}`\n");
        }
    }
    generated::page("subjects.md", &text);
}

fn code_list(subjects: &[String]) -> String {
    let subjects: Vec<_> = subjects
        .iter()
        .map(|subject| format!("`{subject}`"))
        .collect();
    subjects.join("<br>")
}

fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    // What resolvers with a directory listen to later is the same, in another place.
    let is_again = |endpoint: &Endpoint| {
        endpoint.name == "CLAIMS.UPDATE" && endpoint.resolvers == Resolvers::Directory
    };
    let endpoints = LISTENERS.iter().filter_map(|listener| match listener {
        On(endpoint) => Some(endpoint),
        Other(_) => None,
    });
    endpoints.filter(move |endpoint| !is_again(endpoint))
}

fn meaning(endpoint: &Endpoint) -> &'static str {
    match (endpoint.scope, endpoint.name) {
        (Scope::Server, "IDZ") => "name, host and id",
        (Scope::Server, "STATSZ") => "statistics, as in the heartbeat",
        (Scope::Server, "VARZ") => "configuration and counters",
        (Scope::Server, "SUBSZ") => "subscriptions and the figures of their lists",
        (Scope::Server, "CONNZ") => "open and closed connections",
        (Scope::Server, "ROUTEZ") => "routes to the other servers of the cluster",
        (Scope::Server, "GATEWAYZ") => "gateways; a server on its own has none",
        (Scope::Server, "LEAFZ") => "leaf nodes; a server on its own has none",
        (Scope::Server, "ACCOUNTZ") => "the accounts, or what is known about one",
        (Scope::Server, "JSZ") => "JetStream, which is disabled",
        (Scope::Server, "HEALTHZ") => "whether the server is ready",
        (Scope::Server, "PROFILEZ") => "a profile of the Go runtime, without samples",
        (Scope::Server, "EXPVARZ") => "variables of the Go runtime, as the test sets them",
        (Scope::Server, "IPQUEUESZ") => "the queues between the server's parts",
        (Scope::Server, "RAFTZ") => "replicated groups; without JetStream there are none",
        (Scope::ServerAlone, "RELOAD") => "the configuration is read again",
        (Scope::ServerAlone, "KICK") => "a client's connection is closed",
        (Scope::ServerAlone, "LDM") => "a client is told to go elsewhere",
        (Scope::Account, "SUBSZ") => "subscriptions of an account",
        (Scope::Account, "CONNZ") => "open and closed connections of an account",
        (Scope::Account, "LEAFZ") => "leaf nodes of an account",
        (Scope::Account, "JSZ") => "JetStream of an account, which is disabled",
        (Scope::Account, "INFO") => "what the server knows about an account",
        (Scope::Account, "STATZ") => "connections and traffic of an account",
        (Scope::Account, "CONNS") => "the same, as the event says it",
        (Scope::At(_), "STATSZ") => "the same, under its older subject",
        (Scope::At(_), "STATZ") => "connections and traffic of all accounts, or of some",
        (Scope::At(_), "NSUBS") => {
            "the number of clients' subscriptions to a subject in an account"
        }
        (Scope::At(_), "INBOX") => "the answers of other servers, which are taken and not answered",
        (Scope::At(_), "SUBSCRIBERS") => "the number of clients' subscriptions to a subject",
        (Scope::At(_), "CLAIMS.UPDATE") => {
            "a new JWT for an account in operator mode, which takes effect at once"
        }
        (Scope::At(_), "CLAIMS.STORE") => {
            "the same for the account that the JWT is for, with a full or cache resolver"
        }
        (Scope::At(_), "CLAIMS.LOOKUP") => "the JWT of an account, with a full resolver",
        (Scope::At(_), "CLAIMS.PACK") => {
            "all JWTs, unless the hash of all is the one that was sent, with a full resolver"
        }
        (Scope::At(_), "CLAIMS.LIST") => {
            "the accounts whose JWTs there are, with a full or cache resolver"
        }
        (Scope::At(_), "CLAIMS.DELETE") => {
            "the JWTs of accounts are deleted, with a full or cache resolver"
        }
        (Scope::At(_), "PACKS") => {
            "the JWTs of other servers' resolvers, which are taken and not answered"
        }
        (Scope::User, "INFO") => "the asking user and what it may do",
        (scope, name) => panic!("docs/subjects.md needs a word on {scope:?} {name}"),
    }
}

/// What the services import into every account, as a deployment has it, where somebody answers.
fn open_requests() -> Vec<Vec<String>> {
    let mut topology = Topology::default();
    topology.servers[0]
        .accounts
        .push(AccountOptions::new("USERS"));
    let deployment = Deployment::new(
        &topology,
        vec![Configuration::default()],
        Time::default(),
        0,
    );
    let core = deployment.core();
    let account = core.account_named(ServerId(0), "USERS").unwrap();
    let answered: BTreeSet<String> = endpoints()
        .flat_map(|endpoint| endpoint.subjects("<account>"))
        .collect();
    core.account(account)
        .shared
        .imports
        .iter()
        .map(|(_, import)| {
            (
                &import.subject,
                import.to_subject.replace("USERS", "<account>"),
            )
        })
        .filter(|(_, to)| answered.contains(to))
        .map(|(subject, to)| vec![format!("`{subject}`"), format!("`{to}`")])
        .collect()
}

/// Every event there is, who hears it, and when.
fn events() -> Vec<(EventSubject<'static>, &'static str, &'static str)> {
    let (account, server) = ("<account>", "<id>");
    let system = "system account";
    let other = "";
    vec![
        (
            EventSubject::Connect { account },
            system,
            "a client has logged in",
        ),
        (
            EventSubject::Disconnect { account },
            system,
            "a client that had logged in is gone",
        ),
        (
            EventSubject::AccountConns { account },
            system,
            "a connection joins or leaves an account, and every 30 s while there are any; not for `$G`",
        ),
        (
            EventSubject::ServerAccountConns { account },
            system,
            "the same, under its older subject",
        ),
        (
            EventSubject::AuthError { server },
            system,
            "credentials are refused",
        ),
        (
            EventSubject::AccountAuthError,
            "account the connection was bound to",
            "credentials are refused",
        ),
        (
            EventSubject::Statsz { server },
            system,
            "heartbeat: 250 ms after the start, then at intervals that double up to 10 s, while somebody listens",
        ),
        (
            EventSubject::LameDuck { server },
            system,
            "lame duck mode begins; the server's last event",
        ),
        (
            EventSubject::Shutdown { server },
            system,
            "the server stops; its last event",
        ),
        (
            EventSubject::LeafNodeConnect { account },
            system,
            "a leaf node has connected to a server of a cluster with gateways",
        ),
        (EventSubject::LeafNodeDisconnect { account }, other, other),
        (EventSubject::OcspPeerReject { server }, other, other),
        (EventSubject::OcspLinkInvalid { server }, other, other),
        (
            EventSubject::Latency { hash: "<hash>" },
            system,
            "a service that is measured has answered a request from another server",
        ),
    ]
}

/// The subjects of the events that a deployment emits in the course of its life.
fn emitted() -> BTreeSet<String> {
    let mut emitted = BTreeSet::new();
    for end in [MockNats::lame_duck, MockNats::stop] {
        let nats = deployment().start_blocking().unwrap();
        let mut operator = nats.client("admin").unwrap();
        let mut global = nats.client("g").unwrap();
        let mut heard = [
            operator.subscribe("$SYS.>").unwrap(),
            global.subscribe("$SYS.>").unwrap(),
        ];
        let app = nats.client("a").unwrap();
        drop(app);
        let mut stranger = nats.connect_in_memory().unwrap();
        stranger
            .send(b"CONNECT {\"user\":\"a\",\"pass\":\"wrong\"}\r\n")
            .unwrap();
        nats.advance(Duration::from_secs(60));
        end(&nats);
        let id = nats.server_id();
        for subscription in &mut heard {
            collect(subscription, &id, &mut emitted);
        }
    }
    emitted_with_leafs(&mut emitted);
    emitted_with_services(&mut emitted);
    let known: BTreeSet<_> = events()
        .iter()
        .map(|(event, ..)| event.to_string())
        .collect();
    let unknown: Vec<_> = emitted.difference(&known).collect();
    assert!(
        unknown.is_empty(),
        "docs/subjects.md needs a word on {unknown:?}"
    );
    emitted
}

/// What is emitted only where there are gateways and leaf nodes.
fn emitted_with_leafs(emitted: &mut BTreeSet<String>) {
    let clusters = deployment().cluster("east", 1).cluster("west", 1);
    let nats = clusters.leaf("edge", 1, "east").start_blocking().unwrap();
    let hub = nats.server("east-1");
    let mut operator = hub.client("admin").unwrap();
    let mut heard = operator.subscribe("$SYS.ACCOUNT.>").unwrap();
    nats.server("edge-1").restart().unwrap();
    nats.advance(Duration::from_secs(1));
    collect(&mut heard, &hub.id(), emitted);
}

/// What is emitted only where a service is measured that is on another server.
fn emitted_with_services(emitted: &mut BTreeSet<String>) {
    let mut exporter = AccountOptions::new("EXPORTER");
    exporter.users.push(UserOptions::new("e", "e"));
    let latency = Some(LatencyOptions {
        subject: "latency".to_owned(),
        sampling: Sampling::Percent(100),
    });
    exporter.exports.push(Export::from(ServiceExport {
        latency,
        ..ServiceExport::new("service")
    }));
    let mut importer = AccountOptions::new("IMPORTER");
    importer.users.push(UserOptions::new("i", "i"));
    importer
        .imports
        .push(Import::service("EXPORTER", "service"));
    let builder = deployment().cluster("east", 2);
    let builder = builder.account_with(exporter).account_with(importer);
    let nats = builder.start_blocking().unwrap();
    let (one, other) = (nats.server("east-1"), nats.server("east-2"));
    let mut operator = one.client("admin").unwrap();
    let mut heard = operator.subscribe("$SYS.LATENCY.>").unwrap();
    let mut service = other.client("e").unwrap();
    let mut asked = service.subscribe("service").unwrap();
    let mut client = one.client("i").unwrap();
    let _answers = client.request("service", "").unwrap();
    let reply = asked.try_next().and_then(|request| request.reply).unwrap();
    service.publish(reply, "").unwrap();
    collect(&mut heard, &one.id(), emitted);
}

fn deployment() -> Builder {
    MockNats::builder()
        .account("USERS", [("a", "a")])
        .system_account("SYS", [("admin", "changeit")])
        .user(UserOptions::new("g", "g"))
        .manual_clock(SystemTime::UNIX_EPOCH)
}

fn collect(heard: &mut Subscription, id: &str, into: &mut BTreeSet<String>) {
    while let Some(message) = heard.try_next() {
        let of_latency = message.subject.strip_prefix("$SYS.LATENCY.M2.");
        let tokens = message.subject.split('.').map(|token| match token {
            token if of_latency == Some(token) => "<hash>",
            "USERS" | "SYS" => "<account>",
            token if token == id => "<id>",
            token => token,
        });
        let subject = tokens.collect::<Vec<_>>().join(".");
        // Servers also ask one another.
        if !subject.starts_with("$SYS.REQ.") {
            into.insert(subject.replace("$SYS.ACCOUNT.$G.", "$SYS.ACCOUNT.<account>."));
        }
    }
}
