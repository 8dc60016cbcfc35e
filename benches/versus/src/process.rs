//! What the kernel says of a process: memory, processor time, file descriptors, threads.

use std::fs;

use crate::failure::{Doing, Result, unexpected};

/// Resident memory of a process in bytes.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).doing(format!("reading {path}"))?;
    field(&text, "Rss:")
        .map(|kib| kib * 1024)
        .ok_or_else(|| unexpected(format!("reading {path}"), text.as_bytes()))
}

/// Number of open file descriptors of a process.
pub fn open_files(pid: u32) -> Result<usize> {
    let path = format!("/proc/{pid}/fd");
    Ok(fs::read_dir(&path)
        .doing(format!("reading {path}"))?
        .count())
}

/// Number of threads of a process.
pub fn threads(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).doing(format!("reading {path}"))?;
    field(&text, "Threads:").ok_or_else(|| unexpected(format!("reading {path}"), text.as_bytes()))
}

/// Processor time that a process has used so far, in seconds.
pub fn processor_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).doing(format!("reading {path}"))?;
    ticks(&text)
        .map(|ticks| ticks as f64 / TICKS_PER_SECOND)
        .ok_or_else(|| unexpected(format!("reading {path}"), text.as_bytes()))
}

/// The unit in which Linux gives times to programs, on every architecture that is common.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time. They are the 14th and 15th field; the second, in brackets, may have blanks of its own.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut times = after.split_whitespace().skip(11);
    Some(times.next()?.parse::<u64>().ok()? + times.next()?.parse::<u64>().ok()?)
}

/// The number that follows `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_number_from_the_named_line_only() {
        let text = "5581e0000000-7ffd00000000 ---p 00000000 00:00 0 [rollup]\nRss:                1536 kB\nPss: 9 kB\n";
        assert_eq!(field(text, "Rss:"), Some(1536));
        assert_eq!(field(text, "Swap:"), None);
    }

    #[test]
    fn adds_user_and_system_time() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 99 0 0 0 250 31 5 5 20 0 1 0 100 0 0";
        assert_eq!(ticks(stat), Some(281));
    }

    #[test]
    fn sees_this_process() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).is_ok_and(|bytes| bytes > 100_000));
        assert!(open_files(pid).is_ok_and(|files| files >= 3));
        assert!(threads(pid).is_ok_and(|threads| threads >= 1));
        assert!(processor_seconds(pid).is_ok_and(|seconds| seconds < 1000.0));
    }
}
