//! One publisher, several subscribers of the same subject; deliveries per second.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::{Figure, Kind, LOAD_FOR, Measurement, Side};
use crate::failure::{Doing, Failure, Result, join, unexpected};
use crate::launch::Executable;
use crate::wire::{self, PATIENCE, PING, PONG};

/// The subject everybody uses.
pub const SUBJECT: &str = "load";
/// The name under which the publisher connects.
pub const PUBLISHER: &str = "fan-out-publisher";
/// Payload in bytes.
pub const DELIVERED_SIZE: usize = 16;

/// Bytes handed to the kernel at once.
const BLOCK: usize = 32 * 1024;

/// Bytes that may be on their way to all subscribers together. A publisher that never waits would only measure when
/// the server cuts off its subscribers; this keeps any of them well under the usual limit of 64 MiB.
const UNDERWAY: u64 = 24 * 1024 * 1024;

const LABELS: [Figure; 3] = [
    Figure {
        label: "fan-out 1 to 1, 16 B",
        unit: "msg/s",
        kind: Kind::Rate,
        aim: Some(1.0),
    },
    Figure {
        label: "fan-out 1 to 10, 16 B",
        unit: "msg/s",
        kind: Kind::Rate,
        aim: Some(1.0),
    },
    Figure {
        label: "fan-out 1 to 100, 16 B",
        unit: "msg/s",
        kind: Kind::Rate,
        aim: Some(1.0),
    },
];

/// One subscriber.
pub const TO_ONE: Measurement = Measurement {
    name: "fan-out-1",
    figures: &[LABELS[0]],
    ceiling: true,
    sample: |executable, _: Side| sample(executable, 1),
};

/// Ten subscribers.
pub const TO_TEN: Measurement = Measurement {
    name: "fan-out-10",
    figures: &[LABELS[1]],
    ceiling: true,
    sample: |executable, _: Side| sample(executable, 10),
};

/// A hundred subscribers.
pub const TO_HUNDRED: Measurement = Measurement {
    name: "fan-out-100",
    figures: &[LABELS[2]],
    ceiling: true,
    sample: |executable, _: Side| sample(executable, 100),
};

/// What publisher and reader tell each other.
#[derive(Debug, Default)]
struct Progress {
    /// Bytes that all subscribers have received.
    received: AtomicU64,
    /// Bytes that all subscribers must receive; known once the publisher is done.
    due: AtomicU64,
    /// Set when either side gives up, so that the other does too.
    stop: AtomicBool,
}

fn sample(executable: &Executable, subscribers: usize) -> Result<Vec<f64>> {
    let server = executable.start()?;
    let mut publisher = wire::connect(server.address(), PUBLISHER)?;
    let mut sockets = Vec::new();
    for _ in 0..subscribers {
        let mut socket = wire::connect(server.address(), "subscriber")?;
        wire::send_and_flush(&mut socket, format!("SUB {SUBJECT} 1\r\n").as_bytes())?;
        sockets.push(socket);
    }
    let each = wire::delivered(SUBJECT, 1, None, DELIVERED_SIZE).len() as u64;
    let progress = Progress::default();
    let start = Instant::now();
    let (published, (end, counts)) = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            read_all(&sockets, &progress)
                .inspect_err(|_| progress.stop.store(true, Ordering::Relaxed))
        });
        let published = publish(&mut publisher, each * subscribers as u64, start, &progress);
        if published.is_err() {
            progress.stop.store(true, Ordering::Relaxed);
        }
        let read = join(reader, "reading deliveries");
        // A reader that failed explains a publisher that stopped; not the other way round.
        read.and_then(|read| Ok((published?, read)))
    })?;
    for (mut socket, count) in sockets.into_iter().zip(counts) {
        check_total(&mut socket, count, published * each)?;
    }
    let deliveries = published * subscribers as u64;
    Ok(vec![deliveries as f64 / (end - start).as_secs_f64()])
}

/// Publishes for [`LOAD_FOR`], never more than [`UNDERWAY`] ahead of the subscribers. Returns the number of messages.
fn publish(
    socket: &mut TcpStream,
    bytes_per_message: u64,
    start: Instant,
    progress: &Progress,
) -> Result<u64> {
    let (block, operations) = wire::block_of(&wire::publish(SUBJECT, None, DELIVERED_SIZE), BLOCK);
    let mut published = 0;
    while start.elapsed() < LOAD_FOR && !progress.stop.load(Ordering::Relaxed) {
        if published * bytes_per_message > progress.received.load(Ordering::Relaxed) + UNDERWAY {
            thread::sleep(Duration::from_micros(200));
            continue;
        }
        socket.write_all(&block).doing("publishing")?;
        published += operations;
    }
    progress
        .due
        .store(published * bytes_per_message, Ordering::Relaxed);
    Ok(published)
}

/// Reads all subscribers until together they have what is due. Returns when that was, and the bytes of each.
fn read_all(sockets: &[TcpStream], progress: &Progress) -> Result<(Instant, Vec<u64>)> {
    let mut poll = Poll::new().doing("watching sockets")?;
    let mut readers = Vec::new();
    for (index, socket) in sockets.iter().enumerate() {
        socket.set_nonblocking(true).doing("setting up a socket")?;
        let mut reader =
            mio::net::TcpStream::from_std(socket.try_clone().doing("setting up a socket")?);
        poll.registry()
            .register(&mut reader, Token(index), Interest::READABLE)
            .doing("watching sockets")?;
        readers.push(reader);
    }
    let mut counts = vec![0; sockets.len()];
    let mut events = Events::with_capacity(256);
    let mut buffer = vec![0; 512 * 1024];
    let mut last = Instant::now();
    let mut total = 0;
    loop {
        let due = progress.due.load(Ordering::Relaxed);
        if due > 0 && total >= due {
            return Ok((last, counts));
        }
        if last.elapsed() > PATIENCE {
            return Err(Failure::Incomplete {
                doing: "fan-out".into(),
                got: total,
                expected: due,
                seconds: PATIENCE.as_secs(),
            });
        }
        if progress.stop.load(Ordering::Relaxed) {
            return Ok((last, counts));
        }
        poll.poll(&mut events, Some(Duration::from_millis(2)))
            .doing("watching sockets")?;
        for event in &events {
            let index = event.token().0;
            let got = drain(&mut readers[index], &mut buffer)?;
            counts[index] += got;
            total += got;
        }
        if !events.is_empty() {
            progress.received.store(total, Ordering::Relaxed);
            last = Instant::now();
        }
    }
}

/// Reads and forgets what a socket has; returns how many bytes that was.
fn drain(socket: &mut mio::net::TcpStream, buffer: &mut [u8]) -> Result<u64> {
    let mut got = 0;
    loop {
        match socket.read(buffer) {
            Ok(0) => return Err(unexpected("reading deliveries", b"end of the stream")),
            Ok(count) => got += count as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(got),
            Err(error) => return Err(error).doing("reading deliveries"),
        }
    }
}

/// Makes sure that a subscriber got exactly what is due, give or take the one PING that a server sends unasked.
fn check_total(socket: &mut TcpStream, so_far: u64, due: u64) -> Result<()> {
    socket.set_nonblocking(false).doing("setting up a socket")?;
    socket.write_all(PING).doing("sending PING")?;
    let rest = wire::read_until(socket, PONG, "waiting for the end of deliveries")?;
    let got = so_far + (rest.len() - PONG.len()) as u64;
    if got == due || got == due + PING.len() as u64 {
        Ok(())
    } else {
        Err(Failure::Incomplete {
            doing: "fan-out to one subscriber".into(),
            got,
            expected: due,
            seconds: 0,
        })
    }
}
