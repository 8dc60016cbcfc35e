//! The command line.

mod cluster;
mod files;
mod flags;
mod graph;
mod log;
mod member;
mod orders;
mod processes;
mod serve;
mod startup;
mod subcommand;
mod sweep;
mod tls;
mod usage;

use std::process::ExitCode;

use nats_mock::topology::ServerOptions;
use nats_mock::{ConfigError, parse_conf};

use flags::{Flags, ParseError};
use member::Refused;

/// Runs the program with its arguments.
pub fn run(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.next_if(|first| first == "graph").is_some() {
        return graph::run(arguments);
    }
    if arguments.next_if(|first| first == "sweep").is_some() {
        return sweep::run(arguments);
    }
    let flags = match Flags::parse(arguments) {
        Ok(flags) => flags,
        Err(ParseError::Help) => {
            print!("{}", usage::TEXT);
            return ExitCode::SUCCESS;
        }
        // As with nats-server, a flag that is not known shows the usage and is no failure.
        Err(
            error @ (ParseError::Unknown(_)
            | ParseError::NoValue(_)
            | ParseError::Invalid { .. }
            | ParseError::InvalidSwitch { .. }),
        ) => {
            eprintln!("{error}");
            print!("{}", usage::TEXT);
            return ExitCode::SUCCESS;
        }
        Err(
            error @ (ParseError::Command(_)
            | ParseError::Unsupported { .. }
            | ParseError::ForOneServer { .. }),
        ) => return fail(&error),
    };
    if flags.version {
        println!("nats-server: v{}", flags.simulate.unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    if let Some(signal) = &flags.signal {
        return match processes::signal(signal, flags.pid_file.as_deref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        };
    }
    if flags.test_config {
        return test_config(&flags);
    }
    serve::serve(&flags)
}

/// `-t`: says whether the configuration files are valid.
fn test_config(flags: &Flags) -> ExitCode {
    if flags.configs.is_empty() {
        return fail(&"must specify [-c, --config] option to check configuration file syntax");
    }
    let version = flags.simulate.unwrap_or_default();
    for path in &flags.configs {
        let checked = parse_conf(path)
            .map_err(Refused::from)
            .and_then(|document| {
                ServerOptions::check(&document, version).map_err(ConfigError::from)?;
                Ok(version.config_digest(&document))
            });
        let digest = match checked {
            Ok(digest) => digest,
            Err(error) => return fail(&error.among(flags, path)),
        };
        let digest = member::in_brackets(digest.as_deref());
        eprintln!("nats-server: configuration file {path} is valid{digest}");
    }
    ExitCode::SUCCESS
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("nats-server: {error}");
    ExitCode::FAILURE
}
