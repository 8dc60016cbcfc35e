//! Rules about the lines that servers send to clients, and what becomes of one that passes them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nats_mock_protocol::wire::ServerOp;

use super::armed::{Armed, List};
use super::messages::drawn;
use crate::core::{self, CloseReason, Conn, Core, Ending, Then};

/// A line on its way to a client, with its payload if it has one.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub core: &'a Core,
    pub conn: &'a Conn,
    pub op: ServerOp<'a>,
    pub bytes: &'a [u8],
}

type AboutConn = Box<dyn Fn(&Core, &Conn) -> bool + Send>;
type AboutLine = Box<dyn FnMut(&Line<'_>) -> bool + Send>;

enum Condition {
    Conn(AboutConn),
    Line(AboutLine),
}

/// Says whether a rule is about a line.
pub struct LineMatcher(Condition);

impl LineMatcher {
    /// Of any line to connections like this.
    pub(crate) fn of_conn(is: impl Fn(&Core, &Conn) -> bool + Send + 'static) -> Self {
        Self(Condition::Conn(Box::new(is)))
    }

    pub(crate) fn of_line(is: impl FnMut(&Line<'_>) -> bool + Send + 'static) -> Self {
        Self(Condition::Line(Box::new(is)))
    }

    fn may_be_about(&self, core: &Core, conn: &Conn) -> bool {
        match &self.0 {
            Condition::Conn(is) => is(core, conn),
            Condition::Line(_) => true,
        }
    }

    fn is_about(&mut self, line: &Line<'_>) -> bool {
        match &mut self.0 {
            Condition::Conn(is) => is(line.core, line.conn),
            Condition::Line(is) => is(line),
        }
    }
}

/// Changes a line, or says why it cannot.
pub(crate) type EditLine = Box<dyn FnMut(&mut Vec<u8>) -> Result<(), String> + Send>;

/// What a rule does with a line.
pub(crate) enum LineEffect {
    /// It is not sent.
    Silence,
    Edit(EditLine),
    /// One byte of it is another.
    Corrupt,
    /// Only so much of it is sent, and the connection ends.
    Truncate(usize),
    /// It is sent so many times more.
    Repeat(usize),
    /// It is sent later, by a time drawn between these two, and all behind it with it.
    Delay(Duration, Duration),
    /// Instead of it, the connection breaks.
    Reset,
    /// Instead of it, the connection is closed.
    End(Ending),
}

/// A rule about lines.
pub(crate) struct LineRule {
    pub matches: Vec<LineMatcher>,
    pub effect: LineEffect,
}

/// What a line has become.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// Nothing if it is not sent.
    pub line: Option<Vec<u8>>,
    /// How often it is sent more than once.
    pub more: usize,
    pub delay: Duration,
    pub then: Then,
    /// The rules that have acted, as people read them.
    pub hits: Vec<Arc<str>>,
}

/// Whether there is a rule that may be about lines to a connection.
pub(super) fn concern(rules: &List<LineRule>, core: &Core, conn: &Conn) -> bool {
    rules.iter().any(|armed| {
        let mut matches = armed.rule.matches.iter();
        matches.all(|matcher| matcher.may_be_about(core, conn))
    })
}

/// What a line becomes.
pub(super) fn pass(rules: &mut List<LineRule>, line: &Line<'_>) -> Passed {
    let mut passed = Passed {
        line: Some(line.bytes.to_vec()),
        ..Passed::default()
    };
    for armed in rules.iter_mut() {
        let matches = &mut armed.rule.matches;
        let is_about = || matches.iter_mut().all(|matcher| matcher.is_about(line));
        if armed.record.takes(is_about) {
            passed.hits.push(Arc::clone(&armed.record.label));
            armed.act(&mut passed);
        }
        if passed.line.is_none() || !matches!(passed.then, Then::GoOn) {
            break;
        }
    }
    passed
}

impl Armed<LineRule> {
    fn act(&mut self, passed: &mut Passed) {
        let Self { record, rule } = self;
        let Some(line) = &mut passed.line else { return };
        match &mut rule.effect {
            LineEffect::Silence => passed.line = None,
            LineEffect::Edit(edit) => {
                let mut edited = line.clone();
                if record.attempt(&mut || edit(&mut edited)).is_some() {
                    *line = edited;
                }
            }
            LineEffect::Corrupt => {
                let place = core::below(line.len() as u64, &mut record.rng) as usize;
                let change = 1 + core::below(255, &mut record.rng) as u8;
                if let Some(byte) = line.get_mut(place) {
                    *byte ^= change;
                }
            }
            LineEffect::Truncate(len) => {
                line.truncate(*len);
                passed.more = 0;
                passed.then = Then::End(CloseReason::ClientClosed.into());
            }
            LineEffect::Repeat(more) => passed.more = passed.more.saturating_add(*more),
            LineEffect::Delay(least, most) => {
                passed.delay += drawn(*least, *most, &mut record.rng);
            }
            LineEffect::Reset => {
                passed.line = None;
                passed.then = Then::Reset;
            }
            LineEffect::End(ending) => {
                passed.line = None;
                passed.then = Then::End(ending.clone());
            }
        }
    }
}

impl fmt::Debug for LineEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("silence"),
            Self::Edit(_) => f.write_str("edit"),
            Self::Corrupt => f.write_str("corrupt"),
            Self::Truncate(len) => write!(f, "truncate to {len} bytes"),
            Self::Repeat(more) => write!(f, "repeat {more} times"),
            Self::Delay(least, most) if least == most => write!(f, "delay by {least:?}"),
            Self::Delay(least, most) => write!(f, "delay by {least:?} to {most:?}"),
            Self::Reset => f.write_str("reset"),
            Self::End(ending) => write!(f, "close: {}", ending.reason),
        }
    }
}
