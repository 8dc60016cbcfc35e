//! Subjects: matching agrees with its definition, and what subset and collision promise about
//! matching holds. An input is two patterns and a subject, separated by line feeds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nats_mock_protocol::subject;

fn walk(pattern: &[&[u8]], subject: &[&[u8]]) -> bool {
    match (pattern, subject) {
        ([], []) => true,
        ([b">"], [_, ..]) => true,
        ([b"*", pattern @ ..], [_, subject @ ..]) => walk(pattern, subject),
        ([b">", ..], _) => false,
        ([want, pattern @ ..], [got, subject @ ..]) => want == got && walk(pattern, subject),
        _ => false,
    }
}

fn matches(pattern: &[u8], subject: &[u8]) -> bool {
    let split =
        |s: &'_ [u8]| -> Vec<Vec<u8>> { s.split(|&b| b == b'.').map(<[u8]>::to_vec).collect() };
    let (pattern, subject) = (split(pattern), split(subject));
    if pattern.iter().chain(&subject).any(Vec::is_empty) {
        return false;
    }
    let pattern: Vec<&[u8]> = pattern.iter().map(Vec::as_slice).collect();
    let subject: Vec<&[u8]> = subject.iter().map(Vec::as_slice).collect();
    walk(&pattern, &subject)
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |&b| b == b'\n');
    let one = parts.next().unwrap_or_default();
    let other = parts.next().unwrap_or_default();
    let literal = parts.next().unwrap_or_default();
    if data.len() > 256 {
        return;
    }
    let by_one = subject::matches(one, literal);
    let by_other = subject::matches(other, literal);
    assert_eq!(by_one, matches(one, literal));
    assert_eq!(by_other, matches(other, literal));
    assert!(!by_one || subject::is_valid_subscription(one));
    assert!(!subject::is_valid(one) || subject::is_valid_subscription(one));
    let valid = subject::is_valid_subscription(one) && subject::is_valid_subscription(other);
    assert_eq!(
        subject::is_valid_publish(one),
        subject::is_valid_subscription(one) && !subject::has_wildcard(one)
    );
    if valid && by_one && by_other {
        assert!(subject::collides(one, other) && subject::collides(other, one));
    }
    // Tokens such as `*x` count as wildcards in the real server's subset test, but match nothing.
    let plain = subject::tokens(other).all(|t| t.len() == 1 || !t.starts_with(b"*"));
    if valid && plain && subject::is_subset(one, other) {
        assert!(!by_one || by_other);
    }
    assert_eq!(
        subject::token_count(one),
        if one.is_empty() {
            0
        } else {
            subject::tokens(one).count()
        }
    );
});
