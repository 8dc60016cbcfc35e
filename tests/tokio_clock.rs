//! Time that is the test's runtime's own.

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nats_mock::protocol::events::{Connect, Disconnect, ServerStatsMsg};
use nats_mock::protocol::sys::Endpoint;
use nats_mock::recorded::{EventKind, NextEventError};
use nats_mock::{Builder, Client, MockNats, StartError, Subscription};
use support::raw::Raw;
use support::system::json;
use support::{PATIENCE, epoch};
use tokio::runtime::Handle;
use tokio::time::{self, advance, sleep};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn builder() -> Builder {
    MockNats::builder().seed(7).tokio_clock_from(epoch())
}

/// Servers tell their statistics only if somebody listens.
fn listener(nats: &MockNats) -> (Client, Subscription) {
    let mut ops = nats.client("admin").unwrap();
    let statistics = ops.subscribe("$SYS.SERVER.*.STATSZ").unwrap();
    (ops, statistics)
}

/// When there were heartbeats so far, in seconds.
fn heartbeats(nats: &MockNats) -> Vec<f64> {
    let history = nats.events().kind(EventKind::Statsz).history();
    let since_start = |time: std::time::SystemTime| time.duration_since(epoch()).unwrap();
    history
        .iter()
        .map(|event| since_start(event.time()).as_secs_f64())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn heartbeats_come_as_the_clock_is_moved() {
    let nats = builder().start().await.unwrap();
    let mut ops = nats.client("admin").unwrap();
    let mut statistics = ops.subscribe("$SYS.SERVER.*.STATSZ").unwrap();
    assert!(statistics.try_next().is_none());
    assert_eq!(nats.now(), epoch());

    // What is due has happened when `advance` returns.
    advance(SECOND).await;
    let told = json(&statistics.try_next().unwrap());
    assert_eq!(told["server"]["time"], "2027-01-15T08:00:00.25Z");
    assert!(statistics.try_next().is_none());
    assert_eq!(nats.now(), epoch() + SECOND);

    // A clock with nothing else to do moves by itself.
    let told = json(&statistics.next().await.unwrap());
    assert_eq!(told["server"]["time"], "2027-01-15T08:00:01.25Z");
    sleep(45 * SECOND).await;
    let times = heartbeats(&nats);
    assert_eq!(times, [0.25, 1.25, 3.25, 7.25, 15.25, 25.25, 35.25, 45.25]);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_answer_expires() {
    let nats = builder().start().await.unwrap();
    let mut silent = Raw::login(&nats, "a", "a", "");
    let before = time::Instant::now();
    let end = nats.next_event::<Disconnect>(HOUR).await.unwrap();
    assert_eq!(end.reason, "Stale Connection");
    let took = time::Instant::now() - before;
    assert!((3 * 60..10 * 60).contains(&took.as_secs()), "{took:?}");
    assert!(silent.ask("").contains("-ERR 'Stale Connection'"));
}

#[tokio::test(start_paused = true)]
async fn timeouts_follow_the_same_clock() {
    let nats = builder().start().await.unwrap();
    let (started, before) = (Instant::now(), time::Instant::now());
    let error = nats.next_event::<Connect>(HOUR).await.unwrap_err();
    assert!(matches!(error, NextEventError::TimedOut { .. }), "{error}");
    assert_eq!((time::Instant::now() - before).as_secs(), 3600);
    assert!(started.elapsed() < PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn what_is_delayed_waits_for_the_clock() {
    let nats = builder().start().await.unwrap();
    let _late = nats.on(Endpoint::Idz).delay(5 * SECOND);
    let mut ops = nats.client("admin").unwrap();
    let mut answers = ops.request("$SYS.REQ.SERVER.PING.IDZ", "").unwrap();
    advance(4 * SECOND).await;
    assert!(answers.try_next().is_none());
    advance(SECOND).await;
    // Reading alone sees to it.
    assert!(answers.try_next().is_some());
    // And so does looking.
    let _listening = listener(&nats);
    let told = nats.events().kind(EventKind::Statsz);
    advance(10 * SECOND).await;
    let before = told.history().len();
    for moved in 1..10 {
        advance(10 * SECOND).await;
        assert_eq!(told.history().len(), before + moved);
    }
}

#[test]
fn the_same_test_gives_the_same_bytes() {
    let played = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let nats = builder()
                .unbound()
                .cluster("east", 3)
                .start()
                .await
                .unwrap();
            let mut ops = nats.client("admin").unwrap();
            for _ in 0..5 {
                sleep(7 * SECOND).await;
                ops.request("$SYS.REQ.SERVER.PING.VARZ", "").unwrap();
            }
            nats.timeline().html()
        })
    };
    assert_eq!(played(), played());
}

#[tokio::test(start_paused = true)]
async fn the_thread_of_the_sockets_has_the_same_time() {
    let nats = builder().start().await.unwrap();
    advance(HOUR).await;
    let mut socket = TcpStream::connect(nats.address()).unwrap();
    let login = r#"CONNECT {"user":"a","pass":"a"}"#;
    write!(socket, "{login}\r\nPING\r\n").unwrap();
    let mut received = String::new();
    while !received.ends_with("PONG\r\n") {
        let mut some = [0; 1024];
        let read = socket.read(&mut some).unwrap();
        assert_ne!(read, 0, "{received}");
        received.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    let arrival = nats.events().kind(EventKind::Connect).history();
    assert_eq!(arrival[0].time(), epoch() + HOUR);
}

#[tokio::test]
async fn a_clock_can_be_paused_later() {
    let nats = MockNats::builder().tokio_clock().start().await.unwrap();
    let _listening = listener(&nats);
    nats.next_event::<ServerStatsMsg>(PATIENCE).await.unwrap();
    time::pause();
    let before = nats.now();
    advance(60 * SECOND).await;
    assert!(nats.now().duration_since(before).unwrap() >= 60 * SECOND);
    assert!(heartbeats_since(&nats, before) >= 6);
    time::resume();
    let paused = nats.now();
    support::eventually("the clock goes on", || nats.now() > paused);
}

fn heartbeats_since(nats: &MockNats, since: std::time::SystemTime) -> usize {
    let history = nats.events().kind(EventKind::Statsz).history();
    history.iter().filter(|event| event.time() > since).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_by_itself_where_nothing_is_paused() {
    let nats = builder().start().await.unwrap();
    let _listening = listener(&nats);
    nats.next_event::<ServerStatsMsg>(PATIENCE).await.unwrap();
    assert!(nats.now() >= epoch() + SECOND / 4);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_on_the_runtime() {
    let alive = || Handle::current().metrics().num_alive_tasks();
    let nats = builder().start().await.unwrap();
    assert_eq!(alive(), 1);
    drop(nats);
    tokio::task::yield_now().await;
    assert_eq!(alive(), 0);
}

#[test]
fn without_a_runtime_there_is_no_clock() {
    let error = builder().start_blocking().unwrap_err();
    assert!(matches!(error, StartError::NoRuntime(_)), "{error}");
    assert!(error.to_string().starts_with("there is no tokio runtime"));
}

#[test]
fn a_deployment_can_outlive_its_runtime() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build().unwrap();
    let nats = runtime.block_on(builder().start()).unwrap();
    drop(runtime);
    let mut app = nats.client("a").unwrap();
    let mut own = app.subscribe("x").unwrap();
    app.publish("x", "1").unwrap();
    assert!(own.try_next().is_some());
}
