//! A server that is none: it recognises the load's connections by their names, counts bytes instead of parsing, and
//! answers each block of known length with another. What the load reaches with it is the load generator's ceiling.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use memchr::memmem;
use serde_json::json;

use crate::cli::Sink;
use crate::failure::{Doing, Result};
use crate::measure::{
    ASKER, FAN_OUT_PUBLISHER, FAN_OUT_SIZE, FAN_OUT_SUBJECT, INBOX, REQUEST_SIZE, REQUESTER,
    RESPONDER, SERVICE,
};
use crate::wire::{self, PING, PONG};

const INFO: &[u8] = b"INFO {\"server_id\":\"SINK\",\"version\":\"0.0.0\",\"proto\":1,\"headers\":true,\"max_payload\":1048576}\r\n";

/// What it says of itself when asked: as much as nats-server says in STATSZ.
const SAID: [&[u8]; 2] = [b"{\"server\":{", &[b' '; 800]];

/// The connections that have subscribed, with their names.
type Subscribers = Arc<Mutex<Vec<(String, TcpStream)>>>;

/// Serves until the process is killed.
pub fn serve(options: &Sink) -> Result<bool> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).doing("listening")?;
    let address = listener.local_addr().doing("listening")?;
    let file = options
        .ports_file_dir
        .join(format!("sink_{}.ports", process::id()));
    let ports = json!({"nats": [format!("nats://{address}")]});
    fs::write(&file, ports.to_string()).doing(format!("writing {}", file.display()))?;
    let subscribers = Subscribers::default();
    for socket in listener.incoming() {
        let socket = socket.doing("accepting")?;
        let subscribers = Arc::clone(&subscribers);
        // A connection that fails is one that the load has closed.
        thread::spawn(move || {
            drop(Connection::new(socket, subscribers).and_then(Connection::serve))
        });
    }
    Ok(true)
}

struct Connection {
    socket: TcpStream,
    subscribers: Subscribers,
    name: String,
}

impl Connection {
    fn new(socket: TcpStream, subscribers: Subscribers) -> std::io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            subscribers,
            name: String::new(),
        })
    }

    fn serve(mut self) -> std::io::Result<()> {
        self.socket.write_all(INFO)?;
        let mut buffer = vec![0; 256 * 1024];
        let mut pending = Vec::new();
        loop {
            let count = self.socket.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            pending.extend_from_slice(&buffer[..count]);
            while let Some(end) = memchr::memchr(b'\n', &pending) {
                if pending.starts_with(b"PUB ") {
                    return self.forward(pending, &mut buffer);
                }
                let line: Vec<u8> = pending.drain(..=end).collect();
                self.control(&line)?;
            }
        }
    }

    fn control(&mut self, line: &[u8]) -> std::io::Result<()> {
        if line == PING {
            return self.socket.write_all(PONG);
        }
        if line.starts_with(b"SUB ") {
            let entry = (self.name.clone(), self.socket.try_clone()?);
            self.subscribers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(entry);
        } else if let Some(start) = memmem::find(line, b"\"name\":\"") {
            let name = line[start + 8..]
                .split(|&byte| byte == b'"')
                .next()
                .unwrap_or_default();
            self.name = String::from_utf8_lossy(name).into_owned();
        }
        Ok(())
    }

    fn others(&self, name: &str) -> std::io::Result<Vec<TcpStream>> {
        let subscribers = self
            .subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        subscribers
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, socket)| socket.try_clone())
            .collect()
    }

    fn forward(self, received: Vec<u8>, buffer: &mut [u8]) -> std::io::Result<()> {
        let inbox = format!("{INBOX}0000");
        match self.name.as_str() {
            FAN_OUT_PUBLISHER => self.fan_out(received.len(), buffer),
            REQUESTER => {
                let request = wire::publish(SERVICE, Some(&inbox), REQUEST_SIZE);
                self.translate(
                    received,
                    &request,
                    &wire::delivered(SERVICE, 1, Some(&inbox), REQUEST_SIZE),
                    RESPONDER,
                )
            }
            RESPONDER => {
                let reply = wire::publish(&inbox, None, REQUEST_SIZE);
                self.translate(
                    received,
                    &reply,
                    &wire::delivered(&inbox, 1, None, REQUEST_SIZE),
                    REQUESTER,
                )
            }
            ASKER => self.answer(received, buffer),
            _ => self.discard(received, buffer),
        }
    }

    /// Forgets what comes, and answers the PING at its end.
    fn discard(mut self, received: Vec<u8>, buffer: &mut [u8]) -> std::io::Result<()> {
        let mut tail = received;
        loop {
            let kept = tail.len().saturating_sub(PING.len());
            tail.drain(..kept);
            if tail == PING {
                self.socket.write_all(PONG)?;
            }
            let count = self.socket.read(buffer)?;
            if count == 0 {
                return Ok(());
            }
            tail.extend_from_slice(&buffer[count.saturating_sub(PING.len())..count]);
        }
    }

    /// Answers every request with the same.
    fn answer(mut self, received: Vec<u8>, buffer: &mut [u8]) -> std::io::Result<()> {
        let said = SAID.concat();
        let mut pending = received;
        loop {
            let mut answers = Vec::new();
            let whole = memchr::memrchr(b'\n', &pending).map_or(0, |end| end + 1);
            for line in pending[..whole].split(|&byte| byte == b'\n') {
                let mut words = line.split(|&byte| byte == b' ');
                if words.next() == Some(b"PUB") {
                    let reply = words.nth(1).unwrap_or_default();
                    answers.extend_from_slice(b"MSG ");
                    answers.extend_from_slice(reply);
                    answers.extend_from_slice(format!(" 1 {}\r\n", said.len()).as_bytes());
                    answers.extend_from_slice(&said);
                    answers.extend_from_slice(b"\r\n");
                }
            }
            pending.drain(..whole);
            self.socket.write_all(&answers)?;
            let count = self.socket.read(buffer)?;
            if count == 0 {
                return Ok(());
            }
            pending.extend_from_slice(&buffer[..count]);
        }
    }

    /// Writes one delivery to every subscriber for each operation's length of bytes.
    fn fan_out(mut self, mut pending: usize, buffer: &mut [u8]) -> std::io::Result<()> {
        let length = wire::publish(FAN_OUT_SUBJECT, None, FAN_OUT_SIZE).len();
        let one = wire::delivered(FAN_OUT_SUBJECT, 1, None, FAN_OUT_SIZE);
        let deliveries = one.repeat(buffer.len() / length + 2);
        let mut subscribers = self.others("subscriber")?;
        loop {
            let block = &deliveries[..pending / length * one.len()];
            pending %= length;
            for subscriber in &mut subscribers {
                subscriber.write_all(block)?;
            }
            let count = self.socket.read(buffer)?;
            if count == 0 {
                return Ok(());
            }
            pending += count;
        }
    }

    /// Replaces each block as long as `from` by `to`, with the number of the inbox carried over, and sends it to the
    /// connection called `receiver`; to the one with that number when there are several.
    fn translate(
        mut self,
        received: Vec<u8>,
        from: &[u8],
        to: &[u8],
        receiver: &str,
    ) -> std::io::Result<()> {
        let digits =
            |operation: &[u8]| memmem::find(operation, INBOX.as_bytes()).unwrap_or(0) + INBOX.len();
        let (read_at, write_at) = (digits(from), digits(to));
        let mut receivers = self.others(receiver)?;
        let mut outgoing: Vec<Vec<u8>> = vec![Vec::new(); receivers.len()];
        let mut buffer = vec![0; 256 * 1024];
        let mut pending = received;
        loop {
            let whole = pending.len() / from.len() * from.len();
            for block in pending[..whole].chunks_exact(from.len()) {
                let number = &block[read_at..read_at + 4];
                let index = number.iter().fold(0, |sum, digit| {
                    sum * 10 + usize::from(digit.wrapping_sub(b'0'))
                });
                let Some(out) = outgoing.get_mut(if receivers.len() > 1 { index } else { 0 })
                else {
                    return Ok(());
                };
                let start = out.len() + write_at;
                out.extend_from_slice(to);
                out[start..start + 4].copy_from_slice(number);
            }
            pending.drain(..whole);
            for (socket, out) in receivers
                .iter_mut()
                .zip(&mut outgoing)
                .filter(|(_, out)| !out.is_empty())
            {
                socket.write_all(out)?;
                out.clear();
            }
            let count = self.socket.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            pending.extend_from_slice(&buffer[..count]);
        }
    }
}
