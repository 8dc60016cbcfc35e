//! From starting a cluster of three to the first request that all three servers answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nats_mock::{Builder, MockNats};

use super::{Figure, Kind, Measurement, Side};
use crate::failure::{Failure, Result, unexpected};
use crate::launch::{Executable, Order, Server};
use crate::stats::Spread;
use crate::system::{self, System};
use crate::wire::PATIENCE;

/// Servers of the cluster.
pub const SERVERS: usize = 3;

/// Clusters of the mock per sample; the sample is their median. One of the real server takes seconds.
const STARTS: usize = 15;

/// How often a server is asked that does not know all the others yet.
const ASK_EVERY: Duration = Duration::from_millis(2);

/// How much sooner the mock is to be there.
const AIM: Option<f64> = Some(1000.0);

/// The real servers as processes, the mock as the library it is: what a test waits for.
pub const FORMED: Measurement = Measurement {
    name: "cluster",
    figures: &[Figure {
        label: "cluster of three, to three answers to PING",
        unit: "us",
        kind: Kind::Time,
        aim: AIM,
    }],
    ceiling: false,
    sample: |executable, side| sample(executable, side, Order::AtOnce, bound),
};

/// The mock without sockets, asked by a client without one: the quickest that a test can have it.
pub const IN_MEMORY: Measurement = Measurement {
    name: "cluster-in-memory",
    figures: &[Figure {
        label: "the same, the mock without sockets",
        unit: "us",
        kind: Kind::Time,
        aim: AIM,
    }],
    ceiling: false,
    sample: |executable, side| sample(executable, side, Order::AtOnce, unbound),
};

/// Real servers that are started as scripts and orchestrators do.
pub const IN_TURN: Measurement = Measurement {
    name: "cluster-in-turn",
    figures: &[Figure {
        label: "the same, real servers one after the other",
        unit: "us",
        kind: Kind::Time,
        aim: AIM,
    }],
    ceiling: false,
    sample: |executable, side| sample(executable, side, Order::InTurn, bound),
};

/// Real servers that look for one that is not there yet, and look again after a second.
pub const SEED_LAST: Measurement = Measurement {
    name: "cluster-seed-last",
    figures: &[Figure {
        label: "the same, the real server that all know comes last",
        unit: "us",
        kind: Kind::Time,
        aim: AIM,
    }],
    ceiling: false,
    sample: |executable, side| sample(executable, side, Order::SeedLast, bound),
};

fn sample(
    executable: &Executable,
    side: Side,
    order: Order,
    embedded: fn() -> Result<Duration>,
) -> Result<Vec<f64>> {
    if side != Side::Mock {
        let started = Instant::now();
        let _servers = formed(executable, order)?;
        return Ok(vec![started.elapsed().as_secs_f64() * 1e6]);
    }
    let times = (0..STARTS)
        .map(|_| Ok(embedded()?.as_secs_f64() * 1e6))
        .collect::<Result<Vec<f64>>>()?;
    let median = Spread::of(&times).map(|spread| spread.median);
    Ok(median.into_iter().collect())
}

/// The mock with sockets, asked by a client that has one.
fn bound() -> Result<Duration> {
    let started = Instant::now();
    let nats = started_as(MockNats::builder())?;
    let mut system = System::connect(nats.address(), "cluster")?;
    ask_until_all_answer(&mut system)?;
    Ok(started.elapsed())
}

fn unbound() -> Result<Duration> {
    let started = Instant::now();
    let nats = started_as(MockNats::builder().unbound())?;
    let failed = |error| Failure::Io {
        doing: "asking the mock in this process".into(),
        source: std::io::Error::other(error),
    };
    let mut ops = nats.client("admin").map_err(failed)?;
    let mut answers = ops.request("$SYS.REQ.SERVER.PING", "").map_err(failed)?;
    let count = std::iter::from_fn(|| answers.try_next()).count();
    let took = started.elapsed();
    if count == SERVERS {
        return Ok(took);
    }
    Err(unexpected("counting answers", count.to_string().as_bytes()))
}

fn started_as(builder: Builder) -> Result<MockNats> {
    let started = builder.cluster("east", SERVERS).start_blocking();
    started.map_err(|error| Failure::Io {
        doing: "starting the mock in this process".into(),
        source: std::io::Error::other(error),
    })
}

/// Starts a cluster of processes, and waits until all of it answers.
pub fn formed(executable: &Executable, order: Order) -> Result<Vec<Server>> {
    let mut servers = executable.spawn_cluster(SERVERS, order)?;
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
