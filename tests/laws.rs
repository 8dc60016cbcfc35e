//! Laws that hold after every step of every script.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use nats_mock::{Client, Subscription};
use proptest::prelude::*;
use serde_json::Value;
use support::raw::Raw;
use support::script::{CONNS, Step, USERS, World, script};
use support::system::{drain, json};

/// What a few lines know of one connection.
#[derive(Clone, Debug, Default)]
struct Conn {
    user: Option<usize>,
    echo: bool,
    subs: BTreeMap<u8, Sub>,
}

#[derive(Clone, Debug)]
struct Sub {
    subject: &'static str,
    queue: Option<&'static str>,
    max: Option<u64>,
    matched: u64,
}

/// Who is connected, and who is to get what.
#[derive(Debug, Default)]
struct Model {
    conns: [Option<Conn>; CONNS],
}

fn matches(pattern: &str, subject: &str) -> bool {
    let (mut pattern, mut subject) = (pattern.split('.'), subject.split('.'));
    loop {
        match (pattern.next(), subject.next()) {
            (Some(">"), Some(_)) => return true,
            (Some("*"), Some(_)) => {}
            (Some(p), Some(s)) if p == s => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

impl Model {
    fn account(&self, conn: usize) -> Option<&'static str> {
        Some(USERS[self.conns[conn].as_ref()?.user?].2)
    }

    /// Connections that are logged in to an account.
    fn connections(&self, account: &str) -> u64 {
        let of = |conn: &usize| self.account(*conn) == Some(account);
        (0..CONNS).filter(of).count() as u64
    }

    fn subscriptions(&self) -> u64 {
        self.conns
            .iter()
            .flatten()
            .map(|conn| conn.subs.len() as u64)
            .sum()
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Open { conn } => {
                self.conns[conn].get_or_insert_default();
            }
            Step::Login { conn, user, echo } => {
                if let Some(conn) = &mut self.conns[conn] {
                    // Since 2.12, CONNECT begins anew.
                    *conn = Conn {
                        user: Some(user),
                        echo,
                        ..Conn::default()
                    };
                }
            }
            Step::Close { conn, .. }
            | Step::Kick { conn }
            | Step::WrongPassword { conn }
            | Step::Garbage { conn } => {
                self.conns[conn] = None;
            }
            Step::Sub {
                conn,
                sid,
                subject,
                queue,
            } => {
                let sub = Sub {
                    subject,
                    queue,
                    max: None,
                    matched: 0,
                };
                self.logged_in(conn, |conn| {
                    conn.subs.entry(sid).or_insert(sub);
                });
            }
            Step::Unsub { conn, sid, max } => self.logged_in(conn, |conn| {
                let max = max.filter(|max| *max > 0);
                match conn.subs.get_mut(&sid) {
                    Some(sub) if max.is_some_and(|max| max > sub.matched) => sub.max = max,
                    _ => drop(conn.subs.remove(&sid)),
                }
            }),
            Step::Pub { conn, .. } | Step::Request { conn, .. } | Step::Ping { conn } => {
                self.logged_in(conn, |_| ());
            }
            Step::Advance { .. } => {}
        }
    }

    /// Who says anything before CONNECT is turned away.
    fn logged_in(&mut self, conn: usize, then: impl FnOnce(&mut Conn)) {
        match &mut self.conns[conn] {
            Some(open) if open.user.is_some() => then(open),
            open => *open = None,
        }
    }

    /// Who has to get a message: plain subscriptions, and for each queue group those of whom one
    /// gets it.
    fn receivers(&self, from: usize, subject: &str) -> (Vec<Id>, BTreeMap<&'static str, Vec<Id>>) {
        let (mut plain, mut groups) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
        let Some(account) = self.account(from) else {
            return (plain, groups);
        };
        for (index, conn) in self.conns.iter().enumerate() {
            let Some(conn) = conn else { continue };
            let hears = self.account(index) == Some(account) && (index != from || conn.echo);
            for (&sid, sub) in conn.subs.iter().filter(|_| hears) {
                if !matches(sub.subject, subject) {
                    continue;
                }
                match sub.queue {
                    None => plain.push((index, sid)),
                    Some(queue) => groups.entry(queue).or_default().push((index, sid)),
                }
            }
        }
        (plain, groups)
    }

    fn delivered(&mut self, (conn, sid): Id) {
        let Some(conn) = &mut self.conns[conn] else {
            return;
        };
        if let Some(sub) = conn.subs.get_mut(&sid) {
            sub.matched += 1;
            if sub.max.is_some_and(|max| sub.matched >= max) {
                conn.subs.remove(&sid);
            }
        }
    }
}

/// A subscription: connection and sid.
type Id = (usize, u8);

/// The world, the model, and somebody in the system account who watches.
struct Lab {
    world: World,
    model: Model,
    events: Subscription,
    conns: Subscription,
    seen_conns: BTreeMap<String, u64>,
    last_seq: u64,
    /// CONNECT events less DISCONNECT events by client id and account.
    balance: BTreeMap<(u64, String), i64>,
    ended: BTreeSet<u64>,
    opened: u64,
}

impl Lab {
    fn new() -> Self {
        let mut world = World::new(7);
        let ops = &mut world.ops;
        // The first answer that comes from another account takes a subscription that stays.
        support::system::ask(ops, "$SYS.REQ.USER.INFO", "");
        let events = ops.subscribe("$SYS.>").unwrap();
        let conns = ops.subscribe("$SYS.ACCOUNT.*.SERVER.CONNS").unwrap();
        Self {
            world,
            model: Model::default(),
            events,
            conns,
            seen_conns: BTreeMap::new(),
            last_seq: 0,
            balance: BTreeMap::new(),
            ended: BTreeSet::new(),
            opened: 1,
        }
    }

    fn play(&mut self, step: &Step) -> Result<(), TestCaseError> {
        if let Step::Open { conn } = *step {
            self.opened += u64::from(self.model.conns[conn].is_none());
        }
        let payload = self.world.play(step);
        match (step, payload) {
            (Step::Pub { conn, subject, .. }, Some(payload)) => {
                self.check_delivery(*conn, subject, &payload)?;
            }
            (Step::Request { .. }, _) => self.follow_request(),
            _ => {}
        }
        self.model.play(step);
        self.check_events()
    }

    /// Everybody gets what the model says, and nothing else.
    fn check_delivery(
        &mut self,
        from: usize,
        subject: &str,
        payload: &str,
    ) -> Result<(), TestCaseError> {
        let (plain, groups) = self.model.receivers(from, subject);
        let mut got: Vec<Id> = Vec::new();
        for conn in 0..CONNS {
            for (sid, text) in self.world.messages(conn) {
                // Answers to requests were on their way before.
                if text == payload {
                    got.push((conn, sid));
                }
            }
        }
        got.iter().for_each(|&id| self.model.delivered(id));
        got.sort_unstable();
        for id in plain {
            let at = got.iter().position(|got| *got == id);
            prop_assert!(at.is_some(), "{id:?} did not get {subject} from {from}");
            got.swap_remove(at.unwrap());
        }
        for (queue, members) in groups {
            let at = got.iter().position(|got| members.contains(got));
            prop_assert!(at.is_some(), "nobody of {queue} got {subject} from {from}");
            got.swap_remove(at.unwrap());
        }
        prop_assert!(got.is_empty(), "{got:?} got {subject} from {from} too much");
        Ok(())
    }

    /// A request and its answer may come to subscriptions of the script, where they count.
    fn follow_request(&mut self) {
        for conn in 0..CONNS {
            for (sid, _) in self.world.messages(conn) {
                self.model.delivered((conn, sid));
            }
        }
    }

    fn check_events(&mut self) -> Result<(), TestCaseError> {
        for message in drain(&mut self.conns) {
            let event = json(&message);
            let count = event["conns"].as_u64().unwrap();
            self.seen_conns
                .insert(event["acc"].as_str().unwrap().to_owned(), count);
        }
        for account in ["A", "B"] {
            let seen = self.seen_conns.get(account).copied().unwrap_or(0);
            prop_assert_eq!(
                seen,
                self.model.connections(account),
                "CONNS of {}",
                account
            );
        }
        for message in drain(&mut self.events) {
            if message.payload.is_empty() {
                continue;
            }
            let event = json(&message);
            if let Some(seq) = event["server"]["seq"].as_u64() {
                prop_assert!(seq > self.last_seq, "{seq} after {}", self.last_seq);
                self.last_seq = seq;
            }
            self.count_event(&message.subject, &event)?;
        }
        Ok(())
    }

    fn count_event(&mut self, subject: &str, event: &Value) -> Result<(), TestCaseError> {
        let client = &event["client"];
        let id = client["id"].as_u64().unwrap_or(0);
        let key = (id, client["acc"].as_str().unwrap_or_default().to_owned());
        if subject.ends_with(".CONNECT") {
            prop_assert!(!self.ended.contains(&id), "{id} comes back");
            *self.balance.entry(key).or_default() += 1;
        } else if subject.ends_with(".DISCONNECT") {
            prop_assert!(self.ended.insert(id), "{id} ends twice");
            *self.balance.entry(key).or_default() -= 1;
        }
        Ok(())
    }

    /// Server statistics are the sums over open and closed connections.
    fn check_totals(&mut self) -> Result<(), TestCaseError> {
        let mut raw = Raw::login(&self.world.nats, "ops", "pw", "");
        self.opened += 1;
        raw.send("SUB statsz 1\r\nSUB connz 2\r\n");
        // In one batch, so that nothing but the first answer comes in between.
        raw.send(
            "PUB $SYS.REQ.SERVER.PING.STATSZ statsz 0\r\n\r\n\
             PUB $SYS.REQ.SERVER.PING.CONNZ connz 11\r\n{\"state\":2}\r\n",
        );
        let text = raw.read();
        let body = |subject: &str| {
            let (_, rest) = text.split_once(&format!("MSG {subject} ")).expect(subject);
            rest.split("\r\n").nth(1).unwrap().to_owned()
        };
        let (first, second) = (body("statsz"), body("connz"));
        let statsz: Value = serde_json::from_str(&first).unwrap();
        let connz: Value = serde_json::from_str(&second).unwrap();
        let (statsz, connz) = (&statsz["statsz"], &connz["data"]);
        let listed = connz["connections"].as_array().unwrap();
        let sum = |key: &str| {
            listed
                .iter()
                .map(|conn| conn[key].as_u64().unwrap())
                .sum::<u64>()
        };
        let total = |way: &str, what: &str| statsz[way][what].as_u64().unwrap();
        prop_assert_eq!(total("received", "msgs"), sum("in_msgs"));
        prop_assert_eq!(total("received", "bytes"), sum("in_bytes"));
        // The first answer is sent when the second is put together.
        prop_assert_eq!(total("sent", "msgs") + 1, sum("out_msgs"));
        prop_assert_eq!(
            total("sent", "bytes") + first.len() as u64,
            sum("out_bytes")
        );
        for (all, clients) in [
            ("sent", "sent_to_clients"),
            ("received", "received_from_clients"),
        ] {
            prop_assert_eq!(&statsz[all], &statsz[clients]);
        }
        let open = listed.iter().filter(|conn| conn["stop"].is_null()).count() as u64;
        prop_assert_eq!(statsz["connections"].as_u64().unwrap(), open);
        prop_assert_eq!(connz["total"].as_u64().unwrap(), listed.len() as u64);
        prop_assert_eq!(statsz["total_connections"].as_u64().unwrap(), self.opened);
        Ok(())
    }

    /// Everybody leaves: nothing is left but the watcher.
    fn end(mut self, baseline: u64) -> Result<(), TestCaseError> {
        let subscriptions = |ops: &mut Client| {
            support::system::statsz(ops)["subscriptions"]
                .as_u64()
                .unwrap()
        };
        let taken = self.model.subscriptions();
        prop_assert_eq!(subscriptions(&mut self.world.ops), baseline + taken);
        for conn in 0..CONNS {
            self.play(&Step::Close { conn, reset: false })?;
        }
        prop_assert_eq!(subscriptions(&mut self.world.ops), baseline);
        Ok(())
    }
}

/// Subscriptions that are there without any of the script.
fn baseline(lab: &mut Lab) -> u64 {
    support::system::statsz(&mut lab.world.ops)["subscriptions"]
        .as_u64()
        .unwrap()
}

proptest! {
    #![proptest_config(support::cases(300))]

    #[test]
    fn the_books_balance(steps in script(0..120)) {
        let mut lab = Lab::new();
        let baseline = baseline(&mut lab);
        for step in &steps {
            lab.play(step)?;
        }
        lab.check_totals()?;
        lab.end(baseline)?;
    }

    #[test]
    fn who_logs_in_once_is_announced_and_sees_off_once(steps in script(0..80)) {
        let mut lab = Lab::new();
        let mut in_use = BTreeSet::new();
        for step in &steps {
            // A connection logs in at most once, with the right password.
            let skip = match step {
                Step::Login { conn, .. } => !in_use.insert(*conn),
                Step::Open { conn } => {
                    if lab.model.conns[*conn].is_none() {
                        in_use.remove(conn);
                    }
                    false
                }
                Step::WrongPassword { .. } => true,
                _ => false,
            };
            if !skip {
                lab.play(step)?;
            }
        }
        for conn in 0..CONNS {
            lab.play(&Step::Close { conn, reset: true })?;
        }
        for ((id, account), balance) in &lab.balance {
            // Who never logged in ends in the global account, unannounced.
            let expected = if account == "$G" { -1 } else { 0 };
            prop_assert_eq!(*balance, expected, "client {} of {}", id, account);
        }
    }
}
