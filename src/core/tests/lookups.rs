//! What servers keep of their lookups, and what connections remember of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::core::remembered::Arrivals;
use crate::core::results::{Results, ServerSet};
use crate::core::{AccountId, ServerId};

const A: ServerId = ServerId(0);
const B: ServerId = ServerId(70);
const ACCOUNT: AccountId = AccountId(0);
const OTHER: AccountId = AccountId(1);
const APART: AccountId = AccountId(2);

proptest! {
    #[test]
    fn a_set_holds_what_was_put_into_it(
        steps in proptest::collection::vec((any::<bool>(), 0_u16..200), 0..50),
    ) {
        let (mut set, mut model) = (ServerSet::default(), BTreeSet::new());
        for (comes, server) in steps {
            let changes = if comes {
                (set.insert(ServerId(server)), model.insert(server))
            } else {
                (set.remove(ServerId(server)), model.remove(&server))
            };
            prop_assert_eq!(changes.0, changes.1);
            let found: Vec<u16> = set.iter().map(|server| server.0).collect();
            prop_assert_eq!(found, Vec::from_iter(model.iter().copied()));
            prop_assert_eq!(set.is_empty(), model.is_empty());
        }
    }
}

fn kept(results: &Results, server: ServerId) -> usize {
    assert_eq!(
        results.tally(server).cached as usize,
        results.kept_by(server).count()
    );
    results.kept_by(server).count()
}

#[test]
fn each_server_sweeps_its_own() {
    let mut results = Results::default();
    for number in 0..1024 {
        let subject = format!("s.{number}");
        results.look_up(A, subject.as_bytes(), true);
        results.look_up(B, subject.as_bytes(), true);
    }
    assert_eq!((kept(&results, A), kept(&results, B)), (1024, 1024));
    results.look_up(A, b"one.more", true);
    assert_eq!((kept(&results, A), kept(&results, B)), (256, 1024));
}

#[test]
fn what_is_gone_is_forgotten_by_those_concerned() {
    let mut results = Results::default();
    for server in [A, B] {
        for subject in ["a.b", "a.c", "d"] {
            results.look_up(server, subject.as_bytes(), true);
        }
    }
    results.forget(b"a.*", |server| server == A);
    results.forget(b"d", |server| server == B);
    assert_eq!((kept(&results, A), kept(&results, B)), (1, 2));
    results.forget_all(&[B]);
    assert_eq!((kept(&results, A), kept(&results, B)), (1, 0));
}

#[test]
fn no_result_is_kept_of_what_is_no_subject() {
    let mut results = Results::default();
    results.look_up(A, b"a..b", true);
    results.look_up(A, b"a..b", true);
    let tally = results.tally(A);
    assert_eq!((tally.matches, tally.cache_hits, tally.cached), (2, 0, 0));
}

/// What something comes by.
#[derive(Clone, Copy)]
enum Carrier {
    /// The place of a route.
    Route(u16),
    Gateway,
}

/// Connections from one server to two others.
struct Links {
    arrivals: Arrivals,
    now: u64,
    /// When the list of the first account has changed at `A`.
    changed: u64,
}

impl Links {
    fn knows(&mut self, carrier: Carrier, account: AccountId, subject: &str, at: ServerId) -> bool {
        let changed = if account == ACCOUNT { self.changed } else { 0 };
        let of = |server| if server == A { changed } else { 0 };
        let subject = (account, subject.as_bytes());
        let changes = (changed, of);
        let (arrivals, now) = (&mut self.arrivals, self.now);
        match carrier {
            Carrier::Route(place) => arrivals.knows_routed(subject, at, changes, now, || place),
            Carrier::Gateway => arrivals.knows_by_gateway(subject, at, changes, now),
        }
    }

    fn change(&mut self) {
        self.now += 1;
        self.changed = self.now;
    }
}

#[test]
fn whatever_comes_by_a_connection_is_forgotten_together() {
    let mut links = Links {
        arrivals: Arrivals::default(),
        now: 0,
        changed: 0,
    };
    let shared = Carrier::Route(0);
    let others = [
        (shared, OTHER, "x", A, false),
        (shared, ACCOUNT, "x", B, true),
        (Carrier::Route(1), APART, "x", A, true),
        (Carrier::Gateway, OTHER, "x", A, true),
    ];
    for (carrier, account, subject, at, _) in others {
        assert!(!links.knows(carrier, account, subject, at));
        assert!(links.knows(carrier, account, subject, at));
    }
    assert!(!links.knows(shared, ACCOUNT, "x", A));
    links.change();
    // What is new makes nobody forget, what is old does.
    assert!(!links.knows(shared, ACCOUNT, "new", A));
    assert!(links.knows(shared, OTHER, "x", A));
    assert!(!links.knows(shared, ACCOUNT, "x", A));
    assert!(links.knows(shared, ACCOUNT, "x", A));
    for (carrier, account, subject, at, is_known) in others {
        assert_eq!(links.knows(carrier, account, subject, at), is_known);
    }
    assert!(!links.knows(shared, ACCOUNT, "new", A));
    links.arrivals.forget(A);
    assert!(!links.knows(shared, ACCOUNT, "x", A));
    assert!(links.knows(shared, ACCOUNT, "x", B));
}
