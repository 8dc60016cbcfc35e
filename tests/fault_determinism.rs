//! Random fault plans do the same again for the same seed.

mod support;

use std::cell::RefCell;
use std::time::Duration;

use nats_mock::{Client, MockNats, Subscription, sweep};
use support::epoch;

/// Tells everything that clients hear while faults happen.
async fn transcript(nats: &MockNats) -> Result<String, Box<dyn std::error::Error>> {
    let mut told = String::new();
    let mut ops = nats.client("admin")?;
    let mut heard = ops.subscribe("$SYS.>")?;
    let mut subscriber = nats.server("east-2").client("a")?;
    let mut orders = subscriber.subscribe("orders.*")?;
    let mut publisher = nats.server("west-1").client("a")?;
    for round in 0..2 {
        for endpoint in ["STATSZ", "CONNZ"] {
            ask(
                &mut ops,
                &format!("$SYS.REQ.SERVER.PING.{endpoint}"),
                &mut told,
            );
            // Faults that are due come between requests.
            tokio::task::yield_now().await;
        }
        ask(&mut ops, "$SYS.REQ.ACCOUNT.USERS.CONNZ", &mut told);
        let published = publisher.publish(format!("orders.{round}"), "one");
        told += &format!("published: {}\n", published.is_ok());
        // A client comes and goes.
        let guest = nats.server("east-3").client("a").map(drop);
        told += &format!("guest: {}\n", guest.is_ok());
        nats.advance(Duration::from_secs(1));
        drain("event", &mut heard, &mut told);
        drain("order", &mut orders, &mut told);
    }
    told += &nats.topology().to_string();
    Ok(told)
}

fn ask(client: &mut Client, subject: &str, told: &mut String) {
    match client.request(subject, "") {
        Ok(mut answers) => drain(subject, &mut answers, told),
        Err(error) => *told += &format!("{subject}: {error}\n"),
    }
}

fn drain(what: &str, messages: &mut Subscription, told: &mut String) {
    while let Some(message) = messages.try_next() {
        *told += &format!("{what}: {} {}\n", message.subject, message.text());
    }
}

/// The plans from a seed on, and what clients heard under each.
fn all(seed: u64, plans: u64) -> Vec<(String, String)> {
    let transcripts = RefCell::new(Vec::new());
    let deployment = MockNats::builder()
        .manual_clock(epoch())
        .unbound()
        .cluster("east", 3)
        .cluster("west", 1)
        .seed(seed);
    let report = sweep(deployment, async |nats: &MockNats| {
        // A client that is cut off ends the script; that is part of the transcript.
        let told = transcript(nats).await;
        let told = told.unwrap_or_else(|error| error.to_string());
        transcripts.borrow_mut().push(told);
        Ok::<(), String>(())
    })
    .plans(plans)
    .run_blocking();
    let plans = report.runs().iter().map(|run| run.plan.to_string());
    // The first run is without faults.
    plans
        .zip(transcripts.into_inner().into_iter().skip(1))
        .collect()
}

fn check(seed: u64, plans: u64) {
    let (first, second) = (all(seed, plans), all(seed, plans));
    assert_eq!(first.len() as u64, plans);
    for ((plan, one), (again, other)) in first.iter().zip(&second) {
        assert_eq!(plan, again);
        let lines = one.lines().zip(other.lines());
        let differs = lines.into_iter().find(|(one, other)| one != other);
        assert!(one == other, "{plan}\n{differs:#?}");
    }
    let mut different: Vec<_> = first.iter().map(|(_, told)| told).collect();
    different.sort_unstable();
    different.dedup();
    assert!(
        different.len() as u64 > plans / 2,
        "seeds make no difference"
    );
}

// A thousand plans, in quarters that are played side by side.

#[test]
fn the_first_plans_are_repeatable() {
    check(0, 250);
}

#[test]
fn the_second_plans_are_repeatable() {
    check(250, 250);
}

#[test]
fn the_third_plans_are_repeatable() {
    check(500, 250);
}

#[test]
fn the_fourth_plans_are_repeatable() {
    check(750, 250);
}
