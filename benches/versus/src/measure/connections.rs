//! Connections made, greeted and closed per second.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use super::{Figure, Kind, LOAD_FOR, Measurement, Side};
use crate::failure::{Doing, Result, join};
use crate::launch::Executable;
use crate::wire::{self, PING, PONG};

/// Threads that connect, one connection each at a time; their waiting overlaps.
const CONNECTORS: usize = 4;

/// Connect, INFO, CONNECT, PING, PONG, close.
pub const PER_SECOND: Measurement = Measurement {
    name: "connections",
    figures: &[Figure {
        label: "connections made and closed",
        unit: "conn/s",
        kind: Kind::Rate,
        aim: Some(1.0),
    }],
    ceiling: true,
    sample: |executable, _: Side| sample(executable),
};

fn sample(executable: &Executable) -> Result<Vec<f64>> {
    let server = executable.start()?;
    let start = Instant::now();
    let made = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTORS)
            .map(|_| scope.spawn(|| connect_repeatedly(server.address(), start)))
            .collect();
        threads
            .into_iter()
            .map(|thread| join(thread, "connecting"))
            .sum::<Result<u64>>()
    })?;
    Ok(vec![made as f64 / start.elapsed().as_secs_f64()])
}

fn connect_repeatedly(address: SocketAddr, start: Instant) -> Result<u64> {
    let hello = [wire::connect_line("short").as_slice(), PING].concat();
    let mut made = 0;
    while start.elapsed() < LOAD_FOR {
        let mut socket = wire::open(address)?;
        wire::read_until(&mut socket, b"\r\n", "waiting for INFO")?;
        socket.write_all(&hello).doing("sending CONNECT")?;
        wire::read_until(&mut socket, PONG, "waiting for PONG")?;
        made += 1;
    }
    Ok(made)
}
