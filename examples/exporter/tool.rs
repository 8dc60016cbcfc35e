//! The tool: asks all servers how they are, and writes what they say as metrics.

use std::fmt::Write as _;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Subscriber};
use futures_util::StreamExt;
use serde_json::Value;

/// Silence after which no more answers are waited for.
const PATIENCE: Duration = Duration::from_millis(250);
/// For a server that is asked to connect.
const CONNECTING: Duration = Duration::from_secs(2);

/// Scrapes the servers of a deployment.
#[derive(Clone, Debug)]
pub struct Exporter {
    /// Where to connect, one after the other.
    pub urls: Vec<String>,
    /// So many servers should answer.
    pub expected: usize,
    /// The planted bug: without an answer from every server there are no metrics at all.
    pub insists_on_all: bool,
}

impl Exporter {
    /// The metrics as they are now. Whatever goes wrong is a metric too.
    pub async fn scrape(&self) -> Result<String, String> {
        let answers = match self.answers().await {
            Ok(answers) => answers,
            Err(_) => return Ok("nats_reachable 0\n".to_owned()),
        };
        if self.insists_on_all && answers.len() < self.expected {
            return Err(format!("{} of {} servers", answers.len(), self.expected));
        }
        let mut metrics = "nats_reachable 1\n".to_owned();
        let _ = writeln!(metrics, "nats_servers_expected {}", self.expected);
        let _ = writeln!(metrics, "nats_servers {}", answers.len());
        for answer in &answers {
            let name = answer["server"]["name"].as_str().unwrap_or("unknown");
            for counter in ["connections", "in_msgs", "out_msgs", "slow_consumers"] {
                // What a server does not say, or says strangely, is left out.
                if let Some(value) = answer["data"][counter].as_f64() {
                    let _ = writeln!(metrics, "nats_{counter}{{server={name:?}}} {value}");
                }
            }
        }
        Ok(metrics)
    }

    async fn answers(&self) -> Result<Vec<Value>, async_nats::Error> {
        let connecting = ConnectOptions::new()
            .connection_timeout(CONNECTING)
            .retain_servers_order()
            .connect(self.urls.as_slice());
        let client = tokio::time::timeout(2 * CONNECTING, connecting).await??;
        let mut answers: Vec<Value> = Vec::new();
        let mut inbox = ask(&client, "$SYS.REQ.SERVER.PING.VARZ").await?;
        while answers.len() < self.expected {
            let Ok(Some(message)) = tokio::time::timeout(PATIENCE, inbox.next()).await else {
                break;
            };
            let Ok(answer) = serde_json::from_slice::<Value>(&message.payload) else {
                continue;
            };
            // A server that answers twice is still one.
            if !answers
                .iter()
                .any(|known| known["server"]["id"] == answer["server"]["id"])
            {
                answers.push(answer);
            }
        }
        Ok(answers)
    }
}

async fn ask(client: &Client, subject: &'static str) -> Result<Subscriber, async_nats::Error> {
    let inbox = client.new_inbox();
    let answers = client.subscribe(inbox.clone()).await?;
    client.publish_with_reply(subject, inbox, "".into()).await?;
    Ok(answers)
}
