//! Durations, and what happens when a write takes longer.

use std::time::Duration;

use nats_mock_protocol::conf::{Kind, Value, duration};

use super::{
    WriteTimeout,
    problem::{Problem, Warning},
    read::{Reader, integer, invalid, string, unsupported, wrong_type},
    words::quote,
};

impl Reader<'_> {
    /// A duration, or in the old form a number of seconds.
    pub(super) fn seconds_or_duration(
        &mut self,
        name: &str,
        key: &str,
        value: &Value,
    ) -> Result<Option<Duration>, Problem> {
        let nanos = match &value.kind {
            Kind::String(_) => nanos(name, value)?,
            _ => {
                let text = format!(
                    "invalid use of field {}: {name} should be converted to a duration",
                    quote(name)
                );
                self.warnings.push(Warning::Server {
                    at: Some(value.at.clone()),
                    text,
                });
                integer(value)?.wrapping_mul(1_000_000_000)
            }
        };
        match u64::try_from(nanos) {
            Ok(nanos) => Ok((nanos > 0).then(|| Duration::from_nanos(nanos))),
            Err(_) => Err(unsupported(key, value)),
        }
    }
}

/// A duration in nanoseconds; anything but a string is of the wrong type.
pub(super) fn nanos(name: &str, value: &Value) -> Result<i64, Problem> {
    let text = value.as_str().ok_or_else(|| wrong_type(value, "string"))?;
    duration::parse(text).map_err(|error| invalid(value, format!("error parsing {name}: {error}")))
}

pub(super) fn write_timeout(value: &Value) -> Result<WriteTimeout, Problem> {
    Ok(match string(value)?.as_str() {
        "default" => WriteTimeout::Default,
        "close" => WriteTimeout::Close,
        "retry" => WriteTimeout::Retry,
        _ => {
            return Err(invalid(
                value,
                "write_timeout must be 'default', 'close' or 'retry'",
            ));
        }
    })
}
