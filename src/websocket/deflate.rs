//! Messages that are deflated each for itself.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What a deflated message ends with, and does not carry.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// An empty last block, which ends what would go on.
const LAST_BLOCK: [u8; 5] = [0x01, 0x00, 0x00, 0xff, 0xff];

/// Deflates a message.
pub(super) fn deflate(message: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::fast(), false);
    let mut out = Vec::with_capacity(message.len() / 2 + 64);
    loop {
        let read = compress.total_in() as usize;
        let written = out.len();
        let step = compress.compress_vec(&message[read..], &mut out, FlushCompress::Sync);
        let is_stuck = out.len() == written && compress.total_in() as usize == read;
        if step.is_err() || is_stuck || out.len() < out.capacity() {
            break;
        }
        out.reserve(1024);
    }
    if out.ends_with(&TAIL) {
        out.truncate(out.len() - TAIL.len());
    }
    out
}

/// What is wrong with a deflated message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InflateError {
    /// It is more than is let in.
    TooBig,
    /// It is not deflated.
    Broken,
}

/// Inflates a message of at most `max` bytes, at the end of `out`. What comes before an error is
/// there.
pub(super) fn inflate(message: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), InflateError> {
    let mut input = message.to_vec();
    input.extend_from_slice(&TAIL);
    input.extend_from_slice(&LAST_BLOCK);
    let mut decompress = Decompress::new(false);
    let start = out.len();
    loop {
        let rest = &input[decompress.total_in() as usize..];
        let before = (out.len(), rest.len());
        out.reserve(8 * 1024);
        let status = decompress.decompress_vec(rest, out, FlushDecompress::None);
        if out.len() - start > max {
            out.truncate(start + max);
            return Err(InflateError::TooBig);
        }
        let status = status.map_err(|_| InflateError::Broken)?;
        let left = input.len() - decompress.total_in() as usize;
        if status == Status::StreamEnd {
            return Ok(());
        }
        if (out.len(), left) == before {
            return Err(InflateError::Broken);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_deflated_comes_out(message in vec(any::<u8>(), 0..5000), times in 1..20usize) {
            let message = message.repeat(times);
            let mut out = vec![7];
            prop_assert_eq!(inflate(&deflate(&message), message.len(), &mut out), Ok(()));
            prop_assert_eq!(&out[1..], message);
        }

        #[test]
        fn no_more_comes_out_than_is_let_in(message in vec(0..3u8, 1..3000), max in 0..100usize) {
            let mut out = Vec::new();
            let inflated = inflate(&deflate(&message), max, &mut out);
            prop_assert!(out.len() <= max);
            prop_assert_eq!(inflated.is_err(), message.len() > max);
        }

        #[test]
        fn anything_is_survived(message in vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            let _ = inflate(&message, 1000, &mut out);
            prop_assert!(out.len() <= 1000);
        }
    }
}
