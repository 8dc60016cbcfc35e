//! What came of a sweep.

use std::collections::BTreeMap;
use std::fmt;

use super::plan::Plan;
use crate::incidents::Fault;

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
    const LONG: usize = 160;
    let line = text.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or_default().trim();
    let mut short: String = line.chars().take(LONG).collect();
    if short.len() < line.len() {
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

    pub(super) fn push(
        &mut self,
        trial: Trial,
        name: &str,
        (seed, faults, hits, outcome): (u64, Vec<Fault>, u64, Outcome),
    ) {
        self.runs.push(Run {
            trial,
            name: name.to_owned(),
            plan: Plan {
                seed: Some(seed),
                faults,
            },
            hits,
            outcome,
        });
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
            let mut alike: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
            for (run, failure) in &failed {
                alike.entry(failure).or_default().push(run);
            }
            let mut alike: Vec<_> = alike.into_iter().collect();
            alike.sort_by_key(|(_, runs)| std::cmp::Reverse(runs.len()));
            for (failure, runs) in alike {
                writeln!(f, "  {failure}")?;
                for run in runs.iter().take(SHOWN) {
                    writeln!(f, "    {}: {}", run.name, replay(&run.plan))?;
                }
                if let Some(more) = runs.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                    writeln!(f, "    and {more} more")?;
                }
            }
        }
        Ok(())
    }
}

/// The line that brings a failure back.
fn replay(plan: &Plan) -> String {
    let plan = plan.to_string().replace('\'', r"'\''");
    let test = std::thread::current();
    let test = test.name().filter(|name| *name != "main");
    let test = test.map(|name| format!(" {name}")).unwrap_or_default();
    format!("{}='{plan}' cargo test{test}", super::REPLAY)
}
