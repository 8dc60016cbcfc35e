//! Log lines as nats-server writes them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

use super::member::Member;

/// The log of one server.
#[derive(Debug)]
pub struct Log {
    sink: Arc<Sink>,
    /// Says whose log it is where several servers log to the same place: a line without it is the
    /// line that a nats-server of its own would log.
    front: String,
    times: bool,
    utc: bool,
}

/// Where log lines go.
#[derive(Debug)]
enum Sink {
    Stderr,
    File(Mutex<File>),
}

impl Sink {
    fn open(path: Option<&str>) -> io::Result<Self> {
        Ok(match path {
            None => Sink::Stderr,
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path)?;
                Sink::File(Mutex::new(file))
            }
        })
    }
}

impl Log {
    /// The logs of all servers: to the file that each is configured with, or to standard error.
    pub fn all(members: &[Member]) -> io::Result<Vec<Self>> {
        let mut sinks = BTreeMap::new();
        for member in members {
            let path = member.options.log_file.as_deref();
            let (_, servers) = match sinks.entry(path) {
                Entry::Vacant(entry) => entry.insert((Arc::new(Sink::open(path)?), 0)),
                Entry::Occupied(entry) => entry.into_mut(),
            };
            *servers += 1;
        }
        let log = |member: &Member| {
            let options = &member.options;
            let (sink, servers) = sinks.get(&options.log_file.as_deref())?;
            Some(Self {
                sink: Arc::clone(sink),
                front: if *servers > 1 {
                    format!("{} ", member.shown_name())
                } else {
                    String::new()
                },
                times: options.logtime.unwrap_or(true),
                utc: options.logtime_utc,
            })
        };
        Ok(members.iter().filter_map(log).collect())
    }

    pub fn info(&self, text: impl AsRef<str>) {
        self.line("INF", text.as_ref());
    }

    pub fn warn(&self, text: impl AsRef<str>) {
        self.line("WRN", text.as_ref());
    }

    pub fn error(&self, text: impl AsRef<str>) {
        self.line("ERR", text.as_ref());
    }

    pub fn fatal(&self, text: impl AsRef<str>) {
        self.line("FTL", text.as_ref());
    }

    fn line(&self, level: &str, text: &str) {
        let pid = std::process::id();
        let time = if self.times {
            let zone = if self.utc {
                TimeZone::UTC
            } else {
                TimeZone::system()
            };
            ZonedDateTime::now()
                .with_time_zone(zone)
                .strftime("%Y/%m/%d %H:%M:%S.%6f ")
                .to_string()
        } else {
            String::new()
        };
        let line = format!("{}[{pid}] {time}[{level}] {text}\n", self.front);
        // There is nowhere left to complain to when the log cannot be written.
        let _ = match &*self.sink {
            Sink::File(file) => file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(line.as_bytes()),
            Sink::Stderr => io::stderr().write_all(line.as_bytes()),
        };
    }
}
