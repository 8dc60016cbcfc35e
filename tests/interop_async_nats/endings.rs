//! Draining, reconnecting and lame duck mode.

use std::net::SocketAddr;
use std::time::Duration;

use async_nats::Event;
use nats_mock::topology::Timing;
use nats_mock::{Builder, MockNats};
use serde_json::Value;

use crate::client::{app, connect, ended, next, round_trip, until};
use crate::support::soon;

#[tokio::test]
async fn a_drained_subscription_gets_what_was_sent_before_and_no_more() {
    let nats = MockNats::start().await.unwrap();
    let client = app(&nats).await;
    let mut messages = client.subscribe("tap").await.unwrap();
    for number in 0..100 {
        client
            .publish("tap", number.to_string().into())
            .await
            .unwrap();
    }
    round_trip(&client).await;
    messages.drain().await.unwrap();
    client.publish("tap", "late".into()).await.unwrap();
    for number in 0..100 {
        assert_eq!(next(&mut messages).await.payload, number.to_string());
    }
    assert!(ended(&mut messages).await);
}

#[tokio::test]
async fn a_drained_client_leaves_the_server() {
    let nats = MockNats::start().await.unwrap();
    let ops = async_nats::connect(nats.system_url()).await.unwrap();
    let mut farewells = ops
        .subscribe("$SYS.ACCOUNT.USERS.DISCONNECT")
        .await
        .unwrap();
    round_trip(&ops).await;
    let (client, mut events) = connect(&nats, "a", "a").await;
    let mut messages = client.subscribe("tap").await.unwrap();
    client.publish("tap", "last".into()).await.unwrap();
    client.drain().await.unwrap();
    assert_eq!(next(&mut messages).await.payload, "last");
    assert!(ended(&mut messages).await);
    until(&mut events, |event| matches!(event, Event::Closed)).await;
    let event: Value = serde_json::from_slice(&next(&mut farewells).await.payload).unwrap();
    assert_eq!(event["reason"], "Client Closed");
    assert_eq!(event["sent"]["msgs"], 1);
    assert_eq!(event["received"]["msgs"], 1);
}

/// Starts a server on an address that has been used a moment ago.
async fn restart(address: SocketAddr) -> MockNats {
    soon("the address", async {
        loop {
            match Builder::new().seed(2).address(address).start().await {
                Ok(nats) => return nats,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_client_reconnects_to_a_new_server_on_the_same_address() {
    let nats = MockNats::start().await.unwrap();
    let address = nats.address();
    let first_id = nats.server_id();
    let (client, mut events) = connect(&nats, "a", "a").await;
    let mut messages = client.subscribe("news").await.unwrap();
    round_trip(&client).await;
    until(&mut events, |event| matches!(event, Event::Connected)).await;
    for _ in 0..3 {
        client.publish("news", "before".into()).await.unwrap();
        assert_eq!(next(&mut messages).await.payload, "before");
    }

    drop(nats);
    until(&mut events, |event| matches!(event, Event::Disconnected)).await;
    let nats = restart(address).await;
    until(&mut events, |event| matches!(event, Event::Connected)).await;

    // Published by another client, so that only a renewed subscription brings it.
    let other = app(&nats).await;
    round_trip(&client).await;
    other.publish("news", "after".into()).await.unwrap();
    assert_eq!(next(&mut messages).await.payload, "after");
    assert_ne!(client.server_info().server_id, first_id);
}

#[tokio::test]
async fn a_client_comes_back_after_an_orderly_stop() {
    let nats = MockNats::start().await.unwrap();
    let address = nats.address();
    let (client, mut events) = connect(&nats, "a", "a").await;
    until(&mut events, |event| matches!(event, Event::Connected)).await;
    nats.shutdown().await.unwrap();
    until(&mut events, |event| matches!(event, Event::Disconnected)).await;
    let _nats = restart(address).await;
    until(&mut events, |event| matches!(event, Event::Connected)).await;
    round_trip(&client).await;
}

#[tokio::test]
async fn a_client_learns_of_lame_duck_mode_and_is_closed() {
    let timing = Timing {
        lame_duck_grace_period: Duration::from_millis(100),
        lame_duck_duration: Duration::from_millis(200),
        ..Timing::default()
    };
    let nats = MockNats::builder().timing(timing).start().await.unwrap();
    let (client, mut events) = connect(&nats, "a", "a").await;
    round_trip(&client).await;
    nats.lame_duck();
    until(&mut events, |event| matches!(event, Event::LameDuckMode)).await;
    soon("the server's end", nats.stopped()).await;
    until(&mut events, |event| matches!(event, Event::Disconnected)).await;
    assert!(std::net::TcpStream::connect(nats.address()).is_err());
}
