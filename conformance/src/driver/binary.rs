//! A server's program as the server under test: a real server of any release, or our own binary.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::fleet::FleetDriver;
use super::process::{LOOK_AGAIN, PATIENCE, Process, end, exit};
use super::rest::await_rest;
use super::scratch::Scratch;
use super::sockets::Sockets;
use super::{
    CommandOutput, ConnId, Driver, DriverError, Exit, Interest, Opened, Received, Reloaded,
    Secured, ServerIndex, Target,
};
use crate::normalise::HoleKind;
use crate::scenario::{Deployment, Handshake, PortKind, Signal};
use crate::version::Version;

/// A server's program.
#[derive(Debug, Clone)]
pub struct Binary {
    path: PathBuf,
    others: BTreeMap<Version, PathBuf>,
    flags: Vec<String>,
}

impl Binary {
    /// The program at `path`.
    ///
    /// # Errors
    ///
    /// When there is no such file.
    pub fn new(path: &Path) -> Result<Self, DriverError> {
        Ok(Self {
            path: found(path)?,
            others: BTreeMap::new(),
            flags: Vec::new(),
        })
    }

    /// Gives every run of the program these flags first.
    #[must_use]
    pub fn with_flags(mut self, flags: impl IntoIterator<Item = String>) -> Self {
        self.flags.extend(flags);
        self
    }

    /// Adds the program of another release, for deployments that are of several.
    ///
    /// # Errors
    ///
    /// When there is no such file.
    pub fn with_other(mut self, version: Version, path: &Path) -> Result<Self, DriverError> {
        self.others.insert(version, found(path)?);
        Ok(self)
    }

    /// The program of a server that is `version`, if it says so.
    pub(super) fn program(&self, version: Option<Version>) -> Result<&Path, DriverError> {
        match version {
            None => Ok(&self.path),
            Some(version) => self
                .others
                .get(&version)
                .map(PathBuf::as_path)
                .ok_or_else(|| {
                    DriverError::State(format!("the program of release {version} was not given"))
                }),
        }
    }

    /// What every run of a server begins with.
    pub(super) fn command(
        &self,
        program: &Path,
        deployment: &Deployment,
        directory: &Path,
    ) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(directory)
            .env("TZ", deployment.time_zone.as_deref().unwrap_or("UTC"))
            .stdin(Stdio::null())
            .args(&self.flags);
        command
    }

    pub(super) fn driver(&self, deployment: &Deployment) -> Result<BinaryDriver, DriverError> {
        let scratch = Scratch::new(deployment)?;
        scratch.write_conf(&deployment.conf)?;
        Ok(BinaryDriver {
            binary: self.clone(),
            scratch,
            deployment: deployment.clone(),
            process: None,
            sockets: Sockets::new(),
        })
    }
}

fn found(path: &Path) -> Result<PathBuf, DriverError> {
    path.canonicalize()
        .map_err(DriverError::io("looking for the server's program"))
}

impl Target for Binary {
    fn prepare(&self, deployment: &Deployment) -> Result<Box<dyn Driver>, DriverError> {
        if deployment.servers.is_empty() {
            Ok(Box::new(self.driver(deployment)?))
        } else {
            Ok(Box::new(FleetDriver::new(
                self.clone(),
                deployment.clone(),
            )?))
        }
    }
}

pub(super) struct BinaryDriver {
    binary: Binary,
    scratch: Scratch,
    deployment: Deployment,
    process: Option<(Process, u16)>,
    sockets: Sockets,
}

impl BinaryDriver {
    fn command(&self) -> Command {
        let binary = &self.binary;
        binary.command(&binary.path, &self.deployment, self.scratch.path())
    }

    /// The configuration file.
    pub(super) fn conf(&self) -> PathBuf {
        self.scratch.conf()
    }

    fn expand(&self, arg: &str) -> String {
        arg.replace("$CONF", &self.scratch.conf().to_string_lossy())
    }

    fn process(&mut self) -> Result<&mut Process, DriverError> {
        match &mut self.process {
            Some((process, _)) => Ok(process),
            None => Err(not_started()),
        }
    }
}

fn not_started() -> DriverError {
    DriverError::State("the server was not started".to_owned())
}

impl Driver for BinaryDriver {
    fn start(&mut self) -> Result<(), DriverError> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut command = self.command();
        command
            .arg("-c")
            .arg(self.scratch.conf())
            .args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"])
            .arg(self.scratch.path())
            .args(self.deployment.args.iter().map(|arg| self.expand(arg)));
        let process = Process::start(command, &self.scratch.log(), |_| {})?;
        let started = Instant::now();
        loop {
            if let Some(port) = self.scratch.client_port() {
                self.process = Some((process, port));
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(DriverError::Start(process.log()));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    fn open(&mut self, _: ServerIndex) -> Result<Opened, DriverError> {
        let port = self.process.as_ref().ok_or_else(not_started)?.1;
        self.sockets.open(port)
    }

    fn open_port(&mut self, server: ServerIndex, port: PortKind) -> Result<Opened, DriverError> {
        match port {
            PortKind::Client => self.open(server),
            PortKind::Websocket => {
                let port = self.scratch.port("websocket").ok_or_else(|| {
                    DriverError::State("the server takes no clients over WebSocket".to_owned())
                })?;
                self.sockets.open(port)
            }
            _ => Err(DriverError::Unsupported("a port for other servers")),
        }
    }

    fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Result<usize, DriverError> {
        self.sockets.send(conn, bytes)
    }

    fn receive(&mut self, conn: ConnId, into: &mut Vec<u8>) -> Result<Received, DriverError> {
        self.sockets.receive(conn, into)
    }

    fn secure(&mut self, conn: ConnId, how: &Handshake) -> Result<Secured, DriverError> {
        self.sockets.secure(conn, how)
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

    fn signal(&mut self, _: ServerIndex, signal: Signal) -> Result<(), DriverError> {
        self.process()?.signal(signal)
    }

    fn configure(&mut self, _: ServerIndex, conf: &str) -> Result<(), DriverError> {
        self.scratch.write_conf(conf)
    }

    fn reload(&mut self, _: ServerIndex, conf: &str) -> Result<Reloaded, DriverError> {
        let (process, _) = self.process.as_ref().ok_or_else(not_started)?;
        process.reload(|| self.scratch.write_conf(conf))
    }

    fn run(&mut self, args: &[String]) -> Result<CommandOutput, DriverError> {
        let mut command = self.command();
        command.args(args.iter().map(|arg| self.expand(arg)));
        let (stdout, stderr) = (
            self.scratch.path().join("run.out"),
            self.scratch.path().join("run.err"),
        );
        let file = |path: &Path| File::create(path).map_err(DriverError::io("making a file"));
        command.stdout(file(&stdout)?).stderr(file(&stderr)?);
        let mut child = command
            .spawn()
            .map_err(DriverError::io("running the server's program"))?;
        let started = Instant::now();
        let status = loop {
            let status = child
                .try_wait()
                .map_err(DriverError::io("awaiting the program's end"))?;
            if let Some(status) = status {
                break status;
            }
            if started.elapsed() > PATIENCE {
                end(&mut child);
                return Err(DriverError::State("the program did not end".to_owned()));
            }
            thread::sleep(LOOK_AGAIN);
        };
        let read = |path: &Path| std::fs::read(path).map_err(DriverError::io("reading output"));
        Ok(CommandOutput {
            exit: exit(status),
            stdout: read(&stdout)?,
            stderr: read(&stderr)?,
        })
    }

    fn rest(&mut self) -> Result<(), DriverError> {
        await_rest(&[self.process()?.pid()]);
        Ok(())
    }

    fn exit(&mut self, _: ServerIndex) -> Result<Option<Exit>, DriverError> {
        self.process()?.exit()
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
