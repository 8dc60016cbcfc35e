//! What a test expects of clients, and what it is told when that does not come true.

mod support;

use std::time::Duration;

use nats_mock::expected::{connections, messages, requests, subscriptions};
use nats_mock::protocol::monitor::ConnzOptions;
use nats_mock::protocol::sys::Endpoint;
use nats_mock::{Client, MockNats};
use support::epoch;
use support::raw::Raw;

const SECOND: Duration = Duration::from_secs(1);
const PING_VARZ: &str = "$SYS.REQ.SERVER.PING.VARZ";

fn alone() -> MockNats {
    let builder = MockNats::builder().seed(7).manual_clock(epoch());
    builder.name("n1").start_blocking().unwrap()
}

fn two() -> MockNats {
    let builder = MockNats::builder().seed(7).manual_clock(epoch()).unbound();
    builder.cluster("east", 2).start_blocking().unwrap()
}

fn ask(nats: &MockNats, subject: &str) {
    nats.client("admin").unwrap().request(subject, "").unwrap();
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// The failure of a deployment that is done with.
fn failure(nats: MockNats) -> nats_mock::expected::Failure {
    block_on(nats.finish()).unwrap_err()
}

#[test]
fn what_comes_true_is_no_failure() {
    let nats = two();
    let polled = nats.expect(requests().endpoint(Endpoint::Varz)).times(2);
    let named = nats
        .expect(requests().endpoint(Endpoint::Varz).to("east-1"))
        .times(1..=3);
    let by_id = nats
        .expect(requests().to(nats.server("east-2").id()))
        .times(1..2);
    let never = nats.expect(requests().endpoint(Endpoint::Connz)).times(0);
    let maybe = nats
        .expect(requests().endpoint("$SYS.REQ.USER.*.INFO"))
        .times(..);
    let few = nats.expect(connections().by_user("admin")).times(..=1);
    ask(&nats, PING_VARZ);
    let counts = [&polled, &named, &by_id, &never, &maybe, &few].map(|it| it.count());
    assert_eq!(counts, [2, 1, 1, 0, 0, 1]);
    block_on(nats.finish()).unwrap();
}

#[test]
fn clients_are_looked_at_in_every_way() {
    let nats = alone();
    let all = [
        nats.expect(
            connections()
                .by_user("a")
                .by_client("billing")
                .in_account("USERS"),
        ),
        nats.expect(connections().when("in Go", |arrival| arrival.lang() == "go")),
        nats.expect(subscriptions("orders.*").in_queue_group("workers")),
        nats.expect(
            messages("orders.>")
                .by_user("a")
                .when("with a price", |message| {
                    message.headers().is_some()
                        && message.text() == "7"
                        && message.reply() == Some("in")
                }),
        ),
        nats.expect(
            requests()
                .endpoint(Endpoint::Connz)
                .options("for ten at most", |connz: &ConnzOptions| connz.limit == 10),
        ),
    ];
    let mut app = Raw::login(
        &nats,
        "a",
        "a",
        r#","name":"billing","lang":"go","version":"1""#,
    );
    app.ask("SUB orders.* workers 1\r\n");
    app.ask("HPUB orders.new in 12 13\r\nNATS/1.0\r\n\r\n7\r\n");
    let mut tool = nats.client("admin").unwrap();
    tool.request("$SYS.REQ.SERVER.PING.CONNZ", r#"{"limit":10}"#)
        .unwrap();
    assert_eq!(all.map(|it| it.count()), [1; 5]);
}

#[test]
fn a_failure_says_what_came_nearest_and_what_there_was() {
    let nats = two();
    nats.expect(
        requests()
            .endpoint(Endpoint::Varz)
            .to("east-1")
            .by_user("admin"),
    )
    .times(1..=3)
    .named("dashboard polls varz");
    nats.expect(messages("orders.*").in_account("USERS"))
        .times(0);
    nats.expect(connections().by_user("b"));
    let id = nats.server("east-2").id();
    ask(&nats, &format!("$SYS.REQ.SERVER.{id}.VARZ"));
    nats.advance(SECOND / 4);
    nats.client("a")
        .unwrap()
        .publish("orders.new", "12345")
        .unwrap();
    let text = failure(nats).to_string();
    let text = text.replace(&id, "<id>");
    let (complaints, rest) = text.split_once("what happened last:\n").unwrap();
    assert_eq!(
        complaints,
        "\
expectations that have not come true:
  dashboard polls varz
    expected 1 to 3 requests to VARZ at east-1 by admin
    got 0
    nearest: request $SYS.REQ.SERVER.<id>.VARZ at east-2 by admin of SYS, but not at east-1
  messages to orders.* in account USERS
    expected no messages to orders.* in account USERS
    got 1
    the first too many: message orders.new of 5 bytes at east-1 by a of USERS
  connections by b
    expected at least 1 connections by b
    got 0
    nearest: connection at east-1 by a of USERS, but not by b

"
    );
    let (happened, topology) = rest.split_once("\n\n").unwrap();
    let has = |line: &str| assert!(happened.lines().any(|it| it == line), "{line}\n{happened}");
    has("    0.000s request $SYS.REQ.SERVER.<id>.VARZ by admin of SYS: answered by east-2");
    has("    0.000s clock moves by 250ms");
    has("    0.250s message orders.new of 5 bytes at east-1 by a of USERS");
    has("    0.250s event $SYS.ACCOUNT.USERS.CONNECT of east-1");
    has("    0.250s client a of USERS is gone from east-1: Client Closed");
    assert_eq!(
        topology,
        "\
seed 7, topology:
  2 servers

  east
    ● east-1  2.15.1
    ● east-2  2.15.1
    routes: 1 up"
    );
}

#[test]
fn what_comes_too_early_does_not_count() {
    let nats = alone();
    let first = nats
        .expect(connections().by_user("a"))
        .times(2)
        .named("both are there");
    let then = nats.expect(messages("go")).after(&first).named("the start");
    let mut one = nats.client("a").unwrap();
    one.publish("go", "").unwrap();
    let _two = nats.client("a").unwrap();
    one.publish("go", "").unwrap();
    assert_eq!((then.count(), then.is_satisfied()), (1, true));
    let failure = failure(nats);
    assert_eq!(
        failure.expectations(),
        ["\
the start
  expected at least 1 messages to go, after both are there
  got 1
  too early: message go of 0 bytes at n1 by a of USERS"]
    );
}

#[test]
fn strict_means_that_nothing_else_may_happen() {
    let nats = alone();
    nats.strict();
    nats.expect(requests().endpoint(Endpoint::Varz)).times(..);
    nats.expect(subscriptions("known"));
    ask(&nats, PING_VARZ);
    ask(&nats, "$SYS.REQ.SERVER.PING.IDZ");
    let mut app = nats.client("a").unwrap();
    let _known = app.subscribe("known").unwrap();
    // Nothing of its kind is expected, so it is nobody's business.
    app.publish("whatever", "").unwrap();
    let _unknown = app.subscribe("unknown").unwrap();
    let failure = failure(nats);
    let said = failure.expectations();
    assert_eq!(said.len(), 1, "{said:?}");
    let lines: Vec<&str> = said[0].lines().collect();
    assert!(
        lines[0].ends_with(" things that nothing expects"),
        "{said:?}"
    );
    assert!(
        lines.contains(&"  request $SYS.REQ.SERVER.PING.IDZ at n1 by admin of SYS"),
        "{said:?}"
    );
    assert!(
        lines.contains(&"  subscription unknown at n1 by a of USERS"),
        "{said:?}"
    );
}

#[test]
fn an_expectation_can_be_awaited() {
    let nats = alone();
    let arrival = nats.expect(connections().by_user("a")).times(2..);
    let error = arrival.wait_satisfied(Duration::ZERO).unwrap_err();
    assert_eq!(error.expectations().len(), 1);
    std::thread::scope(|scope| {
        scope.spawn(|| arrival.wait_satisfied(10 * SECOND).unwrap());
        let clients: Vec<Client> = (0..2).map(|_| nats.client("a").unwrap()).collect();
        drop(clients);
    });
    block_on(arrival.satisfied(Duration::ZERO)).unwrap();
    let never = nats
        .expect(connections().by_user("a"))
        .times(5)
        .named("five");
    nats.stop();
    let error = block_on(never.satisfied(10 * SECOND)).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("expectations that have not come true:\n  five\n")
    );
    assert_eq!(error.seed(), 7);
    assert!(block_on(nats.finish()).is_err());
}

#[test]
fn a_drop_is_the_last_chance_to_be_told() {
    let dropped = std::panic::catch_unwind(|| {
        let nats = alone();
        nats.expect(connections().by_user("a"));
    });
    let panic = dropped.unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(
        text.contains("connections by a\n    expected at least 1 connections by a"),
        "{text}"
    );
    // A panic on top of a panic would end the process.
    let panicked = std::panic::catch_unwind(|| {
        let nats = alone();
        nats.expect(connections().by_user("a"));
        panic!("the test's own");
    });
    assert_eq!(
        panicked.unwrap_err().downcast_ref::<&str>(),
        Some(&"the test's own")
    );
}

#[test]
fn a_condition_that_panics_leaves_the_deployment_alive() {
    let nats = alone();
    nats.expect(connections().when("clumsy", |_| panic!("oh no")));
    let mut app = nats.client("a").unwrap();
    let mut answers = app.subscribe("x").unwrap();
    app.publish("x", "1").unwrap();
    assert!(answers.try_next().is_some());
    let text = failure(nats).to_string();
    assert!(
        text.contains("a condition could not be looked at: it panicked: oh no"),
        "{text}"
    );
}

#[test]
fn memory_is_bounded_however_much_is_unexpected() {
    let nats = alone();
    nats.strict();
    nats.expect(messages("wanted")).times(..);
    let mut app = nats.client("a").unwrap();
    for _ in 0..1000 {
        app.publish("unwanted", "").unwrap();
    }
    let text = failure(nats).to_string();
    assert!(text.contains("1000 things that nothing expects"), "{text}");
    assert!(text.contains("and 990 more"), "{text}");
    assert!(text.lines().count() < 50, "{text}");
}
