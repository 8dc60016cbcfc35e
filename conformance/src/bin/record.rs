//! Records goldens from a real server's program.

use std::process::ExitCode;

use nats_mock_conformance::cli::{self, Options};
use nats_mock_conformance::diff::unified;
use nats_mock_conformance::runner::Played;
use nats_mock_conformance::suite::{Fixtures, Named, SuiteError, play_all};

const USAGE: &str = "usage: record --binary PATH --version X.Y.Z [--out FIXTURES] [--runs N] \
[--jobs N] [--also X.Y.Z=PATH] [--skip PART] \
[--servers one|several] [--every N] [SCENARIO...]
Plays each scenario N times (2 unless told) and writes its golden if all transcripts are equal.
Without a SCENARIO to pick, goldens whose scenario is gone are removed.";

fn main() -> ExitCode {
    cli::main(USAGE, record)
}

fn record(options: Options) -> Result<bool, Box<dyn std::error::Error>> {
    let programs = options.programs()?;
    let source = Fixtures::of_this_repository();
    let out = options
        .out
        .clone()
        .map_or_else(|| source.clone(), Fixtures::new);
    let scenarios = options.select(source.scenarios()?);
    if options.takes_all() {
        remove_orphans(&out, &options, &scenarios)?;
    }
    let mut tally = cli::Tally::default();
    let mut trouble = None;
    let (several, single): (Vec<Named>, Vec<Named>) = scenarios
        .into_iter()
        .partition(|named| !named.scenario.deployment.servers.is_empty());
    // Several servers mostly wait for each other, and leave more to chance.
    for (scenarios, runs, jobs) in [
        (single, options.runs.max(2), options.jobs),
        (several, options.runs.max(3), 2 * options.jobs),
    ] {
        let report = |named: &Named, plays: Vec<Played>| match stable(&plays) {
            Ok(text) => {
                if let Err(error) = out.write_golden(options.version, &named.name, text) {
                    trouble.get_or_insert(error);
                }
                tally.passed(&named.name);
            }
            Err(why) => tally.failed(&named.name, &why),
        };
        play_all(&scenarios, &programs, options.version, runs, jobs, report);
    }
    match trouble {
        Some(error) => Err(error.into()),
        None => Ok(tally.finish()),
    }
}

/// Removes goldens that no scenario answers for.
fn remove_orphans(
    out: &Fixtures,
    options: &Options,
    scenarios: &[Named],
) -> Result<(), SuiteError> {
    for name in out.golden_names(options.version)? {
        if !scenarios.iter().any(|named| named.name == name) {
            out.remove_golden(options.version, &name)?;
            println!("gone  {name}");
        }
    }
    Ok(())
}

/// The transcript all plays agree on.
fn stable(plays: &[Played]) -> Result<&str, String> {
    for play in plays {
        if let Some(failure) = &play.failure {
            return Err(format!(
                "line {}: {}\n{}",
                failure.line, failure.problem, play.transcript
            ));
        }
    }
    let Some((first, others)) = plays.split_first() else {
        return Err("it was not played".to_owned());
    };
    for other in others {
        if let Some(diff) = unified(&first.transcript, &other.transcript) {
            return Err(format!("two runs of the real server differ\n{diff}"));
        }
    }
    Ok(&first.transcript)
}
