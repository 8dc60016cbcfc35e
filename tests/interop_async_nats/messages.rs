//! Messages, requests, queue groups and headers.

use std::collections::BTreeSet;

use async_nats::HeaderMap;
use async_nats::client::{PublishErrorKind, RequestErrorKind};
use bytes::Bytes;
use futures_util::StreamExt;
use nats_mock::MockNats;
use nats_mock::topology::Limits;
use tokio::sync::mpsc;

use crate::client::{app, ended, next, options, round_trip};
use crate::support::soon;

#[tokio::test]
async fn messages_go_from_publisher_to_subscriber_in_order() {
    let nats = MockNats::start().await.unwrap();
    let (subscriber, publisher) = (app(&nats).await, app(&nats).await);
    let mut messages = subscriber.subscribe("orders.*").await.unwrap();
    round_trip(&subscriber).await;
    for number in 0..1_000 {
        let subject = format!("orders.{}", number % 7);
        publisher
            .publish(subject, number.to_string().into())
            .await
            .unwrap();
    }
    for number in 0..1_000 {
        let message = next(&mut messages).await;
        assert_eq!(message.payload, number.to_string());
        assert_eq!(message.subject.as_str(), format!("orders.{}", number % 7));
    }
}

#[tokio::test]
async fn requests_are_answered() {
    let nats = MockNats::start().await.unwrap();
    let (service, requester) = (app(&nats).await, app(&nats).await);
    let mut requests = service.subscribe("double").await.unwrap();
    round_trip(&service).await;
    let serving = tokio::spawn(async move {
        for _ in 0..200 {
            let request = next(&mut requests).await;
            let number: u64 = std::str::from_utf8(&request.payload)
                .unwrap()
                .parse()
                .unwrap();
            let answer = (number * 2).to_string().into();
            service
                .publish(request.reply.unwrap(), answer)
                .await
                .unwrap();
        }
        round_trip(&service).await;
    });
    // In parallel, so that answers and questions have to be told apart.
    let pending: Vec<_> = (0..200_u64)
        .map(|number| {
            let requester = requester.clone();
            tokio::spawn(async move {
                let answer = requester.request("double", number.to_string().into()).await;
                assert_eq!(answer.unwrap().payload, (number * 2).to_string());
            })
        })
        .collect();
    for request in pending {
        soon("an answer", request).await.unwrap();
    }
    soon("the service", serving).await.unwrap();
}

#[tokio::test]
async fn a_request_to_nobody_fails_at_once() {
    let nats = MockNats::start().await.unwrap();
    let client = app(&nats).await;
    let error = client.request("nobody.home", "".into()).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
}

#[tokio::test]
async fn a_queue_group_shares_the_messages() {
    let nats = MockNats::start().await.unwrap();
    let publisher = app(&nats).await;
    let mut witness = publisher.subscribe("work").await.unwrap();
    round_trip(&publisher).await;
    let mut members = Vec::new();
    for _ in 0..4 {
        let client = app(&nats).await;
        members.push(
            client
                .queue_subscribe("work", "crew".to_owned())
                .await
                .unwrap(),
        );
        round_trip(&client).await;
        // Dropping a client is not closing it: its subscription lives on.
    }
    const COUNT: usize = 400;
    for number in 0..COUNT {
        publisher
            .publish("work", number.to_string().into())
            .await
            .unwrap();
    }
    for number in 0..COUNT {
        assert_eq!(next(&mut witness).await.payload, number.to_string());
    }
    let mut seen = BTreeSet::new();
    let mut shares = vec![0; members.len()];
    let (sender, mut received) = mpsc::unbounded_channel();
    for (index, mut member) in members.into_iter().enumerate() {
        let sender = sender.clone();
        tokio::spawn(async move {
            while let Some(message) = member.next().await {
                let _ = sender.send((index, message.payload));
            }
        });
    }
    while seen.len() < COUNT {
        let (index, payload) = soon("a share", received.recv()).await.unwrap();
        assert!(seen.insert(payload.clone()), "{payload:?} came twice");
        shares[index] += 1;
    }
    // Picks are random: everybody gets some, far from nothing and far from everything.
    assert!(
        shares.iter().all(|share| (40..=200).contains(share)),
        "{shares:?}"
    );
}

#[tokio::test]
async fn headers_arrive_as_they_were_sent() {
    let nats = MockNats::start().await.unwrap();
    let client = app(&nats).await;
    let mut messages = client.subscribe("headed").await.unwrap();
    let mut headers = HeaderMap::new();
    headers.append("Trace", "one");
    headers.append("Trace", "two");
    headers.insert("Content-Type", "text/plain; charset=utf-8");
    client
        .publish_with_headers("headed", headers.clone(), "body".into())
        .await
        .unwrap();
    let message = next(&mut messages).await;
    assert_eq!(message.payload, "body");
    let received = message.headers.unwrap();
    let trace: Vec<_> = received
        .get_all("Trace")
        .map(|value| value.as_str())
        .collect();
    assert_eq!(trace, ["one", "two"]);
    assert_eq!(received, headers);
}

#[tokio::test]
async fn a_request_with_headers_reaches_the_service_with_them() {
    let nats = MockNats::start().await.unwrap();
    let (service, requester) = (app(&nats).await, app(&nats).await);
    let mut requests = service.subscribe("svc").await.unwrap();
    round_trip(&service).await;
    let mut headers = HeaderMap::new();
    headers.insert("Who", "me");
    let asking = tokio::spawn(async move {
        requester
            .request_with_headers("svc", headers, "".into())
            .await
    });
    let request = next(&mut requests).await;
    let received = request.headers.unwrap();
    assert_eq!(received.get("Who").map(|value| value.as_str()), Some("me"));
    let reply = request.reply.unwrap();
    service
        .publish_with_headers(reply, received, "you".into())
        .await
        .unwrap();
    let answer = soon("the answer", asking).await.unwrap().unwrap();
    assert_eq!(answer.payload, "you");
    assert!(answer.headers.is_some());
}

#[tokio::test]
async fn large_payloads_arrive_whole() {
    let nats = MockNats::start().await.unwrap();
    let (subscriber, publisher) = (app(&nats).await, app(&nats).await);
    let mut messages = subscriber.subscribe("blob").await.unwrap();
    round_trip(&subscriber).await;
    let max = publisher.max_payload();
    assert_eq!(max, 1024 * 1024);
    for size in [0, 1, 900 * 1024, max - 1, max] {
        let blob: Bytes = (0..size)
            .map(|at| (at % 251) as u8)
            .collect::<Vec<_>>()
            .into();
        publisher.publish("blob", blob.clone()).await.unwrap();
        let message = next(&mut messages).await;
        assert!(message.payload == blob, "{size} bytes differ");
    }
    let error = publisher
        .publish("blob", vec![0; max + 1].into())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), PublishErrorKind::MaxPayloadExceeded);
}

#[tokio::test]
async fn the_client_follows_the_limit_of_the_server() {
    let limits = Limits {
        max_payload: 100,
        ..Limits::default()
    };
    let nats = MockNats::builder().limits(limits).start().await.unwrap();
    let client = app(&nats).await;
    assert_eq!(client.max_payload(), 100);
    client.publish("x", vec![0; 100].into()).await.unwrap();
    assert!(client.publish("x", vec![0; 101].into()).await.is_err());
    round_trip(&client).await;
}

#[tokio::test]
async fn what_is_flushed_arrives_without_more() {
    let nats = MockNats::start().await.unwrap();
    let client = app(&nats).await;
    let mut received = nats.client("a").unwrap().subscribe("flushed").unwrap();
    for round in 0..50 {
        for number in 0..20 {
            let payload = format!("{round}.{number}");
            client.publish("flushed", payload.into()).await.unwrap();
        }
        client.flush().await.unwrap();
        for number in 0..20 {
            let message = soon("the message", received.next()).await.unwrap();
            assert_eq!(message.text(), format!("{round}.{number}"));
        }
    }
}

#[tokio::test]
async fn many_subscribers_get_every_message() {
    let nats = MockNats::start().await.unwrap();
    let publisher = app(&nats).await;
    let mut subscribers = Vec::new();
    for _ in 0..10 {
        let client = app(&nats).await;
        for index in 0..50 {
            let subject = if index % 2 == 0 { "wide.>" } else { "wide.*" };
            subscribers.push(client.subscribe(subject).await.unwrap());
        }
        round_trip(&client).await;
    }
    for number in 0..20 {
        publisher
            .publish("wide.open", number.to_string().into())
            .await
            .unwrap();
    }
    for subscriber in &mut subscribers {
        for number in 0..20 {
            assert_eq!(next(subscriber).await.payload, number.to_string());
        }
    }
}

#[tokio::test]
async fn unsubscribing_after_some_messages_ends_the_subscription() {
    let nats = MockNats::start().await.unwrap();
    let (subscriber, publisher) = (app(&nats).await, app(&nats).await);
    let mut messages = subscriber.subscribe("few").await.unwrap();
    messages.unsubscribe_after(3).await.unwrap();
    round_trip(&subscriber).await;
    for number in 0..10 {
        publisher
            .publish("few", number.to_string().into())
            .await
            .unwrap();
    }
    for number in 0..3 {
        assert_eq!(next(&mut messages).await.payload, number.to_string());
    }
    assert!(ended(&mut messages).await);
}

#[tokio::test]
async fn a_client_without_echo_does_not_hear_itself() {
    let nats = MockNats::start().await.unwrap();
    let address = nats.address().to_string();
    let quiet = options("a", "a").no_echo().connect(&address).await.unwrap();
    let other = app(&nats).await;
    let mut messages = quiet.subscribe("talk").await.unwrap();
    quiet.publish("talk", "mine".into()).await.unwrap();
    round_trip(&quiet).await;
    other.publish("talk", "yours".into()).await.unwrap();
    assert_eq!(next(&mut messages).await.payload, "yours");
}
