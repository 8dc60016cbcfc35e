//! The operations of the client protocol, and recognising one at the front of the input.

use std::fmt;

/// An operation of the client protocol, in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// `CONNECT {json}`, from a client.
    Connect,
    /// `INFO {json}`, from a server.
    Info,
    /// `PUB`, from a client.
    Pub,
    /// `HPUB`, from a client: a publish with headers.
    Hpub,
    /// `SUB`, from a client.
    Sub,
    /// `UNSUB`, from a client.
    Unsub,
    /// `PING`, from either side.
    Ping,
    /// `PONG`, from either side.
    Pong,
    /// `+OK`, from a server in verbose mode.
    Ok,
    /// `-ERR 'text'`, from a server.
    Err,
    /// `MSG`, from a server.
    Msg,
    /// `HMSG`, from a server: a message with headers.
    Hmsg,
}

impl Verb {
    /// The verb as servers and clients write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Info => "INFO",
            Self::Pub => "PUB",
            Self::Hpub => "HPUB",
            Self::Sub => "SUB",
            Self::Unsub => "UNSUB",
            Self::Ping => "PING",
            Self::Pong => "PONG",
            Self::Ok => "+OK",
            Self::Err => "-ERR",
            Self::Msg => "MSG",
            Self::Hmsg => "HMSG",
        }
    }

    pub(super) const fn shape(self) -> Shape {
        match self {
            Self::Connect | Self::Info => Shape::Loose,
            Self::Ping | Self::Pong | Self::Ok => Shape::Ignored,
            _ => Shape::Spaced,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What may follow a verb on its line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A blank, then arguments.
    Spaced,
    /// Arguments, with or without a blank in between: `CONNECT{}` is accepted.
    Loose,
    /// Anything up to the line end, which is thrown away.
    Ignored,
}

/// What stands at the front of the input.
pub(super) enum Front {
    /// A verb, with the blank that must follow it where one must; `len` counts both.
    Verb { verb: Verb, len: usize },
    /// The beginning of at least one verb.
    Incomplete,
    /// Not a verb. `after` is what was recognised, `found` the byte that spoilt it.
    Unknown { after: &'static str, found: u8 },
}

pub(super) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Finds out which of `verbs` the non-empty `input` begins with, in any case.
///
/// The verdict comes with the first byte that decides it: the real server refuses `PIX` at the
/// `X`, without waiting for a line end.
pub(super) fn recognise(verbs: &[Verb], input: &[u8]) -> Front {
    let (mut longest, mut after) = (0, "");
    for &verb in verbs {
        let name = verb.as_str();
        let common = name
            .bytes()
            .zip(input)
            .take_while(|(a, b)| a.eq_ignore_ascii_case(b))
            .count();
        if common == name.len() {
            if verb.shape() != Shape::Spaced {
                return Front::Verb { verb, len: common };
            }
            return match input.get(common) {
                None => Front::Incomplete,
                Some(&b) if is_blank(b) => Front::Verb {
                    verb,
                    len: common + 1,
                },
                Some(&found) => Front::Unknown { after: name, found },
            };
        }
        if common == input.len() {
            return Front::Incomplete;
        }
        if common > longest {
            (longest, after) = (common, &name[..common]);
        }
    }
    match input.get(longest) {
        Some(&found) => Front::Unknown { after, found },
        None => Front::Incomplete,
    }
}
