//! The keys and tokens of a running script: signed when they are first needed, and known by name.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Problem, Run};
use crate::identities::{TokenSpec, keys, secrets, signature, substitute};
use crate::normalise::{HoleKind, Normaliser};
use crate::scenario::{Deployment, Scenario, Template};

/// The test keys and the tokens of a scenario as far as they are signed.
pub(super) struct Identities<'a> {
    specs: &'a [TokenSpec],
    texts: BTreeMap<String, String>,
    /// Those that are being signed.
    open: Vec<String>,
}

impl<'a> Identities<'a> {
    pub(super) fn of(scenario: &'a Scenario) -> Self {
        let texts = match scenario.uses_identities() {
            true => {
                let keys = keys().map(|(name, key)| (format!("key.{name}"), key));
                let seeds = secrets().map(|(name, seed)| (format!("seed.{name}"), seed.to_owned()));
                keys.chain(seeds).collect()
            }
            false => BTreeMap::new(),
        };
        Self {
            specs: &scenario.tokens,
            texts,
            open: Vec::new(),
        }
    }

    /// Has configurations and tokens name a place.
    pub(super) fn know(&mut self, name: &str, text: String) {
        self.texts.insert(name.to_owned(), text);
    }

    /// The text of `key.NAME`, `seed.NAME` or `jwt.NAME`.
    pub(super) fn get(&mut self, name: &str, now: SystemTime) -> Result<Option<String>, String> {
        if let Some(known) = self.texts.get(name) {
            return Ok(Some(known.clone()));
        }
        let spec = name
            .strip_prefix("jwt.")
            .and_then(|name| self.specs.iter().find(|spec| spec.name == name));
        let Some(spec) = spec else { return Ok(None) };
        if self.open.iter().any(|open| open == name) {
            return Err(format!("the token `{name}` holds itself"));
        }
        self.open.push(name.to_owned());
        // Neither keys nor tokens have characters that JSON escapes.
        let spec = spec.filled(|claims| self.fill(claims, now));
        self.open.pop();
        let token = spec?.sign(seconds(now))?;
        self.texts.insert(name.to_owned(), token.clone());
        Ok(Some(token))
    }

    /// A text with what it names filled in.
    pub(super) fn fill(&mut self, text: &str, now: SystemTime) -> Result<String, String> {
        let mut mistake = None;
        let filled = substitute(text, |name| {
            let found = self.get(name, now);
            found.unwrap_or_else(|why| {
                mistake = Some(why);
                None
            })
        });
        mistake.map_or(filled, Err)
    }

    /// A deployment whose configurations and files name keys and tokens.
    pub(super) fn deployment(
        &mut self,
        deployment: &Deployment,
        now: SystemTime,
    ) -> Result<Deployment, String> {
        let mut filled = deployment.clone();
        filled.conf = self.fill(&filled.conf, now)?;
        for server in &mut filled.servers {
            server.conf = self.fill(&server.conf, now)?;
        }
        for (name, text) in &mut filled.files {
            *name = self.fill(name, now)?;
            *text = self.fill(text, now)?;
        }
        Ok(filled)
    }

    /// Has keys and tokens shown by their names.
    pub(super) fn show(&self, normaliser: &mut Normaliser) {
        for (name, text) in &self.texts {
            match name.split_once('.') {
                Some(("seed", _)) => {}
                Some(("key", name)) => normaliser.name_identity(text, HoleKind::PublicKey, name),
                Some((_, name)) => normaliser.name_identity(text, HoleKind::Jwt, name),
                None => {}
            }
        }
    }
}

/// The seconds since 1970.
pub(super) fn seconds(now: SystemTime) -> i64 {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

impl Run<'_> {
    /// The bytes of a template, which may name keys and tokens.
    pub(super) fn fill(&mut self, template: &Template) -> Result<Vec<u8>, Problem> {
        let now = self.driver.clock();
        for name in template.variables() {
            let found = self.identities.get(name, now).map_err(Problem::Script)?;
            let nonce = |conn: &str| self.variables.get(&format!("{conn}.nonce")).cloned();
            if let Some(text) = found.or_else(|| signature(name, nonce)) {
                self.variables.insert(name.to_owned(), text);
            }
        }
        self.identities.show(&mut self.normaliser);
        Ok(template.fill(&self.variables)?)
    }

    /// A configuration with the keys and tokens that it names.
    pub(super) fn fill_conf(&mut self, conf: &str) -> Result<String, Problem> {
        let now = self.driver.clock();
        let filled = self.identities.fill(conf, now).map_err(Problem::Script)?;
        self.identities.show(&mut self.normaliser);
        Ok(filled)
    }
}
