//! Several servers' processes as one deployment under test.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::binary::Binary;
use super::formation::{self, Wishes};
use super::ports::Ports;
use super::process::Process;
use super::proxy::Proxies;
use super::rest::{await_rest, await_stopped};
use super::scratch::Scratch;
use super::sockets::Sockets;
use super::{
    CommandOutput, ConnId, Driver, DriverError, Exit, Interest, Opened, Received, Reloaded,
    ServerIndex,
};
use crate::normalise::HoleKind;
use crate::scenario::{Deployment, LinkChange, PortKind, Server, Signal};
use crate::version::Version;

/// How long servers may take to find each other.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often logs are looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How long the connections must have stayed the same. Servers dial again a second after a failure, and
/// tell each other about themselves once a second at most.
const SETTLED: Duration = Duration::from_millis(1300);

pub(super) struct FleetDriver {
    binary: Binary,
    deployment: Deployment,
    scratch: Scratch,
    ports: Ports,
    proxies: Option<Proxies>,
    members: BTreeMap<ServerIndex, Member>,
    started: bool,
    sockets: Sockets,
}

/// A server that was started at least once.
struct Member {
    process: Process,
    wishes: Wishes,
    frozen: bool,
}

impl FleetDriver {
    pub(super) fn new(binary: Binary, deployment: Deployment) -> Result<Self, DriverError> {
        let scratch = Scratch::new(&deployment)?;
        let ports = Ports::choose(&deployment)?;
        let driver = Self {
            binary,
            scratch,
            ports,
            proxies: None,
            members: BTreeMap::new(),
            started: false,
            sockets: Sockets::new(),
            deployment,
        };
        for (at, server) in driver.deployment.servers.iter().enumerate() {
            fs::create_dir(driver.directory(&server.name))
                .map_err(DriverError::io("making a server's directory"))?;
            driver.write_conf(ServerIndex(at), &server.conf)?;
        }
        Ok(driver)
    }

    fn server(&self, index: ServerIndex) -> Result<&Server, DriverError> {
        self.deployment
            .servers
            .get(index.0)
            .ok_or_else(|| DriverError::State(format!("there is no server {}", index.0)))
    }

    fn directory(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn conf(&self, name: &str) -> PathBuf {
        self.directory(name).join("server.conf")
    }

    fn write_conf(&self, index: ServerIndex, text: &str) -> Result<(), DriverError> {
        let text = self.scratch.fill(&self.ports.fill(text, index)?);
        fs::write(self.conf(&self.server(index)?.name), text)
            .map_err(DriverError::io("writing a configuration"))
    }

    fn member(&mut self, index: ServerIndex) -> Result<&mut Member, DriverError> {
        self.members
            .get_mut(&index)
            .ok_or_else(|| DriverError::State(format!("server {} was not started", index.0)))
    }

    /// Awaits the rest of all processes that can do anything.
    fn await_rest(&mut self) -> Result<(), DriverError> {
        let mut awake = Vec::new();
        for member in self.members.values_mut().filter(|member| !member.frozen) {
            if member.process.exit()?.is_none() {
                awake.push(member.process.pid());
            }
        }
        // What one server sends another may be on its way through a proxy while all of them sleep.
        let started = Instant::now();
        loop {
            let before = self.proxies.as_ref().map(Proxies::at_rest);
            await_rest(&awake);
            let after = self.proxies.as_ref().map(Proxies::at_rest);
            if before == after && after != Some(None) || started.elapsed() > PATIENCE {
                return Ok(());
            }
        }
    }

    /// The servers that run, with what they are to be connected to.
    fn up(&mut self) -> Result<BTreeMap<ServerIndex, Wishes>, DriverError> {
        let mut up = BTreeMap::new();
        for (index, member) in &mut self.members {
            if member.process.exit()?.is_none() {
                up.insert(*index, member.wishes.clone());
            }
        }
        Ok(up)
    }

    fn reaches(&self, one: ServerIndex, other: ServerIndex) -> bool {
        let proxies = self.proxies.as_ref();
        proxies.is_none_or(|proxies| proxies.reaches(one, other))
    }
}

impl Driver for FleetDriver {
    fn start(&mut self) -> Result<(), DriverError> {
        if self.started {
            return Ok(());
        }
        self.started = true;
        if self.deployment.has_links {
            self.proxies = Some(Proxies::start(&self.ports)?);
        }
        for at in 0..self.deployment.servers.len() {
            if !self.deployment.servers[at].later {
                self.boot(ServerIndex(at), None)?;
            }
        }
        self.formed()
    }

    fn boot(&mut self, index: ServerIndex, version: Option<Version>) -> Result<(), DriverError> {
        if let Some(member) = self.members.get_mut(&index)
            && member.process.exit()?.is_none()
        {
            return Err(DriverError::State("that server runs already".to_owned()));
        }
        if let Some(server) = self.deployment.servers.get_mut(index.0) {
            server.version = version.or(server.version);
        }
        let server = self.server(index)?;
        let directory = self.directory(&server.name);
        let conf = self.conf(&server.name);
        let text = fs::read_to_string(&conf).map_err(DriverError::io("reading a configuration"))?;
        let program = self.binary.program(server.version)?;
        let mut command = self.binary.command(program, &self.deployment, &directory);
        let port = self.ports.bound(index, PortKind::Client)?.to_string();
        command.arg("-c").arg(conf);
        command.args(["-a", "127.0.0.1", "-p", port.as_str()]);
        command.args(&self.deployment.args);
        // A server dials others before it is ready, and is to be known by then.
        let proxies = self.proxies.as_ref();
        let process = Process::start(command, &directory.join("server.log"), |pid| {
            if let Some(proxies) = proxies {
                proxies.set_process(index, pid);
            }
        })?;
        let member = Member {
            process,
            wishes: Wishes::read(&text)?,
            frozen: false,
        };
        self.members.insert(index, member);
        Ok(())
    }

    fn formed(&mut self) -> Result<(), DriverError> {
        let started = Instant::now();
        let mut seen = BTreeMap::new();
        let mut since = Instant::now();
        loop {
            let up = self.up()?;
            let logs: BTreeMap<ServerIndex, String> = up
                .keys()
                .filter_map(|index| Some((*index, self.members.get(index)?.process.log())))
                .collect();
            let found = logs
                .iter()
                .map(|(index, log)| {
                    // Over a link that is cut, servers dial again and again.
                    let is_vain = |port| {
                        let owner = self.ports.owner(port);
                        owner.is_some_and(|other| !self.reaches(*index, other))
                    };
                    (*index, formation::found(log, is_vain))
                })
                .collect();
            let reaches = |one, other| self.reaches(one, other);
            let wanted = formation::wanted(&up, reaches, |port| self.ports.owner(port));
            if found != seen || !formation::is_complete(&wanted, &found) {
                seen = found;
                since = Instant::now();
            } else if since.elapsed() > SETTLED {
                return self.await_rest();
            }
            if started.elapsed() > PATIENCE {
                return Err(DriverError::State(format!(
                    "the servers did not find each other: wanted {wanted:?}, found {seen:?}"
                )));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    fn link(
        &mut self,
        between: (ServerIndex, ServerIndex),
        change: LinkChange,
    ) -> Result<(), DriverError> {
        match &self.proxies {
            Some(proxies) => {
                proxies.change(between, change);
                Ok(())
            }
            None => Err(DriverError::State("no server was started".to_owned())),
        }
    }

    fn server_id(&mut self, index: ServerIndex) -> Option<String> {
        let log = self.members.get(&index)?.process.log();
        formation::server_id(&log).map(str::to_owned)
    }

    fn ports(&self) -> Vec<(u16, String)> {
        self.ports.named()
    }

    fn open(&mut self, server: ServerIndex) -> Result<Opened, DriverError> {
        self.open_port(server, PortKind::Client)
    }

    fn open_port(&mut self, server: ServerIndex, port: PortKind) -> Result<Opened, DriverError> {
        self.sockets.open(self.ports.bound(server, port)?)
    }

    fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Result<usize, DriverError> {
        self.sockets.send(conn, bytes)
    }

    fn receive(&mut self, conn: ConnId, into: &mut Vec<u8>) -> Result<Received, DriverError> {
        self.sockets.receive(conn, into)
    }

    fn half_close(&mut self, conn: ConnId) -> Result<(), DriverError> {
        self.sockets.half_close(conn)
    }

    fn close(&mut self, conn: ConnId) -> Result<(), DriverError> {
        self.sockets.close(conn);
        Ok(())
    }

    fn reset(&mut self, conn: ConnId) -> Result<(), DriverError> {
        self.sockets.reset(conn)
    }

    fn signal(&mut self, server: ServerIndex, signal: Signal) -> Result<(), DriverError> {
        let member = self.member(server)?;
        member.process.signal(signal)?;
        match signal {
            Signal::Stop => {
                await_stopped(member.process.pid());
                member.frozen = true;
            }
            Signal::Continue => member.frozen = false,
            Signal::Term | Signal::Int | Signal::Usr2 | Signal::Kill => {}
        }
        Ok(())
    }

    fn reload(&mut self, server: ServerIndex, conf: &str) -> Result<Reloaded, DriverError> {
        let wishes = Wishes::read(&self.ports.fill(conf, server)?);
        let member = self.members.get(&server);
        let member = member
            .ok_or_else(|| DriverError::State(format!("server {} was not started", server.0)))?;
        let reloaded = member.process.reload(|| self.write_conf(server, conf))?;
        if let (Reloaded::Done, Ok(wishes)) = (&reloaded, wishes) {
            self.member(server)?.wishes = wishes;
        }
        Ok(reloaded)
    }

    fn configure(&mut self, server: ServerIndex, conf: &str) -> Result<(), DriverError> {
        self.write_conf(server, conf)
    }

    fn run(&mut self, _: &[String]) -> Result<CommandOutput, DriverError> {
        Err(DriverError::Unsupported(
            "a run of several servers' program",
        ))
    }

    fn rest(&mut self) -> Result<(), DriverError> {
        self.await_rest()
    }

    fn exit(&mut self, server: ServerIndex) -> Result<Option<Exit>, DriverError> {
        self.member(server)?.process.exit()
    }

    fn now(&mut self) -> Duration {
        self.sockets.now()
    }

    fn wait(&mut self, interests: &[Interest], until: Duration) -> Result<(), DriverError> {
        self.sockets.wait(interests, until)
    }

    fn literals(&self) -> Vec<(Vec<u8>, HoleKind)> {
        let directory = self.scratch.path().to_string_lossy().into_owned();
        vec![(directory.into_bytes(), HoleKind::Directory)]
    }
}
