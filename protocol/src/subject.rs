//! Subjects: their tokens, which of them are valid where, and which match which.
//!
//! Subjects are bytes, because the real server passes on any that are not UTF-8. It has several
//! ideas of a valid subject, each with its own function here: see
//! [`is_valid_subscription`], [`is_valid_publish`] and [`is_valid`].

use memchr::memchr;

/// The wildcard for exactly one token.
pub const ONE: &[u8] = b"*";
/// The wildcard for one or more tokens at the end.
pub const REST: &[u8] = b">";

/// The tokens of a subject; see [`tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        match memchr(b'.', rest) {
            Some(dot) => {
                self.rest = Some(&rest[dot + 1..]);
                Some(&rest[..dot])
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}

impl std::iter::FusedIterator for Tokens<'_> {}

/// What stands between the dots. The empty subject has one token, which is empty.
///
/// ```
/// use nats_mock_protocol::subject::tokens;
/// assert!(tokens(b"time.us.east").eq([&b"time"[..], b"us", b"east"]));
/// ```
#[must_use]
pub fn tokens(subject: &[u8]) -> Tokens<'_> {
    Tokens {
        rest: Some(subject),
    }
}

/// The number of tokens, empty ones included; 0 for the empty subject.
#[must_use]
pub fn token_count(subject: &[u8]) -> usize {
    if subject.is_empty() {
        0
    } else {
        memchr::memchr_iter(b'.', subject).count() + 1
    }
}

/// Whether a token is `*` or `>`. `foo*` is an ordinary token.
#[must_use]
pub fn is_wildcard(token: &[u8]) -> bool {
    token == ONE || token == REST
}

/// Whether any token is a wildcard.
///
/// ```
/// use nats_mock_protocol::subject::has_wildcard;
/// assert!(has_wildcard(b"time.*") && has_wildcard(b">"));
/// assert!(!has_wildcard(b"time.us*"));
/// ```
#[must_use]
pub fn has_wildcard(subject: &[u8]) -> bool {
    tokens(subject).any(is_wildcard)
}

/// What SUB accepts: no token is empty, and `>` comes last or not at all. Otherwise the real
/// server answers `-ERR 'Invalid Subject'`, whether pedantic or not.
///
/// ```
/// use nats_mock_protocol::subject::is_valid_subscription;
/// assert!(is_valid_subscription(b"time.*.>"));
/// assert!(!is_valid_subscription(b"time..us"));
/// assert!(!is_valid_subscription(b">.time"));
/// ```
#[must_use]
pub fn is_valid_subscription(subject: &[u8]) -> bool {
    let mut ended = false;
    tokens(subject).all(|token| {
        let fits = !ended && !token.is_empty();
        ended = token == REST;
        fits
    })
}

/// What a pedantic connection may publish to: no token is empty or a wildcard. Otherwise the real
/// server says `-ERR 'Invalid Publish Subject'`, and publishes nevertheless. Whitespace is not
/// looked for.
#[must_use]
pub fn is_valid_publish(subject: &[u8]) -> bool {
    tokens(subject).all(|token| !token.is_empty() && !is_wildcard(token))
}

/// What the configuration and the system services take for a subject: as
/// [`is_valid_subscription`], and without blank, tab, line feed, form feed and carriage return.
#[must_use]
pub fn is_valid(subject: &[u8]) -> bool {
    is_valid_subscription(subject)
        && !subject
            .iter()
            .any(|b| matches!(b, b' ' | b'\t' | b'\n' | 0x0c | b'\r'))
}

/// What the configuration takes for a subject to publish to: as [`is_valid`], and without wildcards.
///
/// ```
/// use nats_mock_protocol::subject::is_valid_destination;
/// assert!(is_valid_destination(b"traces.orders"));
/// assert!(!is_valid_destination(b"traces.*"));
/// assert!(!is_valid_destination(b"trace disabled"));
/// ```
#[must_use]
pub fn is_valid_destination(subject: &[u8]) -> bool {
    is_valid(subject) && is_valid_publish(subject)
}

/// Whether permissions accept the name of a queue group; they treat it as a subject. SUB takes any.
#[must_use]
pub fn is_valid_queue(name: &[u8]) -> bool {
    is_valid(name)
}

/// Whether a queue group falls under the queue name in a permission, which may have wildcards.
#[must_use]
pub fn queue_matches(pattern: &[u8], queue: &[u8]) -> bool {
    queue == pattern || (has_wildcard(pattern) && is_subset(queue, pattern))
}

/// Whether a subscription to `pattern` gets what is published to `subject`.
///
/// Wildcards in `subject` are taken literally: a message to `time.*` reaches `time.*` and `>`, but
/// not `time.us`. A subject with an empty token reaches nobody, and a pattern that SUB would not
/// accept gets nothing.
///
/// ```
/// use nats_mock_protocol::subject::matches;
/// assert!(matches(b"time.*.>", b"time.us.east"));
/// assert!(!matches(b"time.*.>", b"time.us"));
/// assert!(!matches(b">", b"time..us"));
/// ```
#[must_use]
pub fn matches(pattern: &[u8], subject: &[u8]) -> bool {
    let (mut wanted, mut given) = (tokens(pattern), tokens(subject));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (_, Some(b"")) => return false,
            (Some(REST), Some(_)) => {
                return wanted.next().is_none() && given.all(|token| !token.is_empty());
            }
            (Some(want), Some(token)) if want == ONE || want == token => {}
            _ => return false,
        }
    }
}

/// Whether every subject that `narrow` matches is also matched by `wide`; both may have wildcards.
///
/// This is the real server's test, with its peculiarity that any token of `wide` that begins with
/// `*` stands for one token, even `*x`.
///
/// ```
/// use nats_mock_protocol::subject::is_subset;
/// assert!(is_subset(b"time.*", b"time.>"));
/// assert!(!is_subset(b"time.>", b"time.*"));
/// ```
#[must_use]
pub fn is_subset(narrow: &[u8], wide: &[u8]) -> bool {
    let (mut inner, mut outer) = (tokens(narrow), tokens(wide));
    loop {
        match (inner.next(), outer.next()) {
            (None, None) => return true,
            (_, Some(b"")) | (None, _) | (_, None) => return false,
            (Some(_), Some(REST)) => return true,
            (Some(b"" | b">"), _) => return false,
            (Some(b"*"), Some(out)) => {
                if out != ONE {
                    return false;
                }
            }
            (Some(token), Some(out)) => {
                if !out.starts_with(ONE) && token != out {
                    return false;
                }
            }
        }
    }
}

/// Whether some subject could be matched by both; both may have wildcards.
///
/// This is the real server's test, with its peculiarity that between two patterns a token that
/// begins with a wildcard character counts as that wildcard, even `*x`.
///
/// ```
/// use nats_mock_protocol::subject::collides;
/// assert!(collides(b"time.*.east", b"time.us.>"));
/// assert!(!collides(b"time.*", b"time.us.east"));
/// ```
#[must_use]
pub fn collides(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    match (has_wildcard(one), has_wildcard(other)) {
        (false, false) => return false,
        (false, true) => return is_subset(one, other),
        (true, false) => return is_subset(other, one),
        (true, true) => {}
    }
    let open_ended = |subject| tokens(subject).any(|token| token == REST);
    let (count, other_count) = (tokens(one).count(), tokens(other).count());
    if (count < other_count && !open_ended(one)) || (other_count < count && !open_ended(other)) {
        return false;
    }
    let wild = |token: &[u8]| matches!(token.first(), Some(b'*' | b'>'));
    tokens(one)
        .zip(tokens(other))
        .all(|(a, b)| !a.is_empty() && !b.is_empty() && (wild(a) || wild(b) || a == b))
}
