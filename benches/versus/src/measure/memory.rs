//! Resident memory of the server process under three standing loads.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::idle::idle_connections;
use super::{Figure, Kind, Measurement, Side};
use crate::failure::Result;
use crate::launch::Server;
use crate::process::resident_bytes;
use crate::wire;

/// How long a server is left alone before its memory is read, so that what it needed only for a moment is given back.
const SETTLE: Duration = Duration::from_secs(3);

/// Connections of the subscription load, and subscriptions on each: a million together.
const SUBSCRIBERS: usize = 10;
const SUBSCRIPTIONS_EACH: usize = 100_000;

/// A server that nobody ever connected to.
pub const EMPTY: Measurement = Measurement {
    name: "memory-empty",
    figures: &[Figure {
        label: "memory, empty server",
        unit: "MiB",
        kind: Kind::Memory,
        aim: Some(0.5),
    }],
    ceiling: false,
    sample: |executable, _: Side| settled(&executable.start()?),
};

/// Idle connections.
pub const CONNECTIONS: Measurement = Measurement {
    name: "memory-connections",
    figures: &[Figure {
        label: "memory, 10,000 idle connections",
        unit: "MiB",
        kind: Kind::Memory,
        aim: Some(0.5),
    }],
    ceiling: false,
    sample: |executable, _: Side| {
        let server = executable.start()?;
        let mut sockets = idle_connections(|_| wire::connect(server.address(), "idle"))?;
        let memory = settled(&server)?;
        sockets.iter_mut().try_for_each(wire::round_trip)?;
        Ok(memory)
    },
};

/// Subscriptions to subjects that are all different.
pub const SUBSCRIPTIONS: Measurement = Measurement {
    name: "memory-subscriptions",
    figures: &[Figure {
        label: "memory, 1,000,000 subscriptions",
        unit: "MiB",
        kind: Kind::Memory,
        aim: Some(0.5),
    }],
    ceiling: false,
    sample: |executable, _: Side| {
        let server = executable.start()?;
        let mut sockets = (0..SUBSCRIBERS)
            .map(|number| subscriber(server.address(), number))
            .collect::<Result<Vec<_>>>()?;
        let memory = settled(&server)?;
        for (number, socket) in sockets.iter_mut().enumerate() {
            let last = SUBSCRIPTIONS_EACH - 1;
            wire::check_subscribed(socket, &subject(number, last), last)?;
        }
        Ok(memory)
    },
};

fn settled(server: &Server) -> Result<Vec<f64>> {
    thread::sleep(SETTLE);
    Ok(vec![
        resident_bytes(server.pid())? as f64 / f64::from(1 << 20),
    ])
}

fn subject(connection: usize, number: usize) -> String {
    format!("load.{connection}.{number:05}")
}

fn subscriber(address: SocketAddr, connection: usize) -> Result<TcpStream> {
    let mut socket = wire::connect(address, "subscriber")?;
    let mut operations = String::new();
    for number in 0..SUBSCRIPTIONS_EACH {
        // Writing to a String cannot fail.
        let _ = write!(
            operations,
            "SUB {} {number}\r\n",
            subject(connection, number)
        );
    }
    wire::send_and_flush(&mut socket, operations.as_bytes())?;
    Ok(socket)
}
