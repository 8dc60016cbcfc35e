//! Faults as values.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::connections::{Arriving, Sent};
use super::occasions::Occasions;
use super::words::{Word, millis};
use crate::Version;
use crate::faults::Selection;
use crate::harness::programmed::Pattern;

/// Something that goes wrong, as a value: it can be drawn, kept, written down in a line and read again, and
/// [staged](crate::MockNats::stage).
///
/// | what | for example |
/// | --- | --- |
/// | answers of an endpoint of servers or accounts, answers to requests that a subject matches, or `any answer` | `VARZ: silence` · `ACCOUNT CONNZ: delay 300ms` · `$SYS.REQ.USER.*.INFO: no responders` |
/// | events that a pattern matches, or `any event` | `$SYS.ACCOUNT.*.DISCONNECT: silence` · `any event: duplicate 1` |
/// | those of one server | `VARZ from east-2: truncate 20` |
/// | only one of them, only so many, or each with a probability | `VARZ nth 3: error 500 "no"` · `VARZ from east-2 times 2: silence` · `any answer with probability 0.1: delay 300ms` |
/// | what is said, changed | `CONNZ: remove /data/total` · `CONNZ: set /data/total null` · `CONNZ: pad 1000000` · `VARZ: scientific` · `VARZ: fall back` · `IDZ: reorder 3` |
/// | clients that connect, to any server or to one | `connecting: refuse`, `reset`, `close`, `stall`, `late info 100ms`, `pad info 4096`, `set info /max_payload 1`, `greet "HTTP/1.1 400\\r\\n"` · `connecting to east-1 nth 2: reset` · `connecting times 3: refuse` |
/// | lines that clients are sent: `INFO`, `MSG`, `PING`, `PONG`, `OK`, `ERR` or `any` | `line MSG nth 3: corrupt`, `truncate 5`, `replace "MSG a 1 99999999999999999999\\r\\n"`, `silence`, `duplicate 1`, `delay 50ms`, `reset`, `close` · `line any from east-1 to user a: delay 5ms` · `line MSG times 5 with probability 0.1: corrupt` |
/// | a server, or all of them | `server east-2: crash`, `stop`, `restart`, `lame duck`, `freeze`, `upgrade 2.12` · `all servers: restart` |
/// | the links between two servers or clusters | `link east-1 east-2: cut`, `cut silently`, `slow 10ms 50ms`, `flap 100ms 2000ms` (cut for so long, well for so long, and so on) |
/// | the clock of a server | `clock east-2: ahead 60000ms`, `behind 60000ms` |
/// | an event of nobody's | `event $SYS.SERVER.NXX.SHUTDOWN: {}` |
/// | any of these later | `after 2 requests, server east-2: crash` |
///
/// Probabilities are drawn from the deployment's seed. `scientific` writes whole numbers from 10 on as `1e+01`; `fall back` halves all whole numbers from the
/// second time on; `pad` makes the body longer by so many bytes; a member that is to be set or removed
/// where there is none is left alone.
///
/// ```
/// use nats_mock::incidents::Fault;
///
/// let fault: Fault = "VARZ from east-2: set /data/mem null".parse()?;
/// assert_eq!(fault.to_string(), "VARZ from east-2: set /data/mem null");
/// let error = "VARZ: explode".parse::<Fault>().unwrap_err();
/// assert_eq!(error.to_string(), "\"VARZ: explode\" is no fault: what happens is expected at \"explode\"");
/// # Ok::<(), nats_mock::incidents::FaultError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// It comes when so many requests have reached the servers.
    pub(in crate::harness) after: u64,
    pub(in crate::harness) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::harness) enum Kind {
    Said(Said),
    Arriving(Arriving),
    Sent(Sent),
    Server(String, ServerFate),
    AllServers(ServerFate),
    Link(String, String, LinkFate),
    Clock {
        server: String,
        ahead: bool,
        by: Duration,
    },
    Event {
        subject: String,
        body: Value,
    },
}

/// What servers say, and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::harness) struct Said {
    pub what: Pattern,
    pub from: Option<String>,
    pub occasions: Selection,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::harness) enum Change {
    Silence,
    Delay(Duration),
    Duplicate(usize),
    Reorder(usize),
    Truncate(usize),
    NoResponders,
    Error(i64, String),
    Remove(String),
    Set(String, Value),
    Pad(usize),
    Scientific,
    FallBack,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::harness) enum ServerFate {
    Crash,
    Stop,
    Restart,
    LameDuck,
    Freeze,
    Upgrade(Version),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::harness) enum LinkFate {
    Cut,
    CutSilently,
    Slow(Duration, Duration),
    Flap(Duration, Duration),
}

impl Fault {
    pub(in crate::harness) fn said(what: Pattern, change: Change) -> Self {
        Kind::Said(Said {
            what,
            from: None,
            occasions: Selection::default(),
            change,
        })
        .into()
    }

    /// The same of one server's answers and events only.
    pub(in crate::harness) fn of_server(mut self, server: &str) -> Self {
        if let Kind::Said(said) = &mut self.kind {
            said.from = Some(server.to_owned());
        }
        self
    }

    /// Whether it happens once, as opposed to being so from then on.
    pub(in crate::harness) fn is_moment(&self) -> bool {
        matches!(
            self.kind,
            Kind::Server(..) | Kind::AllServers(_) | Kind::Event { .. }
        )
    }
}

impl From<Kind> for Fault {
    fn from(kind: Kind) -> Self {
        Self { after: 0, kind }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            0 => {}
            1 => f.write_str("after 1 request, ")?,
            requests => write!(f, "after {requests} requests, ")?,
        }
        match &self.kind {
            Kind::Said(said) => write!(f, "{said}"),
            Kind::Arriving(arriving) => write!(f, "{arriving}"),
            Kind::Sent(sent) => write!(f, "{sent}"),
            Kind::Server(name, fate) => write!(f, "server {}: {fate}", Word(name)),
            Kind::AllServers(fate) => write!(f, "all servers: {fate}"),
            Kind::Link(one, other, fate) => {
                write!(f, "link {} {}: {fate}", Word(one), Word(other))
            }
            Kind::Clock { server, ahead, by } => {
                let side = if *ahead { "ahead" } else { "behind" };
                write!(f, "clock {}: {side} {}", Word(server), millis(*by))
            }
            Kind::Event { subject, body } => write!(f, "event {}: {body}", Word(subject)),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Pattern::Asked(subject) => write!(f, "{}", Word(subject))?,
            what => f.write_str(&what.describe())?,
        }
        if let Some(server) = &self.from {
            write!(f, " from {}", Word(server))?;
        }
        write!(f, "{}: {}", Occasions(self.occasions), self.change)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("silence"),
            Self::Delay(by) => write!(f, "delay {}", millis(*by)),
            Self::Duplicate(more) => write!(f, "duplicate {more}"),
            Self::Reorder(count) => write!(f, "reorder {count}"),
            Self::Truncate(len) => write!(f, "truncate {len}"),
            Self::NoResponders => f.write_str("no responders"),
            Self::Error(code, text) => write!(f, "error {code} {}", Value::from(text.as_str())),
            Self::Remove(pointer) => write!(f, "remove {}", Word(pointer)),
            Self::Set(pointer, value) => write!(f, "set {} {value}", Word(pointer)),
            Self::Pad(bytes) => write!(f, "pad {bytes}"),
            Self::Scientific => f.write_str("scientific"),
            Self::FallBack => f.write_str("fall back"),
        }
    }
}

impl fmt::Display for ServerFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash => f.write_str("crash"),
            Self::Stop => f.write_str("stop"),
            Self::Restart => f.write_str("restart"),
            Self::LameDuck => f.write_str("lame duck"),
            Self::Freeze => f.write_str("freeze"),
            Self::Upgrade(version) => write!(f, "upgrade {version}"),
        }
    }
}

impl fmt::Display for LinkFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("cut"),
            Self::CutSilently => f.write_str("cut silently"),
            Self::Slow(least, most) => write!(f, "slow {} {}", millis(*least), millis(*most)),
            Self::Flap(down, up) => write!(f, "flap {} {}", millis(*down), millis(*up)),
        }
    }
}
