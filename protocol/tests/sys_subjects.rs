//! Every subject of the system account that recorded servers subscribe to or are sent has a form.

use nats_mock_protocol::sys::{AssignmentSubject, EventSubject, InboxSubject, RequestSubject};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn reformatted(subject: &str) -> Option<String> {
    let event = EventSubject::parse(subject).map(|subject| subject.to_string());
    let request = RequestSubject::parse(subject).map(|subject| subject.to_string());
    let inbox = InboxSubject::parse(subject).map(|subject| subject.to_string());
    let assignment = AssignmentSubject::parse(subject).map(|subject| subject.to_string());
    event.or(request).or(inbox).or(assignment).ok()
}

fn collect(value: &Value, subjects: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with("$SYS.") => {
            subjects.insert(text.clone());
        }
        Value::Array(elements) => elements
            .iter()
            .for_each(|element| collect(element, subjects)),
        Value::Object(object) => object.values().for_each(|member| collect(member, subjects)),
        _ => {}
    }
}

#[test]
fn subjects_in_recordings_have_a_form() {
    let mut subjects = BTreeSet::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for release in fs::read_dir(data).expect("recordings").flatten() {
        for file in fs::read_dir(release.path()).into_iter().flatten().flatten() {
            for line in fs::read_to_string(file.path()).expect("text").lines() {
                collect(
                    &serde_json::from_str(line).expect("a payload"),
                    &mut subjects,
                );
            }
        }
    }
    // The wish of a client, not of a server.
    subjects.remove("$SYS.>");
    assert!(subjects.len() > 100, "{} subjects", subjects.len());
    for subject in subjects {
        assert_eq!(reformatted(&subject), Some(subject));
    }
}

/// Those a server uses only in situations the recordings do not have: operator mode, authorization callout, OCSP.
#[test]
fn other_subjects_have_a_form() {
    for subject in [
        "$SYS.ACCOUNT.CLIENT.AUTH.ERR",
        "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP",
        "$SYS.REQ.CLAIMS.UPDATE",
        "$SYS.REQ.CLAIMS.DELETE",
        "$SYS.REQ.CLAIMS.LIST",
        "$SYS.REQ.CLAIMS.PACK",
        "$SYS.REQ.USER.AUTH",
        "$SYS.SERVER.*.CLIENT.AUTH.ERR",
        "$SYS.SERVER.*.OCSP.PEER.CONN.REJECT",
        "$SYS.SERVER.*.OCSP.PEER.LINK.INVALID",
        "$SYS.ACCOUNT.*.SERVER.CONNS",
    ] {
        assert_eq!(reformatted(subject).as_deref(), Some(subject));
    }
    for known in AssignmentSubject::all() {
        assert_eq!(reformatted(known.as_str()).as_deref(), Some(known.as_str()));
    }
}
