//! Payloads that a server compressed because the request said it may.

use std::io::Read;

/// How large a payload may become.
const MAX_DECODED: u64 = 64 * 1024 * 1024;

/// The payload as it was before it was compressed as `headers` say.
///
/// `None` if they don't say so, or if the payload is not what they say.
pub(super) fn decoded(headers: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let encoding = headers
        .split(|b| *b == b'\n')
        .find_map(|line| line.strip_prefix(b"Content-Encoding: "))?;
    match encoding.trim_ascii_end() {
        b"snappy" => read(snap::read::FrameDecoder::new(payload)),
        b"gzip" => read(flate2::read::GzDecoder::new(payload)),
        _ => None,
    }
}

fn read(decoder: impl Read) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let read = decoder.take(MAX_DECODED).read_to_end(&mut out);
    read.is_ok().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const SNAPPY: &[u8] = b"NATS/1.0\r\nContent-Encoding: snappy\r\n\r\n";
    const GZIP: &[u8] = b"NATS/1.0\r\nContent-Encoding: gzip\r\n\r\n";

    fn snappy(text: &[u8]) -> Vec<u8> {
        let mut encoder = snap::write::FrameEncoder::new(Vec::new());
        encoder.write_all(text).expect("encoded");
        encoder.into_inner().expect("encoded")
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("encoded");
        encoder.finish().expect("encoded")
    }

    #[test]
    fn what_the_headers_say_is_undone() {
        assert_eq!(decoded(SNAPPY, &snappy(b"{}")).as_deref(), Some(&b"{}"[..]));
        assert_eq!(decoded(GZIP, &gzip(b"{}")).as_deref(), Some(&b"{}"[..]));
    }

    #[test]
    fn all_else_is_left_alone() {
        assert_eq!(decoded(b"", &gzip(b"{}")), None);
        assert_eq!(decoded(SNAPPY, &gzip(b"{}")), None);
        assert_eq!(decoded(GZIP, b"{}"), None);
        let identity = b"NATS/1.0\r\nContent-Encoding: identity\r\n\r\n";
        assert_eq!(decoded(identity, b"{}"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decoded(SNAPPY, &payload);
            let _ = decoded(GZIP, &payload);
        }
    }
}
