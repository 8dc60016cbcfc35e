//! Where the values of a JSON text lie, without changing one byte of it.
//!
//! A transcript has to show how a server encodes JSON: key order, escapes, number spelling. So the
//! normaliser never parses and prints a document; it asks this module for the byte ranges of the
//! values and replaces only those that vary.

use std::ops::Range;

/// How deep arrays and objects may nest before a text is taken as not being JSON.
const MAX_DEPTH: usize = 64;

/// One value of a JSON text and the bytes it spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The bytes of the value, quotes and brackets included.
    pub span: Range<usize>,
    /// What kind of value it is, with its children.
    pub kind: Kind,
}

/// The kinds of JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Members in the order of the text: the key without quotes, still escaped, and the value.
    Object(Vec<(String, Node)>),
    /// Elements in the order of the text.
    Array(Vec<Node>),
    /// A string; its span includes the quotes.
    String,
    /// A number in any spelling.
    Number,
    /// `true`, `false` or `null`.
    Word,
}

/// Locates the values of `text` if the whole of it is exactly one JSON object or array.
///
/// Other texts, also bare numbers and strings, give `None`: a payload such as `5` is not worth
/// taking apart.
pub fn locate(text: &[u8]) -> Option<Node> {
    if !matches!(text.first(), Some(b'{' | b'[')) {
        return None;
    }
    let mut scanner = Scanner { text, at: 0 };
    let node = scanner.value(0)?;
    (scanner.at == text.len()).then_some(node)
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        let start = self.at;
        let kind = match self.text.get(self.at)? {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => {
                self.string()?;
                Kind::String
            }
            b'-' | b'0'..=b'9' => {
                self.skip_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
                Kind::Number
            }
            _ => {
                let rest = &self.text[self.at..];
                let word = [&b"true"[..], b"false", b"null"]
                    .into_iter()
                    .find(|word| rest.starts_with(word))?;
                self.at += word.len();
                Kind::Word
            }
        };
        Some(Node {
            span: start..self.at,
            kind,
        })
    }

    fn object(&mut self, depth: usize) -> Option<Kind> {
        let mut members = Vec::new();
        self.at += 1;
        self.blanks();
        if self.eat(b'}') {
            return Some(Kind::Object(members));
        }
        loop {
            self.blanks();
            let key_start = self.at + 1;
            self.string()?;
            let key = String::from_utf8_lossy(&self.text[key_start..self.at - 1]).into_owned();
            self.blanks();
            if !self.eat(b':') {
                return None;
            }
            self.blanks();
            members.push((key, self.value(depth + 1)?));
            self.blanks();
            if self.eat(b'}') {
                return Some(Kind::Object(members));
            }
            if !self.eat(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Kind> {
        let mut elements = Vec::new();
        self.at += 1;
        self.blanks();
        if self.eat(b']') {
            return Some(Kind::Array(elements));
        }
        loop {
            self.blanks();
            elements.push(self.value(depth + 1)?);
            self.blanks();
            if self.eat(b']') {
                return Some(Kind::Array(elements));
            }
            if !self.eat(b',') {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        if !self.eat(b'"') {
            return None;
        }
        loop {
            match self.text.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    fn blanks(&mut self) {
        self.skip_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'));
    }

    fn skip_while(&mut self, keep: impl Fn(u8) -> bool) {
        while self.text.get(self.at).is_some_and(|b| keep(*b)) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.at) == Some(&byte);
        if found {
            self.at += 1;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans(text: &str) -> Vec<&str> {
        fn walk<'t>(text: &'t str, node: &Node, out: &mut Vec<&'t str>) {
            match &node.kind {
                Kind::Object(members) => members.iter().for_each(|(_, n)| walk(text, n, out)),
                Kind::Array(elements) => elements.iter().for_each(|n| walk(text, n, out)),
                _ => out.push(&text[node.span.clone()]),
            }
        }
        let mut out = Vec::new();
        walk(text, &locate(text.as_bytes()).expect("JSON"), &mut out);
        out
    }

    #[test]
    fn leaves_are_located_in_order() {
        assert_eq!(
            spans(r#"{"a":"x\"y","b":[1,-2.5e3,{}],"c":{"d":null},"e":true}"#),
            [r#""x\"y""#, "1", "-2.5e3", "null", "true"]
        );
    }

    #[test]
    fn what_is_not_one_whole_document_is_left_alone() {
        for text in [
            "",
            "5",
            "{",
            r#"{"a"}"#,
            "{}x",
            "[1,]",
            r#"{"a":nul}"#,
            "{} ",
        ] {
            assert_eq!(locate(text.as_bytes()), None, "{text}");
        }
        assert_eq!(locate("[".repeat(100_000).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut wrapped = vec![b'{'];
            wrapped.extend(text);
            let _ = locate(&wrapped);
        }

        #[test]
        fn every_document_serde_prints_is_located(n in any::<f64>(), s in ".*") {
            let text = serde_json::json!({ "n": n, "list": [s.clone(), { s.clone(): s }] }).to_string();
            prop_assert!(locate(text.as_bytes()).is_some());
        }
    }
}
