//! What many servers cost in the mock, beside the memory of three real ones.

mod fleet;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::failure::{Doing, Result, unexpected};
use crate::launch::{Executable, Order};
use crate::measure;
use crate::process;

/// How many servers are built, each number in a process of its own.
const NUMBERS: [usize; 4] = [10, 100, 1_000, 10_000];

/// The number that aims are set for.
const AIMED: usize = 1_000;

/// Within this they are to be built, in milliseconds.
const BUILT_WITHIN: f64 = 50.0;

/// Real servers are looked at when they have been at rest for so long.
const REST: Duration = Duration::from_secs(3);

const MIB: f64 = 1024.0 * 1024.0;

/// Measures so many servers in this process, and prints the figures as JSON.
pub fn fleet(servers: usize) -> Result<bool> {
    println!("{}", fleet::measure(servers)?);
    Ok(true)
}

/// Prints a table. Tells whether all aims are reached.
pub fn run(real: &Path) -> Result<bool> {
    let limit = three_real_servers(real)?;
    println!(
        "{:>8} {:>12} {:>13} {:>11} {:>11} {:>9} {:>10} {:>13} {:>9} {:>10} {:>15}",
        "servers",
        "built in ms",
        "us per server",
        "VARZ in ms",
        "MiB of VARZ",
        "us an MiB",
        "IDZ in ms",
        "us per answer",
        "answers",
        "MiB built",
        "MiB after VARZ"
    );
    let mut reached = true;
    for number in NUMBERS {
        let figures = in_own_process(number)?;
        let figure = |key: &str| figures[key].as_f64().unwrap_or(f64::NAN);
        let each = |key: &str| figure(key) * 1e3 / number as f64;
        let (built, asked) = (figure("built_bytes") / MIB, figure("asked_bytes") / MIB);
        println!(
            "{number:>8} {:>12.2} {:>13.1} {:>11.2} {:>11.1} {:>9.0} {:>10.2} {:>13.1} {:>9} {built:>10.1} {asked:>15.1}",
            figure("built_ms"),
            each("built_ms"),
            figure("varz_ms"),
            figure("varz_bytes") / MIB,
            // VARZ lists the other servers of a cluster, so answers grow with it.
            figure("varz_ms") * 1e3 / (figure("varz_bytes") / MIB),
            figure("idz_ms"),
            each("idz_ms"),
            figures["answers"],
        );
        reached &= figures["answers"] == number;
        if number == AIMED {
            reached &= figure("built_ms") < BUILT_WITHIN && built <= limit;
        }
    }
    println!("three real servers: {limit:.1} MiB");
    println!(
        "{}",
        if reached {
            "ok"
        } else {
            "FAIL: an aim is missed"
        }
    );
    Ok(reached)
}

fn in_own_process(servers: usize) -> Result<Value> {
    let program = std::env::current_exe().doing("finding this executable")?;
    let mut command = Command::new(program);
    let output = command.arg("fleet").arg(servers.to_string()).output();
    let output = output.doing("measuring servers")?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| unexpected("measuring servers", &output.stderr))
}

/// Resident memory of a cluster of three, in MiB.
fn three_real_servers(real: &Path) -> Result<f64> {
    let servers = measure::formed(&Executable::new(real), Order::AtOnce)?;
    std::thread::sleep(REST);
    let mut bytes = 0;
    for server in &servers {
        bytes += process::resident_bytes(server.pid())?;
    }
    Ok(bytes as f64 / MIB)
}
