//! From the description to connections in the books.

use std::io;
use std::time::Duration;

use nats_mock_protocol::wire::encode;
use rand_chacha::ChaCha8Rng;

use super::handle::Simulated;
use super::{Connections, SimulatedConnections};
use crate::core::{CloseReason, Standing, Traffic, below, stream};
use crate::{Client, ClientError, MockNats, Server};

/// Why connections cannot be simulated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// A subject or a queue name that no client can send: it is empty or has blanks.
    #[error("nobody can subscribe to {text:?}")]
    Subscription {
        /// The subject or queue name.
        text: String,
    },
    /// The server does not let the connection in, or not subscribe.
    #[error("simulated connection {index}: {source}")]
    Refused {
        /// The number of the connection, from 0 on.
        index: usize,
        /// What the server says.
        source: ClientError,
    },
}

impl MockNats {
    /// Makes connections that have no clients; see [`simulated`](crate::simulated) for what they are.
    ///
    /// They come one after the other, and stay until they are closed, by the handle or by the server.
    /// Dropping the handle does not close them.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::simulated::Connections;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// nats.simulate(Connections::of("a").count(5_000).named("svc-{n}").subscribe("orders.*"))?;
    ///
    /// let mut ops = nats.client("admin")?;
    /// let answer = ops.request("$SYS.REQ.ACCOUNT.USERS.CONNZ", r#"{"sort":"cid"}"#)?.try_next().unwrap();
    /// assert!(answer.text().contains(r#""total":5000"#));
    /// assert!(answer.text().contains(r#""name":"svc-0""#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the server refuses one of them or what it subscribes to, in the server's words, or the user
    /// is not configured. Those that have come before are closed then, as by their clients.
    pub fn simulate(
        &self,
        connections: Connections,
    ) -> Result<SimulatedConnections, SimulateError> {
        self.first_server().simulate(connections)
    }
}

impl Server<'_> {
    /// Makes connections that have no clients, as [`MockNats::simulate`] does, to this server.
    ///
    /// # Errors
    ///
    /// As for [`MockNats::simulate`].
    pub fn simulate(
        &self,
        connections: Connections,
    ) -> Result<SimulatedConnections, SimulateError> {
        connections.check()?;
        let mut draws = Draws::new(self, connections.spread);
        let mut made = SimulatedConnections::new(self.hub());
        for index in 0..connections.count {
            match self.simulate_one(&connections, index, &mut draws) {
                Ok(one) => made.push(one),
                Err(source) => {
                    made.close(CloseReason::ClientClosed);
                    return Err(SimulateError::Refused { index, source });
                }
            }
        }
        if let Some(reason) = connections.closed {
            made.close(reason);
        }
        Ok(made)
    }

    fn simulate_one(
        &self,
        plan: &Connections,
        index: usize,
        draws: &mut Draws,
    ) -> Result<Simulated, ClientError> {
        let numbered = |text: &str| text.replace("{n}", &index.to_string());
        let uptime = draws.time(plan.uptime);
        let standing = Standing {
            rtt: draws.time(plan.rtt),
            idle: draws.time(plan.idle).min(uptime),
            published: draws.traffic(plan.published),
            delivered: draws.traffic(plan.delivered),
        };
        let host = numbered(&plan.host);
        let connection = self.connect_from(&host, &plan.user, uptime)?;
        let name = numbered(&plan.name);
        let mut client = Client::connect_as(&name, &plan.lang, &plan.version, connection)?;
        if !plan.subscriptions.is_empty() {
            client.operate(|out| {
                for (sid, (subject, queue)) in (1_u64..).zip(&plan.subscriptions) {
                    let (subject, queue) = (numbered(subject), queue.as_deref().map(numbered));
                    let queue = queue.as_ref().map(String::as_bytes);
                    let sid = sid.to_string();
                    encode::subscribe(out, subject.as_bytes(), queue, sid.as_bytes());
                }
            })?;
        }
        let cid = client.info().client_id;
        let id = client
            .detach(&standing)
            .ok_or(io::ErrorKind::ConnectionReset)
            .map_err(io::Error::from)?;
        Ok(Simulated { id, cid })
    }
}

impl Connections {
    /// A line of the protocol is blanks and words: what is no word would say something else.
    fn check(&self) -> Result<(), SimulateError> {
        let mut words = self
            .subscriptions
            .iter()
            .flat_map(|(subject, queue)| [Some(subject), queue.as_ref()])
            .flatten();
        let is_word = |text: &&String| !text.is_empty() && !text.contains(char::is_whitespace);
        match words.find(|text| !is_word(text)) {
            Some(text) => Err(SimulateError::Subscription { text: text.clone() }),
            None => Ok(()),
        }
    }
}

const WHOLE: u64 = 1_000_000;

/// Draws what makes the connections differ.
struct Draws {
    rng: ChaCha8Rng,
    /// In millionths.
    spread: u64,
}

impl Draws {
    fn new(server: &Server<'_>, spread: f64) -> Self {
        // Connections that came before make the draws of two calls differ.
        let id = server.current();
        let rng = server.hub().look(|deployment| {
            let core = deployment.core();
            let before = core.server(id).total_connections;
            stream(core.seed(), &format!("simulated {before}"))
        });
        Self {
            rng,
            spread: (spread.clamp(0.0, 1.0) * WHOLE as f64) as u64,
        }
    }

    fn factor(&mut self) -> u64 {
        WHOLE - self.spread + below(2 * self.spread + 1, &mut self.rng)
    }

    fn time(&mut self, chosen: Duration) -> Duration {
        let nanos = u64::try_from(chosen.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(scaled(nanos, self.factor(), WHOLE))
    }

    /// Messages and bytes in proportion.
    fn traffic(&mut self, (msgs, bytes): (u64, u64)) -> Traffic {
        let drawn = scaled(msgs, self.factor(), WHOLE);
        Traffic {
            msgs: drawn,
            bytes: scaled(bytes, drawn, msgs),
        }
    }
}

/// `value` times `part / whole`, rounded; nothing is a part of nothing.
fn scaled(value: u64, part: u64, whole: u64) -> u64 {
    let (part, whole) = (u128::from(part), u128::from(whole));
    let scaled = (u128::from(value) * part + whole / 2).checked_div(whole);
    u64::try_from(scaled.unwrap_or(0)).unwrap_or(u64::MAX)
}
