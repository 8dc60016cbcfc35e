//! Sockets where there is no TLS.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use tokio::net::TcpStream;

use super::hub::Hub;
use super::socket::{Scratch, Socket};
use crate::core::{CloseReason, ConnId};

/// Nothing that makes a socket secure.
#[derive(Debug, Default)]
pub(super) struct Secure {}

impl Secure {
    pub fn look_again(&self) {}

    pub fn seal(&self, _: &[u8], _: bool) -> Option<Vec<u8>> {
        None
    }

    pub fn read(&self, stream: &TcpStream, into: &mut BytesMut) -> io::Result<usize> {
        stream.try_read_buf(into)
    }

    pub fn wants_to_say(&self) -> bool {
        false
    }
}

/// Nothing comes before the client protocol.
pub(super) async fn begin(
    _: &Arc<Hub>,
    _: &Arc<Mutex<Scratch>>,
    _: &Arc<Socket>,
    _: ConnId,
) -> Result<Vec<u8>, CloseReason> {
    Ok(Vec::new())
}
