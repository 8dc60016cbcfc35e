//! The servers of a running script: their places, their ids, and what happens to them.

use super::{Problem, Run};
use crate::callout::Question;
use crate::driver::{Reloaded, ServerIndex};
use crate::normalise::HoleKind;
use crate::version::Version;
use crate::wire::Frame;

impl Run<'_> {
    /// The server that a step names; the only one if it names none.
    pub(super) fn index(&self, name: Option<&str>) -> Result<ServerIndex, Problem> {
        let Some(name) = name else {
            return Ok(ServerIndex::default());
        };
        let mut names = self.servers.iter();
        names
            .position(|server| server == name)
            .map(ServerIndex)
            .ok_or_else(|| Problem::Script(format!("no server is named `{name}`")))
    }

    /// Starts the deployment unless it runs.
    pub(super) fn start(&mut self) -> Result<(), Problem> {
        self.driver.start()?;
        self.meet();
        Ok(())
    }

    /// Starts one of several servers, as another release if one is given.
    pub(super) fn boot(&mut self, name: &str, version: Option<Version>) -> Result<(), Problem> {
        let index = self.index(Some(name))?;
        self.driver.boot(index, version)?;
        self.meet();
        Ok(())
    }

    /// Learns the ids of servers, so that they can be named in steps and in the transcript.
    pub(super) fn meet(&mut self) {
        for (at, name) in self.servers.iter().enumerate() {
            if let Some(id) = self.driver.server_id(ServerIndex(at)) {
                self.normaliser.name_server(&id, name);
                self.variables.insert(format!("{name}.id"), id);
            }
        }
    }

    /// Remembers what later steps may name: the server's id, the id of each connection, and where the
    /// latest message to each wants its answer.
    pub(super) fn learn(&mut self, name: &str, frames: &[Frame]) {
        let mut replies = frames.iter().filter_map(Frame::reply);
        if let Some(reply) = replies.next_back() {
            let reply = String::from_utf8_lossy(reply).into_owned();
            self.variables.insert(format!("{name}.reply"), reply);
        }
        if let Some(question) = frames.iter().rev().find_map(Question::read) {
            self.normaliser.hide(question.user(), HoleKind::UserKey);
            self.questions.insert(name.to_owned(), question);
        }
        for frame in frames.iter().filter(|frame| frame.verb() == b"INFO") {
            let Ok(info) = serde_json::from_slice::<serde_json::Value>(&frame.line[4..]) else {
                continue;
            };
            if let Some(id) = info.get("server_id").and_then(|id| id.as_str()) {
                self.variables.insert("server_id".to_owned(), id.to_owned());
            }
            if let Some(nonce) = info.get("nonce").and_then(|nonce| nonce.as_str()) {
                self.variables
                    .insert(format!("{name}.nonce"), nonce.to_owned());
            }
            if let Some(id) = info.get("client_id").and_then(|id| id.as_u64()) {
                self.variables
                    .insert(format!("{name}.client_id"), id.to_string());
            }
        }
    }

    pub(super) fn reload(&mut self, server: Option<&str>, conf: &str) -> Result<(), Problem> {
        let index = self.index(server)?;
        let name = server.unwrap_or("server");
        let conf = self.fill_conf(conf)?;
        match self.driver.reload(index, &conf)? {
            Reloaded::Done => self.transcript.remark(&format!("{name} reloaded")),
            Reloaded::Failed(why) => {
                let why = self.normaliser.output(why.as_bytes());
                self.transcript
                    .output(&format!("{name} reload failed"), &why);
            }
        }
        Ok(())
    }
}
