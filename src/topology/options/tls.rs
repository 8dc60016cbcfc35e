//! A `tls` block: what it says, and the files that it names.

use std::collections::BTreeSet;
use std::time::Duration;

use nats_mock_protocol::conf::{Kind, Map, Value, duration, fold};
use rustls::crypto::SupportedKxGroup;

use super::{
    problem::Problem,
    read::{Reader, invalid, non_empty, unsupported, wrong_type},
    words::{plain, quote},
};
use crate::{
    topology::tls::{
        Acceptor, ClientTls, Connecting, Connector, DEFAULT_FALLBACK, DEFAULT_TIMEOUT, Demands,
        Identity, LoadError, Roots, TlsOptions, authorities, identity,
        suites::{Suite, curve_named, suite_named},
    },
    version::Feature,
};

/// Whose block it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Clients or leaf nodes connect, and a certificate is asked of them on request.
    Clients,
    /// Servers connect to each other, and show certificates.
    Servers,
}

/// A block as it is written.
#[derive(Default)]
struct Block {
    cert_file: Option<String>,
    key_file: Option<String>,
    ca_file: Option<String>,
    certs: Option<Vec<(String, String)>>,
    verify: bool,
    map: bool,
    checks_known_urls: bool,
    timeout: Option<Duration>,
    handshake_first: bool,
    fallback: Option<Duration>,
    pinned: Option<BTreeSet<String>>,
    rate_limit: u64,
    suites: Option<Vec<Suite>>,
    allows_insecure: bool,
    /// Whether everybody is trusted to whom a server connects.
    trusts_anybody: bool,
    curves: Option<Vec<&'static dyn SupportedKxGroup>>,
    only_newest: bool,
}

impl Reader<'_> {
    /// A `tls` block with its files loaded.
    pub(super) fn tls(&mut self, value: &Value, side: Side) -> Result<TlsOptions, Problem> {
        let loaded = self.tls_block(value, side)?.load(side);
        loaded.map_err(|error| invalid(value, error.to_string()))
    }

    /// The same where the server is the one that connects.
    pub(super) fn client_tls(&mut self, value: &Value) -> Result<ClientTls, Problem> {
        let loaded = self.tls_block(value, Side::Clients)?.load_for_client();
        loaded.map_err(|error| invalid(value, error.to_string()))
    }

    fn tls_block(&mut self, value: &Value, side: Side) -> Result<Block, Problem> {
        let map = value
            .as_map()
            .ok_or_else(|| wrong_type(value, "map[string]interface {}"))?;
        let mut block = Block::default();
        for (key, value) in map.iter() {
            self.tls_entry(&mut block, key, value, side)?;
        }
        let insecure: Vec<&str> = block
            .suites
            .iter()
            .flatten()
            .filter(|it| it.is_insecure)
            .map(|it| it.name)
            .collect();
        if block.certs.as_ref().is_some_and(|certs| !certs.is_empty()) && block.cert_file.is_some()
        {
            return Err(invalid(
                value,
                "error parsing tls config, cannot combine 'cert_file' option with 'certs' option",
            ));
        }
        if !block.allows_insecure
            && !insecure.is_empty()
            && self.has(Feature::InsecureSuitesRefused)
        {
            let reason = format!(
                "insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: {}",
                insecure.join(", ")
            );
            return Err(invalid(value, reason));
        }
        if let Some(suite) = block.suites.iter().flatten().find(|it| !it.is_available()) {
            return Err(unsupported(suite.name, value));
        }
        Ok(block)
    }

    fn tls_entry(
        &self,
        block: &mut Block,
        key: &str,
        value: &Value,
        side: Side,
    ) -> Result<(), Problem> {
        let folded = fold(key);
        let file = || {
            let reason = format!("error parsing tls config, expected '{folded}' to be filename");
            let file = value.as_str().ok_or_else(|| invalid(value, reason))?;
            Ok(non_empty(file.to_owned()))
        };
        let flag = || {
            let reason = format!("error parsing tls config, expected '{folded}' to be a boolean");
            value.as_bool().ok_or_else(|| invalid(value, reason))
        };
        match folded.as_str() {
            "cert_file" => block.cert_file = file()?,
            "key_file" => block.key_file = file()?,
            "ca_file" => block.ca_file = file()?,
            "verify" => block.verify = flag()?,
            "verify_and_map" => {
                block.map = flag()?;
                block.verify |= block.map;
            }
            "verify_cert_and_check_known_urls" => {
                if flag()? {
                    if side == Side::Clients {
                        let reason =
                            "verify_cert_and_check_known_urls not supported in this context";
                        return Err(invalid(value, reason));
                    }
                    block.verify = true;
                    block.checks_known_urls = true;
                }
            }
            // Only whoever connects could heed this.
            "insecure" => block.trusts_anybody = flag()?,
            "allow_insecure_cipher_suites" if self.has(Feature::InsecureSuitesRefused) => {
                block.allows_insecure = flag()?;
            }
            "cipher_suites" => block.suites = Some(suites(value)?),
            "curve_preferences" => block.curves = Some(curves(value)?),
            "timeout" => block.timeout = timeout(key, value)?,
            "connection_rate_limit" => {
                let reason = "error parsing tls config, 'connection_rate_limit' wrong type";
                let limit = value.as_integer().ok_or_else(|| invalid(value, reason))?;
                block.rate_limit = u64::try_from(limit).unwrap_or(0);
            }
            "pinned_certs" => block.pinned = pinned(value)?,
            "handshake_first" | "first" | "immediate" => block.first(key, value)?,
            "certs" | "certificates" => block.certs = Some(certificates(value)?),
            "min_version" => block.only_newest = is_newest(value)?,
            "ocsp_peer" if value.as_bool() == Some(false) => {}
            "ocsp_peer"
            | "cert_store"
            | "cert_match_by"
            | "cert_match"
            | "ca_certs_match"
            | "cert_match_skip_invalid" => return Err(unsupported(key, value)),
            _ => {
                let reason = format!("error parsing tls config, unknown field {}", quote(key));
                return Err(invalid(value, reason));
            }
        }
        Ok(())
    }
}

impl Block {
    fn first(&mut self, key: &str, value: &Value) -> Result<(), Problem> {
        let text = match &value.kind {
            Kind::Bool(first) => {
                self.handshake_first = *first;
                return Ok(());
            }
            Kind::String(text) => text,
            other => {
                let found = other.type_name();
                let reason = format!(
                    "field {} should be a boolean or a string, got {found}",
                    quote(key)
                );
                return Err(invalid(value, reason));
            }
        };
        match fold(text).as_str() {
            "true" | "on" => self.handshake_first = true,
            "false" | "off" => self.handshake_first = false,
            "auto" | "auto_fallback" => {
                self.handshake_first = true;
                self.fallback = Some(DEFAULT_FALLBACK);
            }
            _ => {
                let nanos = duration::parse(text).map_err(|_| {
                    let reason = format!("field {}'s value {} is invalid", quote(key), quote(text));
                    invalid(value, reason)
                })?;
                self.handshake_first = true;
                // Nobody waits for less than nothing.
                let nanos = u64::try_from(nanos).unwrap_or(0);
                self.fallback = (nanos > 0).then(|| Duration::from_nanos(nanos));
            }
        }
        Ok(())
    }

    fn identities(&self) -> Result<Vec<Identity>, Unloaded> {
        match (&self.cert_file, &self.key_file, &self.certs) {
            (Some(certificate), Some(key), _) => {
                Ok(vec![identity(certificate, key).map_err(Unloaded::Pair)?])
            }
            (Some(_), None, _) => Err(Unloaded::Missing("key_file")),
            (None, Some(_), _) => Err(Unloaded::Missing("cert_file")),
            (None, None, certs) => several(certs.as_deref().unwrap_or_default()),
        }
    }

    /// Only what matters to who connects; the rest has been looked at.
    fn load_for_client(self) -> Result<ClientTls, Unloaded> {
        let identities = self.identities()?;
        let known = self.ca_file.as_deref().map(authorities).transpose()?;
        let roots = match known {
            _ if self.trusts_anybody => Roots::Any,
            Some(known) => Roots::Given(known),
            None => Roots::Platform,
        };
        let connector = Connector::new(Connecting {
            roots,
            identities,
            suites: self.suites,
            curves: self.curves,
            only_newest: self.only_newest,
        })?;
        Ok(ClientTls { connector })
    }

    fn load(self, side: Side) -> Result<TlsOptions, Unloaded> {
        let identities = self.identities()?;
        let known = self.ca_file.as_deref().map(authorities).transpose()?;
        let verify = self.verify || side == Side::Servers;
        let not_after = identities.first().and_then(|first| first.not_after);
        let acceptor = Acceptor::new(
            identities,
            Demands {
                authorities: verify.then(|| known.unwrap_or_default()),
                suites: self.suites,
                curves: self.curves,
                only_newest: self.only_newest,
            },
        )?;
        Ok(TlsOptions {
            verify,
            map: self.map,
            timeout: self.timeout.unwrap_or(DEFAULT_TIMEOUT),
            states_timeout: self.timeout.is_some(),
            checks_known_urls: self.checks_known_urls,
            handshake_first: self.handshake_first,
            fallback: self.fallback,
            pinned: self.pinned,
            rate_limit: self.rate_limit,
            not_after,
            acceptor,
        })
    }
}

/// Why the files of a block are no good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unloaded {
    #[error("missing '{0}' in TLS configuration")]
    Missing(&'static str),
    #[error("error parsing X509 certificate/key pair: {0}")]
    Pair(LoadError),
    #[error("error parsing X509 certificate/key pair {place}/{count}: {error}")]
    OneOfPairs {
        place: usize,
        count: usize,
        error: LoadError,
    },
    #[error(transparent)]
    Authorities(#[from] LoadError),
    #[error(transparent)]
    Demands(#[from] rustls::Error),
}

fn several(certs: &[(String, String)]) -> Result<Vec<Identity>, Unloaded> {
    let count = certs.len();
    let pairs = certs.iter().zip(1..);
    pairs
        .map(|((certificate, key), place)| {
            identity(certificate, key).map_err(|error| Unloaded::OneOfPairs {
                place,
                count,
                error,
            })
        })
        .collect()
}

/// What would be a block with these files.
pub(crate) fn of_files(
    certificate: &str,
    key: &str,
    authority: Option<&str>,
    verify: bool,
) -> Result<TlsOptions, Unloaded> {
    let block = Block {
        cert_file: Some(certificate.to_owned()),
        key_file: Some(key.to_owned()),
        ca_file: authority.map(str::to_owned),
        verify,
        ..Block::default()
    };
    block.load(Side::Clients)
}

fn list(value: &Value) -> Result<&[Value], Problem> {
    value
        .as_array()
        .ok_or_else(|| wrong_type(value, "[]interface {}"))
}

fn text(value: &Value) -> Result<&str, Problem> {
    value.as_str().ok_or_else(|| wrong_type(value, "string"))
}

fn suites(value: &Value) -> Result<Vec<Suite>, Problem> {
    let names = list(value)?;
    if names.is_empty() {
        let reason = "error parsing tls config, 'cipher_suites' cannot be empty";
        return Err(invalid(value, reason));
    }
    let named = |value| {
        let name = text(value)?;
        suite_named(name).ok_or_else(|| invalid(value, format!("unrecognized cipher {name}")))
    };
    names.iter().map(named).collect()
}

fn curves(value: &Value) -> Result<Vec<&'static dyn SupportedKxGroup>, Problem> {
    let names = list(value)?;
    if names.is_empty() {
        let reason = "error parsing tls config, 'curve_preferences' cannot be empty";
        return Err(invalid(value, reason));
    }
    let named = |value| {
        let name = text(value)?;
        let unknown = || invalid(value, format!("unrecognized curve preference {name}"));
        let curve = curve_named(name).ok_or_else(unknown)?;
        curve.ok_or_else(|| unsupported(name, value))
    };
    names.iter().map(named).collect()
}

fn timeout(key: &str, value: &Value) -> Result<Option<Duration>, Problem> {
    let seconds = match &value.kind {
        Kind::Integer(n) => *n as f64,
        Kind::Float(n) => *n,
        Kind::String(text) => {
            let nanos = duration::parse(text).map_err(|error| {
                invalid(
                    value,
                    format!("error parsing tls config, 'timeout' {error}"),
                )
            })?;
            nanos as f64 / 1e9
        }
        _ => {
            return Err(invalid(
                value,
                "error parsing tls config, 'timeout' wrong type",
            ));
        }
    };
    if seconds == 0.0 {
        return Ok(None);
    }
    let time = Duration::try_from_secs_f64(seconds);
    time.map(Some).map_err(|_| unsupported(key, value))
}

fn pinned(value: &Value) -> Result<Option<BTreeSet<String>>, Problem> {
    let reason = "error parsing tls config, expected 'pinned_certs' to be a list of hex-encoded sha256 of DER \
                  encoded SubjectPublicKeyInfo";
    let digests = value.as_array().ok_or_else(|| invalid(value, reason))?;
    let mut pinned = BTreeSet::new();
    for value in digests {
        let digest = fold(text(value)?);
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let reason = format!(
                "error parsing tls config, 'pinned_certs' key {digest} does not look like hex-encoded sha256 of \
                 DER encoded SubjectPublicKeyInfo"
            );
            return Err(invalid(value, reason));
        }
        pinned.insert(digest);
    }
    Ok((!pinned.is_empty()).then_some(pinned))
}

fn certificates(value: &Value) -> Result<Vec<(String, String)>, Problem> {
    let unsupported_type = |value, found: &str| {
        let reason = format!("error parsing certificates config: unsupported type {found}");
        invalid(value, reason)
    };
    let pairs = value
        .as_array()
        // The server names the type of the block around it.
        .ok_or_else(|| unsupported_type(value, "map[string]interface {}"))?;
    let mut read = Vec::new();
    for pair in pairs {
        let map: &Map = pair
            .as_map()
            .ok_or_else(|| unsupported_type(pair, pair.kind.type_name()))?;
        let (mut certificate, mut key) = (String::new(), String::new());
        let mut last = pair;
        for (name, value) in map.iter() {
            last = value;
            let file = value
                .as_str()
                .ok_or_else(|| unsupported_type(value, value.kind.type_name()))?;
            match name {
                "cert_file" => file.clone_into(&mut certificate),
                "key_file" => file.clone_into(&mut key),
                _ => {
                    let reason = format!(
                        "error parsing tls certs config, unknown field {}",
                        quote(name)
                    );
                    return Err(invalid(value, reason));
                }
            }
        }
        if certificate.is_empty() || key.is_empty() {
            let reason = "error parsing certificates config: both 'cert_file' and 'cert_key' options are required";
            return Err(invalid(last, reason));
        }
        read.push((certificate, key));
    }
    Ok(read)
}

/// Whether the oldest version that is good is the newest there is.
fn is_newest(value: &Value) -> Result<bool, Problem> {
    let failed = |what: String| invalid(value, format!("error parsing tls config: {what}"));
    let Some(version) = value.as_str() else {
        let found = plain(&value.kind);
        return Err(failed(format!("'min_version' wrong type: {found}")));
    };
    match version {
        "1.3" => Ok(true),
        "1.2" => Ok(false),
        "1.0" | "1.1" => Err(failed(format!("unsupported TLS version: TLS {version}"))),
        _ => Err(failed(format!("unknown version: {version}"))),
    }
}
