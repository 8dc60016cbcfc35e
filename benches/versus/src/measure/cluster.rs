//! From starting a cluster of three to the first request that all three servers answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nats_mock::MockNats;

use super::{Figure, Kind, Measurement, Side};
use crate::failure::{Failure, Result};
use crate::launch::{Executable, Server};
use crate::stats::Spread;
use crate::system::{self, System};
use crate::wire::PATIENCE;

/// Servers of the cluster.
pub const SERVERS: usize = 3;

/// Clusters of the mock per sample; the sample is their median. One of the real server takes seconds.
const STARTS: usize = 15;

/// How often a server is asked that does not know all the others yet.
const ASK_EVERY: Duration = Duration::from_millis(2);

/// The real servers as processes, the mock as the library it is: what a test waits for.
pub const FORMED: Measurement = Measurement {
    name: "cluster",
    figures: &[Figure {
        label: "cluster of three, to three answers to PING",
        unit: "us",
        kind: Kind::Time,
        aim: Some(1000.0),
    }],
    ceiling: false,
    sample: |executable, side: Side| match side {
        Side::Mock => {
            let times = (0..STARTS)
                .map(|_| Ok(embedded()?.as_secs_f64() * 1e6))
                .collect::<Result<Vec<f64>>>()?;
            let median = Spread::of(&times).map(|spread| spread.median);
            Ok(median.into_iter().collect())
        }
        Side::Real | Side::Ceiling => {
            let started = Instant::now();
            let _servers = formed(executable)?;
            Ok(vec![started.elapsed().as_secs_f64() * 1e6])
        }
    },
};

fn embedded() -> Result<Duration> {
    let started = Instant::now();
    let nats = MockNats::builder()
        .cluster("east", SERVERS)
        .start_blocking()
        .map_err(|error| Failure::Io {
            doing: "starting the mock in this process".into(),
            source: std::io::Error::other(error),
        })?;
    let mut system = System::connect(nats.address(), "cluster")?;
    ask_until_all_answer(&mut system)?;
    Ok(started.elapsed())
}

/// Starts a cluster of processes, and waits until all of it answers.
pub fn formed(executable: &Executable) -> Result<Vec<Server>> {
    let mut servers = executable.spawn_cluster(SERVERS)?;
    let started = Instant::now();
    let mut system = loop {
        match System::connect(servers[0].address(), "cluster") {
            Ok(system) => break system,
            Err(_) if started.elapsed() < PATIENCE => {
                servers[0].check_running()?;
                std::thread::sleep(ASK_EVERY);
            }
            Err(failure) => return Err(failure),
        }
    };
    ask_until_all_answer(&mut system)?;
    Ok(servers)
}

fn ask_until_all_answer(system: &mut System) -> Result<()> {
    let started = Instant::now();
    let mut answered: BTreeMap<usize, usize> = BTreeMap::new();
    for number in 0.. {
        system.send(&system::ping(number))?;
        // The server that is asked answers always, the others as soon as they are there.
        system.answers(|number, _| {
            *answered.entry(number).or_default() += 1;
            Ok(())
        })?;
        if answered.values().any(|&answers| answers == SERVERS) {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            break;
        }
        if number > 0 {
            std::thread::sleep(ASK_EVERY);
        }
    }
    Err(Failure::Io {
        doing: "waiting for a cluster to form".into(),
        source: std::io::ErrorKind::TimedOut.into(),
    })
}
