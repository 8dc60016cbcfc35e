//! What the documents quote from the repository is what stands there.

use nats_mock_conformance::scenario::{ConfLibrary, parse};
use nats_mock_conformance::suite::Fixtures;

#[test]
fn the_example_of_a_scenario_is_one() {
    let page = include_str!("../docs/scenarios.md");
    let scenario = include_str!("../fixtures/scenarios/accounts/no-responders.scn");
    assert!(page.contains(&format!("```text\n{scenario}```\n")));
    parse(scenario, &ConfLibrary::new()).unwrap();

    let golden = Fixtures::of_this_repository()
        .golden("2.15.1".parse().unwrap(), "accounts/no-responders")
        .unwrap()
        .unwrap();
    let (_, end) = golden.split_once("> a: sub in 1\n").unwrap();
    assert!(page.contains(&format!("```text\n> a: sub in 1\n{end}```\n")));
}

#[test]
fn the_readme_gives_the_command_of_the_tests() {
    let readme = include_str!("../README.md");
    let is_command = |line: &str| line == "cargo test --workspace --all-features";
    assert!(readme.lines().any(is_command));
}
