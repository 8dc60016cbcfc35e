//! What varies in plain text: identities in subjects, random subject tokens, log line heads.

use super::names::Names;
use super::{HoleKind, Masked, Normaliser};

/// Subjects with random tokens: what precedes them, and the lengths of the tokens that follow.
const RANDOM_SUBJECTS: [(&[u8], &[TokenRule]); 4] = [
    (b"$LDS.", &[TokenRule::Loop(22)]),
    (b"_R_.", &[TokenRule::Random(6), TokenRule::Random(6)]),
    (b"_R_.", &[TokenRule::Random(6), TokenRule::Rest]),
    (
        b"$SYS._INBOX.",
        &[TokenRule::Fixed(8), TokenRule::Random(8)],
    ),
];

/// How a server begins to say that it does not take a changed configuration. What follows may be whole
/// structs of its own, in which pointers are the addresses of what they point to.
const REFUSAL: &[u8] = b"config reload not supported for ";

/// A token after a known prefix.
enum TokenRule {
    /// Drawn at random, this long.
    Random(usize),
    /// As random, one for each server and account, with which loops of leaf nodes are found.
    Loop(usize),
    /// The same in every run, this long: a hash of the server's name.
    Fixed(usize),
    /// All that may follow, as it stands in JSON.
    Rest,
}

/// Masks `text`.
pub(super) fn mask(text: &[u8], normaliser: &Normaliser) -> Masked {
    let (literals, names) = (&normaliser.literals, normaliser.deployment.as_ref());
    let identities = &normaliser.identities;
    let mut masked = Masked::default();
    let shows_structs = text.windows(REFUSAL.len()).any(|part| part == REFUSAL);
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let at_word_start = at == 0 || !text[at - 1].is_ascii_alphanumeric();
        if let Some((literal, kind)) = literals.iter().find(|(l, _)| rest.starts_with(l)) {
            masked.hole(*kind, literal);
            at += literal.len();
        } else if let Some((text, kind, name)) = identities
            .iter()
            .find(|(text, ..)| at_word_start && rest.starts_with(text))
        {
            masked.named_hole(*kind, text, Some(name.clone()));
            at += text.len();
        } else if at_word_start && is_public_key(rest, b'N') {
            let name = names.and_then(|names| names.server(&rest[..56]));
            masked.named_hole(HoleKind::ServerId, &rest[..56], name);
            at += 56;
        } else if at_word_start && is_public_key(rest, b'X') {
            masked.hole(HoleKind::Xkey, &rest[..56]);
            at += 56;
        } else if let Some(time) = http_time(text, at) {
            masked.hole(HoleKind::HttpTime, time);
            at += time.len();
        } else if let Some((digits, name)) =
            names.and_then(|names| port(text, at, shows_structs, names))
        {
            masked.named_hole(HoleKind::Port, digits, Some(name));
            at += digits.len();
        } else if let Some(address) = address(rest).filter(|_| shows_structs) {
            masked.hole(HoleKind::Address, address);
            at += address.len();
        } else if let Some(length) = random_subject(rest, &mut masked) {
            at += length;
        } else {
            masked.bytes(&rest[..1]);
            at += 1;
        }
    }
    masked
}

/// The time at `at`, in a header that says when an answer was made.
fn http_time(text: &[u8], at: usize) -> Option<&[u8]> {
    const LENGTH: usize = "Sun, 06 Nov 1994 08:49:37 GMT".len();
    let time = text.get(at..at + LENGTH)?;
    (text[..at] == *b"Date: " && time.ends_with(b" GMT")).then_some(time)
}

/// The digits of a known port at `at`, behind the colon of an address, and its name. Where structs are
/// shown a port may be a value of its own.
fn port<'a>(
    text: &'a [u8],
    at: usize,
    shows_structs: bool,
    names: &Names,
) -> Option<(&'a [u8], String)> {
    let before = *text.get(at.checked_sub(1)?)?;
    if before != b':' && !(shows_structs && matches!(before, b' ' | b'=')) {
        return None;
    }
    let length = text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    let digits = &text[at..at + length];
    Some((digits, names.port(digits)?))
}

/// The address in memory that `text` starts with.
fn address(text: &[u8]) -> Option<&[u8]> {
    const SHORTEST: usize = 9;
    let digits = text.strip_prefix(b"0x")?;
    let length = digits.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    (length >= SHORTEST).then(|| &text[..2 + length])
}

/// Masks a line that may start with the server's log head, `[pid] date time [LVL] `.
pub(super) fn mask_log_line(line: &[u8], normaliser: &Normaliser) -> Masked {
    let Some((pid, time, rest)) = log_head(line) else {
        return mask(line, normaliser);
    };
    let mut masked = Masked::default();
    masked.bytes(b"[");
    masked.hole(HoleKind::Pid, pid);
    masked.bytes(b"] ");
    masked.hole(HoleKind::LogTime, time);
    masked.append(mask(rest, normaliser));
    masked
}

/// Splits off process id and time of a log line.
fn log_head(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    const TIME_SHAPE: &[u8] = b"dddd/dd/dd dd:dd:dd.dddddd";
    let close = line.iter().position(|b| *b == b']')?;
    let pid = line.get(1..close)?;
    let rest = line.get(close + 2..)?;
    let time = rest.get(..TIME_SHAPE.len())?;
    let is_head = line[0] == b'['
        && !pid.is_empty()
        && pid.iter().all(u8::is_ascii_digit)
        && line[close + 1] == b' '
        && time.iter().zip(TIME_SHAPE).all(|(b, shape)| match shape {
            b'd' => b.is_ascii_digit(),
            other => b == other,
        });
    is_head.then(|| (pid, time, &rest[TIME_SHAPE.len()..]))
}

/// Whether `text` starts with a public key of the kind `prefix`, 56 characters, and no more.
pub(super) fn is_public_key(text: &[u8], prefix: u8) -> bool {
    text.len() >= 56
        && text[0] == prefix
        && text[..56]
            .iter()
            .all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(b))
        && text.get(56).is_none_or(|b| !b.is_ascii_alphanumeric())
}

/// Masks a subject the server made up, if `text` starts with one; gives the bytes taken.
fn random_subject(text: &[u8], masked: &mut Masked) -> Option<usize> {
    let (taken, length) = RANDOM_SUBJECTS
        .iter()
        .find_map(|(prefix, rules)| tokens(text, prefix, rules))?;
    masked.append(taken);
    Some(length)
}

/// Takes `prefix` and the tokens that `rules` say off `text`, with how many bytes these are.
fn tokens(text: &[u8], prefix: &[u8], rules: &[TokenRule]) -> Option<(Masked, usize)> {
    const ANY_REST: &[u8] = b"\\u003e";
    if !text.starts_with(prefix) {
        return None;
    }
    let mut taken = Masked::default();
    taken.bytes(prefix);
    let mut at = prefix.len();
    for (index, rule) in rules.iter().enumerate() {
        if index > 0 {
            if text.get(at) != Some(&b'.') {
                return None;
            }
            taken.bytes(b".");
            at += 1;
        }
        let length = match rule {
            TokenRule::Random(length) | TokenRule::Loop(length) | TokenRule::Fixed(length) => {
                *length
            }
            TokenRule::Rest => ANY_REST.len(),
        };
        let token = text.get(at..at + length)?;
        at += length;
        let ends = text.get(at).is_none_or(|b| !b.is_ascii_alphanumeric());
        let is_meant = match rule {
            TokenRule::Rest => token == ANY_REST,
            _ => token.iter().all(u8::is_ascii_alphanumeric),
        };
        if !ends || !is_meant {
            return None;
        }
        match rule {
            TokenRule::Random(_) => taken.hole(HoleKind::Token, token),
            TokenRule::Loop(_) => taken.hole(HoleKind::LoopToken, token),
            TokenRule::Fixed(_) | TokenRule::Rest => taken.bytes(token),
        }
    }
    Some((taken, at))
}
