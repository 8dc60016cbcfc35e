//! The few pieces of the client protocol the load needs: the handshake, and operations laid out in advance.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use memchr::memmem;

use crate::failure::{Doing, Result, unexpected};

/// What ends a request for a sign of life, and the answer to it.
pub const PING: &[u8] = b"PING\r\n";
/// The answer to [`PING`].
pub const PONG: &[u8] = b"PONG\r\n";

/// How long a socket may stay silent, or refuse bytes, before the measurement is given up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The CONNECT line of the load's own user, under `name`.
pub fn connect_line(name: &str) -> Vec<u8> {
    connect_line_as("a", "a", name)
}

fn connect_line_as(user: &str, password: &str, name: &str) -> Vec<u8> {
    format!(
        "CONNECT {{\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"user\":\"{user}\",\"pass\":\"{password}\",\
         \"lang\":\"rust\",\"version\":\"0.1.0\",\"protocol\":1,\"echo\":true,\"headers\":true,\"no_responders\":true,\
         \"name\":\"{name}\"}}\r\n"
    )
    .into_bytes()
}

/// Connects as the load's own user and returns once the server has nothing more to say unasked.
pub fn connect(address: SocketAddr, name: &str) -> Result<TcpStream> {
    connect_as(address, "a", "a", name)
}

/// Connects with a user and a password.
pub fn connect_as(
    address: SocketAddr,
    user: &str,
    password: &str,
    name: &str,
) -> Result<TcpStream> {
    let mut socket = open(address)?;
    read_until(&mut socket, b"\r\n", "waiting for INFO")?;
    let mut hello = connect_line_as(user, password, name);
    hello.extend_from_slice(PING);
    socket.write_all(&hello).doing("sending CONNECT")?;
    read_until(&mut socket, PONG, "waiting for the answer to CONNECT")?;
    // Servers from 2.12 on send a second INFO right after the first PONG; a second round trip flushes it out.
    round_trip(&mut socket)?;
    Ok(socket)
}

/// Opens a socket with the settings every connection of the load has.
pub fn open(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpStream::connect(address).doing("connecting")?;
    socket.set_nodelay(true).doing("setting up a socket")?;
    socket
        .set_read_timeout(Some(PATIENCE))
        .doing("setting up a socket")?;
    socket
        .set_write_timeout(Some(PATIENCE))
        .doing("setting up a socket")?;
    Ok(socket)
}

/// Sends a PING and waits for its PONG, so that everything sent before is known to be processed.
pub fn round_trip(socket: &mut TcpStream) -> Result<()> {
    socket.write_all(PING).doing("sending PING")?;
    read_until(socket, PONG, "waiting for PONG").map(drop)
}

/// Sends operations, then waits until the server has processed them.
pub fn send_and_flush(socket: &mut TcpStream, operations: &[u8]) -> Result<()> {
    socket.write_all(operations).doing("sending operations")?;
    round_trip(socket)
}

/// Publishes to a subject that this connection itself subscribes to, and fails unless the message comes back.
pub fn check_subscribed(socket: &mut TcpStream, subject: &str, sid: usize) -> Result<()> {
    let doing = "checking that a subscription is there";
    socket.write_all(&publish(subject, None, 1)).doing(doing)?;
    socket.write_all(PING).doing(doing)?;
    let answer = read_until(socket, PONG, doing)?;
    let message = format!("MSG {subject} {sid} 1\r\nx\r\n");
    if memmem::find(&answer, message.as_bytes()).is_some() {
        Ok(())
    } else {
        Err(unexpected(doing, &answer))
    }
}

/// Reads until `end` is among what came; fails on an `-ERR` and on the end of the stream.
pub fn read_until(socket: &mut TcpStream, end: &[u8], doing: &str) -> Result<Vec<u8>> {
    let mut got = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while memmem::find(&got, end).is_none() {
        let count = socket.read(&mut buffer).doing(doing)?;
        got.extend_from_slice(&buffer[..count]);
        if count == 0 || memmem::find(&got, b"-ERR").is_some() {
            return Err(unexpected(doing, &got));
        }
    }
    Ok(got)
}

/// One `PUB` with a payload of `size` bytes.
pub fn publish(subject: &str, reply: Option<&str>, size: usize) -> Vec<u8> {
    let reply = reply.map(|reply| format!("{reply} ")).unwrap_or_default();
    operation(format!("PUB {subject} {reply}{size}\r\n"), size)
}

/// The `MSG` that a subscriber with this sid gets for [`publish`].
pub fn delivered(subject: &str, sid: u32, reply: Option<&str>, size: usize) -> Vec<u8> {
    let reply = reply.map(|reply| format!("{reply} ")).unwrap_or_default();
    operation(format!("MSG {subject} {sid} {reply}{size}\r\n"), size)
}

fn operation(line: String, size: usize) -> Vec<u8> {
    let mut bytes = line.into_bytes();
    bytes.resize(bytes.len() + size, b'x');
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// As many copies of an operation as fit in about `bytes` bytes (at least one), and how many those are.
pub fn block_of(operation: &[u8], bytes: usize) -> (Vec<u8>, u64) {
    let count = (bytes / operation.len()).max(1);
    (operation.repeat(count), count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_spelled_as_the_protocol_wants() {
        assert_eq!(publish("s", None, 2), b"PUB s 2\r\nxx\r\n");
        assert_eq!(publish("s", Some("r"), 0), b"PUB s r 0\r\n\r\n");
        assert_eq!(delivered("s", 7, Some("r"), 1), b"MSG s 7 r 1\r\nx\r\n");
    }

    #[test]
    fn a_block_holds_whole_operations() {
        let (block, count) = block_of(b"12345", 12);
        assert_eq!((block.as_slice(), count), (b"1234512345".as_slice(), 2));
        assert_eq!(block_of(b"12345", 1).1, 1);
    }
}
