//! Compares a server's program with the goldens.

use std::process::ExitCode;

use nats_mock_conformance::cli::{self, Options};
use nats_mock_conformance::diff::unified;
use nats_mock_conformance::suite::{Fixtures, play_all};

const USAGE: &str =
    "usage: compare --binary PATH --version X.Y.Z [--out FIXTURES] [--runs N] [--jobs N] \
[--flags FLAGS] [--also X.Y.Z=PATH] [--skip PART] \
[--servers one|several] [--every N] [SCENARIO...]
Plays each scenario and prints how its transcript differs from the golden. FLAGS are given to every
run of the program, such as `--simulate-version X.Y.Z` to nats-mock.";

fn main() -> ExitCode {
    cli::main(USAGE, compare)
}

fn compare(options: Options) -> Result<bool, Box<dyn std::error::Error>> {
    let programs = options.programs()?;
    let source = Fixtures::of_this_repository();
    let goldens = options
        .out
        .clone()
        .map_or_else(|| source.clone(), Fixtures::new);
    let scenarios = options.select(source.scenarios()?);
    let mut tally = cli::Tally::default();
    let mut trouble = None;
    play_all(
        &scenarios,
        &programs,
        options.version,
        options.runs.max(1),
        options.jobs,
        |named, plays| {
            let golden = match goldens.golden(options.version, &named.name) {
                Ok(Some(golden)) => golden,
                Ok(None) => return tally.failed(&named.name, "no golden was recorded"),
                Err(error) => {
                    trouble.get_or_insert(error);
                    return;
                }
            };
            match plays
                .iter()
                .find_map(|play| unified(&golden, &play.transcript))
            {
                None => tally.passed(&named.name),
                Some(diff) => tally.failed(&named.name, &diff),
            }
        },
    );
    match trouble {
        Some(error) => Err(error.into()),
        None => Ok(tally.finish()),
    }
}
