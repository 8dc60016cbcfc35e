//! All rules in force.

use std::fmt;

use nats_mock_protocol::wire::ServerOp;

use super::armed::{List, Record, Trigger};
use super::arrivals::{self, Arrival, ArrivalRule, Reception};
use super::lines::{self, Line, LineRule, Passed};
use super::messages::{self, MessageRule, Remains};
use super::{Message, RuleId, Saying};
use crate::core::{Conn, ConnId, Core};

/// Something that a test has armed.
pub(crate) struct Rule {
    pub trigger: Trigger,
    pub about: About,
}

/// What a rule is about, and what it does.
pub(crate) enum About {
    Message(MessageRule),
    Arrival(ArrivalRule),
    Line(LineRule),
}

/// What a rule has let go of.
#[derive(Debug, Default)]
pub(crate) struct Released {
    pub messages: Vec<Message>,
    /// Clients that it has kept waiting.
    pub clients: Vec<ConnId>,
}

impl Released {
    pub fn len(&self) -> usize {
        self.messages.len() + self.clients.len()
    }
}

/// All rules in force.
#[derive(Default)]
pub(crate) struct Rules {
    messages: List<MessageRule>,
    arrivals: List<ArrivalRule>,
    lines: List<LineRule>,
    armed_ever: u64,
    /// How often a rule has been hit, or has ended.
    changes: u64,
    /// What went wrong with rules that have ended.
    mistakes: Vec<String>,
}

impl Rules {
    /// Whether one may be about a message.
    pub fn concern(&self, saying: &Saying<'_>) -> bool {
        messages::concern(&self.messages, saying)
    }

    /// Whether there is one about connections that clients make.
    pub fn has_arrivals(&self) -> bool {
        !self.arrivals.is_empty()
    }

    /// Whether there is one about lines to clients.
    pub fn has_lines(&self) -> bool {
        !self.lines.is_empty()
    }

    /// How often anything has changed that somebody may wait for.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    pub fn arm(&mut self, seed: u64, rule: Rule) -> RuleId {
        let id = RuleId(self.armed_ever);
        self.armed_ever += 1;
        let record = Record::new(id, rule.trigger, seed);
        match rule.about {
            About::Message(rule) => self.messages.insert(record, rule),
            About::Arrival(rule) => self.arrivals.insert(record, rule),
            About::Line(rule) => self.lines.insert(record, rule),
        }
        id
    }

    /// Ends a rule. What it has held is given back.
    pub fn end(&mut self, id: RuleId) -> Released {
        let released = self.release(id);
        let ended = None
            .or_else(|| self.messages.remove(id).map(|armed| armed.record))
            .or_else(|| self.arrivals.remove(id).map(|armed| armed.record))
            .or_else(|| self.lines.remove(id).map(|armed| armed.record));
        if let Some(ended) = ended {
            self.changes += 1;
            self.mistakes.extend(ended.report());
        }
        released
    }

    /// Gives back what a rule has held so far.
    pub fn release(&mut self, id: RuleId) -> Released {
        let mut released = Released::default();
        if let Some(armed) = self.messages.get_mut(id) {
            released.messages = std::mem::take(&mut armed.rule.held);
        }
        if let Some(armed) = self.arrivals.get_mut(id) {
            released.clients = std::mem::take(&mut armed.rule.held);
        }
        released
    }

    /// How often a rule was hit; `None` once it has ended.
    pub fn hits(&self, id: RuleId) -> Option<u64> {
        self.find(id).map(|record| record.hits)
    }

    /// How many messages or clients a rule holds at the moment.
    pub fn held(&self, id: RuleId) -> usize {
        let messages = self.messages.get(id).map(|armed| armed.rule.held.len());
        let clients = self.arrivals.get(id).map(|armed| armed.rule.held.len());
        messages.or(clients).unwrap_or(0)
    }

    /// What went wrong when a rule was to act, if anything did.
    pub fn mistake(&self, id: RuleId) -> Option<&str> {
        self.find(id)?.mistake.as_deref()
    }

    /// Everything that went wrong when rules were to act.
    pub fn mistakes(&self) -> Vec<String> {
        let in_force = self.records().filter_map(Record::report);
        self.mistakes.iter().cloned().chain(in_force).collect()
    }

    /// What a rule is about and does; nothing once it has ended.
    pub fn description(&self, id: RuleId) -> &str {
        self.find(id)
            .map_or("", |record| &record.trigger.description)
    }

    /// Each rule in force as people read it, in the order in which they act.
    pub fn descriptions(&self) -> impl Iterator<Item = (&str, u64)> {
        self.records()
            .map(|record| (&*record.trigger.description, record.hits))
    }

    fn find(&self, id: RuleId) -> Option<&Record> {
        self.records().find(|record| record.id == id)
    }

    fn records(&self) -> impl Iterator<Item = &Record> {
        let before = self.messages.records().chain(self.arrivals.records());
        before.chain(self.lines.records())
    }

    /// What is to be said of a message now, or after its delay.
    pub fn pass(&mut self, saying: &Saying<'_>, message: Message) -> Remains {
        let remains = messages::pass(&mut self.messages, saying, message);
        self.changes += remains.hits.len() as u64;
        remains
    }

    /// Whether one may be about lines to a connection.
    pub fn concern_lines_to(&self, core: &Core, conn: &Conn) -> bool {
        lines::concern(&self.lines, core, conn)
    }

    /// What a line to a connection becomes.
    pub fn pass_line(
        &mut self,
        core: &Core,
        conn: &Conn,
        op: ServerOp<'_>,
        bytes: &[u8],
    ) -> Passed {
        let line = Line {
            core,
            conn,
            op,
            bytes,
        };
        let passed = lines::pass(&mut self.lines, &line);
        self.changes += passed.hits.len() as u64;
        passed
    }

    /// How a client that connects is received.
    pub fn receive(&mut self, arrival: &Arrival<'_>) -> Reception {
        let reception = arrivals::receive(&mut self.arrivals, arrival);
        self.changes += reception.hits.len() as u64;
        reception
    }

    /// Changes what a client is greeted with.
    pub fn greet(&mut self, reception: &Reception, greeting: &mut Vec<u8>) {
        arrivals::greet(&mut self.arrivals, &reception.greeted_by, greeting);
    }

    /// Notes that a rule keeps a client waiting. Of those that it has kept, `is_there` tells which still
    /// are.
    pub fn hold(&mut self, id: RuleId, client: ConnId, is_there: impl Fn(ConnId) -> bool) {
        if let Some(armed) = self.arrivals.get_mut(id) {
            armed.rule.held.retain(|&kept| is_there(kept));
            armed.rule.held.push(client);
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.descriptions()).finish()
    }
}
