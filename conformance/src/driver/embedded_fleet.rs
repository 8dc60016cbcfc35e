//! Several servers of nats-mock within this process, on one clock.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime};

use nats_mock::{Builder, MockNats, Server, Version as Release};

use super::embedded::{START, version_of};
use super::pipes::{LOOK_AGAIN, Pipes};
use super::ports::Ports;
use super::scratch::Scratch;
use super::{
    CommandOutput, ConnId, Driver, DriverError, Exit, Interest, Opened, Received, Reloaded,
    ServerIndex,
};
use crate::normalise::HoleKind;
use crate::scenario::{Deployment, LinkChange, PortKind, Signal};
use crate::version::Version;

pub(super) struct EmbeddedFleet {
    version: Release,
    /// The releases that servers were started as by the script.
    versions: BTreeMap<ServerIndex, Release>,
    deployment: Deployment,
    scratch: Scratch,
    ports: Ports,
    nats: Option<MockNats>,
    started: SystemTime,
    /// The names of the servers that were started, as they call themselves.
    names: BTreeMap<ServerIndex, String>,
    exits: BTreeMap<ServerIndex, Exit>,
    conns: Pipes,
    /// Requests elsewhere that the script holds back.
    held: usize,
}

impl EmbeddedFleet {
    pub(super) fn new(version: Release, deployment: &Deployment) -> Result<Self, DriverError> {
        let driver = Self {
            version,
            versions: BTreeMap::new(),
            scratch: Scratch::new(deployment)?,
            // Nothing stands between servers that are not reached by their ports.
            ports: Ports::choose(&Deployment {
                has_links: false,
                ..deployment.clone()
            })?,
            deployment: deployment.clone(),
            nats: None,
            started: SystemTime::UNIX_EPOCH + START,
            names: BTreeMap::new(),
            exits: BTreeMap::new(),
            conns: Pipes::default(),
            held: 0,
        };
        for (at, server) in deployment.servers.iter().enumerate() {
            driver.write_conf(ServerIndex(at), &server.conf)?;
        }
        Ok(driver)
    }

    fn conf(&self, index: ServerIndex) -> PathBuf {
        self.scratch.path().join(format!("{}.conf", index.0))
    }

    fn write_conf(&self, index: ServerIndex, text: &str) -> Result<(), DriverError> {
        let text = self.ports.fill(text, index)?;
        fs::write(self.conf(index), self.scratch.fill(&text))
            .map_err(DriverError::io("writing a configuration"))
    }

    fn version(&self, index: ServerIndex) -> Release {
        if let Some(version) = self.versions.get(&index) {
            return *version;
        }
        let server = self.deployment.servers.get(index.0);
        let own = server.and_then(|server| server.version);
        own.map_or(self.version, version_of)
    }

    fn nats(&self) -> Result<&MockNats, DriverError> {
        self.nats
            .as_ref()
            .ok_or_else(|| DriverError::State("no server was started".to_owned()))
    }

    fn server(&self, index: ServerIndex) -> Result<Server<'_>, DriverError> {
        let name = self.names.get(&index);
        name.and_then(|name| self.nats.as_ref()?.find_server(name))
            .ok_or_else(|| DriverError::State(format!("server {} was not started", index.0)))
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

    /// The builder of one server, listening nowhere and showing the port it was given.
    fn builder(&self, index: ServerIndex) -> Result<Builder, DriverError> {
        let builder = Builder::from_conf_for(self.conf(index), self.version(index))
            .map_err(|error| DriverError::Start(error.to_string()))?;
        let address = ([127, 0, 0, 1], self.ports.bound(index, PortKind::Client)?).into();
        Ok(builder.unbound().address(address))
    }

    fn name(&mut self, index: ServerIndex, builder: &Builder) {
        let name = builder.server_spec().name.clone().unwrap_or_default();
        self.names.insert(index, name);
    }
}

impl Driver for EmbeddedFleet {
    fn start(&mut self) -> Result<(), DriverError> {
        if self.nats.is_some() {
            return Ok(());
        }
        let mut all = None;
        for at in 0..self.deployment.servers.len() {
            if self.deployment.servers[at].later {
                continue;
            }
            let builder = self.builder(ServerIndex(at))?;
            self.name(ServerIndex(at), &builder);
            all = Some(match all {
                None => builder,
                Some(first) => Builder::and(first, builder),
            });
        }
        let builder = all.ok_or_else(|| DriverError::State("no server is to start".to_owned()))?;
        let zone = self.deployment.time_zone.as_deref().unwrap_or("UTC");
        let builder = builder.utc_offset(if zone == "UTC" { 0 } else { SOME_OFFSET });
        let nats = builder.manual_clock(self.started).start_blocking();
        self.nats = Some(nats.map_err(|error| DriverError::Start(error.to_string()))?);
        // Real servers have been there for a while when they have found each other.
        self.nats()?.advance(FORMED_AFTER);
        Ok(())
    }

    fn boot(&mut self, index: ServerIndex, version: Option<Version>) -> Result<(), DriverError> {
        let failed = |error: nats_mock::StartError| DriverError::Start(error.to_string());
        self.exits.remove(&index);
        if let Some(version) = version {
            self.versions.insert(index, version_of(version));
        }
        let version = self.version(index);
        if self.names.contains_key(&index) {
            return self.server(index)?.upgrade(version).map_err(failed);
        }
        let builder = self.builder(index)?;
        self.name(index, &builder);
        self.nats()?.add(builder).map_err(failed)?;
        Ok(())
    }

    fn formed(&mut self) -> Result<(), DriverError> {
        self.nats()?.advance(FORMED_AFTER);
        Ok(())
    }

    fn link(
        &mut self,
        (one, other): (ServerIndex, ServerIndex),
        change: LinkChange,
    ) -> Result<(), DriverError> {
        let (one, other) = (self.server(one)?.name(), self.server(other)?.name());
        let link = self.nats()?.link(&one, &other);
        match change {
            LinkChange::Cut => link.cut(),
            LinkChange::CutSilently => link.cut_silently(),
            LinkChange::CutOneWay => link.cut_one_way(),
            LinkChange::Heal => link.heal(),
        }
        Ok(())
    }

    fn server_id(&mut self, index: ServerIndex) -> Option<String> {
        self.server(index).ok().map(|server| server.id())
    }

    fn ports(&self) -> Vec<(u16, String)> {
        self.ports.named()
    }

    fn open(&mut self, server: ServerIndex) -> Result<Opened, DriverError> {
        self.open_port(server, PortKind::Client)
    }

    fn open_port(&mut self, server: ServerIndex, port: PortKind) -> Result<Opened, DriverError> {
        self.tick()?;
        let server = self.server(server)?;
        let opened = match port {
            PortKind::Client => server.connect_in_memory(),
            PortKind::Leaf => server.connect_to_leaf_port(),
            _ => return Err(DriverError::Unsupported("a port for other servers")),
        };
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

    fn signal(&mut self, index: ServerIndex, signal: Signal) -> Result<(), DriverError> {
        let server = self.server(index)?;
        let exit = match signal {
            Signal::Term => {
                server.stop();
                Exit::Code(self.version(index).exit_code_after_term().into())
            }
            Signal::Int => {
                server.stop();
                Exit::Code(0)
            }
            Signal::Usr2 => {
                server.lame_duck();
                Exit::Code(0)
            }
            Signal::Kill => {
                server.crash();
                Exit::Killed(9)
            }
            Signal::Stop => {
                server.freeze();
                return Ok(());
            }
            Signal::Continue => {
                server.thaw();
                return Ok(());
            }
        };
        self.exits.entry(index).or_insert(exit);
        Ok(())
    }

    fn configure(&mut self, server: ServerIndex, conf: &str) -> Result<(), DriverError> {
        self.write_conf(server, conf)
    }

    fn reload(&mut self, index: ServerIndex, conf: &str) -> Result<Reloaded, DriverError> {
        self.write_conf(index, conf)?;
        let spec = self.builder(index)?.server_spec().clone();
        Ok(match self.server(index)?.reload(spec) {
            Ok(()) => Reloaded::Done,
            Err(why) => Reloaded::Failed(why.to_string()),
        })
    }

    fn run(&mut self, _: &[String]) -> Result<CommandOutput, DriverError> {
        Err(DriverError::Unsupported(
            "a run of several servers' program",
        ))
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

    fn exit(&mut self, server: ServerIndex) -> Result<Option<Exit>, DriverError> {
        let exit = self.exits.get(&server).copied();
        Ok(exit.filter(|_| self.server(server).is_ok_and(|server| server.is_stopped())))
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
        let directory = self.scratch.path().to_string_lossy().into_owned();
        vec![(directory.into_bytes(), HoleKind::Directory)]
    }
}

/// Real servers take about this long until they have told each other how they are.
const FORMED_AFTER: Duration = Duration::from_millis(1500);

/// Stands for every other time zone: transcripts tell only whether a time has an offset.
const SOME_OFFSET: i32 = -5 * 3600;
