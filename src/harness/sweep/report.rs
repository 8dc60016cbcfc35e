//! What came of a sweep.

use std::collections::BTreeMap;
use std::fmt;

use super::plan::Plan;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The test has passed.
    Survived,
    /// It gave this error, or the deployment had this to complain of.
    Failed(String),
    /// It panicked with this text.
    Panicked(String),
    /// It did not end in time.
    Hung,
    /// The deployment could not be started or the faults not be staged, for this reason.
    NotStaged(String),
}

/// What a run was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Trial {
    /// An incident.
    Incident,
    /// A plan of faults.
    Plan,
    /// A change of a single field.
    Mutation,
}

/// One run of the test.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Run {
    /// What it was for.
    pub trial: Trial,
    /// The incident, the seed, or what was changed.
    pub name: String,
    /// What was staged; if the test failed, only what it takes to see that again.
    pub plan: Plan,
    /// How often anything of it acted. With 0 the test has met nothing.
    pub hits: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The command line that brings it back.
    pub replay: String,
}

/// What a sweep has found; its `Display` is a table for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    runs: Vec<Run>,
    /// Why nothing could be found out.
    impossible: Option<String>,
}

impl Outcome {
    /// What went wrong, in a line; `None` if nothing did.
    pub fn failure(&self) -> Option<String> {
        match self {
            Self::Survived => None,
            Self::Failed(error) => Some(format!("failed: {}", line(error))),
            Self::Panicked(text) => Some(format!("panicked: {}", line(text))),
            Self::Hung => Some("hung".to_owned()),
            Self::NotStaged(why) => Some(format!("could not be staged: {}", line(why))),
        }
    }
}

/// The first line that says something, not too long.
fn line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty());
    short(line.unwrap_or_default().trim(), 300)
}

fn short(text: &str, chars: usize) -> String {
    let mut short: String = text.chars().take(chars).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

impl Report {
    pub(super) fn impossible(why: String) -> Self {
        Self {
            runs: Vec::new(),
            impossible: Some(why),
        }
    }

    pub(super) fn push(&mut self, run: Run) {
        self.runs.push(run);
    }

    /// All runs, in their order.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The runs that the test did not survive.
    pub fn failures(&self) -> impl Iterator<Item = &Run> {
        let runs = self.runs.iter();
        runs.filter(|run| run.outcome.failure().is_some())
    }

    /// Whether the test has survived everything.
    pub fn is_survived(&self) -> bool {
        self.impossible.is_none() && self.failures().next().is_none()
    }

    /// Nothing, if the test has survived everything.
    ///
    /// # Panics
    ///
    /// With the report, if it has not.
    pub fn unwrap(&self) {
        assert!(self.is_survived(), "{self}");
    }

    fn of(&self, trial: Trial) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.trial == trial)
    }
}

/// Failures of one kind that are alike, each name once.
const SHOWN: usize = 5;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.impossible {
            return writeln!(f, "nothing was tried: {why}");
        }
        for (trial, name) in [
            (Trial::Incident, "incidents"),
            (Trial::Plan, "plans"),
            (Trial::Mutation, "mutations"),
        ] {
            let (all, met) = self.of(trial).fold((0, 0), |(all, met), run| {
                (all + 1, met + usize::from(run.hits > 0))
            });
            if all == 0 {
                continue;
            }
            let failed: Vec<_> = self
                .of(trial)
                .filter_map(|run| Some((run, run.outcome.failure()?)))
                .collect();
            let survived = all - failed.len();
            write!(f, "{name}: {survived} of {all} survived")?;
            match all - met {
                0 => writeln!(f)?,
                unmet => writeln!(f, ", {unmet} did not come up")?,
            }
            let mut alike: BTreeMap<String, Vec<(&Run, &String)>> = BTreeMap::new();
            for (run, failure) in &failed {
                alike.entry(gist(failure)).or_default().push((run, failure));
            }
            let mut alike: Vec<_> = alike.into_values().collect();
            alike.sort_by_key(|runs| std::cmp::Reverse(runs.len()));
            for runs in alike {
                write_alike(f, &runs)?;
            }
        }
        Ok(())
    }
}

/// What failures have in common that only differ in numbers, times, names and places.
fn gist(failure: &str) -> String {
    let is_detail =
        |word: &&str| word.contains(|c: char| c.is_ascii_digit() || "._\"'".contains(c));
    let words = failure
        .split(' ')
        .map(|word| if is_detail(&word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Failures that have the same gist.
fn write_alike(f: &mut fmt::Formatter<'_>, runs: &[(&Run, &String)]) -> fmt::Result {
    let Some((first, failure)) = runs.first() else {
        return Ok(());
    };
    writeln!(f, "  {failure}")?;
    for (run, _) in runs.iter().take(SHOWN) {
        let faults = Plan {
            seed: None,
            faults: run.plan.faults.clone(),
        };
        let faults = short(&faults.to_string(), 120);
        match run.trial {
            Trial::Mutation => writeln!(f, "    {faults}")?,
            Trial::Plan | Trial::Incident => writeln!(f, "    {}: {faults}", run.name)?,
        }
    }
    if let Some(more) = runs.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        writeln!(f, "    and {more} like these")?;
    }
    writeln!(f, "    again: {}", first.replay)
}
