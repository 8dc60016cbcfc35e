//! What the blocks about links between servers have in common.

use std::time::Duration;

use nats_mock_protocol::conf::{Kind, Map, Value, duration, fold};

use super::{
    listen,
    problem::{Problem, ProblemKind, Warning},
    read::{
        Reader, integer, invalid, non_empty, non_zero, string, unknown, unsupported, wrong_type,
    },
    words::quote,
};
use crate::{
    topology::{
        accounts::Permissions,
        links::{CompressionOptions, LinkAuth, RemoteUrl},
    },
    version::Feature,
};

/// The name that stands for a leaf node without a cluster in the protocol between servers.
pub(super) const RESERVED_CLUSTER_NAME: &str = "_";

impl Reader<'_> {
    /// The name of a cluster, or nothing if it was refused.
    pub(super) fn cluster_name(
        &mut self,
        what: &str,
        value: &Value,
    ) -> Result<Option<String>, Problem> {
        let name = string(value)?;
        let reason = if name.contains(' ') && self.has(Feature::BlanksInNamesRefused) {
            format!("{what} name cannot contain spaces")
        } else if name == RESERVED_CLUSTER_NAME && self.has(Feature::ReservedClusterName) {
            "cluster name is reserved".to_owned()
        } else {
            return Ok(Some(name));
        };
        self.problems.push(invalid(value, reason));
        Ok(None)
    }

    /// `listen`, `host`, `net` and `port`; whether the key was one of them.
    pub(super) fn listener(
        &mut self,
        folded: &str,
        value: &Value,
        host: &mut Option<String>,
        port: &mut Option<i64>,
    ) -> Result<bool, Problem> {
        match folded {
            "listen" => match listen::parse(value) {
                Ok((read, number)) => {
                    *host = non_empty(read);
                    *port = non_zero(number);
                }
                Err(reason) => self.problems.push(invalid(value, reason)),
            },
            "port" => *port = non_zero(integer(value)?),
            "host" | "net" => *host = non_empty(string(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The `authorization` of a link that takes a single user, and the permissions in it.
    pub(super) fn link_authorization(
        &mut self,
        what: &str,
        value: &Value,
    ) -> Result<Option<(LinkAuth, Option<Permissions>)>, Problem> {
        let Some(block) = self.authorization_block(value)? else {
            return Ok(None);
        };
        let refused = if block.users.is_some() {
            "does not allow multiple users"
        } else if block.auth.token.is_some() {
            "does not support tokens"
        } else if block.auth.callout.is_some() {
            "does not support callouts"
        } else {
            let auth = LinkAuth {
                user: block.auth.user,
                password: block.auth.password,
                timeout: block.auth.timeout,
            };
            return Ok(Some((auth, block.auth.default_permissions)));
        };
        self.problems
            .push(invalid(value, format!("{what} authorization {refused}")));
        Ok(None)
    }

    /// A list of URLs, `kind` in the server's word. Nothing if any of them was refused.
    pub(super) fn urls(&mut self, kind: &str, array: &[Value]) -> Option<Vec<RemoteUrl>> {
        let mut seen = Vec::new();
        let mut urls = Vec::new();
        let mut refused = false;
        for element in array {
            let Some(text) = element.as_str() else {
                self.problems.push(wrong_type(element, "string"));
                return None;
            };
            if seen.contains(&text) {
                let text = format!(
                    "invalid use of field {}: Duplicate {kind} entry detected",
                    quote(text)
                );
                self.warn(element, text);
                continue;
            }
            seen.push(text);
            match self.url(kind, text, element) {
                Some(url) => urls.push(url),
                None => refused = true,
            }
        }
        (!refused).then_some(urls)
    }

    /// A URL, or nothing if it was refused.
    pub(super) fn url(&mut self, kind: &str, text: &str, value: &Value) -> Option<RemoteUrl> {
        match RemoteUrl::parse_for(text, self.version) {
            // Links over WebSocket are leaf nodes' only.
            Ok(url) if kind == "leafnode" && matches!(url.scheme.as_str(), "ws" | "wss") => {
                self.problems.push(unsupported(&url.to_string(), value));
                None
            }
            Ok(url) => Some(url),
            Err(_) => {
                let text = quote(text.trim());
                let reason = format!("error parsing {kind} url [{text}]");
                self.problems.push(invalid(value, reason));
                None
            }
        }
    }

    /// `compression`, where `on` is the mode for "yes". Nothing if it was refused.
    pub(super) fn compression(
        &mut self,
        key: &str,
        value: &Value,
        on: &str,
    ) -> Option<CompressionOptions> {
        let read = self.compression_of(key, value, on);
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn compression_of(
        &self,
        key: &str,
        value: &Value,
        on: &str,
    ) -> Result<CompressionOptions, Problem> {
        let mode = |mode: &str| CompressionOptions {
            mode: mode.to_owned(),
            rtt_thresholds: Vec::new(),
        };
        match &value.kind {
            Kind::String(text) => Ok(mode(text)),
            Kind::Bool(true) => Ok(mode(on)),
            Kind::Bool(false) => Ok(mode("off")),
            Kind::Map(map) => compression_map(map),
            other => {
                let found = other.type_name();
                let reason = format!(
                    "field {} should be a boolean or a structure, got {found}",
                    quote(key)
                );
                Err(invalid(value, reason))
            }
        }
    }

    /// One name or a list of names.
    pub(super) fn names(&mut self, key: &str, value: &Value) -> Vec<String> {
        let unsupported = |value: &Value, kind: &str| {
            let found = value.kind.type_name();
            let reason = format!("error parsing {key}: unsupported type{kind} {found}");
            invalid(value, reason)
        };
        match &value.kind {
            Kind::String(name) => vec![name.clone()],
            Kind::Array(array) => {
                let mut names = Vec::new();
                for element in array {
                    match element.as_str() {
                        Some(name) => names.push(name.to_owned()),
                        None => self.problems.push(unsupported(element, " in array")),
                    }
                }
                names
            }
            _ => {
                self.problems.push(unsupported(value, ""));
                Vec::new()
            }
        }
    }

    /// A duration of a block. One that cannot be read is noted, one of the wrong type ends the block.
    pub(super) fn link_duration(
        &mut self,
        name: &str,
        key: &str,
        value: &Value,
    ) -> Result<Option<Duration>, Problem> {
        match self.seconds_or_duration(name, key, value) {
            Ok(duration) => Ok(duration),
            Err(problem) => self.note(problem).map(|()| None),
        }
    }

    /// What of `problem` the server only notes; what makes it give up the block comes back.
    pub(super) fn note(&mut self, problem: Problem) -> Result<(), Problem> {
        if matches!(problem.kind, ProblemKind::WrongType { .. }) {
            return Err(problem);
        }
        self.problems.push(problem);
        Ok(())
    }

    pub(super) fn warn(&mut self, value: &Value, text: String) {
        self.warnings.push(Warning::Server {
            at: Some(value.at.clone()),
            text,
        });
    }

    /// Says that a key has no effect in a simulation.
    pub(super) fn ignore(&mut self, key: &str, value: &Value) {
        self.warnings.push(Warning::Ignored {
            at: value.at.clone(),
            key: key.to_owned(),
        });
    }

    /// A key that the release does not know, which may still be a variable.
    pub(super) fn stranger(&mut self, key: &str, value: &Value) {
        if !value.is_used_variable() {
            self.problems.push(unknown(key, value));
        }
    }
}

/// `problem` as the server reports it where it has lost the place of `value` by then.
pub(super) fn without_place_of(value: &Value, problem: Problem) -> Problem {
    let at = problem.at.filter(|at| *at != value.at);
    Problem { at, ..problem }
}

fn compression_map(map: &Map) -> Result<CompressionOptions, Problem> {
    let mut options = CompressionOptions::default();
    for (key, value) in map.iter() {
        match fold(key).as_str() {
            "mode" => options.mode = string(value)?,
            "rtt_thresholds" | "thresholds" | "rtts" | "rtt" => {
                let array = value
                    .as_array()
                    .ok_or_else(|| wrong_type(value, "[]interface {}"))?;
                for element in array {
                    let nanos = duration::parse(&string(element)?)
                        .map_err(|error| invalid(value, error.to_string()))?;
                    options.rtt_thresholds.push(nanos);
                }
            }
            _ if value.is_used_variable() => {}
            _ => return Err(unknown(key, value)),
        }
    }
    Ok(options)
}
