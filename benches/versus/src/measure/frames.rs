//! Splits what a connection receives into messages that all have the same length.

use std::io::Read;

use crate::failure::{Doing, Result, unexpected};
use crate::wire::PING;

/// Bytes received so far and not yet handed out.
#[derive(Debug)]
pub struct Frames {
    length: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Frames {
    /// For messages of `length` bytes each.
    pub fn new(length: usize, capacity: usize) -> Self {
        Self {
            length,
            buffer: vec![0; capacity.max(2 * length)],
            start: 0,
            end: 0,
        }
    }

    /// Reads once.
    pub fn read(&mut self, socket: &mut impl Read) -> std::io::Result<usize> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let count = socket.read(&mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// Reads once from a blocking socket; the end of the stream is a failure.
    pub fn read_some(&mut self, socket: &mut impl Read) -> Result<()> {
        match self.read(socket).doing("waiting for messages")? {
            0 => Err(unexpected("waiting for messages", b"end of the stream")),
            _ => Ok(()),
        }
    }

    /// The next whole message, passing over a server's PINGs.
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        while self.buffer[self.start..self.end].starts_with(PING) {
            self.start += PING.len();
        }
        let pending = &self.buffer[self.start..self.end];
        if pending.len() >= 4 && !pending.starts_with(b"MSG ") && !pending.starts_with(b"PING") {
            return Err(unexpected("waiting for messages", pending));
        }
        if pending.len() < self.length {
            return Ok(None);
        }
        let frame = self.start..self.start + self.length;
        self.start = frame.end;
        Ok(Some(&self.buffer[frame]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(cuts in prop::collection::vec(1_usize..9, 1..40), pings in prop::collection::vec(any::<bool>(), 20)) {
            let mut stream = Vec::new();
            for ping in &pings {
                if *ping {
                    stream.extend_from_slice(PING);
                }
                stream.extend_from_slice(b"MSG a 1 0\r\n\r\n");
            }
            let mut frames = Frames::new(13, 64);
            let (mut rest, mut seen, mut cuts) = (stream.as_slice(), 0, cuts.iter().cycle());
            while !rest.is_empty() {
                let (mut now, later) = rest.split_at((*cuts.next().unwrap_or(&1)).min(rest.len()));
                rest = later;
                while !now.is_empty() {
                    frames.read(&mut now)?;
                    while let Some(frame) = frames.next().map_err(|error| TestCaseError::fail(error.to_string()))? {
                        prop_assert_eq!(frame, b"MSG a 1 0\r\n\r\n");
                        seen += 1;
                    }
                }
            }
            prop_assert_eq!(seen, pings.len());
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut frames = Frames::new(13, 64);
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                frames.read(&mut rest)?;
                while let Ok(Some(_)) = frames.next() {}
                if frames.next().is_err() {
                    break;
                }
            }
        }
    }
}
