//! Connections that speak the protocol byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use nats_mock::protocol::wire::ServerInfo;
use nats_mock::{MemoryConnection, MockNats};

use super::PATIENCE;

/// A connection in memory, read and written as text.
pub struct Raw(pub MemoryConnection);

impl Raw {
    /// Connects, and takes INFO away.
    pub fn open(nats: &MockNats) -> Self {
        Self::open_with_cid(nats).0
    }

    /// The same, with the client id that INFO tells.
    pub fn open_with_cid(nats: &MockNats) -> (Self, u64) {
        let mut raw = Self(nats.connect_in_memory().expect("connects"));
        let info = raw.read();
        let json = info.strip_prefix("INFO ").expect("INFO comes first");
        let info = ServerInfo::parse(json.trim_end().as_bytes()).expect("INFO is JSON");
        (raw, info.client_id)
    }

    /// Connects and logs in with further options of CONNECT, such as `,"echo":false`.
    pub fn login(nats: &MockNats, user: &str, password: &str, options: &str) -> Self {
        let mut raw = Self::open(nats);
        raw.send(connect(user, password, options));
        raw
    }

    /// Sends text; whether the server has closed the connection meanwhile shows when reading.
    pub fn send(&mut self, text: impl AsRef<[u8]>) {
        // A closed connection refuses what is sent.
        let _ = self.0.send(text.as_ref());
    }

    /// What the server has sent since the last call.
    pub fn read(&mut self) -> String {
        let received = self.0.take_received().unwrap_or_default();
        String::from_utf8_lossy(&received).into_owned()
    }

    /// What the server answers to `text`.
    pub fn ask(&mut self, text: impl AsRef<[u8]>) -> String {
        self.send(text);
        self.read()
    }

    /// Whether the server has closed the connection. What it has sent before is lost.
    pub fn is_closed(&mut self) -> bool {
        self.0.take_received().is_none() || self.0.take_received().is_none()
    }
}

/// A CONNECT without noise: neither verbose nor pedantic, with headers and 503 answers.
pub fn connect(user: &str, password: &str, options: &str) -> String {
    format!(
        "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\
         \"protocol\":1,\"user\":\"{user}\",\"pass\":\"{password}\"{options}}}\r\n"
    )
}

/// A TCP connection.
pub struct Tcp {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Tcp {
    /// Connects, and takes INFO away.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connects");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("sets a timeout");
        let mut tcp = Self {
            stream,
            received: Vec::new(),
        };
        assert!(tcp.read_line().starts_with("INFO {"));
        tcp
    }

    pub fn send(&mut self, text: impl AsRef<[u8]>) {
        // A closed connection refuses what is sent, sooner or later.
        let _ = self.stream.write_all(text.as_ref());
    }

    /// The next line, without its end; empty at the end of the connection.
    pub fn read_line(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(2).position(|two| two == b"\r\n") {
                let rest = self.received.split_off(end + 2);
                let line = std::mem::replace(&mut self.received, rest);
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            if !self.read_more() {
                return String::new();
            }
        }
    }

    /// Everything up to the end of the connection.
    pub fn read_to_end(&mut self) -> String {
        while self.read_more() {}
        String::from_utf8_lossy(&std::mem::take(&mut self.received)).into_owned()
    }

    fn read_more(&mut self) -> bool {
        let mut chunk = [0; 64 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(len) => {
                self.received.extend_from_slice(&chunk[..len]);
                len > 0
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => {
                let broken = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
                assert!(broken.contains(&error.kind()), "reading: {error}");
                false
            }
        }
    }
}
