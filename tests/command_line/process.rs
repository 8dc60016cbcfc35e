//! The program, run to its end or while it serves.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};

use crate::support::{PATIENCE, eventually};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nats-mock"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("runs")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The program while it serves. It is killed when the test is over.
pub struct Server {
    pub child: Child,
    pub lines: Receiver<String>,
    pub seen: Vec<String>,
}

impl Server {
    /// Starts it; its log goes to standard error.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let log = child.stderr.take().expect("is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Starts it and waits for it to be ready.
    pub fn ready(arguments: &[&str]) -> Self {
        let mut server = Self::start(arguments);
        server.line("Server is ready");
        server
    }

    /// Waits for a line of the log that contains `text`, and gives what stands behind `[INF] `.
    pub fn line(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
                panic!("no {text:?} in {:#?}", self.seen);
            });
            self.seen.push(line.clone());
            if line.contains(text) {
                return line
                    .split_once("] ")
                    .map_or(String::new(), |(_, rest)| rest.to_owned());
            }
        }
    }

    pub fn address(&self) -> SocketAddr {
        let marker = "Listening for client connections on ";
        let listening = self.seen.iter().find_map(|line| line.split_once(marker));
        let address: SocketAddr = listening
            .expect("it listens")
            .1
            .parse()
            .expect("an address");
        SocketAddr::from(([127, 0, 0, 1], address.port()))
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.expect("runs").success());
    }

    /// Waits for the program to end.
    pub fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the end of the program", || {
            status = self.child.try_wait().expect("can be waited for");
            status.is_some()
        });
        status.expect("has ended")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
