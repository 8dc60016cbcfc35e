//! Ports at which nobody listens for a while.

use std::fmt;
use std::io;

use super::connecting;
use crate::programmed::Armed;
use crate::{Server, StartError};

/// A [closed port](Server::close_port), until this is dropped.
#[must_use = "the port is opened again when this is dropped"]
pub struct ClosedPort<'a> {
    server: Server<'a>,
    /// `None` when it is open again.
    refusing: Option<Armed>,
}

impl Server<'_> {
    /// Has nobody listen at the server's port: who connects over TCP is refused by the system, and who does
    /// in memory likewise. Connections that are there stay. It lasts until what this gives back is
    /// dropped, or the server is restarted.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use std::net::TcpStream;
    ///
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().cluster("east", 2).start_blocking()?;
    /// let server = nats.server("east-2");
    /// let closed = server.close_port()?;
    /// let error = TcpStream::connect(server.address()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    /// assert!(server.client("a").is_err());
    /// closed.end()?;
    /// assert!(TcpStream::connect(server.address()).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When another process takes the port before it can be held.
    pub fn close_port(&self) -> io::Result<ClosedPort<'_>> {
        let refusing = self.nats.on(connecting()).to(self.name()).refuse();
        // From now on it is opened again in any case.
        let closed = ClosedPort {
            server: *self,
            refusing: Some(refusing),
        };
        self.stop_listening()?;
        Ok(closed)
    }
}

impl ClosedPort<'_> {
    /// How many clients in memory have been refused. Those over TCP do not reach the server.
    pub fn hits(&self) -> u64 {
        self.refusing.as_ref().map_or(0, Armed::hits)
    }

    /// Opens the port again.
    ///
    /// # Errors
    ///
    /// When another process has taken it.
    pub fn end(mut self) -> Result<(), StartError> {
        self.open()
    }

    fn open(&mut self) -> Result<(), StartError> {
        match self.refusing.take() {
            Some(refusing) => {
                refusing.end();
                self.server.go_on_listening()
            }
            None => Ok(()),
        }
    }
}

impl Drop for ClosedPort<'_> {
    fn drop(&mut self) {
        // Nobody is left to be told that it is taken: connecting to it will tell.
        let _ = self.open();
    }
}

impl fmt::Debug for ClosedPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClosedPort")
            .field("server", &self.server.name())
            .finish_non_exhaustive()
    }
}
