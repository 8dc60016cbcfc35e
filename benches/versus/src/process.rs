//! What the kernel says of a process: memory, file descriptors, threads.

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
    fn sees_this_process() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).is_ok_and(|bytes| bytes > 100_000));
        assert!(open_files(pid).is_ok_and(|files| files >= 3));
        assert!(threads(pid).is_ok_and(|threads| threads >= 1));
    }
}
