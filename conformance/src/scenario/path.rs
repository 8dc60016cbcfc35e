//! Places in JSON documents.

use crate::json::{Kind, Node};

/// A place in a JSON document: keys joined by dots, `*` for any element of a list or any key.
///
/// `*[subject=$SYS.*]` takes only those elements whose `subject` is so; a `*` at the end of the value
/// stands for any rest. In front of the path, `[acc=SYS].conns`, it is the document that has to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    root: Part,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    key: String,
    condition: Option<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    key: String,
    value: String,
}

/// One step on the way from the root of a document to a value: the key or index, and what is there.
pub type Place<'a> = (String, &'a Node);

impl JsonPath {
    /// A path from its written form, such as `data.connections.*.subscriptions_list`.
    pub fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let end = part_end(rest);
            parts.push(Part::new(&rest[..end]));
            match rest.get(end + 1..) {
                Some(more) => rest = more,
                None => break,
            }
        }
        let root = if parts[0].key.is_empty() {
            parts.remove(0)
        } else {
            Part::new("")
        };
        Self { root, parts }
    }

    /// Whether `place`, in the document `root` of `text`, is the place meant.
    pub fn matches(&self, root: &Node, place: &[Place<'_>], text: &[u8]) -> bool {
        let mut parts = self.parts.iter().zip(place);
        self.parts.len() == place.len()
            && self.root.matches("", root, text)
            && parts.all(|(part, (key, node))| part.matches(key, node, text))
    }
}

/// Where the first part of a path ends: at a dot outside brackets.
fn part_end(text: &str) -> usize {
    let mut inside = false;
    for (at, c) in text.char_indices() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            '.' if !inside => return at,
            _ => {}
        }
    }
    text.len()
}

impl Part {
    fn new(text: &str) -> Self {
        let condition = text
            .strip_suffix(']')
            .and_then(|text| text.split_once('['))
            .and_then(|(key, condition)| Some((key, condition.split_once('=')?)));
        match condition {
            Some((key, (member, value))) => Self {
                key: key.to_owned(),
                condition: Some(Condition {
                    key: member.to_owned(),
                    value: value.to_owned(),
                }),
            },
            None => Self {
                key: text.to_owned(),
                condition: None,
            },
        }
    }

    fn matches(&self, key: &str, node: &Node, text: &[u8]) -> bool {
        (self.key == "*" || self.key == key)
            && self.condition.as_ref().is_none_or(|c| c.holds(node, text))
    }
}

impl Condition {
    fn holds(&self, node: &Node, text: &[u8]) -> bool {
        let Kind::Object(members) = &node.kind else {
            return false;
        };
        let Some((_, member)) = members.iter().find(|(key, _)| *key == self.key) else {
            return false;
        };
        let raw = &text[member.span.clone()];
        let found = match member.kind {
            Kind::String => &raw[1..raw.len() - 1],
            _ => raw,
        };
        match self.value.strip_suffix('*') {
            Some(start) => found.starts_with(start.as_bytes()),
            None => found == self.value.as_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::locate;

    const TEXT: &str = r#"{"acc":"A","list":[{"subject":"$SYS.A.B","n":1},{"subject":"x","n":2}]}"#;

    /// The values in `TEXT` that `path` means.
    fn meant(path: &str) -> Vec<&'static str> {
        fn walk<'n>(
            root: &'n Node,
            node: &'n Node,
            place: &mut Vec<Place<'n>>,
            path: &JsonPath,
            out: &mut Vec<&'static str>,
        ) {
            if path.matches(root, place, TEXT.as_bytes()) {
                out.push(&TEXT[node.span.clone()]);
            }
            let children: Vec<Place<'_>> = match &node.kind {
                Kind::Object(members) => members.iter().map(|(k, n)| (k.clone(), n)).collect(),
                Kind::Array(elements) => {
                    let elements = elements.iter().enumerate();
                    elements.map(|(i, n)| (i.to_string(), n)).collect()
                }
                _ => Vec::new(),
            };
            for (key, child) in children {
                place.push((key, child));
                walk(root, child, place, path, out);
                place.pop();
            }
        }
        let root = locate(TEXT.as_bytes()).expect("JSON");
        let mut out = Vec::new();
        walk(
            &root,
            &root,
            &mut Vec::new(),
            &JsonPath::new(path),
            &mut out,
        );
        out
    }

    #[test]
    fn keys_indices_and_any_are_followed() {
        assert_eq!(meant("list.1.n"), ["2"]);
        assert_eq!(meant("list.*.n"), ["1", "2"]);
        assert_eq!(meant("*.0.subject"), ["\"$SYS.A.B\""]);
        assert!(meant("list.n").is_empty());
        assert!(meant("list.*.n.x").is_empty());
    }

    #[test]
    fn conditions_pick_elements() {
        assert_eq!(meant("list.*[subject=$SYS.*].n"), ["1"]);
        assert_eq!(meant("list.*[subject=x].n"), ["2"]);
        assert_eq!(meant("list.*[n=2].subject"), ["\"x\""]);
        assert!(meant("list.*[subject=$SYS].n").is_empty());
        assert!(meant("list.*[nothing=x].n").is_empty());
        assert!(meant("list[subject=x].*.n").is_empty());
    }

    #[test]
    fn the_document_can_have_a_condition() {
        assert_eq!(meant("[acc=A].list.0.n"), ["1"]);
        assert_eq!(meant("[acc=A].acc"), ["\"A\""]);
        assert!(meant("[acc=B].list.0.n").is_empty());
        assert_eq!(meant("[acc=A]"), [TEXT]);
    }

    #[test]
    fn brackets_that_are_no_condition_are_part_of_the_key() {
        assert!(meant("list.*[subject].n").is_empty());
        assert!(meant("list.*[.n").is_empty());
    }
}
