//! Rules about connections that clients make, and how one is received.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::RuleId;
use super::armed::List;
use super::messages::drawn;
use crate::core::{ConnId, Core, Ending, ServerId};

/// A client that connects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub core: &'a Core,
    pub server: ServerId,
    /// The address that it comes from.
    pub host: &'a str,
}

/// Says whether a rule is about a client that connects.
pub struct ArrivalMatcher(Box<dyn FnMut(&Arrival<'_>) -> bool + Send>);

impl ArrivalMatcher {
    pub(crate) fn new(is_about: impl FnMut(&Arrival<'_>) -> bool + Send + 'static) -> Self {
        Self(Box::new(is_about))
    }

    fn is_about(&mut self, occasion: &Arrival<'_>) -> bool {
        (self.0)(occasion)
    }
}

/// Changes what a client is greeted with, or says why it cannot.
pub(crate) type Greeting = Box<dyn FnMut(&mut Vec<u8>) -> Result<(), String> + Send>;

/// What a rule does with a client that connects.
pub(crate) enum ArrivalEffect {
    /// It is not let in.
    Refuse,
    /// Its connection breaks.
    Reset,
    /// It is greeted, and cut off.
    End(Ending),
    /// It is not greeted, and not listened to.
    Stall,
    /// It is greeted later, by a time drawn between these two, and not listened to until then.
    Late(Duration, Duration),
    /// It is greeted with something else.
    Greet(Greeting),
}

/// A rule about connections that clients make.
pub(crate) struct ArrivalRule {
    pub matches: Vec<ArrivalMatcher>,
    pub effect: ArrivalEffect,
    /// Those that it keeps waiting.
    pub held: Vec<ConnId>,
}

/// How a client is received.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    pub fate: Fate,
    /// How long it waits for its greeting.
    pub late: Duration,
    /// The rules that change its greeting, in turn.
    pub greeted_by: Vec<RuleId>,
    /// The rules that have acted, as people read them.
    pub hits: Vec<Arc<str>>,
}

/// What becomes of a client.
#[derive(Debug, Default)]
pub(crate) enum Fate {
    #[default]
    Welcome,
    Refused,
    Reset,
    Ended(Ending),
    Stalled(RuleId),
}

/// How a client is received.
pub(super) fn receive(rules: &mut List<ArrivalRule>, arrival: &Arrival<'_>) -> Reception {
    let mut reception = Reception::default();
    for armed in rules.iter_mut() {
        let matches = &mut armed.rule.matches;
        let record = &mut armed.record;
        if !record.takes(|| matches.iter_mut().all(|matcher| matcher.is_about(arrival))) {
            continue;
        }
        reception.hits.push(Arc::clone(&record.label));
        reception.fate = match &armed.rule.effect {
            ArrivalEffect::Late(least, most) => {
                reception.late += drawn(*least, *most, &mut record.rng);
                continue;
            }
            ArrivalEffect::Greet(_) => {
                reception.greeted_by.push(record.id);
                continue;
            }
            ArrivalEffect::Refuse => Fate::Refused,
            ArrivalEffect::Reset => Fate::Reset,
            ArrivalEffect::End(ending) => Fate::Ended(ending.clone()),
            ArrivalEffect::Stall => Fate::Stalled(record.id),
        };
        break;
    }
    reception
}

/// Has the rules change a greeting.
pub(super) fn greet(rules: &mut List<ArrivalRule>, by: &[RuleId], greeting: &mut Vec<u8>) {
    for &id in by {
        let Some(armed) = rules.get_mut(id) else {
            continue;
        };
        if let ArrivalEffect::Greet(change) = &mut armed.rule.effect {
            let mut changed = greeting.clone();
            if armed.record.attempt(&mut || change(&mut changed)).is_some() {
                *greeting = changed;
            }
        }
    }
}

impl fmt::Debug for ArrivalEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse => f.write_str("refuse"),
            Self::Reset => f.write_str("reset"),
            Self::End(ending) => write!(f, "close: {}", ending.reason),
            Self::Stall => f.write_str("stall"),
            Self::Late(least, most) if least == most => write!(f, "INFO late by {least:?}"),
            Self::Late(least, most) => write!(f, "INFO late by {least:?} to {most:?}"),
            Self::Greet(_) => f.write_str("edit INFO"),
        }
    }
}
