//! `resolver`: where the JWTs of accounts are looked up.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use nats_mock_protocol::conf::{Kind, Map, Value, duration, fold};

use super::words::quote;
use super::{
    problem::Problem,
    read::{Reader, boolean, integer, invalid, needs_identity, string, unsupported_type},
};
use crate::Version;
use crate::topology::operator::{JwtDirectory, Resolver};
use crate::topology::{AccountServer, RemoteUrl};

const REASON: &str = "error parsing account resolver, should be MEM or  URL(\"url\") or a map containing dir and type \
                      state=[FULL|CACHE])";

impl Reader<'_> {
    /// `resolver`.
    pub(super) fn resolver(&mut self, key: &str, value: &Value) -> Result<(), Problem> {
        needs_identity(key, value)?;
        let resolver = match &value.kind {
            Kind::String(text) => {
                let kind = fold(text);
                if kind.contains("mem") {
                    Some(Resolver::Memory)
                } else if let Some(url) = url_in(text) {
                    let server = account_server(url, self.version);
                    Some(Resolver::Url(server.map_err(|why| invalid(value, why))?))
                } else {
                    None
                }
            }
            Kind::Map(map) => {
                let kind = match map.get("type") {
                    Some(kind) => fold(&string(kind)?),
                    None => String::new(),
                };
                match kind.as_str() {
                    "mem" | "memory" => Some(Resolver::Memory),
                    "full" => Some(Resolver::Full(self.jwt_directory(value, map, true)?)),
                    "cache" => Some(Resolver::Cache(self.jwt_directory(value, map, false)?)),
                    _ => None,
                }
            }
            _ => {
                let start = "error parsing operator resolver, wrong type";
                return Err(unsupported_type(value, start));
            }
        };
        match resolver {
            Some(resolver) => {
                self.operator_options().resolver = Some(resolver);
                Ok(())
            }
            None => Err(invalid(value, REASON)),
        }
    }

    fn jwt_directory(
        &mut self,
        at: &Value,
        map: &Map,
        is_full: bool,
    ) -> Result<JwtDirectory, Problem> {
        let dir = map.get("dir").map(string).transpose()?.unwrap_or_default();
        let flag = |key: &str| map.get(key).map(boolean).transpose();
        let (allow_delete, hard_delete) = (flag("allow_delete")?, flag("hard_delete")?);
        let limit = map.get("limit").map(integer).transpose()?.unwrap_or(0);
        let nanos = |key: &str| match map.get(key) {
            Some(value) => {
                let text = string(value)?;
                duration::parse(&text).map_err(|error| invalid(at, error.to_string()))
            }
            None => Ok(0),
        };
        let (ttl, interval) = (nanos("ttl")?, nanos("interval")?);
        let timeout = map.get("timeout").map(|_| nanos("timeout")).transpose()?;
        let mut refuse = |reason: &str| self.problems.push(invalid(at, reason));
        if dir.is_empty() {
            refuse("dir has no value and needs to point to a directory");
        } else if fs::metadata(&dir).is_ok_and(|about| !about.is_dir() || !is_writable(&about)) {
            refuse("dir needs to point to an accessible directory");
        }
        let deletes = allow_delete.unwrap_or(false);
        if is_full {
            if ttl != 0 {
                refuse("FULL does not accept ttl");
            }
            if hard_delete.is_some() && !deletes {
                refuse("hard_delete has no effect without delete");
            }
        } else {
            if interval != 0 {
                refuse("CACHE does not accept sync");
            }
            if deletes {
                refuse("CACHE does not accept allow_delete");
            }
            if hard_delete.is_some() {
                refuse("CACHE does not accept hard_delete");
            }
        }
        let opened = JwtDirectory::open(&dir).map_err(|error| not_made(&dir, &error));
        let opened = opened.map_err(|reason| invalid(at, reason))?;
        if let Some(timeout) = timeout.filter(|&timeout| timeout <= 0) {
            let timeout = duration::format(timeout);
            let reason = format!("Fetch timeout {timeout} is too smal");
            return Err(invalid(at, reason));
        }
        let positive = |nanos: i64| {
            let nanos = u64::try_from(nanos).ok().filter(|&nanos| nanos > 0);
            nanos.map(Duration::from_nanos)
        };
        Ok(JwtDirectory {
            allow_delete: deletes,
            hard_delete: hard_delete.unwrap_or(false),
            limit: u64::try_from(limit).ok().filter(|&limit| limit > 0),
            interval: positive(interval),
            ttl: positive(ttl),
            timeout: timeout.and_then(positive),
            ..opened
        })
    }
}

/// The address in `URL("address")`, as far as it is there.
fn url_in(text: &str) -> Option<&str> {
    let is_quote = |c: char| c == '"' || c.is_whitespace();
    let at = text
        .as_bytes()
        .windows(3)
        .position(|word| word.eq_ignore_ascii_case(b"url"))?;
    let Some(rest) = text[at + 3..].strip_prefix('(') else {
        return Some("");
    };
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    let (run, after) = rest.split_at(rest.find(is_quote).unwrap_or(rest.len()));
    let after = after.strip_prefix('"').unwrap_or(after).trim_start();
    match after.strip_prefix(')') {
        Some(_) => Some(run),
        None => Some(run.rfind(')').map_or("", |end| &run[..end])),
    }
}

/// Where the JWTs of accounts are served.
pub(super) fn account_server(url: &str, version: Version) -> Result<AccountServer, String> {
    let url = url.trim();
    match RemoteUrl::parse_for(url, version) {
        Ok(_) => Ok(AccountServer::at(url)),
        Err(_) => Err(format!(
            "error parsing account resolver url [{}]",
            quote(url)
        )),
    }
}

#[cfg(unix)]
fn is_writable(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o200 != 0
}

#[cfg(not(unix))]
fn is_writable(about: &fs::Metadata) -> bool {
    !about.permissions().readonly()
}

/// Why a directory could not be made, as Go says it.
fn not_made(dir: &str, error: &io::Error) -> String {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            if Path::new(dir).is_file() {
                return format!("the path [{dir}] is not a directory");
            }
            "not a directory".to_owned()
        }
        _ => error.to_string(),
    };
    format!("mkdir {dir}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_as_servers_find_them() {
        let found = [
            ("URL(http://a/b)", Some("http://a/b")),
            ("url( \"http://a/b\" )", Some("http://a/b")),
            ("URL(http://a/(b)c)", Some("http://a/(b)c")),
            ("URL(http://a b)", Some("")),
            ("URL()", Some("")),
            ("URL", Some("")),
            ("http://a/b", None),
            ("Ürl(x) URL(http://a)", Some("http://a")),
        ];
        for (text, url) in found {
            assert_eq!(url_in(text), url, "{text}");
        }
    }
}
