//! One run of a test under some faults.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::report::Outcome;
use super::touched::Touched;
use crate::harness::wait::Deadline;
use crate::incidents::{Fault, Staged};
use crate::{Builder, MockNats};

/// How a run went.
pub(super) struct Attempt {
    pub outcome: Outcome,
    /// What was staged.
    pub faults: Vec<Fault>,
    /// How often a fault acted.
    pub hits: u64,
    /// How many requests reached servers.
    pub requests: u64,
    pub took: Duration,
}

/// Runs a test in a deployment of its own.
pub(super) async fn attempt<T, E>(
    deployment: Builder,
    test: &T,
    faults: impl FnOnce(&MockNats) -> Vec<Fault>,
    touched: Option<&Touched>,
    time_limit: Duration,
) -> Attempt
where
    T: AsyncFn(&MockNats) -> Result<(), E>,
    E: fmt::Display,
{
    let mut attempt = Attempt {
        outcome: Outcome::Survived,
        faults: Vec::new(),
        hits: 0,
        requests: 0,
        took: Duration::ZERO,
    };
    let nats = match deployment.start().await {
        Ok(nats) => nats,
        Err(error) => {
            attempt.outcome = Outcome::NotStaged(error.to_string());
            return attempt;
        }
    };
    if let Some(touched) = touched {
        touched.tap(&nats);
    }
    attempt.faults = faults(&nats);
    let mut staged = match nats.stage(&attempt.faults) {
        Ok(staged) => staged,
        Err(error) => {
            attempt.outcome = Outcome::NotStaged(error.to_string());
            return attempt;
        }
    };
    let began = Instant::now();
    attempt.outcome = run(&nats, test, &mut staged, time_limit).await;
    attempt.took = began.elapsed();
    attempt.hits = staged.hits();
    attempt.requests = nats.requests_so_far();
    drop(staged);
    if let Err(failure) = nats.finish().await
        && attempt.outcome == Outcome::Survived
    {
        attempt.outcome = Outcome::Failed(failure.to_string());
    }
    attempt
}

async fn run<T, E>(nats: &MockNats, test: &T, staged: &mut Staged, time_limit: Duration) -> Outcome
where
    T: AsyncFn(&MockNats) -> Result<(), E>,
    E: fmt::Display,
{
    // Calling the test may panic as well as polling it.
    let mut body = pin!(async { test(nats).await });
    let mut deadline = Deadline::by_the_system(time_limit, nats);
    poll_fn(|context| {
        if let Err(error) = stage_what_is_due(nats, staged, context) {
            return Poll::Ready(Outcome::NotStaged(error.to_string()));
        }
        match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context))) {
            Ok(Poll::Ready(Ok(()))) => Poll::Ready(Outcome::Survived),
            Ok(Poll::Ready(Err(error))) => Poll::Ready(Outcome::Failed(error.to_string())),
            Ok(Poll::Pending) => deadline.poll(context).map(|()| Outcome::Hung),
            Err(panic) => Poll::Ready(Outcome::Panicked(text_of(&*panic))),
        }
    })
    .await
}

/// Stages what is to come by now, and wakes the run when it is time for the next.
fn stage_what_is_due(
    nats: &MockNats,
    staged: &mut Staged,
    context: &mut Context<'_>,
) -> Result<(), crate::incidents::StageError> {
    while let Some(requests) = staged.next() {
        let due = nats.hub.poll_record(context.waker(), |deployment| {
            let is_due = deployment.journal().requests.next() >= requests;
            if is_due {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        if due.is_pending() {
            break;
        }
        staged.go_on(nats)?;
    }
    Ok(())
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no text".to_owned())
}
