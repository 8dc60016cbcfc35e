//! Playing a scenario against a server under test and writing down what came.

mod accounts;
mod connections;
mod identities;
mod sending;
mod servers;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::account_server::{self, AccountServer};
use crate::callout::Question;
use crate::driver::{CommandOutput, Driver, DriverError, Exit, Opened, Secured, Target};
use crate::normalise::{Freedom, HoleKind, MaskedFrame, Normaliser};
use crate::scenario::{
    Action, Await, Goal, Handshake, Operation, Pattern, PortKind, Scenario, Step, TransportChange,
    Unbound,
};
use crate::transcript::Transcript;
use crate::version::Version;
use crate::wire::Frame;

use accounts::Accounts;
use connections::Connections;
use identities::Identities;

/// How long steps without a deadline of their own may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of playing a scenario.
#[derive(Debug)]
pub struct Played {
    /// The transcript as far as it went.
    pub transcript: String,
    /// Why it did not go to the end.
    pub failure: Option<Failure>,
}

/// Why a scenario did not go to its end.
#[derive(Debug)]
pub struct Failure {
    /// The line of the scenario file.
    pub line: usize,
    /// What went wrong there.
    pub problem: Problem,
}

/// What can go wrong in a step.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The server under test could not be driven.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// What was awaited did not come.
    #[error("{0}")]
    Unmet(String),
    /// The script uses something that is not there.
    #[error("{0}")]
    Script(String),
}

impl From<Unbound> for Problem {
    fn from(error: Unbound) -> Self {
        Self::Script(error.to_string())
    }
}

/// Plays `scenario` against a fresh server of `target`, which is or pretends to be `version`.
pub fn play(scenario: &Scenario, target: &dyn Target, version: Version) -> Played {
    let mut transcript = Transcript::new(&scenario.purpose);
    let mut identities = Identities::of(scenario);
    let accounts = match scenario.uses_account_server() {
        true => AccountServer::start().map(Some),
        false => Ok(None),
    };
    if let Ok(Some(accounts)) = &accounts {
        identities.know(account_server::PLACEHOLDER, accounts.url());
        identities.know(account_server::PLACEHOLDER_TLS, accounts.url_tls());
        identities.know(account_server::PLACEHOLDER_NAMED, accounts.url_named());
    }
    let accounts = accounts.map_err(DriverError::io("serving the JWTs of accounts"));
    let prepared = identities
        .deployment(&scenario.deployment, target.clock())
        .map_err(Problem::Script)
        .and_then(|deployment| Ok((target.prepare(&deployment)?, accounts?)));
    let failure = match prepared {
        Ok((driver, accounts)) => {
            let servers = &scenario.deployment.servers;
            let mut literals = driver.literals();
            literals.extend(accounts.iter().flat_map(|accounts| {
                let names = [accounts.address().to_string(), accounts.named_address()];
                names.map(|name| (name.into_bytes(), HoleKind::Accounts))
            }));
            let mut normaliser = match servers.is_empty() {
                true => Normaliser::new(literals),
                false => Normaliser::of_several(literals, driver.ports()),
            };
            identities.show(&mut normaliser);
            let mut run = Run {
                identities,
                accounts: accounts.map(Accounts::new),
                driver,
                servers: servers.iter().map(|server| server.name.clone()).collect(),
                conns: Connections::new(scenario.pings),
                variables: BTreeMap::new(),
                questions: BTreeMap::new(),
                normaliser,
                transcript: &mut transcript,
            };
            run.script(&scenario.steps, version)
        }
        Err(error) => Some(Failure {
            line: 1,
            problem: error,
        }),
    };
    if let Some(failure) = &failure {
        transcript.remark(&format!("! {}", failure.problem));
    }
    Played {
        transcript: transcript.into_text(),
        failure,
    }
}

struct Run<'a> {
    identities: Identities<'a>,
    driver: Box<dyn Driver>,
    /// Where servers may look up the JWTs of accounts.
    accounts: Option<Accounts>,
    /// The names of several servers.
    servers: Vec<String>,
    conns: Connections,
    variables: BTreeMap<String, String>,
    /// What servers have last asked on each connection.
    questions: BTreeMap<String, Question>,
    normaliser: Normaliser,
    transcript: &'a mut Transcript,
}

impl Run<'_> {
    fn script(&mut self, steps: &[Step], version: Version) -> Option<Failure> {
        let mut line = 1;
        for step in steps.iter().filter(|s| s.versions.contains(version)) {
            line = step.line;
            self.transcript.step(&step.source);
            if let Err(problem) = self.step(&step.action) {
                return Some(Failure { line, problem });
            }
        }
        let leftover = self.leftover();
        leftover.err().map(|problem| Failure { line, problem })
    }

    /// A script has to await all that its connections receive.
    fn leftover(&mut self) -> Result<(), Problem> {
        self.conns.exchange(self.driver.as_mut())?;
        match self.conns.unread() {
            Some((name, frame)) => Err(Problem::Script(format!(
                "`{name}` received {} that no step awaits",
                String::from_utf8_lossy(&frame.line).trim_end()
            ))),
            None => Ok(()),
        }
    }

    fn step(&mut self, action: &Action) -> Result<(), Problem> {
        match action {
            Action::Open {
                conn,
                server,
                port,
                await_info,
            } => self.open(conn, (server.as_deref(), *port), *await_info),
            Action::OpenRefused { conn, server } => self.open_refused(conn, server.as_deref()),
            Action::Send {
                conn,
                operation,
                repeat,
            } => self.send(conn, operation, *repeat),
            Action::Ask {
                conn,
                subject,
                reply,
                payload,
            } => self.ask(conn, subject, reply, payload),
            Action::Exchange { conn, send, until } => {
                self.send(conn, &Operation::Raw(send.clone()), 1)?;
                self.await_goal(conn, until)
            }
            Action::Answer { conn, answer } => self.answer(conn, answer),
            Action::Await { conn, until } => self.await_goal(conn, until),
            Action::Spread {
                conns,
                count,
                pattern,
                each,
                any_sid,
            } => self.spread(conns, *count, pattern, *each, *any_sid),
            Action::Drain { conn } => self.drain(conn),
            Action::Frames { conn, agreed } => self.conns.frame(conn, *agreed),
            Action::SendFrame {
                conn,
                first,
                payload,
            } => {
                let payload = payload.fill(&self.variables)?;
                self.conns.queue_frame(conn, *first, &payload)?;
                self.send_queued(conn)
            }
            Action::Transport { conn, change } => self.transport(conn, *change),
            Action::Secure { conn, how } => self.secure(conn, how),
            Action::Start { server, version } => match server {
                None => self.start(),
                Some(name) => self.boot(name, *version),
            },
            Action::Signal { server, signal } => {
                let index = self.index(server.as_deref())?;
                Ok(self.driver.signal(index, *signal)?)
            }
            Action::Accounts(change) => self.change_accounts(change),
            Action::AwaitRequests(count) => self.await_requests(*count),
            Action::AwaitFormed => Ok(self.driver.formed()?),
            Action::Link { between, change } => {
                let between = (self.index(Some(&between.0))?, self.index(Some(&between.1))?);
                Ok(self.driver.link(between, *change)?)
            }
            Action::Reload { server, conf } => self.reload(server.as_deref(), conf),
            Action::Configure { server, conf } => {
                let index = self.index(server.as_deref())?;
                let conf = self.fill_conf(conf)?;
                Ok(self.driver.configure(index, &conf)?)
            }
            Action::Run { args } => {
                let output = self.driver.run(args)?;
                self.output(&output);
                Ok(())
            }
            Action::AwaitRest => {
                self.note_held_requests();
                Ok(self.driver.rest()?)
            }
            Action::AwaitExit { server } => self.await_exit(server.as_deref()),
            Action::Elapse(time) => self.elapse(*time),
        }
    }

    fn open(
        &mut self,
        name: &str,
        (server, port): (Option<&str>, PortKind),
        await_info: bool,
    ) -> Result<(), Problem> {
        self.start()?;
        match self.driver.open_port(self.index(server)?, port)? {
            Opened::Connection(id) => self.conns.add(name, id)?,
            Opened::Refused => return Err(Problem::Unmet(format!("`{name}` is refused"))),
        }
        if !await_info {
            return Ok(());
        }
        self.await_goal(
            name,
            &Await {
                goal: Goal::Frames {
                    count: 1,
                    pattern: Pattern::Verb("INFO".to_owned()),
                },
                any_order: false,
                quiet: false,
                sets: Vec::new(),
                free: Vec::new(),
                shuffled: Vec::new(),
                latest: None,
                within: PATIENCE,
            },
        )
    }

    fn secure(&mut self, name: &str, how: &Handshake) -> Result<(), Problem> {
        let id = self.conns.id(name)?;
        let text = match self.driver.secure(id, how)? {
            Secured::Done(session) => format!("{name} secured: {session}"),
            Secured::Failed(why) => format!("{name} not secured: {why}"),
        };
        self.transcript.remark(&text);
        Ok(())
    }

    fn open_refused(&mut self, name: &str, server: Option<&str>) -> Result<(), Problem> {
        match self.driver.open(self.index(server)?)? {
            Opened::Connection(_) => Err(Problem::Unmet(format!("`{name}` is not refused"))),
            Opened::Refused => {
                self.transcript.remark(&format!("{name} refused"));
                Ok(())
            }
        }
    }

    fn await_goal(&mut self, name: &str, until: &Await) -> Result<(), Problem> {
        let mut taken = Vec::new();
        let outcome = self.take_until(name, until, &mut taken);
        self.learn(name, &taken);
        if let (Ok(()), Some(pattern)) = (&outcome, &until.latest) {
            let matcher = self.matcher(pattern)?;
            let last = taken.iter().rposition(|frame| matcher.matches(frame));
            let last = last.ok_or_else(|| Problem::Unmet(format!("none came on `{name}`")))?;
            let mut at = 0..;
            taken.retain(|frame| at.next() == Some(last) || !matcher.matches(frame));
        }
        let freedom = Freedom {
            sets: &until.sets,
            free: &until.free,
            shuffled: &until.shuffled,
        };
        let mut masked = self.masked(&taken, freedom);
        if until.any_order {
            masked.sort_by_cached_key(MaskedFrame::order_key);
        }
        self.transcript.frames(name, &masked);
        self.transcript.shuffled(name, &masked);
        outcome?;
        if until.goal == Goal::Closed {
            let rest = self.conns.partial(name)?;
            if !rest.is_empty() {
                let frame = Frame {
                    line: rest,
                    body: None,
                };
                let masked = self.masked(&[frame], freedom);
                self.transcript
                    .frames(&format!("{name} incomplete"), &masked);
            }
            let alert = self
                .conns
                .alert(name)?
                .map(|alert| format!(" with {alert}"));
            let how = alert.unwrap_or_default();
            self.transcript.remark(&format!("{name} closed{how}"));
        }
        if until.quiet && taken.len() > 1 {
            return Err(Problem::Unmet(format!("`{name}` was not quiet")));
        }
        Ok(())
    }

    fn masked(&self, frames: &[Frame], freedom: Freedom<'_>) -> Vec<MaskedFrame> {
        frames
            .iter()
            .map(|frame| self.normaliser.frame(frame, freedom))
            .collect()
    }

    /// Takes frames off `name` until the goal of `until` is met.
    fn take_until(
        &mut self,
        name: &str,
        until: &Await,
        taken: &mut Vec<Frame>,
    ) -> Result<(), Problem> {
        let (mut missing, matcher) = match &until.goal {
            Goal::Frames { count, pattern } => (*count, Some(self.matcher(pattern)?)),
            Goal::Closed => (0, None),
        };
        let deadline = self.driver.now() + until.within;
        loop {
            while matcher.is_none() || missing > 0 {
                let Some(frame) = self.conns.take(name)? else {
                    break;
                };
                if matcher.as_ref().is_some_and(|m| m.matches(&frame)) {
                    missing -= 1;
                }
                taken.push(frame);
            }
            let closed = self.conns.is_closed(name)?;
            match &until.goal {
                Goal::Frames { .. } if missing == 0 => return Ok(()),
                Goal::Closed if closed => return Ok(()),
                Goal::Frames { .. } if closed => {
                    return Err(Problem::Unmet(format!("`{name}` was closed before that")));
                }
                _ => {}
            }
            if !self.wait(deadline)? {
                return Err(Problem::Unmet(format!(
                    "nothing more came on `{name}` within {:?}",
                    until.within
                )));
            }
        }
    }

    /// Moves bytes and, if none moved, waits; `false` when the deadline has passed.
    fn wait(&mut self, deadline: Duration) -> Result<bool, Problem> {
        if self.conns.exchange(self.driver.as_mut())? {
            return Ok(true);
        }
        if self.driver.now() >= deadline {
            return Ok(false);
        }
        self.note_held_requests();
        self.driver.wait(&self.conns.interests(), deadline)?;
        Ok(true)
    }

    fn matcher(&mut self, pattern: &Pattern) -> Result<Matcher, Problem> {
        Ok(match pattern {
            Pattern::Any => Matcher::Any,
            Pattern::Verb(verb) => Matcher::Verb(verb.clone().into_bytes()),
            Pattern::Prefix(prefix) => Matcher::Prefix(self.fill(prefix)?),
        })
    }

    fn spread(
        &mut self,
        names: &[String],
        count: usize,
        pattern: &Pattern,
        each: usize,
        any_sid: bool,
    ) -> Result<(), Problem> {
        let matcher = self.matcher(pattern)?;
        let deadline = self.driver.now() + PATIENCE;
        let mut shares = vec![0; names.len()];
        let mut taken = Vec::new();
        while shares.iter().sum::<usize>() < count {
            for (name, share) in names.iter().zip(&mut shares) {
                while let Some(frame) = self.conns.take(name)? {
                    *share += usize::from(matcher.matches(&frame));
                    taken.push(frame);
                }
            }
            if shares.iter().sum::<usize>() < count && !self.wait(deadline)? {
                let got: usize = shares.iter().sum();
                return Err(Problem::Unmet(format!("only {got} of {count} came")));
            }
        }
        if any_sid {
            taken.iter_mut().for_each(Frame::hide_sid);
        }
        let mut masked = self.masked(&taken, Freedom::default());
        masked.sort_by_cached_key(MaskedFrame::order_key);
        self.transcript.frames(&names.join("|"), &masked);
        if let Some(share) = shares.iter().find(|share| **share < each) {
            return Err(Problem::Unmet(format!(
                "one connection got {share}, less than {each}"
            )));
        }
        Ok(())
    }

    fn drain(&mut self, name: &str) -> Result<(), Problem> {
        let mut deadline = self.driver.now() + PATIENCE;
        while !self.conns.is_closed(name)? {
            while self.conns.take(name)?.is_some() {
                deadline = self.driver.now() + PATIENCE;
            }
            if !self.wait(deadline)? {
                return Err(Problem::Unmet(format!("`{name}` was not closed")));
            }
        }
        self.conns.forget_unread(name)?;
        self.transcript
            .remark(&format!("{name} closed, content not shown"));
        Ok(())
    }

    fn transport(&mut self, name: &str, change: TransportChange) -> Result<(), Problem> {
        let id = self.conns.id(name)?;
        match change {
            TransportChange::HalfClose => self.driver.half_close(id)?,
            TransportChange::StopReading => self.conns.set_reading(name, false)?,
            TransportChange::ResumeReading => self.conns.set_reading(name, true)?,
            TransportChange::Close => {
                self.conns.remove(name)?;
                self.driver.close(id)?;
            }
            TransportChange::Reset => {
                self.conns.remove(name)?;
                self.driver.reset(id)?;
            }
        }
        Ok(())
    }

    fn await_exit(&mut self, server: Option<&str>) -> Result<(), Problem> {
        let index = self.index(server)?;
        let name = server.unwrap_or("server");
        let deadline = self.driver.now() + PATIENCE;
        loop {
            if let Some(exit) = self.driver.exit(index)? {
                self.transcript.remark(&format!("{name} {}", ended(exit)));
                return Ok(());
            }
            if !self.wait(deadline)? {
                return Err(Problem::Unmet("the server did not end".to_owned()));
            }
        }
    }

    fn elapse(&mut self, time: Duration) -> Result<(), Problem> {
        let until = self.driver.now() + time;
        while self.driver.now() < until {
            self.wait(until)?;
        }
        Ok(())
    }

    fn output(&mut self, output: &CommandOutput) {
        for (name, text) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let masked = self.normaliser.output(text);
            self.transcript.output(name, &masked);
        }
        self.transcript.remark(&ended(output.exit));
    }
}

fn ended(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Killed(signal) => format!("killed by signal {signal}"),
    }
}

enum Matcher {
    Any,
    Verb(Vec<u8>),
    Prefix(Vec<u8>),
}

impl Matcher {
    fn matches(&self, frame: &Frame) -> bool {
        match self {
            Self::Any => true,
            Self::Verb(verb) => frame.verb() == verb,
            Self::Prefix(prefix) => frame.line.starts_with(prefix),
        }
    }
}
