//! nats-mock within this process, on a clock of its own.
//!
//! Connections are in memory and time stands still until the runner waits: it then jumps to the
//! next thing due. A scenario that takes seconds with a real server takes no time here, and comes
//! out the same every time.

use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use nats_mock::{Builder, MockNats};

use super::binary::{Binary, BinaryDriver};
use super::embedded_fleet::EmbeddedFleet;
use super::pipes::{LOOK_AGAIN, Pipes};
use super::{
    CommandOutput, ConnId, Driver, DriverError, Exit, Interest, Opened, Received, Reloaded,
    ServerIndex, Target,
};
use crate::normalise::HoleKind;
use crate::scenario::{Deployment, Signal};
use crate::version::Version;

/// The library, simulating one release.
#[derive(Debug, Clone)]
pub struct Embedded {
    version: nats_mock::Version,
    program: Binary,
}

impl Embedded {
    /// The release to simulate, and the program for what only a process can show: what it prints,
    /// and what its flags do.
    ///
    /// # Errors
    ///
    /// When there is no such program.
    pub fn new(version: nats_mock::Version, program: &Path) -> Result<Self, DriverError> {
        let flags = ["--simulate-version".to_owned(), version.to_string()];
        Ok(Self {
            version,
            program: Binary::new(program)?.with_flags(flags),
        })
    }
}

impl Target for Embedded {
    fn clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + START
    }

    fn prepare(&self, deployment: &Deployment) -> Result<Box<dyn Driver>, DriverError> {
        if !deployment.servers.is_empty() {
            return Ok(Box::new(EmbeddedFleet::new(self.version, deployment)?));
        }
        // Flags and the environment are the program's; TLS and WebSocket are matters of sockets.
        if !deployment.args.is_empty()
            || !deployment.certificates.is_empty()
            || deployment.time_zone.is_some()
            || deployment.has_websockets
        {
            return self.program.prepare(deployment);
        }
        Ok(Box::new(EmbeddedDriver {
            version: self.version,
            program: self.program.driver(deployment)?,
            nats: None,
            conns: Pipes::default(),
            held: 0,
            started: SystemTime::UNIX_EPOCH + START,
            exit: Exit::Code(0),
            leaves: false,
        }))
    }
}

/// When the clock starts; any moment with a fraction that has no trailing zeros will do.
pub(super) const START: Duration = Duration::new(1_700_000_000, 123_456_789);

/// The release as the library names it; the newest for those that it does not know.
pub(super) fn version_of(version: Version) -> nats_mock::Version {
    version.to_string().parse().unwrap_or_default()
}

struct EmbeddedDriver {
    version: nats_mock::Version,
    program: BinaryDriver,
    nats: Option<MockNats>,
    conns: Pipes,
    /// Requests elsewhere that the script holds back.
    held: usize,
    started: SystemTime,
    /// How the program would end if it ended now.
    exit: Exit,
    /// It was told to.
    leaves: bool,
}

impl EmbeddedDriver {
    fn nats(&self) -> Result<&MockNats, DriverError> {
        self.nats
            .as_ref()
            .ok_or_else(|| DriverError::State("the server was not started".to_owned()))
    }

    /// Whether a web server is about to answer.
    fn awaits_answers(&self) -> Result<bool, DriverError> {
        Ok(self.nats()?.open_fetches() > self.held)
    }

    /// Nothing that clients do happens at the same instant.
    fn tick(&self) -> Result<(), DriverError> {
        self.nats()?.advance(Duration::from_micros(1));
        Ok(())
    }

    fn builder(&self) -> Result<Builder, String> {
        let builder = Builder::from_conf_for(self.program.conf(), self.version)
            .map_err(|error| error.to_string())?;
        Ok(builder
            .manual_clock(self.started)
            .address(([127, 0, 0, 1], 0).into()))
    }
}

impl Driver for EmbeddedDriver {
    fn start(&mut self) -> Result<(), DriverError> {
        if self.nats.is_none() {
            let builder = self.builder().map_err(DriverError::Start)?;
            let started = builder.start_blocking();
            self.nats = Some(started.map_err(|error| DriverError::Start(error.to_string()))?);
        }
        Ok(())
    }

    fn open(&mut self, _: ServerIndex) -> Result<Opened, DriverError> {
        self.tick()?;
        let opened = self.nats()?.connect_in_memory();
        self.conns.open(opened)
    }

    fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Result<usize, DriverError> {
        self.tick()?;
        self.conns.send(conn, bytes)
    }

    fn receive(&mut self, conn: ConnId, into: &mut Vec<u8>) -> Result<Received, DriverError> {
        self.conns.receive(conn, into)
    }

    fn half_close(&mut self, conn: ConnId) -> Result<(), DriverError> {
        self.tick()?;
        self.conns.half_close(conn)
    }

    fn close(&mut self, conn: ConnId) -> Result<(), DriverError> {
        self.tick()?;
        self.conns.close(conn);
        Ok(())
    }

    fn reset(&mut self, conn: ConnId) -> Result<(), DriverError> {
        self.conns.reset(conn);
        Ok(())
    }

    fn signal(&mut self, _: ServerIndex, signal: Signal) -> Result<(), DriverError> {
        let nats = self.nats()?;
        match signal {
            // The program stays with the first signal that makes it leave.
            _ if self.leaves => return Ok(()),
            Signal::Usr2 => nats.lame_duck(),
            Signal::Int | Signal::Term => nats.stop(),
            Signal::Kill | Signal::Stop | Signal::Continue => {
                return Err(DriverError::Unsupported("this signal"));
            }
        }
        self.leaves = true;
        if signal == Signal::Term {
            self.exit = Exit::Code(self.version.exit_code_after_term().into());
        }
        Ok(())
    }

    fn configure(&mut self, server: ServerIndex, conf: &str) -> Result<(), DriverError> {
        self.program.configure(server, conf)
    }

    fn reload(&mut self, server: ServerIndex, conf: &str) -> Result<Reloaded, DriverError> {
        self.configure(server, conf)?;
        let reloaded = self.builder().and_then(|builder| {
            let nats = self.nats().map_err(|error| error.to_string())?;
            nats.reload(builder.server_spec().clone())
                .map_err(|error| error.to_string())
        });
        Ok(match reloaded {
            Ok(()) => Reloaded::Done,
            Err(why) => Reloaded::Failed(why.trim_end().to_owned()),
        })
    }

    fn run(&mut self, args: &[String]) -> Result<CommandOutput, DriverError> {
        self.program.run(args)
    }

    fn rest(&mut self) -> Result<(), DriverError> {
        // Every call returns when all that follows from it has happened, but for what comes from far away.
        while self.awaits_answers()? {
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    fn note_held_requests(&mut self, count: usize) {
        self.held = count;
    }

    fn exit(&mut self, _: ServerIndex) -> Result<Option<Exit>, DriverError> {
        Ok(self.nats()?.is_stopped().then_some(self.exit))
    }

    fn now(&mut self) -> Duration {
        let now = self.nats.as_ref().map_or(self.started, MockNats::now);
        now.duration_since(self.started).unwrap_or_default()
    }

    fn clock(&mut self) -> SystemTime {
        self.started + self.now()
    }

    fn wait(&mut self, _: &[Interest], until: Duration) -> Result<(), DriverError> {
        if self.awaits_answers()? {
            thread::sleep(LOOK_AGAIN);
            return Ok(());
        }
        let now = self.now();
        let started = self.started;
        let nats = self.nats()?;
        let due = nats
            .next_deadline()
            .and_then(|due| due.duration_since(started).ok())
            .map_or(until, |due| due.min(until));
        nats.advance(due.saturating_sub(now));
        Ok(())
    }

    fn literals(&self) -> Vec<(Vec<u8>, HoleKind)> {
        self.program.literals()
    }
}
