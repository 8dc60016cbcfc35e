//! Operator mode: who may sign the JWTs of accounts, and where these are found.

use std::collections::BTreeMap;

/// What puts a server into operator mode: users log in with JWTs, and accounts are what their JWTs claim.
///
/// It takes the feature `jwt`. Auth callout and message tracing in the JWTs of accounts are not simulated yet:
/// such a JWT is refused. Leaf nodes are not let in.
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

/// Where a server looks up the JWTs of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolver {
    /// In memory: what was preloaded, and what `CLAIMS.UPDATE` has replaced since.
    Memory,
}
