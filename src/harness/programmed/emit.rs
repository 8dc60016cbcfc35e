//! Events that a test makes up.

use nats_mock_protocol::json;
use serde::Serialize;

use crate::{MockNats, Server};

impl Server<'_> {
    /// Has the server publish an event in the system account. What the event leaves empty of its envelope,
    /// the server fills in: who it is, the next sequence number, an event id, and the time.
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::protocol::events::Connect;
    /// use nats_mock::protocol::sys::EventSubject;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let mut ops = nats.client("admin")?;
    /// let mut arrivals = ops.subscribe("$SYS.ACCOUNT.*.CONNECT")?;
    ///
    /// let mut event = Connect::default();
    /// event.client.user = "nobody".to_owned();
    /// nats.first_server().emit(EventSubject::Connect { account: "GHOSTS" }, &event);
    ///
    /// let heard: Connect = serde_json::from_slice(&arrivals.try_next().unwrap().payload)?;
    /// assert_eq!((heard.client.user.as_str(), heard.server.id), ("nobody", nats.server_id()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn emit(&self, subject: impl ToString, event: &impl Serialize) {
        self.publish_made_up(&subject.to_string(), &json::to_vec(event), true);
    }

    /// Has the server publish these bytes in the system account, as they are.
    ///
    /// ```
    /// use nats_mock::MockNats;
    ///
    /// let nats = MockNats::start_blocking()?;
    /// let mut ops = nats.client("admin")?;
    /// let mut statistics = ops.subscribe("$SYS.SERVER.*.STATSZ")?;
    /// nats.first_server().emit_raw("$SYS.SERVER.NXX.STATSZ", "{\"server\":nu");
    /// assert_eq!(statistics.try_next().unwrap().payload, "{\"server\":nu");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn emit_raw(&self, subject: impl ToString, payload: impl AsRef<[u8]>) {
        self.publish_made_up(&subject.to_string(), payload.as_ref(), false);
    }

    fn publish_made_up(&self, subject: &str, payload: &[u8], completes: bool) {
        let id = self.current();
        self.nats.hub.input(|state, now| {
            state.deployment.emit(now, id, subject, payload, completes);
        });
    }
}

impl MockNats {
    /// As [`Server::emit`], by the first server.
    pub fn emit(&self, subject: impl ToString, event: &impl Serialize) {
        self.first_server().emit(subject, event);
    }
}
