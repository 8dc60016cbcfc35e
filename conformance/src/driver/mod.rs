//! What a scenario is played against: the narrow interface every server under test offers.
//!
//! # The calling contract
//!
//! Nothing here blocks except [`Driver::wait`]. The runner sends and receives as far as it can and,
//! when it can do no more, calls `wait` once, then tries again. That is enough for a server behind
//! sockets, where `wait` sleeps until one of them is ready, and for a server in the same process
//! with a clock of its own, where `wait` moves the clock to the next thing due. Deadlines are
//! measured with [`Driver::now`], so a scenario that waits two seconds for a `PING` takes two
//! seconds against the one and no time against the other.

pub mod binary;
pub mod embedded;
mod embedded_fleet;
mod fleet;
mod formation;
mod pipes;
mod ports;
mod process;
mod proxy;
mod rest;
mod scratch;
mod sockets;
mod tls;

use std::time::{Duration, SystemTime};

use crate::normalise::HoleKind;
use crate::scenario::{Deployment, Handshake, LinkChange, PortKind, Signal};
use crate::version::Version;

pub(crate) use tls::certificates;

/// A connection of a driver. Numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub usize);

/// A server's place in its deployment; the only server has the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ServerIndex(pub usize);

/// A server under test could not be driven.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// This kind of server under test has no such ability, for instance no command line.
    #[error("{0} is not possible here")]
    Unsupported(&'static str),
    /// The server could not be started.
    #[error("the server did not start: {0}")]
    Start(String),
    /// The operating system refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The driver was asked something its state does not allow.
    #[error("{0}")]
    State(String),
}

impl DriverError {
    /// Wraps an I/O error with what was being done.
    pub fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// What came of opening a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It stands.
    Connection(ConnId),
    /// Nobody listens.
    Refused,
}

/// What came of receiving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Bytes were appended.
    Bytes,
    /// Nothing is there yet.
    Nothing,
    /// The server closed or reset the connection.
    Closed,
    /// The server ended TLS with this alert.
    Alert(String),
}

/// What came of a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secured {
    /// It is done, with this version and cipher suite.
    Done(String),
    /// It failed, because of this.
    Failed(String),
}

/// What the runner would like to do with a connection while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// The connection.
    pub conn: ConnId,
    /// Whether bytes to read matter.
    pub read: bool,
    /// Whether room to write matters.
    pub write: bool,
}

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal number.
    Killed(i32),
}

/// What a run of the program to its end gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// How it ended.
    pub exit: Exit,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// The new configuration is in force.
    Done,
    /// The server kept the old one, and said why.
    Failed(String),
}

/// One deployment under test for one scenario. Dropping it ends its servers.
pub trait Driver {
    /// Starts the deployment; returns when its servers accept connections and have found each other.
    /// Does nothing if it runs.
    fn start(&mut self) -> Result<(), DriverError>;

    /// Starts one of several servers, for the first time or again, as another release if one is given;
    /// returns when it accepts connections.
    fn boot(&mut self, _: ServerIndex, _: Option<Version>) -> Result<(), DriverError> {
        Err(DriverError::Unsupported("starting one of several servers"))
    }

    /// Returns when all servers that can reach each other are connected as configured and know of each
    /// other.
    fn formed(&mut self) -> Result<(), DriverError> {
        Err(DriverError::Unsupported(
            "awaiting connections between servers",
        ))
    }

    /// Does something to the link between two servers.
    fn link(&mut self, _: (ServerIndex, ServerIndex), _: LinkChange) -> Result<(), DriverError> {
        Err(DriverError::Unsupported("a link between servers"))
    }

    /// The id of a server that runs, as far as it is known before a connection tells it.
    fn server_id(&mut self, _: ServerIndex) -> Option<String> {
        None
    }

    /// The ports of several servers, with names such as `n1.cluster`.
    fn ports(&self) -> Vec<(u16, String)> {
        Vec::new()
    }

    /// Opens a connection to a server.
    fn open(&mut self, server: ServerIndex) -> Result<Opened, DriverError>;

    /// Opens a connection to the port of a server that is meant for other servers.
    fn open_port(&mut self, server: ServerIndex, port: PortKind) -> Result<Opened, DriverError> {
        match port {
            PortKind::Client => self.open(server),
            _ => Err(DriverError::Unsupported("a port for other servers")),
        }
    }

    /// Sends as many of `bytes` as go without waiting and says how many those were. Bytes for a
    /// connection the server has closed are swallowed.
    fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Result<usize, DriverError>;

    /// Appends to `into` what has arrived.
    fn receive(&mut self, conn: ConnId, into: &mut Vec<u8>) -> Result<Received, DriverError>;

    /// Makes a TLS handshake on a connection, and returns when it is over.
    fn secure(&mut self, _: ConnId, _: &Handshake) -> Result<Secured, DriverError> {
        Err(DriverError::Unsupported("TLS"))
    }

    /// Ends the client's sending side and keeps the receiving side.
    fn half_close(&mut self, conn: ConnId) -> Result<(), DriverError>;

    /// Closes the connection in good order.
    fn close(&mut self, conn: ConnId) -> Result<(), DriverError>;

    /// Closes the connection with a reset.
    fn reset(&mut self, conn: ConnId) -> Result<(), DriverError>;

    /// Sends a signal to a server.
    fn signal(&mut self, server: ServerIndex, signal: Signal) -> Result<(), DriverError>;

    /// Replaces a server's configuration and has it reload that; returns when that is done.
    fn reload(&mut self, server: ServerIndex, conf: &str) -> Result<Reloaded, DriverError>;

    /// Replaces a server's configuration, and nothing more.
    fn configure(&mut self, server: ServerIndex, conf: &str) -> Result<(), DriverError>;

    /// Runs the server's program with `args` to its end. `$CONF` stands for the configuration file.
    fn run(&mut self, args: &[String]) -> Result<CommandOutput, DriverError>;

    /// Returns when the servers have done all they can do without further input or time.
    fn rest(&mut self) -> Result<(), DriverError>;

    /// How a server ended, if it has.
    fn exit(&mut self, server: ServerIndex) -> Result<Option<Exit>, DriverError>;

    /// Of what servers ask elsewhere, so much is held back by the script. Where time can be moved on, it
    /// only is while nothing else is on its way.
    fn note_held_requests(&mut self, _: usize) {}

    /// The driver's time, from an arbitrary start.
    fn now(&mut self) -> Duration;

    /// What the servers' clocks show.
    fn clock(&mut self) -> SystemTime {
        SystemTime::now()
    }

    /// Waits until something in `interests` may be possible, a server may have ended, or the time
    /// is `until`. May return early; time must pass, though, or something must have happened.
    fn wait(&mut self, interests: &[Interest], until: Duration) -> Result<(), DriverError>;

    /// Texts of this deployment that the transcript must not show, such as the scratch directory.
    fn literals(&self) -> Vec<(Vec<u8>, HoleKind)>;
}

/// Something that can be put under test.
pub trait Target: Sync {
    /// A driver for one scenario, with nothing started yet.
    fn prepare(&self, deployment: &Deployment) -> Result<Box<dyn Driver>, DriverError>;

    /// What servers' clocks will show when they start.
    fn clock(&self) -> SystemTime {
        SystemTime::now()
    }
}
