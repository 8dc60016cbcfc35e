//! Everything that can stop a measurement.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a measurement could not be taken.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line does not make sense.
    #[error("{0} (see versus --help)")]
    Usage(String),
    /// A server could not be started, or stopped before it was ready.
    #[error("{}: {what}", binary.display())]
    Launch {
        /// The executable that was started.
        binary: PathBuf,
        /// What went wrong.
        what: String,
    },
    /// A socket, file or process operation failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was attempted.
        doing: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The server said something that the load does not provoke.
    #[error("{doing}: unexpected answer {answer:?}")]
    Answer {
        /// What was attempted.
        doing: String,
        /// The first bytes of what was received.
        answer: String,
    },
    /// Fewer or more bytes than the load must cause came back within the time allowed.
    #[error("{doing}: {got} bytes of {expected} came within {seconds} s")]
    Incomplete {
        /// What was attempted.
        doing: String,
        /// How many bytes came.
        got: u64,
        /// How many were due.
        expected: u64,
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// A thread of the load generator ended abnormally.
    #[error("a thread of the load generator panicked while {0}")]
    Thread(&'static str),
}

/// The result of anything that touches a server.
pub type Result<T> = std::result::Result<T, Failure>;

/// Names what was attempted when an I/O operation fails.
pub trait Doing<T> {
    /// Turns an I/O error into a [`Failure`] that says what was being done.
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| Failure::Io {
            doing: what.into(),
            source,
        })
    }
}

/// A failure for bytes that the load does not provoke; shows at most their first 200.
pub fn unexpected(doing: impl Into<String>, bytes: &[u8]) -> Failure {
    let shown = bytes.get(..200).unwrap_or(bytes);
    Failure::Answer {
        doing: doing.into(),
        answer: String::from_utf8_lossy(shown).into_owned(),
    }
}

/// Joins a thread of the load generator.
pub fn join<T>(
    thread: std::thread::ScopedJoinHandle<'_, Result<T>>,
    doing: &'static str,
) -> Result<T> {
    thread.join().unwrap_or(Err(Failure::Thread(doing)))
}
