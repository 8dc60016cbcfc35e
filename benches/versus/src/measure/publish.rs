//! Publishing to a subject that nobody subscribes to.

use std::io::Write;
use std::time::Instant;

use super::{Figure, Kind, LOAD_FOR, Measurement, Side};
use crate::failure::{Doing, Result, unexpected};
use crate::launch::Executable;
use crate::wire::{self, PING, PONG};

/// Bytes handed to the kernel at once: many operations, so that the load costs a system call per thousands of them.
const BLOCK: usize = 128 * 1024;

/// Messages of 16 bytes.
pub const SMALL: Measurement = Measurement {
    name: "publish-16",
    figures: &[Figure {
        label: "publish 16 B, no subscriber",
        unit: "msg/s",
        kind: Kind::Rate,
        aim: Some(1.0),
    }],
    ceiling: true,
    sample: |executable, _: Side| sample(executable, 16),
};

/// Messages of 1 KiB.
pub const KIBIBYTE: Measurement = Measurement {
    name: "publish-1024",
    figures: &[Figure {
        label: "publish 1 KiB, no subscriber",
        unit: "msg/s",
        kind: Kind::Rate,
        aim: Some(1.0),
    }],
    ceiling: true,
    sample: |executable, _: Side| sample(executable, 1024),
};

fn sample(executable: &Executable, size: usize) -> Result<Vec<f64>> {
    let server = executable.start()?;
    let mut socket = wire::connect(server.address(), "publisher")?;
    let (block, operations) = wire::block_of(&wire::publish("load", None, size), BLOCK);
    let mut published = 0;
    let start = Instant::now();
    while start.elapsed() < LOAD_FOR {
        socket.write_all(&block).doing("publishing")?;
        published += operations;
    }
    socket.write_all(PING).doing("sending PING")?;
    let answer = wire::read_until(&mut socket, PONG, "waiting for the end of publishing")?;
    let seconds = start.elapsed().as_secs_f64();
    // The server's own first PING may come before the PONG; nothing else may.
    if answer == PONG || answer == [PING, PONG].concat() {
        Ok(vec![published as f64 / seconds])
    } else {
        Err(unexpected("publishing", &answer))
    }
}
