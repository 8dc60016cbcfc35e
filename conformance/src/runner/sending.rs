//! What the connections of a running script send.

use super::identities::seconds;
use super::{PATIENCE, Problem, Run};
use crate::callout::Answer;
use crate::scenario::{Operation, Template};

/// How many tags stand in a request that takes a server a while to read: long enough for whatever it
/// does besides, which is counting what it has read.
const MANY_TAGS: usize = 50_000;

impl Run<'_> {
    pub(super) fn send(
        &mut self,
        name: &str,
        operation: &Operation,
        repeat: usize,
    ) -> Result<(), Problem> {
        let bytes = match operation {
            Operation::Raw(template) => self.fill(template)?,
            Operation::Publish {
                subject,
                reply,
                headers,
                payload,
            } => self.publication(subject, reply.as_ref(), headers.as_ref(), payload)?,
        };
        self.send_bytes(name, &bytes, repeat)
    }

    fn send_bytes(&mut self, name: &str, bytes: &[u8], repeat: usize) -> Result<(), Problem> {
        for _ in 0..repeat {
            self.conns.queue(name, bytes)?;
            self.conns.exchange(self.driver.as_mut())?;
        }
        self.send_queued(name)
    }

    pub(super) fn send_queued(&mut self, name: &str) -> Result<(), Problem> {
        let deadline = self.driver.now() + PATIENCE;
        while self.conns.is_sending(name)? {
            if !self.wait(deadline)? {
                return Err(Problem::Unmet(format!("`{name}` could not send it all")));
            }
        }
        Ok(())
    }

    /// Sends a request to a server at rest, right behind one that is meant for another server and takes
    /// this one a while to read. A real server answers while it still goes through the bytes it has
    /// read, and counts these only then; this way it has counted them before it gets to the request.
    pub(super) fn ask(
        &mut self,
        name: &str,
        subject: &Template,
        reply: &Template,
        payload: &Template,
    ) -> Result<(), Problem> {
        let elsewhere = format!("{{\"tags\":[{}\"-\"]}}", "\"-\",".repeat(MANY_TAGS));
        let elsewhere = Template::fixed(elsewhere);
        let mut bytes = self.publication(subject, Some(reply), None, &elsewhere)?;
        bytes.extend(self.publication(subject, Some(reply), None, payload)?);
        self.driver.rest()?;
        self.send_bytes(name, &bytes, 1)
    }

    /// Answers what a server has last asked on `name`: who one of its clients is.
    pub(super) fn answer(&mut self, name: &str, answer: &Answer) -> Result<(), Problem> {
        let question = self.questions.get(name);
        let question = question
            .ok_or_else(|| Problem::Script(format!("`{name}` was not asked who a client is")))?;
        let now = seconds(self.driver.clock());
        let payload = question.answer(answer, now).map_err(Problem::Script)?;
        let head = format!("PUB {} {}\r\n", question.reply(), payload.len());
        let bytes = [head.as_bytes(), &payload, b"\r\n"].concat();
        self.send_bytes(name, &bytes, 1)
    }

    fn publication(
        &mut self,
        subject: &Template,
        reply: Option<&Template>,
        headers: Option<&Template>,
        payload: &Template,
    ) -> Result<Vec<u8>, Problem> {
        let verb: &[u8] = if headers.is_some() { b"HPUB" } else { b"PUB" };
        let mut bytes = [verb, b" ", &self.fill(subject)?].concat();
        if let Some(reply) = reply {
            bytes.push(b' ');
            bytes.extend(self.fill(reply)?);
        }
        let payload = self.fill(payload)?;
        let mut block = Vec::new();
        if let Some(headers) = headers {
            block = self.fill(headers)?;
            bytes.extend(format!(" {}", block.len()).into_bytes());
        }
        bytes.extend(format!(" {}\r\n", block.len() + payload.len()).into_bytes());
        bytes.extend(block);
        bytes.extend(payload);
        bytes.extend(b"\r\n");
        Ok(bytes)
    }
}
