//! The command line.

mod cluster;
mod flags;
mod graph;
mod log;
mod processes;
mod serve;
mod usage;

use std::process::ExitCode;

use nats_mock::parse_conf;
use nats_mock::topology::ServerOptions;

use flags::{Flags, ParseError};

/// Runs the program with its arguments.
pub fn run(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.next_if(|first| first == "graph").is_some() {
        return graph::run(arguments);
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
        Err(error @ (ParseError::Command(_) | ParseError::Unsupported { .. })) => {
            return fail(&error);
        }
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

/// `-t`: says whether the configuration file is valid.
fn test_config(flags: &Flags) -> ExitCode {
    let Some(path) = &flags.config else {
        return fail(&"must specify [-c, --config] option to check configuration file syntax");
    };
    let document = match parse_conf(path) {
        Ok(document) => document,
        Err(error) => return fail(&error),
    };
    if let Err(error) = ServerOptions::check(&document, flags.simulate.unwrap_or_default()) {
        return fail(&error);
    }
    let digest = flags
        .simulate
        .unwrap_or_default()
        .config_digest(&document)
        .map_or_else(String::new, |digest| format!(" ({digest})"));
    eprintln!("nats-server: configuration file {path} is valid{digest}");
    ExitCode::SUCCESS
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("nats-server: {error}");
    ExitCode::FAILURE
}
