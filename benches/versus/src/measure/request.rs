//! A requester, a responder, and the server between them.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::frames::Frames;
use super::{Figure, Kind, LOAD_FOR, Measurement, Side};
use crate::failure::{Doing, Failure, Result, join, unexpected};
use crate::launch::Executable;
use crate::stats::percentile;
use crate::wire::{self, PATIENCE};

/// The subject of the service.
pub const SERVICE: &str = "service";
/// What stands before the four digits of a requester's reply subject.
pub const INBOX: &str = "_INBOX.";
/// The name under which requesters connect.
pub const REQUESTER: &str = "requester";
/// The name under which the responder connects.
pub const RESPONDER: &str = "responder";
/// Payload of request and reply, in bytes.
pub const SIZE: usize = 16;

/// Connections over which the requests of the latency measurement are spread.
const CONNECTIONS: u16 = 6;

/// Requests underway at once on the one connection of the pipelined load.
const WINDOW: usize = 512;
/// Requesters of the concurrent load.
const REQUESTERS: u16 = 64;
/// Requests underway on each of them. With a single one, both servers would wait for the kernel to hand single small
/// segments around, and so would the load generator.
const EACH: usize = 8;

/// One request at a time.
pub const LATENCY: Measurement = Measurement {
    name: "request-latency",
    figures: &[
        Figure {
            label: "request and reply, one at a time, p50",
            unit: "us",
            kind: Kind::Time,
            aim: Some(1.0),
        },
        Figure {
            label: "request and reply, one at a time, p99",
            unit: "us",
            kind: Kind::Time,
            aim: Some(1.0),
        },
    ],
    ceiling: true,
    sample: |executable, _: Side| {
        let mut times = Vec::new();
        with_responder(executable, |address| one_at_a_time(address, &mut times))?;
        times.sort_by(f64::total_cmp);
        Ok(vec![percentile(&times, 0.5), percentile(&times, 0.99)])
    },
};

/// Many requests underway on one connection.
pub const PIPELINED: Measurement = Measurement {
    name: "request-pipelined",
    figures: &[Figure {
        label: "request and reply, 512 underway",
        unit: "req/s",
        kind: Kind::Rate,
        aim: Some(1.0),
    }],
    ceiling: true,
    sample: |executable, _: Side| {
        Ok(vec![with_responder(executable, |address| {
            exchange(requester(address, 0)?, 0, WINDOW, LOAD_FOR, |_| ())
        })?])
    },
};

/// Many connections with a few requests each.
pub const CONCURRENT: Measurement = Measurement {
    name: "request-concurrent",
    figures: &[Figure {
        label: "request and reply, 64 connections x 8",
        unit: "req/s",
        kind: Kind::Rate,
        aim: Some(1.0),
    }],
    ceiling: true,
    sample: |executable, _: Side| Ok(vec![with_responder(executable, concurrent)?]),
};

fn inbox(requester: u16) -> String {
    format!("{INBOX}{requester:04}")
}

/// Runs a load with a responder behind the server, and stops the responder afterwards.
fn with_responder(
    executable: &Executable,
    load: impl FnOnce(SocketAddr) -> Result<f64>,
) -> Result<f64> {
    let server = executable.start()?;
    let mut responder = wire::connect(server.address(), RESPONDER)?;
    wire::send_and_flush(&mut responder, format!("SUB {SERVICE} 1\r\n").as_bytes())?;
    let handle = responder.try_clone().doing("setting up a socket")?;
    thread::scope(|scope| {
        let thread = scope.spawn(move || respond(responder));
        let outcome = load(server.address());
        handle
            .shutdown(Shutdown::Both)
            .doing("stopping the responder")?;
        join(thread, "responding")?;
        outcome
    })
}

/// Answers every request until the connection ends.
fn respond(mut socket: TcpStream) -> Result<()> {
    let request = wire::delivered(SERVICE, 1, Some(&inbox(0)), SIZE);
    let template = wire::publish(&inbox(0), None, SIZE);
    let (from, to) = (digits_in(&request), digits_in(&template));
    let mut frames = Frames::new(request.len(), 256 * 1024);
    let mut replies = Vec::new();
    socket.set_read_timeout(None).doing("setting up a socket")?;
    // The load ends by shutting this socket down, which may show as an end of stream or as an error.
    while frames.read(&mut socket).is_ok_and(|count| count > 0) {
        replies.clear();
        while let Some(frame) = frames.next()? {
            let start = replies.len();
            replies.extend_from_slice(&template);
            replies[start + to..start + to + 4].copy_from_slice(&frame[from..from + 4]);
        }
        if socket.write_all(&replies).is_err() {
            break;
        }
    }
    Ok(())
}

/// Where the digits of the inbox stand in an operation; the operations are this program's own, and all have one.
fn digits_in(operation: &[u8]) -> usize {
    memchr::memmem::find(operation, INBOX.as_bytes()).unwrap_or_default() + INBOX.len()
}

fn requester(address: SocketAddr, number: u16) -> Result<TcpStream> {
    let mut socket = wire::connect(address, REQUESTER)?;
    wire::send_and_flush(
        &mut socket,
        format!("SUB {} 1\r\n", inbox(number)).as_bytes(),
    )?;
    Ok(socket)
}

/// Times requests over several connections in turn: how fast threads wake each other depends on where the system happens
/// to put them, and stays so for as long as a connection lasts.
fn one_at_a_time(address: SocketAddr, times: &mut Vec<f64>) -> Result<f64> {
    let sockets = (0..CONNECTIONS)
        .map(|number| requester(address, number))
        .collect::<Result<Vec<_>>>()?;
    let mut rates = 0.0;
    for (number, socket) in (0..).zip(sockets) {
        rates += exchange(
            socket,
            number,
            1,
            LOAD_FOR / u32::from(CONNECTIONS),
            |time| times.push(time),
        )?;
    }
    Ok(rates / f64::from(CONNECTIONS))
}

/// Keeps `window` requests underway on the connection of one requester. Returns replies per second; `each` gets the time from every
/// write to the replies read after it, in microseconds.
fn exchange(
    mut socket: TcpStream,
    number: u16,
    window: usize,
    duration: Duration,
    mut each: impl FnMut(f64),
) -> Result<f64> {
    let request = wire::publish(SERVICE, Some(&inbox(number)), SIZE);
    let requests = request.repeat(window);
    let expected = wire::delivered(&inbox(number), 1, None, SIZE);
    let mut frames = Frames::new(expected.len(), 256 * 1024);
    let mut replies = 0_u64;
    let start = Instant::now();
    let mut ready = window;
    while start.elapsed() < duration {
        let sent = Instant::now();
        socket
            .write_all(&requests[..ready * request.len()])
            .doing("requesting")?;
        ready = 0;
        while ready == 0 {
            frames.read_some(&mut socket)?;
            while let Some(frame) = frames.next()? {
                if frame != expected {
                    return Err(unexpected("waiting for a reply", frame));
                }
                ready += 1;
            }
        }
        each(sent.elapsed().as_secs_f64() * 1e6);
        replies += ready as u64;
    }
    Ok(replies as f64 / start.elapsed().as_secs_f64())
}

/// A few requests underway on each of many connections. Returns replies per second.
fn concurrent(address: SocketAddr) -> Result<f64> {
    let mut poll = Poll::new().doing("watching sockets")?;
    let mut requesters = Vec::new();
    for number in 0..REQUESTERS {
        let socket = requester(address, number)?;
        socket.set_nonblocking(true).doing("setting up a socket")?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        poll.registry()
            .register(&mut socket, Token(number.into()), Interest::READABLE)
            .doing("watching sockets")?;
        let requests = wire::publish(SERVICE, Some(&inbox(number)), SIZE).repeat(EACH);
        let expected = wire::delivered(&inbox(number), 1, None, SIZE);
        let frames = Frames::new(expected.len(), 1024);
        requesters.push((socket, requests, expected, frames));
    }
    let mut events = Events::with_capacity(256);
    let mut replies = 0_u64;
    let start = Instant::now();
    for (socket, requests, ..) in &mut requesters {
        socket.write_all(requests).doing("requesting")?;
    }
    while start.elapsed() < LOAD_FOR {
        poll.poll(&mut events, Some(PATIENCE))
            .doing("watching sockets")?;
        if events.is_empty() {
            return Err(silent());
        }
        for event in &events {
            let (socket, requests, expected, frames) = &mut requesters[event.token().0];
            // One read is enough: it leaves nothing behind, because all replies underway and a PING fit in the buffer together.
            match frames.read(socket) {
                Ok(0) => return Err(unexpected("waiting for a reply", b"end of the stream")),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error).doing("waiting for a reply"),
            }
            let mut ready = 0;
            while let Some(frame) = frames.next()? {
                if frame != expected {
                    return Err(unexpected("waiting for a reply", frame));
                }
                ready += 1;
            }
            socket
                .write_all(&requests[..requests.len() / EACH * ready])
                .doing("requesting")?;
            replies += ready as u64;
        }
    }
    Ok(replies as f64 / start.elapsed().as_secs_f64())
}

fn silent() -> Failure {
    unexpected(
        format!("waiting {} s for a reply", PATIENCE.as_secs()),
        b"nothing",
    )
}
