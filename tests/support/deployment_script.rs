//! Random scripts of what becomes of a deployment of several servers, and of what clients do
//! meanwhile.

use std::time::Duration;

use nats_mock::{MockNats, Version};
use proptest::prelude::*;
use proptest::sample::select;

use super::epoch;
use super::raw::{Raw, connect};

/// Connections of clients, besides an operator's to each server.
const CONNS: usize = 4;
const SERVERS: usize = 4;

/// Users, who have their names for passwords; the last one belongs to the system account.
const USERS: [&str; 3] = ["a", "b", "ops"];

#[derive(Clone, Debug)]
pub enum Step {
    Open {
        conn: usize,
        server: usize,
        user: usize,
    },
    Close {
        conn: usize,
    },
    /// Sends a line, or several.
    Send {
        conn: usize,
        text: String,
    },
    /// An operator asks all servers, or one of them.
    Ask {
        server: usize,
        whom: Option<usize>,
        endpoint: &'static str,
    },
    Server {
        server: usize,
        fate: Fate,
    },
    Link {
        a: usize,
        b: usize,
        state: State,
    },
    Advance {
        millis: u64,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum Fate {
    Stop,
    Crash,
    Restart,
    Upgrade,
    Freeze,
    Thaw,
    LameDuck,
}

#[derive(Clone, Copy, Debug)]
pub enum State {
    Cut,
    OneWay,
    Silent,
    Slow,
    Healed,
}

const FATES: [Fate; 8] = [
    Fate::Stop,
    Fate::Crash,
    Fate::Restart,
    Fate::Restart,
    Fate::Upgrade,
    Fate::Freeze,
    Fate::Thaw,
    Fate::LameDuck,
];
const STATES: [State; 6] = [
    State::Cut,
    State::OneWay,
    State::Silent,
    State::Slow,
    State::Healed,
    State::Healed,
];
const SUBJECTS: [&str; 6] = ["a", "a.b", "*", "a.*", ">", "b"];
const ENDPOINTS: [&str; 9] = [
    "", "IDZ", "STATSZ", "VARZ", "CONNZ", "SUBSZ", "ROUTEZ", "GATEWAYZ", "ACCOUNTZ",
];

fn text() -> impl Strategy<Value = String> {
    let subject = || select(&SUBJECTS[..]);
    let queue = select(&["", "q", "r"][..]);
    prop_oneof![
        4 => (subject(), queue, 0..4).prop_map(|(subject, queue, sid)| format!("SUB {subject} {queue} {sid}\r\n")),
        1 => (0..4).prop_map(|sid| format!("UNSUB {sid}\r\n")),
        5 => select(&["a", "a.b", "b"][..]).prop_map(|subject| format!("PUB {subject} 2\r\nhi\r\n")),
        2 => select(&["a", "no.body", "$SYS.REQ.USER.INFO", "$SYS.REQ.ACCOUNT.PING.CONNZ"][..])
            .prop_map(|subject| format!("PUB {subject} inbox.1 0\r\n\r\n")),
        1 => Just("SUB inbox.* 9\r\nPING\r\n".to_owned()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let conn = || 0..CONNS;
    let server = || 0..SERVERS;
    prop_oneof![
        2 => (conn(), server(), 0..USERS.len())
            .prop_map(|(conn, server, user)| Step::Open { conn, server, user }),
        1 => conn().prop_map(|conn| Step::Close { conn }),
        8 => (conn(), text()).prop_map(|(conn, text)| Step::Send { conn, text }),
        3 => (server(), proptest::option::of(server()), select(&ENDPOINTS[..]))
            .prop_map(|(server, whom, endpoint)| Step::Ask { server, whom, endpoint }),
        3 => (server(), select(&FATES[..])).prop_map(|(server, fate)| Step::Server { server, fate }),
        3 => (server(), server(), select(&STATES[..])).prop_map(|(a, b, state)| Step::Link { a, b, state }),
        3 => prop_oneof![0..2_000_u64, 5_000..40_000_u64].prop_map(|millis| Step::Advance { millis }),
    ]
}

/// A script in which every connection is open and listens to begin with.
pub fn script(len: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), len).prop_map(|steps| {
        let begin = (0..CONNS).flat_map(|conn| {
            let text = format!("SUB {} 1\r\n", SUBJECTS[conn]);
            let open = Step::Open {
                conn,
                server: conn,
                user: conn % 2,
            };
            [open, Step::Send { conn, text }]
        });
        begin.chain(steps).collect()
    })
}

/// A deployment in which time stands still, and all that its clients have got.
struct World {
    nats: MockNats,
    names: Vec<String>,
    conns: Vec<Option<Raw>>,
    ops: Vec<Option<Raw>>,
    transcript: String,
}

/// Every byte that every connection got from a deployment of the clusters.
pub fn transcript(seed: u64, clusters: &[usize], steps: &[Step]) -> String {
    let mut world = World::start(seed, clusters);
    for step in steps {
        world.play(step);
        world.read();
    }
    world.transcript
}

impl World {
    fn start(seed: u64, clusters: &[usize]) -> Self {
        let mut builder = MockNats::builder()
            .unbound()
            .seed(seed)
            .version(Version::V2_14)
            .account("A", [("a", "a")])
            .account("B", [("b", "b")])
            .system_account("SYS", [("ops", "ops")])
            .manual_clock(epoch());
        for (place, &servers) in clusters.iter().enumerate() {
            builder = builder.cluster(format!("c{place}"), servers);
        }
        let nats = builder.start_blocking().expect("starts");
        let names: Vec<_> = nats.servers().map(|server| server.name()).collect();
        let mut world = Self {
            nats,
            conns: (0..CONNS).map(|_| None).collect(),
            ops: names.iter().map(|_| None).collect(),
            names,
            transcript: String::new(),
        };
        for server in 0..world.names.len() {
            world.watch(server);
        }
        world
    }

    fn server(&self, number: usize) -> nats_mock::Server<'_> {
        self.nats.server(&self.names[number % self.names.len()])
    }

    /// Connects an operator to a server. The first listens to everything.
    fn watch(&mut self, server: usize) {
        let server = server % self.names.len();
        let connected = self.server(server).connect_in_memory();
        self.ops[server] = connected.ok().map(|connection| {
            let mut raw = Raw(connection);
            raw.send(connect("ops", "ops", ""));
            raw.send(if server == 0 {
                "SUB > 1\r\n"
            } else {
                "SUB r 1\r\n"
            });
            raw
        });
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Open { conn, server, user } => {
                let connected = self.server(server).connect_in_memory();
                self.conns[conn] = connected.ok().map(|connection| {
                    let mut raw = Raw(connection);
                    raw.send(connect(USERS[user], USERS[user], ""));
                    raw
                });
            }
            Step::Close { conn } => self.conns[conn] = None,
            Step::Send { conn, ref text } => {
                if let Some(raw) = &mut self.conns[conn] {
                    raw.send(text);
                }
            }
            Step::Ask {
                server,
                whom,
                endpoint,
            } => {
                let whom = match whom {
                    Some(whom) => self.server(whom).id(),
                    None => "PING".to_owned(),
                };
                let server = server % self.names.len();
                let subject = format!("$SYS.REQ.SERVER.{whom}.{endpoint}");
                let subject = subject.trim_end_matches('.');
                if let Some(raw) = &mut self.ops[server] {
                    raw.send(format!("PUB {subject} r 0\r\n\r\n"));
                }
            }
            Step::Server { server, fate } => self.change(server, fate),
            Step::Link { a, b, state } => {
                let name = |number: usize| &self.names[number % self.names.len()];
                let link = self.nats.link(name(a), name(b));
                match state {
                    State::Cut => link.cut(),
                    State::OneWay => link.cut_one_way(),
                    State::Silent => link.cut_silently(),
                    State::Slow => link.slow(Duration::from_millis(5), Duration::from_millis(500)),
                    State::Healed => link.heal(),
                }
            }
            Step::Advance { millis } => self.nats.advance(Duration::from_millis(millis)),
        }
    }

    fn change(&mut self, server: usize, fate: Fate) {
        let it = self.server(server);
        match fate {
            Fate::Stop => it.stop(),
            Fate::Crash => it.crash(),
            Fate::Restart => it.restart().expect("starts again"),
            Fate::Upgrade => it.upgrade(Version::V2_15).expect("starts again"),
            Fate::Freeze => it.freeze(),
            Fate::Thaw => it.thaw(),
            Fate::LameDuck => it.lame_duck(),
        }
        if matches!(fate, Fate::Restart | Fate::Upgrade) {
            self.watch(server);
        }
    }

    fn read(&mut self) {
        let all = self.conns.iter_mut().chain(&mut self.ops);
        for (place, raw) in all.enumerate() {
            let text = raw.as_mut().map(Raw::read).unwrap_or_default();
            if !text.is_empty() {
                self.transcript.push_str(&format!("{place} {text}\n"));
            }
        }
    }
}
