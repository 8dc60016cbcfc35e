//! The tool: bills accounts for the connections that have ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Subscriber};
use futures_util::StreamExt;
use serde_json::Value;

/// Silence after which nothing more is waited for.
const PATIENCE: Duration = Duration::from_millis(100);
/// For a server that is asked to connect.
const CONNECTING: Duration = Duration::from_secs(2);

/// What an account owes for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bill {
    /// Connections that have ended.
    pub sessions: u64,
    /// Bytes that they have sent and were sent.
    pub bytes: u64,
}

/// Listens to the ends of connections.
#[derive(Debug)]
pub struct Billing {
    ends: Subscriber,
    _client: Client,
    bills: BTreeMap<String, Bill>,
    /// The events that are billed already.
    known: BTreeSet<String>,
    /// The planted bug: what is told twice is billed twice.
    believes_everything: bool,
}

impl Billing {
    /// Begins to listen.
    pub async fn start(
        urls: &[String],
        believes_everything: bool,
    ) -> Result<Self, async_nats::Error> {
        let connecting = ConnectOptions::new()
            .connection_timeout(CONNECTING)
            .retain_servers_order()
            .connect(urls);
        let client = tokio::time::timeout(2 * CONNECTING, connecting).await??;
        let ends = client.subscribe("$SYS.ACCOUNT.*.DISCONNECT").await?;
        // A message to itself comes back when the server knows of the subscription before it.
        let inbox = client.new_inbox();
        let mut echo = client.subscribe(inbox.clone()).await?;
        client.publish(inbox, "".into()).await?;
        tokio::time::timeout(CONNECTING, echo.next()).await?;
        Ok(Self {
            ends,
            _client: client,
            bills: BTreeMap::new(),
            known: BTreeSet::new(),
            believes_everything,
        })
    }

    /// Takes in what has been told, until so many sessions are billed or nothing more comes.
    pub async fn catch_up(&mut self, sessions: u64) -> &BTreeMap<String, Bill> {
        let billed = |bills: &BTreeMap<String, Bill>| bills.values().map(|it| it.sessions).sum();
        let mut last_look = false;
        while !last_look {
            // After the last that is awaited, one more look finds what is too much.
            last_look = sessions <= billed(&self.bills);
            let next = tokio::time::timeout(PATIENCE, self.ends.next()).await;
            let Ok(Some(message)) = next else {
                break;
            };
            if let Ok(event) = serde_json::from_slice(&message.payload) {
                self.bill(&event);
            }
        }
        &self.bills
    }

    fn bill(&mut self, event: &Value) {
        let (Some(id), Some(account)) = (event["id"].as_str(), event["client"]["acc"].as_str())
        else {
            return;
        };
        let is_new = self.known.insert(id.to_owned());
        if !is_new && !self.believes_everything {
            return;
        }
        let bytes = |side: &str| event[side]["bytes"].as_u64().unwrap_or(0);
        let bill = self.bills.entry(account.to_owned()).or_default();
        bill.sessions += 1;
        bill.bytes = bill
            .bytes
            .saturating_add(bytes("sent"))
            .saturating_add(bytes("received"));
    }
}
