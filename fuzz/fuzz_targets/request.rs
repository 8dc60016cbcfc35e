//! Requests of the system account: any body is read as any options or refused, what one generation
//! of the decoder calls broken JSON is broken for the other, and subjects are written as they are read.
//! An input is a subject, a line feed and a body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nats_mock_protocol::json::{DecodeError, Dialect, GoJson, RequestOptions, decode_request};
use nats_mock_protocol::monitor::{
    AccountStatzOptions, ConnzOptions, HealthzOptions, JszOptions, NumSubsRequest, ProfilezOptions,
    SubszOptions,
};
use nats_mock_protocol::sys::{EventSubject, InboxSubject, RequestSubject};

/// Whether the body is JSON.
fn read<T: RequestOptions>(body: &[u8]) -> bool {
    let well_formed = [GoJson::V1, GoJson::V2].map(|go| {
        let dialect = Dialect {
            go,
            unknown_fields: &[],
        };
        let read = decode_request::<T>(body, dialect);
        !matches!(read, Err(DecodeError::Syntax(_)))
    });
    assert_eq!(well_formed[0], well_formed[1]);
    well_formed[0]
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |&b| b == b'\n');
    let subject = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let body = parts.next().unwrap_or_default();

    let all = [
        read::<AccountStatzOptions>(body),
        read::<ConnzOptions>(body),
        read::<HealthzOptions>(body),
        read::<JszOptions>(body),
        read::<NumSubsRequest>(body),
        read::<ProfilezOptions>(body),
        read::<SubszOptions>(body),
    ];
    assert!(all.iter().all(|read| *read == all[0]));

    let written = [
        EventSubject::parse(&subject).map(|parsed| parsed.to_string()),
        RequestSubject::parse(&subject).map(|parsed| parsed.to_string()),
        InboxSubject::parse(&subject).map(|parsed| parsed.to_string()),
    ];
    for written in written.into_iter().flatten() {
        assert_eq!(written, subject);
    }
});
