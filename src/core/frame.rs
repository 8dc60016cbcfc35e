//! What the lines in front of one message have in common.

use nats_mock_protocol::wire::encode;

use super::Outgoing;

/// `MSG subject ` and ` reply size\r\n`.
#[derive(Debug, Default)]
pub(super) struct Frame {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Frame {
    pub fn build(&mut self, message: &Outgoing<'_>, with_headers: bool) {
        self.head.clear();
        self.tail.clear();
        let verb: &[u8] = if with_headers { b"HMSG " } else { b"MSG " };
        self.head.extend_from_slice(verb);
        self.head.extend_from_slice(message.subject);
        self.head.push(b' ');
        self.tail.push(b' ');
        if let Some(reply) = message.reply {
            self.tail.extend_from_slice(reply);
            self.tail.push(b' ');
        }
        let tail = &mut self.tail;
        let size = message.payload.len();
        let header_len = message.header_len.unwrap_or(0);
        let mut number = |len: usize, written: Option<&[u8]>| match written {
            Some(digits) => tail.extend_from_slice(digits),
            None => encode::number(tail, len as u64),
        };
        if with_headers {
            number(header_len, message.digits.and_then(|digits| digits.header));
            number(0, Some(b" "));
            number(size, message.digits.map(|digits| digits.size));
        } else if header_len > 0 {
            number(size - header_len, None);
        } else {
            number(size, message.digits.map(|digits| digits.size));
        }
        tail.extend_from_slice(b"\r\n");
    }

    pub fn is_built(&self) -> bool {
        !self.head.is_empty()
    }

    pub fn append(&self, sid: &[u8], body: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.head.len() + sid.len() + self.tail.len() + body.len() + 2);
        out.extend_from_slice(&self.head);
        out.extend_from_slice(sid);
        out.extend_from_slice(&self.tail);
        out.extend_from_slice(body);
        out.extend_from_slice(b"\r\n");
    }
}
