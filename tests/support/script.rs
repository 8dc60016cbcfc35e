//! Random scripts of what clients do, and a world to play them in.

use std::time::Duration;

use bytes::BytesMut;
use nats_mock::protocol::wire::{Limits, ServerBatch, ServerDecoder, ServerOp};
use nats_mock::{Client, MockNats};
use proptest::prelude::*;
use proptest::sample::select;

use super::epoch;
use super::raw::{Raw, connect};

/// Users by name, password and account; the last one belongs to the system account.
pub const USERS: [(&str, &str, &str); 4] = [
    ("a1", "pw", "A"),
    ("a2", "pw", "A"),
    ("b1", "pw", "B"),
    ("ops", "pw", "SYS"),
];

/// Connections of a script.
pub const CONNS: usize = 5;

/// What one client does.
#[derive(Clone, Debug)]
pub enum Step {
    Open {
        conn: usize,
    },
    Login {
        conn: usize,
        user: usize,
        echo: bool,
    },
    WrongPassword {
        conn: usize,
    },
    Sub {
        conn: usize,
        sid: u8,
        subject: &'static str,
        queue: Option<&'static str>,
    },
    Unsub {
        conn: usize,
        sid: u8,
        max: Option<u64>,
    },
    Pub {
        conn: usize,
        subject: &'static str,
        headers: bool,
    },
    Request {
        conn: usize,
        subject: &'static str,
    },
    Ping {
        conn: usize,
    },
    Garbage {
        conn: usize,
    },
    Close {
        conn: usize,
        reset: bool,
    },
    /// The operator has the connection closed.
    Kick {
        conn: usize,
    },
    Advance {
        millis: u64,
    },
}

/// Subjects to publish to, with few tokens, so that much matches.
const LITERALS: [&str; 8] = ["a", "b", "a.b", "a.c", "b.a", "a.b.c", "a.c.c", "b.b.b"];
const PATTERNS: [&str; 14] = [
    "a", "a.b", "b.a", "a.b.c", "*", "a.*", "*.b", "*.*", "a.*.c", "*.*.*", ">", "a.>", "*.>",
    "a.b.>",
];
const REQUESTS: [&str; 7] = [
    "$SYS.REQ.USER.INFO",
    "$SYS.REQ.ACCOUNT.PING.CONNZ",
    "$SYS.REQ.ACCOUNT.PING.STATZ",
    "$SYS.REQ.ACCOUNT.A.STATZ",
    "a.b",
    "no.body",
    "$SYS.REQ.SERVER.PING.IDZ",
];

fn conn() -> impl Strategy<Value = usize> {
    0..CONNS
}

/// One step; connections that are not there, or not logged in, make it do little.
pub fn step() -> impl Strategy<Value = Step> {
    let sub = (
        conn(),
        0..6_u8,
        select(&PATTERNS[..]),
        select(&[None, None, Some("q"), Some("r")][..]),
    );
    prop_oneof![
        2 => conn().prop_map(|conn| Step::Open { conn }),
        4 => (conn(), 0..USERS.len() - 1, any::<bool>())
            .prop_map(|(conn, user, echo)| Step::Login { conn, user, echo }),
        1 => conn().prop_map(|conn| Step::WrongPassword { conn }),
        8 => sub.prop_map(|(conn, sid, subject, queue)| Step::Sub { conn, sid, subject, queue }),
        3 => (conn(), 0..6_u8, proptest::option::of(0..5_u64))
            .prop_map(|(conn, sid, max)| Step::Unsub { conn, sid, max }),
        12 => (conn(), select(&LITERALS[..]), any::<bool>())
            .prop_map(|(conn, subject, headers)| Step::Pub { conn, subject, headers }),
        2 => (conn(), select(&REQUESTS[..]))
            .prop_map(|(conn, subject)| Step::Request { conn, subject }),
        1 => conn().prop_map(|conn| Step::Ping { conn }),
        1 => conn().prop_map(|conn| Step::Garbage { conn }),
        2 => (conn(), any::<bool>()).prop_map(|(conn, reset)| Step::Close { conn, reset }),
        1 => conn().prop_map(|conn| Step::Kick { conn }),
        1 => (0..500_u64).prop_map(|millis| Step::Advance { millis }),
    ]
}

/// A script in which every connection is open and logged in to begin with.
pub fn script(len: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), len).prop_map(|steps| {
        let users = USERS.len() - 1;
        (0..CONNS)
            .flat_map(|conn| {
                let login = Step::Login {
                    conn,
                    user: conn % users,
                    echo: conn != 3,
                };
                [Step::Open { conn }, login]
            })
            .chain(steps)
            .collect()
    })
}

/// A server with accounts `A`, `B` and `SYS` that stands still in time, and the connections of a
/// script.
pub struct World {
    pub nats: MockNats,
    /// Somebody in the system account.
    pub ops: Client,
    pub conns: Vec<Option<Raw>>,
    cids: [u64; CONNS],
    published: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let users = |account| {
            let of = |user: &(&'static str, &'static str, &str)| {
                (user.2 == account).then_some((user.0, user.1))
            };
            USERS.iter().filter_map(of).collect::<Vec<_>>()
        };
        let nats = MockNats::builder()
            .name("n1")
            .seed(seed)
            .account("A", users("A"))
            .account("B", users("B"))
            .system_account("SYS", users("SYS"))
            .manual_clock(epoch())
            .start_blocking()
            .expect("starts");
        let ops = nats.client("ops").expect("logs in");
        Self {
            nats,
            ops,
            conns: (0..CONNS).map(|_| None).collect(),
            cids: [0; CONNS],
            published: 0,
        }
    }

    /// Plays one step. Tells the payload of what was published, which no other message has.
    pub fn play(&mut self, step: &Step) -> Option<String> {
        let text = match *step {
            Step::Open { conn } => {
                if self.conns[conn].as_mut().is_none_or(Raw::is_closed) {
                    let opened = Raw::open_with_cid(&self.nats);
                    self.cids[conn] = opened.1;
                    self.conns[conn] = Some(opened.0);
                }
                return None;
            }
            Step::Close { conn, reset } => {
                match self.conns[conn].take() {
                    Some(raw) if reset => raw.0.reset(),
                    raw => drop(raw),
                }
                return None;
            }
            Step::Kick { conn } => {
                let kick = format!("$SYS.REQ.SERVER.{}.KICK", self.nats.server_id());
                let body = format!("{{\"cid\":{}}}", self.cids[conn]);
                super::system::ask(&mut self.ops, &kick, &body);
                return None;
            }
            Step::Advance { millis } => {
                self.nats.advance(Duration::from_millis(millis));
                return None;
            }
            Step::Login { user, echo, .. } => {
                connect(USERS[user].0, USERS[user].1, &format!(",\"echo\":{echo}"))
            }
            Step::WrongPassword { .. } => connect("a1", "wrong", ""),
            Step::Sub {
                sid,
                subject,
                queue,
                ..
            } => {
                format!("SUB {subject} {} {sid}\r\n", queue.unwrap_or_default())
            }
            Step::Unsub { sid, max, .. } => match max {
                Some(max) => format!("UNSUB {sid} {max}\r\n"),
                None => format!("UNSUB {sid}\r\n"),
            },
            Step::Pub {
                subject, headers, ..
            } => {
                self.published += 1;
                let payload = format!("m{}", self.published);
                let len = payload.len();
                let text = if headers {
                    let block = "NATS/1.0\r\nK: v\r\n\r\n";
                    format!(
                        "HPUB {subject} {} {}\r\n{block}{payload}\r\n",
                        block.len(),
                        block.len() + len
                    )
                } else {
                    format!("PUB {subject} {len}\r\n{payload}\r\n")
                };
                self.send(step, &text);
                return Some(payload);
            }
            Step::Request { subject, .. } => format!("PUB {subject} inbox.1 0\r\n\r\n"),
            Step::Ping { .. } => "PING\r\n".to_owned(),
            Step::Garbage { .. } => "NONSENSE\r\n".to_owned(),
        };
        self.send(step, &text);
        None
    }

    fn send(&mut self, step: &Step, text: &str) {
        if let Some(raw) = step.conn().and_then(|conn| self.conns[conn].as_mut()) {
            raw.send(text);
        }
    }

    /// Everything the server has sent to one connection.
    pub fn read(&mut self, conn: usize) -> String {
        self.conns[conn].as_mut().map(Raw::read).unwrap_or_default()
    }

    /// The messages among it, without the news that nobody is there to answer: sid and payload.
    pub fn messages(&mut self, conn: usize) -> Vec<(u8, String)> {
        let text = self.read(conn);
        let mut decoder = ServerDecoder::new(Limits::default());
        let mut batch = ServerBatch::new();
        let _ = decoder.decode(&mut BytesMut::from(text.as_bytes()), &mut batch);
        assert!(batch.fault().is_none(), "{text:?}");
        let message = |op| match op {
            ServerOp::Msg(message) if !is_status(message.headers) => Some((
                std::str::from_utf8(message.sid).ok()?.parse().ok()?,
                String::from_utf8_lossy(message.payload).into_owned(),
            )),
            _ => None,
        };
        batch.iter().filter_map(message).collect()
    }
}

fn is_status(headers: Option<&[u8]>) -> bool {
    headers.is_some_and(|block| block.starts_with(b"NATS/1.0 503"))
}

impl Step {
    /// The connection that takes the step.
    pub fn conn(&self) -> Option<usize> {
        match *self {
            Step::Advance { .. } => None,
            Step::Open { conn }
            | Step::Login { conn, .. }
            | Step::WrongPassword { conn }
            | Step::Sub { conn, .. }
            | Step::Unsub { conn, .. }
            | Step::Pub { conn, .. }
            | Step::Request { conn, .. }
            | Step::Ping { conn }
            | Step::Garbage { conn }
            | Step::Kick { conn }
            | Step::Close { conn, .. } => Some(conn),
        }
    }
}
