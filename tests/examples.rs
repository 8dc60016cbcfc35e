//! The tools among the examples: sweeps find their planted bugs, and nothing else.
#![allow(dead_code, reason = "nobody calls the `main` of an example here")]

#[path = "../examples/billing/main.rs"]
mod billing;
#[path = "../examples/exporter/main.rs"]
mod exporter;

use std::future::Future;

use nats_mock::sweep::Report;

fn block_on(sweep: impl Future<Output = Report>) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(sweep)
}

/// The bug is found under an incident, and shrunk to this one fault.
fn assert_finds(report: &Report, incident: &str, fault: &str) {
    let mut failures = report.failures();
    let plan = failures
        .find(|run| run.name == incident)
        .map(|run| run.plan.to_string());
    assert_eq!(plan, Some(format!("seed 0; {fault}")), "{report}");
}

#[test]
fn an_exporter_that_insists_on_all_servers_is_found_out() {
    let report = block_on(exporter::swept(true));
    assert_finds(
        &report,
        "partial-replies",
        "any answer from east-3: silence",
    );
}

#[test]
fn an_exporter_that_does_not_survives() {
    block_on(exporter::swept(false)).unwrap();
}

#[test]
fn a_billing_that_believes_everything_is_found_out() {
    let report = block_on(billing::swept(true));
    assert_finds(&report, "doubled-events", "any event: duplicate 1");
}

#[test]
fn a_billing_that_does_not_survives() {
    block_on(billing::swept(false)).unwrap();
}
