//! Which servers of a deployment open sockets.

use super::Builder;

impl Builder {
    /// Opens no sockets: the servers are there for each other, for what is heard of them on the
    /// system account, and for clients in memory. A thousand of them cost little.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().unbound().cluster("east", 100).start_blocking()?;
    /// let mut ops = nats.client("admin")?;
    /// let mut answers = ops.request("$SYS.REQ.SERVER.PING.IDZ", "")?;
    /// assert_eq!(std::iter::from_fn(|| answers.try_next()).count(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unbound(mut self) -> Self {
        self.unbound = true;
        self
    }

    /// Opens the sockets of one server nevertheless, when all others are [unbound](Self::unbound): clients
    /// and tools connect to it, and see them all.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::builder().unbound().cluster("east", 100).bound("east-1").start_blocking()?;
    /// assert!(std::net::TcpStream::connect(nats.server("east-1").address()).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bound(mut self, server: impl Into<String>) -> Self {
        self.bound.push(server.into());
        self
    }
}
