//! Faults of connections as values.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::occasions::Occasions;
use super::words::{Missing, Rest, Word, millis};
use crate::MockNats;
use crate::connection::{Line, connecting, line};
use crate::faults::Selection;
use crate::harness::programmed::{Armed, effects};

/// What happens to a client that connects.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::harness) enum Reception {
    Refuse,
    Reset,
    Close,
    Stall,
    LateInfo(Duration),
    SetInfo(String, Value),
    PadInfo(usize),
    Greet(String),
}

/// What happens to a line that a client is sent.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::harness) enum LineChange {
    Silence,
    Corrupt,
    Truncate(usize),
    Replace(String),
    Duplicate(usize),
    Delay(Duration),
    Reset,
    Close,
}

/// Clients that connect, and what happens to them.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::harness) struct Arriving {
    pub to: Option<String>,
    pub occasions: Selection,
    pub reception: Reception,
}

/// Lines that clients are sent, and what happens to them.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::harness) struct Sent {
    pub line: Line,
    pub from: Option<String>,
    pub user: Option<String>,
    pub occasions: Selection,
    pub change: LineChange,
}

/// The kinds of lines, as they are called in the text of a fault.
const LINES: [(&str, Line); 7] = [
    ("INFO", Line::Info),
    ("MSG", Line::Msg),
    ("PING", Line::Ping),
    ("PONG", Line::Pong),
    ("OK", Line::Ok),
    ("ERR", Line::Err),
    ("any", Line::Any),
];

impl Arriving {
    pub fn arm(&self, nats: &MockNats, name: String) -> Armed {
        let on = nats.on(connecting()).named(name);
        let on = on.limited_to(self.to.as_ref(), self.occasions);
        match self.reception.clone() {
            Reception::Refuse => on.refuse(),
            Reception::Reset => on.reset(),
            Reception::Close => on.close(),
            Reception::Stall => on.stall(),
            Reception::LateInfo(by) => on.late_info(by),
            Reception::SetInfo(pointer, value) => on.edit_info(move |info| {
                // What is not there cannot be set, and need not be.
                let _ = effects::set(info, &pointer, value.clone());
            }),
            Reception::PadInfo(bytes) => on.edit_info(move |info| {
                info["padding"] = "x".repeat(bytes).into();
            }),
            Reception::Greet(text) => on.greet_raw(text),
        }
    }

    /// Reads it from behind its first word.
    pub(in crate::harness::incidents) fn read<'a>(
        rest: &mut Rest<'a>,
    ) -> Result<Self, Missing<'a>> {
        let (to, occasions) = (rest.server("to")?, rest.occasions()?);
        rest.colon()?;
        let reception = Reception::read(rest)?;
        Ok(Self {
            to,
            occasions,
            reception,
        })
    }
}

impl Reception {
    fn read<'a>(rest: &mut Rest<'a>) -> Result<Self, Missing<'a>> {
        Ok(if rest.takes("refuse") {
            Self::Refuse
        } else if rest.takes("reset") {
            Self::Reset
        } else if rest.takes("close") {
            Self::Close
        } else if rest.takes("stall") {
            Self::Stall
        } else if rest.takes("late info") {
            Self::LateInfo(rest.span()?)
        } else if rest.takes("set info") {
            let pointer = rest.expect("a pointer", Rest::word)?;
            Self::SetInfo(pointer, rest.expect("JSON", Rest::json)?)
        } else if rest.takes("pad info") {
            Self::PadInfo(rest.size()?)
        } else if rest.takes("greet") {
            Self::Greet(rest.expect("a text", Rest::word)?)
        } else {
            return Err(("what happens", *rest));
        })
    }
}

impl Sent {
    pub fn arm(&self, nats: &MockNats, name: String) -> Armed {
        let on = nats.on(line(self.line)).named(name);
        let mut on = on.limited_to(self.from.as_ref(), self.occasions);
        if let Some(user) = &self.user {
            on = on.to_user(user);
        }
        match self.change.clone() {
            LineChange::Silence => on.silence(),
            LineChange::Corrupt => on.corrupt(),
            LineChange::Truncate(len) => on.truncate(len),
            LineChange::Replace(text) => on.replace_raw(text),
            LineChange::Duplicate(more) => on.duplicate(more),
            LineChange::Delay(by) => on.delay(by),
            LineChange::Reset => on.reset(),
            LineChange::Close => on.close(),
        }
    }

    /// Reads it from behind its first word.
    pub(in crate::harness::incidents) fn read<'a>(
        rest: &mut Rest<'a>,
    ) -> Result<Self, Missing<'a>> {
        let known = |rest: &mut Rest<'_>| LINES.into_iter().find(|(name, _)| rest.takes(name));
        let (_, line) = rest.expect("a kind of line", known)?;
        let from = rest.server("from")?;
        let user = rest.behind("to user", |rest| {
            rest.expect("the name of a user", Rest::word)
        })?;
        let occasions = rest.occasions()?;
        rest.colon()?;
        let change = LineChange::read(rest)?;
        Ok(Self {
            line,
            from,
            user,
            occasions,
            change,
        })
    }
}

impl LineChange {
    fn read<'a>(rest: &mut Rest<'a>) -> Result<Self, Missing<'a>> {
        Ok(if rest.takes("silence") {
            Self::Silence
        } else if rest.takes("corrupt") {
            Self::Corrupt
        } else if rest.takes("truncate") {
            Self::Truncate(rest.size()?)
        } else if rest.takes("replace") {
            Self::Replace(rest.expect("a text", Rest::word)?)
        } else if rest.takes("duplicate") {
            Self::Duplicate(rest.size()?)
        } else if rest.takes("delay") {
            Self::Delay(rest.span()?)
        } else if rest.takes("reset") {
            Self::Reset
        } else if rest.takes("close") {
            Self::Close
        } else {
            return Err(("what happens", *rest));
        })
    }
}

impl fmt::Display for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connecting")?;
        if let Some(server) = &self.to {
            write!(f, " to {}", Word(server))?;
        }
        write!(f, "{}", Occasions(self.occasions))?;
        match &self.reception {
            Reception::Refuse => f.write_str(": refuse"),
            Reception::Reset => f.write_str(": reset"),
            Reception::Close => f.write_str(": close"),
            Reception::Stall => f.write_str(": stall"),
            Reception::LateInfo(by) => write!(f, ": late info {}", millis(*by)),
            Reception::SetInfo(pointer, value) => {
                write!(f, ": set info {} {value}", Word(pointer))
            }
            Reception::PadInfo(bytes) => write!(f, ": pad info {bytes}"),
            Reception::Greet(text) => write!(f, ": greet {}", Word(text)),
        }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = LINES.iter().find(|(_, line)| *line == self.line);
        write!(f, "line {}", name.map_or("any", |(name, _)| name))?;
        if let Some(server) = &self.from {
            write!(f, " from {}", Word(server))?;
        }
        if let Some(user) = &self.user {
            write!(f, " to user {}", Word(user))?;
        }
        write!(f, "{}", Occasions(self.occasions))?;
        match &self.change {
            LineChange::Silence => f.write_str(": silence"),
            LineChange::Corrupt => f.write_str(": corrupt"),
            LineChange::Truncate(len) => write!(f, ": truncate {len}"),
            LineChange::Replace(text) => write!(f, ": replace {}", Word(text)),
            LineChange::Duplicate(more) => write!(f, ": duplicate {more}"),
            LineChange::Delay(by) => write!(f, ": delay {}", millis(*by)),
            LineChange::Reset => f.write_str(": reset"),
            LineChange::Close => f.write_str(": close"),
        }
    }
}
