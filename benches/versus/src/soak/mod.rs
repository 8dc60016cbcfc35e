//! Many connections that publish and subscribe for a while: every message is accounted for, and once the connections
//! are closed the server must be back where it was.

mod state;
mod traffic;

use std::thread;
use std::time::{Duration, Instant};

use crate::cli::Soak;
use crate::failure::Result;
use crate::launch::{Executable, Server};
use state::State;
use traffic::{ROOM, Tally};

/// How long the server is left alone before its state is read.
const SETTLE: Duration = Duration::from_secs(3);
/// How long it may take to notice that connections are gone.
const CLOSED_WITHIN: Duration = Duration::from_secs(30);
/// Memory that a second wave of connections may need beyond the first, apart from a tenth: noise of the allocator.
/// Ten thousand connections that were not forgotten need far more.
const NOISE: u64 = 16 << 20;

/// Soaks a server and reports. Returns whether nothing was lost and nothing leaked.
pub fn run(options: &Soak) -> Result<bool> {
    // See `measure::compare`.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let connections = options.connections / ROOM * ROOM;
    let mut server = Executable::new(&options.server).start()?;
    // What a server sets up with its first client is no leak, so the first reading is not the one that counts.
    State::read(&server)?;
    let before = State::read(&server)?;
    println!("before:          {before}");

    let mut problems = Vec::new();
    let mut peaks = Vec::new();
    for seconds in [options.seconds, (options.seconds / 4).max(1)] {
        let Wave { during, after } =
            wave(&server, connections, seconds, options.rate, &mut problems)?;
        problems.extend(after.differences_from(&before));
        peaks.push(during.memory);
    }
    server.check_running()?;
    // A runtime may keep freed memory for a while, so what stays resident after a wave says little. What a second
    // wave needs says whether the first was forgotten.
    if let [first, second] = peaks[..]
        && second > first + first / 10 + NOISE
    {
        let (first, second) = (first >> 20, second >> 20);
        problems.push(format!(
            "memory: {first} MiB with the first wave of connections, {second} MiB with the second"
        ));
    }
    for problem in &problems {
        println!("FAIL {problem}");
    }
    if problems.is_empty() {
        println!("ok: nothing lost, nothing leaked");
    }
    Ok(problems.is_empty())
}

/// What a server looked like with a wave of connections, and after it.
struct Wave {
    during: State,
    after: State,
}

/// Connects, runs the traffic, and closes.
fn wave(
    server: &Server,
    connections: usize,
    seconds: u64,
    rate: u64,
    problems: &mut Vec<String>,
) -> Result<Wave> {
    let mut traffic = traffic::Traffic::connect(server.address(), connections)?;
    let Tally {
        published,
        due,
        delivered,
        faults,
    } = traffic.run(Duration::from_secs(seconds), rate)?;
    println!(
        "{connections} connections, {seconds} s: {published} published, {due} deliveries due, {delivered} in order"
    );
    problems.extend(faults);
    if delivered != due {
        problems.push(format!(
            "messages: {delivered} of {due} deliveries arrived once and in order"
        ));
    }
    let during = State::read(server)?;
    println!("while connected: {during}");
    drop(traffic);
    let until = Instant::now() + CLOSED_WITHIN;
    while State::read(server)?.connections > 1 && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(SETTLE);
    let after = State::read(server)?;
    println!("after closing:   {after}");
    Ok(Wave { during, after })
}
