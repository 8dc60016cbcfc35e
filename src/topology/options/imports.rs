//! `imports` of an account, and whether accounts can share what they are to share.

use nats_mock_protocol::conf::{Map, Value, fold};

use super::problem::Problem;
use super::read::{Reader, boolean, invalid, string, unknown};
use super::words::quote;
use crate::topology::sharing::{Import, ServiceImport, Sharing, StreamImport};
use crate::version::Feature;

/// What an entry says, until it is clear what it is.
#[derive(Default)]
struct Entry {
    stream: Option<(String, String)>,
    service: Option<(String, String)>,
    prefix: Option<String>,
    to: Option<String>,
    share: bool,
    allow_trace: bool,
    /// That tracing is allowed, which services do not have.
    of_streams: Option<Problem>,
}

impl Reader<'_> {
    pub(super) fn imports(&mut self, value: &Value) -> Result<Vec<Import>, Problem> {
        let Some(entries) = value.as_array() else {
            let found = value.kind.type_name();
            return Err(invalid(
                value,
                format!("Imports should be an array, got {found}"),
            ));
        };
        let mut imports: Vec<Import> = Vec::new();
        for entry in entries {
            match self.import(entry) {
                Ok(Some(Import::Service(service))) => {
                    if let Some(problem) = self.is_taken(entry, &imports, &service) {
                        self.problems.push(problem);
                    } else {
                        imports.push(Import::Service(service));
                    }
                }
                Ok(import) => imports.extend(import),
                Err(problem) => self.problems.push(problem),
            }
        }
        Ok(imports)
    }

    /// Whether another service of the account has the subject.
    fn is_taken(&self, at: &Value, imports: &[Import], service: &ServiceImport) -> Option<Problem> {
        let local = |import: &ServiceImport| {
            let to = import.to.clone().filter(|to| !to.is_empty());
            to.unwrap_or_else(|| import.subject.clone())
        };
        let subject = local(service);
        let by_account = self.has(Feature::ServicesOfSeveralAccounts);
        let twice = imports.iter().find_map(|import| match import {
            Import::Service(other) => Some(other).filter(|other| {
                local(other) == subject && (!by_account || other.account == service.account)
            }),
            Import::Stream(_) => None,
        })?;
        let reason = format!(
            "Duplicate service import subject {}, previously used in import for account {}, subject {}",
            quote(&subject),
            quote(&twice.account),
            quote(&twice.subject),
        );
        Some(invalid(at, reason))
    }

    fn import(&mut self, value: &Value) -> Result<Option<Import>, Problem> {
        let Some(map) = value.as_map() else {
            let found = value.kind.type_name();
            let reason = format!("Import Items should be a map with type entry, got {found}");
            return Err(invalid(value, reason));
        };
        let mut entry = Entry::default();
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "stream" if entry.service.is_some() => {
                    let reason = "Detected stream but already saw a service";
                    self.problems.push(invalid(value, reason));
                }
                "service" if entry.stream.is_some() => {
                    let reason = "Detected service but already saw a stream";
                    self.problems.push(invalid(value, reason));
                }
                "stream" => entry.stream = self.imported(value, "Stream"),
                "service" => entry.service = self.imported(value, "Service"),
                "prefix" => entry.prefix = Some(string(value)?),
                "to" => {
                    entry.to = Some(string(value)?);
                    if entry.stream.is_some() && entry.prefix.is_some() {
                        let reason = "Stream import can not have a 'prefix' and a 'to' property";
                        self.problems.push(invalid(value, reason));
                    }
                }
                "share" => entry.share = boolean(value)?,
                "allow_trace" if self.knows("imports.allow_trace") => {
                    if entry.service.is_none() {
                        entry.allow_trace = boolean(value)?;
                    }
                    let reason = "Detected allow_trace directive on a non-stream";
                    entry.of_streams = Some(invalid(value, reason));
                }
                _ if value.is_used_variable() => {}
                _ => self.problems.push(unknown(key, value)),
            }
        }
        Ok(entry.finish(&mut self.problems))
    }

    /// An account and a subject there.
    fn imported(&mut self, value: &Value, what: &str) -> Option<(String, String)> {
        let Some(map) = value.as_map() else {
            let found = value.kind.type_name();
            let reason = format!("{what} entry should be an account map, got {found}");
            self.problems.push(invalid(value, reason));
            return None;
        };
        let (account, subject) = match self.account_and_subject(map) {
            Ok(found) => found,
            Err(problem) => {
                self.problems.push(problem);
                Default::default()
            }
        };
        if account.is_empty() || subject.is_empty() {
            let reason = "Expect an account name and a subject";
            self.problems.push(invalid(value, reason));
            return None;
        }
        Some((account, subject))
    }

    fn account_and_subject(&mut self, map: &Map) -> Result<(String, String), Problem> {
        let (mut account, mut subject) = (String::new(), String::new());
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "account" => account = string(value)?,
                "subject" => subject = string(value)?,
                _ if value.is_used_variable() => {}
                _ => self.problems.push(unknown(key, value)),
            }
        }
        Ok((account, subject))
    }

    /// Looks at all exports and imports together, if nothing else is wrong.
    pub(super) fn check_sharing(&mut self, accounts: &Value) {
        if !self.problems.is_empty() {
            return;
        }
        let has_system = !self.options.no_system_account;
        let functions = self.version.profile().subject_functions();
        let (_, errors) = Sharing::of(&self.options.accounts, has_system, functions);
        let problems = errors
            .into_iter()
            .map(|error| invalid(accounts, error.to_string()));
        self.problems.extend(problems);
    }
}

impl Entry {
    fn finish(self, problems: &mut Vec<Problem>) -> Option<Import> {
        if let Some((account, subject)) = self.service {
            problems.extend(self.of_streams);
            return Some(Import::Service(ServiceImport {
                account,
                subject,
                to: self.to,
                share: self.share,
            }));
        }
        let (account, subject) = self.stream?;
        Some(Import::Stream(StreamImport {
            account,
            subject,
            prefix: self.prefix,
            to: self.to,
            allow_trace: self.allow_trace,
        }))
    }
}
