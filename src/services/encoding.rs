//! `Accept-Encoding` of requests: replies in the encoding that the requester asks for.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use nats_mock_protocol::headers;

/// What a requester asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Snappy's framing format, which is also S2's.
    Snappy,
    Gzip,
    /// Something that no server knows: the answer comes as it is, and says so.
    Identity,
}

/// The encodings that a requester takes.
pub(super) fn asked_for(header: &[u8]) -> Option<&[u8]> {
    headers::get(header, "Accept-Encoding")
}

impl Encoding {
    /// Of all that a requester takes, Snappy comes first.
    pub fn among(accepted: &[u8]) -> Option<Self> {
        let asked = String::from_utf8_lossy(accepted).to_lowercase();
        if asked.is_empty() {
            None
        } else if asked.contains("snappy") || asked.contains("s2") {
            Some(Encoding::Snappy)
        } else if asked.contains("gzip") {
            Some(Encoding::Gzip)
        } else {
            Some(Encoding::Identity)
        }
    }

    fn name(self) -> &'static str {
        match self {
            Encoding::Snappy => "snappy",
            Encoding::Gzip => "gzip",
            Encoding::Identity => "identity",
        }
    }

    /// A message with this encoding of `payload`: the length of its headers, and all of it.
    pub fn message(self, payload: &[u8]) -> (usize, Vec<u8>) {
        let mut message = headers::with(None, "Content-Encoding", self.name());
        let header_len = message.len();
        match self {
            Encoding::Snappy => write_all(snap::write::FrameEncoder::new(&mut message), payload),
            Encoding::Gzip => write_all(
                GzEncoder::new(&mut message, Compression::default()),
                payload,
            ),
            Encoding::Identity => message.extend_from_slice(payload),
        }
        (header_len, message)
    }
}

fn write_all(mut encoder: impl Write, payload: &[u8]) {
    // Writing to memory does not fail; the end of the stream is written on drop.
    let _ = encoder.write_all(payload);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn block(value: &str) -> Vec<u8> {
        headers::with(None, "Accept-Encoding", value)
    }

    #[test]
    fn what_is_asked_for_is_found_in_any_case() {
        for (asked, encoding) in [
            ("snappy", Some(Encoding::Snappy)),
            ("gzip, S2", Some(Encoding::Snappy)),
            ("GZIP", Some(Encoding::Gzip)),
            ("br", Some(Encoding::Identity)),
            ("", None),
        ] {
            let found = asked_for(&block(asked)).and_then(Encoding::among);
            assert_eq!(found, encoding, "{asked}");
        }
        assert_eq!(asked_for(b""), None);
    }

    #[test]
    fn what_is_encoded_can_be_read() {
        let payload = b"{\"server\":{}}".repeat(10_000);
        for encoding in [Encoding::Snappy, Encoding::Gzip, Encoding::Identity] {
            let (header_len, message) = encoding.message(&payload);
            let body = &message[header_len..];
            let mut read = Vec::new();
            match encoding {
                Encoding::Snappy => snap::read::FrameDecoder::new(body).read_to_end(&mut read),
                Encoding::Gzip => flate2::read::GzDecoder::new(body).read_to_end(&mut read),
                Encoding::Identity => {
                    read = body.to_vec();
                    Ok(0)
                }
            }
            .unwrap();
            assert!(read == payload, "{encoding:?}");
        }
    }
}
