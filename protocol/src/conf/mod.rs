//! The nats-server configuration format: text to a tree of values that know their place.
//!
//! [`parse`] and [`parse_file`] read maps, arrays, strings, numbers with size suffixes, booleans and
//! dates, follow `include`s, and resolve `$variables` from enclosing blocks and the environment. Nothing
//! here touches a file system or the environment: the caller lends a [`Source`]. What the values mean
//! is not this module's concern either, apart from the text of durations ([`duration`]).
//!
//! ```
//! use nats_mock_protocol::conf::{self, MemorySource};
//!
//! let text = "
//!     PASS: s3cr3t              # a variable is just a key that somebody refers to
//!     port: 4222
//!     max_payload: 2MB
//!     authorization {
//!         users = [ { user: joe, password: $PASS } ]
//!     }";
//! let document = conf::parse(text, "nats.conf", &MemorySource::new())?;
//!
//! let max_payload = document.root().get("max_payload").unwrap();
//! assert_eq!(max_payload.as_integer(), Some(2 * 1024 * 1024));
//! assert_eq!(max_payload.at.to_string(), "nats.conf:4:5");
//! assert!(document.root().get("PASS").unwrap().is_used_variable());
//! # Ok::<(), conf::ConfError>(())
//! ```

mod digest;
pub mod duration;
mod error;
mod lexer;
mod number;
mod parser;
mod path;
#[cfg(test)]
mod proptests;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::sync::Arc;

pub use error::{ConfError, ErrorKind, Found, SyntaxError};
pub use source::{MemorySource, ReadError, Source};
pub use text::fold;
pub use value::{Document, Kind, Map, Position, Value};

/// Bounds on a configuration, which keep hostile input from exhausting stack, memory or time. Real
/// servers have none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How deep maps and arrays may be nested, variables and includes resolved. Default 128.
    pub depth: usize,
    /// How many files and environment variables may be in use within one another. Default 32.
    pub files: usize,
    /// How much room all values may take, in bytes: 64 for each value and its text, counted again
    /// wherever a variable repeats it. Default 128 MiB.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 128,
            files: 32,
            bytes: 128 * 1024 * 1024,
        }
    }
}

/// Parses `text`, the content of the file at path `file`, with the default [`Limits`].
///
/// `file` is what messages name and what included paths are relative to; it may be empty.
///
/// # Errors
/// The first thing that is wrong with the text or with what it includes or refers to.
pub fn parse(
    text: impl AsRef<[u8]>,
    file: &str,
    source: &dyn Source,
) -> Result<Document, ConfError> {
    parse_with_limits(text, file, source, Limits::default())
}

/// Parses `text` like [`parse`], with limits of one's own.
///
/// # Errors
/// As with [`parse`].
///
/// ```
/// use nats_mock_protocol::conf::{self, ErrorKind, Limits, MemorySource};
///
/// let limits = Limits { depth: 2, ..Limits::default() };
/// let error = conf::parse_with_limits("a: [[[1]]]", "", &MemorySource::new(), limits).unwrap_err();
/// assert_eq!(error.kind, ErrorKind::TooDeep(2));
/// ```
pub fn parse_with_limits(
    text: impl AsRef<[u8]>,
    file: &str,
    source: &dyn Source,
    limits: Limits,
) -> Result<Document, ConfError> {
    let file: Arc<str> = Arc::from(file);
    let root = parser::Shared::new(source, limits).parse(text.as_ref(), Arc::clone(&file))?;
    Ok(Document { root, file })
}

/// Parses the file at `path`, read through `source`, with the default [`Limits`].
///
/// # Errors
/// As with [`parse`], and when the file itself cannot be read.
///
/// ```
/// use nats_mock_protocol::conf::{self, MemorySource};
///
/// let error = conf::parse_file("nats.conf", &MemorySource::new()).unwrap_err();
/// assert_eq!(error.to_string(), "open nats.conf: no such file or directory");
/// ```
pub fn parse_file(path: &str, source: &dyn Source) -> Result<Document, ConfError> {
    let root = parser::Shared::new(source, Limits::default()).parse_file(path, false)?;
    Ok(Document {
        root,
        file: Arc::from(path),
    })
}
