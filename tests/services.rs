//! Services that a test makes up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nats_mock::MockNats;
use nats_mock::protocol::headers::Headers;

const LONG: Duration = Duration::from_secs(10);

#[test]
fn a_service_answers_in_its_account_alone() {
    let nats = MockNats::start_blocking().unwrap();
    let service = nats.service("USERS", "echo.>").answer(|request| {
        let mut headers = Headers::new();
        headers.insert("Asked", request.subject()).unwrap();
        request.respond_with_headers(&headers, request.payload());
    });
    let mut user = nats.client("a").unwrap();
    let answer = user
        .request("echo.one", "hello")
        .unwrap()
        .try_next()
        .unwrap();
    assert_eq!(answer.text(), "hello");
    assert_eq!(answer.headers.unwrap().get("Asked"), Some("echo.one"));
    let mut admin = nats.client("admin").unwrap();
    let answer = admin
        .request("echo.one", "hello")
        .unwrap()
        .try_next()
        .unwrap();
    assert_eq!(answer.status(), Some(503));
    assert_eq!(service.hits(), 1);
}

#[test]
fn it_ends_with_its_handle_unless_it_stays() {
    let nats = MockNats::start_blocking().unwrap();
    let mut user = nats.client("a").unwrap();
    let mut status = |subject: &str| {
        let answer = user.request(subject, "").unwrap().try_next();
        answer.unwrap().status()
    };
    nats.service("USERS", "stays")
        .answer(|request| request.respond(""))
        .stay();
    let ends = nats
        .service("USERS", "ends")
        .answer(|request| request.respond(""));
    assert_eq!((status("stays"), status("ends")), (None, None));
    ends.end();
    assert_eq!((status("stays"), status("ends")), (None, Some(503)));
}

#[test]
fn it_may_answer_more_than_once_and_later() {
    let nats = MockNats::start_blocking().unwrap();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeping = Arc::clone(&kept);
    let _service = nats.service("USERS", "parts").answer(move |request| {
        request.respond_json(&[1]);
        request.respond("two");
        keeping.lock().unwrap().push(request);
    });
    let mut answers = nats.client("a").unwrap().request("parts", "").unwrap();
    assert_eq!(answers.try_next().unwrap().text(), "[1]");
    assert_eq!(answers.try_next().unwrap().text(), "two");
    assert!(answers.try_next().is_none());
    kept.lock().unwrap()[0].respond("three");
    assert_eq!(answers.try_next().unwrap().text(), "three");
}

#[test]
fn a_request_can_be_answered_when_the_next_comes() {
    let nats = MockNats::start_blocking().unwrap();
    let mut last = None;
    let _service = nats.service("USERS", "late").answer(move |request| {
        if let Some(earlier) = last.replace(request) {
            earlier.respond("now");
        }
    });
    let mut user = nats.client("a").unwrap();
    let mut first = user.request("late", "").unwrap();
    assert!(first.try_next().is_none());
    let mut second = user.request("late", "").unwrap();
    assert_eq!(first.try_next().unwrap().text(), "now");
    assert!(second.try_next().is_none());
}

#[test]
fn of_a_queue_group_one_is_asked_wherever_it_is() {
    let nats = MockNats::builder()
        .cluster("east", 3)
        .start_blocking()
        .unwrap();
    let member = |server: &str| {
        let service = nats
            .server(server)
            .service("USERS", "work")
            .queue("workers");
        service.answer(|request| request.respond(""))
    };
    let members = [member("east-1"), member("east-2"), member("east-3")];
    let mut user = nats.client("a").unwrap();
    for _ in 0..60 {
        let mut answers = user.request("work", "").unwrap();
        assert!(answers.try_next().is_some());
        assert!(answers.try_next().is_none());
    }
    let hits: Vec<_> = members.iter().map(|member| member.hits()).collect();
    assert_eq!(hits.iter().sum::<u64>(), 60);
    assert!(hits.iter().all(|hits| *hits > 0), "{hits:?}");
}

#[test]
fn a_server_takes_it_along_when_it_starts_again() {
    let nats = MockNats::builder()
        .cluster("east", 2)
        .start_blocking()
        .unwrap();
    let server = nats.server("east-2");
    let service = server
        .service("USERS", "work")
        .answer(|request| request.respond("done"));
    let mut user = nats.client("a").unwrap();
    server.crash();
    assert_eq!(
        user.request("work", "")
            .unwrap()
            .try_next()
            .unwrap()
            .status(),
        Some(503)
    );
    server.restart().unwrap();
    assert_eq!(
        user.request("work", "").unwrap().try_next().unwrap().text(),
        "done"
    );
    assert_eq!(service.hits(), 1);
}

#[test]
fn what_ended_with_its_server_takes_nothing_else_along() {
    let nats = MockNats::builder()
        .cluster("east", 2)
        .start_blocking()
        .unwrap();
    let service = nats
        .server("east-2")
        .service("USERS", "work")
        .answer(|_| ());
    nats.server("east-2").crash();
    // This gets the place that the subscription had.
    let mut user = nats.client("a").unwrap();
    let mut messages = user.subscribe("news").unwrap();
    service.end();
    user.publish("news", "still heard").unwrap();
    assert_eq!(messages.try_next().unwrap().text(), "still heard");
}

#[test]
fn a_panic_is_told_and_does_no_harm() {
    let nats = MockNats::start_blocking().unwrap();
    let service = nats
        .service("USERS", "work")
        .answer(|_| panic!("no work today"));
    let mut user = nats.client("a").unwrap();
    assert!(user.request("work", "").unwrap().try_next().is_none());
    assert_eq!(service.mistake().unwrap(), "it panicked: no work today");
    service.end();
    let failure = std::thread::spawn(move || drop(nats)).join().unwrap_err();
    let text = failure.downcast_ref::<String>().unwrap();
    assert!(
        text.contains("service at work: it panicked: no work today"),
        "{text}"
    );
}

#[test]
fn a_future_may_use_the_deployment_while_it_answers() {
    let nats = Arc::new(MockNats::start_blocking().unwrap());
    let used = Arc::downgrade(&nats);
    let service = nats.service("USERS", "count").answer_async(move |request| {
        let used = used.clone();
        async move {
            tokio::task::yield_now().await;
            let server = used
                .upgrade()
                .map(|nats| nats.server_id())
                .unwrap_or_default();
            request.respond(server);
        }
    });
    let answer = nats.client("a").unwrap().request("count", "").unwrap();
    assert_eq!(answer.wait(LONG).unwrap().text(), nats.server_id());
    service.wait_blocking(1, LONG).unwrap();
}

#[test]
fn a_real_client_cannot_tell_it_from_another() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let nats = MockNats::start().await.unwrap();
        let _service = nats
            .service("USERS", "greet")
            .answer(|request| request.respond("hi"));
        let client = async_nats::connect(nats.url_for("a")).await.unwrap();
        let answer = client.request("greet", "".into()).await.unwrap();
        assert_eq!(&answer.payload[..], b"hi");
    });
}

#[test]
#[should_panic = "a service cannot listen to \"a..b\""]
fn an_invalid_subject_is_refused() {
    let nats = MockNats::start_blocking().unwrap();
    let _service = nats.service("USERS", "a..b").answer(|_| ());
}

#[test]
#[should_panic = "there is no account \"NOBODY\""]
fn an_unknown_account_is_refused() {
    let nats = MockNats::start_blocking().unwrap();
    let _service = nats.service("NOBODY", "a").answer(|_| ());
}
