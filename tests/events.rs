//! What the servers said and were asked, as the harness shows it.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use nats_mock::protocol::events::{AccountConns, Connect, Disconnect, ServerStatsMsg};
use nats_mock::protocol::json::DecodeError;
use nats_mock::protocol::monitor::{ConnzOptions, SubszOptions};
use nats_mock::protocol::sys::{AccountEndpoint, Endpoint, EventSubject, RequestSubject, Target};
use nats_mock::recorded::{
    Event, EventBody, EventKind, NextEventError, ParseEventError, SystemEvent, kind,
};
use nats_mock::topology::UserOptions;
use nats_mock::{Builder, MockNats};
use support::raw::{Raw, connect};
use support::system::{ask, drain, json};
use support::{PATIENCE, epoch, soon};

/// Long enough for a wait to be one.
const SHORT: Duration = Duration::from_millis(20);

fn kinds(events: &[Event]) -> Vec<EventKind> {
    events.iter().map(Event::kind).collect()
}

#[test]
fn what_is_recorded_is_what_subscribers_get() {
    let nats = MockNats::start_blocking().unwrap();
    let mut ops = nats.client("admin").unwrap();
    let mut heard = ops.subscribe("$SYS.>").unwrap();
    let mut recorded = nats.events().stream();
    drop(nats.client("a").unwrap());
    Raw::open(&nats).send(connect("a", "wrong", ""));
    nats.stop();
    let heard: Vec<_> = drain(&mut heard)
        .into_iter()
        .map(|message| (message.subject, message.payload))
        .collect();
    let recorded: Vec<_> = std::iter::from_fn(|| recorded.try_next())
        .filter(|event| event.published_in() == "SYS")
        .map(|event| (event.subject().to_owned(), event.payload().clone()))
        .collect();
    assert!(heard.len() > 8, "{heard:?}");
    assert_eq!(recorded, heard);
}

#[test]
fn looking_leaves_no_trace() {
    let start = || {
        Builder::new()
            .seed(7)
            .manual_clock(epoch())
            .start_blocking()
            .unwrap()
    };
    let subsz = |nats: &MockNats| {
        let mut ops = nats.client("admin").unwrap();
        ask(
            &mut ops,
            "$SYS.REQ.SERVER.PING.SUBSZ",
            r#"{"subscriptions":true}"#,
        )
    };
    let (watched, other) = (start(), start());
    let _streams = (watched.events().stream(), watched.requests().stream());
    let error = watched.wait_next_event::<ServerStatsMsg>(Duration::ZERO);
    assert!(matches!(error, Err(NextEventError::TimedOut { .. })));
    for nats in [&watched, &other] {
        nats.advance(Duration::from_secs(60));
    }
    // A server on its own tells its statistics to listeners only, and this is none.
    let heartbeats = watched.events().kind(EventKind::Statsz);
    assert_eq!(heartbeats.history().len(), 0);
    assert_eq!(subsz(&watched), subsz(&other));

    let mut ops = watched.client("admin").unwrap();
    let _heartbeats = ops.subscribe(EventKind::Statsz.pattern()).unwrap();
    watched.advance(Duration::from_secs(60));
    assert_eq!(heartbeats.history().len(), 6);
}

#[test]
fn a_view_is_narrowed_by_kind_account_and_server() {
    use EventKind::*;

    let nats = Builder::new()
        .name("n1")
        .account("USERS", [("a", "a")])
        .account("OTHERS", [("b", "b")])
        .system_account("SYS", [("admin", "changeit")])
        .start_blocking()
        .unwrap();
    let _b = nats.client("b").unwrap();
    drop(nats.client("a").unwrap());
    let all = nats.events();
    let of = |name| kinds(&all.clone().account(name).history());
    let come = [ServerAccountConns, AccountConns, Connect];
    let gone = [ServerAccountConns, AccountConns, Disconnect];
    assert_eq!(of("OTHERS"), come);
    assert_eq!(of("USERS"), [come, gone].concat());
    let connects = all.clone().kind(Connect);
    assert_eq!(kinds(&connects.history()), [Connect, Connect]);
    let either = connects.clone().kind(Disconnect).account("USERS");
    assert_eq!(kinds(&either.history()), [Connect, Disconnect]);
    for (server, count) in [("n1", 2), (&*nats.server_id(), 2), ("n2", 0), ("n", 0)] {
        assert_eq!(connects.clone().server(server).history().len(), count);
    }
}

#[test]
fn an_event_tells_about_itself() {
    let nats = Builder::new()
        .name("n1")
        .manual_clock(epoch())
        .start_blocking()
        .unwrap();
    nats.advance(Duration::from_secs(3));
    let _app = Raw::login(&nats, "a", "a", r#","name":"web""#);
    let event = nats.events().kind(EventKind::Connect).history().remove(0);
    assert_eq!(event.subject(), "$SYS.ACCOUNT.USERS.CONNECT");
    assert_eq!(
        event.parsed_subject(),
        Ok(EventSubject::Connect { account: "USERS" })
    );
    assert_eq!(
        (event.account(), event.published_in()),
        (Some("USERS"), "SYS")
    );
    assert_eq!(
        (event.server_name(), event.server_id()),
        ("n1", &*nats.server_id())
    );
    assert_eq!(event.time(), epoch() + Duration::from_secs(3));
    assert_eq!(event.parse::<Connect>().unwrap().client.name, "web");
    let EventBody::Connect(body) = event.body().unwrap() else {
        panic!("{event:?}");
    };
    assert_eq!(body.server.name, "n1");
    // Every payload type has defaults for all of its fields: only the kind tells them apart.
    let error = event.parse::<Disconnect>().unwrap_err();
    assert!(matches!(error, ParseEventError::Kind { .. }));
    assert_eq!(
        error.to_string(),
        "$SYS.ACCOUNT.USERS.CONNECT is no $SYS.ACCOUNT.*.DISCONNECT"
    );
}

#[test]
fn a_refused_login_is_two_events() {
    let nats = Builder::new()
        .account("USERS", [("a", "a")])
        .system_account("SYS", [("admin", "changeit")])
        .user(UserOptions::new("g", "g"))
        .start_blocking()
        .unwrap();
    Raw::open(&nats).send(connect("a", "wrong", ""));
    let account = nats.wait_next_event::<kind::AccountAuthError>(PATIENCE);
    let system = nats.wait_next_event::<kind::AuthError>(PATIENCE);
    let (account, system) = (account.unwrap(), system.unwrap());
    assert_eq!(account.server.seq + 1, system.server.seq);
    assert_eq!(
        (account.client.acc, account.reason),
        (system.client.acc, system.reason)
    );
    let inside = nats.events().account("$G").history();
    assert_eq!(
        kinds(&inside),
        [EventKind::AccountAuthError, EventKind::Disconnect]
    );
    assert_eq!(inside[0].published_in(), "$G");
    assert!(matches!(inside[0].body(), Ok(EventBody::AuthError(_))));
    assert_eq!(inside[1].published_in(), "SYS");
}

#[test]
fn the_next_event_is_the_one_after_the_last() {
    let nats = MockNats::start_blocking().unwrap();
    let connect = || nats.wait_next_event::<Connect>(SHORT);
    // What happened before anybody asked, and between two calls, is not lost.
    drop(nats.client("a").unwrap());
    drop(nats.client("admin").unwrap());
    assert_eq!(connect().unwrap().client.user, "a");
    drop(nats.client("a").unwrap());
    assert_eq!(connect().unwrap().client.user, "admin");
    assert_eq!(connect().unwrap().client.user, "a");
    let error = connect().unwrap_err();
    assert_eq!(
        error.to_string(),
        "no $SYS.ACCOUNT.*.CONNECT within 20ms",
        "{error:?}"
    );
    // Each kind goes its own way.
    let farewell = nats.wait_next_event::<Disconnect>(SHORT).unwrap();
    assert_eq!(farewell.client.user, "a");
    let counts: Vec<_> =
        std::iter::from_fn(|| nats.wait_next_event::<AccountConns>(Duration::ZERO).ok())
            .map(|event| (event.acc, event.conns))
            .filter(|(account, _)| account == "USERS")
            .map(|(_, conns)| conns)
            .collect();
    assert_eq!(counts, [1, 0, 1, 0]);
}

#[test]
fn after_the_end_there_is_no_next_event() {
    let nats = MockNats::start_blocking().unwrap();
    nats.stop();
    let last = nats.wait_next_event::<kind::Shutdown>(PATIENCE).unwrap();
    assert_eq!(last.id, nats.server_id());
    let error = nats.wait_next_event::<kind::Shutdown>(PATIENCE);
    assert!(matches!(error, Err(NextEventError::Stopped { .. })));
    let mut events = nats.events().stream();
    assert!(events.wait_next(PATIENCE).is_none());
}

#[test]
fn a_body_that_does_not_fit_is_an_error() {
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "it is never made")]
    struct Wrong {
        client: u8,
    }
    impl SystemEvent for Wrong {
        type Body = Self;
        const KIND: EventKind = EventKind::Connect;
    }
    let nats = MockNats::start_blocking().unwrap();
    let _app = nats.client("a").unwrap();
    let error = nats.wait_next_event::<Wrong>(PATIENCE).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("body of $SYS.ACCOUNT.USERS.CONNECT: invalid type: map, expected u8"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_takes_its_time_where_time_is_paused() {
    let nats = Arc::new(MockNats::start().await.unwrap());
    // The runtime has nothing to do but to wait, and would skip to the end of a timer of its own.
    let began = Instant::now();
    let error = nats.next_event::<Connect>(SHORT).await.unwrap_err();
    assert!(matches!(error, NextEventError::TimedOut { .. }));
    assert!(began.elapsed() >= SHORT);
    let elsewhere = Arc::clone(&nats);
    let thread = std::thread::spawn(move || drop(elsewhere.client("a").unwrap()));
    let event = nats.next_event::<Connect>(PATIENCE).await.unwrap();
    assert_eq!(event.client.user, "a");
    thread.join().unwrap();
}

#[test]
fn a_runtime_without_timers_will_do() {
    let nats = MockNats::start_blocking().unwrap();
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let error = nats.next_event::<Connect>(SHORT).await.unwrap_err();
            assert!(matches!(error, NextEventError::TimedOut { .. }));
            let come = || async {
                let _app = nats.client("a");
            };
            let (event, ()) = tokio::join!(nats.next_event::<Disconnect>(PATIENCE), come());
            assert_eq!(event.unwrap().client.user, "a");
        });
}

#[tokio::test]
async fn a_call_that_is_dropped_takes_nothing() {
    let nats = MockNats::start().await.unwrap();
    let mut events = nats.events().kind(EventKind::Connect).stream();
    tokio::select! {
        biased;
        _ = nats.next_event::<Connect>(PATIENCE) => panic!("nobody has come"),
        _ = events.next() => panic!("nobody has come"),
        () = std::future::ready(()) => {}
    }
    let _app = nats.client("a").unwrap();
    assert!(nats.next_event::<Connect>(PATIENCE).await.is_ok());
    assert!(soon("the event", events.next()).await.is_some());
}

#[tokio::test]
async fn a_stream_wakes_whoever_waits_for_it() {
    let nats = MockNats::start().await.unwrap();
    drop(nats.client("a").unwrap());
    let view = nats.events().kind(EventKind::Connect);
    let (mut first, mut second) = (view.stream(), view.stream());
    let waiting = tokio::spawn(async move {
        let event = first.next().await;
        (event, first.next().await)
    });
    let thread = std::thread::spawn(move || second.wait_next(PATIENCE));
    tokio::task::yield_now().await;
    // What was before the stream is no part of it.
    let _ops = nats.client("admin").unwrap();
    let event = thread.join().unwrap().unwrap();
    assert_eq!(event.account(), Some("SYS"));
    nats.shutdown().await.unwrap();
    let (event, end) = soon("the end", waiting).await.unwrap();
    assert_eq!(event.unwrap().account(), Some("SYS"));
    assert!(end.is_none());
}

#[test]
fn history_is_bounded() {
    let nats = Builder::new().history(4).start_blocking().unwrap();
    let mut all = nats.events().stream();
    for _ in 0..2 {
        drop(nats.client("a").unwrap());
    }
    let kept = nats.events().history();
    assert_eq!(kept.len(), 4);
    assert_eq!(kept[3].kind(), EventKind::Disconnect);
    let late: Vec<_> = std::iter::from_fn(|| all.try_next()).collect();
    assert_eq!((kinds(&late), all.missed()), (kinds(&kept), 8));
    // A search goes on with what is there.
    assert!(nats.wait_next_event::<Connect>(SHORT).is_ok());
    assert!(nats.wait_next_event::<Connect>(Duration::ZERO).is_err());
}

#[test]
fn what_clients_send_cannot_fill_the_memory() {
    let nats = Builder::new().start_blocking().unwrap();
    let mut raw = Raw::login(&nats, "a", "a", "");
    let payload = "x".repeat(1024 * 1024);
    for _ in 0..40 {
        raw.send(format!(
            "PUB $SYS.REQ.USER.INFO {}\r\n{payload}\r\n",
            payload.len()
        ));
    }
    let kept = nats.requests().history();
    let bytes: usize = kept.iter().map(|request| request.payload().len()).sum();
    assert!(bytes > 14 << 20 && bytes <= 16 << 20, "{bytes}");
}

#[test]
fn without_history_nothing_is_recorded() {
    let nats = Builder::new().history(0).start_blocking().unwrap();
    let (mut events, mut requests) = (nats.events().stream(), nats.requests().stream());
    let mut ops = nats.client("admin").unwrap();
    ask(&mut ops, "$SYS.REQ.SERVER.PING.IDZ", "");
    assert_eq!(nats.events().history().len(), 0);
    // Nobody is left waiting for what cannot come.
    assert!(events.wait_next(PATIENCE).is_none());
    assert!(requests.wait_next(PATIENCE).is_none());
    let error = nats.wait_next_event::<Connect>(PATIENCE);
    assert!(matches!(error, Err(NextEventError::NotRecorded { .. })));
}

#[test]
fn a_request_tells_who_asks_for_what() {
    let nats = Builder::new()
        .name("n1")
        .manual_clock(epoch())
        .start_blocking()
        .unwrap();
    let mut asked = nats.requests().stream();
    let mut raw = Raw::login(&nats, "admin", "changeit", r#","name":"tool""#);
    let block = "NATS/1.0\r\nAccept-Encoding: snappy\r\n\r\n";
    let body = r#"{"limit":5,"state":"x"}"#;
    raw.send(format!(
        "HPUB $SYS.REQ.SERVER.PING.CONNZ answers {} {}\r\n{block}{body}\r\n",
        block.len(),
        block.len() + body.len()
    ));
    let request = asked.try_next().unwrap();
    assert_eq!(request.subject(), "$SYS.REQ.SERVER.PING.CONNZ");
    assert_eq!(
        request.parsed_subject(),
        Ok(RequestSubject::Server {
            target: Target::Ping,
            endpoint: Endpoint::Connz
        })
    );
    assert_eq!(
        (request.endpoint(), request.reply()),
        ("CONNZ", Some("answers"))
    );
    assert_eq!(request.text(), body);
    let headers = request.headers().unwrap();
    assert_eq!(headers.get("Accept-Encoding"), Some("snappy"));
    assert!(matches!(
        request.options::<ConnzOptions>(),
        Err(DecodeError::Type { .. })
    ));
    let tool = request.requester().unwrap();
    assert_eq!(
        (tool.account(), tool.user(), tool.name()),
        ("SYS", Some("admin"), "tool")
    );
    let arrival = nats.wait_next_event::<Connect>(SHORT).unwrap();
    assert_eq!(tool.cid(), arrival.client.id);
    assert_eq!((request.server_name(), request.time()), ("n1", epoch()));
}

#[test]
fn requests_are_recorded_once_and_answered_or_not() {
    let nats = MockNats::start_blocking().unwrap();
    let mut ops = nats.client("admin").unwrap();
    // Two services listen to this, and to what no service answers there is one, too.
    for subject in [
        "$SYS.REQ.ACCOUNT.PING.STATZ",
        "$SYS.REQ.SERVER.PING.RAFTZ",
        "$SYS.REQ.SERVER.PING",
    ] {
        ops.request(subject, "").unwrap();
    }
    // Neither is a request.
    ops.publish("$SYS.SERVER.X.STATSZ", "").unwrap();
    ops.publish("$SYS.REQ.SERVER.PING.NOSUCH", "").unwrap();
    let endpoints = |view: nats_mock::recorded::View<nats_mock::recorded::Request>| {
        let history = view.history();
        let names = history.iter().map(|request| request.endpoint().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(endpoints(nats.requests()), ["STATZ", "RAFTZ", "STATSZ"]);
    assert_eq!(endpoints(nats.requests().endpoint("RAFTZ")), ["RAFTZ"]);
    assert_eq!(endpoints(nats.requests().server("n2")).len(), 0);
    // A server that is about to leave answers nobody.
    nats.lame_duck();
    let answer = ops.request("$SYS.REQ.SERVER.PING.IDZ", "").unwrap();
    assert!(answer.wait(Duration::ZERO).is_none());
    assert_eq!(endpoints(nats.requests().endpoint("IDZ")), ["IDZ"]);
}

#[test]
fn a_request_of_another_account_comes_by_its_import() {
    let nats = MockNats::start_blocking().unwrap();
    let mut app = nats.client("a").unwrap();
    let body = r#"{"account":"SYS"}"#;
    let answer = app.request("$SYS.REQ.SERVER.PING.CONNZ", body).unwrap();
    assert!(answer.wait(PATIENCE).is_some());
    let request = nats.requests().account("USERS").history().remove(0);
    assert_eq!(
        request.parsed_subject(),
        Ok(RequestSubject::Account {
            target: Target::Id("USERS"),
            endpoint: AccountEndpoint::Connz
        })
    );
    assert_eq!(request.options::<SubszOptions>().unwrap().account, "SYS");
    assert!(request.reply().unwrap().starts_with("_R_."));
    let headers = request.headers().unwrap();
    let info: serde_json::Value =
        serde_json::from_str(headers.get("Nats-Request-Info").unwrap()).unwrap();
    assert_eq!(info["acc"], "USERS");
    let asking = request.requester().unwrap();
    assert_eq!(
        (asking.cid(), asking.user()),
        (app.info().client_id, Some("a"))
    );
    assert_eq!(nats.requests().account("SYS").history().len(), 0);
}

#[test]
fn events_that_nobody_hears_use_up_a_number() {
    let nats = MockNats::start_blocking().unwrap();
    drop(nats.client("a").unwrap());
    let seq = |event: &Event| {
        let body: serde_json::Value = serde_json::from_slice(event.payload()).unwrap();
        body["server"]["seq"].as_u64().unwrap()
    };
    let numbers: Vec<_> = nats.events().history().iter().map(seq).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    let mut ops = nats.client("admin").unwrap();
    let mut heard = ops.subscribe("$SYS.>").unwrap();
    drop(nats.client("a").unwrap());
    let first = json(&heard.try_next().unwrap());
    // The operator's own arrival, which it could not hear yet.
    assert_eq!(
        first["server"]["seq"].as_u64(),
        numbers.last().map(|seq| seq + 4)
    );
}

#[test]
fn answers_are_no_events() {
    let nats = MockNats::start_blocking().unwrap();
    let mut ops = nats.client("admin").unwrap();
    let _app = nats.client("a").unwrap();
    let mut recorded = nats.events().stream();
    ask(&mut ops, "$SYS.REQ.ACCOUNT.USERS.CONNS", "");
    ask(&mut ops, "$SYS.REQ.SERVER.PING.STATSZ", "");
    let mut raw = Raw::login(&nats, "admin", "changeit", "");
    while recorded.try_next().is_some() {}
    // Not even when an answer is asked for where events go.
    raw.send("SUB $SYS.ACCOUNT.x.CONNECT 1\r\n");
    let asked = raw.ask("PUB $SYS.REQ.ACCOUNT.USERS.CONNS $SYS.ACCOUNT.x.CONNECT 0\r\n\r\n");
    assert!(asked.contains("account_connections"), "{asked}");
    assert!(recorded.try_next().is_none());
}

#[test]
fn waiting_in_vain_leaves_nothing_behind() {
    let nats = MockNats::start_blocking().unwrap();
    let mut never = nats.events().kind(EventKind::LameDuck).stream();
    let begin = Instant::now();
    for _ in 0..20_000 {
        assert!(never.wait_next(Duration::ZERO).is_none());
    }
    assert!(begin.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_waker_may_look_at_the_deployment() {
    struct Looks(Arc<MockNats>, std::sync::atomic::AtomicBool);

    impl std::task::Wake for Looks {
        fn wake(self: Arc<Self>) {
            assert!(!self.0.events().history().is_empty());
            self.1.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }

    let nats = Arc::new(MockNats::start_blocking().unwrap());
    let looks = Arc::new(Looks(Arc::clone(&nats), false.into()));
    let waker = Arc::clone(&looks).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut connects = nats.events().kind(EventKind::Connect).stream();
    let mut next = std::pin::pin!(connects.next());
    assert!(next.as_mut().poll(&mut context).is_pending());
    drop(nats.client("a").unwrap());
    assert!(looks.1.load(std::sync::atomic::Ordering::SeqCst));
}
