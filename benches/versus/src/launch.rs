//! Starts a server executable on a free loopback port and stops it again.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::failure::{Doing, Failure, Result};

/// The deployment every server under test runs: one account for the load, one for the system.
const CONF: &str = "\
accounts {
  USERS { users: [ { user: a, password: a } ] }
  SYS { users: [ { user: admin, password: changeit } ] }
}
system_account: SYS
";

/// How long a server may take to say where it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How often a connection is attempted to a server that is not listening yet.
const KNOCK_EVERY: Duration = Duration::from_micros(200);

/// When the servers of a cluster are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// None waits for another.
    AtOnce,
    /// Each as soon as the one before lets clients connect.
    InTurn,
    /// As in turn, but each knows only one other, which comes last.
    SeedLast,
}

/// A server executable and the arguments that come before nats-server's own.
#[derive(Debug, Clone)]
pub struct Executable {
    path: PathBuf,
    leading: Vec<OsString>,
}

impl Executable {
    /// An executable that takes nats-server's arguments.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            leading: Vec::new(),
        }
    }

    /// This program itself, as the sink that marks the load generator's ceiling.
    pub fn sink() -> Result<Self> {
        let path = std::env::current_exe().doing("finding this executable")?;
        Ok(Self {
            path,
            leading: vec!["sink".into()],
        })
    }

    /// Starts the server on a port of its choice and waits until it has written its ports file.
    pub fn start(&self) -> Result<Server> {
        let server = self.spawn(-1)?;
        server.wait_for_ports_file()
    }

    /// Starts the server on a port that was free a moment ago, without waiting for anything.
    pub fn spawn_on_free_port(&self) -> Result<Server> {
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("finding a free port")?;
        let address = probe.local_addr().doing("finding a free port")?;
        drop(probe);
        let mut server = self.spawn(i32::from(address.port()))?;
        server.address = address;
        Ok(server)
    }

    /// Starts a cluster on ports that were free a moment ago, without waiting for it to form.
    pub fn spawn_cluster(&self, servers: usize, order: Order) -> Result<Vec<Server>> {
        let probes = (0..2 * servers)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .collect::<std::io::Result<Vec<_>>>()
            .doing("finding free ports")?;
        let addresses = probes
            .iter()
            .map(TcpListener::local_addr)
            .collect::<std::io::Result<Vec<_>>>()
            .doing("finding free ports")?;
        drop(probes);
        let (clients, routes) = addresses.split_at(servers);
        let urls: Vec<String> = routes
            .iter()
            .map(|route| format!("nats://{route}"))
            .collect();
        let urls = match order {
            Order::AtOnce | Order::InTurn => urls.join(", "),
            Order::SeedLast => urls.last().cloned().unwrap_or_default(),
        };
        let pairs = clients.iter().zip(routes).enumerate();
        pairs
            .map(|(number, (client, route))| {
                let conf = format!(
                    "{CONF}server_name: n{number}\n\
                     cluster {{ name: east, listen: \"{route}\", routes: [ {urls} ] }}\n"
                );
                let mut server = self.spawn_with(&conf, i32::from(client.port()))?;
                server.address = *client;
                if order != Order::AtOnce {
                    server.wait_for_door()?;
                }
                Ok(server)
            })
            .collect()
    }

    fn spawn(&self, port: i32) -> Result<Server> {
        self.spawn_with(CONF, port)
    }

    fn spawn_with(&self, text: &str, port: i32) -> Result<Server> {
        let scratch = TempDir::with_prefix("versus-").doing("making a scratch folder")?;
        let conf = scratch.path().join("server.conf");
        fs::write(&conf, text).doing("writing the conf file")?;
        let log = fs::File::create(scratch.path().join("log")).doing("creating the log file")?;
        let mut command = Command::new(&self.path);
        command
            .args(&self.leading)
            .args([
                "-a",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "--ports_file_dir",
            ])
            .arg(scratch.path())
            .arg("-c")
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let spawned_at = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| self.failed(format!("cannot be started: {error}")))?;
        Ok(Server {
            child,
            scratch,
            address: ([127, 0, 0, 1], 0).into(),
            spawned_at,
            executable: self.clone(),
        })
    }

    fn failed(&self, what: String) -> Failure {
        Failure::Launch {
            binary: self.path.clone(),
            what,
        }
    }
}

/// A running server process; dropping it kills the process and removes its files.
#[derive(Debug)]
pub struct Server {
    child: Child,
    scratch: TempDir,
    address: SocketAddr,
    spawned_at: Instant,
    executable: Executable,
}

impl Server {
    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// When the process was asked for.
    pub fn spawned_at(&self) -> Instant {
        self.spawned_at
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails, with the end of the server's log, when the process is no longer running.
    pub fn check_running(&mut self) -> Result<()> {
        match self
            .child
            .try_wait()
            .doing("asking for the state of the server")?
        {
            None => Ok(()),
            Some(status) => {
                let log = fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default();
                let last = log.lines().next_back().unwrap_or("nothing");
                Err(self
                    .executable
                    .failed(format!("ended with {status}; its last words: {last}")))
            }
        }
    }

    fn wait_for_door(&mut self) -> Result<()> {
        let until = Instant::now() + READY_WITHIN;
        while TcpStream::connect(self.address).is_err() {
            self.check_running()?;
            if Instant::now() > until {
                let seconds = READY_WITHIN.as_secs();
                let what = format!("let nobody connect within {seconds} s");
                return Err(self.executable.failed(what));
            }
            std::thread::sleep(KNOCK_EVERY);
        }
        Ok(())
    }

    fn wait_for_ports_file(mut self) -> Result<Self> {
        let until = Instant::now() + READY_WITHIN;
        while Instant::now() < until {
            if let Some(address) = self.read_ports_file() {
                self.address = address;
                return Ok(self);
            }
            self.check_running()?;
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(self.executable.failed(format!(
            "wrote no ports file within {} s",
            READY_WITHIN.as_secs()
        )))
    }

    fn read_ports_file(&self) -> Option<SocketAddr> {
        let suffix = format!("_{}.ports", self.pid());
        let entries = fs::read_dir(self.scratch.path()).ok()?;
        let path = entries
            .flatten()
            .map(|entry| entry.path())
            .find(|path| file_name(path).is_some_and(|name| name.ends_with(&suffix)))?;
        let ports: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let url = ports.get("nats")?.get(0)?.as_str()?;
        url.strip_prefix("nats://")?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
