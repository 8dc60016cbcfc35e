//! Which servers of a deployment open sockets.

use super::Builder;
#[cfg(feature = "websocket")]
use crate::topology::WebsocketOptions;

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

    /// Has every server take clients over WebSocket, too, at an ephemeral port of `127.0.0.1` and without
    /// TLS. Anything else is set by a `websocket` block of a configuration.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use std::io::{Read, Write};
    ///
    /// let nats = MockNats::builder().websocket().start_blocking()?;
    /// let url = nats.first_server().websocket_url().unwrap();
    /// let mut browser = std::net::TcpStream::connect(url.trim_start_matches("ws://"))?;
    /// browser.write_all(
    ///     b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    ///       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    /// )?;
    /// let mut answer = [0; 32];
    /// browser.read_exact(&mut answer)?;
    /// assert_eq!(&answer, b"HTTP/1.1 101 Switching Protocols");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "websocket")]
    pub fn websocket(mut self) -> Self {
        self.server.websocket = Some(WebsocketOptions {
            no_tls: true,
            ..at_any_port()
        });
        self
    }

    /// As [`websocket`](Self::websocket), with TLS.
    ///
    /// ```
    /// use nats_mock::{MockNats, SelfSigned};
    ///
    /// let authority = SelfSigned::new()?;
    /// let nats = MockNats::builder().websocket_with_tls(&authority).start_blocking()?;
    /// assert!(nats.first_server().websocket_url().unwrap().starts_with("wss://127.0.0.1:"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(all(feature = "websocket", feature = "tls"))]
    pub fn websocket_with_tls(mut self, tls: impl Into<crate::topology::TlsOptions>) -> Self {
        self.server.websocket = Some(WebsocketOptions {
            tls: Some(tls.into()),
            ..at_any_port()
        });
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

#[cfg(feature = "websocket")]
fn at_any_port() -> WebsocketOptions {
    WebsocketOptions {
        host: Some("127.0.0.1".to_owned()),
        port: Some(-1),
        ..WebsocketOptions::default()
    }
}
