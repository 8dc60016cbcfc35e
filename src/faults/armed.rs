//! What all rules have in common: which occasions one takes, and what has come of it.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::Selection;
use super::guarded::guarded;
use crate::core;

/// A rule's name. It is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleId(pub(super) u64);

/// When a rule acts.
#[derive(Debug)]
pub(crate) struct Trigger {
    /// What it is about and what it does, for people.
    pub description: String,
    pub priority: i32,
    pub selection: Selection,
}

/// How a rule has fared so far.
#[derive(Debug)]
pub(super) struct Record {
    pub id: RuleId,
    pub trigger: Trigger,
    /// Its description, to be kept with what it has acted on.
    pub label: Arc<str>,
    seen: u64,
    pub hits: u64,
    /// Of its own, so that one rule more changes no other's luck.
    pub rng: ChaCha8Rng,
    pub mistake: Option<String>,
}

impl Record {
    pub fn new(id: RuleId, trigger: Trigger, seed: u64) -> Self {
        Self {
            id,
            label: trigger.description.as_str().into(),
            trigger,
            seen: 0,
            hits: 0,
            rng: core::stream(seed, &format!("rule {}", id.0)),
            mistake: None,
        }
    }

    /// Whether the rule is to act on an occasion, which it may not be about.
    pub fn takes(&mut self, mut is_about: impl FnMut() -> bool) -> bool {
        let fits = guarded(&mut is_about).unwrap_or_else(|panic| {
            self.mistake = Some(panic);
            false
        });
        if !fits {
            return false;
        }
        self.seen += 1;
        let selection = self.trigger.selection;
        let takes = selection.takes(self.seen - 1, self.hits, &mut self.rng);
        self.hits += u64::from(takes);
        takes
    }

    /// Carries out what a test has written.
    pub fn attempt<T>(&mut self, act: &mut dyn FnMut() -> Result<T, String>) -> Option<T> {
        match guarded(act).and_then(|done| done) {
            Ok(done) => Some(done),
            Err(mistake) => {
                self.mistake = Some(mistake);
                None
            }
        }
    }

    pub fn report(&self) -> Option<String> {
        let mistake = self.mistake.as_ref()?;
        Some(format!("{}: {mistake}", self.trigger.description))
    }
}

/// A rule in force.
pub(super) struct Armed<R> {
    pub record: Record,
    pub rule: R,
}

/// The rules in force about one sort of occasion, in the order in which they act.
pub(super) struct List<R>(Vec<Armed<R>>);

impl<R> Default for List<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<R> List<R> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn insert(&mut self, record: Record, rule: R) {
        let priority = record.trigger.priority;
        let is_before = |other: &Armed<R>| other.record.trigger.priority <= priority;
        let place = self.0.partition_point(is_before);
        self.0.insert(place, Armed { record, rule });
    }

    pub fn remove(&mut self, id: RuleId) -> Option<Armed<R>> {
        let place = self.0.iter().position(|armed| armed.record.id == id)?;
        Some(self.0.remove(place))
    }

    pub fn get_mut(&mut self, id: RuleId) -> Option<&mut Armed<R>> {
        self.0.iter_mut().find(|armed| armed.record.id == id)
    }

    pub fn get(&self, id: RuleId) -> Option<&Armed<R>> {
        self.0.iter().find(|armed| armed.record.id == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Armed<R>> {
        self.0.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Armed<R>> {
        self.0.iter_mut()
    }

    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.0.iter().map(|armed| &armed.record)
    }
}
