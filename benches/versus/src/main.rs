//! Puts the same load on a real `nats-server` and on `nats-mock`, one after the other, and prints how they compare.
//!
//! `versus --help` lists the options; `README.md` beside this crate says how to read the table.

mod cli;
mod failure;
mod launch;
mod measure;
mod messages;
mod process;
mod report;
mod servers;
mod sink;
mod soak;
mod stats;
mod system;
mod wire;

use std::process::ExitCode;

use cli::Command;

fn main() -> ExitCode {
    let outcome = cli::parse().and_then(|command| match command {
        Command::Help => {
            println!("{}", cli::HELP);
            Ok(true)
        }
        Command::Compare(options) => measure::compare(&options).map(|()| true),
        Command::Soak(options) => soak::run(&options),
        Command::Sink(options) => sink::serve(&options),
        Command::Servers(options) => servers::run(&options.real),
        Command::Fleet(servers) => servers::fleet(servers),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("versus: {failure}");
            ExitCode::from(2)
        }
    }
}
