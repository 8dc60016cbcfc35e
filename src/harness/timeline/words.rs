//! How a timeline puts things.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use nats_mock_protocol::time::GoDuration;

use crate::core::{Fate, LinkChange};
use crate::services::{Act, ConnectionChange, LineRecord, RuleChange, ServerChange};

/// Of many, so many are named in a line.
const NAMED: usize = 8;

/// `a, b and 3 more`.
pub(super) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let named = names.len().min(NAMED);
    let mut text = String::new();
    for (place, name) in names[..named].iter().enumerate() {
        if place > 0 {
            text.push_str(", ");
        }
        text.push_str(name.as_ref());
    }
    if named < names.len() {
        let _ = write!(text, " and {} more", names.len() - named);
    }
    text
}

/// Names and subjects come from peers: nothing in them may end the line or command a terminal.
pub(super) fn on_one_line(text: &mut String) {
    if text.contains(char::is_control) {
        *text = text
            .chars()
            .fold(String::with_capacity(text.len()), |mut line, c| {
                if c.is_control() {
                    line.extend(c.escape_default());
                } else {
                    line.push(c);
                }
                line
            });
    }
}

/// What had a hand in something, behind what it was done to.
pub(super) fn marks(faults: &[Arc<str>]) -> String {
    if faults.is_empty() {
        return String::new();
    }
    format!(" [⚡ {}]", faults.join(" ⚡ "))
}

pub(super) fn connection(client: &str, server: &str, change: &ConnectionChange) -> String {
    match change {
        ConnectionChange::Began => format!("{client} connects to {server}"),
        ConnectionChange::Ended(reason) => {
            format!("{client} is gone from {server}: {}", reason.as_str())
        }
        ConnectionChange::Refused(reason) => {
            format!("{client} is refused at {server}: {}", reason.as_str())
        }
    }
}

/// What a test has done to connections; `names` say whose they are.
pub(super) fn act(names: &[String], act: &Act) -> String {
    let (noun, goes) = match names {
        [_] => ("connection", "goes"),
        _ => ("connections", "go"),
    };
    let done = match act {
        Act::Reset => "reset".to_owned(),
        Act::Close(ending) => {
            let saying = ending.text.as_deref();
            let saying = saying.map_or_else(String::new, |text| format!(", saying {text:?}"));
            format!("closed for {}{saying}", ending.reason.as_str())
        }
        Act::HalfClose => "half closed".to_owned(),
        Act::Stall => "stalled".to_owned(),
        Act::Resume => format!("{goes} on"),
        Act::SendRaw(bytes) => format!("sent {} raw bytes", bytes.len()),
    };
    format!("{noun} {done}: {}", listed(names))
}

/// A line to a client as far as it tells what it is: a message with its subject, of others the verb.
pub(super) fn line(line: &LineRecord) -> String {
    let text = String::from_utf8_lossy(&line.line.bytes);
    let mut words = text.split_ascii_whitespace();
    let verb = words.next().unwrap_or_default();
    let mut told = format!("line {verb}");
    if matches!(verb, "MSG" | "HMSG") {
        let _ = write!(told, " {}", words.next().unwrap_or_default());
    }
    let not = if line.sent.is_some() {
        ""
    } else {
        ", not sent"
    };
    let _ = write!(told, " to {} at {}{not}", line.to, line.server.name);
    told
}

/// How a line goes out.
pub(super) fn sent(line: &LineRecord) -> String {
    let mut how = "as it goes out".to_owned();
    if line.more > 0 {
        let _ = write!(how, ", {} times", line.more.saturating_add(1));
    }
    if !line.delay.is_zero() {
        let _ = write!(how, ", {} later", span(line.delay));
    }
    how
}

pub(super) fn rule(description: &str, change: RuleChange) -> String {
    match change {
        RuleChange::Armed => format!("armed {description}"),
        RuleChange::Released(1) => format!("released what was held by {description}"),
        RuleChange::Released(count) => {
            format!("released {count} messages held by {description}")
        }
        RuleChange::Ended(0) => format!("ended, never hit: {description}"),
        RuleChange::Ended(1) => format!("ended after a hit: {description}"),
        RuleChange::Ended(hits) => format!("ended after {hits} hits: {description}"),
    }
}

pub(super) fn servers(names: &[Arc<str>], change: ServerChange) -> String {
    let (noun, s, ports) = match names {
        [_] => ("server", "s", "its port"),
        _ => ("servers", "", "their ports"),
    };
    let names = listed(names);
    match change {
        ServerChange::Started(release) => format!("{noun} {names} start{s} as {release}"),
        ServerChange::LameDuck => format!("{noun} {names} enter{s} lame duck mode"),
        ServerChange::PortClosed => format!("{noun} {names} close{s} {ports}"),
        ServerChange::PortOpened => format!("{noun} {names} open{s} {ports} again"),
        ServerChange::Fate(Fate::Stopped) => format!("{noun} {names} stop{s}"),
        ServerChange::Fate(Fate::Crashed) if s.is_empty() => format!("{noun} {names} crash"),
        ServerChange::Fate(Fate::Crashed) => format!("{noun} {names} crashes"),
        ServerChange::Fate(Fate::Frozen) => format!("{noun} {names} freeze{s}"),
        ServerChange::Fate(Fate::Thawed) => format!("{noun} {names} thaw{s}"),
        ServerChange::Fate(Fate::ClockSet(0)) => {
            format!("{noun} {names}: clock set right")
        }
        ServerChange::Fate(Fate::ClockSet(nanos)) => {
            let which = if nanos < 0 { "behind" } else { "ahead" };
            let by = GoDuration(nanos.saturating_abs());
            format!("{noun} {names}: clock set {by} {which}")
        }
    }
}

pub(super) fn links(pairs: &[(Arc<str>, Arc<str>)], change: LinkChange) -> String {
    let arrow = match change {
        LinkChange::Blocked => '→',
        _ => '─',
    };
    let names: Vec<String> = pairs
        .iter()
        .take(NAMED + 1)
        .map(|(from, to)| format!("{from} {arrow} {to}"))
        .collect();
    let mut names = listed(&names[..names.len().min(NAMED)]);
    if pairs.len() > NAMED {
        let _ = write!(names, " and {} more", pairs.len() - NAMED);
    }
    let done = match change {
        LinkChange::Cut => "cut".to_owned(),
        LinkChange::Blocked => "blocked".to_owned(),
        LinkChange::Slowed(latency) if latency.least == latency.most => {
            format!("slowed by {}", span(latency.least))
        }
        LinkChange::Slowed(latency) => {
            format!(
                "slowed by {} to {}",
                span(latency.least),
                span(latency.most)
            )
        }
        LinkChange::Healed => "healed".to_owned(),
        LinkChange::GivenUp => "given up".to_owned(),
    };
    let noun = if pairs.len() == 1 { "link" } else { "links" };
    format!("{noun} {done}: {names}")
}

pub(super) fn span(span: Duration) -> GoDuration {
    GoDuration::from(span)
}
