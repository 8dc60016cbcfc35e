//! The fixtures are whole: every scenario can be read and has its goldens, and every golden is the
//! complete and normalised transcript of a scenario.

use nats_mock_conformance::suite::{Fixtures, Named};
use nats_mock_conformance::version::{RELEASE_LINES, Version};

fn all() -> (Fixtures, Vec<Named>) {
    let fixtures = Fixtures::of_this_repository();
    let scenarios = fixtures
        .scenarios()
        .expect("every scenario file can be read");
    (fixtures, scenarios)
}

fn goldens(mut check: impl FnMut(Version, &Named, &str)) {
    let (fixtures, scenarios) = all();
    for version in RELEASE_LINES {
        for named in &scenarios {
            let golden = fixtures.golden(version, &named.name).expect("readable");
            if let Some(golden) = golden {
                check(version, named, &golden);
            }
        }
    }
}

#[test]
fn there_are_enough_scenarios() {
    let (_, scenarios) = all();
    let wire = scenarios.iter().filter(|s| !s.name.starts_with("system/"));
    assert!(wire.count() >= 60);
}

#[test]
fn scenarios_and_goldens_answer_for_each_other() {
    let (fixtures, scenarios) = all();
    for version in RELEASE_LINES {
        let found = fixtures.golden_names(version).expect("readable goldens");
        for named in &scenarios {
            let applies = named.scenario.versions.contains(version);
            let is_recorded = found.contains(&named.name);
            assert_eq!(is_recorded, applies, "{} of {version}", named.name);
        }
        for name in &found {
            let is_scenario = scenarios.iter().any(|named| named.name == *name);
            assert!(
                is_scenario,
                "{version} has a golden for {name}, which is gone"
            );
        }
    }
}

#[test]
fn goldens_show_the_steps_of_their_scenario() {
    goldens(|version, named, golden| {
        let steps = named.scenario.steps.iter();
        let wanted: Vec<String> = steps
            .filter(|step| step.versions.contains(version))
            .map(|step| format!("> {}", step.source.lines().next().unwrap_or_default()))
            .collect();
        let found: Vec<&str> = golden.lines().filter(|l| l.starts_with("> ")).collect();
        assert_eq!(found, wanted, "{} of {version}", named.name);
        let purpose = format!("# {}", named.scenario.purpose);
        assert_eq!(golden.lines().next(), Some(purpose.as_str()));
    });
}

#[test]
fn goldens_hold_no_failure_and_nothing_of_the_recording_machine() {
    let temporary = std::env::temp_dir();
    let temporary = temporary.to_string_lossy();
    goldens(|version, named, golden| {
        for line in golden.lines() {
            let place = format!("{} of {version}: {line}", named.name);
            assert!(!line.starts_with("! "), "a failure in {place}");
            assert!(!line.contains(&*temporary), "a path in {place}");
            let words = line.split(|c: char| !c.is_ascii_alphanumeric());
            for word in words {
                let is_key = word.len() == 56 && word.starts_with(['N', 'X']);
                assert!(!is_key, "an identity in {place}");
            }
        }
    });
}
