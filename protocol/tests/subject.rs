//! Subjects, against slow and obvious definitions.

use nats_mock_protocol::subject::{
    collides, has_wildcard, is_subset, is_valid, is_valid_publish, is_valid_queue,
    is_valid_subscription, matches, queue_matches, token_count, tokens,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What matching means, straight from its definition.
fn matches_by_definition(pattern: &str, subject: &str) -> bool {
    fn walk(pattern: &[&str], subject: &[&str]) -> bool {
        match (pattern, subject) {
            ([], []) => true,
            ([">"], [_, ..]) => true,
            (["*", pattern @ ..], [_, subject @ ..]) => walk(pattern, subject),
            ([">", ..], _) => false,
            ([want, pattern @ ..], [got, subject @ ..]) => want == got && walk(pattern, subject),
            _ => false,
        }
    }
    let pattern: Vec<_> = pattern.split('.').collect();
    let subject: Vec<_> = subject.split('.').collect();
    let sound = |tokens: &[&str]| !tokens.contains(&"");
    sound(&pattern) && sound(&subject) && walk(&pattern, &subject)
}

/// All subjects of up to four tokens, with one token that no pattern mentions.
fn all_subjects() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut longest = vec![String::new()];
    for _ in 0..4 {
        longest = longest
            .iter()
            .flat_map(|s| ["a", "b", "other"].map(|t| format!("{s}.{t}")))
            .collect();
        all.extend(longest.iter().map(|s| s[1..].to_owned()));
    }
    all
}

fn pattern() -> impl Strategy<Value = String> {
    let token = select(vec!["a", "b", "*"]);
    (vec(token, 0..3), any::<bool>()).prop_filter_map("empty", |(mut tokens, open)| {
        if open {
            tokens.push(">");
        }
        (!tokens.is_empty()).then(|| tokens.join("."))
    })
}

/// Anything that may come over the wire, sound or not.
fn any_subject() -> impl Strategy<Value = String> {
    vec(
        select(vec!["a", "b", "ab", "*", ">", ".", ".", "*a", "a>"]),
        0..8,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn matching(pattern in any_subject(), subject in any_subject()) {
        prop_assert_eq!(
            matches(pattern.as_bytes(), subject.as_bytes()),
            matches_by_definition(&pattern, &subject)
        );
    }

    #[test]
    fn a_subset_matches_nothing_else(narrow in pattern(), wide in pattern()) {
        let want = all_subjects()
            .iter()
            .all(|s| !matches_by_definition(&narrow, s) || matches_by_definition(&wide, s));
        prop_assert_eq!(is_subset(narrow.as_bytes(), wide.as_bytes()), want);
    }

    #[test]
    fn colliding_patterns_share_a_subject(one in pattern(), other in pattern()) {
        let want = all_subjects()
            .iter()
            .any(|s| matches_by_definition(&one, s) && matches_by_definition(&other, s));
        prop_assert_eq!(collides(one.as_bytes(), other.as_bytes()), want);
        prop_assert_eq!(collides(other.as_bytes(), one.as_bytes()), want);
    }

    #[test]
    fn validity(subject in any_subject()) {
        let split: Vec<_> = subject.split('.').collect();
        let whole = !split.contains(&"");
        let ends = split.iter().rev().skip(1).all(|t| *t != ">");
        let wild = split.iter().any(|t| *t == "*" || *t == ">");
        let bytes = subject.as_bytes();
        prop_assert_eq!(is_valid_subscription(bytes), whole && ends);
        prop_assert_eq!(is_valid(bytes), whole && ends);
        prop_assert_eq!(is_valid_publish(bytes), whole && !wild);
        prop_assert_eq!(has_wildcard(bytes), wild);
        prop_assert!(tokens(bytes).eq(split.iter().map(|t| t.as_bytes())));
        prop_assert_eq!(token_count(bytes), if subject.is_empty() { 0 } else { split.len() });
    }

    #[test]
    fn no_bytes_make_it_panic(one in vec(any::<u8>(), 0..12), other in vec(any::<u8>(), 0..12)) {
        if matches(&one, &other) && !has_wildcard(&one) {
            prop_assert_eq!(&one, &other);
        }
        let _ = (is_subset(&one, &other), collides(&one, &other), is_valid(&one));
    }
}

#[test]
fn white_space_matters_to_the_configuration_only() {
    for subject in [&b"a b"[..], b"a\tb", b"a.\n", b"\r", b"\x0c.a"] {
        assert!(!is_valid(subject) && !is_valid_queue(subject));
        assert!(is_valid_subscription(subject) && is_valid_publish(subject));
    }
    assert!(is_valid(b"a\x0bb"));
    assert!(is_valid(b"\xff\xfe"));
}

#[test]
fn a_subject_with_an_empty_token_reaches_nobody() {
    for subject in ["", ".", "a.", ".a", "a..b"] {
        for pattern in [">", "*", "a.>", "a.*.b", subject] {
            assert!(!matches(pattern.as_bytes(), subject.as_bytes()));
        }
    }
}

#[test]
fn peculiarities_of_the_real_server() {
    assert!(is_subset(b"a.b", b"a.*x"));
    assert!(is_subset(b"a.", b"a.>"));
    assert!(!is_subset(b"a..b", b"a.*.b") || !matches(b"a.*.b", b"a..b"));
    assert!(collides(b"*x.>", b"a.>"));
    assert!(!collides(b"*x", b"a"));
}

#[test]
fn queue_names_in_permissions_may_have_wildcards() {
    assert!(queue_matches(b"v1.*", b"v1.*"));
    assert!(queue_matches(b"v1.*", b"v1.prod"));
    assert!(queue_matches(b"*", b"prod"));
    assert!(!queue_matches(b"prod", b"v1"));
    assert!(!queue_matches(b"v1.*", b"v2.prod"));
}
