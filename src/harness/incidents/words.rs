//! The words that faults are written in.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// A name as it stands in the text of a fault: in quotes if it would not be read as one word.
pub(super) struct Word<'a>(pub &'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | ';');
        let is_plain = !self.0.is_empty() && !self.0.contains(is_strange) && !self.0.ends_with(':');
        if is_plain {
            f.write_str(self.0)
        } else {
            write!(f, "{}", Value::from(self.0))
        }
    }
}

/// A time as it stands in the text of a fault.
pub(super) fn millis(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

/// The rest of a text that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest<'a>(pub &'a str);

/// What was expected, and where.
pub(super) type Missing<'a> = (&'static str, Rest<'a>);

impl<'a> Rest<'a> {
    /// What `read` finds, which is to be there.
    pub fn expect<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Result<T, Missing<'a>> {
        read(self).ok_or((what, *self))
    }

    /// What is to stand behind some words, if those come next.
    pub fn behind<T>(
        &mut self,
        words: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Missing<'a>>,
    ) -> Result<Option<T>, Missing<'a>> {
        let is_next = self.takes(words);
        is_next.then(|| read(self)).transpose()
    }

    /// The name of a server behind a word, if that comes next.
    pub fn server(&mut self, behind: &str) -> Result<Option<String>, Missing<'a>> {
        self.behind(behind, |rest| {
            rest.expect("the name of a server", Self::word)
        })
    }

    pub fn colon(&mut self) -> Result<(), Missing<'a>> {
        self.expect("a colon", |rest| rest.takes(":").then_some(()))
    }

    /// A number that has to come next.
    pub fn size<T: std::str::FromStr>(&mut self) -> Result<T, Missing<'a>> {
        self.expect("a number", Self::number)
    }

    /// A time that has to come next.
    pub fn span(&mut self) -> Result<Duration, Missing<'a>> {
        self.expect("a time in ms", Self::millis)
    }

    /// Whether these words come next; if so, they are taken.
    pub fn takes(&mut self, words: &str) -> bool {
        let trimmed = self.0.trim_start();
        let Some(rest) = trimmed.strip_prefix(words) else {
            return false;
        };
        let ends = words.ends_with([':', ',', ';']) || !rest.starts_with(char::is_alphanumeric);
        if ends {
            self.0 = rest;
        }
        ends
    }

    /// The next word, which may be in quotes.
    pub fn word(&mut self) -> Option<String> {
        let trimmed = self.0.trim_start();
        if trimmed.starts_with('"') {
            return match self.json()? {
                Value::String(word) => Some(word),
                _ => None,
            };
        }
        let end = trimmed.find(|c: char| c.is_whitespace() || c == ';');
        let word = &trimmed[..end.unwrap_or(trimmed.len())];
        let word = word.strip_suffix(':').unwrap_or(word);
        self.0 = &trimmed[word.len()..];
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// The next word as a number.
    pub fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        let mut rest = *self;
        let number = rest.word()?.parse().ok()?;
        *self = rest;
        Some(number)
    }

    fn millis(&mut self) -> Option<Duration> {
        let mut rest = *self;
        let word = rest.word()?;
        let millis = word.strip_suffix("ms")?.parse().ok()?;
        *self = rest;
        Some(Duration::from_millis(millis))
    }

    /// The JSON value that comes next.
    pub fn json(&mut self) -> Option<Value> {
        let trimmed = self.0.trim_start();
        let mut values = serde_json::Deserializer::from_str(trimmed).into_iter();
        let value = values.next()?.ok()?;
        self.0 = &trimmed[values.byte_offset()..];
        Some(value)
    }
}
