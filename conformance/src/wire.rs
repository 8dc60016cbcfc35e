//! Cutting what a server sends into frames, for transcripts.
//!
//! This reader is deliberately not the one of the mock: the two must not share a mistake. It keeps
//! the bytes of every frame as they came and judges nothing.

/// One unit of the server's side of the protocol, as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The protocol line including its line ending.
    pub line: Vec<u8>,
    /// What follows the line of `MSG` and `HMSG`: header bytes (empty for `MSG`) and payload
    /// without the final line ending.
    pub body: Option<Body>,
}

/// Headers and payload of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The header block of `HMSG`, with its terminating empty line.
    pub headers: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The verb of the frame as it came, such as `MSG` or `-ERR`.
    pub fn verb(&self) -> &[u8] {
        let end = self
            .line
            .iter()
            .position(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
            .unwrap_or(self.line.len());
        &self.line[..end]
    }

    /// The reply subject of a message that has one.
    pub fn reply(&self) -> Option<&[u8]> {
        let sizes = if self.body.as_ref()?.headers.is_empty() {
            1
        } else {
            2
        };
        let words: Vec<&[u8]> = self.line.split(|b| *b == b' ').collect();
        let has_reply = words.len() == 4 + sizes;
        words.get(3).copied().filter(|_| has_reply)
    }

    /// Replaces the subscription id of a message by `<sid>`; leaves other frames alone.
    pub fn hide_sid(&mut self) {
        if self.body.is_none() {
            return;
        }
        let mut words: Vec<&[u8]> = self.line.split(|b| *b == b' ').collect();
        if let Some(sid) = words.get_mut(2) {
            *sid = b"<sid>";
        }
        self.line = words.join(&b' ');
    }
}

/// Takes the first complete frame off `buffer`.
///
/// `None` means more bytes are needed. A `MSG` line whose sizes cannot be read is returned as a
/// bare line, which shows in the transcript for what it is.
pub fn take_frame(buffer: &mut Vec<u8>) -> Option<Frame> {
    let line_end = buffer.iter().position(|b| *b == b'\n')? + 1;
    let line = &buffer[..line_end];
    let Some((header_size, total)) = sizes(line) else {
        let rest = buffer.split_off(line_end);
        let line = std::mem::replace(buffer, rest);
        return Some(Frame { line, body: None });
    };
    let frame_end = line_end.checked_add(total)?.checked_add(2)?;
    if buffer.len() < frame_end {
        return None;
    }
    let rest = buffer.split_off(frame_end);
    let mut line = std::mem::replace(buffer, rest);
    let mut body = line.split_off(line_end);
    body.truncate(total);
    let payload = body.split_off(header_size);
    Some(Frame {
        line,
        body: Some(Body {
            headers: body,
            payload,
        }),
    })
}

/// Header size and total size announced by a `MSG` or `HMSG` line.
fn sizes(line: &[u8]) -> Option<(usize, usize)> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split_ascii_whitespace();
    let with_headers = match words.next()? {
        "MSG" => false,
        "HMSG" => true,
        _ => return None,
    };
    let mut from_end = words.rev();
    let total: usize = from_end.next()?.parse().ok()?;
    let headers: usize = if with_headers {
        from_end.next()?.parse().ok()?
    } else {
        0
    };
    (headers <= total).then_some((headers, total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(bytes: &[u8]) -> (Vec<Frame>, Vec<u8>) {
        let mut buffer = bytes.to_vec();
        let mut out = Vec::new();
        while let Some(frame) = take_frame(&mut buffer) {
            out.push(frame);
        }
        (out, buffer)
    }

    const STREAM: &[u8] =
        b"INFO {} \r\nMSG a 1 2\r\n\r\n\r\nHMSG a 1 r 12 13\r\nNATS/1.0\r\n\r\nx\r\nPONG\r\n-ERR 'x'\r\nMS";

    #[test]
    fn frames_keep_their_bytes() {
        let (frames, rest) = frames(STREAM);
        let verbs: Vec<_> = frames.iter().map(Frame::verb).collect();
        assert_eq!(verbs, [&b"INFO"[..], b"MSG", b"HMSG", b"PONG", b"-ERR"]);
        let body = frames[2].body.as_ref().expect("a body");
        assert_eq!(body.headers, b"NATS/1.0\r\n\r\n");
        assert_eq!(body.payload, b"x");
        assert_eq!(frames[1].body.as_ref().expect("a body").payload, b"\r\n");
        assert_eq!(rest, b"MS");
    }

    #[test]
    fn the_subscription_id_can_be_hidden() {
        let mut all = frames(STREAM).0;
        all.iter_mut().for_each(Frame::hide_sid);
        assert_eq!(all[2].line, b"HMSG a <sid> r 12 13\r\n");
        assert_eq!(all[4].line, b"-ERR 'x'\r\n");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(cut in 0..STREAM.len()) {
            let mut buffer = Vec::new();
            let mut out = Vec::new();
            for part in [&STREAM[..cut], &STREAM[cut..]] {
                buffer.extend_from_slice(part);
                while let Some(frame) = take_frame(&mut buffer) {
                    out.push(frame);
                }
            }
            prop_assert_eq!(out, frames(STREAM).0);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = frames(&bytes);
        }
    }
}
