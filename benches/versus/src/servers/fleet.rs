//! Many servers in this process, and what they cost: run in a process of its own for each number of them, so that
//! memory is that of these servers.

use std::time::{Instant, SystemTime};

use nats_mock::topology::{AccountOptions, Limits};
use nats_mock::{Builder, MockNats};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::process;

/// Clusters, unless they would have fewer than ten servers.
const CLUSTERS: usize = 10;

/// Accounts, the system account among them.
const ACCOUNTS: usize = 100;

/// Times a deployment is built; the figure is the median.
const BUILDS: usize = 5;

/// Builds so many servers, asks all at once, and says what it took.
pub fn measure(servers: usize) -> Result<Value> {
    let before = process::resident_bytes(std::process::id())?;
    let started = Instant::now();
    let nats = build(servers)?;
    let mut times = vec![started.elapsed().as_secs_f64()];
    let built = process::resident_bytes(std::process::id())?;
    let failed = |error| Failure::Io {
        doing: "asking all servers".into(),
        source: std::io::Error::other(error),
    };
    let mut ops = nats.client("admin").map_err(failed)?;
    let started = Instant::now();
    let mut answers = ops
        .request("$SYS.REQ.SERVER.PING.VARZ", "")
        .map_err(failed)?;
    let mut count = 0;
    let mut bytes = 0;
    while let Some(answer) = answers.try_next() {
        count += 1;
        bytes += answer.payload.len();
    }
    let burst = started.elapsed().as_secs_f64();
    let asked = process::resident_bytes(std::process::id())?;
    drop((answers, ops, nats));
    for _ in 1..BUILDS {
        let started = Instant::now();
        let nats = build(servers)?;
        times.push(started.elapsed().as_secs_f64());
        drop(nats);
    }
    times.sort_by(f64::total_cmp);
    Ok(json!({
        "servers": servers,
        "built_ms": times[BUILDS / 2] * 1e3,
        "burst_ms": burst * 1e3,
        "answers": count,
        "answer_bytes": bytes,
        "before_bytes": before,
        "built_bytes": built,
        "asked_bytes": asked,
    }))
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
