//! What the system account says to a client library.

use async_nats::Message;
use nats_mock::MockNats;
use serde_json::Value;

use crate::client::{next, options, round_trip};

#[tokio::test]
async fn the_system_account_reports_clients_and_answers_requests() {
    let nats = MockNats::builder().name("n1").start().await.unwrap();
    let ops = async_nats::connect(nats.system_url()).await.unwrap();
    let mut events = ops.subscribe("$SYS.ACCOUNT.USERS.>").await.unwrap();
    let mut refusals = ops
        .subscribe("$SYS.SERVER.*.CLIENT.AUTH.ERR")
        .await
        .unwrap();
    round_trip(&ops).await;
    let address = nats.address().to_string();
    let client = options("a", "a")
        .name("billing")
        .connect(&address)
        .await
        .unwrap();

    let suffix = |message: &Message| message.subject.rsplit('.').next().unwrap().to_owned();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "CONNECT") {
        let message = next(&mut events).await;
        let event: Value = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(event["server"]["name"], "n1");
        if suffix(&message) == "CONNECT" {
            assert_eq!(event["client"]["name"], "billing");
            assert_eq!(event["client"]["lang"], "rust");
            assert_eq!(event["client"]["user"], "a");
        }
        seen.push(suffix(&message));
    }
    assert_eq!(seen, ["CONNS", "CONNECT"]);

    for endpoint in ["IDZ", "STATSZ", "VARZ", "CONNZ", "SUBSZ", "HEALTHZ"] {
        let subject = format!("$SYS.REQ.SERVER.{}.{endpoint}", nats.server_id());
        let answer = ops.request(subject, "".into()).await.unwrap();
        let body: Value = serde_json::from_slice(&answer.payload).unwrap();
        assert!(body.is_object(), "{endpoint}");
    }

    assert!(options("a", "wrong").connect(&address).await.is_err());
    let refusal: Value = serde_json::from_slice(&next(&mut refusals).await.payload).unwrap();
    assert_eq!(refusal["reason"], "Authentication Failure");

    client.drain().await.unwrap();
    let last = loop {
        let message = next(&mut events).await;
        if suffix(&message) == "DISCONNECT" {
            break serde_json::from_slice::<Value>(&message.payload).unwrap();
        }
    };
    assert_eq!(last["client"]["name"], "billing");
    assert_eq!(last["reason"], "Client Closed");
}

#[tokio::test]
async fn the_system_account_hears_the_server_stop() {
    let nats = MockNats::start().await.unwrap();
    let ops = async_nats::connect(nats.system_url()).await.unwrap();
    let mut last_words = ops.subscribe("$SYS.SERVER.*.SHUTDOWN").await.unwrap();
    round_trip(&ops).await;
    nats.stop();
    let message = next(&mut last_words).await;
    assert_eq!(
        message.subject.as_str(),
        format!("$SYS.SERVER.{}.SHUTDOWN", nats.server_id())
    );
}
