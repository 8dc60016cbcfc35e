//! `msg_trace` of an account.

use nats_mock_protocol::conf::{Kind, Value, fold};
use nats_mock_protocol::subject;

use super::problem::Problem;
use super::read::{Reader, invalid};
use super::words::quote;
use crate::topology::TraceOptions;

/// What is said, each by itself.
#[derive(Default)]
struct Said {
    dest: Option<String>,
    sampling: Option<u8>,
}

impl Reader<'_> {
    pub(super) fn msg_trace(
        &mut self,
        key: &str,
        value: &Value,
    ) -> Result<Option<TraceOptions>, Problem> {
        let mut said = Said::default();
        match &value.kind {
            Kind::String(_) => said.dest = Some(dest(key, value)?),
            Kind::Map(map) => {
                for (field, value) in map.iter() {
                    match fold(field).as_str() {
                        "dest" => said.dest = Some(dest(field, value)?),
                        "sampling" => said.sampling = Some(sampling(field, value)?),
                        _ if value.is_used_variable() => {}
                        _ => {
                            let reason = format!(
                                "Unknown field {} parsing account message trace map/struct {}",
                                quote(field),
                                quote(key)
                            );
                            return Err(invalid(value, reason));
                        }
                    }
                }
            }
            other => {
                let reason = format!(
                    "Expected account message trace {} to be a string or a map/struct, got {}",
                    quote(key),
                    other.type_name()
                );
                return Err(invalid(value, reason));
            }
        }
        Ok(match said {
            Said {
                dest: Some(dest),
                sampling,
            } => Some(TraceOptions {
                dest,
                sampling: sampling.unwrap_or(100),
            }),
            Said {
                dest: None,
                sampling: Some(_),
            } => {
                let reason = "Trace destination sampling ignored since no destination was set";
                self.warn(value, reason.to_owned());
                None
            }
            Said { .. } => None,
        })
    }
}

fn dest(field: &str, value: &Value) -> Result<String, Problem> {
    let Some(dest) = value.as_str() else {
        let found = value.kind.type_name();
        let reason = format!("Field {} should be a string, got {found}", quote(field));
        return Err(invalid(value, reason));
    };
    if !subject::is_valid_destination(dest.as_bytes()) {
        let reason = format!("Trace destination {} is not valid", quote(dest));
        return Err(invalid(value, reason));
    }
    Ok(dest.to_owned())
}

fn sampling(field: &str, value: &Value) -> Result<u8, Problem> {
    let percent = match &value.kind {
        Kind::Integer(percent) => *percent,
        Kind::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or(text);
            digits.parse().map_err(|_| {
                let reason = format!("Invalid trace destination sampling value {}", quote(text));
                invalid(value, reason)
            })?
        }
        other => {
            let reason = format!(
                "Trace destination sampling field {} should be an integer or a percentage, got {}",
                quote(field),
                other.type_name()
            );
            return Err(invalid(value, reason));
        }
    };
    let in_range = u8::try_from(percent)
        .ok()
        .filter(|it| (1..=100).contains(it));
    in_range.ok_or_else(|| {
        let reason =
            format!("Ttrace destination sampling value {percent} is invalid, needs to be [1..100]");
        invalid(value, reason)
    })
}
