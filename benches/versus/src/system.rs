//! A client of the system account: asks servers what they say of themselves, and watches what they say unasked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::failure::{Doing, Result, unexpected};
use crate::messages::{Item, Step, step};
use crate::wire::{self, PONG};

/// What stands before the number of a request in its reply subject.
const INBOX: &str = "_INBOX.system.";

/// A connection of the system account.
#[derive(Debug)]
pub struct System {
    socket: TcpStream,
    /// What has been received and not yet handed out is at `start..end`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl System {
    /// Connects under a name, ready to ask.
    pub fn connect(address: SocketAddr, name: &str) -> Result<Self> {
        let mut system = Self {
            socket: wire::connect_as(address, "admin", "changeit", name)?,
            buffer: vec![0; 256 * 1024],
            start: 0,
            end: 0,
        };
        system.subscribe(&format!("{INBOX}*"), 1)?;
        Ok(system)
    }

    /// Subscribes to everything that servers say.
    pub fn watch(&mut self) -> Result<()> {
        self.subscribe("$SYS.>", 2)
    }

    fn subscribe(&mut self, subject: &str, sid: u32) -> Result<()> {
        let operation = format!("SUB {subject} {sid}\r\n");
        wire::send_and_flush(&mut self.socket, operation.as_bytes())
    }

    /// Writes operations, such as those of [`operation`].
    pub fn send(&mut self, operations: &[u8]) -> Result<()> {
        self.socket.write_all(operations).doing("asking")
    }

    /// Reads once, and hands out the subject and the payload of each message that is whole by then.
    pub fn receive(&mut self, mut each: impl FnMut(&str, &[u8]) -> Result<()>) -> Result<()> {
        self.fill()?;
        loop {
            let pending = &self.buffer[self.start..self.end];
            match step(pending) {
                Step::Part => return Ok(()),
                Step::Wrong => return Err(unexpected("reading messages", pending)),
                Step::Whole(item, length) => {
                    match item {
                        Item::Message {
                            subject, payload, ..
                        } => each(subject, payload)?,
                        Item::Ping => self.socket.write_all(PONG).doing("answering PING")?,
                        Item::Other => {}
                    }
                    self.start += length;
                }
            }
        }
    }

    /// [`receive`](Self::receive), for answers: hands out the numbers of their requests.
    pub fn answers(&mut self, mut each: impl FnMut(usize, &[u8]) -> Result<()>) -> Result<()> {
        self.receive(|subject, payload| {
            let number = subject.strip_prefix(INBOX).and_then(|it| it.parse().ok());
            match number {
                Some(number) => each(number, payload),
                None => Err(unexpected("waiting for an answer", subject.as_bytes())),
            }
        })
    }

    /// Asks one thing and waits for the answer.
    pub fn request(&mut self, endpoint: &str, body: &str) -> Result<Vec<u8>> {
        self.send(&operation(endpoint, body, 0))?;
        let mut answer = None;
        while answer.is_none() {
            self.answers(|_, payload| {
                answer = Some(payload.to_vec());
                Ok(())
            })?;
        }
        Ok(answer.unwrap_or_default())
    }

    /// Reads once; makes room before, if there is none.
    fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        let doing = "waiting for messages";
        match self
            .socket
            .read(&mut self.buffer[self.end..])
            .doing(doing)?
        {
            0 => Err(unexpected(doing, b"end of the stream")),
            count => {
                self.end += count;
                Ok(())
            }
        }
    }
}

/// A PING to all servers, whose answers come with `number`.
pub fn ping(number: usize) -> Vec<u8> {
    format!("PUB $SYS.REQ.SERVER.PING {INBOX}{number} 0\r\n\r\n").into_bytes()
}

/// A request to all servers, whose answer comes with `number`.
pub fn operation(endpoint: &str, body: &str, number: usize) -> Vec<u8> {
    let size = body.len();
    format!("PUB $SYS.REQ.SERVER.PING.{endpoint} {INBOX}{number} {size}\r\n{body}\r\n").into_bytes()
}
