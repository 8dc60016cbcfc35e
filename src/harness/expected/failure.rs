//! What a deployment has to complain of when a test is over.

use std::fmt;

use crate::MockNats;
use crate::core::{Core, Time};
use crate::services::Deployment;

/// Why a test has failed, as the deployment sees it: expectations that have not come true, and what was
/// [armed](crate::programmed) and could not act. Its text is made for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    expectations: Vec<String>,
    mistakes: Vec<String>,
    traffic: Vec<String>,
    seed: u64,
    topology: String,
}

/// So much of what has happened last is told.
const LAST: usize = 20;

impl Failure {
    pub(super) fn of(nats: &MockNats, expectations: Vec<String>, mistakes: Vec<String>) -> Self {
        Self {
            expectations,
            mistakes,
            traffic: nats.hub.look(last_traffic),
            seed: nats.seed(),
            topology: nats.topology().to_string(),
        }
    }

    /// What there is to complain of, if there is anything.
    pub(in crate::harness) fn of_all(nats: &MockNats) -> Option<Self> {
        let (expectations, mistakes) = nats.hub.look(|deployment| {
            let expectations = deployment.expectations().failures();
            let mistakes = [
                deployment.rules().mistakes(),
                deployment.custom().mistakes(),
            ];
            (expectations, mistakes.concat())
        });
        let is_fine = expectations.is_empty() && mistakes.is_empty();
        (!is_fine).then(|| Self::of(nats, expectations, mistakes))
    }

    /// A paragraph for each expectation that has not come true, and one for what nobody expected.
    pub fn expectations(&self) -> &[String] {
        &self.expectations
    }

    /// A line for each thing that was armed and could not act.
    pub fn mistakes(&self) -> &[String] {
        &self.mistakes
    }

    /// The seed of the deployment.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// The latest requests, events, and whatever else was watched, the oldest first.
fn last_traffic(deployment: &Deployment) -> Vec<String> {
    let journal = deployment.journal();
    let requests = journal.requests.since(0).map(|(_, it)| {
        let from = it.from.as_ref().map(|by| format!(" by {by}"));
        let text = format!(
            "request {} at {}{}",
            it.subject,
            it.server.name,
            from.unwrap_or_default()
        );
        (it.time, it.number, text)
    });
    let events = journal.events.since(0).map(|(_, it)| {
        (
            it.time,
            it.number,
            format!("event {} of {}", it.subject, it.server.name),
        )
    });
    let others = deployment.expectations().recent().cloned();
    let mut lines: Vec<(Time, u64, String)> = requests.chain(events).chain(others).collect();
    lines.sort_by_key(|(time, number, _)| (*time, *number));
    let skipped = lines.len().saturating_sub(LAST);
    let lines = lines.into_iter().skip(skipped);
    let told = |(time, _, text)| format!("{} {text}", since_start(deployment.core(), time));
    lines.map(told).collect()
}

/// The time since the first server started.
fn since_start(core: &Core, time: Time) -> String {
    let start = core
        .servers()
        .next()
        .map_or(time, |(_, server)| server.start);
    let millis = (time - start).as_millis();
    format!("{:>3}.{:03}s", millis / 1000, millis % 1000)
}

fn indented(text: &str, by: &str) -> String {
    let lines = text.trim_end().lines();
    let indented = |line: &str| {
        if line.is_empty() {
            String::new()
        } else {
            format!("{by}{line}")
        }
    };
    lines.map(indented).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sections = [
            ("expectations that have not come true", &self.expectations),
            ("what was armed and could not act", &self.mistakes),
        ];
        for (title, lines) in sections.iter().filter(|(_, lines)| !lines.is_empty()) {
            writeln!(f, "{title}:")?;
            for line in *lines {
                writeln!(f, "{}", indented(line, "  "))?;
            }
            writeln!(f)?;
        }
        if !self.traffic.is_empty() {
            writeln!(f, "last traffic:")?;
            for line in &self.traffic {
                writeln!(f, "  {line}")?;
            }
            writeln!(f)?;
        }
        write!(
            f,
            "seed {}, topology:\n{}",
            self.seed,
            indented(&self.topology, "  ")
        )
    }
}

impl std::error::Error for Failure {}
