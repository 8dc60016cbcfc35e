//! Log lines as nats-server writes them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::Mutex;

use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

/// Where log lines go.
#[derive(Debug)]
pub struct Log {
    file: Option<Mutex<File>>,
    times: bool,
    utc: bool,
}

impl Log {
    /// Logs to a file, or to standard error.
    pub fn new(file: Option<&str>, times: bool, utc: bool) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self {
            file: file.map(open).transpose()?.map(Mutex::new),
            times,
            utc,
        })
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
        let line = format!("[{pid}] {time}[{level}] {text}\n");
        // There is nowhere left to complain to when the log cannot be written.
        let _ = match &self.file {
            Some(file) => file
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .write_all(line.as_bytes()),
            None => io::stderr().write_all(line.as_bytes()),
        };
    }
}
