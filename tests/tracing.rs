//! What is told to whoever follows with `tracing`.

mod support;

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use nats_mock::MockNats;
use nats_mock::protocol::sys::Endpoint;
use nats_mock::recorded::EventKind;
use support::epoch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down what it is told, a line each, indented within spans.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    spans: u64,
    depth: usize,
}

/// The fields of one span or event.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Notes {
    fn note(&self, metadata: &Metadata<'_>, fields: impl FnOnce(&mut Line)) {
        let mut written = self.0.lock().unwrap();
        let indent = "  ".repeat(written.depth);
        let mut line = Line(format!("{indent}{} {}", metadata.level(), metadata.name()));
        fields(&mut line);
        written.lines.push(line.0);
    }

    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().lines)
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "nats_mock"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(span.metadata(), |line| span.record(line));
        let mut written = self.0.lock().unwrap();
        written.spans += 1;
        Id::from_u64(written.spans)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.note(event.metadata(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {
        self.0.lock().unwrap().depth += 1;
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().depth -= 1;
    }
}

#[test]
fn what_happens_is_told_where_it_happens() {
    let notes = Notes::default();
    tracing::subscriber::with_default(notes.clone(), || {
        let builder = MockNats::builder().manual_clock(epoch()).unbound();
        let nats = builder.cluster("east", 2).start_blocking().unwrap();
        let started = notes.lines();
        assert!(started.contains(&r#"INFO server server="east-1" change="started""#.to_owned()));

        let mut ops = nats.client("admin").unwrap();
        let lines = notes.lines();
        assert_eq!(lines[0], r#"TRACE batch server="east-1" cid=10 ops=1"#);
        let arrival = r#"  DEBUG connection server="east-1" cid=10 account="SYS" user="admin" change="connected""#;
        assert!(lines.iter().any(|line| line == arrival), "{lines:#?}");

        let _late = nats.on(Endpoint::Idz).from("east-2").silence();
        let _edit = nats.on(Endpoint::Idz).from("east-1").truncate(9);
        ops.request("$SYS.REQ.SERVER.PING.IDZ", "").unwrap();
        let lines = notes.lines();
        let told: Vec<&str> = lines.iter().map(|line| &**line).collect();
        assert_eq!(
            told,
            [
                r#"TRACE batch server="east-1" cid=10 ops=1"#,
                r#"TRACE batch server="east-1" cid=10 ops=1"#,
                r#"  INFO hit server="east-1" subject=$SYS.REQ.SERVER.PING.IDZ fault="IDZ from east-1: truncate to 9 bytes""#,
                r#"  DEBUG answer server="east-1" request=$SYS.REQ.SERVER.PING.IDZ bytes=9 is_said=true faults=1"#,
                r#"  INFO hit server="east-2" subject=$SYS.REQ.SERVER.PING.IDZ fault="IDZ from east-2: silence""#,
                r#"  DEBUG answer server="east-2" request=$SYS.REQ.SERVER.PING.IDZ bytes=100 is_said=false faults=1"#,
                // The subscription to the answers is dropped.
                r#"TRACE batch server="east-1" cid=10 ops=1"#,
            ]
        );

        nats.link("east-1", "east-2").cut();
        nats.server("east-2").crash();
        assert_eq!(
            notes.lines(),
            [
                r#"INFO link from="east-1" to="east-2" change="cut""#,
                r#"INFO server server="east-2" change="crashed""#,
            ]
        );
        nats.first_server().emit_raw("$SYS.SERVER.N1.STATSZ", "{}");
        let silent = nats.on(EventKind::Statsz).silence();
        nats.first_server().emit_raw("$SYS.SERVER.N1.STATSZ", "{}");
        drop(silent);
        let lines = notes.lines();
        let said = r#"DEBUG event server="east-1" subject=$SYS.SERVER.N1.STATSZ account="SYS" bytes=2 is_said=true faults=0"#;
        assert_eq!(lines[0], said);
        assert_eq!(lines[2], said.replace("true faults=0", "false faults=1"));
    });
}
