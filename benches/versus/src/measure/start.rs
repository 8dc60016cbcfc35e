//! From starting a server to the first byte of its INFO.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nats_mock::MockNats;

use super::{Figure, Kind, Measurement, Side};
use crate::failure::{Doing, Failure, Result, unexpected};
use crate::launch::Executable;
use crate::stats::Spread;
use crate::wire::PATIENCE;

/// Starts per sample; the sample is their median.
const STARTS: usize = 15;

/// How often a connection is attempted while the server is not listening yet: often enough to add little to a start
/// of some milliseconds, seldom enough to leave the processor to the server.
const RETRY_EVERY: Duration = Duration::from_micros(50);

/// Each server as a process of its own.
pub const SPAWNED: Measurement = Measurement {
    name: "start-process",
    figures: &[Figure {
        label: "start of the process to first INFO byte",
        unit: "us",
        kind: Kind::Time,
        aim: Some(1.0),
    }],
    ceiling: true,
    sample: |executable, _: Side| median_of(|| spawned(executable)),
};

/// The real server as a process, the mock as the library it is: what a test waits for.
pub const EMBEDDED: Measurement = Measurement {
    name: "start-embedded",
    figures: &[Figure {
        label: "start, the mock in process, to first INFO byte",
        unit: "us",
        kind: Kind::Time,
        aim: Some(50.0),
    }],
    ceiling: false,
    sample: |executable, side: Side| match side {
        Side::Mock => median_of(embedded),
        Side::Real | Side::Ceiling => median_of(|| spawned(executable)),
    },
};

fn embedded() -> Result<Duration> {
    let started = Instant::now();
    let nats = MockNats::start_blocking().map_err(|error| Failure::Io {
        doing: "starting the mock in this process".into(),
        source: std::io::Error::other(error),
    })?;
    let mut socket = TcpStream::connect(nats.address()).doing("connecting to the mock")?;
    first_byte(&mut socket)?;
    Ok(started.elapsed())
}

fn median_of(once: impl Fn() -> Result<Duration>) -> Result<Vec<f64>> {
    let times = (0..STARTS)
        .map(|_| Ok(once()?.as_secs_f64() * 1e6))
        .collect::<Result<Vec<f64>>>()?;
    Ok(Spread::of(&times)
        .map(|spread| spread.median)
        .into_iter()
        .collect())
}

fn spawned(executable: &Executable) -> Result<Duration> {
    let mut server = executable.spawn_on_free_port()?;
    let mut socket = loop {
        match TcpStream::connect(server.address()) {
            Ok(socket) => break socket,
            Err(_) if server.spawned_at().elapsed() < PATIENCE => {
                server.check_running()?;
                std::thread::sleep(RETRY_EVERY);
            }
            Err(source) => {
                return Err(Failure::Io {
                    doing: "connecting to a starting server".into(),
                    source,
                });
            }
        }
    };
    first_byte(&mut socket)?;
    Ok(server.spawned_at().elapsed())
}

/// Waits for the `I` of INFO.
fn first_byte(socket: &mut TcpStream) -> Result<()> {
    socket
        .set_read_timeout(Some(PATIENCE))
        .doing("setting up a socket")?;
    let mut byte = [0];
    socket
        .read_exact(&mut byte)
        .doing("waiting for the first byte of INFO")?;
    if byte == *b"I" {
        Ok(())
    } else {
        Err(unexpected("waiting for the first byte of INFO", &byte))
    }
}
