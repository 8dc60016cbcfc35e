//! What a deployment has to complain of when a test is over.

use std::fmt;

use crate::MockNats;
use crate::timeline::Timeline;

/// Why a test has failed, as the deployment sees it: expectations that have not come true, and what was
/// [armed](crate::programmed) and could not act. Its text is made for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    expectations: Vec<String>,
    mistakes: Vec<String>,
    timeline: Timeline,
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
            timeline: nats.timeline(),
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

    /// All that had happened when the test failed.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::expected::connections;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("timeline.html");
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let nats = MockNats::start().await?;
    /// nats.expect(connections().by_user("a"));
    /// if let Err(failure) = nats.finish().await {
    ///     std::fs::write(&path, failure.timeline().html())?;
    /// }
    /// # assert!(path.exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The seed of the deployment.
    pub fn seed(&self) -> u64 {
        self.seed
    }
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
        if !self.timeline.entries().is_empty() {
            let last = self.timeline.last(LAST);
            writeln!(
                f,
                "what happened last:\n{}\n",
                indented(&last.to_string(), "  ")
            )?;
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
