//! CONNZ of ten thousand connections.

use std::time::Instant;

use memchr::memmem;

use super::idle::{IDLE, idle_connections};
use super::monitor::ASKER;
use super::{Figure, Kind, Measurement, Side};
use crate::failure::{Result, unexpected};
use crate::launch::Executable;
use crate::stats::Spread;
use crate::system::{System, operation};
use crate::wire;

/// How often each question is asked; a sample is the median.
const TIMES: usize = 15;

/// The bodies of the requests, and how many connections each must get.
const REQUESTS: [(&str, usize); 4] = [
    ("", 1024),
    (r#"{"sort":"subs"}"#, 1024),
    (r#"{"limit":10000}"#, IDLE),
    (
        r#"{"limit":10000,"auth":true,"subscriptions_detail":true}"#,
        IDLE,
    ),
];

const fn figure(label: &'static str) -> Figure {
    Figure {
        label,
        unit: "us",
        kind: Kind::Time,
        aim: Some(2.0),
    }
}

/// All connections have a name and two subscriptions.
pub const CONNZ: Measurement = Measurement {
    name: "connz",
    figures: &[
        figure("CONNZ of 10,000, first page"),
        figure("CONNZ of 10,000, first page by subs"),
        figure("CONNZ of 10,000, whole"),
        figure("CONNZ of 10,000, whole with all details"),
    ],
    ceiling: false,
    sample: |executable, _: Side| sample(executable),
};

fn sample(executable: &Executable) -> Result<Vec<f64>> {
    let server = executable.start()?;
    let sockets = idle_connections(|number| {
        let mut socket = wire::connect(server.address(), &format!("service-{number}"))?;
        let subscriptions = format!("SUB service.{number} 1\r\nSUB control.* group 2\r\n");
        wire::send_and_flush(&mut socket, subscriptions.as_bytes())?;
        Ok(socket)
    })?;
    let mut system = System::connect(server.address(), ASKER)?;
    let mut medians = Vec::new();
    for (body, listed) in REQUESTS {
        let request = operation("CONNZ", body, 0);
        let mut times = Vec::new();
        while times.len() < TIMES {
            let start = Instant::now();
            system.send(&request)?;
            let asked = times.len();
            while times.len() == asked {
                system.answers(|_, answer| {
                    times.push(start.elapsed().as_secs_f64() * 1e6);
                    if memmem::find_iter(answer, br#""last_activity":"#).count() == listed {
                        Ok(())
                    } else {
                        Err(unexpected(format!("asking for CONNZ {body}"), answer))
                    }
                })?;
            }
        }
        medians.extend(Spread::of(&times).map(|spread| spread.median));
    }
    drop(sockets);
    Ok(medians)
}
