//! JSON set out in lines, byte for byte what it was otherwise. What is cut short or no JSON at all is not
//! read, so nothing can go wrong with it.

/// Deeper than this, nothing is set in any further.
const DEEPEST: usize = 64;

/// What grows by more than this factor is made to fill the page, and stays as it is.
const MOST: usize = 4;

/// Short texts may grow by so much nevertheless.
const LITTLE: usize = 4096;

/// The text with a line for each member, if it looks like JSON.
pub(super) fn indented(text: &str) -> Option<String> {
    if !matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'[')) {
        return None;
    }
    let mut out = String::with_capacity(text.len() * 3 / 2);
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut is_escaped = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if out.len() > text.len() * MOST + LITTLE {
            return None;
        }
        if in_string {
            out.push(c);
            in_string = c != '"' || is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                while rest.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                if let Some(end) = rest.next_if(|&next| next == closing(c)) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => {
                in_string = c == '"';
                out.push(c);
            }
        }
    }
    Some(out)
}

fn closing(c: char) -> char {
    if c == '{' { '}' } else { ']' }
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(DEEPEST)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::indented;

    #[test]
    fn members_stand_in_lines() {
        assert_eq!(
            indented(r#"{"a":{"b":[1,-2.50e1,"x,{\"y\":\\"]},"c":{},"d":[ ]}"#).unwrap(),
            "{\n  \"a\": {\n    \"b\": [\n      1,\n      -2.50e1,\n      \"x,{\\\"y\\\":\\\\\"\n    ]\n  },\n  \
             \"c\": {},\n  \"d\": []\n}"
        );
    }

    #[test]
    fn what_is_cut_short_is_shown_as_far_as_it_goes() {
        assert_eq!(indented(r#"{"a":["b"#).unwrap(), "{\n  \"a\": [\n    \"b");
        assert_eq!(indented("no JSON"), None);
        assert_eq!(indented(""), None);
        assert_eq!(indented(&"[".repeat(30_000)), None);
    }

    proptest! {
        #[test]
        fn anything_can_come(text in any::<String>()) {
            let _ = indented(&text);
            let _ = indented(&format!("{{{text}"));
        }

        #[test]
        fn it_stays_the_same_json(strings in proptest::collection::vec(any::<String>(), 0..4)) {
            let json = serde_json::json!({ "a": [strings, { "b": null }], "c": 1.5 });
            let shown = indented(&json.to_string()).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), json);
        }
    }
}
