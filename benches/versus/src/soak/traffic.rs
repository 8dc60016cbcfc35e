//! The connections of a soak. Each one subscribes to a subject of its own and to its room's wildcard, and publishes in
//! turn to a connection far away and to its room. Messages carry publisher and sequence number, so that every single
//! delivery can be checked for being the next one of its stream.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::failure::{Doing, Failure, Result, join, unexpected};
use crate::messages::{Item, Step, step};
use crate::wire::{self, PATIENCE, PONG};

/// Connections in a room.
pub const ROOM: usize = 10;

/// Threads that make the connections.
const CONNECTORS: usize = 4;
/// The subscription to a connection's own subject.
const OWN: u64 = 1;
/// The subscription to its room.
const WHOLE_ROOM: u64 = 2;
/// How many faults are spelled out.
const FAULTS_SHOWN: usize = 10;

/// The outcome of a soak.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages published.
    pub published: u64,
    /// Deliveries these must cause.
    pub due: u64,
    /// Deliveries that were the next of their stream.
    pub delivered: u64,
    /// The first deliveries that were not.
    pub faults: Vec<String>,
}

/// One connection and its books.
struct Member {
    socket: TcpStream,
    received: Vec<u8>,
    unsent: Vec<u8>,
    /// Messages published to the far connection and to the room.
    sent: [u64; 2],
    /// Messages received from the one connection that writes to this one's own subject.
    from_far: u64,
    /// Messages received from each member of the room.
    from_room: [u64; ROOM],
}

/// All connections.
pub struct Traffic {
    poll: Poll,
    members: Vec<Member>,
    tally: Tally,
    turn: usize,
}

impl Traffic {
    /// Makes the connections and their subscriptions. `connections` is a multiple of [`ROOM`].
    pub fn connect(address: SocketAddr, connections: usize) -> Result<Self> {
        let poll = Poll::new().doing("watching sockets")?;
        let share = connections.div_ceil(CONNECTORS);
        let sockets = thread::scope(|scope| {
            let threads: Vec<_> = (0..CONNECTORS)
                .map(|part| {
                    scope.spawn(move || {
                        connect_members(
                            address,
                            part * share..((part + 1) * share).min(connections),
                        )
                    })
                })
                .collect();
            let mut sockets = Vec::with_capacity(connections);
            for thread in threads {
                sockets.append(&mut join(thread, "connecting")?);
            }
            Ok(sockets)
        })?;
        let mut members = Vec::with_capacity(connections);
        for (index, socket) in sockets.into_iter().enumerate() {
            let mut socket = TcpStream::from_std(socket);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry()
                .register(&mut socket, Token(index), interest)
                .doing("watching sockets")?;
            members.push(Member {
                socket,
                received: Vec::new(),
                unsent: Vec::new(),
                sent: [0; 2],
                from_far: 0,
                from_room: [0; ROOM],
            });
        }
        Ok(Self {
            poll,
            members,
            tally: Tally::default(),
            turn: 0,
        })
    }

    /// Publishes for a while at `rate` messages per second, then waits until everything has arrived, or until nothing
    /// has arrived for [`PATIENCE`].
    pub fn run(&mut self, duration: Duration, rate: u64) -> Result<Tally> {
        let mut events = Events::with_capacity(4096);
        let mut buffer = vec![0; 64 * 1024];
        let start = Instant::now();
        let mut last = start;
        loop {
            let elapsed = start.elapsed();
            if elapsed < duration {
                let target = (elapsed.as_secs_f64() * rate as f64) as u64;
                self.publish(target.saturating_sub(self.tally.published))?;
                last = Instant::now();
            } else if self.tally.delivered >= self.tally.due || last.elapsed() > PATIENCE {
                break;
            }
            let wait = Some(Duration::from_millis(5));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome.doing("watching sockets")?,
            }
            for event in &events {
                let before = self.tally.delivered;
                self.receive(event.token().0, &mut buffer)?;
                if self.tally.delivered > before {
                    last = Instant::now();
                }
                if event.is_writable() {
                    self.members[event.token().0].flush().doing("publishing")?;
                }
            }
        }
        self.close_books();
        Ok(std::mem::take(&mut self.tally))
    }

    /// Publishes `count` messages, one each from the connections whose turn it is.
    fn publish(&mut self, count: u64) -> Result<()> {
        let connections = self.members.len();
        for _ in 0..count {
            let index = self.turn % connections;
            let to_room = (self.turn / connections) % 2;
            self.turn += 1;
            let number = self.members[index].sent[to_room];
            let subject = if to_room == 1 {
                format!("soak.room.{}.{index}", index / ROOM)
            } else {
                format!("soak.own.{}", far(index, connections))
            };
            let payload = format!("{index} {number}");
            let member = &mut self.members[index];
            member.sent[to_room] += 1;
            let operation = format!("PUB {subject} {}\r\n{payload}\r\n", payload.len());
            member.unsent.extend_from_slice(operation.as_bytes());
            member.flush().doing("publishing")?;
            self.tally.published += 1;
            self.tally.due += if to_room == 1 { ROOM as u64 } else { 1 };
        }
        Ok(())
    }

    /// Reads what a connection has, and books it.
    fn receive(&mut self, index: usize, buffer: &mut [u8]) -> Result<()> {
        loop {
            let count = match self.members[index].socket.read(buffer) {
                Ok(0) => {
                    return Err(unexpected(
                        format!("reading connection {index}"),
                        b"end of the stream",
                    ));
                }
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).doing(format!("reading connection {index}")),
            };
            let mut received = std::mem::take(&mut self.members[index].received);
            received.extend_from_slice(&buffer[..count]);
            let mut read = 0;
            loop {
                match step(&received[read..]) {
                    Step::Whole(item, length) => {
                        self.book(index, &item)?;
                        read += length;
                    }
                    Step::Part => break,
                    Step::Wrong => {
                        return Err(unexpected(
                            format!("reading connection {index}"),
                            &received[read..],
                        ));
                    }
                }
            }
            received.drain(..read);
            self.members[index].received = received;
            if count < buffer.len() {
                return Ok(());
            }
        }
    }

    fn book(&mut self, index: usize, item: &Item<'_>) -> Result<()> {
        let connections = self.members.len();
        let member = &mut self.members[index];
        let (sid, payload) = match item {
            Item::Message { sid, payload, .. } => (*sid, *payload),
            Item::Ping => {
                member.unsent.extend_from_slice(PONG);
                return member.flush().doing("answering PING");
            }
            Item::Other => return Ok(()),
        };
        let Some((publisher, number)) = parse_payload(payload) else {
            return Err(unexpected(format!("reading connection {index}"), payload));
        };
        let stream = match sid {
            OWN if publisher < connections && far(publisher, connections) == index => {
                &mut member.from_far
            }
            WHOLE_ROOM if publisher / ROOM == index / ROOM => {
                &mut member.from_room[publisher % ROOM]
            }
            _ => {
                return Err(unexpected(
                    format!("reading connection {index}, subscription {sid}"),
                    payload,
                ));
            }
        };
        if number == *stream {
            self.tally.delivered += 1;
        } else if self.tally.faults.len() < FAULTS_SHOWN {
            let due = *stream;
            self.tally.faults.push(format!(
                "connection {index}: message {number} of {publisher} came when {due} was due"
            ));
        }
        *stream = number + 1;
        Ok(())
    }

    /// Names the streams that ended early.
    fn close_books(&mut self) {
        let connections = self.members.len();
        for index in 0..connections {
            let to = far(index, connections);
            let room = index / ROOM * ROOM;
            let [to_far, to_room] = self.members[index].sent;
            let ends = std::iter::once((to, to_far, self.members[to].from_far)).chain(
                (room..room + ROOM).map(|reader| {
                    (
                        reader,
                        to_room,
                        self.members[reader].from_room[index % ROOM],
                    )
                }),
            );
            for (reader, sent, got) in ends {
                if sent != got && self.tally.faults.len() < FAULTS_SHOWN {
                    self.tally.faults.push(format!(
                        "connection {reader}: {got} of {sent} messages of {index} came"
                    ));
                }
            }
        }
    }
}

impl Member {
    /// Writes as much as the socket takes; the rest waits for the next event.
    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The connection that `index` writes to.
fn far(index: usize, connections: usize) -> usize {
    (index + connections / 2) % connections
}

fn parse_payload(payload: &[u8]) -> Option<(usize, u64)> {
    let (publisher, number) = std::str::from_utf8(payload).ok()?.split_once(' ')?;
    Some((publisher.parse().ok()?, number.parse().ok()?))
}

fn connect_members(
    address: SocketAddr,
    indices: std::ops::Range<usize>,
) -> Result<Vec<std::net::TcpStream>> {
    let connect = |index: usize| {
        let mut socket = wire::connect(address, "soak")?;
        let room = index / ROOM;
        let subscriptions =
            format!("SUB soak.own.{index} {OWN}\r\nSUB soak.room.{room}.* {WHOLE_ROOM}\r\n");
        wire::send_and_flush(&mut socket, subscriptions.as_bytes())?;
        socket.set_nonblocking(true).doing("setting up a socket")?;
        Ok(socket)
    };
    indices
        .map(connect)
        .collect::<std::result::Result<_, Failure>>()
}
