//! What a configuration says: a tree of values, each with its place in the text.

use super::digest::Variables;
use std::{collections::HashMap, fmt, sync::Arc};

use jiff::civil::DateTime;

/// A place in a configuration, counted as the server counts.
///
/// `Display` is `file:line:column`, the prefix of the server's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The file as it was named by the caller or found by an include; empty when there is none.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The byte within the line: from 0 on the first line and from 1 on all others.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What a value is, and the value.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Keys with their values.
    Map(Map),
    /// Values in order.
    Array(Vec<Value>),
    /// Text; bytes that are not UTF-8 have been replaced by U+FFFD.
    String(String),
    /// An integer, its size suffix (`k`, `MiB`, …) already multiplied in, wrapping around at 64 bits.
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// `true`, `yes`, `on`, `false`, `no` or `off` in any case.
    Bool(bool),
    /// A point in time, in UTC.
    DateTime(DateTime),
}

impl Kind {
    /// The name of the type in the server's messages about a value of the wrong type.
    ///
    /// ```
    /// assert_eq!(nats_mock_protocol::conf::Kind::Integer(1).type_name(), "int64");
    /// ```
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Map(_) => "map[string]interface {}",
            Self::Array(_) => "[]interface {}",
            Self::String(_) => "string",
            Self::Integer(_) => "int64",
            Self::Float(_) => "float64",
            Self::Bool(_) => "bool",
            Self::DateTime(_) => "time.Time",
        }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The value.
    pub kind: Kind,
    /// Where it is: the place of its key in a map, its own in an array.
    pub at: Position,
    pub(super) used: bool,
}

impl Value {
    /// Whether a variable reference took this value. Such a key is not an unknown one.
    pub const fn is_used_variable(&self) -> bool {
        self.used
    }

    /// The map, if this is one.
    pub const fn as_map(&self) -> Option<&Map> {
        match &self.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The elements, if this is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match &self.kind {
            Kind::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if this is one.
    pub const fn as_integer(&self) -> Option<i64> {
        match self.kind {
            Kind::Integer(n) => Some(n),
            _ => None,
        }
    }

    /// The boolean, if this is one.
    pub const fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(b) => Some(b),
            _ => None,
        }
    }
}

/// Keys and values in the order in which the keys first appeared.
///
/// Keys are kept as written and compared byte for byte; the options behind them are looked up with
/// [`fold`](super::fold)ed keys.
#[derive(Clone, Default)]
pub struct Map {
    entries: Vec<(String, Value)>,
    /// Only ever looked up, so its order shows nowhere.
    index: HashMap<String, usize>,
}

impl Map {
    /// The value of `key`, written exactly so.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.index.get(key).map(|&n| &self.entries[n].1)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.index.get(key).map(|&n| &mut self.entries[n].1)
    }

    /// Sets `key`. A key that was there keeps its place in the order and gets the new value.
    pub(super) fn insert(&mut self, key: String, value: Value) {
        match self.index.get(&key) {
            Some(&n) => self.entries[n].1 = value,
            None => {
                self.index.insert(key.clone(), self.entries.len());
                self.entries.push((key, value));
            }
        }
    }

    /// The keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries
            .iter()
            .map(|(key, value)| (key.as_str(), value))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    pub(super) fn into_entries(self) -> Vec<(String, Value)> {
        self.entries
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A whole configuration: the top-level map with all includes and variables resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub(super) root: Map,
    pub(super) file: Arc<str>,
}

impl Document {
    /// The top level.
    pub const fn root(&self) -> &Map {
        &self.root
    }

    /// The path given when the document was parsed.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The digest that servers from 2.12 on show in VARZ (`config_digest`) and `-t` prints:
    /// `sha256:` and 64 hexadecimal digits over the values, comments and order of keys left out.
    ///
    /// ```
    /// use nats_mock_protocol::conf::{self, MemorySource};
    ///
    /// let document = conf::parse("port: 4222 # default", "nats.conf", &MemorySource::new())?;
    /// assert_eq!(
    ///     document.digest(),
    ///     "sha256:797533ebd0dfba7d34a0f9337ecf147e442871f48ddfd07ed751575a5737267e",
    /// );
    /// # Ok::<(), conf::ConfError>(())
    /// ```
    pub fn digest(&self) -> String {
        super::digest::of(&self.root, Variables::Count)
    }

    /// The digest as 2.11 computes it: variables that are used are left out.
    pub fn digest_without_variables(&self) -> String {
        super::digest::of(&self.root, Variables::LeaveOut)
    }
}
