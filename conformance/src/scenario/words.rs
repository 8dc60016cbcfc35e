//! Splitting a line of a script into words.

use super::literal::Template;

/// One word of a script line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// Letters up to the next blank; a word that starts with `{` takes the rest of the line.
    Bare(String),
    /// A literal in single or double quotes.
    Quoted(Template),
}

impl Word {
    /// The word as bytes to send.
    pub(super) fn template(&self) -> Result<Template, String> {
        match self {
            Self::Bare(text) => Template::bare(text),
            Self::Quoted(template) => Ok(template.clone()),
        }
    }
}

/// Splits `line` at blanks outside quotes.
pub(super) fn split(line: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let end = closing_quote(&rest[1..], first)
                .ok_or_else(|| format!("no closing {first} for the literal {rest}"))?;
            words.push(Word::Quoted(Template::quoted(&rest[1..=end])?));
            rest = &rest[end + 2..];
            if rest.chars().next().is_some_and(|c| !c.is_whitespace()) {
                return Err(format!("`{rest}` touches the literal before it"));
            }
        } else {
            let end = if first == '{' && !rest.starts_with("{{") {
                rest.len()
            } else {
                rest.find(char::is_whitespace).unwrap_or(rest.len())
            };
            words.push(Word::Bare(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(words)
}

/// Where the quote that ends a literal stands, relative to the literal's start.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_literals_and_json_are_told_apart() {
        let words = split(r#"pub a "x y" '"q"' {"a": 1}"#).expect("words");
        assert_eq!(
            words,
            [
                Word::Bare("pub".into()),
                Word::Bare("a".into()),
                Word::Quoted(Template::fixed("x y")),
                Word::Quoted(Template::fixed("\"q\"")),
                Word::Bare("{\"a\": 1}".into()),
            ]
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            split("send \"x").expect_err("no end"),
            "no closing \" for the literal \"x"
        );
        assert_eq!(
            split("send \"x\"y").expect_err("touching"),
            "`y` touches the literal before it"
        );
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line in ".{0,60}") {
            let _ = split(&line);
        }
    }
}
