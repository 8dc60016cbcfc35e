//! `$SYS.REQ.SERVER.PING.PROFILEZ` and `$SYS.REQ.SERVER.<id>.PROFILEZ`: profiles of the Go runtime.
//!
//! A simulation has no such runtime, so its profiles are well-formed and empty.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use nats_mock_protocol::json::Base64;
use nats_mock_protocol::monitor::{Profilez, ProfilezOptions};
use nats_mock_protocol::time::GoDuration;

use super::registry::{Endpoint, Scope};
use crate::core::quoted;

const LONGEST: Duration = Duration::from_secs(15);

pub(super) const ENDPOINT: Endpoint = Endpoint::new("PROFILEZ", Scope::Server, |context, call| {
    call.answer(context, |_, options: ProfilezOptions| {
        Ok(match profile(&options) {
            Ok(profile) => Profilez {
                profile: Some(Base64(profile)),
                ..Profilez::default()
            },
            Err(error) => Profilez {
                error,
                ..Profilez::default()
            },
        })
    })
});

/// A kind of profile: what its samples count, each with its unit, and what it is when printed.
struct Kind {
    name: &'static str,
    samples: &'static [(&'static str, &'static str)],
    text: &'static str,
}

const HEAP: &[(&str, &str)] = &[
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

const CONTENTION: &[(&str, &str)] = &[("contentions", "count"), ("delay", "nanoseconds")];

const KINDS: [Kind; 6] = [
    Kind {
        name: "allocs",
        samples: HEAP,
        text: "heap profile: 0: 0 [0: 0] @ heap/1048576\n",
    },
    Kind {
        name: "block",
        samples: CONTENTION,
        text: "--- contention:\ncycles/second=1000000000\n",
    },
    Kind {
        name: "goroutine",
        samples: &[("goroutine", "count")],
        text: "goroutine profile: total 0\n",
    },
    Kind {
        name: "heap",
        samples: HEAP,
        text: "heap profile: 0: 0 [0: 0] @ heap/1048576\n",
    },
    Kind {
        name: "mutex",
        samples: CONTENTION,
        text: "--- mutex:\ncycles/second=1000000000\nsampling period=0\n",
    },
    Kind {
        name: "threadcreate",
        samples: &[("threadcreate", "count")],
        text: "threadcreate profile: total 0\n",
    },
];

fn profile(options: &ProfilezOptions) -> Result<Vec<u8>, String> {
    match options.name.as_str() {
        "" => Err("Profile name not specified".to_owned()),
        "cpu" => {
            let nanos = options.duration.0;
            if nanos <= 0 || nanos as u128 > LONGEST.as_nanos() {
                let duration = GoDuration(nanos);
                return Err(format!("Duration {duration} should be between 0s and 15s"));
            }
            Ok(pprof(
                &[("samples", "count"), ("cpu", "nanoseconds")],
                nanos,
            ))
        }
        name => match KINDS.iter().find(|kind| kind.name == name) {
            None => Err(format!("Profile {} not found", quoted(name.as_bytes()))),
            Some(kind) if options.debug > 0 => Ok(kind.text.into()),
            Some(kind) => Ok(pprof(kind.samples, 0)),
        },
    }
}

/// A profile without samples in pprof's format: a compressed `Profile` message of protocol buffers.
fn pprof(samples: &[(&str, &str)], duration_nanos: i64) -> Vec<u8> {
    const SAMPLE_TYPE: u8 = 1;
    const STRING_TABLE: u8 = 6;
    const DURATION_NANOS: u8 = 10;
    let mut message = Vec::new();
    // The first string of the table is the empty one.
    let mut strings = vec![""];
    for (kind, unit) in samples {
        let index = strings.len() as u8;
        strings.extend([*kind, *unit]);
        field(
            &mut message,
            SAMPLE_TYPE,
            &[1 << 3, index, 2 << 3, index + 1],
        );
    }
    for string in strings {
        field(&mut message, STRING_TABLE, string.as_bytes());
    }
    if duration_nanos > 0 {
        message.push(DURATION_NANOS << 3);
        varint(&mut message, duration_nanos as u64);
    }
    let mut compressed = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = compressed.write_all(&message);
    compressed.finish().unwrap_or_default()
}

/// A field with a length.
fn field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    message.push(number << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
