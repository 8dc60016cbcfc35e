//! A strict JSON syntax check with Go's error texts.

use super::GoJson;
use super::quote::{quote_escape, quote_first};

/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = 10_000;

/// Text that is not JSON. Its message is the very text Go gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What Go says.
    pub message: String,
    /// Byte at which it was noticed; the length of the input for input that ends too early.
    pub offset: usize,
}

/// Checks that `input` is one JSON value.
///
/// # Errors
///
/// The first thing wrong, in the words of the given generation of Go's decoder.
///
/// ```
/// use nats_mock_protocol::json::{GoJson, check};
///
/// assert!(check(b" {} ", GoJson::V2).is_ok());
/// let error = check(b"nope", GoJson::V2).unwrap_err();
/// assert_eq!(error.to_string(), "invalid character 'o' in literal null (expecting 'u')");
/// ```
pub fn check(input: &[u8], generation: GoJson) -> Result<(), SyntaxError> {
    Scanner {
        input,
        at: 0,
        generation,
        open: Vec::new(),
    }
    .run()
}

/// What is open around the current place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

struct Scanner<'a> {
    input: &'a [u8],
    at: usize,
    generation: GoJson,
    open: Vec<Container>,
}

type Scan<T> = Result<T, SyntaxError>;

impl Scanner<'_> {
    fn run(mut self) -> Scan<()> {
        // Each round reads one value, or the opening of a container and goes on inside it.
        loop {
            self.skip_space();
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    if self.enter(open)? {
                        continue;
                    }
                }
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b'n') => self.literal("null")?,
                Some(b't') => self.literal("true")?,
                Some(b'f') => self.literal("false")?,
                Some(_) => return Err(self.unexpected("looking for beginning of value")),
                None => return Err(self.end()),
            }
            if !self.after_value()? {
                return Ok(());
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn rest(&self) -> &[u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    fn end(&self) -> SyntaxError {
        SyntaxError {
            message: "unexpected end of JSON input".to_owned(),
            offset: self.input.len(),
        }
    }

    fn unexpected(&self, context: &str) -> SyntaxError {
        let what = quote_first(self.rest(), self.generation);
        SyntaxError {
            message: format!("invalid character {what} {context}"),
            offset: self.at,
        }
    }

    /// As [`Scanner::unexpected`], or that the input ended inside a token.
    ///
    /// At the end of the input, the older decoder looks at what a blank would do.
    fn inside(&self, older: &str, newer: &str) -> SyntaxError {
        match self.generation {
            GoJson::V1 => self.unexpected(older),
            GoJson::V2 if self.at >= self.input.len() => self.end(),
            GoJson::V2 => self.unexpected(newer),
        }
    }

    /// Reads the opening of a container; true when a value must follow, false when it closed again.
    fn enter(&mut self, open: u8) -> Scan<bool> {
        if self.open.len() >= MAX_DEPTH {
            return Err(match self.generation {
                GoJson::V1 => self.unexpected("exceeded max depth"),
                GoJson::V2 => SyntaxError {
                    message: "exceeded max depth".to_owned(),
                    offset: self.at,
                },
            });
        }
        self.at += 1;
        self.skip_space();
        let (container, close) = match open {
            b'{' => (Container::Object, b'}'),
            _ => (Container::Array, b']'),
        };
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        self.open.push(container);
        if container == Container::Object {
            self.key()?;
        }
        Ok(true)
    }

    /// Reads an object key and its colon.
    fn key(&mut self) -> Scan<()> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(_) => return Err(self.unexpected("looking for beginning of object key string")),
            None => return Err(self.end()),
        }
        self.skip_space();
        match self.peek() {
            Some(b':') => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.unexpected("after object key")),
            None => Err(self.end()),
        }
    }

    /// Reads what follows a value; true when another value must follow, false at the end of the input.
    fn after_value(&mut self) -> Scan<bool> {
        loop {
            self.skip_space();
            let Some(&container) = self.open.last() else {
                return match self.peek() {
                    Some(_) => Err(self.unexpected("after top-level value")),
                    None => Ok(false),
                };
            };
            match (self.peek(), container) {
                (Some(b','), Container::Array) => {
                    self.at += 1;
                    return Ok(true);
                }
                (Some(b','), Container::Object) => {
                    self.at += 1;
                    self.key()?;
                    return Ok(true);
                }
                (Some(b']'), Container::Array) | (Some(b'}'), Container::Object) => {
                    self.at += 1;
                    self.open.pop();
                }
                (Some(_), Container::Array) => return Err(self.unexpected("after array element")),
                (Some(_), Container::Object) => {
                    return Err(self.unexpected("after object key:value pair"));
                }
                (None, _) => return Err(self.end()),
            }
        }
    }

    fn literal(&mut self, text: &'static str) -> Scan<()> {
        for byte in text.bytes() {
            if self.peek() != Some(byte) {
                let context = format!("in literal {text} (expecting '{}')", char::from(byte));
                return Err(self.inside(&context, &context));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Reads at least one digit.
    fn digits(&mut self, older: &str) -> Scan<()> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.inside(older, "in numeric literal"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Scan<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn string(&mut self) -> Scan<()> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1F) => return Err(self.inside("in string literal", "in string")),
                Some(_) => self.at += 1,
                None => return Err(self.end()),
            }
        }
    }

    fn escape(&mut self) -> Scan<()> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                return Ok(());
            }
            Some(b'u') => self.at += 1,
            _ => return Err(self.bad_escape(start, 2, "in string escape code")),
        }
        for _ in 0..4 {
            if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                return Err(self.bad_escape(start, 6, "in \\u hexadecimal character escape"));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// An escape sequence from `start` that cannot be; the newer decoder shows up to `width` bytes of it.
    fn bad_escape(&self, start: usize, width: usize, older: &str) -> SyntaxError {
        match self.generation {
            GoJson::V1 => self.unexpected(older),
            GoJson::V2 if self.at >= self.input.len() => self.end(),
            GoJson::V2 => {
                let end = self.input.len().min(start + width);
                let sequence = quote_escape(&self.input[start..end]);
                SyntaxError {
                    message: format!("invalid escape sequence {sequence} in string"),
                    offset: start,
                }
            }
        }
    }
}
