//! Connections that come and go while somebody watches the system account.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::{Figure, Kind, Measurement, Side};
use crate::failure::{Doing, Result, join, unexpected};
use crate::launch::Executable;
use crate::process::processor_seconds;
use crate::system::System;
use crate::wire::{self, PING, PONG};

/// Threads that connect.
const CONNECTORS: usize = 2;
/// Connections that a thread greets, and then closes, together.
const TOGETHER: usize = 20;
/// How often each thread does so.
const TIMES: usize = 150;

/// How often events are read. Reading each at once would cost both servers, and the load, a switch between threads.
const READ_EVERY: Duration = Duration::from_millis(1);

/// Of each connection, a CONNECT and a DISCONNECT.
const EVENTS: usize = 2 * CONNECTORS * TOGETHER * TIMES;

/// CONNECT and DISCONNECT, from the first connection to the last event seen.
pub const CONNECTIONS: Measurement = Measurement {
    name: "events",
    figures: &[
        Figure {
            label: "CONNECT and DISCONNECT events watched",
            unit: "msg/s",
            kind: Kind::Rate,
            aim: Some(1.0),
        },
        Figure {
            label: "processor time of the server for each",
            unit: "us",
            kind: Kind::Time,
            aim: Some(2.0),
        },
    ],
    ceiling: false,
    sample: |executable, _: Side| sample(executable),
};

fn sample(executable: &Executable) -> Result<Vec<f64>> {
    let server = executable.start()?;
    let mut watcher = System::connect(server.address(), "watcher")?;
    watcher.watch()?;
    let used_before = processor_seconds(server.pid())?;
    let start = Instant::now();
    thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&mut watcher));
        let threads: Vec<_> = (0..CONNECTORS)
            .map(|_| scope.spawn(|| come_and_go(server.address())))
            .collect();
        for thread in threads {
            join(thread, "connecting")?;
        }
        join(watcher, "watching")
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let used = processor_seconds(server.pid())? - used_before;
    Ok(vec![EVENTS as f64 / seconds, used / EVENTS as f64 * 1e6])
}

/// Returns once every event has been seen.
fn watch(watcher: &mut System) -> Result<()> {
    let (mut begun, mut ended) = (0, 0);
    while begun + ended < EVENTS {
        thread::sleep(READ_EVERY);
        watcher.receive(|subject, payload| {
            match subject {
                "$SYS.ACCOUNT.USERS.CONNECT" => begun += 1,
                "$SYS.ACCOUNT.USERS.DISCONNECT" => ended += 1,
                _ => {}
            }
            if ended > begun {
                return Err(unexpected("watching connections", payload));
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Connects several times, so that the server and this thread seldom wait for each other, then closes all.
fn come_and_go(address: SocketAddr) -> Result<()> {
    let hello = [wire::connect_line("visitor").as_slice(), PING].concat();
    for _ in 0..TIMES {
        let mut sockets = (0..TOGETHER)
            .map(|_| wire::open(address))
            .collect::<Result<Vec<_>>>()?;
        for socket in &mut sockets {
            wire::read_until(socket, b"\r\n", "waiting for INFO")?;
            socket.write_all(&hello).doing("sending CONNECT")?;
        }
        for socket in &mut sockets {
            wire::read_until(socket, PONG, "waiting for PONG")?;
        }
    }
    Ok(())
}
