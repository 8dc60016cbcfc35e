//! What a deployment tells of what has happened in it.

mod support;

use std::time::Duration;

use nats_mock::MockNats;
use nats_mock::connection::{Line, connecting, line};
use nats_mock::expected::{messages, subscriptions};
use nats_mock::protocol::events::CloseReason;
use nats_mock::protocol::monitor::Varz;
use nats_mock::protocol::sys::Endpoint;
use nats_mock::recorded::EventKind;
use nats_mock::timeline::{EntryKind, Timeline};
use support::epoch;

const SECOND: Duration = Duration::from_secs(1);

fn servers(count: usize) -> MockNats {
    let builder = MockNats::builder().seed(7).manual_clock(epoch()).unbound();
    builder.cluster("east", count).start_blocking().unwrap()
}

fn ask(nats: &MockNats, subject: &str) {
    nats.client("admin").unwrap().request(subject, "").unwrap();
}

/// Everything but events and connections, whose number is not what these tests are about.
fn told(timeline: &Timeline) -> Vec<String> {
    let kinds = [EntryKind::Event, EntryKind::Connection];
    lines(&timeline.only(|entry| !kinds.contains(&entry.kind())))
}

fn lines(timeline: &Timeline) -> Vec<String> {
    let text = timeline.to_string();
    text.lines()
        .map(|line| line.trim_start().to_owned())
        .collect()
}

/// A bit of everything.
fn play(nats: &MockNats) {
    nats.expect(messages("orders.*")).times(..);
    nats.expect(subscriptions("orders.*")).times(..);
    let silent = nats.on(Endpoint::Varz).from("east-2").silence();
    let edited = nats
        .on(Endpoint::Varz)
        .from("east-3")
        .edit(|varz: &mut Varz| varz.connections = 9);
    ask(nats, "$SYS.REQ.SERVER.PING.VARZ");
    drop((silent, edited));
    let late = nats.on(Endpoint::Idz).from("east-1").delay(SECOND / 4);
    ask(nats, "$SYS.REQ.SERVER.PING.IDZ");
    nats.advance(SECOND / 2);
    nats.advance(SECOND / 2);
    drop(late);
    let mut app = nats.server("east-1").client("a").unwrap();
    let _orders = app.subscribe("orders.*").unwrap();
    app.publish("orders.new", "12345").unwrap();
    nats.server("east-1").set_clock_behind(SECOND);
    nats.partition(|server| server.name() == "east-3").cut();
    nats.link("east-1", "east-2")
        .slow(SECOND / 100, SECOND / 50);
    nats.link("east", "east").heal();
    nats.link("east-1", "east-2").cut_one_way();
    nats.server("east-2").freeze();
    nats.advance(75 * SECOND);
    nats.server("east-2").thaw();
    nats.server("east-3").crash();
    nats.server("east-3").restart().unwrap();
    nats.server("east-1").lame_duck();
    nats.server("east-2").stop();
}

#[test]
fn it_tells_everything_in_order() {
    let nats = servers(3);
    play(&nats);
    assert_eq!(
        told(&nats.timeline()),
        [
            "0.000s servers east-1, east-2, east-3 start as 2.15.1",
            "0.000s armed VARZ from east-2: silence",
            "0.000s armed VARZ from east-3: edit",
            "0.000s subscription _INBOX.14.1 at east-1 by admin of SYS",
            "0.000s request $SYS.REQ.SERVER.PING.VARZ by admin of SYS: answered by east-1; \
             no answer from east-2 [⚡ VARZ from east-2: silence]; \
             answered by east-3 [⚡ VARZ from east-3: edit]",
            "0.000s ended after a hit: VARZ from east-2: silence",
            "0.000s ended after a hit: VARZ from east-3: edit",
            "0.000s armed IDZ from east-1: delay by 250ms",
            "0.000s subscription _INBOX.15.1 at east-1 by admin of SYS",
            "0.000s request $SYS.REQ.SERVER.PING.IDZ by admin of SYS: \
             no answer from east-1 [⚡ IDZ from east-1: delay by 250ms]; answered by east-2, east-3",
            "0.000s clock moves by 500ms",
            "0.250s answer of east-1 to $SYS.REQ.SERVER.PING.IDZ, 250ms after the request \
             [⚡ IDZ from east-1: delay by 250ms]",
            "0.500s clock moves by 500ms",
            "1.000s ended after a hit: IDZ from east-1: delay by 250ms",
            "1.000s subscription orders.* at east-1 by a of USERS",
            "1.000s message orders.new of 5 bytes at east-1 by a of USERS",
            "1.000s server east-1: clock set 1s behind",
            "1.000s links cut: east-3 ─ east-1, east-3 ─ east-2",
            "1.000s link slowed by 10ms to 20ms: east-1 ─ east-2",
            "1.000s links healed: east-1 ─ east-2, east-1 ─ east-3, east-2 ─ east-1, east-2 ─ east-3, \
             east-3 ─ east-1, east-3 ─ east-2",
            "1.000s link blocked: east-1 → east-2",
            "1.000s server east-2 freezes",
            "1.000s clock moves by 1m15s",
            "76.000s links given up: east-1 ─ east-2, east-2 ─ east-3",
            "76.000s server east-2 thaws",
            "76.000s server east-3 crashes",
            "76.000s server east-3 starts as 2.15.1",
            "76.000s server east-1 enters lame duck mode",
            "76.000s server east-2 stops",
        ]
    );
}

#[test]
fn the_same_script_gives_the_same_text_and_page() {
    let played = || {
        let nats = servers(3);
        play(&nats);
        nats.timeline()
    };
    let (one, other) = (played(), played());
    assert_eq!(one.to_string(), other.to_string());
    assert_eq!(one.html(), other.html());
    assert!(one.entries().iter().any(|it| it.kind() == EntryKind::Event));
}

#[test]
fn looking_changes_nothing_and_what_was_seen_stays() {
    let looked_at = servers(2);
    let before = looked_at.timeline();
    let text = before.to_string();
    looked_at.advance(SECOND / 10);
    let clock = looked_at.timeline();
    looked_at.advance(SECOND / 10);
    assert_eq!(before.to_string(), text);
    assert!(clock.to_string().contains("clock moves by 100ms"));
    let alone = servers(2);
    alone.advance(SECOND / 10);
    alone.advance(SECOND / 10);
    assert_eq!(looked_at.timeline(), alone.timeline());
    assert!(
        alone
            .timeline()
            .to_string()
            .contains("clock moves by 200ms")
    );
}

#[test]
fn an_event_that_is_kept_back_has_happened_but_was_not_said() {
    let nats = servers(2);
    let held = nats.on(EventKind::Connect).from("east-1").hold();
    let _app = nats.client("a").unwrap();
    assert!(nats.events().kind(EventKind::Connect).history().is_empty());
    nats.advance(SECOND / 5);
    held.release();
    let faulty = nats.timeline().only(|it| it.faults().next().is_some());
    let mark = "[⚡ $SYS.ACCOUNT.*.CONNECT from east-1: hold]";
    assert_eq!(
        lines(&faulty),
        [
            format!("0.000s event $SYS.ACCOUNT.USERS.CONNECT of east-1, not said {mark}"),
            format!("0.200s event $SYS.ACCOUNT.USERS.CONNECT of east-1 {mark}"),
        ]
    );
    let released = "released what was held by $SYS.ACCOUNT.*.CONNECT from east-1: hold";
    assert!(nats.timeline().to_string().contains(released));
}

/// What is told, but for events and log-ins.
fn told_of_connections(nats: &MockNats) -> Vec<String> {
    let timeline = nats.timeline().only(|it| it.kind() != EntryKind::Event);
    let mut told = lines(&timeline);
    told.retain(|line| !line.contains(" connects to ") && !line.contains(" start as "));
    told
}

#[test]
fn how_clients_that_connect_were_received_is_told() {
    let nats = servers(2);
    let late = nats.on(connecting()).late_info(SECOND / 10);
    let refused = nats.on(connecting()).to("east-2").named("full").refuse();
    assert!(nats.server("east-2").client("a").is_err());
    drop(refused);
    let _waits = nats.server("east-1").connect_in_memory().unwrap();
    drop(late);
    assert_eq!(
        told_of_connections(&nats),
        [
            "0.000s armed clients that connect: INFO late by 100ms",
            "0.000s armed full (clients that connect to east-2: refuse)",
            "0.000s client from 127.0.0.1 arrives at east-2 \
             [⚡ clients that connect: INFO late by 100ms ⚡ full (clients that connect to east-2: refuse)]",
            "0.000s ended after a hit: full (clients that connect to east-2: refuse)",
            "0.000s client from 127.0.0.1 arrives at east-1 [⚡ clients that connect: INFO late by 100ms]",
            "0.000s ended after 2 hits: clients that connect: INFO late by 100ms",
        ]
    );
    let of_second = |it: &nats_mock::timeline::Entry| it.servers().eq(["east-2"]);
    let arrived = nats
        .timeline()
        .only(|it| it.kind() == EntryKind::Connection && of_second(it));
    assert_eq!(arrived.entries()[0].faults().count(), 2);
}

#[test]
fn what_became_of_lines_is_told() {
    let nats = servers(1);
    let mut app = nats.client("a").unwrap();
    let mut orders = app.subscribe("orders.*").unwrap();
    let twice = nats.on(line(Line::Msg)).nth(2).duplicate(1);
    let other = nats.on(line(Line::Msg)).times(2).replace_raw("PING\r\n");
    let lost = nats.on(line(Line::Any)).subject("orders.lost").silence();
    for subject in ["orders.new", "orders.new", "orders.lost", "orders.new"] {
        app.publish(subject, "1").unwrap();
    }
    assert_eq!(orders.try_next().unwrap().text(), "1");
    assert!(orders.try_next().is_none());
    drop((twice, other, lost));
    let msg = |subject: &str, marks: &str| {
        format!("0.000s line MSG {subject} to a of USERS at east-1{marks}")
    };
    let told = nats.timeline().only(|it| it.kind() == EntryKind::Line);
    assert_eq!(
        lines(&told),
        [
            msg("orders.new", " [⚡ MSG: edit]"),
            msg("orders.new", " [⚡ MSG: repeat 1 times ⚡ MSG: edit]"),
            msg(
                "orders.lost",
                ", not sent [⚡ any line of orders.lost: silence]"
            ),
        ]
    );
    let html = told.html();
    for shown in [
        "<h2>as the server says it</h2><pre>MSG orders.new 1 1",
        "<h2 class=\"marked\">as it goes out, 2 times</h2><pre>PING",
    ] {
        assert!(html.contains(shown), "{shown}");
    }
    assert_eq!(html.matches("as it goes out").count(), 2);
}

#[test]
fn what_a_test_does_to_connections_is_told_before_what_comes_of_it() {
    let nats = servers(2);
    let apps = ["east-1", "east-2"].map(|name| nats.server(name).client("a").unwrap());
    let all = nats.connections().of_user("a");
    let first = all.clone().at("east-1").one();
    all.send_raw("PING\r\n");
    let stall = all.stall();
    assert_eq!(stall.len(), 2);
    drop(stall);
    first.half_close();
    first.close_saying(CloseReason::AuthenticationExpired, "gone");
    assert_eq!(all.reset(), 1);
    // Nothing is left that anything could be done to.
    first.reset();
    assert_eq!(all.close(CloseReason::Kicked), 0);
    let both = "a of USERS at east-1, a of USERS at east-2";
    assert_eq!(
        told_of_connections(&nats),
        [
            &format!("0.000s connections sent 6 raw bytes: {both}"),
            &format!("0.000s connections stalled: {both}"),
            &format!("0.000s connections go on: {both}"),
            "0.000s connection half closed: a of USERS at east-1",
            "0.000s connection closed for Authentication Expired, saying \"gone\": a of USERS at east-1",
            "0.000s client a of USERS is gone from east-1: Authentication Expired",
            "0.000s connection reset: a of USERS at east-2",
            "0.000s client a of USERS is gone from east-2: Read Error",
        ]
    );
    let sent = nats.timeline().only(|it| it.text().contains("raw bytes"));
    assert_eq!(
        sent.entries()[0].servers().collect::<Vec<_>>(),
        ["east-1", "east-2"]
    );
    assert!(sent.html().contains("<h2>sent</h2><pre>PING"));
    drop(apps);
}

#[test]
fn ports_that_are_closed_are_told() {
    let nats = servers(1);
    let server = nats.first_server();
    let (one, other) = (server.close_port().unwrap(), server.close_port().unwrap());
    drop(one);
    other.end().unwrap();
    let told = nats.timeline().only(|it| it.kind() == EntryKind::Server);
    assert_eq!(
        lines(&told),
        [
            "0.000s server east-1 starts as 2.15.1",
            "0.000s server east-1 closes its port",
            "0.000s server east-1 opens its port again",
        ]
    );
}

#[test]
fn requests_that_are_alike_are_told_apart() {
    let nats = servers(1);
    let twice = nats.on(Endpoint::Idz).duplicate(1);
    for _ in 0..2 {
        ask(&nats, "$SYS.REQ.SERVER.PING.IDZ");
    }
    drop(twice);
    let requests = nats.timeline().only(|it| it.kind() == EntryKind::Request);
    assert_eq!(requests.entries().len(), 2);
    let text = requests.to_string();
    assert_eq!(
        text.matches("answered by east-1 ×2 [⚡").count(),
        2,
        "{text}"
    );
}

#[test]
fn a_service_of_the_test_is_asked_as_well() {
    let nats = servers(1);
    let _service = nats
        .first_server()
        .service("USERS", "orders.*")
        .answer(|request| request.respond("7"));
    nats.client("a").unwrap().request("orders.get", "").unwrap();
    let text = nats.timeline().to_string();
    assert!(
        text.contains("request orders.get at east-1 by a of USERS, to the service at orders.*\n"),
        "{text}"
    );
}

#[test]
fn an_answer_that_nobody_is_there_is_shown_with_its_status() {
    let nats = servers(1);
    let _nobody = nats.on(Endpoint::Idz).no_responders();
    ask(&nats, "$SYS.REQ.SERVER.PING.IDZ");
    let requests = nats.timeline().only(|it| it.kind() == EntryKind::Request);
    let text = requests.to_string();
    assert!(
        text.contains("answered by east-1 [⚡ IDZ: no responders]"),
        "{text}"
    );
    assert!(requests.html().contains("<pre>NATS/1.0 503"));
}

#[test]
fn it_is_bounded_and_can_be_switched_off() {
    let builder = || MockNats::builder().manual_clock(epoch()).unbound();
    let nats = builder().history(10).start_blocking().unwrap();
    for _ in 0..10 {
        ask(&nats, "$SYS.REQ.SERVER.PING.IDZ");
    }
    let timeline = nats.timeline();
    assert!(timeline.entries().len() <= 10);
    assert!(timeline.missing() > 10);
    let text = timeline.to_string();
    let first = format!("  … {} before\n", timeline.missing());
    assert!(text.starts_with(&first), "{text}");
    let last = timeline.last(1);
    assert_eq!(
        last.entries(),
        &timeline.entries()[timeline.entries().len() - 1..]
    );

    let off = builder().history(0).start_blocking().unwrap();
    ask(&off, "$SYS.REQ.SERVER.PING.IDZ");
    assert!(off.timeline().entries().is_empty());
    assert_eq!(off.timeline().to_string(), "");
}

#[test]
fn many_servers_and_links_make_few_entries() {
    let nats = servers(40);
    nats.partition(|server| server.name() == "east-1").cut();
    assert_eq!(
        told(&nats.timeline()),
        [
            "0.000s servers east-1, east-2, east-3, east-4, east-5, east-6, east-7, east-8 and 32 more \
             start as 2.15.1",
            "0.000s links cut: east-1 ─ east-2, east-1 ─ east-3, east-1 ─ east-4, east-1 ─ east-5, \
             east-1 ─ east-6, east-1 ─ east-7, east-1 ─ east-8, east-1 ─ east-9 and 31 more",
        ]
    );
}

/// Names, subjects and payloads that would be markup, script or commands of a terminal.
const HOSTILE: &str =
    "</pre><script>alert(1)</script><img/src=x/onerror=alert(1)>'\"&amp;\u{202e}\u{1b}[31m";

#[test]
fn nothing_hostile_becomes_markup() {
    let nats = MockNats::builder()
        .manual_clock(epoch())
        .unbound()
        .name(HOSTILE)
        .start_blocking()
        .unwrap();
    nats.expect(messages(">")).times(..);
    nats.expect(subscriptions(">")).times(..);
    let _edit = nats.on(Endpoint::Idz).named(HOSTILE).edit_bytes(|it| {
        it.clear();
        it.extend(format!("{{\"a\":\"{HOSTILE}\0\u{ffff}\"]]>").as_bytes());
    });
    let _late = nats
        .on(connecting())
        .named(HOSTILE)
        .late_info(Duration::ZERO);
    let _twice = nats.on(line(Line::Msg)).named(HOSTILE).duplicate(1);
    let _other = nats.connect_in_memory().unwrap();
    let other = nats.connections().one();
    other.send_raw(format!("{HOSTILE}\r\n"));
    other.close_saying(CloseReason::Kicked, HOSTILE);
    let mut app = nats.client("a").unwrap();
    let _all = app.subscribe(HOSTILE).unwrap();
    app.publish(HOSTILE, HOSTILE).unwrap();
    app.publish("bytes", (0..=255).collect::<Vec<u8>>())
        .unwrap();
    nats.client("admin")
        .unwrap()
        .request("$SYS.REQ.SERVER.PING.IDZ", HOSTILE)
        .unwrap();
    nats.first_server().emit_raw(HOSTILE, HOSTILE);
    let timeline = nats.timeline();

    let text = timeline.to_string();
    assert_eq!(text.lines().count(), timeline.entries().len());
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n'),
        "{text}"
    );

    let html = timeline.html();
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let page = roxmltree::Document::parse_with_options(&html, options).unwrap();
    let count = |name: &str| {
        page.descendants()
            .filter(|it| it.has_tag_name(name))
            .count()
    };
    assert_eq!((count("script"), count("img")), (1, 0));
    let entries: Vec<_> = page
        .descendants()
        .filter(|it| it.attribute("data-kind").is_some())
        .collect();
    assert_eq!(entries.len(), timeline.entries().len());
    let texts: Vec<&str> = page
        .descendants()
        .filter(|it| it.has_tag_name("pre"))
        .filter_map(|it| it.text())
        .collect();
    let shown = HOSTILE
        .replace('\u{202e}', "⟨U+202E⟩")
        .replace('\u{1b}', "␛");
    assert!(texts.contains(&&*shown), "{texts:?}");
    // Nothing of it acts, and nothing leads elsewhere.
    for attribute in page.descendants().flat_map(|it| it.attributes()) {
        let name = attribute.name();
        assert!(
            !name.starts_with("on") && !["src", "href"].contains(&name),
            "{name}"
        );
    }
    for part in ["style", "script"] {
        let part = page.descendants().find(|it| it.has_tag_name(part)).unwrap();
        let text = part.text().unwrap();
        assert!(
            ["url(", "http", "@import", "innerHTML"]
                .iter()
                .all(|it| !text.contains(it))
        );
    }
}

#[test]
fn long_payloads_are_cut_and_their_length_is_said() {
    let nats = servers(1);
    nats.expect(messages(">")).times(..);
    let mut app = nats.client("a").unwrap();
    app.publish("long", "x".repeat(100_000)).unwrap();
    let html = nats.timeline().html();
    assert!(html.contains("the first 32768 of 100000 bytes"));
    assert!(html.len() < 100_000);
}
