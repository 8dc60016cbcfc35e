//! Operator mode: who may sign the JWTs of accounts, and where these are found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use super::AccountServer;

/// What puts a server into operator mode: users log in with JWTs, and accounts are what their JWTs claim.
///
/// It takes the feature `jwt`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperatorOptions {
    /// The JWTs of operators, whose keys and signing keys are trusted.
    pub operators: Vec<String>,
    /// Public keys that are trusted instead of operators.
    pub trusted_keys: Vec<String>,
    /// Where the JWTs of accounts are looked up.
    pub resolver: Option<Resolver>,
    /// The JWTs of accounts that the resolver knows from the start, by the accounts' public keys.
    pub preload: BTreeMap<String, String>,
}

impl OperatorOptions {
    /// What is configured, whatever is in the resolver's directory.
    pub(crate) fn without_files(&self) -> Self {
        let mut options = self.clone();
        if let Some(Resolver::Full(directory) | Resolver::Cache(directory)) = &mut options.resolver
        {
            directory.stored.clear();
            directory.unreadable.clear();
        }
        if let Some(Resolver::Url(server)) = &mut options.resolver {
            server.known.clear();
        }
        options
    }

    /// Looks again at what is in the resolver's directory, as far as that can be looked at.
    pub(crate) fn read_jwts_again(&mut self) {
        if let Some(Resolver::Full(directory) | Resolver::Cache(directory)) = &mut self.resolver
            && !directory.dir.as_os_str().is_empty()
            && let Ok(now) = JwtDirectory::open(&directory.dir)
        {
            directory.stored = now.stored;
            directory.unreadable = now.unreadable;
        }
    }

    /// Whether the resolver knows the system account from the start, or may get it later.
    pub(crate) fn may_know(&self, account: &str) -> bool {
        let stored = match &self.resolver {
            Some(Resolver::Full(directory) | Resolver::Cache(directory)) => {
                // With one operator, servers wait for somebody to send it.
                self.operators.len() == 1 || directory.stored.contains_key(account)
            }
            // Whether it does is found out at the start.
            Some(Resolver::Url(_)) => true,
            Some(Resolver::Memory) | None => false,
        };
        stored || self.preload.contains_key(account)
    }
}

/// Where a server looks up the JWTs of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolver {
    /// In memory: what was preloaded, and what `CLAIMS.UPDATE` has replaced since.
    Memory,
    /// At a web server, which is asked for each account when it is first needed, and again when it has expired.
    /// Nothing can be preloaded.
    Url(AccountServer),
    /// In a directory that is to hold the JWTs of all accounts. The full resolvers of a deployment ask each other for
    /// what they do not have, and answer everything that is asked about claims.
    Full(JwtDirectory),
    /// In a directory that holds the JWTs of accounts that are used. Others are got from full resolvers.
    Cache(JwtDirectory),
}

/// A directory with a file `<public key>.jwt` for each account, and what a resolver does with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JwtDirectory {
    /// Where it is, for whoever writes to it. Empty: nowhere; the JWTs are kept in memory.
    pub dir: PathBuf,
    /// Whether accounts may be deleted. A cache always lets them.
    pub allow_delete: bool,
    /// Whether the files of deleted accounts are removed instead of being called `<public key>.jwt.deleted`.
    pub hard_delete: bool,
    /// How many JWTs there may be. A full resolver takes no more then, a cache forgets what was used the longest ago.
    /// Unset: any number, and a thousand in a cache.
    pub limit: Option<u64>,
    /// How often a full resolver asks others for what they have. Unset: every minute.
    pub interval: Option<Duration>,
    /// How long a cache keeps a JWT that nobody uses. Unset: until it expires.
    pub ttl: Option<Duration>,
    /// How long a server waits for others to answer, of which some may stand still, or know nothing of JWTs. Unset: 1.9
    /// seconds.
    pub timeout: Option<Duration>,
    /// The JWTs that are in it, by the names of their files without `.jwt`.
    pub stored: BTreeMap<String, String>,
    /// The names of those that are there and cannot be read. A full resolver does not say whether it knows such an
    /// account.
    pub unreadable: BTreeSet<String>,
}

impl JwtDirectory {
    /// What is in a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made or looked at.
    ///
    /// ```
    /// use nats_mock::topology::JwtDirectory;
    ///
    /// let place = tempfile::tempdir()?;
    /// std::fs::write(place.path().join("AAA.jwt"), "eyJ")?;
    /// let directory = JwtDirectory::open(place.path())?;
    /// assert_eq!(directory.stored["AAA"], "eyJ");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir)?;
        let (mut stored, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
        let mut folders = vec![dir.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                // Links to directories are not followed, so that none leads round in a circle.
                let is_folder = entry.file_type()?.is_dir();
                let path = entry.path();
                let name = path.file_name().and_then(|name| name.to_str());
                let key = name.and_then(|name| name.strip_suffix(".jwt"));
                if let Some(key) = key {
                    match fs::read_to_string(&path) {
                        Ok(text) => drop(stored.insert(key.to_owned(), text)),
                        Err(_) => drop(unreadable.insert(key.to_owned())),
                    }
                }
                if is_folder {
                    folders.push(path);
                }
            }
        }
        Ok(Self {
            dir,
            stored,
            unreadable,
            ..Self::default()
        })
    }
}
