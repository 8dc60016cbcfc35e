//! JSON objects read as the real server reads them into its structs: keys in any case, the last of
//! several wins, broken UTF-8 is mended.

use serde_json::{Map, Number, Value};
use thiserror::Error;

/// Nesting beyond which the real server refuses to read.
const MAX_DEPTH: usize = 10_000;
/// Nesting down to which values are kept; nothing that is read lies deeper.
const KEPT_DEPTH: usize = 4;

/// Why JSON was refused before anyone looked at its fields.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub(super) enum JsonError {
    #[error("invalid JSON at byte {at}")]
    Syntax { at: usize },
    #[error("JSON nested deeper than {MAX_DEPTH}")]
    Depth,
    #[error("expected a JSON object, found {found}")]
    NotAnObject { found: &'static str },
}

/// The members of an object in their order. `null` stands for an empty object.
pub(super) fn members(input: &[u8]) -> Result<Vec<(String, Value)>, JsonError> {
    validate(input)?;
    let mut reader = Reader { input, at: 0 };
    reader.blanks();
    match reader.peek() {
        Some(b'{') => Ok(reader.object(0)),
        Some(b'n') => Ok(Vec::new()),
        other => Err(JsonError::NotAnObject {
            found: match other {
                Some(b'[') => "array",
                Some(b'"') => "string",
                Some(b't' | b'f') => "bool",
                _ => "number",
            },
        }),
    }
}

/// Whether `key` selects the field `name`, which is lower-case ASCII. A key in another case does so
/// only if no field has the exact name, and no two of our fields differ in case alone.
pub(super) fn selects(key: &str, name: &str) -> bool {
    key == name
        || key
            .chars()
            .map(|c| match c {
                // The two letters outside ASCII whose simple case folding lies within it.
                '\u{17f}' => 's',
                '\u{212a}' => 'k',
                _ => c.to_ascii_lowercase(),
            })
            .eq(name.chars())
}

/// Checks the syntax of the whole input, without recursion.
fn validate(input: &[u8]) -> Result<(), JsonError> {
    let mut reader = Reader { input, at: 0 };
    // For every open bracket, whether it is one of an object.
    let mut open: Vec<bool> = Vec::new();
    'value: loop {
        reader.blanks();
        match reader.peek() {
            Some(bracket @ (b'{' | b'[')) => {
                reader.at += 1;
                if open.len() >= MAX_DEPTH {
                    return Err(JsonError::Depth);
                }
                let object = bracket == b'{';
                reader.blanks();
                if reader.take(if object { b'}' } else { b']' }) {
                    // An empty one is a complete value.
                } else {
                    open.push(object);
                    if object {
                        reader.key()?;
                    }
                    continue 'value;
                }
            }
            _ => reader.scalar()?,
        }
        loop {
            reader.blanks();
            let Some(&object) = open.last() else {
                return match reader.peek() {
                    None => Ok(()),
                    Some(_) => Err(reader.error()),
                };
            };
            if reader.take(b',') {
                if object {
                    reader.blanks();
                    reader.key()?;
                }
                continue 'value;
            }
            if !reader.take(if object { b'}' } else { b']' }) {
                return Err(reader.error());
            }
            open.pop();
        }
    }
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    fn error(&self) -> JsonError {
        JsonError::Syntax { at: self.at }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<(), JsonError> {
        self.check_string()?;
        self.blanks();
        if self.take(b':') {
            Ok(())
        } else {
            Err(self.error())
        }
    }

    fn scalar(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.check_string(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.check_number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), JsonError> {
        for &b in word {
            if !self.take(b) {
                return Err(self.error());
            }
        }
        Ok(())
    }

    fn check_string(&mut self) -> Result<(), JsonError> {
        if !self.take(b'"') {
            return Err(self.error());
        }
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                            self.at += 1;
                        }
                        Some(b'u') => {
                            self.at += 1;
                            for _ in 0..4 {
                                if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                                    return Err(self.error());
                                }
                                self.at += 1;
                            }
                        }
                        _ => return Err(self.error()),
                    }
                }
                Some(b) if b >= 0x20 => self.at += 1,
                _ => return Err(self.error()),
            }
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.error());
        }
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn check_number(&mut self) -> Result<(), JsonError> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    // From here on the input is known to be valid, so nothing can fail.

    fn object(&mut self, depth: usize) -> Vec<(String, Value)> {
        let mut members = Vec::new();
        self.at += 1;
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                self.at += 1;
                return members;
            }
            let key = self.string();
            self.blanks();
            self.at += 1;
            let value = self.value(depth + 1);
            members.push((key, value));
            self.blanks();
            self.take(b',');
        }
    }

    fn array(&mut self, depth: usize) -> Vec<Value> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.blanks();
            if self.peek().is_none() || self.take(b']') {
                return items;
            }
            items.push(self.value(depth + 1));
            self.blanks();
            self.take(b',');
        }
    }

    fn value(&mut self, depth: usize) -> Value {
        self.blanks();
        match self.peek() {
            Some(b'{') if depth < KEPT_DEPTH => {
                Value::Object(self.object(depth).into_iter().collect::<Map<_, _>>())
            }
            Some(b'[') if depth < KEPT_DEPTH => Value::Array(self.array(depth)),
            Some(b'{') => {
                self.skip_nested();
                Value::Object(Map::new())
            }
            Some(b'[') => {
                self.skip_nested();
                Value::Array(Vec::new())
            }
            Some(b'"') => Value::String(self.string()),
            Some(b't') => {
                self.at += 4;
                Value::Bool(true)
            }
            Some(b'f') => {
                self.at += 5;
                Value::Bool(false)
            }
            Some(b'n') => {
                self.at += 4;
                Value::Null
            }
            _ => self.number(),
        }
    }

    fn skip_nested(&mut self) {
        let mut open = 0_usize;
        while let Some(b) = self.peek() {
            match b {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }

    fn number(&mut self) -> Value {
        let start = self.at;
        while matches!(
            self.peek(),
            Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
        ) {
            self.at += 1;
        }
        let text = str::from_utf8(&self.input[start..self.at]).unwrap_or_default();
        if let Ok(n) = text.parse::<i64>() {
            return Value::Number(n.into());
        }
        if let Ok(n) = text.parse::<u64>() {
            return Value::Number(n.into());
        }
        // Not a whole number, or too large a one; no field takes either, so that the magnitude
        // may get lost but not the kind.
        let inexact = text.parse::<f64>().ok().filter(|n| n.is_finite());
        Number::from_f64(inexact.unwrap_or(f64::MAX)).map_or(Value::Null, Value::Number)
    }

    fn string(&mut self) -> String {
        let mut raw = Vec::new();
        self.at += 1;
        while let Some(b) = self.peek() {
            self.at += 1;
            match b {
                b'"' => break,
                b'\\' => self.escape(&mut raw),
                _ => raw.push(b),
            }
        }
        mended(&raw)
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        let kind = self.peek().unwrap_or_default();
        self.at += 1;
        match kind {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let unit = self.hex4();
                let c = if (0xd800..0xdc00).contains(&unit)
                    && self.input[self.at..].starts_with(b"\\u")
                {
                    let back = self.at;
                    self.at += 2;
                    let low = self.hex4();
                    if (0xdc00..0xe000).contains(&low) {
                        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
                    } else {
                        self.at = back;
                        None
                    }
                } else {
                    char::from_u32(unit)
                };
                let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }

    fn hex4(&mut self) -> u32 {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            unit = unit * 16 + digit.unwrap_or_default();
            self.at += 1;
        }
        unit
    }
}

/// One replacement character for every byte that is not part of valid UTF-8. (The standard
/// library's lossy conversion puts one for several bytes of a cut sequence.)
fn mended(raw: &[u8]) -> String {
    let mut out = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        out.push_str(chunk.valid());
        for _ in chunk.invalid() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
    out
}
