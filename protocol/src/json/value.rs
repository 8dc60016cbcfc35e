//! Reading the parts of JSON that was already checked.

/// What kind of value comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    /// Go's word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// A place in checked JSON. On JSON that was not checked its answers are meaningless, but it still ends.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(checked: &'a [u8]) -> Self {
        Self { rest: checked }
    }

    fn skip(&mut self, bytes: usize) -> &'a [u8] {
        let (skipped, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.rest = rest;
        skipped
    }

    /// Skips blanks and the separators between values.
    fn skip_separators(&mut self) {
        let blanks = self
            .rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':'))
            .count();
        self.skip(blanks);
    }

    pub(super) fn kind(&mut self) -> Kind {
        self.skip_separators();
        match self.rest.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// Goes into the array or object that comes next.
    pub(super) fn enter(&mut self) {
        self.skip_separators();
        self.skip(1);
    }

    /// Whether another element or member comes; leaves the container when not.
    pub(super) fn more(&mut self) -> bool {
        self.skip_separators();
        match self.rest.first() {
            Some(b']' | b'}') | None => {
                self.skip(1);
                false
            }
            Some(_) => true,
        }
    }

    /// The text of the value that comes next, whatever it is.
    pub(super) fn raw(&mut self) -> &'a [u8] {
        self.skip_separators();
        let mut depth = 0_usize;
        let mut at = 0;
        while let Some(&byte) = self.rest.get(at) {
            match byte {
                b'"' => at += string_width(&self.rest[at..]),
                b'{' | b'[' => {
                    depth += 1;
                    at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    at += 1;
                }
                _ if depth > 0 => at += 1,
                _ => {
                    let scalar = |byte: &&u8| {
                        !matches!(
                            byte,
                            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b']' | b'}'
                        )
                    };
                    at += self.rest[at..].iter().take_while(scalar).count().max(1);
                }
            }
            if depth == 0 {
                break;
            }
        }
        self.skip(at)
    }

    /// The string that comes next, unescaped; what is not UTF-8 becomes U+FFFD as in Go.
    pub(super) fn string(&mut self) -> String {
        let raw = self.raw();
        let inner = raw.strip_prefix(b"\"").unwrap_or(raw);
        unescape(inner.strip_suffix(b"\"").unwrap_or(inner))
    }
}

/// Bytes of the string at the start of `bytes`, quotes included.
fn string_width(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'"' => return at + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    bytes.len()
}

fn unescape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let plain = rest.iter().take_while(|byte| **byte != b'\\').count();
        for chunk in rest[..plain].utf8_chunks() {
            out.push_str(chunk.valid());
            // One for every byte, as Go counts them.
            out.extend(std::iter::repeat_n(
                char::REPLACEMENT_CHARACTER,
                chunk.invalid().len(),
            ));
        }
        rest = &rest[plain..];
        let Some(&escape) = rest.get(1) else {
            return out;
        };
        let (character, width) = match escape {
            b'b' => ('\x08', 2),
            b'f' => ('\x0c', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b't' => ('\t', 2),
            b'u' => unicode_escape(rest),
            other => (char::from(other), 2),
        };
        out.push(character);
        rest = rest.get(width..).unwrap_or_default();
    }
}

/// The 16 bits of the `\uXXXX` at the start of `bytes`.
fn code_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The character of one `\uXXXX` or of a pair of them, and how many bytes that took.
fn unicode_escape(bytes: &[u8]) -> (char, usize) {
    let first = code_unit(bytes);
    let second = bytes.get(6..).and_then(code_unit);
    let units = first.into_iter().chain(second);
    match char::decode_utf16(units).next() {
        Some(Ok(character)) if character.len_utf16() == 2 => (character, 12),
        Some(Ok(character)) => (character, 6),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}
