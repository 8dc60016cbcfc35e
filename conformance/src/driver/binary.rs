//! A server's program as the server under test: a real server of any release, or our own binary.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal as ProcessSignal, kill_process};

use super::rest::await_rest;
use super::scratch::Scratch;
use super::{
    CommandOutput, ConnId, Driver, DriverError, Exit, Interest, Opened, Received, Reloaded, Target,
};
use crate::normalise::HoleKind;
use crate::scenario::{Deployment, Signal};

/// How long a server may take to start, to reload, and a run to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server logs last when it starts.
const READY: &str = "[INF] Server is ready\n";

/// How often files of the server and its state are looked at while waiting for them.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// How long one wait for sockets lasts at most, so that the end of the process is seen too.
const LONGEST_POLL: Duration = Duration::from_millis(20);

/// A server's program.
#[derive(Debug, Clone)]
pub struct Binary {
    path: PathBuf,
    flags: Vec<String>,
}

impl Binary {
    /// The program at `path`.
    ///
    /// # Errors
    ///
    /// When there is no such file.
    pub fn new(path: &Path) -> Result<Self, DriverError> {
        let path = path
            .canonicalize()
            .map_err(DriverError::io("looking for the server's program"))?;
        Ok(Self {
            path,
            flags: Vec::new(),
        })
    }

    /// Gives every run of the program these flags first.
    #[must_use]
    pub fn with_flags(mut self, flags: impl IntoIterator<Item = String>) -> Self {
        self.flags.extend(flags);
        self
    }

    pub(super) fn driver(&self, deployment: &Deployment) -> Result<BinaryDriver, DriverError> {
        Ok(BinaryDriver {
            program: self.path.clone(),
            flags: self.flags.clone(),
            scratch: Scratch::new(deployment)?,
            deployment: deployment.clone(),
            process: None,
            conns: Vec::new(),
            epoch: Instant::now(),
        })
    }
}

impl Target for Binary {
    fn prepare(&self, deployment: &Deployment) -> Result<Box<dyn Driver>, DriverError> {
        Ok(Box::new(self.driver(deployment)?))
    }
}

pub(super) struct BinaryDriver {
    program: PathBuf,
    flags: Vec<String>,
    scratch: Scratch,
    deployment: Deployment,
    process: Option<Process>,
    conns: Vec<Option<TcpStream>>,
    epoch: Instant,
}

struct Process {
    child: Child,
    port: u16,
}

impl BinaryDriver {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(self.scratch.path())
            .env("TZ", self.deployment.time_zone.as_deref().unwrap_or("UTC"))
            .stdin(Stdio::null())
            .args(&self.flags);
        command
    }

    /// The configuration file.
    pub(super) fn conf(&self) -> PathBuf {
        self.scratch.conf()
    }

    fn expand(&self, arg: &str) -> String {
        arg.replace("$CONF", &self.scratch.conf().to_string_lossy())
    }

    fn process(&mut self) -> Result<&mut Process, DriverError> {
        self.process
            .as_mut()
            .ok_or_else(|| DriverError::State("the server was not started".to_owned()))
    }

    fn stream(&mut self, conn: ConnId) -> Result<&mut TcpStream, DriverError> {
        self.conns
            .get_mut(conn.0)
            .and_then(Option::as_mut)
            .ok_or_else(|| DriverError::State(format!("connection {} is closed", conn.0)))
    }

    fn take(&mut self, conn: ConnId) -> Option<TcpStream> {
        self.conns.get_mut(conn.0).and_then(Option::take)
    }

    fn kill(&mut self, signal: ProcessSignal) -> Result<(), DriverError> {
        let pid = Pid::from_child(&self.process()?.child);
        kill_process(pid, signal)
            .map_err(|e| DriverError::io("sending a signal")(io::Error::from(e)))
    }
}

impl Driver for BinaryDriver {
    fn start(&mut self) -> Result<(), DriverError> {
        if self.process.is_some() {
            return Ok(());
        }
        let log = File::create(self.scratch.log()).map_err(DriverError::io("making the log"))?;
        let log_too = log.try_clone().map_err(DriverError::io("making the log"))?;
        let mut command = self.command();
        command
            .arg("-c")
            .arg(self.scratch.conf())
            .args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"])
            .arg(self.scratch.path())
            .args(self.deployment.args.iter().map(|arg| self.expand(arg)))
            .stdout(log)
            .stderr(log_too);
        let mut child = command
            .spawn()
            .map_err(DriverError::io("starting the server"))?;
        let started = Instant::now();
        loop {
            // The ports file comes before the server has made all its internal clients, and those
            // draw their ids from the same sequence as the connections of the scenario.
            let is_ready = self.scratch.read_log().contains(READY);
            if let Some(port) = self.scratch.client_port().filter(|_| is_ready) {
                await_rest(child.id());
                self.process = Some(Process { child, port });
                return Ok(());
            }
            let ended = child
                .try_wait()
                .map_err(DriverError::io("watching the server start"))?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                end(&mut child);
                return Err(DriverError::Start(self.scratch.read_log()));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    fn open(&mut self) -> Result<Opened, DriverError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.process()?.port));
        let stream = match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => stream,
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => return Ok(Opened::Refused),
            Err(e) => return Err(DriverError::io("connecting")(e)),
        };
        stream
            .set_nonblocking(true)
            .and_then(|()| stream.set_nodelay(true))
            .map_err(DriverError::io("setting up a connection"))?;
        self.conns.push(Some(stream));
        Ok(Opened::Connection(ConnId(self.conns.len() - 1)))
    }

    fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Result<usize, DriverError> {
        match self.stream(conn)?.write(bytes) {
            Ok(sent) => Ok(sent),
            Err(e) if is_would_block(&e) => Ok(0),
            Err(e) if is_closed(&e) => Ok(bytes.len()),
            Err(e) => Err(DriverError::io("sending")(e)),
        }
    }

    fn receive(&mut self, conn: ConnId, into: &mut Vec<u8>) -> Result<Received, DriverError> {
        let mut chunk = [0; 64 * 1024];
        match self.stream(conn)?.read(&mut chunk) {
            Ok(0) => Ok(Received::Closed),
            Ok(length) => {
                into.extend_from_slice(&chunk[..length]);
                Ok(Received::Bytes)
            }
            Err(e) if is_would_block(&e) => Ok(Received::Nothing),
            Err(e) if is_closed(&e) => Ok(Received::Closed),
            Err(e) => Err(DriverError::io("receiving")(e)),
        }
    }

    fn half_close(&mut self, conn: ConnId) -> Result<(), DriverError> {
        match self.stream(conn)?.shutdown(std::net::Shutdown::Write) {
            Err(e) if !is_closed(&e) => Err(DriverError::io("ending the sending side")(e)),
            _ => Ok(()),
        }
    }

    fn close(&mut self, conn: ConnId) -> Result<(), DriverError> {
        drop(self.take(conn));
        Ok(())
    }

    fn reset(&mut self, conn: ConnId) -> Result<(), DriverError> {
        if let Some(stream) = self.take(conn) {
            socket2::SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .map_err(DriverError::io("resetting a connection"))?;
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal) -> Result<(), DriverError> {
        self.kill(match signal {
            Signal::Term => ProcessSignal::TERM,
            Signal::Int => ProcessSignal::INT,
            Signal::Usr2 => ProcessSignal::USR2,
        })
    }

    fn configure(&mut self, conf: &str) -> Result<(), DriverError> {
        self.scratch.write_conf(conf)
    }

    fn reload(&mut self, conf: &str) -> Result<Reloaded, DriverError> {
        const DONE: &str = "[INF] Reloaded server configuration";
        const FAILED: &str = "[ERR] Failed to reload server configuration: ";
        let seen = self.scratch.read_log().len();
        self.configure(conf)?;
        self.kill(ProcessSignal::HUP)?;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let log = self.scratch.read_log();
            for line in log.get(seen..).unwrap_or_default().split_inclusive('\n') {
                if line.contains(DONE) && line.ends_with('\n') {
                    return Ok(Reloaded::Done);
                }
                if let Some((_, why)) = line.split_once(FAILED)
                    && line.ends_with('\n')
                {
                    return Ok(Reloaded::Failed(why.trim_end().to_owned()));
                }
            }
            thread::sleep(LOOK_AGAIN);
        }
        Err(DriverError::State(
            "the server did not say that it reloaded its configuration".to_owned(),
        ))
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
        await_rest(self.process()?.child.id());
        Ok(())
    }

    fn exit(&mut self) -> Result<Option<Exit>, DriverError> {
        let status = self
            .process()?
            .child
            .try_wait()
            .map_err(DriverError::io("looking whether the server ended"))?;
        Ok(status.map(exit))
    }

    fn now(&mut self) -> Duration {
        self.epoch.elapsed()
    }

    fn wait(&mut self, interests: &[Interest], until: Duration) -> Result<(), DriverError> {
        let patience = until.saturating_sub(self.epoch.elapsed()).min(LONGEST_POLL);
        let mut polled: Vec<PollFd<'_>> = interests
            .iter()
            .filter_map(|interest| {
                let stream = self.conns.get(interest.conn.0)?.as_ref()?;
                let mut flags = PollFlags::empty();
                flags.set(PollFlags::IN, interest.read);
                flags.set(PollFlags::OUT, interest.write);
                (!flags.is_empty()).then(|| PollFd::from_borrowed_fd(stream.as_fd(), flags))
            })
            .collect();
        let timeout = Timespec::try_from(patience)
            .map_err(|_| DriverError::State("a wait too long".to_owned()))?;
        match rustix::event::poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(e) => Err(DriverError::io("waiting")(io::Error::from(e))),
        }
    }

    fn literals(&self) -> Vec<(Vec<u8>, HoleKind)> {
        let directory = self.scratch.path().to_string_lossy().into_owned();
        vec![(directory.into_bytes(), HoleKind::Directory)]
    }
}

impl Drop for BinaryDriver {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            end(&mut process.child);
        }
    }
}

/// Kills a child and takes its status. A failure means that it has ended by itself.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Killed(signal.unwrap_or_default()),
    }
}

fn is_would_block(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
    )
}
