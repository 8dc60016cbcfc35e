//! A server's process: how it gets ready, reloads and ends.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal as ProcessSignal, kill_process};

use super::rest::await_rest;
use super::{DriverError, Exit, Reloaded};
use crate::scenario::Signal;

/// How long a server may take to start, to reload, and a run to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What a server logs last when it starts.
const READY: &str = "[INF] Server is ready\n";

/// How often files of the server and its state are looked at while waiting for them.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A running server. Dropping it kills it.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, which logs into a new file `log`, and returns when it accepts connections;
    /// `started` hears of its process id before that.
    pub(super) fn start(
        mut command: Command,
        log: &Path,
        started: impl FnOnce(u32),
    ) -> Result<Self, DriverError> {
        let file = File::create(log).map_err(DriverError::io("making the log"))?;
        let file_too = file
            .try_clone()
            .map_err(DriverError::io("making the log"))?;
        let child = command
            .stdout(file)
            .stderr(file_too)
            .spawn()
            .map_err(DriverError::io("starting the server"))?;
        let mut process = Self {
            child,
            log: log.to_owned(),
        };
        started(process.pid());
        let since = Instant::now();
        while !process.log().contains(READY) {
            if process.exit()?.is_some() || since.elapsed() > PATIENCE {
                return Err(DriverError::Start(process.log()));
            }
            thread::sleep(LOOK_AGAIN);
        }
        // The log line comes before the server has made all its internal clients, and those draw their
        // ids from the same sequence as the connections of the scenario.
        await_rest(&[process.pid()]);
        Ok(process)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the server has logged so far.
    pub(super) fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    pub(super) fn exit(&mut self) -> Result<Option<Exit>, DriverError> {
        let status = self
            .child
            .try_wait()
            .map_err(DriverError::io("looking whether the server ended"))?;
        Ok(status.map(exit))
    }

    /// Returns after a kill when the server is gone, so that another can be started in its place.
    pub(super) fn signal(&mut self, signal: Signal) -> Result<(), DriverError> {
        self.send(match signal {
            Signal::Term => ProcessSignal::TERM,
            Signal::Int => ProcessSignal::INT,
            Signal::Usr2 => ProcessSignal::USR2,
            Signal::Kill => ProcessSignal::KILL,
            Signal::Stop => ProcessSignal::STOP,
            Signal::Continue => ProcessSignal::CONT,
        })?;
        if matches!(signal, Signal::Kill) {
            self.child
                .wait()
                .map_err(DriverError::io("waiting for a killed server"))?;
        }
        Ok(())
    }

    fn send(&self, signal: ProcessSignal) -> Result<(), DriverError> {
        kill_process(Pid::from_child(&self.child), signal)
            .map_err(|e| DriverError::io("sending a signal")(io::Error::from(e)))
    }

    /// Has `configure` replace the configuration, and the server read it again.
    pub(super) fn reload(
        &self,
        configure: impl FnOnce() -> Result<(), DriverError>,
    ) -> Result<Reloaded, DriverError> {
        const DONE: &str = "[INF] Reloaded server configuration";
        const FAILED: &str = "[ERR] Failed to reload server configuration: ";
        let seen = self.log().len();
        configure()?;
        self.send(ProcessSignal::HUP)?;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let log = self.log();
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
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Kills a child and takes its status. A failure means that it has ended by itself.
pub(super) fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

pub(super) fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Killed(signal.unwrap_or_default()),
    }
}
