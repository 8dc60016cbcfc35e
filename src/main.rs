//! The `nats-mock` command line: a server that takes the flags, files and signals of nats-server.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args().skip(1))
}
