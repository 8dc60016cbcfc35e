//! What the headers of a message ask for, if they ask for its way to be told.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use nats_mock_protocol::events::{TRACE_DEST, TRACE_DISABLED, TRACE_PARENT};
use nats_mock_protocol::headers;

/// How a block of headers begins in which traces are asked for: one with a status asks for none.
const BEGIN: &[u8] = b"NATS/1.0\r\n";

/// What a message asks for.
#[derive(PartialEq, Eq)]
pub(super) struct Asked {
    pub headers: BTreeMap<String, Vec<String>>,
    /// Only the header of another tracing system asks.
    pub by_parent: bool,
}

/// Headers are shown to nobody but whom they are for.
impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("by_parent", &self.by_parent)
            .finish_non_exhaustive()
    }
}

impl Asked {
    /// The first value of a header, in this very case; empty if there is none.
    pub fn first(&self, key: &str) -> &str {
        let values = self.headers.get(key).and_then(|values| values.first());
        values.map_or("", String::as_str)
    }
}

/// Whether it is worth to look closer. Costs no more than finding the lines.
pub(super) fn may_ask(block: &[u8]) -> bool {
    let mut rest = block;
    while let Some(colon) = memchr::memchr(b':', rest) {
        let key = &rest[..colon];
        // What has no colon belongs to the key of the next line.
        if ends_with_key(key, TRACE_DEST) || ends_with_key(key, TRACE_PARENT) {
            return true;
        }
        rest = &rest[colon + 1..];
        let Some(end) = memchr::memchr(b'\n', rest) else {
            return false;
        };
        rest = &rest[end + 1..];
    }
    false
}

fn ends_with_key(text: &[u8], key: &str) -> bool {
    text.len() >= key.len() && text[text.len() - key.len()..].eq_ignore_ascii_case(key.as_bytes())
}

/// Reads a block as servers do: lines that have no colon are part of the next key. `strictly` is whether
/// it is read as servers have done since 2.14.
pub(super) fn read(block: &[u8], strictly: bool) -> Option<Asked> {
    let mut rest = block.strip_prefix(BEGIN)?;
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut by_dest, mut by_parent) = (false, false);
    while let Some(colon) = memchr::memchr(b':', rest) {
        let (key, after) = (&rest[..colon], &rest[colon + 1..]);
        let after = if strictly {
            let blanks = after.iter().take_while(|byte| is_blank(**byte)).count();
            &after[blanks..]
        } else {
            after
        };
        let Some(end) = memchr::memmem::find(after, b"\r\n") else {
            break;
        };
        let value = trimmed(&after[..end]);
        rest = &after[end + 2..];
        if key.is_empty() || (strictly && value.is_empty()) {
            continue;
        }
        let is_parent = key.eq_ignore_ascii_case(TRACE_PARENT.as_bytes());
        if is_parent {
            by_parent |= is_sampled(value);
        } else if strictly {
            if !by_dest && key == TRACE_DEST.as_bytes() {
                if value == TRACE_DISABLED.as_bytes() {
                    return None;
                }
                by_dest = true;
            }
        } else {
            by_dest |= key.eq_ignore_ascii_case(TRACE_DEST.as_bytes());
        }
        let key = if is_parent && !strictly {
            TRACE_PARENT.to_owned()
        } else {
            text(key)
        };
        headers.entry(key).or_default().push(text(value));
    }
    (by_dest || by_parent).then_some(Asked {
        headers,
        by_parent: !by_dest,
    })
}

/// The block with `traceparent` in lower case, which servers before 2.14 make of it.
pub(super) fn with_lower_parent(block: &[u8]) -> Cow<'_, [u8]> {
    let mut lowered = Cow::Borrowed(block);
    if !block.starts_with(BEGIN) {
        return lowered;
    }
    let mut at = BEGIN.len();
    while let Some(colon) = memchr::memchr(b':', &block[at..]) {
        let key = at..at + colon;
        let after = key.end + 1;
        let Some(end) = memchr::memmem::find(&block[after..], b"\r\n") else {
            break;
        };
        let spelled = &block[key.clone()];
        if spelled != TRACE_PARENT.as_bytes()
            && spelled.eq_ignore_ascii_case(TRACE_PARENT.as_bytes())
        {
            lowered.to_mut()[key].copy_from_slice(TRACE_PARENT.as_bytes());
        }
        at = after + end + 2;
    }
    lowered
}

/// The block in which nothing asks any more, as servers before 2.14 make it: the first letter of what has
/// asked is another.
pub(super) fn crossed_out(block: &[u8]) -> Vec<u8> {
    let mut out = block.to_vec();
    for key in [TRACE_DEST, TRACE_PARENT] {
        let Some(at) = memchr::memmem::find(block, key.as_bytes()) else {
            continue;
        };
        if block[..at].ends_with(b"\r\n") && block.get(at + key.len()) == Some(&b':') {
            out[at] = b'X';
        }
    }
    out
}

/// The block with a header that says that nothing is to be told, as servers have made it since 2.14.
pub(super) fn disabled(block: &[u8]) -> Vec<u8> {
    headers::with(Some(block), TRACE_DEST, TRACE_DISABLED)
}

/// Whether a trace context was sampled: the last of four parts is a signed byte with its lowest bit set.
fn is_sampled(value: &[u8]) -> bool {
    let parts: Vec<&[u8]> = value.split(|&byte| byte == b'-').collect();
    let [_, _, _, flags] = parts[..] else {
        return false;
    };
    let flags = std::str::from_utf8(flags).ok().filter(|it| it.len() == 2);
    let flags = flags.and_then(|flags| i8::from_str_radix(flags, 16).ok());
    flags.is_some_and(|flags| flags & 1 == 1)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = value
        && is_blank(*first)
    {
        value = rest;
    }
    while let [rest @ .., last] = value
        && is_blank(*last)
    {
        value = rest;
    }
    value
}

/// Text as JSON of a real server has it: each byte that is none is a replacement character.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_what_asks() {
        for (block, asks) in [
            (&b"NATS/1.0\r\nNats-Trace-Dest: x\r\n\r\n"[..], true),
            (b"NATS/1.0\r\nA: b\r\nTRACEPARENT: x\r\n\r\n", true),
            (b"NATS/1.0\r\nA: Nats-Trace-Dest: x\r\n\r\n", false),
            (b"NATS/1.0\r\nA: b\r\n\r\n", false),
            (b"NATS/1.0\r\n\r\n", false),
        ] {
            assert_eq!(may_ask(block), asks, "{block:?}");
        }
    }

    #[test]
    fn a_line_without_a_colon_belongs_to_the_next_key() {
        let block = b"NATS/1.0\r\nloose\r\nNats-Trace-Dest: x\r\n\r\n";
        assert_eq!(read(block, true), None);
        let block = b"NATS/1.0\r\nloose\r\nA: 1\r\nNats-Trace-Dest: x\r\n\r\n";
        let asked = read(block, true).unwrap();
        assert_eq!(asked.first("loose\r\nA"), "1");
    }

    #[test]
    fn only_sampled_contexts_ask() {
        for (value, sampled) in [
            (&b"00-a-b-01"[..], true),
            (b"00-a-b-7f", true),
            (b"00-a-b-ff", false),
            (b"00-a-b-00", false),
            (b"00-a-b-1", false),
            (b"00-a-b-01-c", false),
            (b"00-a-b-\xff\xff", false),
        ] {
            assert_eq!(is_sampled(value), sampled, "{value:?}");
        }
    }

    #[test]
    fn what_is_crossed_out_asks_no_more() {
        let block = b"NATS/1.0\r\nNats-Trace-Dest: x\r\ntraceparent: 00-a-b-01\r\n\r\n";
        let crossed = crossed_out(block);
        assert_eq!(read(&crossed, false), None);
        assert_eq!(crossed.len(), block.len());
        assert_eq!(read(&disabled(block), true), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(head in any::<bool>(), bytes in proptest::collection::vec(
            prop_oneof![Just(b':'), Just(b'\r'), Just(b'\n'), Just(b' '), any::<u8>()], 0..60)) {
            let mut block = if head { BEGIN.to_vec() } else { Vec::new() };
            block.extend(bytes);
            for strictly in [false, true] {
                if read(&block, strictly).is_some() {
                    prop_assert!(may_ask(&block));
                }
            }
            prop_assert_eq!(with_lower_parent(&block).len(), block.len());
            prop_assert_eq!(crossed_out(&block).len(), block.len());
        }
    }
}
