//! A client of async-nats while everything goes wrong with its connection that can.
//!
//! The client has to hear its own message within five seconds, by connecting again if it must. What it does
//! not survive is printed; `cargo run --example reconnecting` ends with an error if that is more than is known
//! (see docs/findings.md).

use std::error::Error;
use std::time::Duration;

use async_nats::ConnectOptions;
use futures_util::StreamExt;
use nats_mock::incidents::Incident;
use nats_mock::{MockNats, sweep};

/// What goes wrong, one after the other.
const FAULTS: [&str; 27] = [
    "connecting nth 1: refuse",
    "connecting nth 1: reset",
    "connecting nth 1: close",
    "connecting nth 1: stall",
    "connecting nth 1: late info 200ms",
    "connecting: pad info 60000",
    r#"connecting nth 1: greet "HTTP/1.1 400 Bad Request\r\n\r\n""#,
    r#"connecting nth 1: greet "INFO {\r\n""#,
    "connecting nth 1: set info /max_payload 0",
    "connecting nth 1: set info /headers false",
    "connecting nth 1: set info /version null",
    r#"connecting: set info /connect_urls ["nonsense"]"#,
    "line INFO nth 1: truncate 20",
    "line PONG nth 1: silence",
    "line PONG nth 1: corrupt",
    "line PONG nth 1: duplicate 3",
    "line PONG nth 1: delay 200ms",
    "line MSG nth 1: silence",
    "line MSG nth 1: truncate 5",
    "line MSG nth 1: reset",
    "line MSG nth 1: close",
    r#"line MSG nth 1: replace "MSG\r\n""#,
    r#"line MSG nth 1: replace "MSG echo 1 -1\r\n""#,
    r#"line MSG nth 1: replace "-ERR 'Stale Connection'\r\n""#,
    r#"line MSG nth 1: replace "-ERR 'Unknown Trouble'\r\n""#,
    "after 1 request, server n1: restart",
    OVERFLOW,
];

/// A length that does not fit, which is known to end the client in a debug build.
const OVERFLOW: &str = r#"line MSG nth 1: replace "MSG echo 1 18446744073709551615\r\n""#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut sweep = sweep(MockNats::builder().name("n1"), hears_itself)
        .time_limit(Duration::from_secs(6))
        .replayed_by(|plan| format!("NATS_MOCK_SWEEP='{plan}' cargo run --example reconnecting"))
        .incident(Incident::ReconnectStorm)
        .incident(Incident::NewIdentity)
        .incident(Incident::HugeInfo { bytes: 60_000 });
    for fault in FAULTS {
        sweep = sweep.plan(fault.parse()?);
    }
    let report = sweep.run().await;
    print!("{report}");
    match report
        .failures()
        .find(|run| !run.plan.to_string().ends_with(OVERFLOW))
    {
        Some(run) => Err(format!("not known before: {}", run.plan).into()),
        None => Ok(()),
    }
}

async fn hears_itself(nats: &MockNats) -> Result<(), String> {
    let alive = tokio::time::timeout(Duration::from_secs(5), echo(nats));
    match alive.await {
        Ok(heard) => heard.map_err(|error| error.to_string()),
        Err(_) => Err("nothing was heard in five seconds".to_owned()),
    }
}

async fn echo(nats: &MockNats) -> Result<(), async_nats::Error> {
    let client = ConnectOptions::new()
        .retry_on_initial_connect()
        .connection_timeout(Duration::from_millis(500))
        .reconnect_delay_callback(|_| Duration::from_millis(10))
        .connect(nats.url_for("a"))
        .await?;
    let mut messages = client.subscribe("echo").await?;
    loop {
        client.publish("echo", "hello".into()).await?;
        let heard = tokio::time::timeout(Duration::from_millis(100), messages.next());
        if let Ok(Some(_)) = heard.await {
            return Ok(());
        }
    }
}
