//! Every scenario, played against the mock in this process, gives the transcript that was recorded
//! from the real server of the same release.

use std::path::Path;

use nats_mock_conformance::diff::unified;
use nats_mock_conformance::driver::embedded::Embedded;
use nats_mock_conformance::suite::{Fixtures, play_all};

fn equals_goldens_of(release: &str) {
    let fixtures = Fixtures::of_this_repository();
    let version = release.parse().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_nats-mock"));
    let target = Embedded::new(release.parse().unwrap(), program).unwrap();
    let mut scenarios = fixtures.scenarios().unwrap();
    scenarios.retain(|named| named.scenario.versions.contains(version));
    if !cfg!(feature = "jwt") {
        scenarios.retain(|named| !named.scenario.uses_identities());
    }
    // To look at some of them while something is being built.
    if let Ok(part) = std::env::var("SCENARIOS") {
        scenarios.retain(|named| named.name.contains(&part));
    }
    assert!(!scenarios.is_empty(), "no scenario for {release}");
    let jobs = std::thread::available_parallelism().map_or(2, usize::from);
    let mut differences = Vec::new();
    play_all(&scenarios, &target, version, 1, jobs, |named, plays| {
        let golden = fixtures.golden(version, &named.name).unwrap();
        let golden = golden.unwrap_or_else(|| "no golden was recorded\n".to_owned());
        if let Some(difference) = unified(&golden, &plays[0].transcript) {
            differences.push(format!("{}:\n{difference}", named.name));
        }
    });
    assert!(
        differences.is_empty(),
        "{} of {} scenarios differ from {release}:\n{}",
        differences.len(),
        scenarios.len(),
        differences.join("\n"),
    );
}

#[test]
fn equals_2_10() {
    equals_goldens_of("2.10.26");
}

#[test]
fn equals_2_11() {
    equals_goldens_of("2.11.11");
}

#[test]
fn equals_2_12() {
    equals_goldens_of("2.12.8");
}

#[test]
fn equals_2_14() {
    equals_goldens_of("2.14.6");
}

#[test]
fn equals_2_15() {
    equals_goldens_of("2.15.1");
}
