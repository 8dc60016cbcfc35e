//! Services that a test has made up: its own code answers what is published to a subject.

use std::fmt;

use crate::core::{AccountId, Core, Outgoing, Phase, Request, ServerId, SubId};
use crate::faults::guarded;

/// Marks the tags of requests for these services; the rest is the service's number.
const TAG: u32 = 1 << 31;

/// The service's name. It is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CustomId(u32);

/// What a service says to one request.
#[derive(Debug)]
pub(crate) struct Response {
    pub service: CustomId,
    pub to: Box<str>,
    /// The block of headers as it is sent; empty if there are none.
    pub header: Vec<u8>,
    pub payload: Vec<u8>,
}

/// Is given a request to the service, and says what is to be answered now, to this request and to earlier ones.
pub(crate) type Answerer = Box<dyn FnMut(CustomId, &Request) -> Vec<Response> + Send>;

/// Where a service listens.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    pub server: ServerId,
    pub account: AccountId,
    pub subject: Box<str>,
    pub queue: Option<Box<str>>,
}

struct Custom {
    id: CustomId,
    listening: Listening,
    sub: SubId,
    answerer: Answerer,
    hits: u64,
    mistake: Option<String>,
}

/// All services that a test has made up.
#[derive(Default)]
pub(crate) struct CustomServices {
    running: Vec<Custom>,
    started_ever: u32,
    /// How often one was asked, or has ended.
    changes: u64,
    /// What went wrong with services that have ended.
    mistakes: Vec<String>,
}

/// The service that a request is for, if it is one of these.
pub(super) fn service_of(request: &Request) -> Option<CustomId> {
    (request.tag & TAG != 0).then_some(CustomId(request.tag & !TAG))
}

fn subscribe(core: &mut Core, id: CustomId, listening: &Listening) -> Option<SubId> {
    let Listening {
        server,
        account,
        subject,
        queue,
    } = listening;
    core.subscribe_made_up(*server, *account, subject, queue.as_deref(), TAG | id.0)
}

impl CustomServices {
    /// `None` if the subject is invalid.
    pub fn start(
        &mut self,
        core: &mut Core,
        listening: Listening,
        answerer: Answerer,
    ) -> Option<CustomId> {
        let id = CustomId(self.started_ever);
        let sub = subscribe(core, id, &listening)?;
        self.started_ever += 1;
        self.running.push(Custom {
            id,
            listening,
            sub,
            answerer,
            hits: 0,
            mistake: None,
        });
        Some(id)
    }

    pub fn end(&mut self, core: &mut Core, id: CustomId) {
        let Some(place) = self.running.iter().position(|custom| custom.id == id) else {
            return;
        };
        let ended = self.running.remove(place);
        core.unsubscribe_made_up(ended.sub, TAG | id.0);
        self.mistakes.extend(ended.report());
        self.changes += 1;
    }

    /// A server has started again as another: what ran on it goes on there.
    pub fn follow(&mut self, core: &mut Core, previous: ServerId, next: ServerId) {
        let moved = self.running.iter_mut();
        for custom in moved.filter(|custom| custom.listening.server == previous) {
            custom.listening.server = next;
            core.unsubscribe_made_up(custom.sub, TAG | custom.id.0);
            if let Some(sub) = subscribe(core, custom.id, &custom.listening) {
                custom.sub = sub;
            }
        }
    }

    /// Has a service answer.
    pub(super) fn ask(&mut self, core: &mut Core, id: CustomId, request: &Request) {
        let Some(custom) = self.running.iter_mut().find(|custom| custom.id == id) else {
            return;
        };
        custom.hits += 1;
        self.changes += 1;
        match guarded(&mut || (custom.answerer)(id, request)) {
            Ok(responses) => {
                for response in &responses {
                    self.respond(core, response);
                }
            }
            Err(panic) => custom.mistake = Some(panic),
        }
    }

    /// Says what a service answers, unless it or its server has gone.
    pub fn respond(&self, core: &mut Core, response: &Response) {
        let Some(Listening {
            server, account, ..
        }) = self.find(response.service).map(|custom| &custom.listening)
        else {
            return;
        };
        if core.server(*server).phase == Phase::Stopped {
            return;
        }
        let header_len = response.header.len();
        let payload = [&*response.header, &*response.payload].concat();
        let message = Outgoing {
            subject: response.to.as_bytes(),
            reply: None,
            header_len: (header_len > 0).then_some(header_len),
            payload: &payload,
            digits: None,
        };
        core.publish_internal(*server, *account, &message);
    }

    /// How often a service was asked; `None` once it has ended.
    pub fn hits(&self, id: CustomId) -> Option<u64> {
        self.find(id).map(|custom| custom.hits)
    }

    /// What went wrong when a service was to answer, if anything did.
    pub fn mistake(&self, id: CustomId) -> Option<&str> {
        self.find(id)?.mistake.as_deref()
    }

    /// Everything that went wrong when services were to answer.
    pub fn mistakes(&self) -> Vec<String> {
        let running = self.running.iter().filter_map(Custom::report);
        self.mistakes.iter().cloned().chain(running).collect()
    }

    /// How often anything has changed that somebody may wait for.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Each service as people read it, with the number of requests.
    pub fn descriptions(&self) -> impl Iterator<Item = (String, u64)> {
        let running = self.running.iter();
        running.map(|custom| (custom.description(), custom.hits))
    }

    /// What a service is; nothing once it has ended.
    pub fn description(&self, id: CustomId) -> String {
        self.find(id).map(Custom::description).unwrap_or_default()
    }

    fn find(&self, id: CustomId) -> Option<&Custom> {
        self.running.iter().find(|custom| custom.id == id)
    }
}

impl Custom {
    fn description(&self) -> String {
        format!("service at {}", self.listening.subject)
    }

    fn report(&self) -> Option<String> {
        let mistake = self.mistake.as_ref()?;
        Some(format!("{}: {mistake}", self.description()))
    }
}

impl fmt::Debug for CustomServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.descriptions()).finish()
    }
}
