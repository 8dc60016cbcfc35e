//! Connections without a socket: raw streams, and the simulated client.

mod support;

use nats_mock::protocol::headers::Headers;
use nats_mock::{Builder, ClientError, MockNats};
use support::raw::{Raw, connect};
use support::system::{ask, connz, drain, json};
use support::{PATIENCE, eventually, soon};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

#[tokio::test]
async fn a_stream_starts_with_info_and_answers() {
    let nats = MockNats::start().await.unwrap();
    let mut stream = BufReader::new(nats.connect_in_memory().unwrap());
    let mut line = String::new();
    soon("INFO", stream.read_line(&mut line)).await.unwrap();
    assert!(line.starts_with("INFO {\"server_id\":\"N"), "{line}");
    assert!(line.contains(&nats.server_id()));
    stream
        .write_all(connect("a", "a", "").as_bytes())
        .await
        .unwrap();
    stream.write_all(b"PING\r\n").await.unwrap();
    stream.flush().await.unwrap();
    line.clear();
    soon("PONG", stream.read_line(&mut line)).await.unwrap();
    assert_eq!(line, "PONG\r\n");
}

#[tokio::test]
async fn a_stream_can_be_read_in_small_pieces() {
    let nats = MockNats::start().await.unwrap();
    let mut stream = nats.connect_in_memory().unwrap();
    let mut info = Vec::new();
    while !info.ends_with(b"\r\n") {
        let mut byte = [0];
        soon("a byte", stream.read_exact(&mut byte)).await.unwrap();
        info.push(byte[0]);
    }
    assert_eq!(stream.take_received(), Some(Vec::new()));
}

#[tokio::test]
async fn a_waiting_reader_is_woken() {
    let nats = MockNats::start().await.unwrap();
    let mut reader = Raw::login(&nats, "a", "a", "");
    assert_eq!(
        reader
            .ask("SUB x 1\r\nPING\r\n")
            .split_once("PONG\r\n")
            .unwrap()
            .0,
        ""
    );
    reader.read();
    let waiting = tokio::spawn(async move {
        let mut bytes = vec![0; "MSG x 1 2\r\nhi\r\n".len()];
        reader.0.read_exact(&mut bytes).await.map(|_| bytes)
    });
    tokio::task::yield_now().await;
    nats.client("a").unwrap().publish("x", "hi").unwrap();
    let bytes = soon("the message", waiting).await.unwrap().unwrap();
    assert_eq!(bytes, b"MSG x 1 2\r\nhi\r\n");
}

#[tokio::test]
async fn a_stream_that_is_shut_down_is_closed_on_both_ends() {
    let nats = MockNats::start().await.unwrap();
    let mut ops = nats.client("admin").unwrap();
    let mut farewells = ops.subscribe("$SYS.ACCOUNT.USERS.DISCONNECT").unwrap();
    let mut raw = Raw::login(&nats, "a", "a", "");
    raw.0.shutdown().await.unwrap();
    assert_eq!(
        json(&farewells.try_next().unwrap())["reason"],
        "Client Closed"
    );
    assert_eq!(raw.0.read(&mut [0; 10]).await.unwrap(), 0);
    assert!(raw.0.write_all(b"PING\r\n").await.is_err());
    assert_eq!(raw.0.take_received(), None);
}

#[test]
fn dropping_and_resetting_a_connection_differ_as_fin_and_rst_do() {
    let nats = MockNats::start_blocking().unwrap();
    let mut ops = nats.client("admin").unwrap();
    let mut farewells = ops.subscribe("$SYS.ACCOUNT.USERS.DISCONNECT").unwrap();
    drop(Raw::login(&nats, "a", "a", ""));
    assert_eq!(
        json(&farewells.try_next().unwrap())["reason"],
        "Client Closed"
    );
    Raw::login(&nats, "a", "a", "").0.reset();
    assert_eq!(json(&farewells.try_next().unwrap())["reason"], "Read Error");
}

#[test]
fn what_the_server_said_last_can_be_read_after_the_end() {
    let nats = MockNats::start_blocking().unwrap();
    let mut raw = Raw::open(&nats);
    assert_eq!(
        raw.ask(connect("a", "wrong", "")),
        "-ERR 'Authorization Violation'\r\n"
    );
    assert!(raw.is_closed());
}

#[test]
fn everything_is_handled_before_a_call_returns() {
    let nats = MockNats::start_blocking().unwrap();
    let mut client = nats.client("a").unwrap();
    let mut messages = client.subscribe("x").unwrap();
    for number in 0..1_000 {
        client.publish("x", number.to_string()).unwrap();
        assert_eq!(messages.try_next().unwrap().text(), number.to_string());
    }
    assert_eq!(messages.try_next(), None);
}

#[test]
fn memory_and_tcp_clients_talk_to_each_other() {
    let nats = MockNats::start_blocking().unwrap();
    let mut tcp = support::raw::Tcp::open(nats.address());
    tcp.send(connect("a", "a", ""));
    tcp.send("SUB to.tcp 7\r\nPING\r\n");
    assert_eq!(tcp.read_line(), "PONG");
    let mut client = nats.client("a").unwrap();
    let mut messages = client.subscribe("to.memory").unwrap();
    client.publish("to.tcp", "one").unwrap();
    // From 2.12 on, INFO follows the answer to the first PING.
    let line = std::iter::from_fn(|| Some(tcp.read_line())).find(|line| !line.starts_with("INFO"));
    assert_eq!(line.unwrap(), "MSG to.tcp 7 3");
    assert_eq!(tcp.read_line(), "one");
    tcp.send("PUB to.memory 3\r\ntwo\r\n");
    assert_eq!(messages.wait_next(PATIENCE).unwrap().payload, "two");
}

#[test]
fn a_client_sends_and_receives_headers() {
    let nats = MockNats::start_blocking().unwrap();
    let mut client = nats.client("a").unwrap();
    let mut messages = client.subscribe("x").unwrap();
    let mut headers = Headers::new();
    headers.append("Key", "one").unwrap();
    headers.append("Key", "two").unwrap();
    client.publish_with_headers("x", &headers, "body").unwrap();
    let message = messages.try_next().unwrap();
    assert_eq!(message.headers.as_ref(), Some(&headers));
    assert_eq!(
        (message.subject.as_str(), message.text().as_str()),
        ("x", "body")
    );
    assert_eq!(
        (message.reply, message.headers.unwrap().status()),
        (None, None)
    );
}

#[test]
fn a_client_asks_and_is_answered_or_told_that_nobody_is_there() {
    let nats = MockNats::start_blocking().unwrap();
    let mut service = nats.client("a").unwrap();
    let mut app = nats.client("a").unwrap();
    assert_eq!(
        app.request("svc", "")
            .unwrap()
            .wait(PATIENCE)
            .unwrap()
            .status(),
        Some(503)
    );

    let mut requests = service.subscribe("svc").unwrap();
    let (mut first, mut second) = (
        app.request("svc", "1").unwrap(),
        app.request("svc", "2").unwrap(),
    );
    let (one, two) = (requests.try_next().unwrap(), requests.try_next().unwrap());
    // Answered in the other order: each answer finds its own question.
    service.publish(two.reply.unwrap(), "two").unwrap();
    service.publish(one.reply.unwrap(), "one").unwrap();
    assert_eq!(first.try_next().unwrap().payload, "one");
    assert_eq!(second.try_next().unwrap().payload, "two");
    assert_eq!((first.try_next(), second.try_next()), (None, None));
}

#[test]
fn a_client_waits_in_its_thread_for_no_longer_than_it_is_told() {
    let nats = MockNats::start_blocking().unwrap();
    let mut client = nats.client("a").unwrap();
    let mut messages = client.subscribe("x").unwrap();
    assert_eq!(
        messages.wait_next(std::time::Duration::from_millis(20)),
        None
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| messages.wait_next(PATIENCE));
        client.publish("x", "woken").unwrap();
        assert_eq!(waiting.join().unwrap().unwrap().payload, "woken");
    });
}

#[tokio::test]
async fn several_tasks_may_wait_on_one_client() {
    let nats = MockNats::start().await.unwrap();
    let mut client = nats.client("a").unwrap();
    let waiting: Vec<_> = (0..5)
        .map(|number| {
            let mut messages = client.subscribe(format!("x.{number}")).unwrap();
            tokio::spawn(async move { messages.next().await })
        })
        .collect();
    tokio::task::yield_now().await;
    let mut other = nats.client("a").unwrap();
    for (number, waiting) in waiting.into_iter().enumerate().rev() {
        other
            .publish(format!("x.{number}"), number.to_string())
            .unwrap();
        let message = soon("the message", waiting).await.unwrap().unwrap();
        assert_eq!(message.text(), number.to_string());
    }
}

#[test]
fn a_queue_group_of_clients_gets_each_message_once() {
    let nats = MockNats::start_blocking().unwrap();
    let mut clients: Vec<_> = (0..3).map(|_| nats.client("a").unwrap()).collect();
    let mut members: Vec<_> = clients
        .iter_mut()
        .map(|client| client.queue_subscribe("work.*", "crew").unwrap())
        .collect();
    let mut publisher = nats.client("a").unwrap();
    for number in 0..300 {
        publisher
            .publish(format!("work.{}", number % 5), number.to_string())
            .unwrap();
    }
    let shares: Vec<Vec<_>> = members.iter_mut().map(drain).collect();
    assert!(
        shares.iter().all(|share| share.len() > 50),
        "{:?}",
        shares.iter().map(Vec::len)
    );
    let mut numbers: Vec<u32> = shares
        .iter()
        .flatten()
        .map(|message| message.text().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
}

#[test]
fn a_dropped_subscription_is_taken_back() {
    let nats = MockNats::start_blocking().unwrap();
    let mut ops = nats.client("admin").unwrap();
    let count = |ops: &mut _| {
        let info = ask(ops, "$SYS.REQ.SERVER.PING.STATSZ", "");
        info["statsz"]["subscriptions"].as_u64().unwrap()
    };
    // Asking takes a subscription too, the same every time.
    let before = count(&mut ops);
    let mut client = nats.client("a").unwrap();
    let kept = client.subscribe("kept").unwrap();
    drop(client.subscribe("dropped").unwrap());
    assert_eq!(count(&mut ops), before + 1);
    drop(client);
    // What is left of a client keeps its connection.
    assert_eq!(count(&mut ops), before + 1);
    drop(kept);
    assert_eq!(count(&mut ops), before);
}

#[test]
fn what_the_server_refuses_is_an_error_of_the_call() {
    let nats = Builder::from_conf_str(
        "accounts { A { users: [{ user: joe, password: pw,
           permissions { publish: ok, subscribe: ok } }] } }",
    )
    .unwrap()
    .start_blocking()
    .unwrap();
    let mut client = nats.client("joe").unwrap();
    let error = client.publish("other", "").unwrap_err();
    assert!(
        matches!(&error, ClientError::Server { text }
        if text == "Permissions Violation for Publish to \"other\""),
        "{error}"
    );
    let error = client.subscribe("other").unwrap_err();
    assert!(
        matches!(&error, ClientError::Server { text }
        if text == "Permissions Violation for Subscription to \"other\""),
        "{error}"
    );
    let mut messages = client.subscribe("ok").unwrap();
    client.publish("ok", "fine").unwrap();
    assert_eq!(messages.try_next().unwrap().payload, "fine");

    let error = nats.client("nobody").unwrap_err();
    assert_eq!(error.to_string(), "no user \"nobody\" is configured");
    nats.stop();
    assert!(matches!(
        client.publish("ok", ""),
        Err(ClientError::Closed(_))
    ));
    assert!(matches!(nats.client("joe"), Err(ClientError::Closed(_))));
}

#[test]
fn connections_in_memory_look_like_others_to_the_system_account() {
    let nats = MockNats::start_blocking().unwrap();
    let mut ops = nats.client("admin").unwrap();
    let mut raw = Raw::login(&nats, "a", "a", ",\"name\":\"till\",\"lang\":\"test\"");
    raw.send("SUB x 1\r\nSUB y q 2\r\nPUB z 5\r\nhello\r\n");
    let all = connz(&mut ops, &nats, r#"{"auth":true,"subscriptions":true}"#);
    let shown = &all["connections"][1];
    assert_eq!(shown["name"], "till");
    assert_eq!(shown["authorized_user"], "a");
    assert_eq!(shown["ip"], "127.0.0.1");
    assert_eq!(
        (&shown["in_msgs"], &shown["in_bytes"]),
        (&1.into(), &5.into())
    );
    assert_eq!(shown["subscriptions"], 2);
    drop(raw);
    let closed = connz(&mut ops, &nats, r#"{"state":1}"#);
    assert_eq!(closed["connections"][0]["reason"], "Client Closed");
}

#[test]
fn a_connection_that_moves_to_another_account_leaves_the_first_one_behind() {
    let nats = MockNats::builder()
        .account("A", [("a", "a")])
        .account("B", [("b", "b")])
        .start_blocking()
        .unwrap();
    let (mut a, mut b) = (nats.client("a").unwrap(), nats.client("b").unwrap());
    let (mut of_a, mut of_b) = (a.subscribe("x").unwrap(), b.subscribe("x").unwrap());
    let mut raw = Raw::login(&nats, "a", "a", "");
    raw.send("PUB x 3\r\none\r\n");
    assert_eq!(of_a.try_next().unwrap().payload, "one");
    raw.send(connect("b", "b", ""));
    raw.send("PUB x 3\r\ntwo\r\n");
    assert_eq!(
        of_b.try_next().map(|message| message.payload),
        Some("two".into())
    );
    assert_eq!(of_a.try_next(), None);
}

#[test]
fn output_that_nobody_reads_is_bounded() {
    let mut builder = MockNats::builder();
    builder = builder.limits(nats_mock::topology::Limits {
        max_pending: 64 * 1024,
        ..Default::default()
    });
    let nats = builder.start_blocking().unwrap();
    let mut ops = nats.client("admin").unwrap();
    let mut farewells = ops.subscribe("$SYS.ACCOUNT.USERS.DISCONNECT").unwrap();
    let mut lazy = Raw::login(&nats, "a", "a", "");
    lazy.send("SUB x 1\r\n");
    let mut client = nats.client("a").unwrap();
    let payload = vec![b'x'; 1024];
    for _ in 0..65 {
        client.publish("x", &payload).unwrap();
    }
    assert_eq!(
        json(&farewells.try_next().unwrap())["reason"],
        "Slow Consumer (Pending Bytes)"
    );
    eventually("the end", || lazy.is_closed());
}

#[test]
fn who_waits_is_woken_although_the_client_is_used_meanwhile() {
    let nats = MockNats::start_blocking().unwrap();
    let mut client = nats.client("a").unwrap();
    let mut waited_for = client.subscribe("late").unwrap();
    let mut other = nats.client("a").unwrap();
    let waiter = std::thread::spawn(move || waited_for.wait_next(support::PATIENCE));
    // Each call looks for output, which must not put itself in the place of the one who waits.
    for _ in 0..1000 {
        client.info();
    }
    other.publish("late", "at last").unwrap();
    for _ in 0..1000 {
        client.info();
    }
    assert_eq!(waiter.join().unwrap().unwrap().payload, "at last");
}

#[test]
fn the_single_user_of_an_authorization_block_needs_no_password_here() {
    let conf = "authorization { user: only, password: one }";
    let nats = nats_mock::Builder::from_conf_str(conf)
        .unwrap()
        .start_blocking()
        .unwrap();
    let mut client = nats.client("only").unwrap();
    let mut messages = client.subscribe("x").unwrap();
    client.publish("x", "hi").unwrap();
    assert_eq!(messages.try_next().unwrap().payload, "hi");
    assert!(Raw::login(&nats, "only", "wrong", "").is_closed());
}
