//! Requests of the system account that tools repeat all day: STATSZ and VARZ.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::{Figure, Kind, LOAD_FOR, Measurement, Side};
use crate::failure::{Result, unexpected};
use crate::launch::Executable;
use crate::stats::percentile;
use crate::system::{System, operation};

/// Connections over which the requests are spread, one after the other; `request::CONNECTIONS` says why.
const CONNECTIONS: u32 = 6;

/// Requests underway at once in the second half.
const UNDERWAY: usize = 16;

/// The name under which requesters connect.
pub const ASKER: &str = "asker";

const fn time(label: &'static str) -> Figure {
    Figure {
        label,
        unit: "us",
        kind: Kind::Time,
        aim: Some(2.0),
    }
}

const fn rate(label: &'static str) -> Figure {
    Figure {
        label,
        unit: "req/s",
        kind: Kind::Rate,
        aim: Some(2.0),
    }
}

/// Statistics.
pub const STATSZ: Measurement = Measurement {
    name: "statsz",
    figures: &[
        rate("STATSZ, one at a time"),
        time("STATSZ, one at a time, p50"),
        time("STATSZ, one at a time, p99"),
        rate("STATSZ, 16 underway"),
        time("STATSZ, 16 underway, p50"),
        time("STATSZ, 16 underway, p99"),
    ],
    ceiling: true,
    sample: |executable, _: Side| sample(executable, "STATSZ"),
};

/// Configuration and counters.
pub const VARZ: Measurement = Measurement {
    name: "varz",
    figures: &[
        rate("VARZ, one at a time"),
        time("VARZ, one at a time, p50"),
        time("VARZ, one at a time, p99"),
        rate("VARZ, 16 underway"),
        time("VARZ, 16 underway, p50"),
        time("VARZ, 16 underway, p99"),
    ],
    ceiling: true,
    sample: |executable, _: Side| sample(executable, "VARZ"),
};

fn sample(executable: &Executable, endpoint: &str) -> Result<Vec<f64>> {
    let server = executable.start()?;
    let mut figures = Vec::new();
    for underway in [1, UNDERWAY] {
        let (mut times, mut seconds) = (Vec::new(), 0.0);
        for _ in 0..CONNECTIONS {
            let duration = LOAD_FOR / 2 / CONNECTIONS;
            seconds += ask(server.address(), endpoint, underway, duration, &mut times)?;
        }
        times.sort_by(f64::total_cmp);
        figures.push(times.len() as f64 / seconds);
        figures.extend([0.5, 0.99].map(|fraction| percentile(&times, fraction)));
    }
    Ok(figures)
}

/// Keeps requests underway on one connection. Adds how long each took, in microseconds, and returns how long all did,
/// in seconds.
fn ask(
    address: SocketAddr,
    endpoint: &str,
    underway: usize,
    duration: Duration,
    times: &mut Vec<f64>,
) -> Result<f64> {
    let mut system = System::connect(address, ASKER)?;
    let requests: Vec<_> = (0..underway)
        .map(|number| operation(endpoint, "", number))
        .collect();
    let mut next = requests.concat();
    let start = Instant::now();
    let mut sent = vec![start; underway];
    while start.elapsed() < duration {
        system.send(&next)?;
        next.clear();
        while next.is_empty() {
            system.answers(|number, answer| {
                let (Some(request), true) = (requests.get(number), is_answer(answer)) else {
                    return Err(unexpected(format!("asking for {endpoint}"), answer));
                };
                let now = Instant::now();
                times.push((now - sent[number]).as_secs_f64() * 1e6);
                sent[number] = now;
                next.extend_from_slice(request);
                Ok(())
            })?;
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Whether a server says what it was asked for; errors have a member of that name.
fn is_answer(answer: &[u8]) -> bool {
    answer.starts_with(b"{\"server\":{") && memmem::find(answer, b"\"error\":").is_none()
}
