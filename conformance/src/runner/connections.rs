//! The connections of a running script: their names, and the bytes on their way.

use std::collections::VecDeque;

use super::Problem;
use crate::driver::{ConnId, Driver, Interest, Received};
use crate::framing::{Agreed, Framing};
use crate::scenario::Pings;
use crate::wire::{Frame, take_frame};

/// All connections a script has opened and not closed itself, in the order of opening.
pub(super) struct Connections {
    pings: Pings,
    list: Vec<Connection>,
}

struct Connection {
    name: String,
    id: ConnId,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    frames: VecDeque<Frame>,
    reading: bool,
    closed: bool,
    /// The alert that ended TLS.
    alert: Option<String>,
    framing: Option<Framing>,
}

impl Connections {
    pub(super) fn new(pings: Pings) -> Self {
        Self {
            pings,
            list: Vec::new(),
        }
    }

    /// Adds a connection. A name may be taken again once the server has closed its connection and
    /// all of it was read.
    pub(super) fn add(&mut self, name: &str, id: ConnId) -> Result<(), Problem> {
        if let Some(at) = self.list.iter().position(|c| c.name == name) {
            if !self.list[at].closed || !self.list[at].frames.is_empty() {
                return Err(Problem::Script(format!("`{name}` is still open")));
            }
            self.list.remove(at);
        }
        self.list.push(Connection {
            name: name.to_owned(),
            id,
            outgoing: Vec::new(),
            incoming: Vec::new(),
            frames: VecDeque::new(),
            reading: true,
            closed: false,
            alert: None,
            framing: None,
        });
        Ok(())
    }

    fn get(&mut self, name: &str) -> Result<&mut Connection, Problem> {
        self.list
            .iter_mut()
            .find(|c| c.name == name)
            .ok_or_else(|| Problem::Script(format!("`{name}` is not open")))
    }

    pub(super) fn id(&mut self, name: &str) -> Result<ConnId, Problem> {
        Ok(self.get(name)?.id)
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<(), Problem> {
        self.get(name)?;
        self.list.retain(|c| c.name != name);
        Ok(())
    }

    pub(super) fn queue(&mut self, name: &str, bytes: &[u8]) -> Result<(), Problem> {
        let conn = self.get(name)?;
        match &conn.framing {
            None => conn.outgoing.extend_from_slice(bytes),
            Some(framing) => conn.outgoing.extend(framing.message(bytes)),
        }
        Ok(())
    }

    /// Has a connection speak in frames from now on.
    pub(super) fn frame(&mut self, name: &str, agreed: Agreed) -> Result<(), Problem> {
        let conn = self.get(name)?;
        let mut framing = Framing::new(agreed);
        // The first frames may have come already.
        let mut early = Vec::new();
        for frame in conn.frames.drain(..) {
            early.extend(frame.line);
        }
        early.append(&mut conn.incoming);
        framing.receive(&early, &mut conn.incoming);
        conn.framing = Some(framing);
        conn.cut();
        Ok(())
    }

    pub(super) fn queue_frame(
        &mut self,
        name: &str,
        first: Option<u8>,
        payload: &[u8],
    ) -> Result<(), Problem> {
        let conn = self.get(name)?;
        match (&conn.framing, first) {
            (Some(framing), Some(first)) => conn.outgoing.extend(framing.frame(first, payload)),
            (None, Some(_)) => {
                return Err(Problem::Script(format!(
                    "`{name}` does not speak in frames"
                )));
            }
            (_, None) => conn.outgoing.extend_from_slice(payload),
        }
        Ok(())
    }

    pub(super) fn is_sending(&mut self, name: &str) -> Result<bool, Problem> {
        Ok(!self.get(name)?.outgoing.is_empty())
    }

    pub(super) fn set_reading(&mut self, name: &str, reading: bool) -> Result<(), Problem> {
        self.get(name)?.reading = reading;
        Ok(())
    }

    pub(super) fn is_closed(&mut self, name: &str) -> Result<bool, Problem> {
        Ok(self.get(name)?.closed)
    }

    pub(super) fn alert(&mut self, name: &str) -> Result<Option<String>, Problem> {
        Ok(self.get(name)?.alert.clone())
    }

    /// The next frame received.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<Frame>, Problem> {
        Ok(self.get(name)?.frames.pop_front())
    }

    /// What came after the last whole frame.
    pub(super) fn partial(&mut self, name: &str) -> Result<Vec<u8>, Problem> {
        Ok(std::mem::take(&mut self.get(name)?.incoming))
    }

    pub(super) fn forget_unread(&mut self, name: &str) -> Result<(), Problem> {
        let conn = self.get(name)?;
        conn.frames.clear();
        conn.incoming.clear();
        Ok(())
    }

    /// The first frame that was received and not taken.
    pub(super) fn unread(&self) -> Option<(&str, &Frame)> {
        self.list
            .iter()
            .find_map(|c| Some((c.name.as_str(), c.frames.front()?)))
    }

    /// What waiting should watch.
    pub(super) fn interests(&self) -> Vec<Interest> {
        self.list
            .iter()
            .filter(|c| !c.closed)
            .map(|c| Interest {
                conn: c.id,
                read: c.reading,
                write: !c.outgoing.is_empty(),
            })
            .collect()
    }

    /// Moves bytes in both directions as far as they go; says whether any moved.
    pub(super) fn exchange(&mut self, driver: &mut dyn Driver) -> Result<bool, Problem> {
        let mut moved = false;
        for conn in &mut self.list {
            while !conn.outgoing.is_empty() {
                let sent = driver.send(conn.id, &conn.outgoing)?;
                if sent == 0 {
                    break;
                }
                conn.outgoing.drain(..sent);
                moved = true;
            }
            while conn.reading && !conn.closed {
                let mut received = Vec::new();
                match driver.receive(conn.id, &mut received)? {
                    Received::Bytes => moved = true,
                    Received::Nothing => break,
                    end @ (Received::Closed | Received::Alert(_)) => {
                        if let Received::Alert(alert) = end {
                            conn.alert = Some(alert);
                        }
                        conn.closed = true;
                        conn.outgoing.clear();
                        moved = true;
                    }
                }
                match &mut conn.framing {
                    None => conn.incoming.append(&mut received),
                    Some(framing) => framing.receive(&received, &mut conn.incoming),
                }
                if self.pings == Pings::Answered {
                    conn.answer_pings();
                } else {
                    conn.cut();
                }
            }
        }
        Ok(moved)
    }
}

impl Connection {
    /// Cuts what came into frames.
    fn cut(&mut self) {
        while let Some(frame) = take_frame(&mut self.incoming) {
            self.frames.push_back(frame);
        }
    }

    /// As [`cut`](Self::cut), but PINGs are answered and not kept.
    fn answer_pings(&mut self) {
        let before = self.frames.len();
        self.cut();
        for frame in self.frames.split_off(before) {
            if frame.verb() != b"PING" {
                self.frames.push_back(frame);
                continue;
            }
            match &self.framing {
                None => self.outgoing.extend_from_slice(b"PONG\r\n"),
                Some(framing) => self.outgoing.extend(framing.message(b"PONG\r\n")),
            }
        }
    }
}
