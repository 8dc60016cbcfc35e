//! Situations that have really been, by name.

use std::time::Duration;

use nats_mock_protocol::sys::{AccountEndpoint, Endpoint};
use serde_json::{Value, json};

use super::connections::{Arriving, Reception};
use super::fault::{Change, Fault, Kind, LinkFate, ServerFate};
use crate::faults::Selection;
use crate::harness::programmed::Pattern;
use crate::recorded::EventKind;
use crate::{MockNats, Version};

/// Something that has gone wrong in somebody's deployment and led a tool astray, ready to be
/// [staged](MockNats::incident).
///
/// Each names the [reports](Self::reports) that it models. What concerns one server concerns the last of
/// those that run, so that whoever is connected to the first lives to see it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Incident {
    /// Some servers do not answer, or too late for the tool: fewer replies than servers. Known from
    /// natscli #1473, and from nats-surveyor #37, which then showed no metrics at all. One server always
    /// answers.
    PartialReplies {
        /// How many are silent.
        silent: usize,
    },
    /// One server answers twice and another not at all, so that the number is right. Known from
    /// nats-server #6919.
    OneAnswersForAnother,
    /// Requests end with "no responders": the user is not one of the system account. Known from
    /// nats-surveyor #256.
    NoSystemPrivileges,
    /// Answers lack a part that the tool takes for granted. Known from nats-surveyor #219 and #220, which
    /// died of servers without a JetStream meta group.
    MissingPart {
        /// Whose answers.
        endpoint: Endpoint,
        /// The part, as a pointer of RFC 6901.
        pointer: String,
    },
    /// Answers are empty. Known from nats-surveyor #219 and nats-io/k8s #943: "unexpected end of JSON
    /// input".
    EmptyReplies,
    /// Answers end in the middle, as a proxy or a full buffer leaves them. The same reports: the end of
    /// the input is unexpected.
    TruncatedReplies {
        /// So many bytes are left.
        len: usize,
    },
    /// A leaf node connects and no event tells of it. Known from nats-server #2291.
    NoLeafNodeConnect,
    /// Events about the global account appear, which older releases never sent. Known from nats-server
    /// #6543.
    GlobalAccountEvents,
    /// All servers start again, and all clients come back at once. Known from nats-tcl #33.
    ReconnectStorm,
    /// All servers are upgraded, one after the other: their versions are mixed for a while, and clients
    /// move on again and again. Known from nats.py #868.
    RollingUpgrade {
        /// The release that they become.
        to: Version,
    },
    /// A server starts again under its name, and has another id. Known from nats-server #3749 and
    /// prometheus-nats-exporter #196.
    NewIdentity,
    /// The clock of a server is ahead of the others. Known from natscli #299: negative uptimes.
    ClockAhead {
        /// By how much.
        by: Duration,
    },
    /// The clock of a server is behind the others.
    ClockBehind {
        /// By how much.
        by: Duration,
    },
    /// A server enters lame duck mode. Known from nats.py #868, which stayed until it was thrown out.
    LameDuck,
    /// Answers are errors without data. Known from jsm.go #684: `nats audit` went on as if there were
    /// some.
    ErrorReplies {
        /// The code of the error.
        code: i64,
        /// Its description.
        description: String,
    },
    /// Answers about connections are huge. Known from nats-server #770.
    HugeReplies {
        /// By how many bytes they are larger.
        bytes: usize,
    },
    /// Whole numbers are written with an exponent, which JSON allows. Known from nats.go #363.
    ScientificNumbers,
    /// Counters are smaller than they were, as after a restart that nobody has noticed. Known from
    /// nats-server #490.
    CountersFallBack,
    /// An account is missing where accounts are told about. Known from nats-server #8251.
    ForgottenAccount,
    /// Two servers have lost the route between them and do not get it back. Known from nats-server
    /// #3765.
    LostRoute,
    /// Servers do not say which cluster they belong to. Known from natscli #191.
    NamelessCluster,
    /// A server knows nothing of the connections that others know of. Known from nats-server #2703 and
    /// prometheus-nats-exporter #218.
    BlindServer,
    /// A server is still connected to and does nothing any more. Known from dart-nats #46.
    NetworkLoss,
    /// What servers say of themselves when a client connects is long, as in a cluster of many. Known from
    /// nats.py2 #19, which could not connect any more.
    HugeInfo {
        /// By how many bytes it is longer.
        bytes: usize,
    },
    /// All answers come late. Known from nats-surveyor #37.
    LateReplies {
        /// By how much.
        by: Duration,
    },
    /// No event tells that a connection has ended, so that it seems to last. Known from nats-server
    /// #6919: connections that a billing service never closed.
    LostDisconnects,
    /// Events come twice.
    DoubledEvents,
}

const SERVER: &str = "https://github.com/nats-io/nats-server/issues/";

impl Incident {
    /// One of each, with usual measures.
    ///
    /// ```
    /// use nats_mock::incidents::Incident;
    ///
    /// let each = Incident::each();
    /// assert!(each.len() >= 20);
    /// assert!(each.iter().any(|incident| incident.name() == "partial-replies"));
    /// ```
    pub fn each() -> Vec<Self> {
        vec![
            Self::PartialReplies { silent: 1 },
            Self::OneAnswersForAnother,
            Self::NoSystemPrivileges,
            Self::MissingPart {
                endpoint: Endpoint::Statsz,
                pointer: "/statsz/sent".to_owned(),
            },
            Self::EmptyReplies,
            Self::TruncatedReplies { len: 100 },
            Self::NoLeafNodeConnect,
            Self::GlobalAccountEvents,
            Self::ReconnectStorm,
            Self::RollingUpgrade {
                to: Version::default(),
            },
            Self::NewIdentity,
            Self::ClockAhead {
                by: Duration::from_secs(3600),
            },
            Self::ClockBehind {
                by: Duration::from_secs(3600),
            },
            Self::LameDuck,
            Self::ErrorReplies {
                code: 500,
                description: "internal error".to_owned(),
            },
            Self::HugeReplies { bytes: 8 << 20 },
            Self::ScientificNumbers,
            Self::CountersFallBack,
            Self::ForgottenAccount,
            Self::LostRoute,
            Self::NamelessCluster,
            Self::BlindServer,
            Self::NetworkLoss,
            Self::HugeInfo { bytes: 8 << 10 },
            Self::LateReplies {
                by: Duration::from_millis(300),
            },
            Self::LostDisconnects,
            Self::DoubledEvents,
        ]
    }

    /// Its name, as `partial-replies`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PartialReplies { .. } => "partial-replies",
            Self::OneAnswersForAnother => "one-answers-for-another",
            Self::NoSystemPrivileges => "no-system-privileges",
            Self::MissingPart { .. } => "missing-part",
            Self::EmptyReplies => "empty-replies",
            Self::TruncatedReplies { .. } => "truncated-replies",
            Self::NoLeafNodeConnect => "no-leaf-node-connect",
            Self::GlobalAccountEvents => "global-account-events",
            Self::ReconnectStorm => "reconnect-storm",
            Self::RollingUpgrade { .. } => "rolling-upgrade",
            Self::NewIdentity => "new-identity",
            Self::ClockAhead { .. } => "clock-ahead",
            Self::ClockBehind { .. } => "clock-behind",
            Self::LameDuck => "lame-duck",
            Self::ErrorReplies { .. } => "error-replies",
            Self::HugeReplies { .. } => "huge-replies",
            Self::ScientificNumbers => "scientific-numbers",
            Self::CountersFallBack => "counters-fall-back",
            Self::ForgottenAccount => "forgotten-account",
            Self::LostRoute => "lost-route",
            Self::NamelessCluster => "nameless-cluster",
            Self::BlindServer => "blind-server",
            Self::NetworkLoss => "network-loss",
            Self::HugeInfo { .. } => "huge-info",
            Self::LateReplies { .. } => "late-replies",
            Self::LostDisconnects => "lost-disconnects",
            Self::DoubledEvents => "doubled-events",
        }
    }

    /// Where it was reported. What is not from a report follows from what NATS promises: a subscription
    /// in an imported account, for one, hears an event twice.
    pub fn reports(&self) -> Vec<String> {
        let server = |number: u32| format!("{SERVER}{number}");
        let of =
            |project: &str, number: u32| format!("https://github.com/{project}/issues/{number}");
        let surveyor = |number| of("nats-io/nats-surveyor", number);
        match self {
            Self::PartialReplies { .. } => vec![of("nats-io/natscli", 1473), surveyor(37)],
            Self::OneAnswersForAnother | Self::LostDisconnects => vec![server(6919)],
            Self::NoSystemPrivileges => vec![surveyor(256)],
            Self::MissingPart { .. } => vec![surveyor(219), surveyor(220)],
            Self::EmptyReplies | Self::TruncatedReplies { .. } => {
                vec![surveyor(219), of("nats-io/k8s", 943)]
            }
            Self::NoLeafNodeConnect => vec![server(2291)],
            Self::GlobalAccountEvents => vec![server(6543)],
            Self::ReconnectStorm => vec![of("Kazmirchuk/nats-tcl", 33)],
            Self::RollingUpgrade { .. } | Self::LameDuck => vec![of("nats-io/nats.py", 868)],
            Self::NewIdentity => vec![server(3749), of("nats-io/prometheus-nats-exporter", 196)],
            Self::ClockAhead { .. } | Self::ClockBehind { .. } => {
                vec![of("nats-io/natscli", 299)]
            }
            Self::ErrorReplies { .. } => vec![of("nats-io/jsm.go", 684)],
            Self::HugeReplies { .. } => vec![server(770)],
            Self::ScientificNumbers => vec![of("nats-io/nats.go", 363)],
            Self::CountersFallBack => vec![server(490)],
            Self::ForgottenAccount => vec![server(8251)],
            Self::LostRoute => vec![server(3765)],
            Self::NamelessCluster => vec![of("nats-io/natscli", 191)],
            Self::BlindServer => vec![server(2703), of("nats-io/prometheus-nats-exporter", 218)],
            Self::HugeInfo { .. } => vec![of("nats-io/nats.py2", 19)],
            Self::NetworkLoss => vec![of("chartchuo/dart-nats", 46)],
            Self::LateReplies { .. } => vec![surveyor(37)],
            Self::DoubledEvents => Vec::new(),
        }
    }

    /// What goes wrong in it, in this deployment. Of one server, what takes several does not happen.
    pub fn faults(&self, nats: &MockNats) -> Vec<Fault> {
        let running = nats.servers().filter(|server| !server.is_stopped());
        let names: Vec<String> = running.map(|server| server.name()).collect();
        let (Some(first), Some(last)) = (names.first(), names.last()) else {
            return Vec::new();
        };
        let any = |change| Fault::said(Pattern::AnyReply, change);
        let server = |name: &String, fate| Fault::from(Kind::Server(name.clone(), fate));
        let clock = |ahead, by| {
            let server = last.clone();
            vec![Kind::Clock { server, ahead, by }.into()]
        };
        let set = |pointer: &str, value: Value| Change::Set(pointer.to_owned(), value);
        let has_others = first != last;
        match self {
            Self::PartialReplies { silent } => {
                let silent = (*silent).min(names.len() - 1);
                let silent = names.iter().rev().take(silent);
                silent
                    .map(|name| any(Change::Silence).of_server(name))
                    .collect()
            }
            Self::OneAnswersForAnother if !has_others => Vec::new(),
            Self::OneAnswersForAnother => vec![
                any(Change::Duplicate(1)).of_server(first),
                any(Change::Silence).of_server(last),
            ],
            Self::NoSystemPrivileges => vec![any(Change::NoResponders)],
            Self::MissingPart { endpoint, pointer } => {
                let change = Change::Remove(pointer.clone());
                vec![Fault::said(Pattern::Endpoint(*endpoint), change)]
            }
            Self::EmptyReplies => vec![any(Change::Truncate(0))],
            Self::TruncatedReplies { len } => vec![any(Change::Truncate(*len))],
            Self::NoLeafNodeConnect => {
                let event = Pattern::Event(EventKind::LeafNodeConnect);
                vec![Fault::said(event, Change::Silence)]
            }
            Self::GlobalAccountEvents => vec![global_account_event()],
            Self::ReconnectStorm => vec![Kind::AllServers(ServerFate::Restart).into()],
            Self::RollingUpgrade { to } => {
                let upgrades = names.iter();
                upgrades
                    .map(|name| server(name, ServerFate::Upgrade(*to)))
                    .collect()
            }
            Self::NewIdentity => vec![server(last, ServerFate::Restart)],
            Self::ClockAhead { by } => clock(true, *by),
            Self::ClockBehind { by } => clock(false, *by),
            Self::LameDuck => vec![server(last, ServerFate::LameDuck)],
            Self::ErrorReplies { code, description } => {
                vec![any(Change::Error(*code, description.clone()))]
            }
            Self::HugeReplies { bytes } => [
                Pattern::Endpoint(Endpoint::Connz),
                Pattern::Account(AccountEndpoint::Connz),
            ]
            .map(|what| Fault::said(what, Change::Pad(*bytes)))
            .into(),
            Self::ScientificNumbers => vec![any(Change::Scientific)],
            Self::CountersFallBack => vec![
                any(Change::FallBack),
                Fault::said(Pattern::Event(EventKind::Statsz), Change::FallBack),
            ],
            Self::ForgottenAccount => ["/data/account_statz/0", "/data/accounts/0"]
                .map(|pointer| any(Change::Remove(pointer.to_owned())))
                .into(),
            Self::LostRoute if !has_others => Vec::new(),
            Self::LostRoute => vec![Kind::Link(first.clone(), last.clone(), LinkFate::Cut).into()],
            Self::NamelessCluster => [
                any(Change::Remove("/server/cluster".to_owned())),
                Fault::said(
                    Pattern::AnyEvent,
                    Change::Remove("/server/cluster".to_owned()),
                ),
            ]
            .into(),
            Self::BlindServer => [
                set("/data/connections", json!([])),
                set("/data/num_connections", json!(0)),
                set("/data/total", json!(0)),
            ]
            .into_iter()
            .flat_map(|change| {
                let server = Pattern::Endpoint(Endpoint::Connz);
                let account = Pattern::Account(AccountEndpoint::Connz);
                [server, account].map(|what| Fault::said(what, change.clone()).of_server(last))
            })
            .collect(),
            Self::NetworkLoss => vec![server(last, ServerFate::Freeze)],
            Self::HugeInfo { bytes } => {
                let arriving = Arriving {
                    to: None,
                    occasions: Selection::default(),
                    reception: Reception::PadInfo(*bytes),
                };
                vec![Kind::Arriving(arriving).into()]
            }
            Self::LateReplies { by } => vec![any(Change::Delay(*by))],
            Self::LostDisconnects => {
                let event = Pattern::Event(EventKind::Disconnect);
                vec![Fault::said(event, Change::Silence)]
            }
            Self::DoubledEvents => vec![Fault::said(Pattern::AnyEvent, Change::Duplicate(1))],
        }
    }
}

/// A client without an account of its own has connected.
fn global_account_event() -> Fault {
    let event = nats_mock_protocol::events::Connect {
        client: nats_mock_protocol::events::ClientInfo {
            host: "127.0.0.1".to_owned(),
            id: 4711,
            acc: "$G".to_owned(),
            kind: "Client".to_owned(),
            client_type: "nats".to_owned(),
            ..Default::default()
        },
        ..Default::default()
    };
    Kind::Event {
        subject: "$SYS.ACCOUNT.$G.CONNECT".to_owned(),
        body: json!(event),
    }
    .into()
}
