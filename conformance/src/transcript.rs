//! The text of a transcript: what every connection received, step by step.

use std::collections::BTreeMap;

use crate::normalise::{Hole, HoleKind, Masked, MaskedFrame, Piece};

/// Runs of one byte longer than this are shown as `<count*byte>`.
const LONGEST_PLAIN_RUN: usize = 40;

/// A transcript in the making.
#[derive(Debug, Default)]
pub struct Transcript {
    lines: Vec<String>,
    numbering: Numbering,
}

impl Transcript {
    /// An empty transcript of this scenario.
    pub fn new(purpose: &str) -> Self {
        Self {
            lines: vec![format!("# {purpose}")],
            numbering: Numbering::default(),
        }
    }

    /// Adds a step as its scenario has it.
    pub fn step(&mut self, source: &str) {
        self.lines.push(format!("> {source}"));
    }

    /// Adds frames as received by the connections `who`; equal neighbours are counted.
    pub fn frames(&mut self, who: &str, frames: &[MaskedFrame]) {
        let mut shown: Vec<(Vec<String>, usize)> = Vec::new();
        for frame in frames {
            let text = self.show_frame(who, frame);
            match shown.last_mut() {
                Some((last, count)) if *last == text => *count += 1,
                _ => shown.push((text, 1)),
            }
        }
        for (mut text, count) in shown {
            if count > 1
                && let Some(first) = text.first_mut()
            {
                first.push_str(&format!("  x{count}"));
            }
            self.lines.append(&mut text);
        }
    }

    /// Adds the values that `frames` share out among themselves, in order.
    pub fn shuffled(&mut self, who: &str, frames: &[MaskedFrame]) {
        let mut values: Vec<String> = frames
            .iter()
            .flat_map(MaskedFrame::shuffled)
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect();
        values.sort_by_key(|value| (value.len(), value.clone()));
        if !values.is_empty() {
            self.lines
                .push(format!("{who} shuffled: {}", values.join(" ")));
        }
    }

    fn show_frame(&mut self, who: &str, frame: &MaskedFrame) -> Vec<String> {
        let mut text = vec![format!("{who} < {}", self.numbering.show(&frame.line))];
        for part in [&frame.headers, &frame.payload].into_iter().flatten() {
            if !part.0.is_empty() {
                text.push(format!("{who} |   {}", self.numbering.show(part)));
            }
        }
        text
    }

    /// Adds what a program printed, one line each.
    pub fn output(&mut self, name: &str, lines: &[Masked]) {
        for line in lines {
            let shown = self.numbering.show(line);
            self.lines.push(format!("{name} | {shown}"));
        }
    }

    /// Adds a remark such as `a closed`.
    pub fn remark(&mut self, text: &str) {
        self.lines.push(text.to_owned());
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }
}

/// Numbers equal values by first appearance.
#[derive(Debug, Default)]
pub struct Numbering {
    seen: BTreeMap<HoleKind, Vec<Vec<u8>>>,
}

impl Numbering {
    /// The text with escapes and placeholders.
    pub fn show(&mut self, masked: &Masked) -> String {
        let mut out = String::new();
        for piece in &masked.0 {
            match piece {
                Piece::Bytes(bytes) => show_bytes(bytes, &mut out),
                Piece::Hole(hole) => {
                    let name = hole.kind.name();
                    match self.number(hole) {
                        Some(number) => out.push_str(&format!("<{name}:{number}>")),
                        None => out.push_str(&format!("<{name}>")),
                    }
                }
            }
        }
        out
    }

    fn number(&mut self, hole: &Hole) -> Option<String> {
        if let Some(name) = &hole.name {
            return Some(name.clone());
        }
        if !hole.kind.is_numbered() {
            return None;
        }
        if hole.kind != HoleKind::EventId {
            return Some(self.position(hole.kind, &hole.value).to_string());
        }
        // The first half of an event id belongs to the process that drew it, so it is numbered by
        // itself, and the ids within it by how many of the same process came before.
        let process = hole.value.get(..12)?.to_vec();
        let known = self.seen.entry(HoleKind::EventId).or_default();
        if !known.contains(&hole.value) {
            known.push(hole.value.clone());
        }
        let mut processes: Vec<&[u8]> = Vec::new();
        let mut within = 0;
        let mut number = None;
        for id in known.iter() {
            let owner = &id[..12];
            if !processes.contains(&owner) {
                processes.push(owner);
            }
            if owner == process {
                within += 1;
                if *id == hole.value {
                    let at = processes.iter().position(|p| *p == process)? + 1;
                    number = Some(format!("{at}.{within}"));
                }
            }
        }
        number
    }

    fn position(&mut self, kind: HoleKind, value: &[u8]) -> usize {
        let known = self.seen.entry(kind).or_default();
        match known.iter().position(|seen| seen == value) {
            Some(at) => at + 1,
            None => {
                known.push(value.to_vec());
                known.len()
            }
        }
    }
}

/// Shows bytes so that they can be read and told apart: control characters, backslashes and bytes
/// that are not UTF-8 as escapes, long runs as `<count*byte>`.
fn show_bytes(bytes: &[u8], out: &mut String) {
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|b| *b == first).count();
        if run > LONGEST_PLAIN_RUN {
            out.push_str(&format!("<{run}*"));
            show_plain(&rest[..1], out);
            out.push('>');
            rest = &rest[run..];
            continue;
        }
        let plain = plain_length(rest);
        show_plain(&rest[..plain], out);
        rest = &rest[plain..];
    }
}

/// How far `bytes` go before a run starts that is worth counting.
fn plain_length(bytes: &[u8]) -> usize {
    let mut run = 0;
    for (at, byte) in bytes.iter().enumerate() {
        run = if at > 0 && bytes[at - 1] == *byte {
            run + 1
        } else {
            1
        };
        if run > LONGEST_PLAIN_RUN {
            return (at + 1 - run).max(1);
        }
    }
    bytes.len()
}

fn show_plain(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\r' => out.push_str("\\r"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\\' => out.push_str("\\\\"),
                '\u{2028}' => out.push_str("\\u{2028}"),
                '\u{2029}' => out.push_str("\\u{2029}"),
                c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
                c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = String::new();
        show_bytes(bytes, &mut out);
        out
    }

    #[test]
    fn bytes_are_shown_so_that_they_can_be_told_apart() {
        assert_eq!(shown(b"a\r\n\\r\x00\xff\x7f"), r"a\r\n\\r\x00\xff\x7f");
        assert_eq!(shown("µ\u{2028}".as_bytes()), "µ\\u{2028}");
    }

    #[test]
    fn long_runs_are_counted() {
        let bytes = [&b"ab"[..], &[b'x'; 1000], b"yy"].concat();
        assert_eq!(shown(&bytes), "ab<1000*x>yy");
        assert_eq!(shown(&[b'x'; 40]), "x".repeat(40));
        assert_eq!(shown(&[0; 41]), r"<41*\x00>");
    }

    #[test]
    fn equal_neighbours_are_counted() {
        let frame = |text: &str| MaskedFrame {
            line: Masked(vec![Piece::Bytes(text.as_bytes().to_vec())]),
            headers: None,
            payload: None,
        };
        let mut transcript = Transcript::new("p");
        transcript.step("a: await 3");
        transcript.frames(
            "a",
            &[frame("+OK\r\n"), frame("+OK\r\n"), frame("PONG\r\n")],
        );
        assert_eq!(
            transcript.into_text(),
            "# p\n> a: await 3\na < +OK\\r\\n  x2\na < PONG\\r\\n\n"
        );
    }
}
