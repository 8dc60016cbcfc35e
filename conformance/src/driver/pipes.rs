//! The connections in memory of one scenario.

use std::io;
use std::time::Duration;

use nats_mock::MemoryConnection;

use super::{ConnId, DriverError, Opened, Received};

/// How often to look whether what comes from outside of the process is there.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// All connections that were opened, the closed ones too.
#[derive(Default)]
pub(super) struct Pipes(Vec<Option<MemoryConnection>>);

impl Pipes {
    pub(super) fn open(
        &mut self,
        opened: io::Result<MemoryConnection>,
    ) -> Result<Opened, DriverError> {
        match opened {
            Ok(conn) => {
                self.0.push(Some(conn));
                Ok(Opened::Connection(ConnId(self.0.len() - 1)))
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Opened::Refused),
            Err(error) => Err(DriverError::io("connecting")(error)),
        }
    }

    fn get(&mut self, conn: ConnId) -> Result<&mut MemoryConnection, DriverError> {
        self.0
            .get_mut(conn.0)
            .and_then(Option::as_mut)
            .ok_or_else(|| DriverError::State(format!("connection {} is closed", conn.0)))
    }

    fn take(&mut self, conn: ConnId) -> Option<MemoryConnection> {
        self.0.get_mut(conn.0).and_then(Option::take)
    }

    pub(super) fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Result<usize, DriverError> {
        match self.get(conn)?.send(bytes) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(DriverError::io("sending")(error))
            }
            _ => Ok(bytes.len()),
        }
    }

    pub(super) fn receive(
        &mut self,
        conn: ConnId,
        into: &mut Vec<u8>,
    ) -> Result<Received, DriverError> {
        Ok(match self.get(conn)?.take_received() {
            None => Received::Closed,
            Some(bytes) if bytes.is_empty() => Received::Nothing,
            Some(bytes) => {
                into.extend_from_slice(&bytes);
                Received::Bytes
            }
        })
    }

    pub(super) fn half_close(&mut self, conn: ConnId) -> Result<(), DriverError> {
        self.get(conn)?.finish();
        Ok(())
    }

    pub(super) fn close(&mut self, conn: ConnId) {
        drop(self.take(conn));
    }

    pub(super) fn reset(&mut self, conn: ConnId) {
        if let Some(conn) = self.take(conn) {
            conn.reset();
        }
    }
}
