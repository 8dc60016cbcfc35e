//! The connections of a running script: their names, and the bytes on their way.

use std::collections::VecDeque;

use super::Problem;
use crate::driver::{ConnId, Driver, Interest, Received};
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
        self.get(name)?.outgoing.extend_from_slice(bytes);
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
                match driver.receive(conn.id, &mut conn.incoming)? {
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
                while let Some(frame) = take_frame(&mut conn.incoming) {
                    if self.pings == Pings::Answered && frame.verb() == b"PING" {
                        conn.outgoing.extend_from_slice(b"PONG\r\n");
                    } else {
                        conn.frames.push_back(frame);
                    }
                }
            }
        }
        Ok(moved)
    }
}
