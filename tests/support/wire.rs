//! A client's end of a connection, over TCP or in memory, that speaks the protocol byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use nats_mock::{MemoryConnection, MockNats};

use super::PATIENCE;
use super::raw::connect;

/// What carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Memory,
    Tcp,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    Reset,
}

pub const CARRIERS: [Carrier; 2] = [Carrier::Memory, Carrier::Tcp];

enum Stream {
    Memory(Box<MemoryConnection>),
    Tcp(TcpStream),
}

pub struct Wire {
    stream: Stream,
    received: Vec<u8>,
    end: Option<End>,
}

impl Wire {
    /// Connects to the first server, and awaits nothing.
    pub fn connect(nats: &MockNats, carrier: Carrier) -> std::io::Result<Self> {
        let stream = match carrier {
            Carrier::Memory => Stream::Memory(Box::new(nats.connect_in_memory()?)),
            Carrier::Tcp => {
                let stream = TcpStream::connect(nats.address())?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Stream::Tcp(stream)
            }
        };
        Ok(Self {
            stream,
            received: Vec::new(),
            end: None,
        })
    }

    /// Connects, and takes INFO away.
    pub fn open(nats: &MockNats, carrier: Carrier) -> Self {
        let mut wire = Self::connect(nats, carrier).expect("connects");
        assert!(wire.line().starts_with("INFO {"));
        wire
    }

    /// Connects and logs in as `a`, under a name.
    pub fn login(nats: &MockNats, carrier: Carrier, name: &str) -> Self {
        let mut wire = Self::open(nats, carrier);
        wire.log_in(name);
        wire
    }

    pub fn log_in(&mut self, name: &str) {
        self.send(connect("a", "a", &format!(",\"name\":\"{name}\"")));
        self.sync();
    }

    /// Sends bytes; whether the connection has ended meanwhile shows when reading.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = match &mut self.stream {
            Stream::Memory(memory) => memory.send(bytes.as_ref()),
            Stream::Tcp(tcp) => tcp.write_all(bytes.as_ref()),
        };
    }

    /// PING, and PONG as the next line but for INFO.
    pub fn sync(&mut self) {
        self.send("PING\r\n");
        let mut line = self.line();
        while line == "PING" || line.starts_with("INFO ") {
            line = self.line();
        }
        assert_eq!(line, "PONG");
        self.skip_info();
    }

    /// Takes an INFO away that comes with the first PONG.
    fn skip_info(&mut self) {
        self.send("PING\r\n");
        while self.line() != "PONG" {}
    }

    /// The next line, without its end; panics at the end of the connection.
    pub fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(2).position(|two| two == b"\r\n") {
                let rest = self.received.split_off(end + 2);
                let line = std::mem::replace(&mut self.received, rest);
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            let more = self.read_more();
            assert!(more, "ends with {:?} after {:?}", self.end, self.received);
        }
    }

    /// As many bytes; panics at the end of the connection.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            let more = self.read_more();
            assert!(more, "ends with {:?} after {:?}", self.end, self.received);
        }
        let rest = self.received.split_off(count);
        std::mem::replace(&mut self.received, rest)
    }

    /// What is left, and how it ends.
    pub fn end(&mut self) -> (String, End) {
        while self.read_more() {}
        let rest = String::from_utf8_lossy(&std::mem::take(&mut self.received)).into_owned();
        (rest, self.end.expect("it has ended"))
    }

    /// Whether nothing has come since the last call, as far as the client knows by now.
    pub fn is_quiet(&mut self) -> bool {
        if let Stream::Tcp(tcp) = &self.stream {
            tcp.set_nonblocking(true).expect("does not block");
        }
        let quiet = match &mut self.stream {
            Stream::Memory(memory) => memory.take_received().is_some_and(|bytes| {
                self.received.extend(&bytes);
                bytes.is_empty()
            }),
            Stream::Tcp(tcp) => {
                let blocks = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
                tcp.peek(&mut [0; 1]).is_err_and(blocks)
            }
        };
        if let Stream::Tcp(tcp) = &self.stream {
            tcp.set_nonblocking(false).expect("blocks again");
        }
        quiet && self.received.is_empty()
    }

    /// Ends the client's side in good order.
    pub fn finish(&mut self) {
        match &mut self.stream {
            Stream::Memory(memory) => memory.finish(),
            Stream::Tcp(tcp) => tcp.shutdown(Shutdown::Write).expect("ends"),
        }
    }

    fn read_more(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        match &mut self.stream {
            Stream::Memory(memory) => match memory.take_received() {
                Some(bytes) => {
                    assert!(!bytes.is_empty(), "nothing comes after {:?}", self.received);
                    self.received.extend(bytes);
                }
                None if memory.was_reset() => self.end = Some(End::Reset),
                None => self.end = Some(End::Closed),
            },
            Stream::Tcp(tcp) => {
                let mut chunk = [0; 16 * 1024];
                match tcp.read(&mut chunk) {
                    Ok(0) => self.end = Some(End::Closed),
                    Ok(len) => self.received.extend_from_slice(&chunk[..len]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                        self.end = Some(End::Reset);
                    }
                    Err(error) => panic!("reading: {error}"),
                }
            }
        }
        self.end.is_none()
    }
}
