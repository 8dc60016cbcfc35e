//! The top level of a configuration.
//!
//! Every key that nats-server 2.15.1 knows is named here, in one of three classes: it sets an option, it
//! has no effect in a simulation, or it is refused because a real server would behave differently.

use std::{collections::HashSet, time::Duration};

use nats_mock_protocol::conf::{Document, Kind, Value, duration, fold};

use super::{
    OptionsError, ServerOptions,
    durations::{nanos, write_timeout},
    listen,
    problem::{Problem, ProblemKind, Warning},
    tls::Side,
    words::quote,
};
use crate::topology::{ClientTls, Resolver};
use crate::version::Feature;
use crate::{Version, identity};

const MIN_LAME_DUCK_DURATION: i64 = 30_000_000_000;

/// Collects options and whatever is wrong with them.
pub(super) struct Reader<'d> {
    document: &'d Document,
    pub(super) version: Version,
    pub(super) options: ServerOptions,
    pub(super) warnings: Vec<Warning>,
    pub(super) problems: Vec<Problem>,
    /// The names of all users so far, which have to differ across accounts.
    pub(super) users: HashSet<String>,
    store_dir: bool,
    /// How a web server is asked for the JWTs of accounts, if one is.
    resolver_tls: Option<ClientTls>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(document: &'d Document, version: Version) -> Self {
        Self {
            document,
            version,
            options: ServerOptions::default(),
            warnings: Vec::new(),
            problems: Vec::new(),
            users: HashSet::new(),
            store_dir: false,
            resolver_tls: None,
        }
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.version.profile().has(feature)
    }

    /// Whether the release knows a key of the newest one; in front of a key of a block stands the
    /// block's name and a dot.
    pub(super) fn knows(&self, key: &str) -> bool {
        !self.version.profile().unknown_conf_keys.contains(&key)
    }

    pub(super) fn read(mut self) -> Result<(ServerOptions, Vec<Warning>), OptionsError> {
        let document = self.document;
        let root = document.root();
        if root.is_empty() {
            let text = format!("{}: config has no values or is empty", document.file());
            self.warnings.push(Warning::Server { at: None, text });
        }
        // Unlike all others, these keys are looked up as they are written.
        if let Some(value) = root.get("system_account").or_else(|| root.get("system")) {
            match &value.kind {
                Kind::String(name) => self.options.system_account = non_empty(name.clone()),
                _ => self
                    .problems
                    .push(invalid(value, "system account name must be a string")),
            }
        }
        for (key, value) in root.iter() {
            if let Err(problem) = self.entry(key, value) {
                self.problems.push(problem);
            }
        }
        self.check_callout();
        let tls = self.resolver_tls.take();
        let operator = self.options.operator.as_mut();
        if let Some(Resolver::Url(server)) = operator.and_then(|it| it.resolver.as_mut()) {
            server.tls = tls;
        }
        if !self.problems.is_empty() {
            return Err(OptionsError {
                warnings: self.warnings,
                problems: self.problems,
            });
        }
        self.options.config_file = non_empty(document.file().to_owned());
        self.options.config_digest = self.version.config_digest(document);
        Ok((self.options, self.warnings))
    }

    fn entry(&mut self, key: &str, value: &Value) -> Result<(), Problem> {
        let profile = self.version.profile();
        let folded = fold(key);
        if profile.unknown_conf_keys.contains(&folded.as_str()) {
            return if value.is_used_variable() {
                Ok(())
            } else {
                Err(unknown(key, value))
            };
        }
        let options = &mut self.options;
        match folded.as_str() {
            "listen" => {
                let (host, port) = listen::parse(value).map_err(|reason| invalid(value, reason))?;
                options.host = non_empty(host);
                options.port = non_zero(port);
            }
            "mappings" | "maps" => self.options.global_mappings = self.mappings(value)?,
            "port" => options.port = non_zero(integer(value)?),
            "host" | "net" => options.host = non_empty(string(value)?),
            "client_advertise" => options.client_advertise = non_empty(string(value)?),
            "server_name" => {
                let name = string(value)?;
                if name.contains(' ') && profile.has(Feature::BlanksInNamesRefused) {
                    return Err(invalid(value, "server name cannot contain spaces"));
                }
                options.server_name = non_empty(name);
            }
            "http_base_path" => options.http_base_path = non_empty(string(value)?),
            "server_tags" => self.tags(value)?,
            "server_metadata" => {
                let map = value.as_map().ok_or_else(|| {
                    unsupported_type(value, "error parsing metadata: unsupported type")
                })?;
                for (key, value) in map.iter() {
                    options.metadata.insert(key.to_owned(), string(value)?);
                }
            }
            "feature_flags" => {
                let map = value.as_map().ok_or_else(|| {
                    unsupported_type(value, "error parsing feature flags: unsupported type")
                })?;
                for (key, value) in map.iter() {
                    let flag = value.as_bool().ok_or_else(|| {
                        let start = format!(
                            "error parsing feature flag {}: expected bool, got",
                            quote(key)
                        );
                        unsupported_type(value, &start)
                    })?;
                    options.feature_flags.insert(key.to_owned(), flag);
                }
            }
            "debug" => options.debug = Some(boolean(value)?),
            "trace" => options.trace = Some(boolean(value)?),
            "trace_verbose" => {
                options.trace_verbose = boolean(value)?;
                options.trace = Some(options.trace_verbose);
            }
            "trace_headers" => {
                options.trace_headers = boolean(value)?;
                options.trace = Some(options.trace_headers);
            }
            "logtime" => options.logtime = Some(boolean(value)?),
            "logtime_utc" => options.logtime_utc = boolean(value)?,
            "logfile" | "log_file" => options.log_file = non_empty(string(value)?),
            "pidfile" | "pid_file" => options.pid_file = non_empty(string(value)?),
            "ports_file_dir" => options.ports_file_dir = non_empty(string(value)?),
            "max_traced_msg_len" => options.max_traced_msg_len = non_zero(integer(value)?),
            "connect_error_reports" => options.connect_error_reports = non_zero(integer(value)?),
            "reconnect_error_reports" => {
                options.reconnect_error_reports = non_zero(integer(value)?)
            }
            "tls" => self.options.tls = Some(self.tls(value, Side::Clients)?),
            "allow_non_tls" => options.allow_non_tls = boolean(value)?,
            "authorization" => self.authorization(value)?,
            "accounts" => self.accounts(value)?,
            "operator" | "operators" | "roots" | "root" | "root_operators" | "root_operator" => {
                self.operators(key, value)?;
            }
            "trusted" | "trusted_keys" => self.trusted_keys(key, value)?,
            "resolver" | "account_resolver" | "accounts_resolver" => self.resolver(key, value)?,
            "resolver_preload" => self.resolver_preload(key, value)?,
            "resolver_tls" => {
                needs_identity(key, value)?;
                self.resolver_tls = Some(self.client_tls(value)?);
            }
            "cluster" => self.cluster(value)?,
            "gateway" => self.gateway(value)?,
            "leaf" | "leafnodes" => self.leafnodes(value)?,
            "websocket" | "ws" => self.websocket(key, value)?,
            "no_auth_user" => options.no_auth_user = non_empty(string(value)?),
            // Read before all others.
            "system_account" | "system" => {}
            "no_system_account" | "no_system" | "no_sys_acc" => {
                options.no_system_account = boolean(value)?;
            }
            "disable_sublist_cache" | "no_sublist_cache" => {
                options.no_sublist_cache = boolean(value)?
            }
            "no_header_support" => options.no_header_support = boolean(value)?,
            "no_fast_producer_stall" => options.no_fast_producer_stall = boolean(value)?,
            folded => return self.limit(folded, key, value),
        }
        Ok(())
    }

    fn limit(&mut self, folded: &str, key: &str, value: &Value) -> Result<(), Problem> {
        match folded {
            "max_control_line" => self.options.max_control_line = self.size(key, value)?,
            "max_payload" => self.options.max_payload = self.size(key, value)?,
            "max_pending" => self.options.max_pending = non_zero(integer(value)?),
            "max_connections" | "max_conn" => {
                // To the server, 0 is no limit here, not its default.
                self.options.max_connections = Some(match integer(value)? {
                    0 => -1,
                    max => max,
                });
            }
            "max_subscriptions" | "max_subs" => {
                self.options.max_subscriptions = non_zero(integer(value)?);
            }
            "max_sub_tokens" | "max_subscription_tokens" => {
                let max = integer(value)?;
                let reason = if max <= 0 {
                    "can not be negative"
                } else {
                    "is too big"
                };
                let max = u8::try_from(max).ok().filter(|&max| max > 0);
                self.options.max_subscription_tokens =
                    Some(max.ok_or_else(|| invalid(value, format!("{key} value {reason}")))?);
            }
            "max_closed_clients" => self.options.max_closed_clients = non_zero(integer(value)?),
            "ping_interval" => {
                self.options.ping_interval =
                    self.seconds_or_duration("ping_interval", key, value)?
            }
            "ping_max" => self.options.ping_max = non_zero(integer(value)?),
            "write_deadline" => {
                self.options.write_deadline =
                    self.seconds_or_duration("write_deadline", key, value)?;
            }
            "write_timeout" => {
                self.options.write_timeout = Some(write_timeout(value)?);
            }
            "lame_duck_duration" => {
                let nanos = nanos("lame_duck_duration", value)?;
                if nanos < MIN_LAME_DUCK_DURATION {
                    let given = duration::format(nanos);
                    let reason =
                        format!("invalid lame_duck_duration of {given}, minimum is 30 seconds");
                    return Err(invalid(value, reason));
                }
                self.options.lame_duck_duration = Some(Duration::from_nanos(nanos.unsigned_abs()));
            }
            "lame_duck_grace_period" => {
                let nanos = nanos("lame_duck_grace_period", value)?;
                if nanos < 0 {
                    return Err(invalid(
                        value,
                        "invalid lame_duck_grace_period, needs to be positive",
                    ));
                }
                self.options.lame_duck_grace_period =
                    (nanos > 0).then(|| Duration::from_nanos(nanos.unsigned_abs()));
            }
            folded => return self.without_effect(folded, key, value),
        }
        Ok(())
    }

    /// Keys whose effect lies outside of a simulation. Their types are still checked.
    fn without_effect(&mut self, folded: &str, key: &str, value: &Value) -> Result<(), Problem> {
        let is_set = match folded {
            "syslog" => boolean(value)?,
            "remote_syslog" => !string(value)?.is_empty(),
            "logfile_size_limit" | "log_size_limit" | "logfile_max_num" | "log_max_num"
            | "prof_port" | "prof_block_rate" => integer(value)? != 0,
            "store_dir" | "storedir" => {
                // Nothing is stored, JetStream being refused.
                if self.store_dir {
                    return Err(invalid(value, "Duplicate 'store_dir' configuration"));
                }
                self.store_dir = !string(value)?.is_empty();
                self.store_dir
            }
            "default_js_domain" => {
                let map = value.as_map().ok_or_else(|| {
                    unsupported_type(value, "error default_js_domain config: unsupported type")
                })?;
                // The server names the place of the whole map.
                for (_, domain) in map.iter() {
                    string(domain).map_err(|problem| Problem {
                        at: Some(value.at.clone()),
                        ..problem
                    })?;
                }
                !map.is_empty()
            }
            "ocsp" => match &value.kind {
                Kind::Bool(on) => *on,
                Kind::Map(_) => return Err(unsupported(key, value)),
                _ => {
                    return Err(unsupported_type(
                        value,
                        "error parsing ocsp config: unsupported type",
                    ));
                }
            },
            "ocsp_cache" => match &value.kind {
                Kind::Bool(on) => *on,
                Kind::Map(_) => return Err(unsupported(key, value)),
                _ => {
                    return Err(unsupported_type(
                        value,
                        "error parsing tags: unsupported type",
                    ));
                }
            },
            folded => return self.refused(folded, key, value),
        };
        if is_set {
            self.warnings.push(Warning::Ignored {
                at: value.at.clone(),
                key: key.to_owned(),
            });
        }
        Ok(())
    }

    /// Keys that would change the server's behaviour, unless their value says that they don't.
    fn refused(&mut self, folded: &str, key: &str, value: &Value) -> Result<(), Problem> {
        let is_set = match folded {
            "http" | "https" => {
                listen::parse(value)
                    .map_err(|reason| invalid(value, reason))?
                    .1
                    != 0
            }
            "http_port" | "monitor_port" | "https_port" => integer(value)? != 0,
            "default_sentinel" => !string(value)?.is_empty(),
            "proxy_protocol" => boolean(value)?,
            "jetstream" => match &value.kind {
                Kind::String(text)
                    if !is_off(&value.kind)
                        && !matches!(fold(text).as_str(), "enabled" | "enable") =>
                {
                    let reason =
                        format!("Expected 'enabled' or 'disabled' for string value, got '{text}'");
                    return Err(invalid(value, reason));
                }
                kind => !is_off(kind),
            },
            "mqtt" | "proxies" | "resolver_pinned_accounts" => true,
            _ if value.is_used_variable() => false,
            _ => return Err(unknown(key, value)),
        };
        if is_set {
            Err(unsupported(key, value))
        } else {
            Ok(())
        }
    }

    fn tags(&mut self, value: &Value) -> Result<(), Problem> {
        const START: &str = "error parsing tags: unsupported type";
        let tags: Vec<&str> = match &value.kind {
            Kind::String(tag) => vec![tag],
            Kind::Array(array) => {
                let tags: Vec<_> = array.iter().map_while(Value::as_str).collect();
                if tags.len() < array.len() {
                    // The server names the type of its own wrapper around the value.
                    let reason = format!("{START} *conf.token where string is expected");
                    return Err(invalid(value, reason));
                }
                tags
            }
            _ => return Err(unsupported_type(value, START)),
        };
        for tag in tags.into_iter().map(fold) {
            if !tag.is_empty() && !self.options.tags.contains(&tag) {
                self.options.tags.push(tag);
            }
        }
        Ok(())
    }

    /// A size that the server keeps in 32 bits.
    fn size(&self, key: &str, value: &Value) -> Result<Option<i32>, Problem> {
        let size = integer(value)?;
        if size > i64::from(i32::MAX) {
            return Err(invalid(value, format!("{key} value is too big")));
        }
        // Only sizes far below zero lose anything, as they do in the server.
        Ok(Some(size as i32).filter(|&size| size != 0))
    }
}

/// Whether a value switches JetStream off.
pub(super) fn is_off(kind: &Kind) -> bool {
    match kind {
        Kind::Bool(on) => !on,
        Kind::String(text) => matches!(fold(text).as_str(), "disabled" | "disable"),
        _ => false,
    }
}

pub(super) fn string(value: &Value) -> Result<String, Problem> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| wrong_type(value, "string"))
}

pub(super) fn integer(value: &Value) -> Result<i64, Problem> {
    value.as_integer().ok_or_else(|| wrong_type(value, "int64"))
}

pub(super) fn boolean(value: &Value) -> Result<bool, Problem> {
    value.as_bool().ok_or_else(|| wrong_type(value, "bool"))
}

pub(super) fn at(value: &Value, kind: ProblemKind) -> Problem {
    Problem {
        at: Some(value.at.clone()),
        kind,
    }
}

pub(super) fn wrong_type(value: &Value, wanted: &'static str) -> Problem {
    at(
        value,
        ProblemKind::WrongType {
            found: value.kind.type_name(),
            wanted,
        },
    )
}

pub(super) fn invalid(value: &Value, reason: impl Into<String>) -> Problem {
    at(value, ProblemKind::Invalid(reason.into()))
}

pub(super) fn unknown(key: &str, value: &Value) -> Problem {
    at(value, ProblemKind::UnknownField(key.to_owned()))
}

pub(super) fn unsupported(key: &str, value: &Value) -> Problem {
    at(value, ProblemKind::Unsupported(key.to_owned()))
}

/// What a key needs that has to do with nkeys and JWTs.
pub(super) fn needs_identity(key: &str, value: &Value) -> Result<(), Problem> {
    if identity::IS_SUPPORTED {
        return Ok(());
    }
    let kind = ProblemKind::NeedsFeature {
        key: key.to_owned(),
        feature: identity::FEATURE,
    };
    Err(at(value, kind))
}

/// A reason that ends with the type of the value.
pub(super) fn unsupported_type(value: &Value, start: &str) -> Problem {
    invalid(value, format!("{start} {}", value.kind.type_name()))
}

pub(super) fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Most numbers are at their default when they are 0.
pub(super) fn non_zero(n: i64) -> Option<i64> {
    (n != 0).then_some(n)
}
