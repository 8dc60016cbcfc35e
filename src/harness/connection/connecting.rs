//! Clients that connect: which are meant, and what becomes of them.

use std::time::Duration;

use nats_mock_protocol::events::CloseReason;
use nats_mock_protocol::json;
use serde_json::Value;

use crate::core::Ending;
use crate::faults::{About, ArrivalEffect, ArrivalMatcher, ArrivalRule};
use crate::harness::programmed::sealed;
use crate::programmed::{Armed, On};

/// Marks an [`On`] that is about clients that connect.
#[derive(Debug)]
pub enum Arrivals {}

/// Clients that connect, over TCP or in memory, for [`MockNats::on`](crate::MockNats::on).
#[derive(Clone, Copy, Debug)]
pub struct Connecting(());

/// Clients that connect, for [`MockNats::on`](crate::MockNats::on).
///
/// ```
/// use nats_mock::MockNats;
/// use nats_mock::connection::connecting;
///
/// let nats = MockNats::builder().cluster("east", 2).start_blocking()?;
/// let refused = nats.on(connecting()).to("east-1").times(2).refuse();
///
/// assert!(nats.server("east-1").client("a").is_err());
/// assert!(nats.server("east-2").client("a").is_ok());
/// assert!(nats.server("east-1").client("a").is_err());
/// assert!(nats.server("east-1").client("a").is_ok());
/// assert_eq!(refused.hits(), 2);
/// # Ok::<(), nats_mock::StartError>(())
/// ```
pub fn connecting() -> Connecting {
    Connecting(())
}

impl sealed::Side for Arrivals {
    type Matcher = ArrivalMatcher;

    fn at(servers: sealed::Servers) -> ArrivalMatcher {
        ArrivalMatcher::new(move |arrival| servers.has(arrival.core.server(arrival.server)))
    }
}

impl sealed::Said for Connecting {
    type Side = Arrivals;

    fn meant(self) -> (String, ArrivalMatcher) {
        (
            "clients that connect".to_owned(),
            ArrivalMatcher::new(|_| true),
        )
    }
}

impl On<Arrivals> {
    /// Only to the server of this name or id. If said again, to any of them.
    pub fn to(self, server: impl Into<String>) -> Self {
        self.at_server(server)
    }

    /// Only to servers of this cluster.
    pub fn to_cluster(self, name: impl Into<String>) -> Self {
        self.at_cluster("to", name)
    }

    /// Only from this address.
    pub fn from_host(self, host: impl Into<String>) -> Self {
        let host = host.into();
        let text = format!("from {host}");
        self.narrowed(
            &text,
            ArrivalMatcher::new(move |arrival| *arrival.host == *host),
        )
    }

    /// They are not let in. In memory connecting fails as at a port where nobody listens. Over TCP the
    /// system has made the connection before the server hears of it: there it is reset before anything is
    /// said, and no trace of it stays at the server. [`Server::close_port`](crate::Server::close_port) has the system refuse
    /// them.
    pub fn refuse(self) -> Armed {
        self.arm_arrival(ArrivalEffect::Refuse)
    }

    /// Their connections are made and break at once: INFO does not arrive. The server notes a read error.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::connecting;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _armed = nats.on(connecting()).nth(2).reset();
    /// let _first = nats.client("a")?;
    /// let mut second = nats.connect_in_memory()?;
    /// assert_eq!((second.take_received(), second.was_reset()), (None, true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset(self) -> Armed {
        self.arm_arrival(ArrivalEffect::Reset)
    }

    /// They get INFO, and are cut off without a word.
    pub fn close(self) -> Armed {
        self.close_with(CloseReason::ClientClosed)
    }

    /// They get INFO, and are cut off for a reason, with what a server says then.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::connecting;
    /// use nats_mock::protocol::events::CloseReason;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _full = nats.on(connecting()).close_with(CloseReason::MaxConnectionsExceeded);
    /// let error = nats.client("a").unwrap_err();
    /// assert_eq!(error.to_string(), "the server says: maximum connections exceeded");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close_with(self, reason: CloseReason) -> Armed {
        self.arm_arrival(ArrivalEffect::End(Ending::from(reason)))
    }

    /// Their connections are made, and nothing comes: no INFO, and nobody reads what they send. With
    /// [`Armed::release`], and at the end of what is armed, they are greeted.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::connecting;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let stalled = nats.on(connecting()).stall();
    /// let mut app = nats.connect_in_memory()?;
    /// assert_eq!(app.take_received().as_deref(), Some(&b""[..]));
    /// assert_eq!(stalled.held(), 1);
    /// stalled.end();
    /// assert!(app.take_received().unwrap().starts_with(b"INFO "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stall(self) -> Armed {
        self.arm_arrival(ArrivalEffect::Stall)
    }

    /// INFO comes so much later, by the deployment's clock; until then nobody reads what they send.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::connecting;
    ///
    /// let nats = MockNats::builder().manual_clock(SystemTime::UNIX_EPOCH).start_blocking()?;
    /// let _late = nats.on(connecting()).late_info(Duration::from_secs(5));
    /// let mut app = nats.connect_in_memory()?;
    /// nats.advance(Duration::from_secs(4));
    /// assert_eq!(app.take_received().as_deref(), Some(&b""[..]));
    /// nats.advance(Duration::from_secs(1));
    /// assert!(app.take_received().unwrap().starts_with(b"INFO "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn late_info(self, by: Duration) -> Armed {
        self.late_info_between(by, by)
    }

    /// As [`late_info`](Self::late_info), by a time between these two that is drawn from the deployment's
    /// seed.
    pub fn late_info_between(self, least: Duration, most: Duration) -> Armed {
        self.arm_arrival(ArrivalEffect::Late(least, most))
    }

    /// The first INFO is changed as JSON; its keys stay in their order. Those that follow are
    /// [lines](crate::connection::Line::Info) like others.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::connecting;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _armed = nats.on(connecting()).edit_info(|info| info["max_payload"] = (-1).into());
    /// let info = nats.connect_in_memory()?.take_received().unwrap();
    /// assert!(String::from_utf8(info)?.contains("\"max_payload\":-1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn edit_info(self, mut edit: impl FnMut(&mut Value) + Send + 'static) -> Armed {
        self.arm_arrival(ArrivalEffect::Greet(Box::new(move |greeting| {
            let text = greeting.strip_prefix(b"INFO ").unwrap_or_default();
            let mut info = serde_json::from_slice(text)
                .map_err(|error| format!("the greeting is not INFO any more: {error}"))?;
            edit(&mut info);
            greeting.truncate("INFO ".len());
            greeting.extend(json::to_vec(&info));
            greeting.extend_from_slice(b" \r\n");
            Ok(())
        })))
    }

    /// These bytes come instead of INFO.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::connection::connecting;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let _armed = nats.on(connecting()).greet_raw("HTTP/1.1 400 Bad Request\r\n\r\n");
    /// assert!(nats.connect_in_memory()?.take_received().unwrap().starts_with(b"HTTP/1.1 400"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn greet_raw(self, bytes: impl Into<Vec<u8>>) -> Armed {
        let bytes = bytes.into();
        self.arm_arrival(ArrivalEffect::Greet(Box::new(move |greeting| {
            greeting.clone_from(&bytes);
            Ok(())
        })))
    }

    fn arm_arrival(self, effect: ArrivalEffect) -> Armed {
        let does = format!("{effect:?}");
        self.arm_rule("to", &does, |matches| {
            About::Arrival(ArrivalRule {
                matches,
                effect,
                held: Vec::new(),
            })
        })
    }
}
