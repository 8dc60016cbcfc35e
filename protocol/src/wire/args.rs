//! Argument lines: cutting them at blanks, and the numbers in them.

use super::Limits;
use super::error::{Snippet, WireError};
use super::frame::{Record, Span};
use super::verb::{Verb, is_blank};

/// The arguments of a line, as far as they matter: the first five, and how many there are.
pub(super) struct Arguments {
    pub spans: [Span; 5],
    pub count: usize,
}

/// Cuts a line at runs of the bytes for which `separates` holds.
#[inline]
pub(super) fn split(line: &[u8], separates: impl Fn(u8) -> bool) -> Arguments {
    let mut out = Arguments {
        spans: [Span::default(); 5],
        count: 0,
    };
    let mut at = 0;
    while at < line.len() {
        if separates(line[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < line.len() && !separates(line[at]) {
            at += 1;
        }
        if let Some(span) = out.spans.get_mut(out.count) {
            *span = Span {
                start: start as u32,
                len: (at - start) as u32,
            };
        }
        out.count += 1;
    }
    out
}

/// A size: one to nine decimal digits and nothing else, as the real server reads them.
#[inline]
pub(super) fn size(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let mut n = 0;
    for &b in digits {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        n = n * 10 + u32::from(digit);
    }
    Some(n)
}

/// The arguments of the operations that a payload follows: `subject [reply] size` for PUB, with a
/// subscription id behind the subject for MSG, and with the header size before the total size for
/// HPUB and HMSG.
#[inline]
pub(super) fn with_payload(
    verb: Verb,
    line: &[u8],
    limits: &Limits,
) -> Result<(Record, Option<usize>), WireError> {
    let with_headers = matches!(verb, Verb::Hpub | Verb::Hmsg);
    let with_sid = matches!(verb, Verb::Msg | Verb::Hmsg);
    if with_headers && !limits.headers {
        return Err(WireError::HeadersNotSupported);
    }
    let bad = |what| WireError::Arguments {
        verb,
        what,
        line: Snippet::of(line),
    };
    let arguments = split(line, is_blank);
    let spans = &arguments.spans;
    let mut record = Record::new(verb);
    record.first = spans[0];
    let mut at = 1;
    if with_sid {
        record.sid = spans[1];
        at = 2;
    }
    let least = at + 1 + usize::from(with_headers);
    if arguments.count == least + 1 {
        record.second = spans[at];
        at += 1;
    } else if arguments.count != least {
        return Err(bad("wrong number of arguments"));
    }
    if with_headers {
        record.header_text = spans[at];
        record.number = size(spans[at].of(line)).ok_or_else(|| bad("bad header size"))?;
        at += 1;
    }
    record.size_text = spans[at];
    let total = size(spans[at].of(line)).ok_or_else(|| bad("bad payload size"))?;
    if with_headers && record.number > total {
        return Err(bad("header size larger than total size"));
    }
    let total = total as usize;
    if total > limits.max_payload {
        return Err(WireError::MaxPayload {
            size: total,
            max: limits.max_payload,
        });
    }
    Ok((record, Some(total)))
}
