//! What the tests share. Nothing here sleeps: everything waits for an event, and gives up at a
//! deadline that only a broken server reaches.
#![allow(dead_code, reason = "every test file uses its own part")]

pub mod deployment;
pub mod deployment_script;
pub mod raw;
pub mod script;
pub mod system;
pub mod wire;

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

/// Longer than anything that works can take, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The result of `future`, which is to come before patience ends.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(result) => result,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Asks again and again until the answer is yes, giving up the processor in between.
pub fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// Where manual clocks start: a round moment, so that times in messages are easy to read.
pub fn epoch() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Property tests of this many cases, or of as many as `PROPTEST_CASES` asks for. What fails is
/// printed in full; no files are kept.
pub fn cases(cases: u32) -> proptest::test_runner::Config {
    let from_environment = proptest::test_runner::Config::default();
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    proptest::test_runner::Config {
        cases: if asked { from_environment.cases } else { cases },
        failure_persistence: None,
        ..from_environment
    }
}

/// Memory of this process in bytes that other processes do not share; 0 where it is not told.
pub fn private_memory() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Vec<usize> = text
        .split(' ')
        .filter_map(|page| page.trim().parse().ok())
        .collect();
    match pages[..] {
        [_, resident, shared, ..] => resident.saturating_sub(shared) * 4096,
        _ => 0,
    }
}
