//! What a test says that clients will do, and what came of it.

use std::fmt;

use super::seen::{Seen, SeenKind};
use crate::core::Watched;
use crate::faults::guarded;

/// One of the things that must be true of what is expected.
pub(crate) struct Condition {
    /// What it asks for, as in "… is not *to east-1*".
    pub text: String,
    pub is: Box<dyn FnMut(&Seen) -> bool + Send>,
}

/// Something that is expected.
pub(crate) struct Expectation {
    pub kind: SeenKind,
    pub conditions: Vec<Condition>,
}

/// An expectation's name. It is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExpectationId(usize);

/// How often something is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub at_least: u64,
    pub at_most: Option<u64>,
}

/// An expectation, and what has happened.
struct Tracked {
    expectation: Expectation,
    name: Option<String>,
    times: Times,
    /// What must have happened as often as it has to before this does.
    after: Vec<ExpectationId>,
    count: u64,
    too_early: Option<String>,
    too_many: Option<String>,
    nearest: Option<Nearest>,
    /// A condition could not be looked at.
    mistake: Option<String>,
}

/// What came closest to being what was expected.
struct Nearest {
    seen: String,
    missed: Vec<String>,
}

/// All that is expected.
#[derive(Default)]
pub(crate) struct Expectations {
    all: Vec<Tracked>,
    is_strict: bool,
    unexpected: Vec<String>,
    unexpected_count: u64,
    changes: u64,
}

/// Of what is not expected, so many are listed.
const LISTED: usize = 10;

impl Default for Times {
    fn default() -> Self {
        Self {
            at_least: 1,
            at_most: None,
        }
    }
}

impl Expectations {
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && !self.is_strict
    }

    /// How often anything has changed that somebody may wait for.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    pub fn expect(&mut self, expectation: Expectation) -> ExpectationId {
        self.all.push(Tracked {
            expectation,
            name: None,
            times: Times::default(),
            after: Vec::new(),
            count: 0,
            too_early: None,
            too_many: None,
            nearest: None,
            mistake: None,
        });
        ExpectationId(self.all.len() - 1)
    }

    pub fn set_name(&mut self, id: ExpectationId, name: String) {
        self.all[id.0].name = Some(name);
    }

    pub fn set_times(&mut self, id: ExpectationId, times: Times) {
        self.all[id.0].times = times;
        self.changes += 1;
    }

    pub fn set_after(&mut self, id: ExpectationId, earlier: ExpectationId) {
        self.all[id.0].after.push(earlier);
    }

    /// From now on, what is not expected is a failure: requests, and whatever else is expected at all.
    pub fn be_strict(&mut self) {
        self.is_strict = true;
    }

    /// What the core must tell for it.
    pub fn watched(&self) -> Watched {
        Watched {
            publishing: self.expects(SeenKind::Message),
            subscribing: self.expects(SeenKind::Subscription),
        }
    }

    pub fn count(&self, id: ExpectationId) -> u64 {
        self.all[id.0].count
    }

    /// Whether something has happened as often as it has to.
    pub fn is_satisfied(&self, id: ExpectationId) -> bool {
        let tracked = &self.all[id.0];
        tracked.count >= tracked.times.at_least
    }

    fn expects(&self, kind: SeenKind) -> bool {
        self.all.iter().any(|it| it.expectation.kind == kind)
    }

    /// Takes note of something that a client has done.
    pub fn see(&mut self, seen: &Seen) {
        self.changes += 1;
        let satisfied: Vec<bool> = (0..self.all.len())
            .map(|place| self.is_satisfied(ExpectationId(place)))
            .collect();
        let mut is_expected = false;
        for tracked in &mut self.all {
            if tracked.expectation.kind == seen.kind() {
                is_expected |= tracked.see(seen, &satisfied);
            }
        }
        let concerns = seen.kind() == SeenKind::Request || self.expects(seen.kind());
        if self.is_strict && concerns && !is_expected {
            self.unexpected_count += 1;
            if self.unexpected.len() < LISTED {
                self.unexpected.push(seen.to_string());
            }
        }
    }

    /// What has not come as expected, each as a paragraph.
    pub fn failures(&self) -> Vec<String> {
        let unmet = self.all.iter().filter_map(|tracked| {
            let problem = tracked.problem()?;
            let order = tracked.after.iter().map(|id| &self.all[id.0]);
            let order = order.map(|earlier| format!(", after {}", earlier.title()));
            Some(format!(
                "{}\n  expected {}{}\n{problem}",
                tracked.title(),
                tracked.wanted(),
                order.collect::<String>(),
            ))
        });
        let mut failures: Vec<String> = unmet.collect();
        if self.unexpected_count > 0 {
            let listed = self.unexpected.iter().map(|it| format!("\n  {it}"));
            let more = self.unexpected_count - self.unexpected.len() as u64;
            let more = (more > 0).then(|| format!("\n  and {more} more"));
            failures.push(format!(
                "{} things that nothing expects{}{}",
                self.unexpected_count,
                listed.collect::<String>(),
                more.unwrap_or_default()
            ));
        }
        failures
    }

    /// One failure, if this one is.
    pub fn failure(&self, id: ExpectationId) -> Option<String> {
        let tracked = &self.all[id.0];
        let problem = tracked.problem()?;
        Some(format!(
            "{}\n  expected {}\n{problem}",
            tracked.title(),
            tracked.wanted()
        ))
    }
}

impl Tracked {
    /// Tells whether it is what is expected.
    fn see(&mut self, seen: &Seen, satisfied: &[bool]) -> bool {
        let mut missed: Vec<&str> = Vec::new();
        for Condition { text, is } in &mut self.expectation.conditions {
            match guarded(&mut || is(seen)) {
                Ok(true) => {}
                Ok(false) => missed.push(text),
                Err(panic) => {
                    missed.push(text);
                    self.mistake = Some(panic);
                }
            }
        }
        if !missed.is_empty() {
            let nearest = self.nearest.as_ref();
            if nearest.is_none_or(|nearest| missed.len() <= nearest.missed.len()) {
                self.nearest = Some(Nearest {
                    seen: seen.to_string(),
                    missed: missed.into_iter().map(str::to_owned).collect(),
                });
            }
            return false;
        }
        if self.after.iter().any(|id| !satisfied[id.0]) {
            self.too_early.get_or_insert_with(|| seen.to_string());
            return true;
        }
        self.count += 1;
        if self.times.at_most.is_some_and(|most| self.count > most) {
            self.too_many.get_or_insert_with(|| seen.to_string());
        }
        true
    }

    fn title(&self) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => self.what(),
        }
    }

    fn what(&self) -> String {
        let conditions = self.expectation.conditions.iter();
        let conditions: Vec<&str> = conditions.map(|it| &*it.text).collect();
        let kind = self.expectation.kind.plural();
        [&[kind], &*conditions].concat().join(" ")
    }

    fn wanted(&self) -> String {
        let what = self.what();
        match (self.times.at_least, self.times.at_most) {
            (0, None) => format!("any number of {what}"),
            (least, None) => format!("at least {least} {what}"),
            (0, Some(0)) => format!("no {what}"),
            (0, Some(most)) => format!("at most {most} {what}"),
            (least, Some(most)) if least == most => format!("{least} {what}"),
            (least, Some(most)) => format!("{least} to {most} {what}"),
        }
    }

    fn problem(&self) -> Option<String> {
        let Times { at_least, at_most } = self.times;
        let mut lines = vec![format!("  got {}", self.count)];
        if at_most.is_some_and(|most| self.count > most) {
            let first = self.too_many.as_deref();
            lines.extend(first.map(|seen| format!("  the first too many: {seen}")));
        } else if self.count >= at_least && self.too_early.is_none() && self.mistake.is_none() {
            return None;
        }
        let mistake = self.mistake.as_deref();
        lines.extend(
            mistake.map(|mistake| format!("  a condition could not be looked at: {mistake}")),
        );
        let early = self.too_early.as_deref();
        lines.extend(early.map(|seen| format!("  too early: {seen}")));
        if self.count < at_least
            && let Some(Nearest { seen, missed }) = &self.nearest
        {
            lines.push(format!(
                "  nearest: {seen}, but not {}",
                missed.join(", not ")
            ));
        }
        Some(lines.join("\n"))
    }
}

impl fmt::Debug for Expectations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self
            .all
            .iter()
            .map(|tracked| (tracked.title(), tracked.count));
        f.debug_map().entries(all).finish()
    }
}
