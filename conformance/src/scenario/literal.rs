//! Byte literals of the scenario format: escapes, repetition and variables.

use std::collections::BTreeMap;

/// Bytes with places to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template(Vec<Segment>);

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// The same bytes many times.
    Repeat(usize, Vec<u8>),
    /// The value of a variable, such as `server_id`.
    Variable(String),
}

/// The most bytes one repetition may stand for.
const MAX_REPEATED: usize = 256 * 1024 * 1024;

/// A variable that has no value yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no value is known for {{{{{0}}}}}")]
pub struct Unbound(pub String);

impl Template {
    /// A template of fixed bytes.
    pub fn fixed(bytes: impl Into<Vec<u8>>) -> Self {
        Self(vec![Segment::Bytes(bytes.into())])
    }

    /// Appends another template.
    pub fn append(&mut self, other: Template) {
        self.0.extend(other.0);
    }

    /// The variables in it.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Variable(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The bytes, with variables replaced from `variables`.
    pub fn fill(&self, variables: &BTreeMap<String, String>) -> Result<Vec<u8>, Unbound> {
        let mut out = Vec::new();
        for segment in &self.0 {
            match segment {
                Segment::Bytes(bytes) => out.extend_from_slice(bytes),
                Segment::Repeat(count, bytes) => {
                    (0..*count).for_each(|_| out.extend_from_slice(bytes));
                }
                Segment::Variable(name) => out.extend_from_slice(
                    variables
                        .get(name)
                        .ok_or_else(|| Unbound(name.clone()))?
                        .as_bytes(),
                ),
            }
        }
        Ok(out)
    }

    /// Reads a bare word: only `{{variable}}` is special.
    pub(super) fn bare(text: &str) -> Result<Self, String> {
        Reader::new(text, false).read()
    }

    /// Reads what stands between quotes: escapes, `<count*bytes>` and `{{variable}}`.
    pub(super) fn quoted(text: &str) -> Result<Self, String> {
        Reader::new(text, true).read()
    }
}

struct Reader<'a> {
    rest: &'a str,
    escapes: bool,
    segments: Vec<Segment>,
    bytes: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(rest: &'a str, escapes: bool) -> Self {
        Self {
            rest,
            escapes,
            segments: Vec::new(),
            bytes: Vec::new(),
        }
    }

    fn read(mut self) -> Result<Template, String> {
        while let Some(next) = self.rest.chars().next() {
            if let Some((name, rest)) = variable(self.rest) {
                self.flush();
                self.segments.push(Segment::Variable(name.to_owned()));
                self.rest = rest;
            } else if self.escapes && next == '\\' {
                self.rest = escape(&self.rest[1..], &mut self.bytes)?;
            } else if self.escapes && next == '<' {
                self.repetition()?;
            } else {
                self.push(next);
            }
        }
        self.flush();
        Ok(Template(self.segments))
    }

    fn push(&mut self, next: char) {
        let mut utf8 = [0; 4];
        self.bytes
            .extend_from_slice(next.encode_utf8(&mut utf8).as_bytes());
        self.rest = &self.rest[next.len_utf8()..];
    }

    fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.segments
                .push(Segment::Bytes(std::mem::take(&mut self.bytes)));
        }
    }

    /// `<count*bytes>`; a `<` that does not start one stands for itself.
    fn repetition(&mut self) -> Result<(), String> {
        let digits = self.rest[1..]
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(0);
        let Some(mut rest) = self.rest[1 + digits..]
            .strip_prefix('*')
            .filter(|_| digits > 0)
        else {
            self.push('<');
            return Ok(());
        };
        let count: usize = self.rest[1..=digits]
            .parse()
            .map_err(|_| format!("the count of `{}` is too large", self.rest))?;
        let mut repeated = Vec::new();
        loop {
            match rest.chars().next() {
                None => return Err("a repetition `<count*bytes>` without its `>`".to_owned()),
                Some('>') => break,
                Some('\\') => rest = escape(&rest[1..], &mut repeated)?,
                Some(c) => {
                    let mut utf8 = [0; 4];
                    repeated.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        if repeated.len().saturating_mul(count) > MAX_REPEATED {
            return Err(format!("a repetition of more than {MAX_REPEATED} bytes"));
        }
        self.flush();
        self.segments.push(Segment::Repeat(count, repeated));
        self.rest = &rest[1..];
        Ok(())
    }
}

/// `{{name}}` at the start of `text`: the name and what follows.
fn variable(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix("{{")?.split_once("}}")?;
    let named = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    named.then_some((name, rest))
}

/// Reads one escape after its backslash.
fn escape<'a>(text: &'a str, out: &mut Vec<u8>) -> Result<&'a str, String> {
    let mut chars = text.chars();
    let byte = match chars.next() {
        Some('r') => b'\r',
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some(c @ ('\\' | '"' | '\'' | '<' | '{')) => c as u8,
        Some('x') => {
            let digits = text.get(1..3).unwrap_or_default();
            out.push(
                u8::from_str_radix(digits, 16)
                    .map_err(|_| format!("`\\x{digits}` is not an escape of two hex digits"))?,
            );
            return Ok(&text[3..]);
        }
        Some(c) => return Err(format!("unknown escape `\\{c}`")),
        None => return Err("a backslash at the end".to_owned()),
    };
    out.push(byte);
    Ok(chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(text: &str) -> Vec<u8> {
        let variables = BTreeMap::from([("a.client_id".to_owned(), "6".to_owned())]);
        Template::quoted(text)
            .expect("a literal")
            .fill(&variables)
            .expect("known variables")
    }

    #[test]
    fn escapes_repetitions_and_variables_are_filled_in() {
        assert_eq!(
            filled(r"PUB a 3\r\n\x00\xff\\\r\n"),
            b"PUB a 3\r\n\x00\xff\\\r\n"
        );
        assert_eq!(filled("<3*ab>c<4*\\r>"), b"abababc\r\r\r\r");
        assert_eq!(filled("a < b <x> \\<3*a>"), b"a < b <x> <3*a>");
        assert_eq!(
            filled("cid={{a.client_id}} {{ {\"x\":1}}"),
            b"cid=6 {{ {\"x\":1}}"
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            Template::quoted("\\q"),
            Err("unknown escape `\\q`".to_owned())
        );
        assert!(Template::quoted("<3*a").is_err());
        assert!(Template::quoted("<99999999999*a>").is_err());
        assert!(Template::quoted("\\x4").is_err());
        let unbound = Template::quoted("{{nobody}}").expect("a literal");
        assert_eq!(
            unbound
                .fill(&BTreeMap::new())
                .expect_err("unknown")
                .to_string(),
            "no value is known for {{nobody}}"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[<>*0-9a\\\\x{}é]{0,40}") {
            let _ = Template::quoted(&text);
            let _ = Template::bare(&text);
        }
    }
}
