//! Many servers in this process, and what they cost: run in a process of its own for each number of them, so that
//! memory is that of these servers.

use std::time::{Instant, SystemTime};

use nats_mock::topology::{AccountOptions, Limits};
use nats_mock::{Builder, Client, ClientError, MockNats};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::process;

/// Clusters, unless they would have fewer than ten servers.
const CLUSTERS: usize = 10;

/// Accounts, the system account among them.
const ACCOUNTS: usize = 100;

/// Times a deployment is built, and times it is asked each question; figures are medians.
const ROUNDS: usize = 5;

/// The answers list where else clients of the server can connect to, and so grow with its cluster.
const GROWING: &str = "$SYS.REQ.SERVER.PING.VARZ";

/// The answers are as long for many servers as for few.
const CONSTANT: &str = "$SYS.REQ.SERVER.PING.IDZ";

/// What came of asking all servers at once.
#[derive(Debug, Default)]
struct Burst {
    seconds: f64,
    answers: usize,
    bytes: usize,
}

/// Builds so many servers, asks all at once, and says what it took.
pub fn measure(servers: usize) -> Result<Value> {
    let before = process::resident_bytes(std::process::id())?;
    let started = Instant::now();
    let nats = build(servers)?;
    let mut times = vec![started.elapsed().as_secs_f64()];
    let built = process::resident_bytes(std::process::id())?;
    let mut ops = nats.client("admin").map_err(failed)?;
    // Memory is that of one burst, whose answers are all kept until the last is there.
    let mut growing = vec![ask_all(&mut ops, GROWING)?];
    let asked = process::resident_bytes(std::process::id())?;
    for _ in 1..ROUNDS {
        growing.push(ask_all(&mut ops, GROWING)?);
    }
    let constant = (0..ROUNDS).map(|_| ask_all(&mut ops, CONSTANT));
    let constant = constant.collect::<Result<Vec<_>>>()?;
    drop((ops, nats));
    for _ in 1..ROUNDS {
        let started = Instant::now();
        let nats = build(servers)?;
        times.push(started.elapsed().as_secs_f64());
        drop(nats);
    }
    let bursts = growing.iter().chain(&constant);
    Ok(json!({
        "servers": servers,
        "built_ms": median(times) * 1e3,
        "varz_ms": median(seconds(&growing)) * 1e3,
        "varz_bytes": growing[0].bytes,
        "idz_ms": median(seconds(&constant)) * 1e3,
        "answers": bursts.map(|burst| burst.answers).min(),
        "before_bytes": before,
        "built_bytes": built,
        "asked_bytes": asked,
    }))
}

fn ask_all(ops: &mut Client, subject: &str) -> Result<Burst> {
    let started = Instant::now();
    let mut answers = ops.request(subject, "").map_err(failed)?;
    let mut burst = Burst::default();
    while let Some(answer) = answers.try_next() {
        burst.answers += 1;
        burst.bytes += answer.payload.len();
    }
    burst.seconds = started.elapsed().as_secs_f64();
    Ok(burst)
}

fn seconds(bursts: &[Burst]) -> Vec<f64> {
    bursts.iter().map(|burst| burst.seconds).collect()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn failed(error: ClientError) -> Failure {
    Failure::Io {
        doing: "asking all servers".into(),
        source: std::io::Error::other(error),
    }
}

/// Clusters that are joined by gateways, with a hundred accounts. Time stands still, so that nothing else happens
/// while the servers are asked.
fn build(servers: usize) -> Result<MockNats> {
    let accounts = (0..ACCOUNTS - 1).map(|number| AccountOptions::new(format!("A{number}")));
    let mut builder: Builder = accounts.fold(MockNats::builder(), Builder::account_with);
    builder = builder
        .system_account("SYS", [("admin", "changeit")])
        .manual_clock(SystemTime::now())
        .limits(Limits {
            // All answers wait for the one who has asked.
            max_pending: u64::from(u32::MAX),
            ..Limits::default()
        })
        .unbound();
    let clusters = (servers / 10).clamp(1, CLUSTERS);
    for place in 0..clusters {
        builder = builder.cluster(format!("c{place}"), servers / clusters);
    }
    builder.start_blocking().map_err(|error| Failure::Io {
        doing: "starting servers in this process".into(),
        source: std::io::Error::other(error),
    })
}
