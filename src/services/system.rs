//! The services' own state, and the way their messages go out.

use std::collections::BTreeMap;
use std::sync::Arc;

use nats_mock_protocol::events::ServerEnvelope;
use nats_mock_protocol::json;
use nats_mock_protocol::time::Timestamp;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::account_conns::Heartbeats;
use super::conn_info::ClosedDetails;
use super::custom::{self, CustomServices};
use super::encoding;
use super::expectations::Expectations;
use super::journal::{Journal, RequestRecord};
use super::outbox::{self, Draft, Outbox};
use super::peers::{self, Peers};
use super::requests::Answer;
use super::seen::Seen;
use super::statsz::StatszTimer;
use super::subscribers::{self, Counts};
use super::{
    Configuration, account_conns, connections, latency, made_up, msg_trace, registry, requests,
    resolver, server_life, statsz, trace,
};
use crate::core::{self, AccountId, Core, Notice, Nuid, Request, ServerId};
use crate::faults::{Message, Rules};

/// The system services of all servers of a deployment.
#[derive(Debug)]
pub(crate) struct Services {
    servers: Vec<ServerState>,
    /// Where each server reads its configuration again.
    configurations: Vec<Configuration>,
    pub journal: Journal,
    pub rules: Rules,
    pub expectations: Expectations,
    pub custom: CustomServices,
    /// How many servers do not know one of their peers, summed up.
    strangers: usize,
}

/// What the services of one server remember.
#[derive(Debug)]
pub(super) struct ServerState {
    /// Counts every message that carries an envelope.
    seq: u64,
    event_ids: Nuid,
    /// Those of events that accounts have of their own.
    pub(super) account_event_ids: BTreeMap<AccountId, Nuid>,
    rng: ChaCha8Rng,
    /// Nothing more is said after LAMEDUCK or SHUTDOWN.
    pub silent: bool,
    pub statsz: StatszTimer,
    pub heartbeats: Heartbeats,
    pub peers: Peers,
    pub counts: Counts,
    pub closed_details: ClosedDetails,
    pub lists: ListOrder,
    pub outbox: Outbox,
    /// Where the packs of other resolvers come to.
    pub pack_inbox: String,
    /// Memory for the event that is being written.
    scratch: Vec<u8>,
}

/// Draws the order of lists that a real server makes from maps.
#[derive(Debug)]
pub(super) struct ListOrder(ChaCha8Rng);

impl ListOrder {
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        list.shuffle(&mut self.0);
    }
}

/// A service's view of the deployment while it handles one notice of one server.
pub(super) struct Context<'a> {
    pub core: &'a mut Core,
    pub state: &'a mut ServerState,
    pub journal: &'a mut Journal,
    pub rules: &'a mut Rules,
    pub server: ServerId,
    pub system: AccountId,
    pub configuration: &'a Configuration,
}

impl Services {
    pub fn new(configurations: Vec<Configuration>, journal: Journal) -> Self {
        Self {
            servers: Vec::new(),
            configurations,
            journal,
            rules: Rules::default(),
            expectations: Expectations::default(),
            custom: CustomServices::default(),
            strangers: 0,
        }
    }

    /// Takes the configuration of the server that starts next.
    pub fn expect(&mut self, configuration: Configuration) {
        self.configurations.push(configuration);
    }

    /// Has a server say nothing any more.
    pub fn silence(&mut self, server: ServerId) {
        if let Some(state) = self.servers.get_mut(usize::from(server.0)) {
            state.silent = true;
        }
    }

    /// Handles everything that has happened.
    pub fn settle(&mut self, core: &mut Core) {
        while let Some(notice) = core.next_notice() {
            let server = server_of(&notice);
            self.handle(core, notice);
            self.introduce(core, server);
        }
    }

    /// Lets those hear of a server that do not know it yet, if it has just told how it is.
    fn introduce(&mut self, core: &mut Core, server: ServerId) {
        let mut waiting = vec![server];
        while let Some(server) = waiting.pop() {
            let state = self.servers.get_mut(usize::from(server.0));
            let told = state.is_some_and(|state| std::mem::take(&mut state.peers.introduced));
            if !told || self.strangers == 0 {
                continue;
            }
            for peer in core.known_servers(server) {
                if !peers::hears(core, peer, server) {
                    continue;
                }
                let Some(mut context) = self.context(core, peer) else {
                    continue;
                };
                if context.state.peers.heard(server) {
                    statsz::introduce(&mut context);
                    self.strangers -= 1;
                    waiting.push(peer);
                }
            }
        }
    }

    /// Says what a rule has let go of.
    pub fn say(&mut self, core: &mut Core, messages: Vec<Message>) {
        for message in messages {
            if let Some(mut context) = self.context(core, message.server) {
                context.say_in_time(message);
            }
        }
    }

    pub fn emit(
        &mut self,
        core: &mut Core,
        server: ServerId,
        subject: &str,
        payload: &[u8],
        completes: bool,
    ) {
        if let Some(mut context) = self.context(core, server) {
            made_up::emit(&mut context, subject, payload, completes);
        }
    }

    fn count_strangers(&mut self) {
        let peers = self.servers.iter().map(|state| &state.peers);
        self.strangers = peers.map(Peers::strangers).sum();
    }

    /// Begins to remember what a server that starts will say and do.
    fn remember(&mut self, seed: u64, server: ServerId) {
        let id = server.0;
        let mut rng = core::stream(seed, &format!("events {id}"));
        let state = ServerState {
            seq: 1,
            event_ids: Nuid::new(&mut rng),
            account_event_ids: BTreeMap::new(),
            rng,
            silent: false,
            statsz: StatszTimer::default(),
            heartbeats: Heartbeats::default(),
            peers: Peers::default(),
            counts: Counts::default(),
            closed_details: ClosedDetails::default(),
            lists: ListOrder(core::stream(seed, &format!("lists {id}"))),
            outbox: Outbox::default(),
            pack_inbox: core::base62(8, &mut core::stream(seed, &format!("packs {id}"))),
            scratch: Vec::new(),
        };
        self.servers.push(state);
    }

    fn context<'a>(&'a mut self, core: &'a mut Core, server: ServerId) -> Option<Context<'a>> {
        let system = core.server(server).system?;
        Some(Context {
            core,
            state: &mut self.servers[server.0 as usize],
            journal: &mut self.journal,
            rules: &mut self.rules,
            server,
            system,
            configuration: &self.configurations[usize::from(server.0)],
        })
    }

    /// Says what came of a command after the events that it caused, but for the ends of connections:
    /// these a real server tells in its own time.
    fn tell_outcome(&mut self, core: &mut Core, request: &Request, outcome: Answer) {
        let mut ended = Vec::new();
        while let Some(notice) = core.next_notice() {
            if matches!(notice, Notice::Disconnected { .. }) {
                ended.push(notice);
            } else {
                self.handle(core, notice);
            }
        }
        if let Some(mut context) = self.context(core, request.server) {
            requests::send(&mut context, request, outcome);
        }
        for notice in ended {
            self.handle(core, notice);
        }
    }

    /// Tells the expectations what a client has done.
    fn see(&mut self, core: &Core, seen: Seen) {
        self.expectations.see(&seen);
        self.journal.note_seen(core, seen);
    }

    fn handle(&mut self, core: &mut Core, notice: Notice) {
        let server = server_of(&notice);
        self.journal.note(core, &notice);
        trace::notice(core, &notice);
        let notice = match notice {
            Notice::Answered {
                client,
                answers,
                payload,
                counted,
                ..
            } => {
                core.hear_answer(client, answers, &payload.0, counted);
                return;
            }
            Notice::Published(message) => {
                let seen = Seen::published(core, *message);
                self.see(core, seen);
                return;
            }
            Notice::Subscribed(subscribed) => {
                let seen = Seen::subscribed(core, *subscribed);
                self.see(core, seen);
                return;
            }
            Notice::Request(request) => match custom::service_of(&request) {
                Some(service) => {
                    if self.journal.timeline.is_on() {
                        let description = self.custom.description(service);
                        self.journal.note_custom(core, &request, description);
                    }
                    self.custom.ask(core, service, &request);
                    return;
                }
                None => Notice::Request(request),
            },
            notice => notice,
        };
        if !self.expectations.is_empty() {
            match &notice {
                Notice::Connected { client, .. } => {
                    self.see(core, Seen::connected(core, server, client));
                }
                Notice::Request(request) if !request.repeated => {
                    if let Some(record) = RequestRecord::of(core, request) {
                        self.see(core, Seen::Request(Arc::new(record)));
                    }
                }
                _ => {}
            }
        }
        if let Notice::Started { .. } = notice {
            self.remember(core.seed(), server);
        }
        let Some(mut context) = self.context(core, server) else {
            server_life::stop_without_events(core, &notice);
            return;
        };
        match notice {
            Notice::Started { .. } => {
                registry::start(&mut context);
                statsz::start(&mut context);
                resolver::start(&mut context);
            }
            Notice::ClaimsWanted { account, .. } => resolver::ask_others(&mut context, &account),
            Notice::AccountAdded { account, .. } => registry::add_account(&mut context, account),
            Notice::Measured(measured) => latency::measured(&mut context, *measured),
            Notice::MeasuredApart(measured) => latency::measured_apart(&mut context, &measured),
            Notice::Traced(traced) => msg_trace::traced(&mut context, *traced),
            Notice::AccountConnections {
                account, tally, at, ..
            } => account_conns::changed(&mut context, account, tally, at),
            Notice::Connected { client, at, .. } => {
                connections::connected(&mut context, &client, at);
            }
            Notice::Disconnected {
                client, reason, at, ..
            } => connections::disconnected(&mut context, &client, reason, at),
            Notice::AuthFailed {
                client,
                audience,
                reason,
                words,
                at,
                ..
            } => {
                let words = words.as_deref().unwrap_or(reason.as_str());
                connections::refused(&mut context, &client, audience, words, at);
            }
            Notice::Request(request) => {
                context.journal.request(context.core, &request);
                let waiting = context.core.set_notices_aside();
                if let Some(outcome) = registry::dispatch(&mut context, &request) {
                    self.tell_outcome(core, &request, outcome);
                }
                core.put_notices_back(waiting);
            }
            Notice::Timer { tag, .. } => {
                if let Some(account) = account_conns::account_of(tag) {
                    account_conns::heartbeat(&mut context, account);
                } else if let Some(number) = subscribers::count_of(tag) {
                    subscribers::give_up(&mut context, number);
                } else if let Some(task) = resolver::task_of(tag) {
                    resolver::is_due(&mut context, task);
                } else if let Some(number) = outbox::message_of(tag) {
                    context.say_delayed(number);
                } else {
                    statsz::heartbeat(&mut context);
                }
            }
            Notice::PeerFound { peer, .. } => {
                peers::found(&mut context, peer);
                self.count_strangers();
            }
            Notice::PeerLost { peer, .. } => {
                peers::lost(&mut context, peer);
                self.count_strangers();
            }
            Notice::LeafAccepted { account, .. } => {
                connections::leaf_accepted(&mut context, account);
            }
            // They were looked at before.
            Notice::Published(_) | Notice::Subscribed(_) | Notice::Answered { .. } => {}
            // They have happened already.
            Notice::Fate { .. } | Notice::Link { .. } => {}
            Notice::LameDuck { .. } => server_life::lame_duck(&mut context),
            Notice::Shutdown { .. } => server_life::shutdown(&mut context),
        }
    }
}

fn server_of(notice: &Notice) -> ServerId {
    match notice {
        Notice::Measured(measured) => measured.server,
        Notice::MeasuredApart(measured) => measured.server,
        Notice::Traced(traced) => traced.server,
        Notice::Started { server }
        | Notice::AccountAdded { server, .. }
        | Notice::ClaimsWanted { server, .. }
        | Notice::AccountConnections { server, .. }
        | Notice::Connected { server, .. }
        | Notice::Disconnected { server, .. }
        | Notice::AuthFailed { server, .. }
        | Notice::Answered { server, .. }
        | Notice::Timer { server, .. }
        | Notice::PeerFound { server, .. }
        | Notice::PeerLost { server, .. }
        | Notice::LeafAccepted { server, .. }
        | Notice::LameDuck { server }
        | Notice::Shutdown { server }
        | Notice::Fate { server, .. }
        | Notice::Link { from: server, .. } => *server,
        Notice::Request(request) => request.server,
        Notice::Published(message) => message.server,
        Notice::Subscribed(subscribed) => subscribed.server,
    }
}

impl Context<'_> {
    pub fn server(&self) -> &core::Server {
        self.core.server(self.server)
    }

    /// What the server's clock shows.
    pub fn utc_now(&self) -> Timestamp {
        self.server().wall_clock.utc(self.core.now())
    }

    /// The id of the server, as it stands in subjects.
    pub fn server_id(&self) -> String {
        self.server().id.to_string()
    }

    /// The account that the server knows by `name`.
    pub fn account_named(&self, name: &str) -> Option<AccountId> {
        self.core.account_named(self.server, name)
    }

    pub fn account_name(&self, account: AccountId) -> String {
        self.core.account(account).name.to_string()
    }

    /// The id of an event that an account has of its own.
    pub fn next_event_id_of(&mut self, account: AccountId) -> String {
        let rng = &mut self.state.rng;
        let ids = self.state.account_event_ids.entry(account);
        ids.or_insert_with(|| Nuid::new(rng)).next(rng)
    }

    pub fn next_event_id(&mut self) -> String {
        self.state.event_ids.next(&mut self.state.rng)
    }

    /// The envelope of the message that goes out next.
    pub fn envelope(&mut self) -> ServerEnvelope {
        self.state.seq += 1;
        let seq = self.state.seq;
        let server = self.server();
        let spec = &server.spec;
        ServerEnvelope {
            name: server.name.to_string(),
            host: server.shown_host().to_owned(),
            id: server.id.to_string(),
            cluster: server
                .cluster_name
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
            ver: server.profile.version.to_owned(),
            tags: spec.tags.clone(),
            metadata: spec.metadata.clone(),
            feature_flags: server.profile.feature_flags(),
            seq,
            time: self.utc_now(),
            ..ServerEnvelope::default()
        }
    }

    /// Counts a message with an envelope that nobody would get.
    pub fn skip_envelope(&mut self) {
        self.state.seq += 1;
    }

    /// Whether there is anybody but the server itself who might get what it says.
    pub fn has_listeners(&self) -> bool {
        self.core.has_connections() || self.core.has_company(self.server)
    }

    /// Whether anybody but the server itself gets what it says in the system account.
    pub fn is_heard(&mut self, subject: &str) -> bool {
        let found = self.core.matches(self.system, subject.as_bytes());
        !found.plain.is_empty() || !found.queues.is_empty() || self.core.has_company(self.server)
    }

    /// Publishes an event in the system account.
    pub fn publish(&mut self, subject: &str, event: &impl Serialize) {
        self.publish_in(self.system, subject, "", event);
    }

    pub fn publish_in(
        &mut self,
        account: AccountId,
        subject: &str,
        reply: &str,
        event: &impl Serialize,
    ) {
        let mut payload = std::mem::take(&mut self.state.scratch);
        payload.clear();
        // No payload type fails to be written.
        let _ = json::to_writer(&mut payload, event);
        self.say(&Draft {
            account,
            subject: subject.as_bytes(),
            reply: reply.as_bytes(),
            request: None,
            is_trace: false,
            accept: None,
            header: b"",
            payload: &payload,
        });
        self.state.scratch = payload;
    }

    /// Asks other servers something in the system account.
    pub fn ask(&mut self, subject: &str, reply: &str, payload: &[u8]) {
        self.say(&Draft {
            account: self.system,
            subject: subject.as_bytes(),
            reply: reply.as_bytes(),
            request: None,
            is_trace: false,
            accept: None,
            header: b"",
            payload,
        });
    }

    /// A name for an answer that is awaited, which no other has.
    pub fn next_inbox_token(&mut self) -> String {
        core::base62(8, &mut self.state.rng)
    }

    /// Sends the answer to a request of the system account.
    pub fn respond(&mut self, request: &Request, to: &[u8], payload: &[u8], encodable: bool) {
        self.say(&Draft {
            account: self.system,
            subject: to,
            reply: b"",
            request: Some(request),
            is_trace: false,
            accept: encoding::asked_for(&request.header).filter(|_| encodable),
            header: b"",
            payload,
        });
    }
}
