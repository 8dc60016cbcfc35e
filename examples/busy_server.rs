//! Shows a busy server to tools of the system account: five thousand connections that have no clients.
//!
//! `cargo run --example busy_server` prints a few of its figures. With `-- --stay` the server stays until
//! Enter is pressed, to be looked at with the `nats` command or any dashboard.

use std::error::Error;
use std::time::Duration;

use nats_mock::protocol::events::CloseReason;
use nats_mock::protocol::monitor::{Connz, Reply, Varz};
use nats_mock::simulated::Connections;
use nats_mock::{Client, MockNats};
use serde::de::DeserializeOwned;

const HOUR: Duration = Duration::from_secs(3_600);

fn main() -> Result<(), Box<dyn Error>> {
    let nats = MockNats::builder().name("n1").start_blocking()?;

    let orders = Connections::of("a")
        .count(3_000)
        .named("orders-{n}")
        .language("go", "1.49.0")
        .host("10.0.1.7")
        .queue_subscribe("orders.new.*", "workers")
        .uptime(40 * HOUR)
        .published(90_000, 9_000_000)
        .spread(0.4);
    let browsers = Connections::of("a")
        .count(2_000)
        .named("web-{n}")
        .language("nats.ws", "1.30.3")
        .host("203.0.113.9")
        .subscribe("prices.>")
        .uptime(HOUR)
        .rtt(Duration::from_millis(80))
        .delivered(40_000, 2_000_000)
        .spread(0.9);
    nats.simulate(orders)?;
    let browsers = nats.simulate(browsers)?;
    let slow = browsers.iter().step_by(200);
    slow.for_each(|browser| browser.close(CloseReason::SlowConsumerPendingBytes));

    let mut ops = nats.client("admin")?;
    let varz: Varz = ask(&mut ops, "$SYS.REQ.SERVER.PING.VARZ", "")?;
    println!(
        "{} connections, {} subscriptions, {} messages in, {} out, {} slow consumers",
        varz.connections, varz.subscriptions, varz.in_msgs, varz.out_msgs, varz.slow_consumers
    );
    let options = r#"{"sort":"msgs_to","limit":5}"#;
    let connz: Connz = ask(&mut ops, "$SYS.REQ.SERVER.PING.CONNZ", options)?;
    for conn in connz.connections.unwrap_or_default() {
        println!(
            "{:<8} from {}, up {}, {} messages out",
            conn.name, conn.ip, conn.uptime, conn.out_msgs
        );
    }

    if std::env::args().any(|argument| argument == "--stay") {
        println!(
            "nats --server {} server report connections",
            nats.system_url()
        );
        std::io::stdin().read_line(&mut String::new())?;
    }
    Ok(())
}

fn ask<T: DeserializeOwned>(
    ops: &mut Client,
    subject: &str,
    options: &str,
) -> Result<T, Box<dyn Error>> {
    let answer = ops.request(subject, options)?.try_next();
    let reply: Reply<T> = serde_json::from_slice(&answer.ok_or("no answer")?.payload)?;
    Ok(reply.data.value().ok_or("no data")?)
}
