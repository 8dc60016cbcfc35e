//! What a running server does not change, and in which words it says so.
//!
//! Of blocks about links it shows all it has, in the way in which Go prints a struct: values without names,
//! and where there are pointers, addresses in memory. Newer releases name the one option of leaf nodes that
//! was changed.

use nats_mock_protocol::conf::duration;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use std::collections::BTreeMap;
use std::time::Duration;

use super::ids;
use super::reload::ReloadError;
use super::reload_remotes::{self, is_same_remote};
use crate::topology::{
    ClusterOptions, Compression, CompressionOptions, GatewayOptions, LeafNodeOptions, LeafUser,
    RemoteGateway, ServerSpec, WriteTimeout,
};
use crate::version::{Feature, Profile};

/// An option of a block, as a server prints it.
struct Shown {
    name: &'static str,
    value: String,
    /// Whether its value tells if it was changed.
    tells: bool,
}

/// All options of a block, in the server's order.
#[derive(Default)]
struct Block(Vec<Shown>);

impl Block {
    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        let value = value.to_string();
        let tells = true;
        self.0.push(Shown { name, value, tells });
        self
    }

    /// An option that is compared in another way.
    fn with_apart(mut self, name: &'static str, value: String) -> Self {
        let tells = false;
        self.0.push(Shown { name, value, tells });
        self
    }

    /// An option that not all releases have.
    fn with_if(self, is_known: bool, name: &'static str, value: impl ToString) -> Self {
        if is_known {
            self.with(name, value)
        } else {
            self
        }
    }

    /// The first option in which two blocks differ.
    fn first_change<'a>(&'a self, new: &'a Self) -> Option<(&'a Shown, &'a Shown)> {
        let mut pairs = self.0.iter().zip(&new.0);
        pairs.find(|(old, new)| old.tells && old.value != new.value)
    }

    fn shown(&self) -> String {
        let values: Vec<&str> = self.0.iter().map(|shown| &*shown.value).collect();
        format!("{{{}}}", values.join(" "))
    }
}

/// What pointers are printed as. A simulation has no memory that they could point to.
struct Addresses(ChaCha8Rng);

impl Addresses {
    const HEAP: u64 = 0xc0_0000_0000;
    const STEP: u64 = 0x10;
    const PLACES: u64 = 0x4_0000;

    fn list(&mut self, len: usize) -> String {
        let all: Vec<String> = (0..len)
            .map(|_| {
                let place = self.0.next_u64() % Self::PLACES;
                format!("{:#x}", Self::HEAP + place * Self::STEP)
            })
            .collect();
        format!("[{}]", all.join(" "))
    }
}

/// What Go prints for a pointer to nothing.
const NIL: &str = "<nil>";

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
    let refuse = |option: &'static str, old: String, new: String| {
        if old == new {
            Ok(())
        } else {
            Err(ReloadError {
                option: option.into(),
                old,
                new,
            })
        }
    };
    // Unlike the real ones, a server has keys to sign with only if it needed them from the start.
    let callout = |spec: &ServerSpec| {
        let auth = spec.authorization.as_ref();
        auth.is_some_and(|auth| auth.callout.is_some())
    };
    if callout(new) && !callout(old) {
        refuse("AuthCallout", "none".to_owned(), "the first".to_owned())?;
    }
    let name = |spec: &ServerSpec| spec.name.clone().unwrap_or_default();
    refuse("ServerName", name(old), name(new))?;
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
    let mut addresses = Addresses(ids::stream(seed, "addresses"));
    refuse_gateway(old, new, profile, &mut addresses)?;
    refuse_leafnodes(old, new, profile, &mut addresses)?;
    let operator = |spec: &ServerSpec| format!("{:?}", spec.operator);
    if old.operator != new.operator {
        refuse("Operator", operator(old), operator(new))?;
    }
    let plain = |spec: &ServerSpec| spec.allow_non_tls.to_string();
    refuse("AllowNonTLS", plain(old), plain(new))?;
    let system = |spec: &ServerSpec| format!("{:?}", spec.system_account);
    refuse("SystemAccount", system(old), system(new))
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
        let mut all: Vec<RemoteGateway> = all.cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    };
    if was.first_change(&is).is_none() && remotes(old) == remotes(new) {
        return Ok(());
    }
    Err(ReloadError {
        option: "Gateway".into(),
        old: was.shown(),
        new: is.shown(),
    })
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
        let field = |option: String, old: &str, new: &str| ReloadError {
            option: option.into(),
            old: old.to_owned(),
            new: new.to_owned(),
        };
        if users_changed {
            let shown = |block: &Block| {
                let users = block.0.iter().find(|shown| shown.name == "Users");
                users.map_or_else(String::new, |shown| shown.value.clone())
            };
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
    Err(ReloadError {
        option: "LeafNode".into(),
        old: old_block.shown(),
        new: new_block.shown(),
    })
}

fn default_host(listens: bool) -> &'static str {
    if listens { ALL_ADDRESSES } else { "" }
}

fn default_timeout(listens: bool) -> f64 {
    if listens { LINK_TIMEOUT } else { 0.0 }
}

fn written(duration: Option<Duration>) -> String {
    let nanos = duration.map_or(0, |it| i64::try_from(it.as_nanos()).unwrap_or(i64::MAX));
    duration::format(nanos)
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
        .with(
            "AuthTimeout",
            auth.timeout.unwrap_or(default_timeout(listens)),
        )
        .with("TLSConfig", NIL)
        .with("TLSTimeout", default_timeout(listens))
        .with("TLSMap", false)
        .with("TLSCheckKnownURLs", false)
        .with("TLSPinnedCerts", "map[]")
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
        .with("tlsConfigOpts", NIL)
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
        .with("Nkey", "")
        .with("Account", auth.account.unwrap_or_default())
        .with_apart("Users", addresses.list(users))
        .with(
            "AuthTimeout",
            auth.timeout.unwrap_or(default_timeout(listens)),
        )
        .with("TLSConfig", NIL)
        .with("TLSTimeout", default_timeout(listens))
        .with("TLSMap", false)
        .with("TLSPinnedCerts", "map[]")
        .with("TLSHandshakeFirst", false)
        .with_if(has_deadlines, "TLSHandshakeFirstFallback", written(None))
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
        .with("tlsConfigOpts", NIL)
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
