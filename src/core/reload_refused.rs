//! What a running server does not change, and in which words it says so.
//!
//! Of blocks about links it shows all it has, in the way in which Go prints a struct: values without names,
//! and where there are pointers, addresses in memory. Newer releases name the one option of leaf nodes that
//! was changed.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_mock_protocol::conf::duration;

use super::reload::ReloadError;
use super::reload_remotes::{self, is_same_remote};
use super::reload_shown::{Addresses, Block, NIL, changed, pinned, refuse, written};
use super::reload_trust::refuse_other_trust;
use super::reload_websocket::refuse_websocket;
use crate::topology::{
    CalloutOptions, ClusterOptions, Compression, CompressionOptions, GatewayOptions,
    LeafNodeOptions, LeafUser, RemoteGateway, RemoteUrl, ServerSpec, TlsOptions, WriteTimeout,
};
use crate::version::{Feature, Profile};

/// Where a server listens that is not told where.
const ALL_ADDRESSES: &str = "0.0.0.0";

/// In seconds: for the authentication of a link, and its TLS.
const LINK_TIMEOUT: f64 = 2.0;

/// Says why a server does not take a changed configuration.
pub(super) fn refuse_unsupported(
    old: &ServerSpec,
    new: &ServerSpec,
    profile: &Profile,
    seed: u64,
) -> Result<(), ReloadError> {
    let name = |spec: &ServerSpec| spec.name.clone().unwrap_or_default();
    refuse("ServerName", name(old), name(new))?;
    let callout = |spec: &ServerSpec| {
        let auth = spec.authorization.as_ref();
        let callout = auth.and_then(|auth| auth.callout.as_ref());
        callout.map_or_else(|| NIL.to_owned(), |callout| shown_callout(callout, profile))
    };
    refuse("AuthCallout", callout(old), callout(new))?;
    let host = |spec: &ServerSpec| {
        let cluster = spec.cluster.as_ref();
        let named = cluster.and_then(|cluster| cluster.host.clone());
        let listens = cluster.is_some_and(ClusterOptions::is_listening);
        named.unwrap_or_else(|| default_host(listens).to_owned())
    };
    refuse("cluster host", host(old), host(new))?;
    let port = |spec: &ServerSpec| {
        let cluster = spec.cluster.as_ref();
        cluster.and_then(|cluster| cluster.port).unwrap_or(0)
    };
    refuse("cluster port", port(old).to_string(), port(new).to_string())?;
    let mut addresses = Addresses::new(seed);
    refuse_gateway(old, new, profile, &mut addresses)?;
    refuse_leafnodes(old, new, profile, &mut addresses)?;
    refuse_websocket(old, new, profile, &mut addresses)?;
    let plain = |spec: &ServerSpec| spec.allow_non_tls.to_string();
    refuse("AllowNonTLS", plain(old), plain(new))?;
    refuse_other_trust(old, new)
}

/// What is configured of a service that is asked who clients are; lists count in their order.
fn shown_callout(callout: &CalloutOptions, profile: &Profile) -> String {
    let list = |entries: &[String]| format!("[{}]", entries.join(" "));
    let block = Block::default()
        .with("Issuer", &callout.issuer)
        .with("Account", &callout.account)
        .with("AuthUsers", list(&callout.auth_users))
        .with("XKey", callout.xkey.as_deref().unwrap_or_default())
        .with_if(
            profile.has(Feature::CalloutAllowedAccounts),
            "AllowedAccounts",
            list(&callout.allowed_accounts),
        );
    format!("&{}", block.shown())
}

fn refuse_gateway(
    old: &ServerSpec,
    new: &ServerSpec,
    profile: &Profile,
    addresses: &mut Addresses,
) -> Result<(), ReloadError> {
    let mut block = |spec: &ServerSpec| {
        let options = spec.gateway.clone().unwrap_or_default();
        gateway(&options, profile, addresses)
    };
    let (was, is) = (block(old), block(new));
    let remotes = |spec: &ServerSpec| {
        let all = spec.gateway.iter().flat_map(|it| it.gateways.iter());
        let mut all: Vec<_> = all.map(what_is_kept).collect();
        all.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        all
    };
    if was.first_change(&is).is_none() && remotes(old) == remotes(new) {
        return Ok(());
    }
    Err(changed("Gateway", was.shown(), is.shown()))
}

fn refuse_leafnodes(
    old: &ServerSpec,
    new: &ServerSpec,
    profile: &Profile,
    addresses: &mut Addresses,
) -> Result<(), ReloadError> {
    let options = |spec: &ServerSpec| spec.leafnodes.clone().unwrap_or_default();
    let (was, is) = (options(old), options(new));
    let users = |options: &LeafNodeOptions| {
        let users = options.authorization.as_ref();
        users
            .and_then(|it| it.users.clone())
            .filter(|it| !it.is_empty())
    };
    let (old_users, new_users) = (users(&was), users(&is));
    let users_changed = have_changed(old_users.as_deref(), new_users.as_deref());
    let old_compression = options_in_force(&was);
    let new_compression = was_written(&is);
    let mut block = |options: &LeafNodeOptions, users: Option<&[LeafUser]>, compression| {
        leafnodes(
            options,
            users.map_or(0, <[LeafUser]>::len),
            compression,
            profile,
            addresses,
        )
    };
    let old_block = block(&was, old_users.as_deref(), old_compression);
    let new_block = block(&is, new_users.as_deref(), new_compression);
    if profile.has(Feature::LeafOptionsNamed) {
        let field =
            |option: String, old: &str, new: &str| changed(option, old.to_owned(), new.to_owned());
        if users_changed {
            let shown = |block: &Block| block.value("Users").to_owned();
            let option = "LeafNode: field \"Users\"".to_owned();
            return Err(field(option, &shown(&old_block), &shown(&new_block)));
        }
        if let Some((old, new)) = old_block.first_change(&new_block) {
            let option = format!("LeafNode: field \"{}\"", old.name);
            return Err(field(option, &old.value, &new.value));
        }
        return reload_remotes::changed_option(&was.remotes, &is.remotes).map_or(
            Ok(()),
            |change| {
                let option = format!(
                    "LeafNode: remote {}: field \"{}\"",
                    change.remote, change.name
                );
                Err(field(option, &change.old, &change.new))
            },
        );
    }
    let remotes_changed = was.remotes.len() != is.remotes.len()
        || !was
            .remotes
            .iter()
            .all(|old| is.remotes.iter().any(|new| is_same_remote(old, new)));
    if old_block.first_change(&new_block).is_none() && !users_changed && !remotes_changed {
        return Ok(());
    }
    Err(changed("LeafNode", old_block.shown(), new_block.shown()))
}

fn default_host(listens: bool) -> &'static str {
    if listens { ALL_ADDRESSES } else { "" }
}

/// Of a gateway that is dialled, what a running server does not change. Its certificates are read anew.
fn what_is_kept(remote: &RemoteGateway) -> (String, Vec<RemoteUrl>, Option<Duration>) {
    let timeout = remote.tls.as_ref().and_then(TlsOptions::stated_timeout);
    (remote.name.clone(), remote.urls.clone(), timeout)
}

/// What a server prints of the TLS of a block.
struct Secured {
    exists: bool,
    timeout: f64,
    auth_timeout: f64,
    maps: bool,
    checks_known_urls: bool,
    pinned: String,
    first: bool,
    fallback: Option<Duration>,
}

impl Secured {
    fn new(tls: Option<&TlsOptions>, listens: bool) -> Self {
        let default = if listens { LINK_TIMEOUT } else { 0.0 };
        let timeout = tls.map_or(default, |tls| tls.timeout.as_secs_f64());
        Self {
            exists: tls.is_some(),
            timeout,
            // Whoever has to make a handshake first gets a second more.
            auth_timeout: tls.map_or(default, |_| timeout + 1.0),
            maps: tls.is_some_and(|tls| tls.map),
            checks_known_urls: tls.is_some_and(|tls| tls.checks_known_urls),
            pinned: pinned(tls),
            first: tls.is_some_and(|tls| tls.handshake_first),
            fallback: tls.and_then(|tls| tls.fallback),
        }
    }
}

fn policy(timeout: Option<WriteTimeout>) -> &'static str {
    match timeout {
        None | Some(WriteTimeout::Default) => "",
        Some(WriteTimeout::Close) => "close",
        Some(WriteTimeout::Retry) => "retry",
    }
}

fn gateway(options: &GatewayOptions, profile: &Profile, addresses: &mut Addresses) -> Block {
    let listens = options.port.is_some();
    let auth = options.authorization.clone().unwrap_or_default();
    let tls = Secured::new(options.tls.as_ref(), listens);
    let has_deadlines = profile.has(Feature::WriteDeadlinesOfLinks);
    Block::default()
        .with("Name", options.name.as_deref().unwrap_or_default())
        .with(
            "Host",
            options.host.as_deref().unwrap_or(default_host(listens)),
        )
        .with("Port", options.port.unwrap_or(0))
        .with("Username", auth.user.unwrap_or_default())
        .with("Password", auth.password.unwrap_or_default())
        .with("AuthTimeout", auth.timeout.unwrap_or(tls.auth_timeout))
        .with_apart("TLSConfig", addresses.to(tls.exists))
        .with("TLSTimeout", tls.timeout)
        .with("TLSMap", tls.maps)
        .with("TLSCheckKnownURLs", tls.checks_known_urls)
        .with_told(
            !profile.has(Feature::GatewayPinsReloaded),
            "TLSPinnedCerts",
            tls.pinned,
        )
        .with(
            "Advertise",
            options.advertise.as_deref().unwrap_or_default(),
        )
        .with("ConnectRetries", options.connect_retries.unwrap_or(0))
        .with_if(
            profile.has(Feature::ConnectBackoff),
            "ConnectBackoff",
            options.connect_backoff,
        )
        .with_apart("Gateways", addresses.list(options.gateways.len()))
        .with("RejectUnknown", options.reject_unknown_cluster)
        .with_if(
            has_deadlines,
            "WriteDeadline",
            written(options.write_deadline),
        )
        .with_if(has_deadlines, "WriteTimeout", policy(options.write_timeout))
        .with("resolver", NIL)
        .with("sendQSubsBufSize", 0)
        .with_apart("tlsConfigOpts", addresses.to(tls.exists))
}

fn leafnodes(
    options: &LeafNodeOptions,
    users: usize,
    compression: String,
    profile: &Profile,
    addresses: &mut Addresses,
) -> Block {
    let listens = options.is_listening();
    let auth = options.authorization.clone().unwrap_or_default();
    let tls = Secured::new(options.tls.as_ref(), listens);
    let has_deadlines = profile.has(Feature::WriteDeadlinesOfLinks);
    let isolates = profile.has(Feature::IsolatedLeafs);
    let has_dial_timeout = profile.has(Feature::LeafOptionsNamed);
    Block::default()
        .with(
            "Host",
            options.host.as_deref().unwrap_or(default_host(listens)),
        )
        .with("Port", options.port.unwrap_or(0))
        .with("Username", auth.user.unwrap_or_default())
        .with("Password", auth.password.unwrap_or_default())
        .with_if(isolates, "ProxyRequired", false)
        .with("Nkey", auth.nkey.unwrap_or_default())
        .with("Account", auth.account.unwrap_or_default())
        .with_apart("Users", addresses.list(users))
        .with("AuthTimeout", auth.timeout.unwrap_or(tls.auth_timeout))
        .with_apart("TLSConfig", addresses.to(tls.exists))
        .with("TLSTimeout", tls.timeout)
        .with("TLSMap", tls.maps)
        .with("TLSPinnedCerts", tls.pinned)
        .with_apart("TLSHandshakeFirst", tls.first.to_string())
        .with_apart_if(
            has_deadlines,
            "TLSHandshakeFirstFallback",
            written(tls.fallback),
        )
        .with(
            "Advertise",
            options.advertise.as_deref().unwrap_or_default(),
        )
        .with("NoAdvertise", options.no_advertise)
        .with(
            "ReconnectInterval",
            written(Some(options.reconnect_in_force())),
        )
        .with_if(
            has_deadlines,
            "WriteDeadline",
            written(options.write_deadline),
        )
        .with_if(has_deadlines, "WriteTimeout", policy(options.write_timeout))
        .with_apart("Compression", compression)
        .with_apart("Remotes", addresses.list(options.remotes.len()))
        .with(
            "MinVersion",
            options.min_version.as_deref().unwrap_or_default(),
        )
        .with_if(
            isolates,
            "IsolateLeafnodeInterest",
            options.isolate_leafnode_interest,
        )
        .with_if(
            has_dial_timeout,
            "DialTimeout",
            written(options.dial_timeout),
        )
        .with("resolver", NIL)
        .with_if(!has_dial_timeout, "dialTimeout", 0)
        .with("connDelay", 0)
        .with_apart("tlsConfigOpts", addresses.to(tls.exists))
}

/// The compression of a running server, which has filled in what was left to it.
fn options_in_force(options: &LeafNodeOptions) -> String {
    if !options.is_listening() && options.compression.is_none() {
        return compression("", Vec::new());
    }
    match options.compression_in_force() {
        Ok(Compression::Auto(levels)) => {
            let levels = levels.iter().map(|&level| written(Some(level)));
            compression("s2_auto", levels.collect())
        }
        Ok(mode) => compression(mode.name(), Vec::new()),
        Err(_) => was_written(options),
    }
}

/// The compression of a configuration that was only read.
fn was_written(options: &LeafNodeOptions) -> String {
    let CompressionOptions {
        mode,
        rtt_thresholds,
    } = options.compression.clone().unwrap_or_default();
    let mode = match &*mode {
        "" if options.is_listening() => "s2_auto",
        mode => mode,
    };
    let levels = rtt_thresholds.iter().map(|&nanos| duration::format(nanos));
    compression(mode, levels.collect())
}

fn compression(mode: &str, levels: Vec<String>) -> String {
    format!("{{{mode} [{}]}}", levels.join(" "))
}

/// Whether users are others than before. Their order does not matter.
fn have_changed(old: Option<&[LeafUser]>, new: Option<&[LeafUser]>) -> bool {
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let by_name = |users: &[LeafUser]| -> BTreeMap<String, LeafUser> {
        let named = users.iter().map(|user| (user.user.clone(), user.clone()));
        named.collect()
    };
    let known = by_name(new);
    old.len() != new.len()
        || by_name(old)
            .iter()
            .any(|(name, user)| known.get(name) != Some(user))
}
