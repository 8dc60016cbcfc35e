//! Letting faults happen.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::time::Duration;

use nats_mock_protocol::json;
use nats_mock_protocol::monitor::ApiError;
use serde_json::{Value, json};

use super::Incident;
use super::change;
use super::fault::{Change, Fault, Kind, LinkFate, Said, ServerFate};
use crate::core::ServerId;
use crate::harness::programmed::{Armed, On, Replies, Unhit, effects};
use crate::harness::server::Node;
use crate::harness::wait::poll_hits;
use crate::net::{Hub, locked};
use crate::services::Deployment;
use crate::{MockNats, StartError};

/// A fault that cannot be staged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    /// A server or cluster that a fault names is not there.
    #[error("there is no server {name:?} for {fault:?}")]
    NoSuchServer {
        /// The name.
        name: String,
        /// The fault.
        fault: String,
    },
    /// A server that a fault stops does not start again.
    #[error("{fault:?}: {source}")]
    Start {
        /// The fault.
        fault: String,
        /// Why.
        source: StartError,
    },
}

/// Faults that are staged. They end when this is dropped, as far as they can: links are mended, clocks
/// set right, frozen servers thawed, and what was armed no longer acts. A server that was stopped stays so.
#[must_use = "what is staged ends when it is dropped"]
pub struct Staged {
    hub: Arc<Hub>,
    armed: Vec<Armed>,
    undo: Vec<Undo>,
    nodes: Arc<Mutex<Vec<Node>>>,
    /// What is staged later.
    waiting: Vec<Fault>,
    /// How many requests there had been.
    since: u64,
    /// How often something happened that is not armed.
    happened: u64,
}

/// What sets something right, of servers by their places: one that was restarted has another id.
#[derive(Clone, Copy, Debug)]
enum Undo {
    Heal(usize, usize),
    SetClock(usize),
    Thaw(usize),
}

impl MockNats {
    /// Stages an incident: things that go wrong together, as they did in a deployment of somebody's. See
    /// [`Incident`].
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::incidents::Incident;
    ///
    /// let nats = MockNats::builder().cluster("east", 3).start_blocking()?;
    /// let staged = nats.incident(&Incident::PartialReplies { silent: 1 })?;
    /// let mut answers = nats.client("admin")?.request("$SYS.REQ.SERVER.PING.VARZ", "")?;
    /// assert_eq!(std::iter::from_fn(|| answers.try_next()).count(), 2);
    /// assert_eq!(staged.hits(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`stage`](Self::stage).
    pub fn incident(&self, incident: &Incident) -> Result<Staged, StageError> {
        self.stage(&incident.faults(self))
    }

    /// Stages faults. What is to come after some requests is staged by [`Staged::go_on`].
    ///
    /// ```
    /// use nats_mock::MockNats;
    /// use nats_mock::incidents::Fault;
    ///
    /// let nats = MockNats::builder().cluster("east", 2).start_blocking()?;
    /// let faults: [Fault; 2] = ["IDZ from east-2: silence".parse()?, "clock east-1: ahead 60000ms".parse()?];
    /// let staged = nats.stage(&faults)?;
    /// assert!(nats.topology().to_string().contains("east-1  60s ahead"));
    /// drop(staged);
    /// assert!(!nats.topology().to_string().contains("ahead"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a fault names a server that is not there, or a server does not start again.
    pub fn stage(&self, faults: &[Fault]) -> Result<Staged, StageError> {
        let mut staged = Staged {
            hub: Arc::clone(&self.hub),
            armed: Vec::new(),
            undo: Vec::new(),
            nodes: Arc::clone(&self.nodes),
            waiting: faults.to_vec(),
            since: self.requests_so_far(),
            happened: 0,
        };
        staged.go_on(self)?;
        Ok(staged)
    }

    pub(in crate::harness) fn requests_so_far(&self) -> u64 {
        self.hub
            .look(|deployment| deployment.journal().requests.next())
    }
}

impl Staged {
    /// Stages what was to come after so many requests as there have been by now, and says whether more is
    /// to come.
    ///
    /// # Errors
    ///
    /// As for [`MockNats::stage`].
    pub fn go_on(&mut self, nats: &MockNats) -> Result<bool, StageError> {
        let requests = nats.requests_so_far() - self.since;
        while let Some(place) = self.waiting.iter().position(|it| it.after <= requests) {
            let fault = self.waiting.remove(place);
            self.stage(nats, &fault)?;
        }
        Ok(!self.waiting.is_empty())
    }

    /// How many requests there are to be before the next fault comes; `None` if all have come.
    pub(in crate::harness) fn next(&self) -> Option<u64> {
        let next = self.waiting.iter().map(|fault| fault.after).min();
        next.map(|after| self.since + after)
    }

    /// How often anything of it has happened so far.
    pub fn hits(&self) -> u64 {
        let armed = self.armed.iter().map(Armed::hits).sum::<u64>();
        armed + self.happened
    }

    /// Waits until anything of it has happened so often. It works on any runtime.
    ///
    /// # Errors
    ///
    /// When every server has stopped before.
    pub async fn wait(&self, hits: u64) -> Result<(), Unhit> {
        let poll = |context: &mut Context<'_>| {
            let so_far = |deployment: &Deployment| {
                let armed = self.armed.iter().map(|armed| armed.hits_in(deployment));
                Some(armed.sum::<u64>() + self.happened)
            };
            poll_hits(&self.hub, hits, context, so_far)
        };
        if poll_fn(poll).await {
            return Ok(());
        }
        Err(Unhit {
            armed: "faults that are staged".to_owned(),
            wanted: hits,
            hits: self.hits(),
        })
    }

    /// Ends it.
    pub fn end(self) {}

    fn stage(&mut self, nats: &MockNats, fault: &Fault) -> Result<(), StageError> {
        let known = |name: &String| {
            let clusters = || {
                nats.servers()
                    .any(|it| it.cluster_name().as_ref() == Some(name))
            };
            if nats.find_server(name).is_some() || clusters() {
                return Ok(());
            }
            Err(StageError::NoSuchServer {
                name: name.clone(),
                fault: fault.to_string(),
            })
        };
        let failed = |source| StageError::Start {
            fault: fault.to_string(),
            source,
        };
        match &fault.kind {
            Kind::Said(said) => {
                said.from.iter().try_for_each(known)?;
                self.armed.push(arm(nats, fault, said));
                return Ok(());
            }
            Kind::Arriving(arriving) => {
                arriving.to.iter().try_for_each(known)?;
                self.armed.push(arriving.arm(nats, fault.to_string()));
                return Ok(());
            }
            Kind::Sent(sent) => {
                sent.from.iter().try_for_each(known)?;
                self.armed.push(sent.arm(nats, fault.to_string()));
                return Ok(());
            }
            Kind::Server(name, fate) => {
                known(name)?;
                self.befall(nats, name, *fate).map_err(failed)?;
            }
            Kind::AllServers(fate) => {
                let names: Vec<_> = nats.servers().map(|server| server.name()).collect();
                // All are gone before the first comes back.
                if *fate == ServerFate::Restart {
                    nats.servers().for_each(|server| server.stop());
                }
                for name in names {
                    self.befall(nats, &name, *fate).map_err(failed)?;
                }
            }
            Kind::Link(one, other, fate) => {
                known(one)?;
                known(other)?;
                let link = nats.link(one, other);
                match fate {
                    LinkFate::Cut => link.cut(),
                    LinkFate::CutSilently => link.cut_silently(),
                    LinkFate::Slow(least, most) => link.slow(*least, *most),
                    LinkFate::Flap(down, up) => link.flap(*down, *up),
                }
                let places = |(a, b)| Some(Undo::Heal(self.place(a)?, self.place(b)?));
                let undo: Vec<_> = link.into_pairs().into_iter().filter_map(places).collect();
                self.undo.extend(undo);
            }
            Kind::Clock { server, ahead, by } => {
                known(server)?;
                let server = nats.server(server);
                if *ahead {
                    server.set_clock_ahead(*by);
                } else {
                    server.set_clock_behind(*by);
                }
                self.undo
                    .extend(self.place(server.current()).map(Undo::SetClock));
            }
            Kind::Event { subject, body } => nats.first_server().emit(subject, body),
        }
        self.happened += 1;
        Ok(())
    }

    fn befall(&mut self, nats: &MockNats, name: &str, fate: ServerFate) -> Result<(), StartError> {
        let Some(server) = nats.find_server(name) else {
            return Ok(());
        };
        match fate {
            ServerFate::Crash => server.crash(),
            ServerFate::Stop => server.stop(),
            ServerFate::Restart => server.restart()?,
            ServerFate::LameDuck => server.lame_duck(),
            ServerFate::Freeze => {
                server.freeze();
                self.undo
                    .extend(self.place(server.current()).map(Undo::Thaw));
            }
            ServerFate::Upgrade(version) => server.upgrade(version)?,
        }
        Ok(())
    }

    fn place(&self, server: ServerId) -> Option<usize> {
        locked(&self.nodes)
            .iter()
            .position(|node| node.id == server)
    }
}

fn arm(nats: &MockNats, fault: &Fault, said: &Said) -> Armed {
    let on: On<Replies> = nats.on_pattern(said.what.clone());
    let on = on
        .named(fault.to_string())
        .limited_to(said.from.as_ref(), said.occasions);
    match said.change.clone() {
        Change::Silence => on.silence(),
        Change::Delay(by) => on.delay(by),
        Change::Duplicate(more) => on.duplicate(more),
        Change::Reorder(count) => on.reorder(count),
        Change::Truncate(len) => on.truncate(len),
        Change::NoResponders => on.no_responders(),
        Change::Error(code, text) => {
            let error = json!(ApiError::new(code, text));
            on.edit_if_json("error", move |body| {
                if let Value::Object(members) = body {
                    members.retain(|name, _| name == "server");
                    members.insert("error".to_owned(), error.clone());
                }
            })
        }
        Change::Remove(pointer) => on.edit_if_json("remove", move |body| {
            effects::remove(body, &pointer);
        }),
        Change::Set(pointer, value) => on.edit_if_json("set", move |body| {
            // What is not there cannot be set, and need not be.
            let _ = effects::set(body, &pointer, value.clone());
        }),
        Change::Pad(bytes) => on.edit_bytes(move |body| change::pad(body, bytes)),
        Change::Scientific => on.edit_bytes(|body| *body = change::scientific(body)),
        Change::FallBack => {
            let mut is_first = true;
            on.edit_bytes(move |body| {
                if !std::mem::take(&mut is_first)
                    && let Ok(mut halved) = serde_json::from_slice(body)
                {
                    change::halve(&mut halved);
                    *body = json::to_vec(&halved);
                }
            })
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let ids: Vec<_> = locked(&self.nodes).iter().map(|node| node.id).collect();
        for undo in self.undo.drain(..) {
            self.hub.input(|state, now| {
                state.deployment.change(|core| match undo {
                    Undo::Heal(a, b) => core.heal_link(now, ids[a], ids[b]),
                    Undo::SetClock(server) => {
                        core.set_wall_clock(now, ids[server], Duration::ZERO, true);
                    }
                    Undo::Thaw(server) => core.thaw(now, ids[server]),
                });
            });
        }
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged")
            .field("armed", &self.armed)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}
