//! The `permissions` of a user, in all their spellings.

use std::time::Duration;

use nats_mock_protocol::conf::{Kind, Value, duration, fold};

use super::{
    links::without_place_of,
    problem::Problem,
    read::{Reader, boolean, integer, invalid},
    words::{plain, quote},
};
use crate::{
    topology::accounts::{Permissions, ResponsePermission, SubjectPermission},
    version::Feature,
};

impl Reader<'_> {
    pub(super) fn permissions(&mut self, value: &Value) -> Result<Permissions, Problem> {
        let Some(map) = value.as_map() else {
            let found = plain(&value.kind);
            return Err(invalid(
                value,
                format!("Expected permissions to be a map/struct, got {found}"),
            ));
        };
        let mut permissions = Permissions::default();
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "pub" | "publish" | "import" => {
                    match self.subject_permission(value, Queues::Refused) {
                        Ok(permission) => permissions.publish = permission,
                        Err(problem) => self.problems.push(problem),
                    }
                }
                "sub" | "subscribe" | "export" => {
                    match self.subject_permission(value, Queues::Checked) {
                        Ok(permission) => permissions.subscribe = permission,
                        Err(problem) => self.problems.push(problem),
                    }
                }
                "publish_allow_responses" | "allow_responses" => {
                    permissions.allow_responses = match boolean(value) {
                        Ok(allowed) => allowed.then(ResponsePermission::default),
                        Err(_) => self.response_permission(value),
                    };
                }
                _ if value.is_used_variable() => {}
                _ => self.problems.push(invalid(
                    value,
                    format!("Unknown field {} parsing permissions", quote(key)),
                )),
            }
        }
        if permissions.allow_responses.is_some() {
            // Who may answer may publish nothing else unless told otherwise. A server does this when it
            // meets the key, so that the order of keys in its randomly ordered map matters; here the
            // key counts wherever it stands.
            let publish = permissions.publish.get_or_insert_default();
            publish.allow.get_or_insert_default();
        }
        Ok(permissions)
    }

    fn subject_permission(
        &mut self,
        value: &Value,
        queues: Queues,
    ) -> Result<Option<SubjectPermission>, Problem> {
        let queues = self.queues(queues);
        let Some(map) = value.as_map() else {
            // In this older form, the server has lost the place by the time it checks the subjects.
            let allow =
                subjects(value, queues).map_err(|problem| without_place_of(value, problem))?;
            return Ok(Some(SubjectPermission {
                allow: some_if_any(allow),
                deny: Vec::new(),
            }));
        };
        if map.is_empty() {
            return Ok(None);
        }
        let mut permission = SubjectPermission::default();
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "allow" => match subjects(value, queues) {
                    Ok(allow) => permission.allow = some_if_any(allow),
                    Err(problem) => self.problems.push(problem),
                },
                "deny" => match subjects(value, queues) {
                    Ok(deny) => permission.deny = deny,
                    Err(problem) => self.problems.push(problem),
                },
                _ if value.is_used_variable() => {}
                _ => {
                    let reason = format!(
                        "Unknown field name {} parsing subject permissions, only 'allow' or 'deny' are permitted",
                        quote(key)
                    );
                    self.problems.push(invalid(value, reason));
                }
            }
        }
        Ok(Some(permission))
    }

    /// Where an entry may name a queue, as far as the release minds.
    fn queues(&self, queues: Queues) -> Queues {
        if self.has(Feature::QueuesOnlyToSubscribe) {
            queues
        } else {
            Queues::Unchecked
        }
    }

    /// Subjects that nothing of a link crosses on.
    pub(super) fn denied_subjects(&self, value: &Value) -> Result<Vec<String>, Problem> {
        subjects(value, self.queues(Queues::Refused))
    }

    fn response_permission(&mut self, value: &Value) -> Option<ResponsePermission> {
        let read = self.response_map(value);
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn response_map(&mut self, value: &Value) -> Result<ResponsePermission, Problem> {
        let map = value.as_map().ok_or_else(|| {
            invalid(
                value,
                "error parsing response permissions, expected a boolean or a map",
            )
        })?;
        let mut permission = ResponsePermission::default();
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "max" | "max_msgs" | "max_messages" | "max_responses" => match integer(value)? {
                    // The default stays.
                    0 => {}
                    max => permission.max_msgs = max,
                },
                "expires" | "expiration" | "ttl" => {
                    let text = value.as_str().ok_or_else(|| {
                        invalid(value, "error parsing expires, not a duration string")
                    })?;
                    let nanos = duration::parse(text).map_err(|error| {
                        invalid(value, format!("error parsing expires: {error}"))
                    })?;
                    if nanos != 0 {
                        permission.expires = u64::try_from(nanos).ok().map(Duration::from_nanos);
                    }
                }
                _ if value.is_used_variable() => {}
                _ => self.problems.push(invalid(
                    value,
                    format!("Unknown field {} parsing permissions", quote(key)),
                )),
            }
        }
        Ok(permission)
    }
}

fn some_if_any(subjects: Vec<String>) -> Option<Vec<String>> {
    (!subjects.is_empty()).then_some(subjects)
}

/// A subject or a list of subjects.
fn subjects(value: &Value, queues: Queues) -> Result<Vec<String>, Problem> {
    let subjects = match &value.kind {
        Kind::String(subject) => vec![subject.clone()],
        Kind::Array(array) => array
            .iter()
            .map(|element| {
                let subject = element.as_str().map(str::to_owned);
                subject.ok_or_else(|| {
                    invalid(
                        element,
                        "Subject in permissions array cannot be cast to string",
                    )
                })
            })
            .collect::<Result<Vec<_>, _>>()?,
        other => {
            let found = other.type_name();
            let reason = format!(
                "Expected subject permissions to be a subject, or array of subjects, got {found}"
            );
            return Err(invalid(value, reason));
        }
    };
    check_subjects(&subjects, queues).map_err(|reason| invalid(value, reason))?;
    Ok(subjects)
}

/// Whether an entry may name a queue behind its subject.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Queues {
    Refused,
    /// It may, and the queue has to be a subject itself.
    Checked,
    Unchecked,
}

/// Checks that every entry is a subject, or where that is possible a subject and a queue.
pub(super) fn check_subjects(subjects: &[String], queues: Queues) -> Result<(), String> {
    for entry in subjects {
        if is_subject(entry) {
            continue;
        }
        let no_subject =
            |text: &str| Err(format!("subject {} is not a valid subject", quote(text)));
        let words: Vec<_> = entry.split_whitespace().collect();
        match words.as_slice() {
            _ if queues == Queues::Refused => return no_subject(entry),
            [subject, _] if !is_subject(subject) => return no_subject(subject),
            [_, queue] if queues == Queues::Checked && !is_subject(queue) => {
                return Err(format!("queue {} is not a valid queue", quote(queue)));
            }
            [_, _] => {}
            _ => return no_subject(entry),
        }
    }
    Ok(())
}

/// Whether `text` has the form of a subject, wildcards included.
fn is_subject(text: &str) -> bool {
    let mut tokens = text.split('.').peekable();
    while let Some(token) = tokens.next() {
        let last = tokens.peek().is_none();
        let blank = token.contains([' ', '\t', '\n', '\u{c}', '\r']);
        if token.is_empty() || blank || (token == ">" && !last) {
            return false;
        }
    }
    true
}
