//! `exports` of an account.

use std::time::Duration;

use nats_mock_protocol::conf::{Kind, Value, duration, fold};

use super::problem::Problem;
use super::read::{Reader, boolean, integer, invalid, string, unknown, wrong_type};
use super::words::{plain, quote};
use crate::topology::sharing::{
    Export, LatencyOptions, ResponseType, Sampling, ServiceExport, StreamExport,
};

const NOT_A_SERVICE: &str = "on non-service";

/// What an entry says, until it is clear what it is.
#[derive(Default)]
struct Entry {
    stream: Option<String>,
    service: Option<String>,
    accounts: Vec<String>,
    position: Option<i64>,
    response: Option<ResponseType>,
    threshold: Option<Duration>,
    latency: Option<LatencyOptions>,
    allow_trace: bool,
    /// Directives that only services have, and where they are.
    of_services: Vec<(&'static str, Problem)>,
}

impl Reader<'_> {
    pub(super) fn exports(&mut self, value: &Value) -> Result<Vec<Export>, Problem> {
        let Some(entries) = value.as_array() else {
            let found = value.kind.type_name();
            return Err(invalid(
                value,
                format!("Exports should be an array, got {found}"),
            ));
        };
        let mut exports = Vec::new();
        for entry in entries {
            match self.export(entry) {
                Ok(export) => exports.extend(export),
                Err(problem) => self.problems.push(problem),
            }
        }
        Ok(exports)
    }

    fn export(&mut self, value: &Value) -> Result<Option<Export>, Problem> {
        let Some(map) = value.as_map() else {
            let found = value.kind.type_name();
            let reason = format!("Export Items should be a map with type entry, got {found}");
            return Err(invalid(value, reason));
        };
        let mut entry = Entry::default();
        let (mut seen_response, mut seen_threshold) = (false, false);
        for (key, value) in map.iter() {
            match fold(key).as_str() {
                "stream" => self.exported(&mut entry, value, true),
                "service" => self.exported(&mut entry, value, false),
                "response" | "response_type" => {
                    if std::mem::replace(&mut seen_response, true) {
                        let reason = "Duplicate response type definition";
                        self.problems.push(invalid(value, reason));
                        continue;
                    }
                    match response_type(value) {
                        Ok(kind) => {
                            entry.response = Some(kind);
                            entry.only_for_services("response", value);
                        }
                        Err(problem) => self.problems.push(problem),
                    }
                }
                "threshold" | "response_threshold" | "response_max_time" | "response_time" => {
                    if std::mem::replace(&mut seen_threshold, true) {
                        let reason = "Duplicate response threshold detected";
                        self.problems.push(invalid(value, reason));
                        continue;
                    }
                    match threshold(value) {
                        Ok(threshold) => {
                            entry.threshold = threshold;
                            entry.only_for_services("response", value);
                        }
                        Err(problem) => self.problems.push(problem),
                    }
                }
                "accounts" => {
                    let accounts = value
                        .as_array()
                        .ok_or_else(|| wrong_type(value, "[]interface {}"))?;
                    for account in accounts {
                        entry.accounts.push(string(account)?);
                    }
                }
                "latency" => match latency(value) {
                    Ok(latency) => {
                        entry.latency = Some(latency);
                        entry.only_for_services("latency", value);
                    }
                    Err(problem) => self.problems.push(problem),
                },
                "account_token_position" => entry.position = Some(integer(value)?),
                "allow_trace" if self.knows("exports.allow_trace") => {
                    entry.allow_trace = boolean(value)?;
                    entry.only_for_services("allow_trace", value);
                }
                _ if value.is_used_variable() => {}
                _ => self.problems.push(unknown(key, value)),
            }
        }
        Ok(entry.finish(&mut self.problems))
    }

    fn exported(&mut self, entry: &mut Entry, value: &Value, is_stream: bool) {
        let (this, that) = if is_stream {
            ("stream", "service")
        } else {
            ("service", "stream")
        };
        let other = if is_stream {
            &entry.service
        } else {
            &entry.stream
        };
        let problem = if other.is_some() {
            let found = match value.as_str() {
                Some(text) => quote(text),
                None => plain(&value.kind),
            };
            format!("Detected {this} {found} but already saw a {that}")
        } else if let Some(subject) = value.as_str() {
            let place = if is_stream {
                &mut entry.stream
            } else {
                &mut entry.service
            };
            *place = Some(subject.to_owned());
            return;
        } else {
            let found = value.kind.type_name();
            format!("Expected {this} name to be string, got {found}")
        };
        self.problems.push(invalid(value, problem));
    }
}

impl Entry {
    fn only_for_services(&mut self, directive: &'static str, value: &Value) {
        let problem = invalid(
            value,
            format!("Detected {directive} directive {NOT_A_SERVICE}"),
        );
        self.of_services.push((directive, problem));
    }

    fn finish(self, problems: &mut Vec<Problem>) -> Option<Export> {
        if let Some(subject) = self.stream {
            let misplaced = self.of_services.into_iter();
            problems.extend(misplaced.map(|(_, problem)| problem));
            return Some(Export::Stream(StreamExport {
                subject,
                accounts: self.accounts,
                account_token_position: self.position,
            }));
        }
        Some(Export::Service(ServiceExport {
            subject: self.service?,
            accounts: self.accounts,
            account_token_position: self.position,
            response_type: self.response.unwrap_or_default(),
            response_threshold: self.threshold,
            latency: self.latency,
            allow_trace: self.allow_trace,
        }))
    }
}

fn response_type(value: &Value) -> Result<ResponseType, Problem> {
    let Some(name) = value.as_str() else {
        let found = value.kind.type_name();
        let reason = format!("Expected response type to be string, got {found}");
        return Err(invalid(value, reason));
    };
    match name.to_lowercase().as_str() {
        "single" | "singleton" => Ok(ResponseType::Singleton),
        "stream" => Ok(ResponseType::Stream),
        "chunk" | "chunked" => Ok(ResponseType::Chunked),
        _ => Err(invalid(
            value,
            format!("Unknown response type: {}", quote(name)),
        )),
    }
}

/// The time that an answer may take; unset for none, which is the default.
fn threshold(value: &Value) -> Result<Option<Duration>, Problem> {
    const START: &str = "Expected response threshold to be a parseable time duration, got";
    let Some(text) = value.as_str() else {
        let found = value.kind.type_name();
        return Err(invalid(value, format!("{START} {found}")));
    };
    let nanos =
        duration::parse(text).map_err(|_| invalid(value, format!("{START} {}", quote(text))))?;
    // Before it has begun, an answer has come too late.
    Ok((nanos != 0).then(|| Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))))
}

fn latency(value: &Value) -> Result<LatencyOptions, Problem> {
    let map = match &value.kind {
        Kind::String(subject) => {
            return Ok(LatencyOptions {
                subject: subject.clone(),
                sampling: Sampling::Percent(100),
            });
        }
        Kind::Map(map) => map,
        other => {
            let found = other.type_name();
            let reason =
                format!("Expected latency entry to be a map/struct or string, got {found}");
            return Err(invalid(value, reason));
        }
    };
    // These are looked up as they are written.
    let sampling = map
        .get("sampling")
        .map_or(Ok(Sampling::Percent(100)), sampling)?;
    let Some(subject) = map.get("subject") else {
        return Err(invalid(value, "Latency subject required, but missing"));
    };
    match subject.as_str() {
        Some(text) => Ok(LatencyOptions {
            subject: text.to_owned(),
            sampling,
        }),
        // The server names the type of what it has not got.
        None => Err(invalid(
            subject,
            "Expected latency subject to be a string, got string",
        )),
    }
}

fn sampling(value: &Value) -> Result<Sampling, Problem> {
    let percent = match &value.kind {
        Kind::Integer(percent) => *percent,
        Kind::String(text) if text.trim().eq_ignore_ascii_case("headers") => {
            return Ok(Sampling::Headers);
        }
        Kind::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or(text);
            digits.parse::<i64>().map_err(|error| {
                let why = match error.kind() {
                    std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                        "value out of range"
                    }
                    _ => "invalid syntax",
                };
                let digits = quote(digits);
                let reason = format!(
                    "Failed to parse latency sample: strconv.Atoi: parsing {digits}: {why}"
                );
                invalid(value, reason)
            })?
        }
        other => {
            let found = other.type_name();
            let reason =
                format!("Expected latency sample to be a string or map/struct, got {found}");
            return Err(invalid(value, reason));
        }
    };
    match u8::try_from(percent) {
        Ok(percent @ 1..=100) => Ok(Sampling::Percent(percent)),
        _ => Err(invalid(value, "bad sampling percentage, should be 1-100")),
    }
}
