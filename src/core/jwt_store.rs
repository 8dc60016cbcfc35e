//! The tokens of accounts that a resolver keeps, as it keeps them in a directory: with a limit, an age, and a
//! hash over all by which servers find out whether they have the same.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::operator::at_seconds;
use super::time::Time;
use crate::identity::{self, Role, TokenError};
use crate::topology::{AccountServer, JwtDirectory, OperatorOptions, Resolver};

/// What becomes of a file of a resolver's directory, for whoever looks after files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileChange {
    Write(PathBuf, Arc<str>),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

/// What carries out a change of files while its outcome is waited for, or says in a server's words why it cannot.
pub(crate) type WriteFile = fn(FileChange) -> Result<(), String>;

/// How long a resolver looks away at most before it looks for tokens that are too old.
const SWEEP: Duration = Duration::from_secs(60);

/// How many tokens a cache keeps unless something else is said.
const CACHE_LIMIT: usize = 1_000;

/// How often a full resolver asks others for what they have, unless something else is said.
const INTERVAL: Duration = Duration::from_secs(60);

/// Nothing is done more often, so that time that is moved on by hand does not take for ever.
const SHORTEST: Duration = Duration::from_millis(100);

/// Where a resolver has its tokens from, which decides what it answers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ResolverKind {
    #[default]
    Memory,
    Full,
    Cache,
    /// A web server, which is asked for each account when it is needed.
    Url,
}

/// What a resolver knows: the tokens of accounts by their keys.
#[derive(Debug, Default)]
pub(crate) struct JwtStore {
    kind: ResolverKind,
    options: JwtDirectory,
    /// Whom a resolver asks that keeps none.
    pub server: Option<AccountServer>,
    tokens: BTreeMap<Box<str>, Stored>,
    uses: u64,
    changes: Vec<FileChange>,
}

#[derive(Clone, Debug)]
struct Stored {
    text: Arc<str>,
    hash: [u8; 32],
    /// When it is removed.
    expires: Option<Time>,
    last_used: u64,
}

/// Why a token is not taken or not found.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("invalid public key")]
    Key,
    #[error("invalid JWT")]
    Empty,
    #[error("jwt store is full")]
    Full,
    #[error("jwt subject nkey and provided nkey do not match")]
    OtherKey,
    #[error("subject of existing and new jwt do not match")]
    OtherSubject,
    #[error("{0}")]
    File(String),
    #[error("the file cannot be read")]
    Unreadable,
    #[error("line in package didn't contain 2 entries: {0:?}")]
    Line(String),
    #[error("key to merge is not a valid public account key")]
    NoAccount,
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl JwtStore {
    /// An empty store, which has to be [opened](Self::open).
    pub fn new(options: &OperatorOptions) -> Self {
        let (kind, directory, server) = match &options.resolver {
            Some(Resolver::Full(directory)) => (ResolverKind::Full, Some(directory), None),
            Some(Resolver::Cache(directory)) => (ResolverKind::Cache, Some(directory), None),
            Some(Resolver::Url(server)) => (ResolverKind::Url, None, Some(server)),
            Some(Resolver::Memory) | None => (ResolverKind::Memory, None, None),
        };
        Self {
            kind,
            options: directory.cloned().unwrap_or_default(),
            server: server.cloned(),
            ..Self::default()
        }
    }

    /// Takes what is in the directory, or what a server before has made of it, and what is preloaded.
    pub fn open(&mut self, preload: &BTreeMap<String, String>, before: Option<&Self>, now: Time) {
        let mut stored = std::mem::take(&mut self.options.stored);
        if let Some(server) = &mut self.server {
            stored.append(&mut server.known);
        }
        if let Some(before) = before
            .filter(|before| self.is_same_server(before) && self.options.dir == before.options.dir)
            .filter(|_| self.kind != ResolverKind::Memory)
        {
            self.tokens.clone_from(&before.tokens);
            self.uses = before.uses;
        } else {
            for (key, text) in stored {
                self.track(&key, text.into(), now);
            }
        }
        for (key, text) in preload {
            // A server does not say either that it could not keep one.
            let _ = match self.kind {
                ResolverKind::Memory | ResolverKind::Url => {
                    self.track(key, text.as_str().into(), now);
                    Ok(true)
                }
                ResolverKind::Full | ResolverKind::Cache => self.save_if_newer(key, text, now),
            };
        }
    }

    fn is_same_server(&self, other: &Self) -> bool {
        let (own, other) = (self.server.as_ref(), other.server.as_ref());
        own.is_some() == other.is_some()
            && own.zip(other).is_none_or(|(own, other)| own.is_same(other))
    }

    /// Whether another keeps its tokens in the same place.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.kind == other.kind && self.options.dir == other.options.dir
    }

    /// Whether there is a directory where its tokens are.
    pub fn has_files(&self) -> bool {
        !self.options.dir.as_os_str().is_empty()
    }

    pub fn has(&self, key: &str) -> bool {
        self.tokens.contains_key(key)
    }

    /// How long a server waits for others to answer, if that is configured.
    pub fn patience(&self) -> Option<Duration> {
        self.options.timeout
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Has what another one has, which keeps it in the same place. What it may do stays as it was.
    pub fn take_over(&mut self, mut other: Self) {
        self.tokens = std::mem::take(&mut other.tokens);
        self.uses = self.uses.max(other.uses);
        self.changes.append(&mut other.changes);
        self.server = other.server.take();
        self.options.unreadable = std::mem::take(&mut other.options.unreadable);
    }

    /// Remembers a token for a server that starts again.
    pub fn remember(&mut self, key: &str, text: &str, now: Time) {
        self.track(key, text.into(), now);
    }

    pub fn kind(&self) -> ResolverKind {
        self.kind
    }

    pub fn allows_delete(&self) -> bool {
        self.kind == ResolverKind::Cache || self.options.allow_delete
    }

    /// How often a full resolver asks others for what they have.
    pub fn interval(&self) -> Duration {
        self.options.interval.unwrap_or(INTERVAL).max(SHORTEST)
    }

    /// How often it looks for tokens that are too old.
    pub fn sweep_interval(&self) -> Duration {
        let half = self.options.ttl.map_or(SWEEP, |ttl| ttl / 2);
        if half.is_zero() {
            SWEEP
        } else {
            half.clamp(SHORTEST, SWEEP)
        }
    }

    pub fn take_changes(&mut self) -> Vec<FileChange> {
        std::mem::take(&mut self.changes)
    }

    /// Whether there is something for an account that cannot be read.
    pub fn is_unreadable(&self, key: &str) -> bool {
        self.options.unreadable.contains(key)
    }

    /// The token of an account, which counts as used.
    pub fn load(&mut self, key: &str, now: Time) -> Option<Arc<str>> {
        let ttl = self.options.ttl;
        self.uses += 1;
        let stored = self.tokens.get_mut(key)?;
        stored.last_used = self.uses;
        if let Some(ttl) = ttl {
            stored.expires = Some(now + ttl);
        }
        Some(Arc::clone(&stored.text))
    }

    /// Keeps a token, once it is written. Tells whether it is another one than before.
    pub fn save_written(
        &mut self,
        key: &str,
        text: &str,
        now: Time,
        write: WriteFile,
    ) -> Result<bool, StoreError> {
        if !self.admit(key, text, now)? {
            return Ok(false);
        }
        let (before, text) = (self.changes.len(), Arc::<str>::from(text));
        self.change(key, |path| FileChange::Write(path, Arc::clone(&text)));
        for change in self.changes.drain(before..) {
            write(change).map_err(StoreError::File)?;
        }
        self.track(key, text, now);
        Ok(true)
    }

    /// Keeps a token. Tells whether it is another one than before.
    pub fn save(&mut self, key: &str, text: &str, now: Time) -> Result<bool, StoreError> {
        if !self.admit(key, text, now)? {
            return Ok(false);
        }
        let text: Arc<str> = text.into();
        self.track(key, Arc::clone(&text), now);
        self.change(key, |path| FileChange::Write(path, text));
        Ok(true)
    }

    /// Whether a token is one to be kept, and another than before. Makes room for it.
    fn admit(&mut self, key: &str, text: &str, now: Time) -> Result<bool, StoreError> {
        let roles = [Role::Account, Role::Operator, Role::User];
        if !roles.iter().any(|&role| identity::is_public_key(role, key)) {
            return Err(StoreError::Key);
        }
        if text.is_empty() {
            return Err(StoreError::Empty);
        }
        if let Some(known) = self.load(key, now) {
            if *known == *text {
                return Ok(false);
            }
        } else if self.tokens.len() >= self.limit() {
            if self.kind == ResolverKind::Full {
                return Err(StoreError::Full);
            }
            let oldest = self.tokens.iter().min_by_key(|(_, it)| it.last_used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.tokens.remove(&oldest);
                self.change(&oldest, FileChange::Remove);
            }
        }
        Ok(true)
    }

    /// Keeps a token unless there is a newer one.
    pub fn save_if_newer(&mut self, key: &str, text: &str, now: Time) -> Result<bool, StoreError> {
        if let Some(known) = self.tokens.get(key) {
            let new = identity::generic(text)?.claims;
            if let Ok(known) = identity::generic(&known.text) {
                let known = known.claims;
                if known.jti == new.jti || known.iat > new.iat {
                    return Ok(false);
                }
                if new.sub != key {
                    return Err(StoreError::OtherKey);
                }
                if known.sub != new.sub {
                    return Err(StoreError::OtherSubject);
                }
            }
        }
        self.save(key, text, now)
    }

    /// Keeps what another server has packed. Tells which tokens are others than before.
    pub fn merge(&mut self, pack: &str, now: Time) -> (Vec<String>, Result<(), StoreError>) {
        let mut changed = Vec::new();
        for line in pack.split('\n').filter(|line| !line.is_empty()) {
            let parts: Vec<&str> = line.split('|').collect();
            let [key, text] = parts[..] else {
                return (changed, Err(StoreError::Line(line.to_owned())));
            };
            if !identity::is_public_key(Role::Account, key) {
                return (changed, Err(StoreError::NoAccount));
            }
            match self.save_if_newer(key, text, now) {
                Ok(true) => changed.push(key.to_owned()),
                Ok(false) => {}
                Err(why) => return (changed, Err(why)),
            }
        }
        (changed, Ok(()))
    }

    /// Forgets the token of an account. Tells whether there was one.
    pub fn delete(&mut self, key: &str) -> bool {
        if self.tokens.remove(key).is_none() {
            return false;
        }
        let removes = self.kind == ResolverKind::Cache || self.options.hard_delete;
        self.change(key, |path| {
            if removes {
                return FileChange::Remove(path);
            }
            let mut renamed = path.clone().into_os_string();
            renamed.push(".deleted");
            FileChange::Rename(path, renamed.into())
        });
        true
    }

    /// All tokens that have not expired, with their keys.
    pub fn packed(&self, now: Time) -> Vec<(String, Arc<str>)> {
        let now = now.unix_seconds();
        let in_time = |text: &str| {
            let expires = identity::generic(text).map_or(0, |token| token.claims.exp);
            !text.is_empty() && (expires <= 0 || expires >= now)
        };
        let tokens = self.tokens.iter();
        tokens
            .filter(|(_, stored)| in_time(&stored.text))
            .map(|(key, stored)| (key.to_string(), Arc::clone(&stored.text)))
            .collect()
    }

    /// What all tokens come down to.
    pub fn hash(&self) -> [u8; 32] {
        let mut all = [0; 32];
        for stored in self.tokens.values() {
            for (byte, own) in all.iter_mut().zip(stored.hash) {
                *byte ^= own;
            }
        }
        all
    }

    /// Forgets what is too old.
    pub fn sweep(&mut self, now: Time) {
        let old = self.tokens.iter();
        let old = old.filter(|(_, stored)| stored.expires.is_some_and(|at| at <= now));
        let old: Vec<Box<str>> = old.map(|(key, _)| key.clone()).collect();
        for key in old {
            self.tokens.remove(&key);
            self.change(&key, FileChange::Remove);
        }
    }

    fn limit(&self) -> usize {
        let limit = self
            .options
            .limit
            .and_then(|limit| usize::try_from(limit).ok());
        match (self.kind, limit) {
            (_, Some(limit)) => limit,
            (ResolverKind::Cache, None) => CACHE_LIMIT,
            (ResolverKind::Full | ResolverKind::Memory | ResolverKind::Url, None) => usize::MAX,
        }
    }

    fn track(&mut self, key: &str, text: Arc<str>, now: Time) {
        self.uses += 1;
        let expires = match self.options.ttl {
            Some(ttl) => Some(now + ttl),
            None if matches!(self.kind, ResolverKind::Memory | ResolverKind::Url) => None,
            None => identity::generic(&text)
                .ok()
                .map(|token| token.claims.exp)
                .filter(|&exp| exp > 0)
                .map(at_seconds),
        };
        let stored = Stored {
            hash: Sha256::digest(text.as_bytes()).into(),
            text,
            expires,
            last_used: self.uses,
        };
        self.options.unreadable.remove(key);
        self.tokens.insert(key.into(), stored);
    }

    fn change(&mut self, key: &str, change: impl FnOnce(PathBuf) -> FileChange) {
        let dir = &self.options.dir;
        if matches!(self.kind, ResolverKind::Full | ResolverKind::Cache)
            && !dir.as_os_str().is_empty()
        {
            let path = dir.join(format!("{key}.jwt"));
            self.changes.push(change(path));
        }
    }
}
