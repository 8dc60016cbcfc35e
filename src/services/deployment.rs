//! The core and the system services, as one machine for the shells to drive.

use std::time::Duration;

use nats_mock_protocol::wire::ClientBatch;

use super::Configuration;
use super::acts::{self, Act};
use super::arrivals::receive_client;
use super::custom::{Answerer, CustomId, CustomServices, Listening, Response};
use super::expectations::Expectations;
use super::happening::RuleChange;
use super::journal::Journal;
use super::lines::pass_lines;
use super::system::Services;
use super::trace;
#[cfg(feature = "tls")]
use crate::core::TlsSession;
use crate::core::{
    Accepted, AfterOutput, CloseReason, ClusterId, ConnId, Core, Ending, FetchId, FetchOrder,
    FileChange, Peer, Phase, Received, ReloadError, ServerId, Standing, Time, Traffic,
};
use crate::faults::{About, Released, Rule, RuleId, Rules};
use crate::topology::{FetchError, ServerSpec, Topology};

/// A deployment with its system services.
///
/// Every method that is an input hands the notices it raises to the services before it returns, so
/// that a shell only sees the outputs: connections to write to and to close, and the next deadline.
/// The calling contract is that of [`Core`].
#[derive(Debug)]
pub(crate) struct Deployment {
    core: Core,
    services: Services,
}

impl Deployment {
    /// A deployment whose servers start at `now`, with as many events and requests kept as
    /// `history` says.
    pub fn new(
        topology: &Topology,
        configurations: Vec<Configuration>,
        now: Time,
        history: usize,
    ) -> Self {
        let core = Core::new(topology, now);
        let mut services = Services::new(configurations, Journal::new(history));
        services
            .journal
            .note_starts(&core, core.servers().map(|(id, _)| id));
        let mut deployment = Self { core, services };
        deployment.settle();
        deployment.core.form();
        deployment.settle();
        deployment
    }

    pub fn core(&self) -> &Core {
        &self.core
    }

    /// What the servers have said and were asked.
    pub fn journal(&self) -> &Journal {
        &self.services.journal
    }

    pub fn accept_at_leaf_port(
        &mut self,
        now: Time,
        server: ServerId,
        peer: Peer,
    ) -> Option<Accepted> {
        let accepted = self.core.accept_at_leaf_port(now, server, peer);
        self.settle();
        accepted
    }

    pub fn accept(&mut self, now: Time, server: ServerId, peer: Peer) -> Option<Accepted> {
        let accepted = if self.services.rules.has_arrivals() {
            let Services { journal, rules, .. } = &mut self.services;
            receive_client(&mut self.core, rules, journal, now, server, peer)
        } else {
            self.core.accept(now, server, peer)
        };
        self.settle();
        accepted
    }

    pub fn receive(
        &mut self,
        now: Time,
        id: ConnId,
        batch: &ClientBatch,
        goes_on: bool,
    ) -> Received {
        let _span = trace::batch(&self.core, id, batch);
        let Services { journal, rules, .. } = &mut self.services;
        let received = if rules.has_lines() {
            // What is in one batch is chance, and must not show in what rules make of it.
            let mut pass = |core: &mut Core| {
                pass_lines(core, rules, journal);
            };
            self.core
                .receive_each(now, id, batch, goes_on, Some(&mut pass))
        } else {
            self.core.receive(now, id, batch, goes_on)
        };
        self.settle();
        received
    }

    pub fn peer_closed(&mut self, now: Time, id: ConnId, reason: CloseReason) {
        self.core.peer_closed(now, id, reason);
        self.settle();
    }

    /// A client has begun to speak, or will not.
    #[cfg(feature = "tls")]
    pub fn first_bytes_came(&mut self, now: Time, id: ConnId, first: Option<u8>) {
        self.core.first_bytes_came(now, id, first);
        self.settle();
    }

    #[cfg(feature = "tls")]
    pub fn handshake_done(&mut self, now: Time, id: ConnId, session: TlsSession) {
        self.core.handshake_done(now, id, session);
        self.settle();
    }

    #[cfg(feature = "tls")]
    pub fn handshake_failed(&mut self, now: Time, id: ConnId) {
        self.core.handshake_failed(now, id);
        self.settle();
    }

    pub fn wrote(&mut self, now: Time, id: ConnId, len: usize) {
        self.core.wrote(now, id, len);
    }

    pub fn write_blocked(&mut self, now: Time, id: ConnId) {
        self.core.write_blocked(now, id);
    }

    /// Fires everything that is due at `now`, in order.
    pub fn advance(&mut self, now: Time) {
        while self.core.advance(now) {
            self.settle();
        }
    }

    pub fn begin_lame_duck(&mut self, now: Time, server: ServerId) {
        self.core.begin_lame_duck(now, server);
        self.settle();
    }

    pub fn begin_shutdown(&mut self, now: Time, server: ServerId) {
        self.core.begin_shutdown(now, server);
        self.settle();
    }

    /// Changes something between or about servers.
    pub fn change(&mut self, change: impl FnOnce(&mut Core)) {
        change(&mut self.core);
        self.settle();
    }

    /// Ends all servers at once.
    pub fn end_all(&mut self) {
        self.core.end_all();
    }

    /// Ends a server without a word to anybody.
    pub fn crash(&mut self, now: Time, server: ServerId) {
        self.services.silence(server);
        self.core.crash(now, server);
        self.settle();
    }

    /// Starts a server in the place of one that has stopped.
    pub fn start_again(
        &mut self,
        now: Time,
        previous: ServerId,
        spec: ServerSpec,
        configuration: Configuration,
    ) -> ServerId {
        let cluster = self.core.server(previous).cluster;
        self.start_in(now, cluster, spec, configuration, Some(previous))
    }

    /// Starts another server, in the cluster that its routes lead to.
    pub fn start_another(
        &mut self,
        now: Time,
        spec: ServerSpec,
        configuration: Configuration,
    ) -> ServerId {
        let cluster = self.core.cluster_for(&spec);
        self.start_in(now, cluster, spec, configuration, None)
    }

    fn start_in(
        &mut self,
        now: Time,
        cluster: ClusterId,
        spec: ServerSpec,
        configuration: Configuration,
        previous: Option<ServerId>,
    ) -> ServerId {
        self.services.expect(configuration);
        let id = self.core.add_server(now, spec, cluster, previous);
        self.services
            .journal
            .note_starts(&self.core, std::iter::once(id));
        if let Some(previous) = previous {
            self.core.keep_wall_clock(id, previous);
        }
        self.settle();
        if let Some(previous) = previous {
            self.core.inherit_links(id, previous);
            self.services.custom.follow(&mut self.core, previous, id);
        }
        self.core.join_cluster(id);
        self.settle();
        id
    }

    pub fn reload(
        &mut self,
        now: Time,
        server: ServerId,
        spec: ServerSpec,
    ) -> Result<(), ReloadError> {
        let reloaded = self.core.reload(now, server, spec);
        self.settle();
        reloaded
    }

    /// Says how long a connection that has just been accepted has been there already.
    pub fn backdate(&mut self, id: ConnId, uptime: Duration) {
        self.core.backdate(id, uptime);
    }

    /// Leaves a connection without a shell. Tells whether it was open.
    pub fn detach(&mut self, now: Time, id: ConnId, standing: &Standing) -> bool {
        self.core.detach(now, id, standing)
    }

    /// Counts messages for a connection without a shell.
    pub fn count(&mut self, now: Time, id: ConnId, published: Traffic, delivered: Traffic) {
        self.core.count(now, id, published, delivered);
    }

    /// Ends a connection as if its server had.
    pub fn end(&mut self, now: Time, id: ConnId, ending: &Ending) {
        self.core.end(now, id, ending);
        self.settle();
    }

    /// Does something to connections, and leaves only those in the list that it could be done to.
    pub fn act(&mut self, now: Time, act: &Act, ids: &mut Vec<ConnId>) {
        acts::act(&mut self.core, &mut self.services.journal, now, act, ids);
        self.settle();
    }

    pub fn take_fetch_orders(&mut self) -> Vec<FetchOrder> {
        self.core.take_fetch_orders()
    }

    /// What was to be fetched is there, or is not to be had.
    pub fn fetched(&mut self, now: Time, id: FetchId, answer: Result<String, FetchError>) {
        self.core.fetched(now, id, answer);
        self.settle();
    }

    pub fn take_file_changes(&mut self) -> Vec<FileChange> {
        self.core.take_file_changes()
    }

    pub fn take_woken(&mut self, into: &mut Vec<ConnId>) {
        self.core.take_woken(into);
    }

    pub fn take_output(
        &mut self,
        id: ConnId,
        lend: impl FnOnce(usize) -> Vec<u8>,
    ) -> (Vec<u8>, AfterOutput) {
        self.core.take_output(id, lend)
    }

    pub fn release(&mut self, id: ConnId) {
        self.core.release(id);
        self.settle();
    }

    pub fn next_deadline(&self) -> Option<Time> {
        self.core.next_deadline()
    }

    pub fn is_stopped(&self, server: ServerId) -> bool {
        self.core.server(server).phase == Phase::Stopped
    }

    /// Whether every server has stopped.
    pub fn is_over(&self) -> bool {
        let mut servers = self.core.servers();
        servers.all(|(_, server)| server.phase == Phase::Stopped)
    }

    pub fn is_accepting(&self, server: ServerId) -> bool {
        self.core.server(server).phase == Phase::Running
    }

    /// How often a server has entered another phase of its life.
    pub fn phase_changes(&self) -> u64 {
        self.core.phase_changes()
    }

    /// Puts a rule in force.
    pub fn arm(&mut self, now: Time, rule: Rule) -> RuleId {
        self.core.set_now(now);
        if matches!(rule.about, About::Line(_)) {
            // What has been sent before is none of its business.
            self.core.let_all_pass();
        }
        let Services { journal, rules, .. } = &mut self.services;
        journal.note_rule(&self.core, &rule.trigger.description, RuleChange::Armed);
        rules.arm(self.core.seed(), rule)
    }

    pub fn rules(&self) -> &Rules {
        &self.services.rules
    }

    /// Ends a rule, and lets go of what it has held.
    pub fn end_rule(&mut self, now: Time, id: RuleId) {
        self.core.set_now(now);
        let Services { journal, rules, .. } = &mut self.services;
        if let Some(hits) = rules.hits(id) {
            journal.note_rule(&self.core, rules.description(id), RuleChange::Ended(hits));
        }
        let held = rules.end(id);
        self.let_go(now, held);
    }

    /// Lets go of what a rule has held so far.
    pub fn release_held(&mut self, now: Time, id: RuleId) {
        self.core.set_now(now);
        let Services { journal, rules, .. } = &mut self.services;
        let held = rules.release(id);
        if held.len() > 0 {
            let change = RuleChange::Released(held.len());
            journal.note_rule(&self.core, rules.description(id), change);
        }
        self.let_go(now, held);
    }

    /// Takes note that the test moves the clock.
    pub fn note_clock(&mut self, by: Duration) {
        self.services.journal.note_clock(&self.core, by);
    }

    /// Takes note that the test closes a server's port, or opens it again.
    pub fn note_port(&mut self, now: Time, server: ServerId, is_open: bool) {
        self.core.set_now(now);
        self.services.journal.note_port(&self.core, server, is_open);
    }

    pub fn expectations(&self) -> &Expectations {
        &self.services.expectations
    }

    /// Changes what is expected.
    pub fn change_expectations<T>(&mut self, change: impl FnOnce(&mut Expectations) -> T) -> T {
        let result = change(&mut self.services.expectations);
        self.core.watch(self.services.expectations.watched());
        result
    }

    pub fn custom(&self) -> &CustomServices {
        &self.services.custom
    }

    /// Starts a service that a test has made up; `None` if its subject is invalid.
    pub fn start_custom(
        &mut self,
        now: Time,
        listening: Listening,
        answerer: Answerer,
    ) -> Option<CustomId> {
        self.core.set_now(now);
        let Services { custom, .. } = &mut self.services;
        let started = custom.start(&mut self.core, listening, answerer);
        self.settle();
        started
    }

    pub fn end_custom(&mut self, now: Time, id: CustomId) {
        self.core.set_now(now);
        self.services.custom.end(&mut self.core, id);
        self.settle();
    }

    /// Says what such a service answers later than at once.
    pub fn respond(&mut self, now: Time, response: &Response) {
        self.core.set_now(now);
        self.services.custom.respond(&mut self.core, response);
        self.settle();
    }

    /// Has a server publish an event that a test has made up.
    pub fn emit(
        &mut self,
        now: Time,
        server: ServerId,
        subject: &str,
        payload: &[u8],
        completes: bool,
    ) {
        self.core.set_now(now);
        self.services
            .emit(&mut self.core, server, subject, payload, completes);
        self.settle();
    }

    fn let_go(&mut self, now: Time, held: Released) {
        self.core.set_now(now);
        self.services.say(&mut self.core, held.messages);
        for client in held.clients {
            self.core.resume(now, client);
        }
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            self.services.settle(&mut self.core);
            let Services { journal, rules, .. } = &mut self.services;
            if !rules.has_lines() || !pass_lines(&mut self.core, rules, journal) {
                return;
            }
        }
    }
}
