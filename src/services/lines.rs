//! The way of lines to clients past the rules about them.
//!
//! It is gone after each operation of a client and at the end of each input, so that neither when a shell
//! fetches the lines, nor how anything is cut on the way, makes a difference.

use std::time::Duration;

use bytes::BytesMut;
use memchr::memchr;
use nats_mock_protocol::wire::{Limits, ServerBatch, ServerDecoder};

use super::journal::Journal;
use crate::core::{ConnId, Core, Then};
use crate::faults::{Passed, Rules};

/// Passes what has been sent since the last time. Tells whether there was anything.
pub(super) fn pass_lines(core: &mut Core, rules: &mut Rules, journal: &mut Journal) -> bool {
    let fresh = |id: &ConnId| core.conn(*id).is_some_and(|conn| conn.has_fresh());
    let mut ids: Vec<ConnId> = core.woken().iter().copied().filter(fresh).collect();
    // They may have been woken by different things before.
    ids.sort_unstable();
    for &id in &ids {
        let concerned = core.conn(id);
        if !concerned.is_some_and(|conn| rules.concern_lines_to(core, conn)) {
            core.let_pass(id);
            continue;
        }
        let fresh = core.take_fresh(id);
        let mut rest = &fresh[..];
        while !rest.is_empty() {
            let (line, behind) = rest.split_at(length_of_first(rest));
            rest = behind;
            if !pass_line(core, rules, journal, id, line) {
                break;
            }
        }
    }
    !ids.is_empty()
}

/// Passes one line. Tells whether others may follow.
fn pass_line(
    core: &mut Core,
    rules: &mut Rules,
    journal: &mut Journal,
    id: ConnId,
    line: &[u8],
) -> bool {
    let mut decoder = ServerDecoder::new(Limits {
        max_payload: usize::MAX,
        max_control_line: usize::MAX,
        ..Limits::default()
    });
    let mut batch = ServerBatch::new();
    let _ = decoder.decode(&mut BytesMut::from(line), &mut batch);
    let (Some(conn), Some(op)) = (core.conn(id), batch.iter().next()) else {
        // A line of a kind that no rule can be about.
        return core.speak(id, line.to_vec(), Duration::ZERO, Then::GoOn);
    };
    let passed = rules.pass_line(core, conn, op, line);
    journal.note_line(core, conn, line, &passed);
    let Passed {
        line,
        more,
        delay,
        then,
        ..
    } = passed;
    let Some(line) = line else {
        return match then {
            Then::GoOn => true,
            then => core.speak(id, Vec::new(), delay, then),
        };
    };
    // One more than what may wait is as good as any number.
    let most = core.max_pending(id) / line.len().max(1) + 1;
    core.speak(
        id,
        line.repeat(most.min(more.saturating_add(1))),
        delay,
        then,
    )
}

/// The length of the first operation in a server's output, payload included.
fn length_of_first(output: &[u8]) -> usize {
    let Some(end) = memchr(b'\n', output) else {
        return output.len();
    };
    let line = &output[..end];
    let has_payload = line.starts_with(b"MSG ") || line.starts_with(b"HMSG ");
    let size = line.trim_ascii_end().rsplit(|&byte| byte == b' ').next();
    let size = size.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
    let payload = match size {
        Some(size) if has_payload => size.saturating_add("\r\n".len()),
        _ => 0,
    };
    output.len().min((end + 1).saturating_add(payload))
}

#[cfg(test)]
mod tests {
    use super::length_of_first;

    #[test]
    fn operations_are_told_apart() {
        for (first, behind) in [
            ("PING\r\n", "MSG a 1 5\r\nhello\r\n"),
            ("MSG a 1 5\r\nhello\r\n", "PONG\r\n"),
            ("MSG a 1  005\r\nMSG \n\r\n", "+OK\r\n"),
            ("HMSG a 1 b 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", ""),
            ("MSG a 1 0\r\n\r\n", "MSG a 1 0\r\n\r\n"),
            ("-ERR 'MSG a 5'\r\n", "PING\r\n"),
            ("INFO {\"max_payload\":1048576} \r\n", "PING\r\n"),
        ] {
            let output = format!("{first}{behind}");
            assert_eq!(length_of_first(output.as_bytes()), first.len(), "{output}");
        }
        assert_eq!(length_of_first(b"MSG a 1 18446744073709551615\r\nx"), 31);
        assert_eq!(length_of_first(b"PI"), 2);
    }
}
