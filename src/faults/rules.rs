//! The rules in force, and what becomes of a message that passes them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use super::guarded::guarded;
use super::{Message, Occasion, Selection};
use crate::core::{self, Core};
use crate::version::Feature;

/// Says whether a rule is about a message.
pub(crate) type Matcher = Box<dyn FnMut(&Occasion<'_>) -> bool + Send>;

/// Changes a payload, or says why it cannot.
pub(crate) type Rewrite = Box<dyn FnMut(&Occasion<'_>, &mut Vec<u8>) -> Result<(), String> + Send>;

/// What a rule does with a message.
pub(crate) enum Effect {
    /// It is not said.
    Silence,
    Rewrite(Rewrite),
    /// What is said is that nobody is there to answer.
    NoResponders,
    /// It is said later, by a time drawn between these two.
    Delay(Duration, Duration),
    /// It is kept until it is released.
    Hold,
    /// It is said so many times more.
    Repeat(usize),
    /// So many are collected, and said in another order.
    Reorder(usize),
}

/// Something that a test has armed.
pub(crate) struct Rule {
    /// What it is about and what it does, for people.
    pub description: String,
    pub priority: i32,
    pub matches: Vec<Matcher>,
    pub selection: Selection,
    pub effect: Effect,
}

/// A rule's name. It is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleId(u64);

/// What has become of a message.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// To be said now, or after the delay of each.
    pub messages: Vec<Message>,
    /// The rules that have acted, as people read them.
    pub hits: Vec<Arc<str>>,
}

/// A rule in force.
struct Armed {
    id: RuleId,
    rule: Rule,
    /// The rule's description.
    label: Arc<str>,
    seen: u64,
    hits: u64,
    /// Of its own, so that one rule more changes no other's luck.
    rng: ChaCha8Rng,
    held: Vec<Message>,
    mistake: Option<String>,
}

/// All rules in force.
#[derive(Default)]
pub(crate) struct Rules {
    /// In the order in which messages pass them.
    armed: Vec<Armed>,
    armed_ever: u64,
    /// How often a rule has been hit, or has ended.
    changes: u64,
    /// What went wrong with rules that have ended.
    mistakes: Vec<String>,
}

impl Rules {
    pub fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }

    /// How often anything has changed that somebody may wait for.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    pub fn arm(&mut self, seed: u64, rule: Rule) -> RuleId {
        let id = RuleId(self.armed_ever);
        self.armed_ever += 1;
        let place = self
            .armed
            .partition_point(|other| other.rule.priority <= rule.priority);
        let armed = Armed {
            id,
            label: rule.description.as_str().into(),
            rule,
            seen: 0,
            hits: 0,
            rng: core::stream(seed, &format!("rule {}", id.0)),
            held: Vec::new(),
            mistake: None,
        };
        self.armed.insert(place, armed);
        id
    }

    /// Ends a rule. What it has held is given back.
    pub fn end(&mut self, id: RuleId) -> Vec<Message> {
        let Some(place) = self.armed.iter().position(|armed| armed.id == id) else {
            return Vec::new();
        };
        self.changes += 1;
        let ended = self.armed.remove(place);
        self.mistakes.extend(ended.report());
        ended.held
    }

    /// Gives back what a rule has held so far.
    pub fn release(&mut self, id: RuleId) -> Vec<Message> {
        let armed = self.armed.iter_mut().find(|armed| armed.id == id);
        armed.map_or_else(Vec::new, |armed| std::mem::take(&mut armed.held))
    }

    /// How often a rule was hit; `None` once it has ended.
    pub fn hits(&self, id: RuleId) -> Option<u64> {
        self.find(id).map(|armed| armed.hits)
    }

    /// How many messages a rule holds at the moment.
    pub fn held(&self, id: RuleId) -> usize {
        self.find(id).map_or(0, |armed| armed.held.len())
    }

    /// What went wrong when a rule was to act, if anything did.
    pub fn mistake(&self, id: RuleId) -> Option<&str> {
        self.find(id)?.mistake.as_deref()
    }

    /// Everything that went wrong when rules were to act.
    pub fn mistakes(&self) -> Vec<String> {
        let in_force = self.armed.iter().filter_map(Armed::report);
        self.mistakes.iter().cloned().chain(in_force).collect()
    }

    /// What a rule is about and does; nothing once it has ended.
    pub fn description(&self, id: RuleId) -> &str {
        self.find(id).map_or("", |armed| &armed.rule.description)
    }

    /// Each rule in force as people read it, in the order in which messages pass them.
    pub fn descriptions(&self) -> impl Iterator<Item = (&str, u64)> {
        let armed = self.armed.iter();
        armed.map(|armed| (&*armed.rule.description, armed.hits))
    }

    fn find(&self, id: RuleId) -> Option<&Armed> {
        self.armed.iter().find(|armed| armed.id == id)
    }

    /// What is to be said of a message now, or after its delay.
    pub fn pass(&mut self, core: &Core, message: Message) -> Passed {
        let mut passing = vec![message];
        let mut hits = Vec::new();
        for armed in &mut self.armed {
            let Some(message) = passing.first() else {
                break;
            };
            if !armed.takes(&Occasion { core, message }) {
                continue;
            }
            armed.hits += 1;
            self.changes += 1;
            hits.push(Arc::clone(&armed.label));
            for message in &mut passing {
                message.faults.push(Arc::clone(&armed.label));
            }
            armed.act(core, &mut passing);
        }
        Passed {
            messages: passing,
            hits,
        }
    }
}

impl Armed {
    fn report(&self) -> Option<String> {
        let mistake = self.mistake.as_ref()?;
        Some(format!("{}: {mistake}", self.rule.description))
    }

    fn takes(&mut self, occasion: &Occasion<'_>) -> bool {
        let Self {
            rule,
            seen,
            hits,
            rng,
            mistake,
            ..
        } = self;
        let mut all = || rule.matches.iter_mut().all(|matches| matches(occasion));
        let fits = match guarded(&mut all) {
            Ok(fits) => fits,
            Err(panic) => {
                *mistake = Some(panic);
                false
            }
        };
        if fits {
            *seen += 1;
        }
        fits && rule.selection.takes(*seen - 1, *hits, rng)
    }

    fn act(&mut self, core: &Core, passing: &mut Vec<Message>) {
        match &mut self.rule.effect {
            Effect::Silence => passing.clear(),
            Effect::Rewrite(rewrite) => {
                for message in passing {
                    let mut payload = message.payload.clone();
                    let mut change = || rewrite(&Occasion { core, message }, &mut payload);
                    match guarded(&mut change).and_then(|changed| changed) {
                        Ok(()) => message.payload = payload,
                        Err(mistake) => self.mistake = Some(mistake),
                    }
                }
            }
            Effect::NoResponders => {
                for message in passing {
                    let asked = message.request.as_deref();
                    let subject = asked.map_or(&[][..], |request| &request.subject);
                    let profile = core.server(message.server).profile;
                    let names_subject = profile.has(Feature::NoRespondersNamesSubject);
                    message.header = core::no_responders_status(names_subject, subject);
                    message.payload.clear();
                }
            }
            Effect::Delay(least, most) => {
                for message in passing {
                    message.delay += drawn(*least, *most, &mut self.rng);
                }
            }
            Effect::Hold => self.held.append(passing),
            Effect::Repeat(times) => {
                let copies = passing
                    .iter()
                    .flat_map(|it| std::iter::repeat_n(it, *times));
                let copies: Vec<Message> = copies.cloned().collect();
                passing.extend(copies);
            }
            Effect::Reorder(count) => {
                self.held.append(passing);
                if self.held.len() >= *count {
                    passing.append(&mut self.held);
                    shuffle(passing, &mut self.rng);
                }
            }
        }
    }
}

/// A time between the two.
fn drawn(least: Duration, most: Duration, rng: &mut ChaCha8Rng) -> Duration {
    let room = u64::try_from(most.saturating_sub(least).as_nanos()).unwrap_or(u64::MAX);
    match room {
        0 => least,
        room => least + Duration::from_nanos(core::below(room.saturating_add(1), rng)),
    }
}

/// Another order than there was, by Sattolo's algorithm, which leaves nothing in its place.
fn shuffle(messages: &mut [Message], rng: &mut ChaCha8Rng) {
    for last in (1..messages.len()).rev() {
        messages.swap(last, core::below(last as u64, rng) as usize);
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.descriptions()).finish()
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("silence"),
            Self::Rewrite(_) => f.write_str("rewrite"),
            Self::NoResponders => f.write_str("no responders"),
            Self::Delay(least, most) if least == most => write!(f, "delay by {least:?}"),
            Self::Delay(least, most) => write!(f, "delay by {least:?} to {most:?}"),
            Self::Hold => f.write_str("hold"),
            Self::Repeat(times) => write!(f, "repeat {times} times"),
            Self::Reorder(count) => write!(f, "reorder each {count}"),
        }
    }
}
