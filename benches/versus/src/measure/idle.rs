//! Ten thousand connections that stay and say nothing.

use std::net::TcpStream;
use std::thread;

use crate::failure::{Result, join};

/// How many.
pub const IDLE: usize = 10_000;
/// Threads that make them.
const CONNECTORS: usize = 4;

/// Makes the connections; `connect` gets the number of each.
pub fn idle_connections(
    connect: impl Fn(usize) -> Result<TcpStream> + Sync,
) -> Result<Vec<TcpStream>> {
    let connect = &connect;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTORS)
            .map(|first| {
                let numbers = (first..IDLE).step_by(CONNECTORS);
                scope.spawn(move || numbers.map(connect).collect::<Result<Vec<_>>>())
            })
            .collect();
        let mut sockets = Vec::with_capacity(IDLE);
        for thread in threads {
            sockets.append(&mut join(thread, "connecting")?);
        }
        Ok(sockets)
    })
}
