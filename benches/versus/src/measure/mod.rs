//! The measurements, and the loop that takes each of them from both servers in turn.

mod cluster;
mod connections;
mod connz;
mod events;
mod fan_out;
mod frames;
mod idle;
mod memory;
mod monitor;
mod publish;
mod request;
mod start;

use std::time::Duration;

use crate::cli::Compare;
use crate::failure::Result;
use crate::launch::Executable;
use crate::report::{self, Measured};

pub use cluster::formed;
pub use fan_out::{
    DELIVERED_SIZE as FAN_OUT_SIZE, PUBLISHER as FAN_OUT_PUBLISHER, SUBJECT as FAN_OUT_SUBJECT,
};
pub use monitor::ASKER;
pub use request::{INBOX, REQUESTER, RESPONDER, SERVICE, SIZE as REQUEST_SIZE};

/// How long each throughput or latency measurement loads the server. Below the two seconds after which a server
/// sends its clients their first PING, so that this rarely falls into a measurement.
const LOAD_FOR: Duration = Duration::from_millis(1500);

/// What a figure means, and so how two of them compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A rate; the ratio is mock / real, more is better.
    Rate,
    /// A time; the ratio is real / mock, more is better.
    Time,
    /// An amount of memory; the ratio is mock / real, less is better.
    Memory,
}

impl Kind {
    /// How the mock compares with the real server.
    pub fn ratio(self, real: f64, mock: f64) -> f64 {
        match self {
            Self::Rate | Self::Memory => mock / real,
            Self::Time => real / mock,
        }
    }

    /// Whether a ratio is at least as good as the one aimed at.
    pub fn reaches(self, ratio: f64, aim: f64) -> bool {
        match self {
            Self::Rate | Self::Time => ratio >= aim,
            Self::Memory => ratio <= aim,
        }
    }
}

/// One figure of a measurement: a line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// What is measured.
    pub label: &'static str,
    /// The unit of the samples.
    pub unit: &'static str,
    /// How samples compare.
    pub kind: Kind,
    /// The ratio aimed at; `None` when none is set.
    pub aim: Option<f64>,
}

/// A server's part in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The server that is the yardstick.
    Real,
    /// The mock.
    Mock,
    /// The sink that does no work.
    Ceiling,
}

/// One measurement: a load and the figures it yields.
pub struct Measurement {
    /// Its name on the command line.
    name: &'static str,
    /// The figures, in the order in which `sample` returns them.
    figures: &'static [Figure],
    /// Whether the sink can take part.
    ceiling: bool,
    /// Runs the load once against a fresh server.
    sample: fn(&Executable, Side) -> Result<Vec<f64>>,
}

/// Every measurement, in the order of the table.
const ALL: &[Measurement] = &[
    start::SPAWNED,
    start::EMBEDDED,
    cluster::FORMED,
    cluster::IN_MEMORY,
    cluster::IN_TURN,
    cluster::SEED_LAST,
    publish::SMALL,
    publish::KIBIBYTE,
    fan_out::TO_ONE,
    fan_out::TO_TEN,
    fan_out::TO_HUNDRED,
    request::LATENCY,
    request::PIPELINED,
    request::CONCURRENT,
    connections::PER_SECOND,
    monitor::STATSZ,
    monitor::VARZ,
    connz::CONNZ,
    events::CONNECTIONS,
    memory::EMPTY,
    memory::CONNECTIONS,
    memory::SUBSCRIPTIONS,
];

/// Takes the measurements asked for and prints the table.
pub fn compare(options: &Compare) -> Result<()> {
    // Ten thousand sockets need that many descriptors here, and the servers inherit this limit. What the system does
    // not grant shows later as a failed connection with its own message.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let wanted = |name: &str| {
        options.only.is_empty() || options.only.iter().any(|part| name.contains(part.as_str()))
    };
    let mut sides = vec![
        (Side::Real, Executable::new(&options.real)),
        (Side::Mock, Executable::new(&options.mock)),
    ];
    if options.ceiling {
        sides.push((Side::Ceiling, Executable::sink()?));
    }
    let mut table = Vec::new();
    println!("{}", report::heading(options.ceiling));
    for measurement in ALL.iter().filter(|measurement| wanted(measurement.name)) {
        let taken = take(measurement, &sides, options.rounds)?;
        for measured in &taken {
            println!("{}", report::line(measured, options.ceiling));
        }
        table.extend(taken);
    }
    if let Some(path) = &options.json {
        report::write_json(path, &table)?;
    }
    Ok(())
}

fn take(
    measurement: &Measurement,
    sides: &[(Side, Executable)],
    rounds: usize,
) -> Result<Vec<Measured>> {
    let mut taken: Vec<Measured> = measurement
        .figures
        .iter()
        .map(|figure| Measured::new(measurement.name, *figure))
        .collect();
    for round in 1..=rounds {
        for (side, executable) in sides {
            if *side == Side::Ceiling && !measurement.ceiling {
                continue;
            }
            eprint!("\r\x1b[K{} {round}/{rounds} {side:?}", measurement.name);
            let samples = (measurement.sample)(executable, *side)?;
            for (measured, sample) in taken.iter_mut().zip(samples) {
                measured.add(*side, sample);
            }
        }
    }
    eprint!("\r\x1b[K");
    Ok(taken)
}
