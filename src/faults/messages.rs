//! Rules about messages, and what becomes of one that passes them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use super::armed::{Armed, List};
use super::{Message, Occasion, Saying};
use crate::core::{self, Core};
use crate::version::Feature;

type AboutSaying = Box<dyn Fn(&Saying<'_>) -> bool + Send>;
type AboutOccasion = Box<dyn FnMut(&Occasion<'_>) -> bool + Send>;

enum Condition {
    Saying(AboutSaying),
    Occasion(AboutOccasion),
}

/// Says whether a rule is about a message.
pub struct Matcher(Condition);

impl Matcher {
    /// By what is known without a look into it.
    pub(crate) fn of_saying(is: impl Fn(&Saying<'_>) -> bool + Send + 'static) -> Self {
        Self(Condition::Saying(Box::new(is)))
    }

    pub(crate) fn new(is_about: impl FnMut(&Occasion<'_>) -> bool + Send + 'static) -> Self {
        Self(Condition::Occasion(Box::new(is_about)))
    }

    fn may_be_about(&self, saying: &Saying<'_>) -> bool {
        match &self.0 {
            Condition::Saying(is) => is(saying),
            Condition::Occasion(_) => true,
        }
    }

    fn is_about(&mut self, saying: &Saying<'_>, occasion: &Occasion<'_>) -> bool {
        match &mut self.0 {
            Condition::Saying(is) => is(saying),
            Condition::Occasion(is) => is(occasion),
        }
    }
}

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

/// A rule about messages.
pub(crate) struct MessageRule {
    pub matches: Vec<Matcher>,
    pub effect: Effect,
    /// What it has taken and not given back yet.
    pub held: Vec<Message>,
}

/// What has become of a message.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    /// To be said now, or after the delay of each.
    pub messages: Vec<Message>,
    /// The rules that have acted, as people read them.
    pub hits: Vec<Arc<str>>,
}

/// Whether there is a rule that may be about a message.
pub(super) fn concern(rules: &List<MessageRule>, saying: &Saying<'_>) -> bool {
    rules.iter().any(|armed| {
        let mut matches = armed.rule.matches.iter();
        matches.all(|matcher| matcher.may_be_about(saying))
    })
}

/// What is to be said of a message.
pub(super) fn pass(
    rules: &mut List<MessageRule>,
    saying: &Saying<'_>,
    message: Message,
) -> Remains {
    let core = saying.core;
    let mut passing = vec![message];
    let mut hits = Vec::new();
    for armed in rules.iter_mut() {
        let Some(message) = passing.first() else {
            break;
        };
        if !armed.takes(saying, &Occasion { core, message }) {
            continue;
        }
        let label = &armed.record.label;
        hits.push(Arc::clone(label));
        for message in &mut passing {
            message.faults.push(Arc::clone(label));
        }
        armed.act(core, &mut passing);
    }
    Remains {
        messages: passing,
        hits,
    }
}

impl Armed<MessageRule> {
    fn takes(&mut self, saying: &Saying<'_>, occasion: &Occasion<'_>) -> bool {
        let matches = &mut self.rule.matches;
        self.record.takes(|| {
            let mut matches = matches.iter_mut();
            matches.all(|matcher| matcher.is_about(saying, occasion))
        })
    }

    fn act(&mut self, core: &Core, passing: &mut Vec<Message>) {
        let Self { record, rule } = self;
        match &mut rule.effect {
            Effect::Silence => passing.clear(),
            Effect::Rewrite(rewrite) => {
                for message in passing {
                    let mut payload = message.payload.clone();
                    let mut change = || rewrite(&Occasion { core, message }, &mut payload);
                    if record.attempt(&mut change).is_some() {
                        message.payload = payload;
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
                    message.delay += drawn(*least, *most, &mut record.rng);
                }
            }
            Effect::Hold => rule.held.append(passing),
            Effect::Repeat(times) => {
                let copies = passing
                    .iter()
                    .flat_map(|it| std::iter::repeat_n(it, *times));
                let copies: Vec<Message> = copies.cloned().collect();
                passing.extend(copies);
            }
            Effect::Reorder(count) => {
                rule.held.append(passing);
                if rule.held.len() >= *count {
                    passing.append(&mut rule.held);
                    shuffle(passing, &mut record.rng);
                }
            }
        }
    }
}

/// A time between the two.
pub(super) fn drawn(least: Duration, most: Duration, rng: &mut ChaCha8Rng) -> Duration {
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
