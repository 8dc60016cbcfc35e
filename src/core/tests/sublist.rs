//! The subscription list against a list that is searched from end to end.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use crate::core::sublist::{InvalidSubject, MatchResult, Sublist};
use crate::core::{ServerId, SubId};

fn sub(place: usize) -> SubId {
    SubId::new(place, ServerId(0))
}

/// A subscription as the model keeps it.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    id: SubId,
    subject: String,
    queue: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Op {
    Insert(String, Option<&'static str>),
    /// Removes the entry at this place, counted around.
    Remove(usize),
    /// Removes what is not there.
    RemoveUnknown(String, Option<&'static str>),
    Match(String),
}

fn token() -> impl Strategy<Value = &'static str> {
    select(&["a", "b", "ab", "é", "*x", "x>"][..])
}

fn literal() -> impl Strategy<Value = String> {
    proptest::collection::vec(token(), 1..5).prop_map(|tokens| tokens.join("."))
}

fn pattern() -> impl Strategy<Value = String> {
    let tokens = proptest::collection::vec(prop_oneof![3 => token(), 1 => Just("*")], 0..5);
    (tokens, any::<bool>()).prop_map(|(mut tokens, open)| {
        if open || tokens.is_empty() {
            tokens.push(">");
        }
        tokens.join(".")
    })
}

fn queue() -> impl Strategy<Value = Option<&'static str>> {
    select(&[None, None, Some("q"), Some("r"), Some("")][..])
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (prop_oneof![literal(), pattern()], queue())
            .prop_map(|(subject, queue)| Op::Insert(subject, queue)),
        2 => any::<usize>().prop_map(Op::Remove),
        1 => (pattern(), queue()).prop_map(|(subject, queue)| Op::RemoveUnknown(subject, queue)),
        6 => literal().prop_map(Op::Match),
    ]
}

/// Token by token, without a thought for speed.
fn matches(pattern: &str, subject: &str) -> bool {
    let (mut pattern, mut subject) = (pattern.split('.'), subject.split('.'));
    loop {
        match (pattern.next(), subject.next()) {
            (Some(">"), Some(_)) => return true,
            (Some(p), Some(s)) if p == "*" || p == s => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// A result without its order: plain members, and members with their queue.
fn found(result: &MatchResult) -> (BTreeSet<SubId>, BTreeSet<(Vec<u8>, SubId)>) {
    let plain: BTreeSet<SubId> = result.plain.iter().copied().collect();
    assert_eq!(plain.len(), result.plain.len(), "somebody twice");
    let names: BTreeSet<_> = result.queues.iter().map(|group| &group.name).collect();
    assert_eq!(names.len(), result.queues.len(), "a group twice");
    let members = |group: &crate::core::sublist::QueueGroup| {
        assert!(!group.members.is_empty(), "a group of nobody");
        let name = group.name.to_vec();
        group
            .members
            .iter()
            .map(move |&id| (name.clone(), id))
            .collect::<Vec<_>>()
    };
    let queued: Vec<_> = result.queues.iter().flat_map(members).collect();
    let set: BTreeSet<_> = queued.iter().cloned().collect();
    assert_eq!(set.len(), queued.len(), "a member twice");
    (plain, set)
}

/// Plays the operations on a list and on the model.
fn agree(mut list: Sublist, ops: &[Op]) -> Result<(), TestCaseError> {
    let mut model: Vec<Entry> = Vec::new();
    let mut next_id = 0;
    for op in ops {
        let generation = list.generation();
        match op {
            Op::Insert(subject, queue) => {
                next_id += 1;
                let entry = Entry {
                    id: sub(next_id),
                    subject: subject.clone(),
                    queue: *queue,
                };
                let queue = queue.map(str::as_bytes);
                prop_assert_eq!(list.insert(subject.as_bytes(), queue, entry.id), Ok(()));
                prop_assert_ne!(list.generation(), generation);
                model.push(entry);
            }
            Op::Remove(at) if !model.is_empty() => {
                let entry = model.swap_remove(at % model.len());
                let queue = entry.queue.map(str::as_bytes);
                list.remove(entry.subject.as_bytes(), queue, entry.id);
                prop_assert_ne!(list.generation(), generation);
            }
            Op::Remove(_) => {}
            Op::RemoveUnknown(subject, queue) => {
                list.remove(subject.as_bytes(), queue.map(str::as_bytes), sub(1 << 30));
                prop_assert_eq!(list.generation(), generation);
            }
            Op::Match(subject) => {
                let (plain, queued) = found(&list.matches(subject.as_bytes()));
                let hit = |entry: &&Entry| matches(&entry.subject, subject);
                let expected_plain: BTreeSet<SubId> = model
                    .iter()
                    .filter(hit)
                    .filter(|entry| entry.queue.is_none())
                    .map(|entry| entry.id)
                    .collect();
                let expected_queued: BTreeSet<_> = model
                    .iter()
                    .filter(hit)
                    .filter_map(|entry| Some((entry.queue?.as_bytes().to_vec(), entry.id)))
                    .collect();
                prop_assert_eq!(plain, expected_plain, "{}", subject);
                prop_assert_eq!(queued, expected_queued, "{}", subject);
            }
        }
        prop_assert_eq!(list.is_empty(), model.is_empty());
    }
    let stats = list.stats(|found| found.plain.len() + found.queues.len());
    let count = |wanted: fn(&Op) -> bool| ops.iter().filter(|op| wanted(op)).count() as u64;
    prop_assert_eq!(stats.matches, count(|op| matches!(op, Op::Match(_))));
    prop_assert!(stats.cache_hits <= stats.matches);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn agrees_with_a_search_with_a_cache(ops in proptest::collection::vec(op(), 0..200)) {
        agree(Sublist::new(true), &ops)?;
    }

    #[test]
    fn agrees_with_a_search_without_a_cache(ops in proptest::collection::vec(op(), 0..200)) {
        agree(Sublist::new(false), &ops)?;
    }

    #[test]
    fn any_subject_is_taken_or_refused(subject in proptest::collection::vec(any::<u8>(), 0..12)) {
        let mut list = Sublist::new(true);
        let taken = list.insert(&subject, None, sub(1)).is_ok();
        list.matches(&subject);
        prop_assert_eq!(list.is_empty(), !taken);
        list.remove(&subject, None, sub(1));
        prop_assert!(list.is_empty());
        prop_assert!(list.matches(&subject).is_empty());
    }
}

#[test]
fn a_large_group_agrees_with_a_search_while_members_come_and_go() {
    // Large sets of members are kept in another way than small ones.
    for queue in [None, Some("q")] {
        let mut ops = Vec::new();
        for round in 0..200 {
            ops.push(Op::Insert("a.b".to_owned(), queue));
            ops.push(Op::Match("a.b".to_owned()));
            if round % 3 == 0 {
                ops.push(Op::Remove(round * 7));
                ops.push(Op::Match("a.b".to_owned()));
            }
        }
        ops.extend((0..200).flat_map(|at| [Op::Remove(at), Op::Match("a.b".to_owned())]));
        agree(Sublist::new(true), &ops).unwrap();
    }
}

#[test]
fn the_cache_stays_right_when_it_overflows() {
    let mut list = Sublist::new(true);
    list.insert(b"a.*", None, sub(1)).unwrap();
    for round in 1..=2 {
        for number in 0..3_000 {
            let subject = format!("a.{number}");
            let (plain, _) = found(&list.matches(subject.as_bytes()));
            assert_eq!(plain, (1..=round).map(sub).collect(), "{subject}");
        }
        assert!(list.stats(|_| 0).cached <= 1024);
        list.insert(b"a.>", None, sub(2)).unwrap();
    }
}

#[test]
fn subjects_that_match_nothing_are_refused() {
    let mut list = Sublist::new(true);
    for subject in ["", ".", "a.", ".a", "a..b", ">.a", "a.>.b"] {
        assert_eq!(
            list.insert(subject.as_bytes(), None, sub(1)),
            Err(InvalidSubject),
            "{subject}"
        );
        assert!(list.matches(subject.as_bytes()).is_empty());
    }
    assert!(list.is_empty());
}
