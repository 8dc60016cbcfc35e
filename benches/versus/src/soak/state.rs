//! What a server holds at one moment, from the kernel and from the server's own VARZ.

use std::fmt;

use serde_json::Value;

use crate::failure::{Result, unexpected};
use crate::launch::Server;
use crate::process;
use crate::system::System;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Resident memory in bytes.
    pub memory: u64,
    /// Open file descriptors.
    pub files: usize,
    /// Threads.
    pub threads: u64,
    /// Client connections, the one that asks included.
    pub connections: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Clients cut off because they did not read fast enough.
    pub slow_consumers: u64,
}

impl State {
    /// Reads the state of a server.
    pub fn read(server: &Server) -> Result<Self> {
        let varz = System::connect(server.address(), "state")?.request("VARZ", "")?;
        let varz: Value =
            serde_json::from_slice(&varz).map_err(|_| unexpected("reading VARZ", &varz))?;
        let count = |field: &str| {
            let value = varz
                .get("data")
                .and_then(|data| data.get(field))
                .and_then(Value::as_u64);
            value.ok_or_else(|| {
                unexpected(
                    format!("reading {field} of VARZ"),
                    varz.to_string().as_bytes(),
                )
            })
        };
        Ok(Self {
            memory: process::resident_bytes(server.pid())?,
            files: process::open_files(server.pid())?,
            threads: process::threads(server.pid())?,
            connections: count("connections")?,
            subscriptions: count("subscriptions")?,
            slow_consumers: count("slow_consumers")?,
        })
    }

    /// What is more than it was, apart from memory and from threads, which a runtime keeps in stock.
    pub fn differences_from(&self, before: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        // The asking connection itself may or may not be gone again.
        if self.files > before.files + 1 {
            differences.push(format!(
                "file descriptors: {} before, {} after",
                before.files, self.files
            ));
        }
        for (what, was, is) in [
            ("connections", before.connections, self.connections),
            ("subscriptions", before.subscriptions, self.subscriptions),
            ("slow consumers", before.slow_consumers, self.slow_consumers),
        ] {
            if is != was {
                differences.push(format!("{what}: {was} before, {is} after"));
            }
        }
        differences
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} MiB, {} file descriptors, {} threads, {} connections, {} subscriptions, {} slow consumers",
            self.memory >> 20,
            self.files,
            self.threads,
            self.connections,
            self.subscriptions,
            self.slow_consumers
        )
    }
}
