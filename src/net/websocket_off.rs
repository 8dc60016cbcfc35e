//! Sockets where there is no WebSocket.

use std::io;

use bytes::BytesMut;

use super::socket::{Read, Socket};
use crate::core::CloseReason;

/// Nothing makes frames.
#[derive(Debug)]
pub(super) enum Frames {}

impl Frames {
    pub fn read(&self, _: &Socket, _: &mut BytesMut) -> io::Result<Read> {
        match *self {}
    }

    pub fn frame(&self, _: &[u8], _: Option<CloseReason>) -> Vec<u8> {
        match *self {}
    }
}
