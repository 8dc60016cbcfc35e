//! Traces of messages: what tests see of them, where links are in trouble, and whatever clients ask for.

mod support;

use nats_mock::protocol::events::{MessageTrace, TraceStep};
use nats_mock::protocol::headers::Headers;
use nats_mock::recorded::{EventBody, EventKind};
use nats_mock::topology::{AccountOptions, Export, Import, ServiceExport, UserOptions};
use nats_mock::{Client, MockNats};
use proptest::prelude::*;
use proptest::sample::select;
use support::raw::Raw;
use support::{PATIENCE, epoch};

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

fn traced(to: &str) -> Headers {
    let mut headers = Headers::new();
    headers.append("Nats-Trace-Dest", to).unwrap();
    headers
}

fn read(payload: &[u8]) -> MessageTrace {
    serde_json::from_slice(payload).unwrap()
}

#[test]
fn traces_are_recorded_and_can_be_held_back() {
    let nats = MockNats::start_blocking().unwrap();
    let mut app = nats.client("a").unwrap();
    let mut traces = app.subscribe("traces").unwrap();
    let silence = nats.on(EventKind::MessageTrace).silence();
    app.publish_with_headers("x", &traced("traces"), "1")
        .unwrap();
    assert!(traces.try_next().is_none());
    assert_eq!(silence.hits(), 1);
    drop(silence);
    app.publish_with_headers("x", &traced("traces"), "22")
        .unwrap();
    let trace = nats.wait_next_event::<MessageTrace>(PATIENCE).unwrap();
    assert_eq!(read(&traces.try_next().unwrap().payload), trace);
    assert_eq!(trace.request.msgsize, 39);
    let events = nats.events().kind(EventKind::MessageTrace).history();
    let [event] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(event.account(), Some(event.published_in()));
    assert!(matches!(event.body().unwrap(), EventBody::MessageTrace(_)));
}

#[test]
fn a_message_on_a_slow_link_is_traced_when_it_arrives() {
    let nats = MockNats::builder()
        .manual_clock(epoch())
        .cluster("east", 2)
        .start_blocking()
        .unwrap();
    nats.link("east-1", "east-2").slow(SECOND, SECOND);
    let client = |server: &str| nats.server(server).client("a").unwrap();
    let (mut here, mut there): (Client, Client) = (client("east-1"), client("east-2"));
    nats.advance(5 * SECOND);
    let mut traces = here.subscribe("traces").unwrap();
    let mut jobs = there.subscribe("jobs").unwrap();
    nats.advance(5 * SECOND);
    here.publish_with_headers("jobs", &traced("traces"), "1")
        .unwrap();
    let first = read(&traces.try_next().unwrap().payload);
    assert_eq!((first.hops, first.hop()), (1, None));
    assert_eq!(first.egresses().next().unwrap().hop, "1");
    assert!(traces.try_next().is_none() && jobs.try_next().is_none());
    nats.advance(SECOND);
    let job = jobs.try_next().unwrap();
    assert_eq!(job.headers.unwrap().get("Nats-Trace-Hop"), Some("1"));
    nats.advance(SECOND);
    let second = read(&traces.try_next().unwrap().payload);
    assert_eq!((second.hops, second.hop()), (0, Some("1")));
    assert_eq!(second.server.name, "east-2");
}

#[test]
fn nothing_is_left_of_traces_that_lead_through_other_accounts() {
    let user = |name: &str| vec![UserOptions::new(name, name)];
    let service = ServiceExport {
        allow_trace: true,
        ..ServiceExport::new("q")
    };
    let nats = MockNats::builder()
        .manual_clock(epoch())
        .cluster("east", 2)
        .account_with(AccountOptions {
            users: user("owner"),
            exports: vec![Export::from(service)],
            ..AccountOptions::new("A")
        })
        .account_with(AccountOptions {
            users: user("asker"),
            imports: vec![Import::service("A", "q").to("ask")],
            ..AccountOptions::new("B")
        })
        .system_account("SYS", [("admin", "changeit")])
        .start_blocking()
        .unwrap();
    let mut owner = nats.server("east-2").client("owner").unwrap();
    let mut requests = owner.subscribe("q").unwrap();
    let mut asker = nats.server("east-1").client("asker").unwrap();
    let mut traces = asker.subscribe("traces").unwrap();
    for _ in 0..3 {
        asker
            .publish_with_headers("ask", &traced("traces"), "")
            .unwrap();
        assert!(requests.try_next().is_some());
        for _ in 0..2 {
            let trace = read(&traces.try_next().unwrap().payload);
            assert!(matches!(trace.events[0], TraceStep::Ingress(_)));
        }
    }
    let mut admin = nats.client("admin").unwrap();
    let mut answers = admin.request("$SYS.REQ.ACCOUNT.A.INFO", "").unwrap();
    let text = answers.try_next().unwrap().text();
    assert!(!text.contains("\"responses\""), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_asked_for_the_server_goes_on(
        lines in proptest::collection::vec(select(&[
            "Nats-Trace-Dest: alive", "Nats-Trace-Dest: traces", "Nats-Trace-Dest: ", "Nats-Trace-Dest:\t_R_.x.y",
            "Nats-Trace-Dest: a.>", "Nats-Trace-Only: true", "Nats-Trace-Hop: 1.1.1.1", "Nats-Trace-Hop: ....",
            "traceparent: 00-a-b-01", "TRACEPARENT: -", "Nats-Trace-Origin-Account: $SYS", "Accept-Encoding: gzip",
            "no colon", ": :", "\u{e9}: \u{0}", "",
        ][..]), 0..6),
        cut in 0..40_usize,
    ) {
        let nats = MockNats::builder().manual_clock(epoch()).cluster("east", 2).start_blocking().unwrap();
        let mut there = nats.server("east-2").client("a").unwrap();
        let mut got = there.subscribe("alive").unwrap();
        let mut app = Raw::login(&nats, "a", "a", ",\"headers\":true");
        let mut block = format!("NATS/1.0\r\n{}\r\n\r\n", lines.join("\r\n")).into_bytes();
        block.truncate(block.len().saturating_sub(cut).max(4));
        let length = block.len();
        let mut sent = format!("HPUB alive {length} {}\r\n", length + 1).into_bytes();
        sent.extend([&block[..], b"x\r\nPUB alive 4\r\nlast\r\n"].concat());
        app.send(sent);
        let mut arrived = std::iter::from_fn(|| got.try_next());
        prop_assert!(arrived.any(|message| message.text() == "last"));
    }
}
