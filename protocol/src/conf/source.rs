//! Where included files and the environment come from.

use std::{collections::BTreeMap, fmt};

/// Why a file could not be read. `Display` gives the operating system's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no such file.
    #[error("no such file or directory")]
    NotFound,
    /// The file may not be read.
    #[error("permission denied")]
    PermissionDenied,
    /// The path names a directory.
    #[error("is a directory")]
    IsDirectory,
    /// A part of the path that should be a directory is not one.
    #[error("not a directory")]
    NotDirectory,
    /// Anything else, in words that can follow "open PATH: ".
    #[error("{0}")]
    Other(String),
}

impl ReadError {
    /// The system call that failed: a directory can be opened, just not read.
    pub(super) const fn operation(&self) -> &'static str {
        match self {
            Self::IsDirectory => "read",
            _ => "open",
        }
    }
}

/// What a configuration may draw on besides its own text: files to include and the environment.
///
/// This crate does no I/O, so the caller brings the implementation; [`MemorySource`] is one without
/// any.
pub trait Source {
    /// The content of the file at `path`, which is the path of the including file's directory joined
    /// with the path written behind `include`, cleaned of `.` and `..`.
    ///
    /// # Errors
    /// Why the file cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError>;

    /// The value of the environment variable `name`, if it is set.
    fn env(&self, name: &str) -> Option<String>;
}

impl<S: Source + ?Sized> Source for &S {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        (**self).read(path)
    }

    fn env(&self, name: &str) -> Option<String> {
        (**self).env(name)
    }
}

/// Files and environment variables held in memory; empty when new.
///
/// ```
/// use nats_mock_protocol::conf::{self, MemorySource};
///
/// let source = MemorySource::new().file("etc/auth.conf", "user: $NAME").var("NAME", "joe");
/// let document = conf::parse("authorization { include 'auth.conf' }", "etc/nats.conf", &source)?;
/// let authorization = document.root().get("authorization").and_then(|v| v.as_map()).unwrap();
/// assert_eq!(authorization.get("user").and_then(|v| v.as_str()), Some("joe"));
/// # Ok::<(), conf::ConfError>(())
/// ```
#[derive(Clone, Default)]
pub struct MemorySource {
    files: BTreeMap<String, Vec<u8>>,
    vars: BTreeMap<String, String>,
}

impl MemorySource {
    /// A source without files and variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, or replaces it. `path` is compared with cleaned paths: `etc/a.conf`, not `./etc/a.conf`.
    #[must_use]
    pub fn file(mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }
}

impl fmt::Debug for MemorySource {
    /// Names only: contents and values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySource")
            .field("files", &self.files.keys().collect::<Vec<_>>())
            .field("vars", &self.vars.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl Source for MemorySource {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.files.get(path).cloned().ok_or(ReadError::NotFound)
    }

    fn env(&self, name: &str) -> Option<String> {
        self.vars.get(name).cloned()
    }
}
