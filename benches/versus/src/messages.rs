//! Reads what a server sends to a client, one operation at a time.

/// Longest line or payload accepted; a CONNZ of ten thousand connections is the largest thing this program asks for.
const LONGEST: usize = 32 << 20;

/// One operation of the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A message for the subscription `sid`.
    Message {
        /// What it was published to.
        subject: &'a str,
        /// The subscription.
        sid: u64,
        /// The payload.
        payload: &'a [u8],
    },
    /// A PING, which wants a PONG.
    Ping,
    /// Something that needs no answer.
    Other,
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole operation, of this many bytes.
    Whole(Item<'a>, usize),
    /// The beginning of an operation.
    Part,
    /// An `-ERR`, or nothing that a server sends.
    Wrong,
}

/// Reads the operation at the beginning of `bytes`.
pub fn step(bytes: &[u8]) -> Step<'_> {
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        return if bytes.len() > LONGEST {
            Step::Wrong
        } else {
            Step::Part
        };
    };
    let Some(line) = bytes[..end].strip_suffix(b"\r") else {
        return Step::Wrong;
    };
    let next = end + 1;
    match line.split(|&byte| byte == b' ').next() {
        Some(b"MSG") => message(line, &bytes[next..], next).unwrap_or(Step::Wrong),
        Some(b"PING") => Step::Whole(Item::Ping, next),
        Some(b"PONG" | b"INFO" | b"+OK") => Step::Whole(Item::Other, next),
        _ => Step::Wrong,
    }
}

fn message<'a>(line: &'a [u8], rest: &'a [u8], before: usize) -> Option<Step<'a>> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ').skip(1);
    let subject = words.next()?;
    let sid = words.next()?.parse().ok()?;
    let size: usize = words.last()?.parse().ok().filter(|&size| size <= LONGEST)?;
    let Some(payload) = rest.get(..size + 2) else {
        return Some(Step::Part);
    };
    let payload = payload.strip_suffix(b"\r\n")?;
    let message = Item::Message {
        subject,
        sid,
        payload,
    };
    Some(Step::Whole(message, before + size + 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn operations_are_told_apart() {
        assert_eq!(
            step(b"MSG a 7 2\r\nhi\r\nPING"),
            Step::Whole(
                Item::Message {
                    subject: "a",
                    sid: 7,
                    payload: b"hi"
                },
                15
            )
        );
        assert_eq!(
            step(b"MSG a 7 r 0\r\n\r\n"),
            Step::Whole(
                Item::Message {
                    subject: "a",
                    sid: 7,
                    payload: b""
                },
                15
            )
        );
        assert_eq!(step(b"PING\r\nPING\r\n"), Step::Whole(Item::Ping, 6));
        assert_eq!(step(b"INFO {}\r\n"), Step::Whole(Item::Other, 9));
        assert_eq!(step(b"-ERR 'x'\r\n"), Step::Wrong);
        assert_eq!(step(b"MSG a 7 99999999999999999999\r\n"), Step::Wrong);
        assert_eq!(step(b"MSG a 7\r\n"), Step::Wrong);
        assert_eq!(step(b"MSG a 7 1\r\nhi\r\n"), Step::Wrong);
    }

    proptest! {
        #[test]
        fn every_beginning_of_an_operation_is_a_part_of_it(sid in any::<u64>(), payload in prop::collection::vec(any::<u8>(), 0..50)) {
            let mut bytes = format!("MSG a.b {sid} {}\r\n", payload.len()).into_bytes();
            bytes.extend_from_slice(&payload);
            bytes.extend_from_slice(b"\r\n");
            for cut in 0..bytes.len() {
                prop_assert_eq!(step(&bytes[..cut]), Step::Part);
            }
            prop_assert_eq!(step(&bytes), Step::Whole(Item::Message { subject: "a.b", sid, payload: &payload }, bytes.len()));
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Step::Whole(_, length) = step(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
