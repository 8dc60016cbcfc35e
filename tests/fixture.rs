//! Starting and dropping servers: from every kind of runtime and from none, without leaving
//! anything behind.

mod support;

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use nats_mock::{Builder, MockNats, StartError};
use support::raw::{Raw, Tcp, connect};
use support::{PATIENCE, soon};

/// A message there and back, over TCP and in memory.
async fn works(nats: &MockNats) {
    let client = async_nats::connect(nats.url_for("a"))
        .await
        .expect("connects");
    let mut in_memory = nats.client("a").expect("connects");
    let mut messages = in_memory.subscribe("x").expect("subscribes");
    client
        .publish("x", "hello".into())
        .await
        .expect("publishes");
    client.flush().await.expect("flushes");
    let message = messages.next().await.expect("is connected");
    assert_eq!(message.payload, "hello");
}

/// Says hello over TCP, without a runtime.
fn works_blocking(address: SocketAddr) {
    let mut tcp = Tcp::open(address);
    tcp.send(connect("a", "a", ""));
    tcp.send("PING\r\n");
    assert_eq!(tcp.read_line(), "PONG");
}

fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err()
}

#[tokio::test(flavor = "current_thread")]
async fn works_on_a_current_thread_runtime() {
    let nats = MockNats::start().await.unwrap();
    soon("a message", works(&nats)).await;
    nats.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn works_on_a_multi_thread_runtime() {
    let nats = MockNats::start().await.unwrap();
    soon("a message", works(&nats)).await;
    nats.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn works_while_the_callers_time_is_paused() {
    let nats = MockNats::start().await.unwrap();
    // Without a timeout: with paused time it would be over at once.
    let mut subscriber = nats.client("a").unwrap();
    let mut messages = subscriber.subscribe("x").unwrap();
    works_blocking(nats.address());
    nats.client("a").unwrap().publish("x", "hello").unwrap();
    assert_eq!(messages.next().await.unwrap().payload, "hello");
    let before = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(before.elapsed() >= Duration::from_secs(3600));
    works_blocking(nats.address());
    nats.shutdown().await.unwrap();
}

#[test]
fn works_without_a_runtime() {
    let nats = MockNats::start_blocking().unwrap();
    works_blocking(nats.address());
    let mut client = nats.client("a").unwrap();
    let mut messages = client.subscribe("x").unwrap();
    client.publish("x", "hello").unwrap();
    assert_eq!(messages.wait_next(PATIENCE).unwrap().payload, "hello");
}

#[test]
fn moves_between_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<MockNats>();
    is_send_and_sync::<Builder>();
    let nats = std::sync::Arc::new(MockNats::start_blocking().unwrap());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let nats = std::sync::Arc::clone(&nats);
            std::thread::spawn(move || works_blocking(nats.address()))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let address = nats.address();
    std::thread::spawn(move || drop(nats)).join().unwrap();
    assert!(is_refused(address));
}

#[test]
fn a_dropped_server_is_gone_at_once() {
    let mut times = Vec::new();
    for _ in 0..21 {
        let nats = MockNats::start_blocking().unwrap();
        let address = nats.address();
        let mut connection = Tcp::open(address);
        let begin = Instant::now();
        drop(nats);
        assert!(is_refused(address));
        times.push(begin.elapsed());
        assert_eq!(connection.read_to_end(), "");
    }
    // A busy machine may be slow now and then, but not every other time.
    times.sort_unstable();
    assert!(times[10] < Duration::from_millis(20), "{times:?}");
}

#[tokio::test]
async fn a_server_can_be_dropped_inside_a_runtime() {
    let nats = MockNats::start().await.unwrap();
    let address = nats.address();
    let client = async_nats::connect(nats.url_for("a")).await.unwrap();
    drop(nats);
    assert!(is_refused(address));
    drop(client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_can_be_dropped_by_a_task() {
    let nats = MockNats::start().await.unwrap();
    let address = nats.address();
    tokio::spawn(async move { drop(nats) }).await.unwrap();
    assert!(is_refused(address));
}

#[test]
fn a_server_outlives_the_runtime_that_started_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nats = runtime.block_on(MockNats::start()).unwrap();
    drop(runtime);
    works_blocking(nats.address());
}

#[test]
fn a_panicking_test_takes_its_server_along() {
    let mut address = None;
    let result = catch_unwind(AssertUnwindSafe(|| {
        let nats = MockNats::start_blocking().unwrap();
        let _client = nats.client("a").unwrap();
        address = Some(nats.address());
        std::panic::resume_unwind(Box::new("the test fails"));
    }));
    assert!(result.is_err());
    assert!(is_refused(address.unwrap()));
}

#[test]
fn dropping_the_server_ends_connections_in_memory() {
    let nats = MockNats::start_blocking().unwrap();
    let mut raw = Raw::open(&nats);
    let mut client = nats.client("a").unwrap();
    let mut messages = client.subscribe("x").unwrap();
    let begin = Instant::now();
    drop(nats);
    assert!(raw.is_closed());
    assert_eq!(messages.wait_next(PATIENCE), None);
    assert!(client.publish("x", "").is_err());
    assert!(begin.elapsed() < PATIENCE, "nobody woke the reader");
}

#[tokio::test]
async fn dropping_the_server_wakes_who_waits_in_memory() {
    let nats = MockNats::start().await.unwrap();
    let mut messages = nats.client("a").unwrap().subscribe("x").unwrap();
    let waiting = tokio::spawn(async move { messages.next().await });
    // The task waits now, or finds the connection closed later: both end it.
    tokio::task::yield_now().await;
    drop(nats);
    assert_eq!(soon("the end", waiting).await.unwrap(), None);
}

#[test]
fn the_ports_of_users_close_with_the_server() {
    let nats = MockNats::start_blocking().unwrap();
    let url = nats.url_for("a");
    assert_eq!(url, nats.url_for("a"), "a user keeps the port");
    let address: SocketAddr = url.rsplit('@').next().unwrap().parse().unwrap();
    assert_ne!(address, nats.address());
    let mut tcp = Tcp::open(address);
    tcp.send("CONNECT {\"verbose\":false}\r\nPING\r\n");
    assert_eq!(tcp.read_line(), "PONG");
    drop(nats);
    assert!(is_refused(address));
}

#[test]
#[should_panic(expected = "no user \"nobody\" is configured")]
fn there_is_no_url_for_an_unknown_user() {
    let _ = MockNats::start_blocking().unwrap().url_for("nobody");
}

#[test]
fn a_taken_address_is_an_error_that_names_it() {
    let nats = MockNats::start_blocking().unwrap();
    let address = nats.address();
    let error = Builder::new()
        .address(address)
        .start_blocking()
        .unwrap_err();
    assert!(matches!(&error, StartError::Listen { address: named, .. } if *named == address));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    works_blocking(address);
}

#[test]
fn a_host_that_is_no_address_is_an_error_that_names_it() {
    let error = Builder::from_conf_str("host: mars.example")
        .unwrap()
        .start_blocking();
    assert_eq!(
        error.unwrap_err().to_string(),
        "listen host \"mars.example\" is not an IP address"
    );
}

#[test]
fn the_address_of_a_dropped_server_can_be_used_again() {
    let first = MockNats::start_blocking().unwrap();
    let address = first.address();
    let _connection = Tcp::open(address);
    drop(first);
    let mut second = None;
    support::eventually("the address", || {
        second = Builder::new().address(address).start_blocking().ok();
        second.is_some()
    });
    works_blocking(address);
}

#[test]
fn equal_seeds_give_equal_servers_and_others_differ() {
    let start = |seed| MockNats::builder().seed(seed).start_blocking().unwrap();
    let (one, same, other) = (start(1), start(1), start(2));
    assert_eq!(one.server_id(), same.server_id());
    assert_ne!(one.server_id(), other.server_id());
    assert_ne!(one.address(), same.address());
    assert_eq!((one.seed(), other.seed()), (1, 2));
    // They know nothing of each other.
    let mut here = one.client("a").unwrap().subscribe("x").unwrap();
    other.client("a").unwrap().publish("x", "there").unwrap();
    one.client("a").unwrap().publish("x", "here").unwrap();
    assert_eq!(here.try_next().unwrap().payload, "here");
    assert_eq!(here.try_next(), None);
    drop(one);
    works_blocking(other.address());
}

#[test]
fn many_servers_work_side_by_side() {
    let servers: Vec<_> = (0..50)
        .map(|seed| MockNats::builder().seed(seed).start_blocking().unwrap())
        .collect();
    std::thread::scope(|scope| {
        for part in servers.chunks(10) {
            scope.spawn(move || {
                for nats in part {
                    works_blocking(nats.address());
                }
            });
        }
    });
    let mut ids: Vec<_> = servers.iter().map(MockNats::server_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), servers.len());
}

#[test]
fn a_stopped_server_takes_no_connections_and_says_so() {
    let nats = MockNats::start_blocking().unwrap();
    let mut tcp = Tcp::open(nats.address());
    assert!(!nats.is_stopped());
    nats.stop();
    assert!(nats.is_stopped());
    assert_eq!(tcp.read_to_end(), "");
    assert!(nats.connect_in_memory().is_err());
    assert!(nats.client("a").is_err());
    support::eventually("the port to close", || is_refused(nats.address()));
    nats.stop();
}

#[tokio::test]
async fn whoever_waits_for_the_stop_is_told() {
    let nats = std::sync::Arc::new(MockNats::start().await.unwrap());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let nats = std::sync::Arc::clone(&nats);
            tokio::spawn(async move { nats.stopped().await })
        })
        .collect();
    tokio::task::yield_now().await;
    nats.stop();
    for waiting in waiting {
        soon("the stop", waiting).await.unwrap();
    }
    soon("the stop again", nats.stopped()).await;
}

#[test]
fn a_stop_sends_what_was_on_its_way() {
    let nats = MockNats::start_blocking().unwrap();
    let mut stream = TcpStream::connect(nats.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = connect("admin", "changeit", "");
    text.push_str("SUB $SYS.SERVER.*.SHUTDOWN 1\r\nPING\r\n");
    std::io::Write::write_all(&mut stream, text.as_bytes()).unwrap();
    let mut received = String::new();
    let mut chunk = [0; 4096];
    while !received.contains("PONG\r\n") {
        let len = stream.read(&mut chunk).unwrap();
        assert!(len > 0);
        received.push_str(std::str::from_utf8(&chunk[..len]).unwrap());
    }
    nats.stop();
    drop(nats);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains(".SHUTDOWN 1 "), "{rest:?}");
}
