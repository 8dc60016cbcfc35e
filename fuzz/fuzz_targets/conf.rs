//! The configuration parser under arbitrary bytes.
//!
//! A byte 0xFF, which never occurs in text, splits the input into the configuration, a file that it may
//! include as `a.conf` and the value of a variable `E` in its environment.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nats_mock_protocol::conf::{self, MemorySource, duration};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |&byte| byte == 0xFF);
    let text = parts.next().unwrap_or_default();
    let mut source = MemorySource::new();
    if let Some(included) = parts.next() {
        source = source.file("a.conf", included);
    }
    if let Some(variable) = parts.next() {
        source = source.var("E", String::from_utf8_lossy(variable));
    }

    let parsed = conf::parse(text, "n.conf", &source);
    match &parsed {
        Ok(document) => drop(document.digest()),
        Err(error) => drop((
            error.to_string(),
            error.expected(),
            error.innermost().at.to_string(),
        )),
    }
    assert_eq!(parsed, conf::parse(text, "n.conf", &source));

    if let Ok(text) = std::str::from_utf8(text)
        && let Ok(nanos) = duration::parse(text)
    {
        assert_eq!(duration::parse(&duration::format(nanos)), Ok(nanos));
    }
});
