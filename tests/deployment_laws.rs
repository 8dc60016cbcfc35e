//! Who gets a message in a deployment of several servers, whatever has become of the servers and of the
//! links between them.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use support::deployment::{ACCOUNTS, Fleet};

#[derive(Clone, Debug)]
enum Step {
    Sub {
        at: Place,
        sid: u32,
        subject: &'static str,
        queue: Option<&'static str>,
    },
    Unsub {
        at: Place,
        sid: u32,
    },
    /// Publishes; a request says where it wants its answer.
    Pub {
        at: Place,
        subject: &'static str,
        request: bool,
    },
    Stop {
        server: usize,
        crash: bool,
    },
    /// Starts a server again, or another release of it.
    Restart {
        server: usize,
    },
    Cut(usize, usize),
    /// Lets nothing through from the first to the second.
    Block(usize, usize),
    Silence(usize, usize),
    Heal(usize, usize),
    /// So much time passes that connections without a sign of life are given up.
    Wait,
}

/// A connection: to which server, and in which account.
type Place = (usize, usize);

/// A subscription: server, account and sid.
type Id = (usize, usize, u32);

/// The sid of a subscription that every connection has for answers.
const INBOX: u32 = 9;

const LITERALS: [&str; 5] = ["a", "a.b", "b.a", "inbox.0", "inbox.1"];
const PATTERNS: [&str; 7] = ["a", "a.b", "a.*", "*", "*.a", ">", "b.>"];

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

/// What a few lines know of the deployment.
#[derive(Debug)]
struct Model {
    cluster_of: Vec<usize>,
    stopped: BTreeSet<usize>,
    subs: BTreeMap<Id, (String, Option<&'static str>)>,
    /// Pairs of servers between which nothing can be, in either order.
    severed: BTreeSet<(usize, usize)>,
    /// From whom to whom nothing gets.
    stuck: BTreeSet<(usize, usize)>,
    /// Pairs without a connection, in either order.
    apart: BTreeSet<(usize, usize)>,
    /// What waits on a link, and for whom: plain subscriptions.
    held: Vec<Held>,
    /// Messages of which one member of a group has to get one.
    owed: Vec<Owed>,
}

#[derive(Clone, Debug)]
struct Held {
    way: (usize, usize),
    to: Id,
    payload: String,
}

#[derive(Clone, Debug)]
struct Owed {
    from: usize,
    payload: String,
    members: Vec<Id>,
    /// It may have been on a link whose connection is lost.
    may_be_lost: bool,
}

impl Model {
    fn new(clusters: &[usize]) -> Self {
        let numbered = clusters.iter().enumerate();
        let mut model = Self {
            cluster_of: numbered.flat_map(|(n, &len)| vec![n; len]).collect(),
            stopped: BTreeSet::new(),
            subs: BTreeMap::new(),
            severed: BTreeSet::new(),
            stuck: BTreeSet::new(),
            apart: BTreeSet::new(),
            held: Vec::new(),
            owed: Vec::new(),
        };
        for server in 0..model.cluster_of.len() {
            model.connected(server);
        }
        model
    }

    /// New connections to a server have subscribed for answers.
    fn connected(&mut self, server: usize) {
        for account in 0..ACCOUNTS.len() {
            let inbox = (format!("inbox.{server}"), None);
            self.subs.insert((server, account, INBOX), inbox);
        }
    }

    /// The links that a step is about: one in a cluster, or all between two clusters.
    fn pairs(&self, a: usize, b: usize) -> Vec<(usize, usize)> {
        let of_clusters = self.has_gateways();
        let in_number = |server: &usize| {
            if of_clusters {
                self.cluster_of[*server]
            } else {
                *server
            }
        };
        let servers = 0..self.cluster_of.len();
        let count = servers
            .clone()
            .map(|server| in_number(&server))
            .max()
            .unwrap_or(0)
            + 1;
        let side = |number| {
            servers
                .clone()
                .filter(move |server| in_number(server) == number % count)
        };
        let across = side(a).flat_map(|a| side(b).map(move |b| (a, b)));
        across
            .filter(|(a, b)| in_number(a) != in_number(b))
            .collect()
    }

    fn has_gateways(&self) -> bool {
        self.cluster_of.last() > Some(&0)
    }

    fn reaches(&self, from: usize, to: usize) -> bool {
        let is_up = |server| !self.stopped.contains(&server);
        is_up(from) && is_up(to) && (from == to || !self.apart.contains(&(from, to)))
    }

    fn is_held_up(&self, from: usize, to: usize) -> bool {
        self.stuck.contains(&(from, to))
    }

    /// Whether a server cannot tell others of its subscriptions, or hear from them, until later.
    fn is_in_doubt(&self, server: usize) -> bool {
        let mut stuck = self.stuck.iter();
        stuck.any(|&(a, b)| (a == server || b == server) && self.reaches(a, b))
    }

    /// Those who are to get a message: plain subscriptions, and the members of each group.
    fn receivers(&self, (from, account): Place, subject: &str) -> (Vec<Id>, Vec<Vec<Id>>) {
        let (mut plain, mut groups) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
        for (&id, (pattern, queue)) in &self.subs {
            if id.1 == account && self.reaches(from, id.0) && matches(pattern, subject) {
                match queue {
                    None => plain.push(id),
                    Some(queue) => groups.entry(*queue).or_default().push(id),
                }
            }
        }
        // Other clusters serve a group only if the own does not.
        for members in groups.values_mut() {
            let is_near = |id: &Id| self.cluster_of[id.0] == self.cluster_of[from];
            if members.iter().any(is_near) {
                members.retain(is_near);
            }
        }
        (plain, groups.into_values().collect())
    }

    /// A message is published. Tells who has to get it now.
    fn publish(&mut self, at: Place, subject: &str, payload: &str, request: bool) -> Vec<Receipt> {
        let (plain, groups) = self.receivers(at, subject);
        if request && plain.is_empty() && groups.is_empty() {
            return vec![((at.0, at.1, INBOX), "503".to_owned())];
        }
        for members in groups {
            self.owed.push(Owed {
                from: at.0,
                payload: payload.to_owned(),
                members,
                may_be_lost: false,
            });
        }
        let (later, now): (Vec<Id>, _) = plain
            .into_iter()
            .partition(|id| self.is_held_up(at.0, id.0));
        self.held.extend(later.into_iter().map(|to| Held {
            way: (at.0, to.0),
            to,
            payload: payload.to_owned(),
        }));
        now.into_iter().map(|id| (id, payload.to_owned())).collect()
    }

    /// The connection between two servers is gone, and what waited for it.
    fn lose(&mut self, a: usize, b: usize) {
        self.apart.extend([(a, b), (b, a)]);
        self.held
            .retain(|held| ![(a, b), (b, a)].contains(&held.way));
        for owed in &mut self.owed {
            for (from, to) in [(a, b), (b, a)] {
                if owed.from == from {
                    let before = owed.members.len();
                    owed.members.retain(|member| member.0 != to);
                    owed.may_be_lost |= owed.members.len() < before;
                }
            }
        }
    }

    fn stop(&mut self, server: usize) {
        self.stopped.insert(server);
        self.subs.retain(|id, _| id.0 != server);
        for other in 0..self.cluster_of.len() {
            self.lose(server, other);
        }
    }

    fn start(&mut self, server: usize) {
        self.stopped.remove(&server);
        self.connected(server);
        for other in 0..self.cluster_of.len() {
            let pairs = [(server, other), (other, server)];
            if !pairs
                .iter()
                .any(|pair| self.severed.contains(pair) || self.stuck.contains(pair))
            {
                self.apart.retain(|pair| !pairs.contains(pair));
            }
        }
    }

    /// What waited between two servers gets through.
    fn heal(&mut self, a: usize, b: usize) -> Vec<Receipt> {
        for pair in [(a, b), (b, a)] {
            self.severed.remove(&pair);
            self.stuck.remove(&pair);
            self.apart.remove(&pair);
        }
        let arrives = |held: &Held| [(a, b), (b, a)].contains(&held.way);
        let (arrived, held) = self.held.drain(..).partition(arrives);
        self.held = held;
        let arrived: Vec<Held> = arrived;
        arrived
            .into_iter()
            .map(|held| (held.to, held.payload))
            .collect()
    }
}

/// Who got which payload.
type Receipt = (Id, String);

struct Lab {
    fleet: Fleet,
    model: Model,
    published: u64,
    /// The latest message that each subscription got from each server.
    latest: BTreeMap<(Id, usize), u64>,
}

impl Lab {
    fn new(clusters: &[usize]) -> Self {
        let mut lab = Self {
            fleet: Fleet::start(7, clusters),
            model: Model::new(clusters),
            published: 0,
            latest: BTreeMap::new(),
        };
        for server in 0..lab.model.cluster_of.len() {
            lab.listen_for_answers(server);
        }
        lab
    }

    fn listen_for_answers(&mut self, server: usize) {
        for account in 0..ACCOUNTS.len() {
            let sub = format!("SUB inbox.{server} {INBOX}\r\n");
            self.fleet.send(server, account, &sub);
        }
    }

    fn play(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let due = self.carry_out(step);
        self.check(due, step)
    }

    /// Tells what has to arrive.
    fn carry_out(&mut self, step: &Step) -> Vec<Receipt> {
        let servers = self.model.cluster_of.len();
        let place = |at: Place| (at.0 % servers, at.1);
        match *step {
            Step::Sub {
                at,
                sid,
                subject,
                queue,
            } => {
                let (server, account) = place(at);
                let id = (server, account, sid);
                let is_up = !self.model.stopped.contains(&server);
                if is_up && !self.model.is_in_doubt(server) && !self.model.subs.contains_key(&id) {
                    self.model.subs.insert(id, (subject.to_owned(), queue));
                    let queue = queue.unwrap_or_default();
                    self.fleet
                        .send(server, account, &format!("SUB {subject} {queue} {sid}\r\n"));
                }
            }
            Step::Unsub { at, sid } => {
                let (server, account) = place(at);
                if !self.model.is_in_doubt(server) {
                    self.model.subs.remove(&(server, account, sid));
                    self.fleet
                        .send(server, account, &format!("UNSUB {sid}\r\n"));
                }
            }
            Step::Pub {
                at,
                subject,
                request,
            } => {
                let (server, account) = place(at);
                if !self.model.stopped.contains(&server) {
                    self.published += 1;
                    let payload = format!("{} from {server}", self.published);
                    let reply = if request {
                        format!("inbox.{server}")
                    } else {
                        String::new()
                    };
                    let len = payload.len();
                    let text = format!("PUB {subject} {reply} {len}\r\n{payload}\r\n");
                    self.fleet.send(server, account, &text);
                    return self
                        .model
                        .publish((server, account), subject, &payload, request);
                }
            }
            // What waits at a gateway is for a whole cluster, whatever becomes of its servers.
            Step::Stop { .. } | Step::Restart { .. }
                if self.model.has_gateways() && !self.model.stuck.is_empty() => {}
            Step::Stop { server, crash } => {
                let server = server % servers;
                match crash {
                    true => self.fleet.server(server).crash(),
                    false => self.fleet.server(server).stop(),
                }
                self.model.stop(server);
            }
            Step::Restart { server } => {
                let server = server % servers;
                self.fleet.server(server).restart().expect("starts again");
                self.fleet.connect(server);
                self.model.stop(server);
                self.model.start(server);
                self.listen_for_answers(server);
                self.latest
                    .retain(|((at, ..), from), _| *at != server && *from != server);
            }
            Step::Wait => {
                self.fleet.nats.advance(Duration::from_secs(80));
                for (a, b) in self.model.stuck.clone() {
                    self.model.lose(a, b);
                }
            }
            Step::Cut(a, b) => {
                for (a, b) in self.model.pairs(a, b) {
                    self.fleet.link(a, b).cut();
                    self.model.severed.insert((a, b));
                    self.model.lose(a, b);
                }
            }
            Step::Block(a, b) => {
                for (a, b) in self.model.pairs(a, b) {
                    self.fleet.link(a, b).cut_one_way();
                    self.model.stuck.insert((a, b));
                }
            }
            Step::Silence(a, b) => {
                for (a, b) in self.model.pairs(a, b) {
                    self.fleet.link(a, b).cut_silently();
                    self.model.stuck.extend([(a, b), (b, a)]);
                }
            }
            Step::Heal(a, b) => {
                let mut due = Vec::new();
                for (a, b) in self.model.pairs(a, b) {
                    self.fleet.link(a, b).heal();
                    due.append(&mut self.model.heal(a, b));
                }
                return due;
            }
        }
        Vec::new()
    }

    /// Everybody gets what is due, each group once, and nobody anything else.
    fn check(&mut self, mut due: Vec<Receipt>, step: &Step) -> Result<(), TestCaseError> {
        for ((server, account), got) in self.fleet.received() {
            for (sid, payload) in got {
                let id = (server, account, sid);
                self.check_order(id, &payload)?;
                let owed = |owed: &Owed| owed.payload == payload && owed.members.contains(&id);
                if let Some(at) = due.iter().position(|due| *due == (id, payload.clone())) {
                    due.swap_remove(at);
                } else if let Some(at) = self.model.owed.iter().position(owed) {
                    let owed = self.model.owed.swap_remove(at);
                    let late = self.model.is_held_up(owed.from, server);
                    prop_assert!(!late, "{payload:?} got to {id:?} by a link that is stuck");
                } else {
                    prop_assert!(false, "{id:?} got {payload:?} too much after {step:?}");
                }
            }
        }
        prop_assert!(due.is_empty(), "{due:?} did not arrive after {step:?}");
        self.check_groups(step)
    }

    /// What no member of a group has got is on its way to one of them.
    fn check_groups(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let mut owed = std::mem::take(&mut self.model.owed);
        for owed in &mut owed {
            let model = &self.model;
            owed.members.retain(|id| model.is_held_up(owed.from, id.0));
            let arrives = !owed.members.is_empty() || owed.may_be_lost;
            prop_assert!(arrives, "nobody got {:?} after {step:?}", owed.payload);
        }
        owed.retain(|owed| !owed.members.is_empty());
        self.model.owed = owed;
        Ok(())
    }

    fn check_order(&mut self, id: Id, payload: &str) -> Result<(), TestCaseError> {
        if let Some((number, from)) = payload.split_once(" from ") {
            let (number, from) = (number.parse().unwrap(), from.parse().unwrap());
            let before = self.latest.insert((id, from), number);
            prop_assert!(
                before < Some(number),
                "{id:?} got {payload:?} after {before:?}"
            );
        }
        Ok(())
    }
}

fn step() -> impl Strategy<Value = Step> {
    let server = || 0..5_usize;
    let place = || (0..5_usize, 0..ACCOUNTS.len());
    let queue = select(&[None, None, Some("q"), Some("r")][..]);
    prop_oneof![
        10 => (place(), 0..6_u32, select(&PATTERNS[..]), queue)
            .prop_map(|(at, sid, subject, queue)| Step::Sub { at, sid, subject, queue }),
        2 => (place(), 0..6_u32).prop_map(|(at, sid)| Step::Unsub { at, sid }),
        16 => (place(), select(&LITERALS[..]), any::<bool>())
            .prop_map(|(at, subject, request)| Step::Pub { at, subject, request }),
        1 => (server(), any::<bool>()).prop_map(|(server, crash)| Step::Stop { server, crash }),
        2 => server().prop_map(|server| Step::Restart { server }),
        1 => Just(Step::Wait),
        1 => links().prop_map(|(a, b)| Step::Cut(a, b)),
        2 => links().prop_map(|(a, b)| Step::Block(a, b)),
        2 => links().prop_map(|(a, b)| Step::Silence(a, b)),
        5 => links().prop_map(|(a, b)| Step::Heal(a, b)),
    ]
}

/// Two servers or clusters, different ones also when there are only two.
fn links() -> impl Strategy<Value = (usize, usize)> {
    select(
        &[
            (0, 1),
            (1, 0),
            (0, 2),
            (1, 2),
            (2, 1),
            (2, 3),
            (3, 0),
            (4, 1),
        ][..],
    )
}

/// The sizes of one, two or three clusters.
fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        3 => (1..=5_usize).prop_map(|servers| vec![servers]),
        2 => (1..=3_usize, 1..=2_usize).prop_map(|(one, other)| vec![one, other]),
        1 => (1..=2_usize, 1..=2_usize, 1..=1_usize).prop_map(|(a, b, c)| vec![a, b, c]),
    ]
}

proptest! {
    #![proptest_config(support::cases(150))]

    #[test]
    fn everybody_gets_what_reaches_them_once(shape in shape(), steps in proptest::collection::vec(step(), 0..100)) {
        let mut lab = Lab::new(&shape);
        for step in &steps {
            lab.play(step)?;
        }
        // When all is well again, nothing is left on its way.
        let servers = lab.model.cluster_of.len();
        for a in 0..servers {
            for b in 0..a {
                lab.play(&Step::Heal(a, b))?;
            }
        }
        prop_assert!(lab.model.held.is_empty() && lab.model.owed.is_empty(), "{:?}", lab.model);
        for server in 0..servers {
            lab.play(&Step::Pub { at: (server, 0), subject: "a.b", request: true })?;
        }
    }
}

/// Members on other servers are picked as often as those on the publisher's own.
#[test]
fn members_of_a_group_share_alike_wherever_they_are() {
    let mut fleet = Fleet::start(7, &[3]);
    for server in 0..3 {
        fleet.send(server, 0, "SUB work q 1\r\n");
    }
    fleet.send(0, 0, &"PUB work 0\r\n\r\n".repeat(300));
    let shares: Vec<usize> = fleet.received().iter().map(|(_, got)| got.len()).collect();
    assert_eq!(shares.iter().sum::<usize>(), 300);
    let of_members: Vec<usize> = shares.into_iter().filter(|&share| share > 0).collect();
    assert_eq!(of_members.len(), 3);
    assert!(of_members.iter().all(|&share| share > 70), "{of_members:?}");
}

#[derive(Clone, Debug)]
enum Trouble {
    Pub,
    Slow(u64, u64),
    Block,
    Freeze,
    Thaw,
    Heal,
    Advance(u64),
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        6 => Just(Trouble::Pub),
        2 => (0..500_u64, 0..500_u64).prop_map(|(least, most)| Trouble::Slow(least, most)),
        1 => Just(Trouble::Block),
        1 => Just(Trouble::Freeze),
        1 => Just(Trouble::Thaw),
        2 => Just(Trouble::Heal),
        3 => (0..600_u64).prop_map(Trouble::Advance),
    ]
}

proptest! {
    #![proptest_config(support::cases(200))]

    #[test]
    fn what_is_late_comes_in_order(steps in proptest::collection::vec(trouble(), 0..60)) {
        let mut fleet = Fleet::start(7, &[2]);
        fleet.send(1, 0, "SUB news 1\r\n");
        let mut published = 0;
        let mut arrived = Vec::new();
        let last = [Trouble::Thaw, Trouble::Heal, Trouble::Advance(1_000)];
        for step in steps.iter().chain(&last) {
            match *step {
                Trouble::Pub => {
                    let payload = published.to_string();
                    fleet.send(0, 0, &format!("PUB news {}\r\n{payload}\r\n", payload.len()));
                    published += 1;
                }
                Trouble::Slow(least, most) => {
                    let (least, most) = (Duration::from_millis(least), Duration::from_millis(most));
                    fleet.link(0, 1).slow(least, most);
                }
                Trouble::Block => fleet.link(0, 1).cut_one_way(),
                Trouble::Freeze => fleet.server(1).freeze(),
                Trouble::Thaw => fleet.server(1).thaw(),
                Trouble::Heal => fleet.link(0, 1).heal(),
                Trouble::Advance(millis) => fleet.nats.advance(Duration::from_millis(millis)),
            }
            let got = fleet.received().swap_remove(2).1;
            arrived.extend(got.into_iter().map(|(_, number)| number.parse::<u64>().unwrap()));
        }
        prop_assert_eq!(arrived, (0..published).collect::<Vec<_>>());
    }
}
