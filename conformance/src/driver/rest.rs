//! Seeing that a process has come to rest.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How long to watch at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// The time between two looks. Bytes on their way through a busy system's loopback are not seen, so
/// the looks together have to last longer than that way.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// How many looks in a row must find every thread asleep.
const LOOKS: usize = 4;

/// Returns when every thread of the processes `pids` has been asleep for a few looks in a row.
///
/// A server that says it is ready may still have goroutines that were started and not yet run, and
/// some of those draw client ids. Where the system does not tell about threads, or the process is
/// never at rest, this returns all the same: the scenario then shows whatever comes of it.
pub(super) fn await_rest(pids: &[u32]) {
    let started = Instant::now();
    let mut asleep = 0;
    while asleep < LOOKS && started.elapsed() < PATIENCE {
        // A process that has ended is as much at rest as can be.
        let states: Vec<bool> = pids.iter().filter_map(|pid| all_asleep(*pid)).collect();
        if states.is_empty() {
            return;
        }
        asleep = if states.contains(&false) {
            0
        } else {
            asleep + 1
        };
        thread::sleep(LOOK_AGAIN);
    }
}

/// Returns when every thread of process `pid` has been stopped by a signal, which takes the system a
/// moment.
pub(super) fn await_stopped(pid: u32) {
    let started = Instant::now();
    while all_in_state(pid, 'T') == Some(false) && started.elapsed() < PATIENCE {
        thread::sleep(LOOK_AGAIN);
    }
}

fn all_asleep(pid: u32) -> Option<bool> {
    all_in_state(pid, 'S')
}

/// Whether all threads are in this state, as far as the system tells.
fn all_in_state(pid: u32, state: char) -> Option<bool> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    for task in tasks {
        let stat = fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (_, after_name) = stat.rsplit_once(") ")?;
        if !after_name.starts_with(state) {
            return Some(false);
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_is_not_at_rest() {
        // This very thread is running while it looks.
        assert_ne!(all_asleep(std::process::id()), Some(true));
        assert_eq!(all_asleep(u32::MAX), None);
    }
}
