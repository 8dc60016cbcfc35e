//! `--signal`: telling another nats-mock process what to do.

use std::io;
use std::process::Command;

/// Why a signal was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    #[error("unknown signal {0:?}")]
    Unknown(String),
    #[error("no nats-server processes running")]
    NoProcess,
    #[error("invalid pid: {0}")]
    InvalidPid(String),
    #[error("\nsignal {command:?} {pid}: {why}")]
    Failed {
        command: String,
        pid: u32,
        why: String,
    },
    #[error("cannot run kill: {0}")]
    Kill(#[from] io::Error),
}

/// Sends `command[=pid]`. The process may be named by its id or by a file that holds it; without
/// one, the file of `-P` is looked at.
pub fn signal(argument: &str, pid_file: Option<&str>) -> Result<(), SignalError> {
    let (command, process) = match argument.split_once('=') {
        Some((command, process)) => (command, Some(process)),
        None => (argument, pid_file),
    };
    let name = match command {
        "stop" => "KILL",
        "quit" => "INT",
        "term" => "TERM",
        "reopen" => "USR1",
        "reload" => "HUP",
        "ldm" => "USR2",
        _ => return Err(SignalError::Unknown(command.to_owned())),
    };
    let process = process.ok_or(SignalError::NoProcess)?;
    let pid = pid_of(process)?;
    let output = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(SignalError::Failed {
        command: command.to_owned(),
        pid,
        why: if reason.contains("No such process") {
            "no such process".to_owned()
        } else {
            reason.trim().to_owned()
        },
    })
}

fn pid_of(process: &str) -> Result<u32, SignalError> {
    let number = process.parse().ok().or_else(|| {
        let text = std::fs::read_to_string(process).ok()?;
        text.trim().parse().ok()
    });
    // 0 would mean this program's own group.
    number
        .filter(|&pid| pid != 0)
        .ok_or_else(|| SignalError::InvalidPid(process.to_owned()))
}
