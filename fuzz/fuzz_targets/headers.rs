//! Headers: what is read strictly reads the same leniently and after writing, and a key that was
//! set in a raw block is found there. An input is a key, a line feed and a block.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nats_mock_protocol::headers::{self, Headers};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |&b| b == b'\n');
    let key = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let block = parts.next().unwrap_or_default();

    if let Ok(parsed) = Headers::parse(block) {
        assert_eq!(Headers::parse_lenient(block).as_ref(), Ok(&parsed));
        let mut out = Vec::new();
        parsed.encode(&mut out);
        assert_eq!(Headers::parse(&out), Ok(parsed));
    }
    if let Ok(parsed) = Headers::parse_lenient(block) {
        let mut out = Vec::new();
        parsed.encode(&mut out);
        let _ = Headers::parse_lenient(&out);
    }
    let _ = headers::get(block, &key);
    let mut probe = Headers::new();
    if probe.append(&key, "v").is_ok() {
        let with = headers::with(Some(block), &key, "v");
        // The real server gives up looking for a key that begins in the block's first two bytes, or
        // twice in a row.
        if let Some(found) = headers::get(&with, &key) {
            assert!(
                found == b"v"
                    || with
                        .windows(key.len())
                        .filter(|w| *w == key.as_bytes())
                        .count()
                        > 1
            );
        }
    }
});
