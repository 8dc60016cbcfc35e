//! `nats-mock sweep`: commands while everything goes wrong that can.

use std::process::{Command, Output};

fn sweep(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nats-mock"));
    command.arg("sweep").args(arguments);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_command_that_does_not_care_survives() {
    let output = sweep(&[
        "--incident",
        "empty-replies",
        "--plans",
        "2",
        "--",
        "sh",
        "-c",
        "exit 0",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = "incidents: 1 of 1 survived, 1 did not come up\nplans: 2 of 2 survived";
    assert!(text(&output.stdout).starts_with(report), "{output:?}");
}

#[test]
fn a_command_that_fails_by_itself_is_not_tried() {
    let output = sweep(&["--servers", "1", "--", "sh", "-c", "echo no >&2; exit 3"]);
    assert_eq!(output.status.code(), Some(1));
    let report = "nothing was tried: it fails without any fault: failed: exit code 3: no\n";
    assert_eq!(text(&output.stdout), report);
}

#[test]
fn what_a_command_does_not_survive_is_told_with_the_line_that_brings_it_back() {
    // The first run is without any trouble: it leaves a mark that the others stumble over.
    let mark = tempfile::tempdir().unwrap();
    let script = format!(
        "cd {} && if mkdir ran; then exit 0; else exit 4; fi",
        mark.path().display()
    );
    let output = sweep(&[
        "--incident",
        "lost-route",
        "--servers=2",
        "--",
        "sh",
        "-c",
        &script,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stdout);
    assert!(
        report.contains("    lost-route: link east-1 east-2: cut\n"),
        "{report}"
    );
    let again = format!(
        "    again: nats-mock sweep --servers=2 --plan 'seed 0; link east-1 east-2: cut' -- sh -c '{script}'\n"
    );
    assert!(report.contains(&again), "{report}");
}

#[test]
fn incidents_are_listed_with_their_reports() {
    let output = sweep(&["--incident", "help"]);
    let list = text(&output.stdout);
    assert!(list.lines().count() >= 20);
    assert!(
        list.contains("partial-replies          https://github.com/nats-io/natscli/issues/1473")
    );
}

#[test]
fn a_wrong_flag_shows_the_usage() {
    let output = sweep(&["--colour"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("flag provided but not defined: -colour"));
    assert!(text(&output.stderr).contains("Usage: nats-mock sweep"));
}
