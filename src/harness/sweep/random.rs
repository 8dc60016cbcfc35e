//! Random plans.

use std::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::mutations;
use super::touched::Samples;
use crate::MockNats;
use crate::connection::Line;
use crate::core;
use crate::faults::Selection;
use crate::harness::incidents::connections::{Arriving, LineChange, Reception, Sent};
use crate::harness::incidents::fault::{Change, Fault, Kind, LinkFate, ServerFate};
use crate::harness::programmed::Pattern;

/// Up to so many faults, drawn from the seed of the deployment: of what the test comes to see, and of
/// servers, links and clocks.
pub(super) fn faults(nats: &MockNats, touched: &Samples, requests: u64, most: u64) -> Vec<Fault> {
    let mut rng = core::stream(nats.seed(), "fault plan");
    let names: Vec<_> = nats.servers().map(|server| server.name()).collect();
    let number = rng.random_range(1..=most);
    let draw = |_| drawn(&names, touched, requests, &mut rng);
    (0..number).map(draw).collect()
}

fn drawn(names: &[String], touched: &Samples, requests: u64, rng: &mut ChaCha8Rng) -> Fault {
    let kinds = if names.len() > 1 { 10 } else { 9 };
    let name = |rng: &mut ChaCha8Rng| names.choose(rng).cloned().unwrap_or_default();
    match rng.random_range(0..kinds) {
        // What is said is most of what a test sees.
        0..=4 => said(names, touched, rng),
        5 => arriving(rng),
        6 => sent(rng),
        7 => Kind::Clock {
            server: name(rng),
            ahead: rng.random(),
            by: Duration::from_millis(rng.random_range(1..10_000_000)),
        }
        .into(),
        8 => Fault {
            after: rng.random_range(0..=requests),
            ..Kind::Server(name(rng), server_fate(rng)).into()
        },
        _ => {
            let one = rng.random_range(0..names.len());
            let other = (one + rng.random_range(1..names.len())) % names.len();
            let (one, other) = (names[one].clone(), names[other].clone());
            Kind::Link(one, other, link_fate(rng)).into()
        }
    }
}

fn said(names: &[String], touched: &Samples, rng: &mut ChaCha8Rng) -> Fault {
    let sample = touched.choose(rng);
    let what = sample.map_or(Pattern::AnyReply, |(what, _)| what.clone());
    let mut changes = vec![
        Change::Silence,
        Change::Delay(Duration::from_millis(rng.random_range(1..500))),
        Change::Duplicate(rng.random_range(1..4)),
        Change::Truncate(rng.random_range(0..400)),
        Change::Scientific,
        Change::FallBack,
    ];
    if !matches!(what, Pattern::Event(_)) {
        changes.push(Change::NoResponders);
        changes.push(Change::Error(500, "drawn".to_owned()));
    }
    if let Some((_, sample)) = sample {
        let mut fields = Vec::new();
        mutations::fields(sample, "", &mut |pointer, value| {
            fields.push((pointer.to_owned(), mutations::others(value)));
        });
        if let Some((pointer, others)) = fields.choose(rng) {
            changes.push(Change::Remove(pointer.clone()));
            let other = others.choose(rng).cloned();
            changes.extend(other.map(|other| Change::Set(pointer.clone(), other)));
        }
    }
    let change = changes.swap_remove(rng.random_range(0..changes.len()));
    let fault = Fault::said(what, change);
    match names.choose(rng) {
        Some(name) if names.len() > 1 && rng.random() => fault.of_server(name),
        _ => fault,
    }
}

fn arriving(rng: &mut ChaCha8Rng) -> Fault {
    let reception = match rng.random_range(0..6) {
        0 => Reception::Refuse,
        1 => Reception::Reset,
        2 => Reception::Close,
        3 => Reception::Stall,
        4 => Reception::PadInfo(rng.random_range(1..8_000)),
        _ => Reception::LateInfo(Duration::from_millis(rng.random_range(1..500))),
    };
    let arriving = Arriving {
        to: None,
        occasions: Selection::nth(rng.random_range(1..4)),
        reception,
    };
    Kind::Arriving(arriving).into()
}

fn sent(rng: &mut ChaCha8Rng) -> Fault {
    const LINES: [Line; 4] = [Line::Msg, Line::Pong, Line::Info, Line::Any];
    let change = match rng.random_range(0..7) {
        0 => LineChange::Silence,
        1 => LineChange::Corrupt,
        2 => LineChange::Truncate(rng.random_range(0..40)),
        3 => LineChange::Duplicate(1),
        4 => LineChange::Delay(Duration::from_millis(rng.random_range(1..500))),
        5 => LineChange::Reset,
        _ => LineChange::Close,
    };
    let sent = Sent {
        line: LINES[rng.random_range(0..LINES.len())],
        from: None,
        user: None,
        occasions: Selection::nth(rng.random_range(1..6)),
        change,
    };
    Kind::Sent(sent).into()
}

fn server_fate(rng: &mut ChaCha8Rng) -> ServerFate {
    const FATES: [ServerFate; 5] = [
        ServerFate::Crash,
        ServerFate::Stop,
        ServerFate::Restart,
        ServerFate::LameDuck,
        ServerFate::Freeze,
    ];
    FATES[rng.random_range(0..FATES.len())]
}

fn link_fate(rng: &mut ChaCha8Rng) -> LinkFate {
    match rng.random_range(0..4) {
        0 => LinkFate::Cut,
        1 => LinkFate::CutSilently,
        2 => {
            let down = Duration::from_millis(rng.random_range(10..2_000));
            LinkFate::Flap(down, down)
        }
        _ => {
            let least = Duration::from_millis(rng.random_range(0..50));
            LinkFate::Slow(least, least * 2)
        }
    }
}
