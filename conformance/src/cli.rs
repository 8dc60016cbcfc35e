//! What the programs of this crate have in common: their flags, and how they report.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use crate::driver::DriverError;
use crate::driver::binary::Binary;
use crate::suite::Named;
use crate::version::Version;

/// The flags of `record` and `compare`.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server's program.
    pub binary: PathBuf,
    /// The version it is, which picks scenarios and goldens.
    pub version: Version,
    /// The programs of other releases, for deployments of several.
    pub others: Vec<(Version, PathBuf)>,
    /// The fixtures folder whose goldens are written or read, if not the repository's.
    pub out: Option<PathBuf>,
    /// How often each scenario is played; 0 if not said.
    pub runs: usize,
    /// How many scenarios are played at a time.
    pub jobs: usize,
    /// Flags the program is given first on every run.
    pub flags: Vec<String>,
    /// Parts of names; a scenario is taken if its name contains one of them.
    pub filters: Vec<String>,
    /// Parts of names; a scenario is left out if its name contains one of them.
    pub skipped: Vec<String>,
    /// How many servers the scenarios have, if that matters.
    pub servers: Option<Servers>,
    /// Only every so many of the scenarios are played.
    pub every: usize,
}

/// How many servers a scenario has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Servers {
    /// A single one.
    One,
    /// A deployment.
    Several,
}

impl Options {
    /// Reads a command line without the program's name.
    ///
    /// # Errors
    ///
    /// Names the flag that is missing, unknown or has a bad value.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut args = args.into_iter();
        let (mut binary, mut version, mut out) = (None, None, None);
        let (mut runs, mut jobs) = (0, thread::available_parallelism().map_or(2, usize::from));
        let (mut flags, mut filters) = (Vec::new(), Vec::new());
        let (mut others, mut skipped) = (Vec::new(), Vec::new());
        let (mut servers, mut every) = (None, 1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--binary" => binary = Some(PathBuf::from(value()?)),
                "--version" => version = Some(value()?.parse().map_err(|e| format!("{e}"))?),
                "--also" => others.push(other(&value()?)?),
                "--skip" => skipped.push(value()?),
                "--servers" => servers = Some(Servers::parse(&value()?)?),
                "--every" => every = count(&value()?)?.max(1),
                "--out" => out = Some(PathBuf::from(value()?)),
                "--runs" => runs = count(&value()?)?,
                "--flags" => flags.extend(value()?.split_whitespace().map(str::to_owned)),
                "--jobs" => jobs = count(&value()?)?,
                _ if arg.starts_with('-') => return Err(format!("unknown flag {arg}")),
                _ => filters.push(arg),
            }
        }
        Ok(Self {
            binary: binary.ok_or("--binary is missing")?,
            version: version.ok_or("--version is missing")?,
            others,
            out,
            runs,
            jobs,
            flags,
            filters,
            skipped,
            servers,
            every,
        })
    }

    /// The programs to play against.
    ///
    /// # Errors
    ///
    /// When one of them is not there.
    pub fn programs(&self) -> Result<Binary, DriverError> {
        let mut binary = Binary::new(&self.binary)?.with_flags(self.flags.clone());
        for (version, path) in &self.others {
            binary = binary.with_other(*version, path)?;
        }
        Ok(binary)
    }

    /// Whether no scenario of the version is left out.
    pub fn takes_all(&self) -> bool {
        let names = self.filters.is_empty() && self.skipped.is_empty();
        names && self.servers.is_none() && self.every == 1
    }

    /// The scenarios meant: those of the version whose name matches a filter, or every so many of them.
    pub fn select(&self, scenarios: Vec<Named>) -> Vec<Named> {
        let any = |parts: &[String], name: &str| parts.iter().any(|part| name.contains(part));
        let wanted = |name: &str| {
            (self.filters.is_empty() || any(&self.filters, name)) && !any(&self.skipped, name)
        };
        let has_servers = |named: &Named| {
            let own = match named.scenario.deployment.servers.as_slice() {
                [] => Servers::One,
                _ => Servers::Several,
            };
            self.servers.is_none_or(|servers| servers == own)
        };
        scenarios
            .into_iter()
            .filter(|named| named.scenario.versions.contains(self.version))
            .filter(|named| wanted(&named.name) && has_servers(named))
            .step_by(self.every)
            .collect()
    }
}

impl Servers {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "one" => Ok(Self::One),
            "several" => Ok(Self::Several),
            _ => Err(format!("`{text}` is neither `one` nor `several`")),
        }
    }
}

/// `X.Y.Z=PATH`.
fn other(text: &str) -> Result<(Version, PathBuf), String> {
    let (version, path) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not VERSION=PATH"))?;
    let version = version.parse().map_err(|e| format!("{e}"))?;
    Ok((version, PathBuf::from(path)))
}

fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is not a count"))
}

/// Runs a program: reads its flags, reports its errors, turns its verdict into an exit code.
pub fn main(
    usage: &str,
    program: impl FnOnce(Options) -> Result<bool, Box<dyn std::error::Error>>,
) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n{usage}");
            return ExitCode::from(2);
        }
    };
    match program(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Counts verdicts and prints them.
#[derive(Debug, Default)]
pub struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// Notes a success.
    pub fn passed(&mut self, name: &str) {
        self.passed += 1;
        println!("ok    {name}");
    }

    /// Notes a failure and shows why.
    pub fn failed(&mut self, name: &str, why: &str) {
        self.failed += 1;
        println!("FAIL  {name}");
        for line in why.lines() {
            println!("      {line}");
        }
    }

    /// Prints the totals; true if nothing failed.
    pub fn finish(self) -> bool {
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Fixtures;

    fn options(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_are_read() {
        let options =
            options("--binary x --version 2.15.1 --runs 3 --flags -D --also 2.14.6=y wire/ sys")
                .expect("flags");
        assert_eq!(options.version, Version::new(2, 15, 1));
        assert_eq!((options.runs, options.filters.len()), (3, 2));
        assert_eq!(options.flags, ["-D"]);
        assert_eq!(options.others, [(Version::new(2, 14, 6), "y".into())]);
    }

    #[test]
    fn scenarios_are_selected() {
        let all = || {
            Fixtures::of_this_repository()
                .scenarios()
                .expect("scenarios")
        };
        let select = |line: &str| {
            let options = options(&format!("--binary x --version 2.15.1 {line}"));
            let selected = options.expect("flags").select(all());
            selected
                .into_iter()
                .map(|named| named.name)
                .collect::<Vec<_>>()
        };
        let (one, several) = (select("--servers one"), select("--servers several"));
        assert!(one.iter().any(|name| name == "wire/ping"));
        assert!(several.iter().any(|name| name == "cluster/varz"));
        assert_eq!(one.len() + several.len(), select("").len());
        let third = select("--servers several --every 3");
        assert_eq!(third.len(), several.len().div_ceil(3));
        assert_eq!((&third[0], &third[1]), (&several[0], &several[3]));
    }

    #[test]
    fn bad_flags_are_named() {
        assert_eq!(
            options("--servers 3").expect_err("a number"),
            "`3` is neither `one` nor `several`"
        );
        assert_eq!(
            options("--version 2.15.1").expect_err("no binary"),
            "--binary is missing"
        );
        assert_eq!(
            options("--runs x").expect_err("no count"),
            "`x` is not a count"
        );
        assert_eq!(
            options("--fast").expect_err("unknown"),
            "unknown flag --fast"
        );
        assert_eq!(
            options("--binary").expect_err("no value"),
            "--binary needs a value"
        );
    }
}
