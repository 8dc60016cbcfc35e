//! The lookups of servers that share accounts, against a model in which each has lists of its own.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::select;
use support::deployment::{ACCOUNTS, Fleet};
use support::raw::{Raw, connect};

#[derive(Clone, Debug)]
enum Step {
    Sub(Place, u32, &'static str),
    Unsub(Place, u32),
    Publish(Place, &'static str),
    Reconnect(usize),
}

/// A connection: to which server, and in which account.
type Place = (usize, usize);

const LITERALS: [&str; 3] = ["a", "a.b", "b.a"];
const PATTERNS: [&str; 6] = ["a", "a.b", "a.*", "*", "*.a", ">"];

fn matches(pattern: &str, subject: &str) -> bool {
    nats_mock::protocol::subject::matches(pattern.as_bytes(), subject.as_bytes())
}

/// An account's list on one server.
#[derive(Debug, Default)]
struct List {
    changes: u64,
    own: BTreeMap<u32, &'static str>,
    /// What peers have told of, by peer.
    told: BTreeSet<(usize, &'static str)>,
    kept: BTreeSet<&'static str>,
    figures: (u64, u64),
}

impl List {
    fn has_any(&self, subject: &str) -> bool {
        let own = self.own.values().copied();
        let told = self.told.iter().map(|&(_, pattern)| pattern);
        own.chain(told).any(|pattern| matches(pattern, subject))
    }

    fn forget(&mut self, pattern: &str) {
        self.changes += 1;
        self.kept.retain(|subject| !matches(pattern, subject));
    }

    fn look_up(&mut self, subject: &'static str) {
        self.figures.0 += 1;
        self.figures.1 += u64::from(!self.kept.insert(subject));
    }

    fn has_own(&self, pattern: &str) -> bool {
        self.own.values().any(|&own| own == pattern)
    }
}

/// What a connection remembers: subjects, with the state of the list that was searched.
type Remembered = BTreeMap<(usize, &'static str), u64>;

struct Model {
    is_cluster: bool,
    lists: BTreeMap<Place, List>,
    clients: BTreeMap<Place, (u64, BTreeSet<&'static str>)>,
    links: BTreeMap<(usize, usize), Remembered>,
}

impl Model {
    fn new(servers: usize, is_cluster: bool) -> Self {
        let places = (0..servers).flat_map(|at| (0..ACCOUNTS.len()).map(move |of| (at, of)));
        Self {
            is_cluster,
            lists: places.map(|place| (place, List::default())).collect(),
            clients: BTreeMap::new(),
            links: BTreeMap::new(),
        }
    }

    fn list(&mut self, place: Place) -> &mut List {
        self.lists.get_mut(&place).expect("is there")
    }

    fn peers(&self, (at, account): Place) -> Vec<Place> {
        let others = self.lists.keys().copied();
        others
            .filter(|&(other, of)| other != at && of == account)
            .collect()
    }

    fn subscribe(&mut self, place: Place, sid: u32, pattern: &'static str) {
        if self.list(place).own.contains_key(&sid) {
            return;
        }
        let is_new = !self.list(place).has_own(pattern);
        let list = self.list(place);
        list.own.insert(sid, pattern);
        list.changes += 1;
        if is_new && self.is_cluster {
            for peer in self.peers(place) {
                self.list(peer).told.insert((place.0, pattern));
                self.list(peer).changes += 1;
            }
        }
    }

    fn unsubscribe(&mut self, place: Place, sid: u32) {
        let Some(pattern) = self.list(place).own.remove(&sid) else {
            return;
        };
        self.list(place).forget(pattern);
        if !self.list(place).has_own(pattern) && self.is_cluster {
            for peer in self.peers(place) {
                self.list(peer).told.remove(&(place.0, pattern));
                self.list(peer).forget(pattern);
            }
        }
    }

    fn reconnect(&mut self, server: usize) {
        for account in 0..ACCOUNTS.len() {
            let place = (server, account);
            self.clients.remove(&place);
            if !self.list(place).own.is_empty() {
                self.list(place).kept.clear();
            }
            let sids: Vec<u32> = self.list(place).own.keys().copied().collect();
            for sid in sids {
                self.unsubscribe(place, sid);
            }
        }
    }

    fn publish(&mut self, place: Place, subject: &'static str) {
        let list = self.lists.get_mut(&place).expect("is there");
        let (changes, known) = self.clients.entry(place).or_default();
        if *changes != list.changes {
            (*changes, *known) = (list.changes, BTreeSet::new());
        }
        if !known.contains(subject) {
            list.look_up(subject);
            if list.has_any(subject) {
                known.insert(subject);
            }
        }
        for peer in self.peers(place) {
            let mut own = self.list(peer).own.values();
            if own.any(|pattern| matches(pattern, subject)) {
                self.arrive(place.0, peer, subject);
            }
        }
    }

    fn arrive(&mut self, from: usize, (to, account): Place, subject: &'static str) {
        let list = self.lists.get_mut(&(to, account)).expect("is there");
        let remembered = self.links.entry((from, to)).or_default();
        let before = remembered.get(&(account, subject)).copied();
        if before == Some(list.changes) {
            return;
        }
        if before.is_some() {
            // The two accounts share a route.
            remembered.clear();
        }
        remembered.insert((account, subject), list.changes);
        list.look_up(subject);
    }
}

/// A connection of the system account that is ready for answers.
fn asker(fleet: &Fleet, server: usize) -> Raw {
    let server = fleet.server(server);
    let mut raw = Raw(server.connect_in_memory().expect("connects"));
    let hello = connect("ops", "pw", "");
    raw.ask(format!("{hello}SUB re.{} 1\r\n", server.id()));
    raw
}

/// Subjects kept, lookups, and the part that was kept before.
type Figures = (f64, f64, f64);

/// What a server says when it is asked by one of its own connections.
fn shown(asker: &mut Raw, id: &str, account: &str) -> Figures {
    let options = format!("{{\"account\":\"{account}\"}}");
    let len = options.len();
    let answer = asker.ask(format!(
        "PUB $SYS.REQ.SERVER.{id}.SUBSZ re.{id} {len}\r\n{options}\r\n"
    ));
    let figure = |key: &str| {
        let (_, rest) = answer.split_once(&format!("\"{key}\":")).expect("is told");
        let end = rest.find([',', '}']).expect("ends");
        rest[..end].parse::<f64>().expect("is a number")
    };
    (
        figure("num_cache"),
        figure("num_matches"),
        figure("cache_hit_rate"),
    )
}

fn step(servers: usize) -> impl Strategy<Value = Step> {
    let place = move || (0..servers, 0..ACCOUNTS.len());
    prop_oneof![
        6 => (place(), 1_u32..4, select(&PATTERNS[..]))
            .prop_map(|(at, sid, pattern)| Step::Sub(at, sid, pattern)),
        3 => (place(), 1_u32..4).prop_map(|(at, sid)| Step::Unsub(at, sid)),
        40 => (place(), select(&LITERALS[..]))
            .prop_map(|(at, subject)| Step::Publish(at, subject)),
        1 => (0..servers).prop_map(Step::Reconnect),
    ]
}

fn play(clusters: &[usize], steps: Vec<Step>) -> Result<(), TestCaseError> {
    let servers = clusters.iter().sum();
    let mut fleet = Fleet::start(1, clusters);
    let mut askers: Vec<Raw> = (0..servers).map(|server| asker(&fleet, server)).collect();
    // A gateway connection forgets everything when something comes again that it remembers from before
    // the askers subscribed: here once, and not later.
    for server in 0..servers {
        fleet.connect(server);
    }
    let mut model = Model::new(servers, clusters.len() == 1);
    for step in steps {
        match step {
            Step::Sub(at, sid, pattern) => {
                fleet.send(at.0, at.1, &format!("SUB {pattern} {sid}\r\n"));
                model.subscribe(at, sid, pattern);
            }
            Step::Unsub(at, sid) => {
                fleet.send(at.0, at.1, &format!("UNSUB {sid}\r\n"));
                model.unsubscribe(at, sid);
            }
            Step::Publish(at, subject) => {
                fleet.send(at.0, at.1, &format!("PUB {subject} 0\r\n\r\n"));
                model.publish(at, subject);
            }
            Step::Reconnect(server) => {
                fleet.connect(server);
                model.reconnect(server);
            }
        }
        fleet.received();
    }
    for (&(server, account), list) in &model.lists {
        let id = fleet.server(server).id();
        let shown = shown(&mut askers[server], &id, ACCOUNTS[account]);
        let (lookups, hits) = list.figures;
        let rate = if lookups == 0 {
            0.0
        } else {
            hits as f64 / lookups as f64
        };
        let expected = (list.kept.len() as f64, lookups as f64, rate);
        prop_assert_eq!(shown, expected, "server {}, account {}", server, account);
    }
    Ok(())
}

proptest! {
    #![proptest_config(support::cases(64))]

    #[test]
    fn a_cluster_looks_up_as_servers_with_lists_of_their_own(
        steps in proptest::collection::vec(step(3), 0..150),
    ) {
        play(&[3], steps)?;
    }

    #[test]
    fn so_do_clusters_that_gateways_join(steps in proptest::collection::vec(step(3), 0..150)) {
        play(&[1, 1, 1], steps)?;
    }
}

/// One server counts alone until a second one comes, and goes on from there.
#[test]
fn a_second_server_takes_nothing_away() {
    let mut fleet = Fleet::start(1, &[1]);
    let mut asker = asker(&fleet, 0);
    let id = fleet.server(0).id();
    fleet.send(
        0,
        0,
        "SUB a 1\r\nPUB a 0\r\n\r\nPUB b 0\r\n\r\nPUB b 0\r\n\r\n",
    );
    assert_eq!(shown(&mut asker, &id, "A"), (2.0, 3.0, 1.0 / 3.0));
    fleet.nats.add_server("c0").expect("starts");
    assert_eq!(shown(&mut asker, &id, "A"), (2.0, 3.0, 1.0 / 3.0));
    fleet.send(0, 0, "PUB a 0\r\n\r\nPUB b 0\r\n\r\n");
    assert_eq!(shown(&mut asker, &id, "A"), (2.0, 4.0, 0.5));
}
