//! Connections that are encrypted.

use std::path::PathBuf;

use async_nats::{ConnectOptions, Event};
use nats_mock::{MockNats, SelfSigned};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::client::{next, round_trip, until};
use crate::support::soon;

/// Certificates on disk, where the client looks for them.
struct Files(TempDir);

impl Files {
    fn of(authority: &SelfSigned) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("ca.pem", authority.ca_pem());
        files
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn options(&self) -> ConnectOptions {
        ConnectOptions::new().add_root_certificates(self.0.path().join("ca.pem"))
    }

    fn options_as(&self, authority: &SelfSigned, name: &str) -> ConnectOptions {
        let client = authority.client(name).unwrap();
        let certificate = self.write("client.pem", &client.certificate_pem);
        let key = self.write("client-key.pem", &client.key_pem);
        self.options().add_client_certificate(certificate, key)
    }
}

async fn connections(nats: &MockNats) -> Vec<Value> {
    let mut ops = nats.client("admin").unwrap();
    let subject = "$SYS.REQ.SERVER.PING.CONNZ";
    let mut answers = ops.request(subject, r#"{"auth":true}"#).unwrap();
    let answer = answers.try_next().unwrap();
    let answer: Value = serde_json::from_str(&answer.text()).unwrap();
    answer["data"]["connections"].as_array().unwrap().clone()
}

#[tokio::test]
async fn messages_of_any_size_pass() {
    let authority = SelfSigned::new().unwrap();
    let files = Files::of(&authority);
    let nats = MockNats::builder().tls(&authority).start().await.unwrap();
    let client = files.options().connect(nats.url_for("a")).await.unwrap();
    round_trip(&client).await;

    let mut inbox = client.subscribe("big").await.unwrap();
    for length in [0, 1, 16_383, 16_384, 16_385, 700_000, 1_048_576] {
        let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        client.publish("big", payload.clone().into()).await.unwrap();
        assert!(next(&mut inbox).await.payload == payload, "{length}");
    }
    // More than a socket takes at once, so that what is encrypted has to wait.
    let payload = vec![7; 1_000_000];
    for _ in 0..30 {
        client.publish("big", payload.clone().into()).await.unwrap();
    }
    for _ in 0..30 {
        assert_eq!(next(&mut inbox).await.payload.len(), payload.len());
    }

    let of_client = &connections(&nats).await[0];
    assert_eq!(of_client["tls_version"], "1.3");
    assert_eq!(of_client["tls_cipher_suite"], "TLS_AES_128_GCM_SHA256");
}

#[tokio::test]
async fn strangers_are_not_trusted_on_either_side() {
    let (authority, stranger) = (SelfSigned::new().unwrap(), SelfSigned::new().unwrap());
    let files = Files::of(&authority);
    let tls = authority.verifying_server();
    let nats = MockNats::builder().tls(tls).start().await.unwrap();
    let url = nats.url_for("a");
    let of_stranger = Files::of(&stranger);
    assert!(
        soon("a refusal", of_stranger.options().connect(&url))
            .await
            .is_err()
    );
    assert!(
        soon("a refusal", files.options().connect(&url))
            .await
            .is_err()
    );
    let options = files.options_as(&stranger, "app");
    assert!(soon("a refusal", options.connect(&url)).await.is_err());
    let options = files.options_as(&authority, "app");
    round_trip(&options.connect(&url).await.unwrap()).await;
}

#[tokio::test]
async fn a_certificate_is_a_user() {
    let authority = SelfSigned::new().unwrap();
    let files = Files::of(&authority);
    let mut tls = authority.verifying_server();
    tls.map = true;
    let nats = MockNats::builder()
        .tls(tls)
        .account("ORDERS", [("CN=shop", "")])
        .system_account("SYS", [("admin", "x")])
        .start()
        .await
        .unwrap();
    let options = files.options_as(&authority, "shop");
    let client = options.connect(nats.url()).await.unwrap();
    round_trip(&client).await;
    let options = files.options_as(&authority, "thief");
    assert!(
        soon("a refusal", options.connect(nats.url()))
            .await
            .is_err()
    );

    let shown = connections(&nats).await;
    let of_client = shown
        .iter()
        .find(|shown| shown["authorized_user"] == "CN=shop")
        .unwrap();
    assert_eq!(of_client["account"], "ORDERS");
    assert_eq!(of_client["tls_peer_certs"][0]["subject"], "CN=shop");
}

#[tokio::test]
async fn the_handshake_may_come_first() {
    let authority = SelfSigned::new().unwrap();
    let files = Files::of(&authority);
    let mut tls = authority.server();
    tls.handshake_first = true;
    let nats = MockNats::builder().tls(tls).start().await.unwrap();
    let options = files.options().tls_first();
    let client = options.connect(nats.url_for("a")).await.unwrap();
    round_trip(&client).await;
    assert_eq!(connections(&nats).await[0]["tls_first"], true);
}

#[tokio::test]
async fn the_end_is_heard_and_keys_are_not_shown() {
    let authority = SelfSigned::new().unwrap();
    let files = Files::of(&authority);
    let builder = MockNats::builder().tls(&authority);
    let client = authority.client("app").unwrap();
    for shown in [
        format!("{builder:?}"),
        format!("{authority:?}"),
        format!("{client:?}"),
    ] {
        assert!(!shown.contains("PRIVATE KEY"), "{shown}");
        let key: String = client.key_pem.lines().skip(1).take(1).collect();
        assert!(!shown.contains(&key), "{shown}");
    }
    let nats = builder.start().await.unwrap();
    let (sender, mut events) = mpsc::unbounded_channel();
    let options = files.options().event_callback(move |event| {
        let _ = sender.send(event);
        std::future::ready(())
    });
    let client = options.connect(nats.url_for("a")).await.unwrap();
    round_trip(&client).await;
    nats.shutdown().await.unwrap();
    until(&mut events, |event| *event == Event::Disconnected).await;
}
