//! Subjects of scoped signing keys with places to fill in: `{{name()}}`, `{{tag(team)}}` and so on.

use nats_mock_protocol::subject;

use super::claims::{Permission, UserLimits};
use crate::topology::quote;

/// The most subjects that one list may become.
const MAX_SUBJECTS: usize = 4096;

/// Whom a template is filled in for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder<'a> {
    pub name: &'a str,
    pub subject: &'a str,
    pub tags: &'a [String],
    pub account_name: &'a str,
    pub account_subject: &'a str,
    pub account_tags: &'a [String],
}

/// A template that cannot be filled in for a user, who may not log in then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfilled {
    #[error(
        "generated invalid subject {}: {} is not defined",
        quote(subject),
        quote(tag)
    )]
    NoTag { subject: String, tag: String },
    #[error(
        "template operation in {}: {} is not defined",
        quote(subject),
        quote(operation)
    )]
    NoOperation { subject: String, operation: String },
    #[error("generated invalid subject")]
    NoSubject,
    #[error("template expansion exceeds limit: {MAX_SUBJECTS}")]
    TooMany,
}

/// What the template of a scope gives a user.
pub(crate) fn filled(template: &UserLimits, holder: Holder<'_>) -> Result<UserLimits, Unfilled> {
    let side = |side: &Permission| -> Result<Permission, Unfilled> {
        let allow = list(&side.allow, holder, false)?;
        let mut deny = list(&side.deny, holder, true)?;
        if allow.is_empty() && !side.allow.is_empty() {
            // To be left without any subject that is allowed does not allow all.
            deny.push(">".to_owned());
        }
        Ok(Permission { allow, deny })
    };
    Ok(UserLimits {
        publish: side(&template.publish)?,
        subscribe: side(&template.subscribe)?,
        ..template.clone()
    })
}

/// The subjects that a list becomes. What becomes none is left out, or `is_strict`.
fn list(subjects: &[String], holder: Holder<'_>, is_strict: bool) -> Result<Vec<String>, Unfilled> {
    if subjects.iter().all(|subject| places(subject).is_empty()) {
        return Ok(subjects.to_vec());
    }
    let mut emitted = Vec::new();
    for text in subjects {
        let mut made = vec![text.clone()];
        for place in places(text) {
            let values = values(text, &place, holder, is_strict)?;
            if made.len().saturating_mul(values.len()) + emitted.len() > MAX_SUBJECTS {
                return Err(Unfilled::TooMany);
            }
            made = made
                .iter()
                .flat_map(|made| values.iter().map(|value| made.replace(&place, value)))
                .collect();
        }
        for subject in made {
            if is_subject(&subject) {
                emitted.push(subject);
            } else if is_strict {
                return Err(Unfilled::NoSubject);
            }
        }
    }
    Ok(emitted)
}

fn is_subject(text: &str) -> bool {
    !text.contains([' ', '\t', '\r', '\n']) && subject::is_valid(text.as_bytes())
}

/// The places of a subject, each with its braces.
fn places(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let Some(length) = rest[at..].find("}}") else {
            break;
        };
        let place = &rest[at..at + length + 2];
        if place.len() > 4 {
            found.push(place.to_owned());
        }
        rest = &rest[at + length + 2..];
    }
    found
}

/// What may stand in a place.
fn values(
    subject: &str,
    place: &str,
    holder: Holder<'_>,
    is_strict: bool,
) -> Result<Vec<String>, Unfilled> {
    let operation = place.trim_start_matches("{{").trim_end_matches("}}").trim();
    let one = match operation.to_lowercase().as_str() {
        "name()" => Some(holder.name),
        "subject()" => Some(holder.subject),
        "account-name()" => Some(holder.account_name),
        "account-subject()" => Some(holder.account_subject),
        _ => None,
    };
    if let Some(one) = one {
        return Ok(vec![one.to_owned()]);
    }
    let argument = |name: &str| {
        let head = operation.get(..name.len())?;
        let rest = operation.get(name.len()..)?;
        head.eq_ignore_ascii_case(name)
            .then(|| rest.strip_suffix(')'))
            .flatten()
    };
    let (tags, wanted) = if let Some(wanted) = argument("account-tag(") {
        (holder.account_tags, wanted)
    } else if let Some(wanted) = argument("tag(") {
        (holder.tags, wanted)
    } else {
        return Err(Unfilled::NoOperation {
            subject: subject.to_owned(),
            operation: operation.to_owned(),
        });
    };
    let prefix = format!("{}:", wanted.to_lowercase());
    let values: Vec<String> = tags
        .iter()
        .filter_map(|tag| tag.strip_prefix(&prefix))
        .map(str::to_owned)
        .collect();
    match values.is_empty() {
        true if is_strict => Err(Unfilled::NoTag {
            subject: subject.to_owned(),
            tag: wanted.to_owned(),
        }),
        // Something that is no subject.
        true => Ok(vec![" ".to_owned()]),
        false => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(tags: &[String]) -> Holder<'_> {
        Holder {
            name: "Bob",
            subject: "UB",
            tags,
            account_name: "ORDERS",
            account_subject: "AO",
            account_tags: &[],
        }
    }

    fn allowed(subjects: &[&str]) -> Result<Vec<String>, Unfilled> {
        let tags = ["team:a".to_owned(), "team:b".to_owned(), "x:1".to_owned()];
        let subjects: Vec<String> = subjects.iter().map(|&text| text.to_owned()).collect();
        list(&subjects, holder(&tags), false)
    }

    #[test]
    fn places_are_filled_in() {
        assert_eq!(
            allowed(&[
                "{{Name()}}.>",
                "{{ subject() }}",
                "{{tag(TEAM)}}.{{tag(x)}}",
                "plain"
            ]),
            Ok(["Bob.>", "UB", "a.1", "b.1", "plain"]
                .map(str::to_owned)
                .to_vec())
        );
        assert_eq!(allowed(&["{{tag(none)}}.>"]), Ok(Vec::new()));
        assert_eq!(
            allowed(&["{{ what() }}"]).unwrap_err().to_string(),
            r#"template operation in "{{ what() }}": "what()" is not defined"#
        );
    }

    #[test]
    fn what_would_become_nothing_denies_all() {
        let template = UserLimits {
            publish: Permission {
                allow: vec!["{{tag(none)}}".to_owned()],
                deny: Vec::new(),
            },
            ..UserLimits::default()
        };
        let limits = filled(&template, holder(&[])).unwrap();
        assert_eq!(limits.publish.deny, [">"]);
        let strict = UserLimits {
            publish: Permission {
                allow: Vec::new(),
                deny: vec!["{{tag(none)}}".to_owned()],
            },
            ..UserLimits::default()
        };
        assert_eq!(
            filled(&strict, holder(&[])).unwrap_err().to_string(),
            r#"generated invalid subject "{{tag(none)}}": "none" is not defined"#
        );
    }

    #[test]
    fn a_template_does_not_explode() {
        let tags: Vec<String> = (0..100).map(|n| format!("t:{n}")).collect();
        let subjects = ["{{tag(t)}}.{{ tag(t)}}.{{tag( t)}}.{{tag(t) }}".to_owned()];
        assert_eq!(
            list(&subjects, holder(&tags), false),
            Err(Unfilled::TooMany)
        );
    }
}
