//! The subject of a certificate, and how users are named after it.

/// A distinguished name as a certificate has it: names in its order, each of one or several attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject(pub Vec<Vec<Attribute>>);

/// One attribute of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// The dotted number of its type.
    pub oid: String,
    /// Its value; nothing if it is no text.
    pub value: Option<String>,
}

/// The types that are shown by name, in the order in which Go lists them.
const SHOWN: [(&str, &str); 9] = [
    ("2.5.4.6", "C"),
    ("2.5.4.8", "ST"),
    ("2.5.4.7", "L"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
];

/// The types that have a name where names are compared by their parts.
const COMPARED: [(&str, &str); 10] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.17", "POSTALCODE"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

const DOMAIN_COMPONENT: &str = "0.9.2342.19200300.100.1.25";

fn name_in(table: &[(&'static str, &'static str)], oid: &str) -> Option<&'static str> {
    table
        .iter()
        .find(|(known, _)| *known == oid)
        .map(|&(_, name)| name)
}

impl Subject {
    /// The subject as `tls_peer_certs` shows it. Values whose type has no name are written as they are
    /// encoded, or as text.
    pub fn shown(&self, others_as_text: bool) -> String {
        let mut names = self.sorted();
        let others = self.0.iter().flatten().rev();
        names.extend(
            others
                .filter(|it| name_in(&SHOWN, &it.oid).is_none())
                .filter_map(|it| it.shown_by_number(others_as_text)),
        );
        names.join(",")
    }

    /// The subject as users are named after it: without what has no name.
    pub fn as_user(&self) -> String {
        self.sorted().join(",")
    }

    /// The names whose types have one, the last first. Those of one type stand together.
    fn sorted(&self) -> Vec<String> {
        let all = || self.0.iter().flatten();
        let mut names = Vec::new();
        for (oid, name) in SHOWN.into_iter().rev() {
            let values: Vec<String> = all()
                .filter(|it| it.oid == oid)
                .filter_map(|it| it.value.as_deref())
                .map(|value| format!("{name}={}", escaped(value)))
                .collect();
            // Of these the last is the only one.
            let is_single = matches!(name, "CN" | "SERIALNUMBER");
            let kept = if is_single {
                values.len().saturating_sub(1)
            } else {
                0
            };
            if !values.is_empty() {
                names.push(values[kept..].join("+"));
            }
        }
        names
    }

    /// The domain components, as they follow the subject in the name of a user.
    pub fn domain_components(&self) -> String {
        let components = self.0.iter().flatten();
        let components = components
            .filter(|it| it.oid == DOMAIN_COMPONENT)
            .filter_map(|it| it.value.as_deref());
        let components: Vec<String> = components.map(|value| format!("DC={value}")).collect();
        components.join(",")
    }

    /// The parts of the subject, last first, if all of them have names.
    pub fn parts(&self) -> Option<Name> {
        let part = |attribute: &Attribute| {
            let kind = name_in(&COMPARED, &attribute.oid)?;
            Some((kind.to_owned(), attribute.value.clone()?))
        };
        let names = self.0.iter().rev().filter(|name| !name.is_empty());
        names
            .map(|name| name.iter().rev().map(part).collect())
            .collect::<Option<Vec<_>>>()
            .map(Name)
    }
}

impl Attribute {
    fn shown_by_number(&self, as_text: bool) -> Option<String> {
        let value = self.value.as_deref()?;
        if as_text {
            return Some(format!("{}={}", self.oid, escaped(value)));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
        let tag = if value.bytes().all(is_plain) {
            0x13
        } else {
            0x0c
        };
        let mut text = format!("{}=#{tag:02x}", self.oid);
        let length = value.len();
        match length {
            0..=0x7f => text.push_str(&format!("{length:02x}")),
            0x80..=0xff => text.push_str(&format!("81{length:02x}")),
            _ => text.push_str(&format!("82{length:04x}")),
        }
        for byte in value.bytes() {
            text.push_str(&format!("{byte:02x}"));
        }
        Some(text)
    }
}

/// A value as RFC 2253 has it written.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let needs = match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            _ => false,
        };
        if needs {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// A distinguished name that can be compared with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(Vec<Vec<(String, String)>>);

impl Name {
    /// Reads a name that somebody has written; nothing if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut names = Vec::new();
        let mut name = Vec::new();
        let mut kind: Option<String> = None;
        let mut buffer = Vec::new();
        let mut blanks = 0;
        let mut bytes = text.bytes().peekable();
        let take = |buffer: &mut Vec<u8>, blanks: &mut usize| {
            buffer.truncate(buffer.len() - *blanks);
            *blanks = 0;
            String::from_utf8_lossy(&std::mem::take(buffer)).into_owned()
        };
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => {
                    blanks = 0;
                    let next = bytes.next()?;
                    if b" \"#+,;<=>\\".contains(&next) {
                        buffer.push(next);
                    } else {
                        let digits = [next, bytes.next()?];
                        let digits = std::str::from_utf8(&digits).ok()?;
                        buffer.push(u8::from_str_radix(digits, 16).ok()?);
                    }
                }
                b'=' => {
                    kind = Some(take(&mut buffer, &mut blanks));
                    if bytes.peek() == Some(&b'#') {
                        return None;
                    }
                }
                b',' | b'+' => {
                    let kind = kind.take().filter(|kind| !kind.is_empty())?;
                    name.push((kind, take(&mut buffer, &mut blanks)));
                    if byte == b',' {
                        names.push(std::mem::take(&mut name));
                    }
                }
                b' ' if buffer.is_empty() => {}
                _ => {
                    blanks = if byte == b' ' { blanks + 1 } else { 0 };
                    buffer.push(byte);
                }
            }
        }
        if !buffer.is_empty() {
            let kind = kind.filter(|kind| !kind.is_empty())?;
            name.push((kind, take(&mut buffer, &mut blanks)));
            names.push(name);
        }
        Some(Self(names))
    }

    /// Whether both have the same parts in the same order.
    pub fn equals(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(one, other)| same(one, other))
    }

    /// Whether both have the same parts in whatever order.
    pub fn has_parts_of(&self, other: &Self) -> bool {
        let mut left: Vec<&Vec<(String, String)>> = other.0.iter().collect();
        self.0.len() == other.0.len()
            && self.0.iter().all(|name| {
                let found = left.iter().position(|other| same(name, other));
                found.map(|at| left.swap_remove(at)).is_some()
            })
    }
}

/// Whether two names have the same attributes, in whatever order.
fn same(one: &[(String, String)], other: &[(String, String)]) -> bool {
    let is_in = |attribute: &(String, String), list: &[(String, String)]| {
        list.iter()
            .any(|it| it.0.eq_ignore_ascii_case(&attribute.0) && it.1 == attribute.1)
    };
    one.len() == other.len()
        && one.iter().all(|attribute| is_in(attribute, other))
        && other.iter().all(|attribute| is_in(attribute, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    #[test]
    fn names_are_compared_by_their_parts() {
        let written = name("CN=Dora\\, the \\+1+OU=Ops, OU=People ,dc=test,DC=example");
        let reordered = name("DC=example,DC=test,OU=People,ou=Ops+CN=Dora\\2c the \\+1");
        assert!(!written.equals(&reordered));
        assert!(written.has_parts_of(&reordered));
        assert!(written.equals(&name(
            "OU=Ops+CN=Dora\\, the \\+1,OU=People,DC=test,DC=example"
        )));
        assert!(!name("CN=a,CN=a").has_parts_of(&name("CN=a,CN=b")));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "bob", "=x", "CN=#0401", "CN=a\\", "CN=a\\4", "CN=a,b", "a,CN=b",
        ] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
        assert_eq!(Name::parse(""), Some(Name(Vec::new())));
    }
}
