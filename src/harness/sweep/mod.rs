//! A test under everything that can go wrong.
//!
//! [`sweep`] takes a deployment and an async test that uses it, and runs the test again and again: under each
//! [`Incident`](crate::incidents::Incident), under [random plans](Sweep::plans) of several faults, and under
//! [each change](Sweep::mutations) of a single field of the answers and events that the test came to see.
//! Each run has a deployment of its own. The [`Report`] says what the test did not survive; what several
//! faults have caused is first reduced to the fewest that still do, and each failure comes with a line that
//! brings it back.
//!
//! ```
//! use nats_mock::{MockNats, sweep};
//! use serde_json::Value;
//!
//! /// A tool that should bear whatever a server answers.
//! fn connections(answer: &[u8]) -> Option<u64> {
//!     let answer: Value = serde_json::from_slice(answer).ok()?;
//!     answer["data"]["connections"].as_u64()
//! }
//!
//! let report = sweep(MockNats::builder().unbound(), async |nats: &MockNats| {
//!     let mut answers = nats.client("admin")?.request("$SYS.REQ.SERVER.PING.VARZ", "")?;
//!     let _ = answers.try_next().and_then(|answer| connections(&answer.payload));
//!     Ok::<(), nats_mock::ClientError>(())
//! })
//! .mutations()
//! .run_blocking();
//! assert!(report.is_survived(), "{report}");
//! ```

mod attempt;
mod mutations;
mod plan;
mod random;
mod report;
mod touched;

use std::fmt;
use std::time::Duration;

pub use self::plan::{Plan, PlanError};
pub use self::report::{Outcome, Report, Run, Trial};

use self::attempt::Attempt;
use self::touched::Touched;
use super::{Builder, MockNats};
use crate::incidents::{Fault, Incident};

/// The plan that a sweep runs instead of all others, from a failure's report.
const REPLAY: &str = "NATS_MOCK_SWEEP";

/// Faults in a random plan, at most.
const FAULTS: u64 = 4;

/// A test that is run under everything that can go wrong; see the [module](self). Without any choice, all
/// kinds of runs are made, with 100 random plans.
#[must_use = "nothing runs before `run`"]
pub struct Sweep<T> {
    deployment: Builder,
    test: T,
    incidents: Vec<Incident>,
    plans: u64,
    mutations: bool,
    replayed: Vec<Plan>,
    time_limit: Option<Duration>,
    replay: Box<dyn Fn(&Plan) -> String>,
}

/// The command line by which cargo runs this test under a plan again.
fn cargo_test(plan: &Plan) -> String {
    let plan = plan.to_string().replace('\'', r"'\''");
    let test = std::thread::current();
    let test = test.name().filter(|name| *name != "main");
    let test = test.map(|name| format!(" {name}")).unwrap_or_default();
    format!("{REPLAY}='{plan}' cargo test{test}")
}

/// Runs a test under everything that can go wrong; see the [module](self). The test passes when it gives
/// `Ok` in time and the deployment has nothing to complain of.
pub fn sweep<T, E>(deployment: Builder, test: T) -> Sweep<T>
where
    T: AsyncFn(&MockNats) -> Result<(), E>,
    E: fmt::Display,
{
    Sweep {
        deployment,
        test,
        incidents: Vec::new(),
        plans: 0,
        mutations: false,
        replayed: Vec::new(),
        time_limit: None,
        replay: Box::new(cargo_test),
    }
}

impl<T, E> Sweep<T>
where
    T: AsyncFn(&MockNats) -> Result<(), E>,
    E: fmt::Display,
{
    /// Runs the test under each incident.
    pub fn incidents(mut self) -> Self {
        self.incidents = Incident::each();
        self
    }

    /// Runs the test under this incident. What happens once, such as a restart, happens when the test's
    /// first request has reached a server, or before the test if it makes none.
    pub fn incident(mut self, incident: Incident) -> Self {
        self.incidents.push(incident);
        self
    }

    /// Runs the test under so many random plans, each of up to four faults drawn from a seed of its own.
    /// The seeds follow that of the deployment.
    pub fn plans(mut self, number: u64) -> Self {
        self.plans = number;
        self
    }

    /// Runs the test once for each change of each field of the answers and events that it comes to see:
    /// absent, null, empty, of another type, extreme. Of a list the first item is changed.
    pub fn mutations(mut self) -> Self {
        self.mutations = true;
        self
    }

    /// Runs the test under a plan, such as one that a report names.
    pub fn plan(mut self, plan: Plan) -> Self {
        self.replayed.push(plan);
        self
    }

    /// How long a run may take before it counts as hung. Default: ten times what it takes without any
    /// fault, and two seconds more.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// How reports say that a run can be brought back. Default: the variable `NATS_MOCK_SWEEP` before
    /// `cargo test` and the name of the test.
    pub fn replayed_by(mut self, line: impl Fn(&Plan) -> String + 'static) -> Self {
        self.replay = Box::new(line);
        self
    }

    /// Runs everything, with a runtime of its own in this thread.
    ///
    /// # Panics
    ///
    /// When there is a runtime already, or none can be started.
    pub fn run_blocking(self) -> Report {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(self.run())
    }

    /// Runs everything, one after the other. If the environment variable `NATS_MOCK_SWEEP` holds a plan, only
    /// that is run.
    pub async fn run(mut self) -> Report {
        if let Ok(plan) = std::env::var(REPLAY) {
            match plan.parse() {
                Ok(plan) => self = self.only(plan),
                Err(error) => return Report::impossible(error.to_string()),
            }
        }
        let all = self.incidents.is_empty()
            && self.plans == 0
            && !self.mutations
            && self.replayed.is_empty();
        if all {
            self = self.incidents().plans(100).mutations();
        }
        let seed = self.deployment.seed;
        let touched = Touched::default();
        let usual = self.attempt(seed, |_| Vec::new(), Some(&touched)).await;
        if let Some(failure) = usual.outcome.failure() {
            return Report::impossible(format!("it fails without any fault: {failure}"));
        }
        if self.time_limit.is_none() {
            self.time_limit = Some(usual.took * 10 + Duration::from_secs(2));
        }
        let touched = touched.into_samples();
        let mut report = Report::default();
        for plan in std::mem::take(&mut self.replayed) {
            let seed = plan.seed.unwrap_or(seed);
            let attempt = self.attempt(seed, |_| plan.faults, None).await;
            let attempt = self.shrunk(seed, attempt).await;
            report.push(self.run_of(Trial::Plan, "given", seed, attempt));
        }
        for incident in std::mem::take(&mut self.incidents) {
            let faults = |nats: &MockNats| in_time(incident.faults(nats), usual.requests);
            let attempt = self.attempt(seed, faults, None).await;
            let attempt = self.shrunk(seed, attempt).await;
            report.push(self.run_of(Trial::Incident, incident.name(), seed, attempt));
        }
        for number in 1..=self.plans {
            let seed = seed.wrapping_add(number);
            let faults = |nats: &MockNats| random::faults(nats, &touched, usual.requests, FAULTS);
            let attempt = self.attempt(seed, faults, None).await;
            let attempt = self.shrunk(seed, attempt).await;
            report.push(self.run_of(Trial::Plan, "random", seed, attempt));
        }
        let mutated = touched.iter().filter(|_| self.mutations);
        for (what, sample) in mutated {
            for fault in mutations::of(what, sample) {
                let attempt = self.attempt(seed, |_| vec![fault], None).await;
                report.push(self.run_of(Trial::Mutation, &what.describe(), seed, attempt));
            }
        }
        report
    }

    fn only(mut self, plan: Plan) -> Self {
        self.incidents.clear();
        (self.plans, self.mutations) = (0, false);
        self.replayed = vec![plan];
        self
    }

    async fn attempt(
        &self,
        seed: u64,
        faults: impl FnOnce(&MockNats) -> Vec<Fault>,
        touched: Option<&Touched>,
    ) -> Attempt {
        let deployment = self.deployment.clone().seed(seed);
        let time_limit = self.time_limit.unwrap_or(Duration::from_secs(60));
        attempt::attempt(deployment, &self.test, faults, touched, time_limit).await
    }

    /// Leaves out whatever a failure does not need.
    async fn shrunk(&self, seed: u64, mut attempt: Attempt) -> Attempt {
        let mut place = 0;
        while attempt.outcome.failure().is_some()
            && attempt.faults.len() > 1
            && place < attempt.faults.len()
        {
            let mut fewer = attempt.faults.clone();
            fewer.remove(place);
            let again = self.attempt(seed, |_| fewer, None).await;
            if again.outcome.failure().is_some() {
                attempt = again;
            } else {
                place += 1;
            }
        }
        attempt
    }

    fn run_of(&self, trial: Trial, name: &str, seed: u64, attempt: Attempt) -> Run {
        let plan = Plan {
            seed: Some(seed),
            faults: attempt.faults,
        };
        Run {
            trial,
            name: name.to_owned(),
            replay: (self.replay)(&plan),
            plan,
            hits: attempt.hits,
            outcome: attempt.outcome,
        }
    }
}

impl<T> fmt::Debug for Sweep<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep")
            .field("incidents", &self.incidents)
            .field("plans", &self.plans)
            .field("mutations", &self.mutations)
            .finish_non_exhaustive()
    }
}

/// What happens once comes after requests of the test, one after each, as far as it makes any.
fn in_time(faults: Vec<Fault>, requests: u64) -> Vec<Fault> {
    let mut moments = 0;
    let later = faults.into_iter().map(|mut fault| {
        if fault.is_moment() {
            moments += 1;
            fault.after = moments.min(requests);
        }
        fault
    });
    later.collect()
}
