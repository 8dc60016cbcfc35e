//! The command line.

use std::path::PathBuf;

use lexopt::prelude::*;

use crate::failure::{Failure, Result};

/// What `--help` prints.
pub const HELP: &str = "\
versus --real PATH --mock PATH [--rounds N] [--only NAME]... [--ceiling] [--json FILE]
    Runs each measurement against both servers in turn and prints the ratios.
    --real PATH     nats-server
    --mock PATH     nats-mock
    --rounds N      how often each measurement is repeated (default 5)
    --only NAME     only measurements whose name contains NAME; may be repeated
    --ceiling       also run each against a sink that does no work, to show what the load generator could reach
    --json FILE     also write every sample to FILE

versus soak --server PATH [--connections N] [--seconds N] [--rate N]
    Keeps many connections publishing and subscribing, accounts for every message, and looks for leaks.
    --connections N how many connections (default 10000)
    --seconds N     how long (default 60)
    --rate N        messages published per second, over all connections (default 20000)

versus servers --real PATH
    Builds 10 to 10,000 servers in a process of the mock, asks them all at once, and compares their memory with that
    of three real ones.

versus fleet N
    One line of that; started by it.

versus sink -a HOST -p PORT --ports_file_dir DIR -c CONF
    The sink itself; started by --ceiling.";

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// Print [`HELP`].
    Help,
    /// Compare two servers.
    Compare(Compare),
    /// Soak one server.
    Soak(Soak),
    /// Be the sink.
    Sink(Sink),
    /// Measure many servers.
    Servers(Servers),
    /// Measure so many servers in this process.
    Fleet(usize),
}

/// Options of the comparison.
#[derive(Debug)]
pub struct Compare {
    /// The real server.
    pub real: PathBuf,
    /// The mock.
    pub mock: PathBuf,
    /// Repetitions of each measurement.
    pub rounds: usize,
    /// Parts of names of the measurements to run; all when empty.
    pub only: Vec<String>,
    /// Whether the sink runs too.
    pub ceiling: bool,
    /// Where every sample is written.
    pub json: Option<PathBuf>,
}

/// Options of the soak.
#[derive(Debug)]
pub struct Soak {
    /// The server.
    pub server: PathBuf,
    /// How many connections.
    pub connections: usize,
    /// How long, in seconds.
    pub seconds: u64,
    /// Messages published per second by all connections together.
    pub rate: u64,
}

/// Options of the measurement of many servers.
#[derive(Debug)]
pub struct Servers {
    /// The real server.
    pub real: PathBuf,
}

/// Options of the sink.
#[derive(Debug, Default)]
pub struct Sink {
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Where the ports file goes.
    pub ports_file_dir: PathBuf,
}

/// Parses the arguments of this process.
pub fn parse() -> Result<Command> {
    parse_from(lexopt::Parser::from_env()).map_err(|error| Failure::Usage(error.to_string()))
}

fn parse_from(mut arguments: lexopt::Parser) -> std::result::Result<Command, lexopt::Error> {
    let mut paths = [None, None, None];
    let [real, mock, server] = &mut paths;
    let (mut json, mut only, mut ceiling) = (None, Vec::new(), false);
    let (mut rounds, mut connections, mut seconds, mut rate) =
        (5_usize, 10_000_usize, 60_u64, 20_000_u64);
    let mut mode = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(word) if mode.is_none() && word == "sink" => {
                return sink(arguments).map(Command::Sink);
            }
            Value(word) if mode.is_none() && word == "servers" => {
                return servers(arguments).map(Command::Servers);
            }
            Value(word) if mode.is_none() && word == "fleet" => {
                return Ok(Command::Fleet(arguments.value()?.parse()?));
            }
            Value(word) if mode.is_none() && word == "soak" => mode = Some(word),
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("server") if mode.is_some() => *server = Some(arguments.value()?.into()),
            Long("connections") if mode.is_some() => connections = arguments.value()?.parse()?,
            Long("seconds") if mode.is_some() => seconds = arguments.value()?.parse()?,
            Long("rate") if mode.is_some() => rate = arguments.value()?.parse()?,
            Long("real") if mode.is_none() => *real = Some(arguments.value()?.into()),
            Long("mock") if mode.is_none() => *mock = Some(arguments.value()?.into()),
            Long("rounds") if mode.is_none() => rounds = arguments.value()?.parse()?,
            Long("only") if mode.is_none() => only.push(arguments.value()?.string()?),
            Long("ceiling") if mode.is_none() => ceiling = true,
            Long("json") if mode.is_none() => json = Some(arguments.value()?.into()),
            other => return Err(other.unexpected()),
        }
    }
    let [real, mock, server] = paths;
    if mode.is_some() {
        let server = server.ok_or("--server is missing")?;
        if connections < 10 || seconds == 0 || rate == 0 {
            return Err(
                "a soak needs at least 10 connections, 1 second and 1 message per second".into(),
            );
        }
        return Ok(Command::Soak(Soak {
            server,
            connections,
            seconds,
            rate,
        }));
    }
    let (real, mock) = (
        real.ok_or("--real is missing")?,
        mock.ok_or("--mock is missing")?,
    );
    if rounds == 0 {
        return Err("--rounds must be at least 1".into());
    }
    Ok(Command::Compare(Compare {
        real,
        mock,
        rounds,
        only,
        ceiling,
        json,
    }))
}

fn servers(mut arguments: lexopt::Parser) -> std::result::Result<Servers, lexopt::Error> {
    let mut real = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("real") => real = Some(arguments.value()?.into()),
            other => return Err(other.unexpected()),
        }
    }
    let real = real.ok_or("--real is missing")?;
    Ok(Servers { real })
}

fn sink(mut arguments: lexopt::Parser) -> std::result::Result<Sink, lexopt::Error> {
    let mut options = Sink::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('a' | 'c') => drop(arguments.value()?),
            Short('p') => options.port = arguments.value()?.parse::<i32>()?.try_into().unwrap_or(0),
            Long("ports_file_dir") => options.ports_file_dir = arguments.value()?.into(),
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> std::result::Result<Command, String> {
        parse_from(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_comparison_needs_both_servers() {
        let command = parsed(&[
            "--real", "r", "--mock", "m", "--rounds", "3", "--only", "fan",
        ]);
        assert!(matches!(
            command,
            Ok(Command::Compare(Compare {
                rounds: 3,
                ceiling: false,
                ..
            }))
        ));
        assert_eq!(
            parsed(&["--real", "r"]).err().as_deref(),
            Some("--mock is missing")
        );
        assert_eq!(
            parsed(&["--real", "r", "--mock", "m", "--rounds", "0"])
                .err()
                .as_deref(),
            Some("--rounds must be at least 1")
        );
    }

    #[test]
    fn options_of_one_mode_are_refused_in_another() {
        assert!(matches!(
            parsed(&["soak", "--server", "s"]),
            Ok(Command::Soak(_))
        ));
        assert!(parsed(&["soak", "--server", "s", "--rounds", "1"]).is_err());
        assert!(parsed(&["--server", "s"]).is_err());
    }

    #[test]
    fn the_sink_takes_a_servers_arguments() {
        let command = parsed(&[
            "sink",
            "-a",
            "127.0.0.1",
            "-p",
            "-1",
            "--ports_file_dir",
            "d",
            "-c",
            "f",
        ]);
        assert!(matches!(command, Ok(Command::Sink(Sink { port: 0, .. }))));
    }
}
